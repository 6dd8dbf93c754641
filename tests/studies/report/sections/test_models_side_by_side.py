"""The section that sets models beside each other: differences with intervals, floors, and verdicts."""

from dataclasses import replace

import pandas as pd

from unsinter.studies.report.evidence.run_data import read_evidence
from unsinter.studies.report.sections.model_pair_sections import difference_blocks


def grids(run):
    return {block.title: block for block in difference_blocks(read_evidence(run))}


def cells(row):
    return [getattr(cell, "text", cell) for cell in row]


def test_each_target_has_one_row_with_both_scores_their_floors_and_the_paired_difference(full_run):
    rows = [cells(row) for row in grids(full_run)["Models side by side"].rows]
    assert [row[0] for row in rows] == ["D", "W"]
    assert rows[1][1:3] == ["detached, layer 5", "sintered, layer 6"]
    results = pd.read_parquet(full_run / "results.parquet").query("selected and target == 'W'")
    for score, model, cell in zip((".988", ".744"), ("detached", "sintered"), rows[1][3:5], strict=True):
        own = results.set_index("model").loc[model]
        has_task = pd.notna(own["control"])
        control = own["control"] if has_task else own["shuffled"]
        name = "control task" if has_task else "shuffled labels"
        assert cell == f"{score} ({own['floor']:.3f} {own['floor_name']}, {control:.3f} {name})".replace(
            "0.", "."
        )
    assert rows[1][5] == "\u2212.244 [\u2212.304, \u2212.184]"
    assert rows[1][6] == "84"


def test_an_interval_that_holds_zero_is_said_to_show_no_difference(full_run):
    row = next(row for row in grids(full_run)["Models side by side"].rows if row[0] == "D")
    assert row[5].text == "+.002 [\u2212.002, +.006], none is shown"
    assert row[5].tone == "quiet"


def test_a_score_without_floor_or_control_is_not_shown(full_run):
    evidence = read_evidence(full_run)
    bare = evidence["results"].assign(floor=float("nan"))
    torn = replace(evidence, tables={**evidence.tables, "results": bare})
    for row in next(iter(difference_blocks(torn))).rows:
        assert cells(row)[3:6] == ["not shown: no floor or control"] * 2 + ["\u2013"]


def test_verdicts_of_a_pair_are_counted_per_model_where_models_differ(full_run):
    grid = grids(full_run)["Verdicts side by side"]
    verdicts = pd.read_parquet(full_run / "verdicts.parquet")
    for row in map(cells, grid.rows):
        own = verdicts[(verdicts["pair"] == row[0]) & (verdicts["model"] == row[1])]["verdict"]
        assert row[2] == ", ".join(f"{name} {n:,}" for name, n in own.value_counts(sort=True).items())
    assert {row[1] for row in grid.rows} == {"detached", "sintered"}


def test_one_model_has_no_such_section(bare_run):
    assert difference_blocks(read_evidence(bare_run)) == []
