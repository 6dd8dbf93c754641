"""Tuning: the same trials however they are worked out, and none that has seen a held-out row."""

import json
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import optuna
import pandas as pd
import pytest
import tuning_world
from optuna.storages import InMemoryStorage
from optuna.trial import TrialState, create_trial
from pandas.testing import assert_frame_equal
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from unsinter.cache.places.namespaces import marked_host
from unsinter.studies.probing.tuning.ledger import Ledger
from unsinter.studies.probing.tuning.space import pruning_bars
from unsinter.studies.probing.tuning.storage import TuningError, open_storage

SCRIPT = Path(tuning_world.__file__)
World = tuning_world.World


def without_time(tuned):
    return tuned.trials.drop(columns="seconds")


def in_a_process(folder, *, world=None, **tune):
    task = json.dumps({"folder": str(folder), "world": world or {}, "tune": tune})
    return subprocess.Popen([sys.executable, str(SCRIPT), task])


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory):
    return World().tune(tmp_path_factory.mktemp("unbroken"))


def test_nothing_is_tried_twice_while_something_is_left(unbroken):
    assert not unbroken.trials.duplicated(["family", "layer", "position", "params"]).any()


def test_the_budget_is_kept_and_every_trial_is_told(unbroken):
    trials = unbroken.trials
    assert list(trials["number"]) == list(range(10))
    assert set(trials["state"]) <= {"complete", "pruned"}
    assert np.isfinite(trials["value"]).all()
    assert (trials["seconds"] > 0).all()


def test_the_best_complete_trial_is_refitted_and_scored_on_the_held_out_rows(unbroken):
    complete = unbroken.trials[unbroken.trials["state"] == "complete"]
    best = complete.loc[complete["value"].idxmax()]
    assert (unbroken.fit.trial, unbroken.fit.inner_score) == (best["number"], best["value"])
    assert unbroken.fit.site == (best["layer"], best["position"]) == tuning_world.SIGNAL
    world = World()
    truth = world.target.labels[world.rows.test] == "harmful"
    assert roc_auc_score(truth, unbroken.fit.scores) > 0.9


def test_a_trials_value_is_the_mean_auroc_of_a_scikit_learn_pipeline_over_the_inner_folds(tmp_path):
    tuned = World().tune(tmp_path, penalties=(0.1,), reductions=(0,), trials=3)
    row, world = tuned.trials.iloc[1], World()
    X = world.X[row["layer"], row["position"]][world.rows.train]
    y = world.target.labels[world.rows.train] == "harmful"
    values = []
    for fold in range(3):
        seen, unseen = world.rows.inner != fold, world.rows.inner == fold
        probe = make_pipeline(
            StandardScaler(), LogisticRegression(C=1 / (0.1 * seen.sum()), tol=1e-8, max_iter=5000)
        )
        probe.fit(X[seen], y[seen])
        values.append(roc_auc_score(y[unseen], probe.decision_function(X[unseen])))
    assert row["value"] == pytest.approx(np.mean(values), abs=2e-3)


def test_two_jobs_try_what_one_tries(unbroken, tmp_path):
    both = World().tune(tmp_path, n_jobs=2)
    assert_frame_equal(without_time(both), without_time(unbroken), check_exact=True)
    assert np.array_equal(both.fit.scores, unbroken.fit.scores)


def test_sqlite_holds_the_same_trials_as_the_journal(unbroken, tmp_path):
    tuned = World().tune(tmp_path, storage=f"sqlite:///{tmp_path}/trials.db")
    assert_frame_equal(without_time(tuned), without_time(unbroken), check_exact=True)
    assert not (tmp_path / "trials.journal").exists()


@pytest.mark.parametrize(
    ("storage", "death"),
    [(None, {"fatal_read": 4}), ("sqlite:///{}/trials.db", {"crash_after": 6})],
    ids=["at work, journal", "between trials, SQLite"],
)
def test_a_study_killed_and_resumed_ends_as_an_unbroken_one(unbroken, tmp_path, storage, death):
    storage = storage and storage.format(tmp_path)
    killed = in_a_process(tmp_path, world=death, storage=storage)
    assert killed.wait(timeout=300) == -signal.SIGKILL
    with_states = states(tmp_path, storage)
    assert sum(state.is_finished() for state in with_states) == (6 if "crash_after" in death else 2)
    assert (TrialState.RUNNING in with_states) == ("fatal_read" in death)
    resumed = World().tune(tmp_path, storage=storage)
    assert_frame_equal(without_time(resumed), without_time(unbroken), check_exact=True)


def states(folder, storage):
    with open_storage(storage, folder) as opened:
        (study,) = opened.get_all_studies()
        return [trial.state for trial in opened.get_all_trials(study._study_id)]


def test_a_finished_study_opened_again_runs_nothing(tmp_path):
    first = World().tune(tmp_path, trials=5)
    world = World()
    again = world.tune(tmp_path, trials=5)
    assert_frame_equal(again.trials, first.trials, check_exact=True)
    assert world.reads == 2  # the shape of the space, and the refit
    assert len(states(tmp_path, None)) == 5


def test_a_larger_budget_goes_on_with_the_trials_of_the_smaller_one(unbroken, tmp_path):
    World().tune(tmp_path, trials=6)
    grown = World().tune(tmp_path, trials=10)
    assert_frame_equal(without_time(grown), without_time(unbroken), check_exact=True)
    assert len(states(tmp_path, None)) == 10


def test_another_seed_tries_something_else(unbroken, tmp_path):
    assert not without_time(World().tune(tmp_path, seed=1)).equals(without_time(unbroken))


@pytest.mark.parametrize("changed", range(2))
def test_held_out_labels_and_activations_change_no_trial(unbroken, tmp_path, changed):
    tuned = World(held_out_seed=changed).tune(tmp_path)
    assert_frame_equal(without_time(tuned), without_time(unbroken), check_exact=True)
    assert not np.array_equal(tuned.fit.scores, unbroken.fit.scores)


def test_trials_are_pruned_and_count_in_the_budget(tmp_path):
    tuned = World().tune(tmp_path, trials=16)
    assert len(tuned.trials) == 16
    assert (tuned.trials["state"] == "pruned").sum() >= 1
    whole = World().tune(tmp_path / "whole", trials=16, pruning=False)
    assert set(whole.trials["state"]) == {"complete"}


def test_the_pruning_rule_is_optunas_median_pruner():
    rng = np.random.default_rng(0)
    finished = [
        create_trial(
            state=TrialState.COMPLETE, value=float(v[-1]), intermediate_values=dict(enumerate(map(float, v)))
        )
        for v in rng.uniform(size=(7, 3))
    ]
    study = optuna.create_study(direction="maximize", pruner=optuna.pruners.MedianPruner(n_startup_trials=5))
    study.add_trials(finished)
    bars = pruning_bars(finished, n_folds=3)
    decisions = []
    for values in rng.uniform(size=(40, 2)):
        trial = study.ask()
        for step, value in enumerate(values):
            trial.report(float(value), step)
            decisions.append(trial.should_prune())
            assert decisions[-1] == (max(values[: step + 1]) < bars[step])
    assert len(set(decisions)) == 2


def test_pruning_waits_for_five_complete_trials():
    few = [create_trial(value=0.9, intermediate_values={0: 0.9, 1: 0.9})] * 4
    assert pruning_bars(few, n_folds=2) == [-np.inf, -np.inf]
    assert pruning_bars(few + few[:1], n_folds=2) == [0.9, -np.inf]


def test_the_journal_is_the_storage_unless_another_is_named(tmp_path):
    World().tune(tmp_path / "own", trials=2)
    World().tune(tmp_path, trials=2, storage=f"journal:{tmp_path}/mine.journal")
    assert (tmp_path / "own" / "trials.journal").is_file()
    assert (tmp_path / "mine.journal").is_file()
    assert not (tmp_path / "trials.journal").exists()


def test_two_processes_share_one_budget(unbroken, tmp_path):
    other = in_a_process(tmp_path)
    while not (tmp_path / "trials.journal").exists() and other.poll() is None:
        time.sleep(0.05)
    assert_frame_equal(without_time(World().tune(tmp_path)), without_time(unbroken), check_exact=True)
    assert other.wait(timeout=300) == 0
    assert sum(state.is_finished() and state is not TrialState.FAIL for state in states(tmp_path, None)) == 10


def test_one_place_taken_twice_belongs_to_the_earlier_trial():
    storage = InMemoryStorage()
    first, second = Ledger.open(storage, "one"), Ledger.open(storage, "one")
    batch = {0: create_trial(value=0.5), 1: create_trial(value=0.5)}
    assert [claim.place for claim in first.claim(batch, 1)] == [0]
    assert [claim.place for claim in second.claim(batch, 2)] == [1]
    assert second._take(0, batch[0]) is None


def test_a_linear_probe_on_components_acts_on_raw_activations(tmp_path):
    world = World()
    fit = world.tune(tmp_path, reductions=(3,), trials=8).fit
    weight, bias = fit.layers[0]
    assert weight.shape == (1, 12)
    raw = world.X[fit.site][world.rows.test] @ weight[0] + bias[0]
    assert np.allclose(raw, fit.scores)
    centred = StandardScaler().fit(world.X[fit.site][world.rows.train])
    standard = weight[0] * centred.scale_
    basis = np.linalg.svd(centred.transform(world.X[fit.site][world.rows.train]), full_matrices=False)[2][:3]
    assert np.allclose(basis.T @ (basis @ standard), standard)


def test_mlps_are_tuned_in_every_setting_and_reach_the_signal(tmp_path):
    tuned = World().tune(tmp_path, trials=6, families=("mlp",), widths=(4, 8))
    tried = [json.loads(params) for params in tuned.trials["params"]]
    for settings in tried:
        assert set(settings) == {"reduction", "width", "depth", "dropout", "weight_decay", "learning_rate"}
    for name in ("reduction", "width", "depth", "dropout", "weight_decay", "learning_rate"):
        assert len({settings[name] for settings in tried}) > 1
    assert len(tuned.fit.layers) == tried[tuned.fit.trial]["depth"] + 1
    assert np.isnan(tuned.fit.penalty)
    world = World()
    hidden = world.X[tuned.fit.site][world.rows.test]
    for weight, bias in tuned.fit.layers[:-1]:
        hidden = np.maximum(hidden @ weight.T + bias, 0)
    weight, bias = tuned.fit.layers[-1]
    assert np.allclose((hidden @ weight.T + bias)[:, 0], tuned.fit.scores)


@pytest.mark.parametrize(
    ("url", "part"),
    [
        ("trials.db", "takes a URL"),
        ("nonsense://there", "nonsense"),
        ("sqlite:///:memory:", "ends with the run"),
        ("sqlite:///file::memory:?uri=true", "ends with the run"),
        ("sqlite:///file:trials?mode=memory&uri=true", "ends with the run"),
        ("sqlite:////no/such/folder/trials.db", "there is no folder /no/such/folder"),
        ("mysql://user:secret@127.0.0.1:1/trials", "driver that is not installed"),
        ("postgresql://user:secret@127.0.0.1:1/trials?connect_timeout=2", "cannot be opened"),
    ],
)
def test_a_storage_that_cannot_be_opened_is_refused_in_one_sentence(tmp_path, url, part):
    with pytest.raises(TuningError) as refusal, open_storage(url, tmp_path):
        pass
    message = str(refusal.value)
    assert part in message
    assert "\n" not in message
    assert message.endswith(".")
    assert "secret" not in message


def test_a_journal_that_is_no_journal_is_refused(tmp_path):
    (tmp_path / "trials.journal").write_text("no json\nat all\n", encoding="utf-8")
    with pytest.raises(TuningError, match=r"cannot be opened as a journal"), open_storage(None, tmp_path):
        pass


def test_trials_survive_parquet(unbroken, tmp_path):
    unbroken.trials.to_parquet(tmp_path / "trials.parquet")
    assert_frame_equal(pd.read_parquet(tmp_path / "trials.parquet"), unbroken.trials)


@pytest.mark.parametrize(
    ("host", "is_free"),
    [
        (marked_host(), True),
        ("another-machine", False),
        (socket.gethostname(), False),  # containers share host names, and see no process of each other
        (f"{socket.gethostname()}+0123abcd", False),
    ],
)
def test_a_trial_of_an_ended_process_is_taken_over_at_once_and_one_of_another_machine_is_not(host, is_free):
    storage = InMemoryStorage()
    ours = Ledger.open(storage, "one")
    theirs = Ledger(storage, ours.study_id, f"{host} {2**30} 1.00")
    batch = {0: create_trial(value=0.5)}
    assert len(theirs.claim(batch, 1)) == 1
    assert len(ours.claim(batch, 1)) == is_free
