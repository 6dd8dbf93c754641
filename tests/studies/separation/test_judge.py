import numpy as np
import pytest

from unsinter.features.worlds import make_world
from unsinter.studies.separation import Pair, Rule, judge, judge_arrays
from unsinter.studies.separation.contrasts.contrast import make_contrast
from unsinter.studies.separation.judge import judge_pairs
from unsinter.studies.separation.site.fit_rows import make_families
from unsinter.studies.separation.site.site_fit import fit_family

SURE = {"z_sure": (1.0, 1.0), "w_sure": (1.0, 1.0)}


def pair_of(world, **changes):
    fields = {"z": world.z, "w": world.w, "groups": world.groups, "strata": world.strata, "text": world.text}
    return Pair(name=world.name, **(fields | changes))


def verdicts(name, *, seeds=range(4), changes=SURE, **knobs):
    worlds = [make_world(name, seed=seed, effect=3.3, **knobs) for seed in seeds]
    return [judge_arrays(world.X, pair_of(world, **changes)).verdict for world in worlds], worlds


@pytest.mark.parametrize(
    ("name", "truth"),
    [
        ("orthogonal", "separable"),
        ("separable_cos5", "separable"),
        ("separable_cos7", "separable"),
        ("shared", "shared"),
        ("first_only", "first-only"),
        ("second_only", "second-only"),
        ("neither", "neither"),
    ],
)
def test_a_planted_truth_is_seen(name, truth):
    result, _ = verdicts(name, n=1000, d=64, phi=0.6)
    assert result.count(truth) >= 3
    assert set(result) <= {truth, "not-apart", "undetermined"}


def test_one_factor_beside_labels_that_may_err_is_not_called_the_only_one():
    result, _ = verdicts("first_only", n=1000, d=64, phi=0.6, changes={})
    assert set(result) <= {"not-apart", "undetermined"}
    assert result.count("not-apart") >= 3
    result, _ = verdicts("first_only", n=1000, d=64, phi=0.0, changes={})
    assert result.count("first-only") >= 2


@pytest.mark.parametrize("name", ["shared", "position", "category", "lexical", "duplicates", "shared_noisy"])
@pytest.mark.parametrize("phi", [0.3, 0.8])
def test_one_thing_is_never_called_two(name, phi):
    result, worlds = verdicts(name, n=800, phi=phi, changes={})
    for verdict, world in zip(result, worlds, strict=True):
        assert verdict not in world.wrong - {"not-apart"}, result  # which is no claim of two things


def test_without_its_text_a_lexical_code_would_be_called_internal():
    """The positive control of the text: what is withheld above is seen here."""
    world = make_world("lexical", n=1500, phi=0.3, seed=0, effect=3.3)
    assert judge_arrays(world.X, pair_of(world, text=None)).verdict == "separable"
    judgement = judge_arrays(world.X, pair_of(world))
    assert judgement.verdict == "undetermined"
    assert "no usable bits" in judgement.reason


def test_category_not_held_fixed_makes_two_factors_of_one_category():
    world = make_world("category", n=2000, phi=0.5, seed=1, effect=3.3)
    loose = judge_arrays(world.X, pair_of(world, strata=None, text=None))
    judged = judge_arrays(world.X, pair_of(world))
    assert loose.evidence.distance_first.low > Rule().present
    assert judged.evidence.distance_first.high < Rule().absent


@pytest.fixture
def category_and_wording():
    """800 refusals in 8 categories and 4 wordings: each wording follows two categories in 60 % of rows."""
    rng = np.random.default_rng(0)
    category = rng.integers(0, 8, 800)
    wording = np.where(rng.random(800) < 0.6, category // 2, rng.integers(0, 4, 800))
    axes = np.linalg.qr(rng.normal(size=(64, 12)))[0].T
    noise = rng.normal(size=(800, 64))
    return category, wording, noise + 4 * axes[category], axes


def judge_class(category, wording, X, *, finer):
    z, w = (category == 2).astype(int), (wording == 1).astype(int)  # category 3 shares the wording
    within = {"first_within": wording.astype(str), "second_within": category.astype(str)} if finer else {}
    return judge_arrays(X, Pair(name="C-W", z=z, w=w, groups=np.arange(len(z)), **within, **SURE))


def test_a_wording_that_only_a_category_tells_is_not_read_once_every_category_is_held_fixed(
    category_and_wording,
):
    """One category against the rest is not enough: another one with the same wording would tell it."""
    category, wording, X, _ = category_and_wording
    coarse, fine = (judge_class(category, wording, X, finer=finer) for finer in (False, True))
    assert coarse.evidence.b.low > 0.6
    assert coarse.evidence.distance_second.low > Rule().present
    assert fine.evidence.b.low < 0.5 < fine.evidence.b.high
    assert fine.evidence.distance_second.low < 0 < fine.evidence.distance_second.high
    assert fine.verdict in ("first-only", "undetermined")


def test_a_wording_with_an_axis_of_its_own_is_told_apart_from_category(category_and_wording):
    category, wording, X, axes = category_and_wording
    result = judge_class(category, wording, X + 4 * axes[8 + wording], finer=True)
    assert result.verdict == "separable"


def test_missing_labels_are_masked():
    world = make_world("orthogonal", n=1200, phi=0.3, seed=0)
    z, X = world.z.copy(), world.X.copy()
    z[:200] = -1
    X[:200] = 1e6  # would swamp everything if those rows took part
    result = judge_arrays(X, pair_of(world, z=z))
    kept = pair_of(world).rows[200:]
    alone = Pair(
        name="o", z=world.z[kept], w=world.w[kept], groups=world.groups[kept], strata=world.strata[kept],
        text=world.text[kept],
    )  # fmt: skip
    assert result.evidence == judge_arrays(world.X[kept], alone).evidence


def test_pairs_judged_together_get_what_each_gets_alone():
    world = make_world("orthogonal", n=600, phi=0.3, seed=0)
    pairs = [pair_of(world), pair_of(world, z=world.w, w=world.z)]
    sites = [(0, "a"), (1, "a")]
    layers = [world.X, make_world("orthogonal", n=600, phi=0.3, seed=0, effect=1.0).X]
    together = judge_pairs(lambda layer, _: layers[layer], sites, pairs, Rule())
    first = [result.evidence for result in together[0]]
    assert first[0].a.value == pytest.approx(together[1][0].evidence.b.value, abs=1e-6)
    alone = judge(lambda layer, _: layers[layer], sites, pairs[0], Rule())
    np.testing.assert_allclose([e.a for e in first], [result.evidence.a for result in alone], atol=0.03)
    assert first[0].a.value > first[1].a.value


@pytest.mark.parametrize(
    ("text", "parts"),
    [({}, {"absences": 2}), ({"text": ["one word", "two"] * 500}, {"texts of pairs": 10})],
    ids=["features", "texts by words and characters, outside five folds"],
)
def test_progress_counts_from_none_to_all_of_the_fits_of_texts_and_the_absences(text, parts):
    world = make_world("first_only", n=1000, d=64, phi=0.6, effect=3.3, seed=0)
    steps = []
    judge_pairs(
        lambda layer, _: world.X * (1 + layer),
        [(0, "a"), (1, "a")],
        [pair_of(world, **SURE, **text)],
        Rule(),
        progress=lambda *step: steps.append(step),
    )
    for name, total in parts.items():
        assert {of for step, _, of in steps if step == name} == {total}
        assert list(dict.fromkeys(n for step, n, _ in steps if step == name)) == list(range(total + 1))
    assert ("texts of pairs" in dict.fromkeys(name for name, _, _ in steps)) == bool(text)


@pytest.mark.parametrize(("share_copied", "searches"), [(0.0, 1), (0.1, 2)], ids=["no copies", "copies"])
def test_the_bar_of_verdicts_moves_inside_each_site_by_every_search_and_every_fold(share_copied, searches):
    """Counted here: two sites, of 10 parts a search for kin, 5 folds of directions, and 4 splits of 5 folds
    twice; copies in other groups need a second search, and only likeness one more split."""
    world = make_world("orthogonal", n=400, d=32, phi=0.3, seed=0)
    X, n_copied = world.X.copy(), int(200 * share_copied)
    X[200 : 200 + n_copied] = X[:n_copied]
    reports = []
    judge_pairs(
        lambda layer, _: X * (1 + layer),
        [(0, "a"), (1, "a")],
        [pair_of(world, **SURE)],
        Rule(),
        progress=lambda step, *counts: reports.append(counts) if step == "verdicts" else None,
    )
    least = 10 * searches + 5 + 4 * 5 * 2
    total = 2 * (10 + 10 + 5 + 4 * 5 * 2 + 5 * 2)
    assert {of for _, of in reports} == {total}
    done = list(dict.fromkeys(n for n, _ in reports))
    assert done == [*range(least + 1), *range(total // 2, total // 2 + least + 1), total]


def test_the_bar_of_verdicts_moves_a_site_at_a_time_where_other_processes_fit():
    world = make_world("orthogonal", n=300, phi=0.3, seed=0)
    reports = []
    judge_pairs(
        lambda layer, _: world.X * (1 + layer),
        [(0, "a"), (1, "a"), (2, "a")],
        [pair_of(world)],
        Rule(n_splits=1),
        n_jobs=2,
        progress=lambda step, *counts: reports.append(counts) if step == "verdicts" else None,
    )
    (total,) = {of for _, of in reports}
    assert [n for n, _ in reports] == [0, total // 3, 2 * total // 3, total]


def test_labels_that_err_count_for_what_they_are_expected_to_be():
    """With wrong labels an effect comes out too short; it is as long as in truth once their rate is known."""
    lengths = {"clean": [], "naive": [], "known": []}
    for seed in range(4):
        world = make_world("orthogonal", n=2000, d=32, phi=0.3, seed=seed)
        flipped = np.where(np.random.default_rng(seed).random(2000) < 0.1, 1 - world.w, world.w)
        for name, changes in (
            ("clean", {}),
            ("naive", {"w": flipped}),
            ("known", {"w": flipped, "z_sure": (1.0, 1.0), "w_sure": (0.9, 0.9)}),
        ):
            evidence = judge_arrays(world.X, pair_of(world, text=None, **changes)).evidence
            lengths[name].append(evidence.distance_second.value)
    clean, naive, known = (np.mean(lengths[name]) for name in ("clean", "naive", "known"))
    assert naive < 0.75 * clean
    # The noise of the rows whose label is wrong stays in the metric.
    assert naive * 1.3 < known < 1.1 * clean


def test_activations_that_never_vary_are_said_and_fewer_rows_than_columns_are_judged():
    world = make_world("orthogonal", n=400, phi=0.0, seed=0)
    judgement = judge_arrays(np.ones_like(world.X), pair_of(world))
    assert (judgement.verdict, judgement.reason) == (
        "undetermined",
        "the activations are the same in every row",
    )
    wide = np.concatenate([world.X, np.zeros((400, 1500), dtype=np.float32)], axis=1)
    wide[:, 200:] += np.random.default_rng(0).normal(size=(400, 1428)) * 0.01
    assert judge_arrays(wide, pair_of(world)).verdict in ("separable", "undetermined")


def test_groups_stay_together_in_every_split():
    world = make_world("neither", n=800, phi=0.0, seed=0, rows_per_group=4, group_effect=0.5)
    (family,) = make_families([pair_of(world)], [None], Rule())
    folds = fit_family(world.X, family, Rule()).folds
    assert len(folds) == Rule().n_splits
    for split in [*folds, family.folds]:
        assert all(len(np.unique(split[world.groups == group])) == 1 for group in np.unique(world.groups))
    assert len({split.tobytes() for split in folds}) == len(folds)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_activations_that_are_no_numbers_are_refused(bad):
    world = make_world("orthogonal", n=400, phi=0.0, seed=0)
    X = world.X.copy()
    X[3, 5] = bad
    with pytest.raises(ValueError, match="X, which must be a matrix of finite numbers with 400 rows"):
        judge_arrays(X, pair_of(world))


def test_a_pair_of_other_lengths_or_codes_is_refused():
    world = make_world("orthogonal", n=400, phi=0.0, seed=0)
    with pytest.raises(ValueError, match="w must hold one value for each of 400 rows, got 399"):
        pair_of(world, w=world.w[1:])
    with pytest.raises(ValueError, match="z must hold 1, 0 or -1"):
        pair_of(world, z=world.z + 1)
    with pytest.raises(ValueError, match=r"two probabilities above \.5"):
        pair_of(world, z_sure=(0.4, 0.9))
    with pytest.raises(ValueError, match="text holds NaN"):
        pair_of(world, text=np.full((400, 2), np.nan))


def test_rows_are_compared_within_one_category_and_one_value_of_the_other_factor_only():
    world = make_world("orthogonal", n=400, phi=0.3, seed=0)
    strata = np.where(np.arange(400) < 30, "", world.strata)
    contrast = make_contrast(pair_of(world, strata=strata))
    by_name = {c.name: c for c in contrast.comparisons()}
    for name, fixed in (("a", world.w), ("b", world.z), ("mixed_first", world.z != world.w)):
        blocks = by_name[name].blocks
        assert (blocks[:30] == -1).all()
        for block in np.unique(blocks[blocks >= 0]):
            own = blocks == block
            assert len(np.unique(strata[own])) == 1
            assert len(np.unique(fixed[own])) == 1
    for factor in ("first", "second"):
        assert (by_name[f"mixed_{factor}"].blocks[world.z == world.w] == -1).all()
        assert (by_name[f"like_{factor}"].blocks[world.z != world.w] == -1).all()
    assert ((by_name["a"].blocks >= 0) == (strata != "")).all()
