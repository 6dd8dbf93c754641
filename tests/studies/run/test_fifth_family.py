"""A family that the package does not have, from a study file to an exported file, with no module changed."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import yaml
from nearest_centroid import NEAREST_CENTROID, registered
from tuning_world import SIGNAL, SITES, World

from unsinter.probes.families.family import Range
from unsinter.probes.files.export import load_probe
from unsinter.studies.cli.commands.export import ExportRequest, export_verb
from unsinter.studies.probing.sweep import SitePlan, fit_sites
from unsinter.studies.probing.types import chosen, score
from unsinter.studies.run.run import run_study
from unsinter.studies.study.file import StudyError, load_study
from unsinter.studies.study.run_options import Settings


@pytest.fixture
def fifth_family():
    with registered(NEAREST_CENTROID):
        yield NEAREST_CENTROID


def test_a_study_of_a_fifth_family_is_run_tuned_reported_and_exported(
    fifth_family, write_study, tmp_path, private_cache
):
    path = write_study(
        targets=["D"], family="nearest_centroid", transfer=[], layers=[5],
        controls={"permutations": 0, "random_model": False, "code_length": False, "shuffled": False},
        tuning={"trials": 3, "families": ["nearest_centroid"], "reductions": [0, 8]},
    )  # fmt: skip
    run = tmp_path / "run"
    run_study(load_study(path), Settings(folder=run, cache_root=private_cache))
    results = pd.read_parquet(run / "results.parquet")
    assert set(results["family"]) == {"nearest_centroid"}
    assert results["penalty"].isna().all()  # docs/columns.md: empty where the family has none
    assert results.loc[results["selected"], "score"].item() > 0.9
    assert results["tuned"].sum() == 1
    trials = pd.read_parquet(run / "trials.parquet")
    assert all(0 <= yaml.safe_load(params)["shrink"] <= 0.9 for params in trials["params"])
    assert "nearest centroid" in (run / "report.html").read_text(encoding="utf-8")

    request = ExportRequest(run=run, target="D", formats="safetensors,sklearn", out=tmp_path / "out")
    export_verb(request)
    (file,) = (tmp_path / "out").glob("*-nearest_centroid/probe.safetensors")
    probe = load_probe(file)
    assert probe.card["score_unit"] == "score units"
    assert probe.has_probabilities  # calibrated in the study
    with pytest.raises(StudyError, match="a nearest_centroid probe has no form 'onnx'"):
        export_verb(replace(request, formats="onnx"))


def test_a_study_file_may_name_it_while_it_is_registered_only(write_study):
    path = write_study(family="nearest_centroid")
    with pytest.raises(
        StudyError, match="family: Input should be 'logistic', 'ridge' or 'mass_mean', got 'nearest_centroid'"
    ):
        load_study(path)
    with registered(NEAREST_CENTROID):
        assert load_study(path).family == "nearest_centroid"
        assert "nearest_centroid" in load_study(path).tuning.families
        with pytest.raises(StudyError, match="nearest_centroid weighs classes alike already; drop weighting"):
            load_study(path, overrides=["weighting=class"])
    with pytest.raises(StudyError, match=r"tuning\.families\.0: Input should be 'logistic', .* or 'mlp'"):
        load_study(write_study(tuning={"families": ["nearest_centroid"]}))


def test_a_family_outside_the_sweep_is_refused_there_and_tuned(fifth_family, write_study):
    with registered(replace(fifth_family, name="second", in_sweep=False, space=())):
        assert "second" in load_study(write_study(tuning={"families": ["second"]})).tuning.families
        with pytest.raises(StudyError, match="family: Input should be"):
            load_study(write_study(family="second"))


def test_workers_of_another_process_need_not_have_registered_it():
    world = World()
    plan = SitePlan(
        target=world.target, rows=world.rows, weights=np.ones(len(world.groups)), family=NEAREST_CENTROID,
        penalties=(1.0,), shuffled=(), control=None, code=None,
    )  # fmt: skip
    fits = fit_sites(world.read, SITES, plan, n_jobs=2)
    best = chosen(fits)
    assert best.site == SIGNAL
    truth = world.target.labels[world.rows.test]
    assert score(world.target, best.scores, truth)[0] > 0.9
    alone = fit_sites(world.read, SITES, plan)
    for one, other in zip(fits, alone, strict=True):
        np.testing.assert_array_equal(one.scores, other.scores)


def test_tuning_chooses_from_its_own_space_and_another_space_is_another_study(tmp_path):
    shrinks = {}
    for high in (0.9, 0.1):
        space = (Range(name="shrink", low=0.0, high=high),)
        with registered(replace(NEAREST_CENTROID, space=space)):
            tuned = World().tune(tmp_path, trials=6, families=("nearest_centroid",), n_jobs=2)
        assert (tuned.fit.family, np.isnan(tuned.fit.penalty)) == ("nearest_centroid", True)
        shrinks[high] = [yaml.safe_load(params)["shrink"] for params in tuned.trials["params"]]
    assert max(shrinks[0.9]) > 0.1 >= max(shrinks[0.1])
    assert len(set(shrinks[0.1])) > 1
