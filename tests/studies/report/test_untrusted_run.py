"""A run folder from anywhere: its names lead nowhere, its signs are shown, and no figure undoes a page."""

import json
import logging
import shutil

import pandas as pd
import pytest
import typer
import yaml
from typer.testing import CliRunner

from unsinter.cache.inventory import Inventory, files_below
from unsinter.studies.cli import terminal as screen
from unsinter.studies.cli.app import app
from unsinter.studies.cli.commands import transfer as transfer_verb
from unsinter.studies.cli.commands.separate import SeparationError, separate_verb
from unsinter.studies.cli.commands.transfer import TransferError
from unsinter.studies.cli.terminal import shown
from unsinter.studies.export.probe_facts import ProbeChoice, read_facts
from unsinter.studies.figures.transfer_matrix import transfer_maps
from unsinter.studies.report import ReportError, write_page, write_report
from unsinter.studies.report.evidence.run_data import read_evidence
from unsinter.studies.report.sections import layer_sections
from unsinter.studies.report.sections.figures import as_id, page_figure
from unsinter.studies.study.file import StudyError
from unsinter.studies.tables.transfer_columns import CROSS_MODEL, HELD_OUT, TRANSFER, with_target

BAD = [
    *("../../../x", "/etc/x", "a/b", "..", ".hidden", "a\\b", "a\nb", "m\n", "\x1b[2J", "x" * 300, "a\0b"),
    'm" x="',
]


@pytest.fixture
def run(full_run, tmp_path):
    copy = shutil.copytree(full_run, tmp_path / "planted")
    for table, columns in (("transfer", TRANSFER), ("held_out", HELD_OUT), ("cross_model", CROSS_MODEL)):
        rows = with_target(pd.read_parquet(copy / f"{table}.parquet")).reindex(columns=list(columns))
        rows.to_parquet(copy / f"{table}.parquet", index=False)
    return copy


def put(run, table, column, value):
    frame = pd.read_parquet(run / f"{table}.parquet")
    frame[column] = value
    frame.to_parquet(run / f"{table}.parquet", index=False)


def separate(run):
    return separate_verb(run, pair=None, model=None, contrasts=False, out=None)


def transfer(run):
    return transfer_verb.transfer_verb(run, kind=None, out=None, order="given")


def export(run):
    return read_facts(run, ProbeChoice(target="D", model="detached"))


READERS = [
    ("results", "model", ReportError, write_report),
    ("results", "model", StudyError, export),
    ("results", "position", StudyError, export),
    ("results", "family", StudyError, export),
    ("results", "model", SeparationError, separate),
    ("transfer", "model", TransferError, transfer),
    ("transfer", "kind", TransferError, transfer),
    ("verdicts", "model", SeparationError, separate),
    ("verdicts", "pair", SeparationError, separate),
]


@pytest.mark.parametrize("column", ["target", "layer", "score", "metric"])
def test_an_export_from_a_table_that_lacks_a_column_is_one_sentence(run, column):
    frame = pd.read_parquet(run / "results.parquet").drop(columns=column)
    frame.to_parquet(run / "results.parquet", index=False)
    Inventory.of(run, files_below(run)).write()
    with pytest.raises(StudyError, match=rf"results\.parquet lacks the column '{column}'"):
        export(run)


@pytest.mark.parametrize("name", ["study", "split_digest", "seed", "versions", "identity"])
def test_an_export_from_a_summary_that_lacks_what_a_card_says_is_one_sentence(run, name):
    summary = json.loads((run / "summary.json").read_text(encoding="utf-8"))
    for part in (summary, *summary["models"].values()):
        part.pop(name, None)
    (run / "summary.json").write_text(json.dumps(summary), encoding="utf-8")
    Inventory.of(run, files_below(run)).write()
    with pytest.raises(StudyError, match=rf"summary\.json lacks (models\.detached\.)?{name}"):
        export(run)


@pytest.mark.parametrize("bad", BAD)
def test_a_name_that_leads_out_of_the_run_is_refused_where_it_is_read_also_under_a_good_seal(run, bad):
    for table, column, error, read in READERS:
        path = run / f"{table}.parquet"
        whole = path.read_bytes()
        put(run, table, column, bad)
        Inventory.of(run, files_below(run)).write()
        with pytest.raises(
            error, match=rf"{table}\.parquet, {column}: .*cannot be part of a file's name"
        ) as refusal:
            read(run)
        assert str(refusal.value).isprintable()
        path.write_bytes(whole)
    assert [path.name for path in run.parent.iterdir()] == [run.name]


def test_a_run_without_digests_is_checked_for_names_all_the_same(run):
    put(run, "transfer", "model", "../../../x")
    with pytest.raises(TransferError, match="cannot be part of a file's name"):
        transfer(run)


@pytest.mark.parametrize("bad", ["../../../x", "\x1b[2J"])
def test_a_model_whose_name_leads_out_is_refused_in_summary_and_study_too(run, bad):
    summary = json.loads((run / "summary.json").read_text(encoding="utf-8"))
    models = {bad: summary["models"]["detached"]}
    (run / "summary.json").write_text(json.dumps(summary | {"models": models}), encoding="utf-8")
    with pytest.raises(ReportError, match=r"summary\.json, models: .* cannot be part of a file's name"):
        write_report(run)
    (run / "summary.json").write_text(json.dumps(summary), encoding="utf-8")
    study = yaml.safe_load((run / "study.yaml").read_text(encoding="utf-8"))
    study["models"][0]["name"] = bad
    (run / "study.yaml").write_text(yaml.safe_dump(study), encoding="utf-8")
    with pytest.raises(ReportError, match=r"study\.yaml, models: .* cannot be part of a file's name"):
        write_report(run)


@pytest.mark.parametrize("name", ['x" onload="alert(1)', "<script>", "a b", "\\1\\g<1>", "é"])
def test_a_name_becomes_a_plain_part_of_an_id(name):
    assert as_id(name).replace("_", "").replace("-", "").isalnum()
    assert as_id(name).isascii()
    svg = str(page_figure(transfer_maps(_matrix()), name=name, alt=name).svg)
    assert "onload=" not in svg.partition(">")[2]
    assert f'id="{as_id(name)}-' in svg


def test_different_names_have_different_ids():
    names = ["a b", "a_b", "a_20_b", "a-b", "ab", 'a"b']
    assert len({as_id(name) for name in names}) == len(names)


def _matrix():
    return pd.DataFrame(
        [
            {"model": "m", "kind": "category", "reader": "probe", "layer": 3, "position": "p",
             "selected": True, "trained_on": a, "tested_on": b, "auroc": 0.8,
             "low": 0.7, "high": 0.9, "normalised": 0.8,
             "gain": 0.1, "gain_low": 0.05, "gain_high": 0.2}
            for a in ("x", "y") for b in ("x", "y")
        ]
    )  # fmt: skip


def fail(*_, **__):
    raise RuntimeError("no\nroom for <b>")


def test_a_figure_that_fails_is_a_line_of_the_report_and_everything_else_stands(run, monkeypatch):
    whole = write_report(run).read_text(encoding="utf-8")
    monkeypatch.setattr(layer_sections, "layer_panel", fail)
    not_drawn = write_page(read_evidence(run))
    page = (run / "report.html").read_text(encoding="utf-8")
    assert not_drawn
    assert set(not_drawn.values()) == {"RuntimeError: no room for <b>"}
    assert page.count("This figure could not be drawn (RuntimeError: no room for &lt;b&gt;)") == len(
        not_drawn
    )
    assert page.count("<svg viewBox") == whole.count("<svg viewBox") - len(not_drawn)
    assert page.count("<h2>") == whole.count("<h2>")


def test_the_verbs_show_everything_else_and_end_with_exit_code_1(run, monkeypatch):
    monkeypatch.setattr(layer_sections, "layer_panel", fail)
    monkeypatch.setattr(transfer_verb, "transfer_maps", fail)
    done = CliRunner().invoke(app, ["report", str(run)])
    assert done.exit_code == 1
    assert f"Report: {run / 'report.html'}" in done.stdout
    done = CliRunner().invoke(app, ["transfer", str(run)])
    assert done.exit_code == 1
    assert "trained on" in done.stdout


TURNS = [*map(chr, range(0x2028, 0x202F)), *map(chr, range(0x2066, 0x206A))]
"""Ends of lines and paragraphs, and signs that turn the direction of writing."""


def test_signs_that_a_terminal_acts_on_are_shown_and_not_sent(capsys, monkeypatch):
    for sign in [*map(chr, range(0x20)), *map(chr, range(0x7F, 0xA0)), *"\u061c\u200e\u200f", *TURNS]:
        text = shown(f"a{sign}b")
        assert text == f"a{sign}b" if sign in "\t\n" else text.isprintable()
    assert shown("\x1b]0;title\x07\x9b2J") == "\\x1b]0;title\\x07\\x9b2J"
    assert shown("naïve 日本語 עברית 🙂") == "naïve 日本語 עברית 🙂"
    monkeypatch.setattr(screen, "console", type(screen.console)(width=200))
    screen.show_line("line \x1b[2J")
    screen.show_table("title \x1b[2J", ["head \x1b[2J"], [["cell \x1b[2J"]])
    logging.getLogger("unsinter.studies").warning("warning of %s", "\x1b[2J")
    with pytest.raises(typer.Exit):
        screen.end_without({"figure \x1b[2J": "why \x1b[2J"})
    out, err = capsys.readouterr()
    assert "\x1b" not in out + err
    assert out.count("\\x1b[2J") == 4
    assert err.count("\\x1b[2J") == 3
