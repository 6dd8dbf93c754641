"""Held-out scores as the axes of a picture: those of the run's table, at every site, and no others."""

import base64
import shutil

import numpy as np
import pandas as pd
import pytest
from explored_run import write_explored_run

from unsinter.studies.explorer import axes as axes_module
from unsinter.studies.explorer.axes import model_axes
from unsinter.studies.explorer.payload import KeptPrompts, model_table
from unsinter.studies.report.evidence.run_data import read_evidence
from unsinter.studies.report.sections.layer_sections import axis_points


@pytest.fixture
def run(explored_run, tmp_path):
    return shutil.copytree(explored_run, tmp_path / "copy")


def change(run, table, make):
    frame = make(pd.read_parquet(run / f"{table}.parquet"))
    frame.to_parquet(run / f"{table}.parquet", index=False)
    return read_evidence(run)


def by_target(axes):
    return {axis.target: axis for axis in axes.axes}


def test_every_score_of_the_page_is_the_one_of_the_table_and_all_others_are_missing(explored_run):
    table = pd.read_parquet(explored_run / "predictions.parquet").query("model == 'sintered'")
    axes = model_axes(read_evidence(explored_run), "sintered")
    assert list(axes.layers) == list(range(7))
    assert set(axes.positions) == {"instruction_end", "template_end"}
    for target, axis in by_target(axes).items():
        own = table[table["target"] == target].set_index(["position", "layer", "id"])["score"]
        for p, position in enumerate(axes.positions):
            for place, layer in enumerate(axes.layers):
                expected = own.loc[position, layer].reindex(list(axes.ids)).to_numpy(np.float32)
                np.testing.assert_array_equal(axis.scores[p, place], expected)
    assert np.isnan(by_target(axes)["R"].scores[:, :, -1]).all()


def test_the_script_gets_these_scores_bit_for_bit(explored_run):
    evidence = read_evidence(explored_run)
    axes = model_axes(evidence, "detached")
    table = model_table(evidence, "detached", KeptPrompts(), model_axes(evidence, "detached"))
    for axis, packed in zip(axes.axes, table["axes"], strict=True):
        for scores, text in zip(axis.scores, packed["scores"], strict=True):
            assert np.frombuffer(base64.b64decode(text), "<f4").tobytes() == scores.astype("<f4").tobytes()


def test_at_the_site_chosen_for_detection_the_points_are_those_of_the_report(explored_run):
    evidence = read_evidence(explored_run)
    axes = model_axes(evidence, "detached")
    first, second = by_target(axes)["D"], by_target(axes)["R"]
    layer, position = first.chosen
    points = axis_points(evidence, "detached")
    both = np.isfinite(first.scores[position, layer]) & np.isfinite(second.scores[position, layer])
    assert sorted(np.array(axes.ids)[both]) == sorted(points.index)
    ours = pd.Series(first.scores[position, layer], index=list(axes.ids))[points.index]
    np.testing.assert_array_equal(ours, points["detection"])
    harm = pd.Series(first.truth, index=list(axes.ids))[points.index]
    assert (harm == (points["harm"] == "harmful")).all()


def test_a_target_of_many_classes_is_no_axis(explored_run):
    assert [axis.target for axis in model_axes(read_evidence(explored_run), "detached").axes] == ["D", "R"]


def test_a_tuned_probe_of_the_same_family_and_site_takes_no_place(run):
    before = model_axes(read_evidence(run), "detached").axes[0]

    def tuned_too(table):
        own = table.query(
            "model == 'detached' and target == 'D' and layer == 5 and position == 'template_end'"
        )
        return pd.concat([table, own.assign(score=99.0)])

    after = model_axes(change(run, "predictions", tuned_too), "detached").axes[0]
    np.testing.assert_array_equal(after.scores, before.scores)


def test_each_family_of_a_sweep_is_an_axis_of_its_own_and_a_tuned_one_is_none(run):
    def ridge_too(table):
        return pd.concat([table, table.query("target == 'R'").assign(family="ridge")])

    def and_tuned(table):
        chosen = table.query("target == 'D' and selected").assign(family="mlp", tuned=True, selected=False)
        return pd.concat([ridge_too(table), chosen])

    change(
        run, "predictions", lambda t: pd.concat([ridge_too(t), t.query("target == 'D'").assign(family="mlp")])
    )
    evidence = change(run, "results", and_tuned)
    axes = model_axes(evidence, "detached")
    assert [(axis.target, axis.family) for axis in axes.axes] == [
        ("D", "logistic"),
        ("R", "logistic"),
        ("R", "ridge"),
    ]
    titles = [
        axis["title"]
        for axis in model_table(evidence, "detached", KeptPrompts(), model_axes(evidence, "detached"))["axes"]
    ]
    assert titles[0] == evidence.target("D").title
    assert titles[2].endswith(", ridge")
    assert axes.axes[2].unit == "score units"


def test_bands_are_the_quantiles_of_each_class(explored_run):
    table = pd.read_parquet(explored_run / "predictions.parquet")
    axes = model_axes(read_evidence(explored_run), "detached")
    axis, p = by_target(axes)["R"], list(axes.positions).index("template_end")
    own = table.query("model == 'detached' and target == 'R' and layer == 3 and position == 'template_end'")
    for side, name in enumerate(("compliance", "refusal")):
        expected = own.loc[own["truth"] == name, "score"].quantile([0.1, 0.5, 0.9])
        np.testing.assert_allclose(axis.bands[p, 3, side], expected, rtol=1e-6)


def test_thresholds_are_those_of_the_site(run):
    def of_one_site(table):
        here = (table["target"] == "D") & (table["layer"] == 2) & (table["position"] == "instruction_end")
        return table.assign(threshold=table["threshold"].where(~here, 7.5))

    axes = model_axes(change(run, "results", of_one_site), "detached")
    p = list(axes.positions).index("instruction_end")
    assert by_target(axes)["D"].thresholds[p].tolist() == [0.25, 0.25, 7.5, 0.25, 0.25, 0.25, 0.25]


def test_of_too_many_prompts_some_are_drawn_the_same_ones_each_time(tmp_path, monkeypatch):
    monkeypatch.setattr(axes_module, "MOST_POINTS", 50)
    evidence = read_evidence(write_explored_run(tmp_path / "run", n=400, models=("one",), layers=2))
    axes = model_axes(evidence, "one")
    assert len(axes.ids) == len(set(axes.ids)) == 50
    assert axes.n_held_out == 400
    assert axes.ids == model_axes(evidence, "one").ids
    assert list(axes.ids) == sorted(axes.ids)
    assert list(axes.ids) != [f"p-{place:04d}" for place in range(50)]
    table = model_table(evidence, "one", KeptPrompts(), model_axes(evidence, "one"))
    assert any("50 of 400 held-out prompts" in line for line in table["missing"])


def test_scores_that_are_no_number_and_rows_without_a_name_are_left_out(run):
    def spoiled(table):
        table = table.reset_index(drop=True)
        table.loc[table["id"] == "p-0001", "score"] = np.inf
        table.loc[table["id"] == "p-0002", "id"] = None
        return table

    axes = model_axes(change(run, "predictions", spoiled), "detached")
    assert "None" not in axes.ids
    assert "nan" not in axes.ids
    assert np.isfinite(axes.axes[0].bands).all()
    assert not np.isinf(axes.axes[0].scores).any()


def test_the_page_calls_each_prompt_as_the_run_does_however_close_to_its_threshold(run):
    results = pd.read_parquet(run / "results.parquet")

    def beside_their_thresholds(table):
        sites = ["model", "target", "layer", "position", "family"]
        limits = table.merge(results[~results["tuned"]][[*sites, "threshold"]], on=sites, how="left")[
            "threshold"
        ]
        steps = np.random.default_rng(0).integers(-2, 3, len(table)) * 1e-9
        return table.assign(score=limits.to_numpy() * (1 + steps))

    evidence = change(run, "predictions", beside_their_thresholds)
    table = pd.read_parquet(run / "predictions.parquet")
    axes = model_axes(evidence, "detached")
    packed = model_table(evidence, "detached", KeptPrompts(), model_axes(evidence, "detached"))["axes"]
    for axis, own in zip(axes.axes, packed, strict=True):
        mine = table.query("model == 'detached' and target == @axis.target and family == @axis.family")
        scores = mine.drop_duplicates(["layer", "position", "id"]).set_index(["position", "layer", "id"])[
            "score"
        ]
        limits = results[~results["tuned"]].query("model == 'detached' and target == @axis.target")
        limits = limits[limits["family"] == axis.family].set_index(["position", "layer"])["threshold"]
        for p, position in enumerate(axes.positions):
            for place, layer in enumerate(axes.layers):
                expected = scores.loc[position, layer].reindex(list(axes.ids)) > limits.loc[position, layer]
                shown = axis.scores[p, place] > own["thresholds"][p][place]
                np.testing.assert_array_equal(shown, expected.to_numpy())
