"""What the figures of verdicts draw, held against the table they were drawn from."""

import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex
from matplotlib.patches import Rectangle

from unsinter.studies.figures.verdict_text import LOOKS, STATISTICS, Thresholds, summary_rows
from unsinter.studies.figures.verdicts import evidence_curves, evidence_panel, verdict_maps, verdict_panel

MEANT = {
    "\u2260": "separable",
    "=": "shared",
    "1": "first-only",
    "2": "second-only",
    "0": "neither",
    "\u2282": "not-apart",
    "?": "undetermined",
}


@pytest.fixture
def part(verdicts):
    def pick(model, pair, position=None):
        rows = summary_rows(verdicts)
        rows = rows[(rows["model"] == model) & (rows["pair"] == pair)]
        return rows if position is None else rows[rows["position"] == position]

    return pick


def drawn(axis):
    """(layer, position) -> (verdict read from the mark, colour of the cell)."""
    layers = [int(label.get_text()) for label in axis.get_yticklabels()]
    positions = [label.get_text() for label in axis.get_xticklabels()]
    boxes = {
        (round(box.get_x() + box.get_width() / 2), round(box.get_y() + box.get_height() / 2)): box
        for box in axis.patches
        if isinstance(box, Rectangle) and box.get_width() < 1
    }
    cells = {}
    for text in axis.texts:
        x, y = text.get_position()
        box = boxes[x, y]
        colour = "none" if box.get_facecolor()[3] == 0 else to_hex(box.get_facecolor())
        cells[layers[y], positions[x]] = (text.get_text(), colour)
    return cells


@pytest.mark.parametrize(
    "pair", [("detached", "D-W"), ("sintered", "D-R"), ("sintered", "D-W"), ("sintered", "C-W")]
)
def test_each_cell_of_a_map_shows_the_verdict_of_its_site_by_mark_name_and_colour(part, pair):
    rows = part(*pair)
    cells = drawn(verdict_panel(rows, chosen=(5, "template_end")).axes[0])
    assert len(cells) == len(rows) == 14
    for row in rows.itertuples():
        text, colour = cells[row.layer, row.position]
        assert MEANT[text[0]] == row.verdict
        assert colour == ("none" if row.verdict == "undetermined" else LOOKS[row.verdict].colour)
        assert text == "?" or text.split()[1] == row.verdict


def test_marks_and_colours_of_verdicts_are_all_different():
    assert {look.mark: name for name, look in LOOKS.items()} == MEANT
    assert len({look.colour for look in LOOKS.values()}) == len(LOOKS)


def test_the_chosen_site_is_outlined_and_no_other(part):
    (axis,) = verdict_panel(part("detached", "D-R"), chosen=(5, "template_end")).axes
    (outline,) = [box for box in axis.patches if box.get_width() == 1]
    assert (outline.get_x() + 0.5, outline.get_y() + 0.5) == (1, 5)
    (axis,) = verdict_panel(part("detached", "D-R"), chosen=(99, "template_end")).axes
    assert not [box for box in axis.patches if box.get_width() == 1]


def test_many_positions_show_marks_alone_and_sites_that_were_not_judged_stay_empty(part):
    rows = part("detached", "D-W", "template_end")
    many = [rows.assign(position=f"template_{i}") for i in range(6)]
    table = pd.concat([*many, rows.head(2)])
    cells = drawn(verdict_panel(table).axes[0])
    assert {len(text) for text, _ in cells.values()} == {1}
    assert len(cells) == 6 * 7 + 2


def test_all_pairs_of_a_model_stand_in_one_file_with_the_marks_explained(part):
    parts = [(pair, part("sintered", pair), (5, "template_end")) for pair in ("D-R", "D-W", "C-W")]
    figure = verdict_maps(parts)
    assert [axis.get_title(loc="left") for axis in figure.axes] == ["D-R", "D-W", "C-W"]
    legend = figure.get_supxlabel()
    assert all(f"{LOOKS[name].mark} {name}" in legend for name in ("shared", "undetermined", "first-only"))
    assert "separable" not in legend


def test_the_evidence_draws_every_statistic_its_band_and_the_lines_of_the_rule(part):
    rows = part("detached", "D-W", "instruction_end").sort_values("layer")
    (axis,) = evidence_panel(rows, Thresholds(effect_floor=0.12, margin=0.2), title="x").axes
    curves = [line.get_xydata() for line in axis.lines]
    bands = [band.get_paths()[0].vertices for band in axis.collections]
    for name in STATISTICS:
        assert any(np.array_equal(rows[["layer", name]].to_numpy(dtype=float), curve) for curve in curves), (
            name
        )
        for end in ("low", "high"):
            points = {tuple(point) for point in rows[["layer", f"{name}_{end}"]].to_numpy(dtype=float)}
            assert any(points <= {tuple(point) for point in band} for band in bands), (name, end)
    flat = {line.get_ydata()[0] for line in axis.lines if list(line.get_xdata()) == [0, 1]}
    assert flat == {0.5, 0.62}
    (grey,) = axis.patches
    assert (grey.get_y(), grey.get_y() + grey.get_height()) == (0.3, 0.7)


def test_sites_without_statistics_leave_a_gap_or_say_so(part):
    rows = part("sintered", "D-R", "template_end")
    (axis,) = evidence_panel(rows, Thresholds(), title="x").axes
    assert [text.get_text() for text in axis.texts] == ["no statistics here"]
    one = part("detached", "D-R", "template_end").copy()
    one.loc[one["layer"] == 3, "a"] = np.nan
    (axis,) = evidence_panel(one, Thresholds(), title="x").axes
    assert not axis.texts
    assert 3 not in axis.lines[2].get_xdata()


def test_a_file_of_evidence_has_a_panel_per_position_on_one_scale(part):
    figure = evidence_curves(part("detached", "D-R"), Thresholds(), title="detached: D-R")
    assert [axis.get_title(loc="left") for axis in figure.axes] == ["instruction_end", "template_end"]
    assert len({axis.get_ylim() for axis in figure.axes}) == 1
    (legend,) = figure.legends
    assert len(legend.get_texts()) == 6
