"""What the figures draw, held against the tables they were drawn from."""

import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from unsinter.studies.figures.layers import layer_curves, layer_panel
from unsinter.studies.figures.scores import DotRow, dot_rows, two_axes
from unsinter.studies.figures.style import CELLS, SERIES, drawing
from unsinter.studies.figures.transfer_compact import transfer_heat
from unsinter.studies.figures.tuning import tuning_history
from unsinter.studies.figures.wordings import wording_bars
from unsinter.studies.report.evidence.run_data import read_evidence
from unsinter.studies.report.sections.comparison_sections import _Matrix
from unsinter.studies.report.sections.figures import LEGIBLE, page_figure
from unsinter.studies.report.sections.layer_sections import axis_points


@pytest.fixture(scope="module")
def full(full_run):
    return read_evidence(full_run)


def lines(axis):
    return [tuple(map(tuple, np.round(line.get_xydata(), 9))) for line in axis.lines]


def test_a_layer_panel_draws_the_sweep_its_floor_and_the_chosen_site_and_no_tuned_probe(full):
    results = full.of("results", model="sintered", target="W")
    (axis,) = layer_panel(results, full.of("floors", model="sintered", target="W"), title="W").axes
    drawn = lines(axis)
    for _, rows in results[results["trial"] < 0].groupby("position"):
        curve = rows.sort_values("layer")[["layer", "score"]].to_numpy(dtype=float)
        assert tuple(map(tuple, np.round(curve, 9))) in drawn
    assert ((0.0, 0.745), (1.0, 0.745)) in drawn
    assert "best floor: category, 0.745" in axis.get_xlabel()
    ring = axis.collections[-1].get_offsets()
    assert np.allclose(ring, [[5, 0.751]])
    assert (
        len([line for line in drawn if len(line) == 7]) == 4
    )  # two positions, control task, shuffled labels


def test_an_activation_control_is_never_drawn_as_the_best_floor(full):
    floors = full.of("floors", model="detached", target="D").copy()
    floors.loc[floors["kind"] == "activation", "score"] = 0.999
    (axis,) = layer_panel(full.of("results", model="detached", target="D"), floors, title="D").axes
    assert "best floor: words, 0.946" in axis.get_xlabel()


def test_curves_of_all_models_and_targets_stand_in_one_figure(full):
    figure = layer_curves(full["results"], full["floors"])
    assert len(figure.axes) == 8
    (legend,) = figure.legends
    assert "best floor" in [text.get_text() for text in legend.get_texts()]


def test_the_two_axes_hold_both_scores_of_the_site_chosen_for_detection(full):
    points = axis_points(full, "detached")
    scores = full.of("predictions", model="detached", layer=5, position="template_end")
    assert len(points) == scores["id"].nunique()
    for target, column in (("D", "detection"), ("R", "refusal")):
        truth = scores[scores["target"] == target].set_index("id")["score"]
        assert np.allclose(points[column], truth[points.index])
    (axis,) = two_axes(points).axes
    for collection, (cell, (colour, _, _)) in zip(axis.collections, CELLS.items(), strict=True):
        part = points[(points["harm"] == cell[0]) & (points["answer"] == cell[1])]
        assert np.allclose(collection.get_offsets(), part[["detection", "refusal"]])
        assert to_hex(collection.get_facecolor()[0]) == colour


def test_dots_are_filled_only_where_the_score_stands():
    nan = float("nan")
    shared = {"low": 0.6, "high": 0.8, "floor": 0.65, "control": nan, "colour": SERIES[0]}
    rows = [
        DotRow(label="a", value=0.7, stands=True, **shared),
        DotRow(label="b", value=0.71, stands=False, **shared),
    ]
    (axis,) = dot_rows(rows, xlabel="score").axes
    faces = {
        line.get_xdata()[0]: line.get_markerfacecolor() for line in axis.lines if line.get_marker() == "o"
    }
    assert faces == {0.7: SERIES[0], 0.71: "none"}
    assert [line.get_xdata() for line in axis.lines if list(line.get_xdata()) == [0.65, 0.65]]


def test_bars_of_a_category_are_its_shares_in_the_palettes_order():
    groups = {"fraud": {"apology": 30, "policy": 10}, "theft": {"policy": 5}}
    (axis,) = wording_bars(groups, {"apology": SERIES[0], "policy": SERIES[1]}).axes
    assert [(bar.get_x(), bar.get_width()) for bar in axis.patches] == [(0, 75), (75, 25), (0, 0), (0, 100)]
    assert {text.get_text() for text in axis.texts} >= {"fraud", "40 groups", "5 groups", "75", "25", "100"}


def test_a_heat_map_writes_each_cell_and_leaves_unproven_differences_without_colour():
    rows = [("a", "a", 0.2, 0.1, 0.3), ("a", "b", 0.05, -0.1, 0.2), ("b", "a", -0.2, -0.3, -0.1)]
    cells = pd.DataFrame(rows, columns=["trained_on", "tested_on", "gain", "gain_low", "gain_high"])
    (axis,) = transfer_heat(cells.assign(auroc=0.9), "gain").axes
    assert [text.get_text() for text in axis.texts] == ["+20", "+5", "\u221220"]
    values = np.ma.asarray(axis.collections[0].get_array()).ravel()
    assert np.allclose(values[:3].filled(np.nan), [0.2, 0.0, -0.2])
    assert values.mask[3]


def test_the_history_of_trials_marks_each_state_and_the_best_so_far():
    trials = pd.DataFrame(
        {
            "number": range(5),
            "state": ["complete", "pruned", "complete", "failed", "complete"],
            "value": [0.7, 0.9, 0.6, np.nan, 0.8],
        }
    )
    (axis,) = tuning_history(trials).axes
    drawn = {line.get_label(): line for line in axis.lines}
    assert list(drawn["best so far"].get_ydata()) == [0.7, 0.7, 0.8]
    assert list(drawn["complete"].get_xdata()) == [0, 2, 4]
    assert list(drawn["pruned"].get_xdata()) == [1]
    assert list(drawn["failed"].get_xdata()) == [3]


def test_a_page_figure_asks_for_the_width_at_which_its_smallest_type_is_legible():
    with drawing():
        figure = Figure(figsize=(10, 2))
        figure.text(0.1, 0.5, "small", fontsize=5)
        figure.text(0.5, 0.5, "large", fontsize=12)
    page = page_figure(figure, name="one", alt='a "b" <c>')
    assert page.min_width == round(LEGIBLE / 5 * 720)
    assert 'aria-label="a &#34;b&#34; &lt;c&gt;"' in page.svg
    assert ">small</text>" in page.svg


def test_names_in_a_figure_stay_as_they_are_while_its_tags_are_changed():
    with drawing():
        figure = Figure(figsize=(3, 1))
        figure.text(0.1, 0.5, 'id="x" #0072b2 url(#y) $a_1$', color=SERIES[0])
    svg = page_figure(figure, name="one", alt="a").svg
    assert '>id="x" #0072b2 url(#y) $a_1$</text>' in svg
    assert "fill: var(--series-0)" in svg


def test_a_matrix_of_sources_says_where_a_class_that_a_source_lacks_is_from():
    """A source of harmless prompts alone is trained with the harmful ones of all."""
    for target, what in (("D", "harm"), ("jailbreak", "jailbreak")):
        words = _Matrix(model="m", target=target, kind="source").trained
        assert f"probe of {what} trained" in words
        assert "a source that lacks one class takes it from all sources" in words
    assert "against harmless ones" in _Matrix(model="m", target="D", kind="category").trained
