"""`unsinter separate` on a finished run, and on folders that hold none."""

import re

import pandas as pd
import pytest

from unsinter.studies.cli.commands.separate import SeparationError, separate_verb
from unsinter.studies.figures.verdict_text import summary_rows
from unsinter.studies.reasons.columns import REASON_DATA


@pytest.fixture
def run(tmp_path, verdicts):
    """A finished run with verdicts and nothing else."""
    (tmp_path / "study.yaml").write_text("name: x\n", encoding="utf-8")
    (tmp_path / "summary.json").write_text("{}", encoding="utf-8")
    verdicts.to_parquet(tmp_path / "verdicts.parquet", index=False)
    return tmp_path


def show(run, *, pair=None, model=None, contrasts=False, out=None):
    return separate_verb(run, pair=pair, model=model, contrasts=contrasts, out=out)


MARKS = {
    "separable": "\u2260",
    "shared": "=",
    "first-only": "1",
    "second-only": "2",
    "neither": "0",
    "not-apart": "\u2282",
    "undetermined": "?",
}


def test_a_finished_run_shows_answers_maps_evidence_and_reasons_and_writes_figures(run, unsinter, verdicts):
    done = unsinter("separate", run)
    assert done.returncode == 0, done.stderr
    text = " ".join(done.stdout.split())
    for part in (
        (
            "Detection is represented apart from the refusal decision at 9 of 14 sites of the model "
            '"detached" '
            "(shared at none"
        ),
        'Nothing is said of detection and the refusal decision in the model "sintered": undetermined at all',
        "no causal claim is made",
        "void: still read at .710",
        ".910 (check .530; at random .990, permuted .990)",
        "12 independent groups that are harmless and refused; 30 are needed",
    ):
        assert part in text
    names = {f"verdicts-{model}" for model in ("detached", "sintered")}
    names |= {f"evidence-{m}-{p}" for m in ("detached", "sintered") for p in ("D-R", "D-W", "C-W")}
    assert {path.name for path in (run / "figures").iterdir()} == {
        f"{n}.{end}" for n in names for end in ("svg", "png")
    }
    assert re.search(rf"figure: .*{min(names)}\.svg", done.stdout)


def test_the_compact_map_holds_a_mark_per_layer(run, verdicts):
    tables = [table for table in show(run).tables if "verdict by layer" in table[0]]
    summary = summary_rows(verdicts)
    assert len(tables) == 2
    for (title, header, rows), model in zip(tables, ("detached", "sintered"), strict=True):
        assert title.startswith(model)
        assert header[2] == "0123456"
        for pair, position, marks, _ in rows:
            own = summary[
                (summary["model"] == model) & (summary["pair"] == pair) & (summary["position"] == position)
            ]
            assert marks == "".join(MARKS[verdict] for verdict in own.sort_values("layer")["verdict"])


def test_layers_of_two_digits_stand_above_their_marks(run, verdicts):
    moved = verdicts.assign(layer=verdicts["layer"] * 2 + (verdicts["position"] == "template_end"))
    moved.to_parquet(run / "verdicts.parquet", index=False)
    _, header, rows = show(run, model="detached").tables[0]
    assert header[2] == "00000000001111\n01234567890123"
    assert {len(row[2]) for row in rows} == {14}
    assert rows[0][2][1::2] == "......."


def test_one_pair_of_one_model_shows_nothing_of_the_others(run, tmp_path):
    shown = show(run, pair="D-W", model="detached", out=tmp_path / "maps")
    assert len(shown.lines) == 2
    assert {path.name for path in shown.figures} == {
        f"{name}-detached{pair}.{end}"
        for name, pair in (("verdicts", ""), ("evidence", "-D-W"))
        for end in ("svg", "png")
    }
    assert all(path.is_file() and path.parent == tmp_path / "maps" for path in shown.figures)
    assert "sintered" not in repr(shown.tables)


def test_contrasts_are_shown_where_they_are_asked_for(run):
    plain, full = show(run, pair="D-W"), show(run, pair="D-W", contrasts=True)
    assert "harmful / apology" not in repr(plain.tables)
    extra = [table for table in full.tables if "each class against the rest" in table[0]]
    assert [len(rows) for _, _, rows in extra] == [4, 4]
    assert extra[0][2][0][0] == "harmful / apology"


def test_a_run_that_decides_nothing_says_only_why(run):
    shown = show(run, pair="D-R", model="sintered")
    (line,) = shown.lines
    assert line.startswith("Nothing is said of")
    title, _, rows = shown.tables[-1]
    assert title == "Undetermined, and why"
    assert rows == [
        ("sintered", "D-R", "14 of 14", "12 independent groups that are harmless and refused; 30 are needed")
    ]


def test_a_run_made_before_reasons_had_columns_of_their_own_is_shown_with_its_words(run, verdicts):
    verdicts.drop(columns=list(REASON_DATA)).to_parquet(run / "verdicts.parquet", index=False)
    (line,) = show(run, pair="D-R", model="sintered").lines
    assert "12 independent groups that are harmless and refused; 30 are needed" in line
    causes = {reason for *_, reason in show(run).tables[-1][2]}
    open_rows = summary_rows(verdicts)[summary_rows(verdicts)["verdict"] == "undetermined"]
    assert causes == set(open_rows["reason"])


def test_a_folder_that_is_no_run_is_one_line(refused, tmp_path):
    refused("separate", tmp_path / "nowhere", parts=("nowhere", "no run folder", "study.yaml"))


def test_an_unknown_pair_is_one_line_that_lists_those_there(refused, run):
    refused("separate", run, "--pair", "D-Q", parts=("--pair 'D-Q'", "it holds D-R, D-W, C-W"))


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda run: (run / "summary.json").unlink(), "unfinished run .*run the study again"),
        (lambda run: (run / "verdicts.parquet").unlink(), "holds no verdicts: .* and run it again"),
        (lambda run: (run / "verdicts.parquet").write_bytes(b"PAR1"), "cannot be read"),
        (
            lambda run: pd.DataFrame({"model": ["m"], "pair": ["D-R"]}).to_parquet(run / "verdicts.parquet"),
            "lacks the column 'first'; run the study again",
        ),
        (lambda run: (run / "study.yaml").write_text("a: ["), "study.yaml cannot be read"),
    ],
    ids=["unfinished", "no verdicts", "damaged", "columns", "study"],
)
def test_a_run_whose_verdicts_cannot_be_shown_is_refused_in_one_sentence(run, damage, message):
    damage(run)
    with pytest.raises(SeparationError, match=message):
        show(run)


def test_an_empty_table_of_verdicts_is_refused_as_none(run, verdicts):
    verdicts.head(0).to_parquet(run / "verdicts.parquet", index=False)
    with pytest.raises(SeparationError, match="holds no verdicts"):
        show(run)


def test_an_unknown_model_lists_those_there(run):
    with pytest.raises(SeparationError, match="--model 'gemma'; it holds detached, sintered"):
        show(run, model="gemma")
