import numpy as np
import pytest
from scipy.stats import ortho_group

from unsinter.probes import LogisticProbe
from unsinter.studies.data.bootstrap import Bootstrap
from unsinter.studies.data.splits import outer_split
from unsinter.studies.data.targets import Target
from unsinter.studies.tables.transfer_columns import CROSS_MODEL
from unsinter.studies.transfer import ModelSide, SplitPrompts, cross_model_table
from unsinter.studies.transfer.cross_model import RidgePairs

N = 600
IDS = np.array([f"p{i:03d}" for i in range(N)])
GROUPS = np.array([f"g{i // 2}" for i in range(N)])
IS_TEST = np.arange(N) // 2 % 4 == 0
PROMPTS = SplitPrompts(ids=IDS, groups=GROUPS, is_test=IS_TEST)


def target_of(labels, name="D"):
    return Target(name=name, labels=labels, classes=tuple(sorted(set(labels) - {""}, reverse=True)))


def oriented(probe, X, target):
    """Scores as a study has them: of two classes, high for the target's second."""
    scores = probe.decision_function(X)
    return -scores if target.is_binary and probe.classes_[1] != target.classes[1] else scores


def side(model, target, X, *, is_present=None):
    is_present = np.ones(N, dtype=bool) if is_present is None else is_present
    train = target.defined & ~IS_TEST & is_present
    probe = LogisticProbe(penalty=1e-2).fit(X[train], target.labels[train])
    return ModelSide(
        model=model,
        target=target,
        site=(3, "template_end"),
        X=X,
        probe=lambda X: oriented(probe, X, target),
        is_present=is_present,
    )


def table_of(*sides):
    table = cross_model_table(sides, PROMPTS, bootstrap=Bootstrap(n_draws=100, seed=0))
    assert list(table.columns) == list(CROSS_MODEL)
    return table.set_index(["from_model", "to_model"])


def harm_world(seed=0, d=8):
    rng = np.random.default_rng(seed)
    labels = np.where(rng.random(N) < 0.5, "harmful", "harmless")
    target = Target(name="D", labels=labels, classes=("harmless", "harmful"))
    X = rng.normal(size=(N, d))
    X[labels == "harmful", 0] += 1.5
    return rng, target, X


def test_a_rotated_and_scaled_copy_carries_the_probe_without_loss():
    _rng, target, X = harm_world()
    copy = (X @ ortho_group.rvs(8, random_state=1)) * np.r_[1e3, np.ones(7)] + 5
    row = table_of(side("a", target, X), side("b", target, copy)).loc[("a", "b")]
    assert row["r2"] > 0.999
    assert row["auroc"] == pytest.approx(row["native"], abs=2e-3)
    assert row["low"] < row["auroc"] < row["high"]
    assert abs(row["shuffled"] - 0.5) < 0.1
    assert row["penalty"] == 1e-3
    assert (row["n_train"], row["n_test"]) == ((~IS_TEST).sum(), IS_TEST.sum())


def test_models_that_share_nothing_transfer_nothing():
    rng, target, _X = harm_world()
    other = rng.normal(size=(N, 12))
    other[:, 0] += 1.5 * (target.labels == "harmful")
    blind = side("blind", target, rng.normal(size=(N, 8)))
    row = table_of(blind, side("b", target, other)).loc[("blind", "b")]
    assert abs(row["auroc"] - 0.5) < 0.15
    assert row["native"] > 0.8
    assert row["r2"] < 0.05


def test_shuffled_pairs_carry_no_label_even_where_twins_alternate():
    """Rows alternate harmless, harmful: pairs moved by whole twins would keep the label of every row."""
    labels = np.where(np.arange(N) % 2, "harmful", "harmless")
    target = Target(name="D", labels=labels, classes=("harmless", "harmful"))
    X = np.random.default_rng(3).normal(size=(N, 6))
    X[:, 0] += 4.0 * (labels == "harmful")
    row = table_of(side("a", target, X), side("b", target, X[:, ::-1].copy())).loc[("a", "b")]
    assert abs(row["shuffled"] - 0.5) < 0.2
    assert row["shuffled_low"] < 0.3 < 0.7 < row["shuffled_high"]
    assert row["auroc"] > 0.99


def test_another_pairing_of_the_map_is_a_map_fitted_on_other_pairs():
    rng = np.random.default_rng(0)
    A, B, inner = rng.normal(size=(90, 7)), rng.normal(size=(90, 5)), np.arange(90) % 3
    order = rng.permutation(90)
    one = RidgePairs(A, B, inner, penalties=[0.1]).map(A[:9] + 1, order=order)
    two = RidgePairs(A, B[order], inner, penalties=[0.1]).map(A[:9] + 1)
    np.testing.assert_allclose(one, two, atol=1e-10)


def test_a_very_large_dimension_that_cannot_be_mapped_costs_its_share_of_r2_only():
    rng, target, X = harm_world()
    noisy = np.column_stack([X[:, ::-1], 1e3 * rng.normal(size=N)])
    row = table_of(side("a", target, X), side("b", target, noisy)).loc[("a", "b")]
    assert row["r2"] == pytest.approx(8 / 9, abs=0.02)


def test_no_held_out_row_of_the_second_model_changes_the_map():
    _, target, X = harm_world()
    copy = X @ ortho_group.rvs(8, random_state=1)
    broken = copy.copy()
    broken[IS_TEST] = np.random.default_rng(9).normal(size=broken[IS_TEST].shape)
    one = table_of(side("a", target, X), side("b", target, copy)).loc[("a", "b")]
    two = table_of(side("a", target, X), side("b", target, broken)).loc[("a", "b")]
    kept = ["auroc", "low", "high", "shuffled", "shuffled_low", "penalty", "n_train"]
    assert one[kept].equals(two[kept])
    assert two["native"] < one["native"]
    assert two["r2"] < 0


def test_the_truth_is_that_of_the_model_whose_probe_it_is_and_many_classes_get_macro_f1():
    _rng, _, X = harm_world()
    names = np.array(["a", "b", "c"])
    labels = names[X[:, :3].argmax(axis=1)]
    other = names[(X[:, :3].argmax(axis=1) + 1) % 3]
    other[:40] = ""
    table = table_of(side("one", target_of(labels, "W"), X), side("two", target_of(other, "W"), X.copy()))
    row = table.loc[("one", "two")]
    assert row["metric"] == "macro_f1"
    assert row["auroc"] == pytest.approx(row["native"], abs=0.02)
    assert row["auroc"] > 0.8
    assert row["n_test"] == (IS_TEST & (other != "")).sum()


def test_prompts_that_one_of_the_two_could_not_read_are_left_out():
    _, target, X = harm_world()
    gone = np.arange(N) % 5 > 0
    holes = np.where(gone[:, None], X, np.nan)
    table = table_of(side("a", target, holes, is_present=gone), side("b", target, X))
    assert set(table["n_train"]) == {(gone & ~IS_TEST).sum()}
    assert table["auroc"].notna().all()


def test_targets_that_only_one_model_has_make_no_pair():
    _, target, X = harm_world()
    other = Target(name="C", labels=target.labels, classes=target.classes)
    assert table_of(side("a", target, X), side("b", other, X)).empty


def test_the_penalty_of_the_map_is_the_best_of_a_refit_on_the_inner_folds():
    rng = np.random.default_rng(0)
    A = rng.normal(size=(120, 100))
    B = A[:, :4] + 2 * rng.normal(size=(120, 4))
    inner = np.array(outer_split(IDS[:120].tolist(), GROUPS[:120].tolist(), n_folds=3, seed=0).folds)
    penalties = (1e-3, 1e-1, 1.0, 10.0)
    errors = []
    for p in penalties:
        missed = 0.0
        for fold in range(3):
            a, b, c, d = A[inner != fold], B[inner != fold], A[inner == fold], B[inner == fold]
            ma, sa, mb, sb = a.mean(0), a.std(0), b.mean(0), b.std(0)
            z, w = (a - ma) / sa, (b - mb) / sb
            M = np.linalg.solve(z.T @ z + p * len(z) * np.eye(100), z.T @ w)
            truth = (d - mb) / sb
            missed += ((truth - (c - ma) / sa @ M) ** 2).sum() / (truth**2).sum()
        errors.append(missed)
    assert RidgePairs(A, B, inner, penalties=penalties).penalty == penalties[int(np.argmin(errors))]
