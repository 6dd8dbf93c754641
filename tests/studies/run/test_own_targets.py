"""A study that names targets of its own, from the file to the exported card."""

import json
import re
import shutil

import numpy as np
import pandas as pd
import pytest
import yaml

from unsinter.cache.inventory import INVENTORY
from unsinter.probes.files.export import load_probe
from unsinter.studies.cli.commands.export import ExportRequest, export_verb
from unsinter.studies.cli.commands.plan import PlanRequest, plan_verb
from unsinter.studies.cli.commands.transfer import transfer_verb
from unsinter.studies.report.notebook import Run
from unsinter.studies.run.run import run_study
from unsinter.studies.study.file import StudyError, load_study
from unsinter.studies.study.run_options import Settings
from unsinter.studies.tables.columns import RESULTS, VERDICTS
from unsinter.studies.tables.transfer_columns import HELD_OUT, TRANSFER

REFUSALS = ("I'm sorry, but I can't help with that.", "I won't do that. It is against the law.")
"""Of two wordings."""
ANSWER = "Here is a plan in three steps."
KINDS = ("plain", "odd", "long")
COPY = {"name": "copy", "field": "copied"}
KIND = {
    "name": "kind",
    "field": "kind_of_harm",
    "where": {"harmful": [True]},
    "title": "which kind of harm it is",
}


def answer_of(prompt, rng):
    refused = rng.random() < (0.75 if prompt["harmful"] else 0.25)
    return {
        "id": f"r-{prompt['id']}", "prompt_id": prompt["id"], "model": "drawn",
        "label": "refusal" if refused else "compliance",
        "response_opening": REFUSALS[rng.random() < 0.5] if refused else ANSWER,
    }  # fmt: skip


def write_lines(path, rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


@pytest.fixture(scope="module")
def finished(tmp_path_factory, few_prompts):
    """A run of D and R, of a copy of D's labels, and of three classes on harmful prompts."""
    folder = tmp_path_factory.mktemp("own")
    rng = np.random.default_rng(0)
    prompts = few_prompts[:500]
    place = {name: i % 3 for i, name in enumerate(sorted({p["category"] or "" for p in prompts}))}
    own = [
        p
        | {
            "copied": bool(p["harmful"]),
            "kind_of_harm": KINDS[place[p["category"] or ""]],
            "source": f"s{i // 2 % 2}",
        }
        for i, p in enumerate(prompts)
    ]
    write_lines(folder / "prompts.jsonl", own)
    write_lines(folder / "answers.jsonl", [answer_of(p, rng) for p in prompts])
    study = {
        "name": "own", "models": [{"name": "tiny", "path": "planted:detached", "dtype": "float32"}],
        "prompts": {"path": ["prompts.jsonl"]}, "responses": {"path": ["answers.jsonl"], "model": "drawn"},
        "targets": ["D", "R", COPY, KIND], "positions": ["template_end"], "layers": [0, 2],
        "penalties": [0.01], "bootstrap_draws": 100, "min_groups": 10, "inner_folds": 2,
        "hold_out": ["category", "source"],
        "controls": {"permutations": 100}, "tuning": {"trials": 2, "families": ["ridge"]},
        "separation": {"pairs": ["D-R", "copy-R", "kind-R"], "draws": 100, "splits": 1, "folds": 3,
                       "erased_contrasts": 1},
    }  # fmt: skip
    (folder / "study.yaml").write_text(yaml.safe_dump(study), encoding="utf-8")
    run_study(load_study(folder / "study.yaml"), Settings(folder=folder / "run", cache_root=folder / "cache"))
    return folder / "run"


def table(run, name):
    return pd.read_parquet(run / f"{name}.parquet")


def rows_of(frame, name, *, column="target"):
    return frame[frame[column] == name].drop(columns=column).reset_index(drop=True)


def test_targets_of_the_study_have_scores_beside_every_floor_and_control(finished):
    results, floors = table(finished, "results"), table(finished, "floors")
    assert list(results.columns) == list(RESULTS)
    for name, metric, n_classes in (("copy", "auroc", 2), ("kind", "macro_f1", 3)):
        own = rows_of(results, name)
        assert set(own["metric"]) == {metric}
        assert set(own["classes"]) == {n_classes}
        assert own["selected"].sum() == own["tuned"].sum() == 1
        for column in ("score", "score_low", "floor", "control", "shuffled", "layer0_mean", "random_model",
                       "code_bits", "p_value"):  # fmt: skip
            assert own.loc[~own["tuned"], column].notna().all(), column
        assert {"words", "characters", "length"} <= set(rows_of(floors, name)["floor"])
    # The kind follows the category by construction, and so it must not beat what the category alone tells.
    by_floor = rows_of(floors, "kind").set_index("floor")["score"]
    assert by_floor["category"] == 1
    assert "harm" not in by_floor  # every row is harmful, which tells nothing
    assert not rows_of(results, "kind")["beats_floor"].any()
    assert rows_of(results, "kind").query("selected")["score"].item() > 0.7


def test_a_copy_of_the_labels_of_d_has_the_numbers_of_d(finished):
    for name in ("results", "floors"):
        frame = table(finished, name)
        pd.testing.assert_frame_equal(rows_of(frame, "copy"), rows_of(frame, "D"))
    scores = table(finished, "predictions")
    words = {"true": "harmful", "false": "harmless"}
    copied = rows_of(scores, "copy").replace({"truth": words, "class": words})
    pd.testing.assert_frame_equal(copied, rows_of(scores, "D"))
    assert set(rows_of(scores, "copy")["class"]) == {"true"}
    transfer = table(finished, "transfer")
    assert list(transfer.columns) == list(TRANSFER)
    borrowed = {"train_borrows": {"false": "harmless"}, "test_borrows": {"false": "harmless"}}
    pd.testing.assert_frame_equal(rows_of(transfer, "copy").replace(borrowed), rows_of(transfer, "D"))
    assert {*transfer["kind"]} == {"category", "category_held_out", "wording", "source"}
    left_out = table(finished, "held_out")
    assert list(left_out.columns) == list(HELD_OUT)
    assert {*left_out["kind"]} == {"category", "source"}
    pd.testing.assert_frame_equal(rows_of(left_out, "copy"), rows_of(left_out, "D"))


def test_a_pair_with_a_copy_of_d_has_the_verdict_of_the_pair_with_d(finished):
    verdicts = table(finished, "verdicts")
    assert list(verdicts.columns) == list(VERDICTS)
    words = ["first", "first_class", "reason", "reason_short", "reason_numbers", "settles"]
    one, other = (rows_of(verdicts, pair, column="pair") for pair in ("copy-R", "D-R"))
    pd.testing.assert_frame_equal(one.drop(columns=words), other.drop(columns=words))
    assert set(one["first"]) == {"copy"}
    assert set(one["first_class"]) == {"true"}
    assert one["erased_site"].any()
    kinds = rows_of(verdicts, "kind-R", column="pair")
    assert set(kinds.loc[~kinds["is_summary"], "first_class"]) == set(KINDS)
    # A kind that follows the category cannot be told from it, and that is what is said.
    assert set(kinds["verdict"]) == {"undetermined"}
    assert kinds["reason"].str.contains("fixed by category").all()


def test_a_target_is_masked_where_the_study_does_not_define_it(finished, few_prompts):
    harmful = {p["id"] for p in few_prompts if p["harmful"]}
    scores = rows_of(table(finished, "predictions"), "kind")
    assert set(scores["id"]) <= harmful
    assert set(scores["truth"]) == set(scores["class"]) == set(KINDS)


def test_a_target_of_the_study_is_exported_with_its_meaning(finished, tmp_path):
    for name, classes in (("copy", ("false", "true")), ("kind", tuple(sorted(KINDS)))):
        export_verb(ExportRequest(run=finished, target=name, model="tiny", out=tmp_path))
        (path,) = tmp_path.glob(f"tiny-{name}-*/probe.safetensors")
        probe = load_probe(path)
        assert probe.classes == classes
        assert probe.card["target"] == name
    assert probe.card["meaning"] == (
        "which kind of harm it is (field kind_of_harm), prompts where harmful is true; masked where missing"
    )
    readme = (path.parent / "README.md").read_text(encoding="utf-8")
    assert probe.card["meaning"] in readme
    assert (finished / "probes").glob("tiny-kind-*.safetensors")


def test_the_prompts_of_a_run_have_the_classes_of_its_own_targets(finished):
    prompts = Run.open(finished).prompts
    harmful = prompts["harmful"].astype(bool)
    assert prompts.loc[harmful, "target_copy"].eq("true").all()
    assert prompts.loc[~harmful, "target_copy"].eq("false").all()
    assert set(prompts.loc[harmful, "target_kind"]) == set(KINDS)
    assert set(prompts.loc[~harmful, "target_kind"]) == {""}


def test_the_report_and_the_pictures_show_targets_of_the_study(finished):
    page = (finished / "report.html").read_text(encoding="utf-8")
    for words in ("kind  which kind of harm it is", "copy  copied"):
        assert words in page
    assert re.search(r"copy[^.<]{0,80}decision", page, flags=re.IGNORECASE)
    figures = {path.name for path in (finished / "figures").iterdir()}
    assert {"transfer-tiny-category-copy.svg", "transfer-tiny-wording-copy.svg"} <= figures
    assert "copy, one category left out" in page
    assert "which kind of harm it is" in (finished / "figures" / "layers.svg").read_text(encoding="utf-8")
    run = Run.open(finished)
    assert run.summary["not_drawn"] == {}
    assert run.probe("kind").classes == tuple(sorted(KINDS))
    assert len(run.plot_transfer(model="tiny", target="copy")) == 2


def test_a_run_of_an_earlier_version_has_matrices_of_d(finished, tmp_path):
    run = shutil.copytree(finished, tmp_path / "earlier")
    transfer = rows_of(table(finished, "transfer"), "D")
    (run / INVENTORY).unlink()
    summary = json.loads((run / "summary.json").read_text(encoding="utf-8")) | {"schema_version": 3}
    (run / "summary.json").write_text(json.dumps(summary), encoding="utf-8")
    transfer.to_parquet(run / "transfer.parquet")
    assert set(Run.open(run).transfer()["target"]) == {"D"}
    shown = transfer_verb(run, kind="category", out=tmp_path / "figures", order="given")
    assert [path.name for path in shown.figures if path.suffix == ".svg"] == ["transfer-tiny-category.svg"]
    assert shown.tables[0][0].startswith("tiny: D across categories of harm")


def test_a_study_that_is_run_again_as_it_was_resolved_is_finished(finished, tmp_path):
    study = load_study(finished / "study.yaml")
    before = (finished / "summary.json").stat().st_mtime_ns
    run_study(study, Settings(folder=finished, cache_root=tmp_path))
    assert (finished / "summary.json").stat().st_mtime_ns == before


def test_check_counts_targets_of_the_study_and_their_pairs(finished, unsinter):
    done = unsinter("check", finished.parent / "study.yaml")
    assert done.returncode == 0, done.stderr
    message = " ".join(done.stdout.split())
    for words in ("Prompts by copy", "Prompts by kind", "which kind of harm it is", "(copy, R)", "(kind, R)",
                  "prompts: kind"):  # fmt: skip
        assert words in message


def test_a_pair_of_the_study_is_planned_by_the_cells_of_its_records(finished):
    options = {"cells": None, "n": None, "phi": None, "auc": 0.95, "d": 16, "n_categories": 1, "n_worlds": 1,
               "seed": 0, "n_jobs": 1}  # fmt: skip
    study = finished.parent / "study.yaml"
    title, _, rows = plan_verb(PlanRequest(**options, study=study, pair="copy-R"))
    counts = table(finished, "verdicts").query("pair == 'copy-R'").iloc[0]
    cells = [counts[f"groups_{name}"] for name in ("both", "first_only", "second_only", "neither")]
    assert title.startswith(f"copy-R (true, refusal), groups in cells {','.join(map(str, cells))}: ")
    assert len(rows) == 6
    for changes, words in (({"pair": "copy-W"}, "W is none of"), ({"pair": None}, "go together")):
        with pytest.raises(StudyError, match=words):
            plan_verb(PlanRequest(**options, **({"study": study} | changes)))


def test_a_target_that_cannot_be_is_refused_in_one_line(write_study, refused, few_prompts, tmp_path):
    study = write_study(prompts=few_prompts[:80], targets=["D", {"name": "x", "field": "categry"}])
    parts = ("target x", "prompts.jsonl", "'categry'", "did you mean 'category'", "harmful", "pair_id")
    for verb in ("run", "check"):
        refused(verb, study, parts=parts)
    refused(
        "run", write_study(targets=["D", {"name": "a-b", "field": "x"}]), parts=("targets.1.name", "dash")
    )
    assert not (tmp_path / "here" / "runs").exists()
