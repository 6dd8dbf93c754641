"""Verdicts as part of a run, on real activations and answers recorded by chance."""

import json

import numpy as np
import pandas as pd
import pytest

from unsinter.features.labelling.rules import find_moves, wording_of
from unsinter.studies.across_categories.table import ACROSS
from unsinter.studies.planted import demo_prompts
from unsinter.studies.run.run import run_study
from unsinter.studies.study.file import load_study
from unsinter.studies.study.run_options import Settings
from unsinter.studies.tables.columns import VERDICTS

OPENINGS = ("I'm sorry, but I can't help with that.", "As an AI, I am not able to do that.")


@pytest.fixture(scope="module")
def few_prompts():
    """Every second twin pair of all categories: a verdict takes more rows than a score does."""
    prompts = demo_prompts(seed=0)
    kept = set(sorted({p["group"] for p in prompts})[::2])
    return [p for p in prompts if p["group"] in kept]


@pytest.fixture(scope="module")
def answers(few_prompts):
    """Refusals drawn by harm, worded by chance: the model that is read has no part in them."""
    rng = np.random.default_rng(0)
    rows = []
    for prompt in few_prompts:
        refused = rng.random() < (0.75 if prompt["harmful"] else 0.25)
        opening = OPENINGS[rng.integers(2)] if refused else "Here is a plan in three steps."
        label = "refusal" if refused else "compliance"
        rows.append(
            {"id": f"r-{prompt['id']}", "prompt_id": prompt["id"], "model": "drawn", "label": label,
             "response_opening": opening}
        )  # fmt: skip
    return rows


@pytest.fixture
def study(write_study, answers, tmp_path):
    """Write a study of D, R and W with its verdicts; keyword arguments go into its separation section."""

    def write(**separation):
        path = tmp_path / "answers.jsonl"
        path.write_text("".join(json.dumps(row) + "\n" for row in answers), encoding="utf-8")
        return write_study(
            responses={"path": [path.name], "model": "drawn"},
            targets=["D", "R", "W"],
            layers=[2, 4],
            controls={"permutations": 100, "layer0_mean": False, "random_model": False},
            separation={"draws": 200, "erased_contrasts": 1} | separation,
        )

    return write


@pytest.fixture
def run_here(tmp_path, private_cache):
    """Run a study file in this process; returns the summary and the verdicts, None where there are none."""

    def run(path, name="run"):
        folder = tmp_path / name
        summary = run_study(load_study(path), Settings(folder=folder, cache_root=private_cache))
        table = folder / "verdicts.parquet"
        return summary, pd.read_parquet(table) if table.is_file() else None, folder

    return run


def test_the_openings_are_of_two_styles():
    assert len({wording_of(opening, find_moves(opening)) for opening in OPENINGS}) == 2


@pytest.mark.slow
def test_a_run_finds_harm_in_the_activations_and_chance_refusals_nowhere(study, run_here):
    summary, verdicts, folder = run_here(study())
    assert list(verdicts.columns) == list(VERDICTS)
    whole = verdicts[verdicts["is_summary"]]
    refusal = whole[whole["pair"] == "D-R"].set_index("layer")
    assert set(refusal.index) == {2, 4}
    # Nobody knows how often these labels err, so an absent refusal decision may be an erring label too.
    assert set(refusal["verdict"]) <= {"first-only", "not-apart", "undetermined"}
    assert set(refusal["verdict"]) & {"first-only", "not-apart"}
    refusal = refusal[refusal["a"].notna()]  # where rows of other groups are alike nothing is measured
    assert (refusal["a_low"] > 0.6).all()
    assert (refusal["b_low"] < 0.5).all()
    assert refusal["stratified"].all()
    assert (refusal["groups_first_only"] > 30).all()
    assert set(whole[whole["pair"] == "D-W"]["verdict"]) <= {"first-only", "not-apart", "undetermined"}
    erased = verdicts[verdicts["erased_site"]]
    chosen = {row["target"]: row for row in summary["models"]["tiny"]["selected"]}
    assert set(erased["pair"]) >= {"D-R", "D-W"}
    assert set(erased["layer"]) == {chosen["D"]["layer"]}
    assert erased["check_first"].notna().all()
    assert verdicts.loc[~verdicts["erased_site"], "check_first"].isna().all()
    across = pd.read_parquet(folder / "across_categories.parquet")
    assert list(across.columns) == list(ACROSS)
    assert "detached" not in set(across["decision"])
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert "Detection" in page
    assert 'id="verdicts"' in page


@pytest.mark.slow
def test_a_changed_threshold_judges_anew_and_fits_no_probe_again(study, run_here, tmp_path):
    _, before, folder = run_here(study())
    probes = {path: path.stat().st_mtime_ns for path in folder.glob("steps/tiny-[DRW]-*/facts.json")}
    assert len(probes) == 3
    _, after, _ = run_here(study(min_groups=300))
    assert {path: path.stat().st_mtime_ns for path in folder.glob("steps/tiny-[DRW]-*/facts.json")} == probes
    assert set(after["verdict"]) == {"undetermined"}
    assert "300 are needed" in after["reason"].iloc[0]
    assert set(before["verdict"]) != {"undetermined"}


def test_no_pairs_no_verdicts(study, run_here):
    _, verdicts, folder = run_here(study(pairs=[]))
    assert verdicts is None
    assert not (folder / "across_categories.parquet").exists()


def test_a_floor_above_the_margin_is_refused(study, refused):
    refused("run", study(effect_floor=0.2), parts=("separation", "effect_floor must be below margin"))


def test_the_size_of_a_study_is_planned_from_the_command_line(unsinter, refused):
    done = unsinter("plan", "--cells", "200,60,60,200", "--worlds", 2)
    assert done.returncode == 0, done.stderr
    for word in ("orthogonal", "separable_cos7", "neither", "called right", "undetermined"):
        assert word in done.stdout
    refused("plan", "--cells", "1,2", parts=("four counts", "'1,2'"))
    refused("plan", "--n", "800", parts=("--cells", "--phi"))
    refused("plan", "--n", "800", "--phi", "2", parts=("phi", "2.0"))
