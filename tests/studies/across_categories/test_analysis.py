from dataclasses import replace

import numpy as np
import pytest

from unsinter.studies.across_categories.analysis import across_categories, across_site, plan_across
from unsinter.studies.across_categories.data import make_data
from unsinter.studies.across_categories.decision import decide, groups_wanted
from unsinter.studies.across_categories.refusals import make_refusals, rarer_side
from unsinter.studies.across_categories.rule import AcrossRule
from unsinter.studies.across_categories.sentences import statement
from unsinter.studies.across_categories.table import ACROSS, across_table
from unsinter.studies.across_categories.wording import WordingEvidence, fixed_weights
from unsinter.studies.data.estimate import Estimate

K, STYLES = 6, 3
RULE = AcrossRule(n_draws=200)


class World:
    """Refusals in K categories and three styles; ``X`` tells the category, and maybe the style."""

    def __init__(self, kind, *, n=600, d=48, copies=1, seed=0):
        rng = np.random.default_rng(seed)
        axes = np.linalg.qr(rng.normal(size=(d, d)))[0]
        unit = np.arange(n) // copies  # copies of a prompt form one group
        category = unit % K
        style = rng.integers(0, STYLES, size=n)[unit]
        if kind == "sintered":
            own = category % STYLES
            other = (own + rng.integers(1, STYLES, size=n)) % STYLES
            style = np.where(rng.random(n) < 0.85, own, other)
        self.X = rng.normal(size=(n, d))[unit] + 5 * axes[category] + 0.05 * rng.normal(size=(n, d))
        if kind == "detached":
            self.X += 2 * axes[K + style]
        if kind == "own axes":
            self.X += 3 * axes[K + STYLES + category * STYLES + style]
        self.labels = {
            "categories": np.char.add("c", category.astype(str)),
            "wording": np.char.add("style ", style.astype(str)),
            "groups": unit,
        }

    def judge(self, rule=RULE, **changes):
        return across_categories(self.X, np.ones(len(self.X), int), **self.labels | changes, rule=rule)


def test_wording_independent_of_category_is_detached():
    result = World("detached").judge()
    assert result.decision == "detached"
    assert result.wording.cramers_v < 0.1
    assert result.wording.within.low > 0.8
    assert result.wording.transfer.low > 0.8
    assert abs(result.wording.gap.value) < 0.02


def test_wording_that_follows_the_category_is_sintered_although_pooled_rows_read_it():
    result = World("sintered").judge()
    outcome = result.wording
    assert result.decision == "sintered"
    assert outcome.pooled.low > 0.8
    assert outcome.pooled.value == pytest.approx(outcome.category_alone.value, abs=0.05)
    assert 0.35 < outcome.within.low < outcome.within.value < outcome.within.high < 0.65
    assert outcome.gap.low > 0.25
    # 15 % random: of three styles the rule's has .85, the others .075 each; V of that table is .775.
    assert outcome.cramers_v == pytest.approx(0.775, abs=0.05)


def test_wording_with_axes_of_its_own_in_every_category_cannot_be_told():
    result = World("own axes").judge()
    assert result.wording.within.low > 0.6
    assert result.wording.transfer.low < 0.5 < result.wording.transfer.high
    assert result.decision == "cannot tell"
    assert "not surely by probes that never saw that category" in result.reason


def test_wording_that_is_not_read_at_all_cannot_be_told():
    result = World("unread").judge()
    assert result.decision == "cannot tell"
    assert "not surely readable even on pooled rows" in result.reason


def test_nothing_is_called_something_in_no_more_than_five_percent():
    fell = [
        World("unread", seed=seed).judge(AcrossRule(n_draws=100, seed=seed)).decision for seed in range(20)
    ]
    assert set(fell) == {"cannot tell"}


def test_within_category_aurocs_centre_on_chance_where_wording_is_unread():
    outcome = [World("sintered", seed=seed).judge(AcrossRule(n_draws=100, seed=seed)) for seed in range(20)]
    within = np.array([result.wording.within.value for result in outcome])
    assert within.mean() == pytest.approx(0.5, abs=3 * within.std() / np.sqrt(20))
    assert np.mean([result.decision == "sintered" for result in outcome]) >= 0.9


def test_copies_of_a_prompt_are_not_read_as_wording():
    # Ten copies of each prompt share their style by chance: one that straddled folds would give it away.
    result = World("unread", copies=10, n=1800).judge()
    assert result.wording.within.low < 0.5 < result.wording.within.high


def test_activations_that_know_only_the_category_give_exactly_one_half():
    world = World("sintered")
    category = np.array([int(name[1:]) for name in world.labels["categories"]])
    world.X = np.random.default_rng(0).normal(size=(K, 20))[category]
    outcome = world.judge().wording
    assert outcome.within == (0.5, 0.5, 0.5)
    assert outcome.transfer == (0.5, 0.5, 0.5)
    assert outcome.pooled.low > 0.8


def test_training_weights_tell_nothing_of_the_category():
    world = World("sintered")
    data = make_data(np.ones(len(world.X), int), **world.labels)
    refusals = make_refusals(data, np.arange(len(world.X)) % 5, min_groups=30)
    positive, train = refusals.is_of("style 1"), refusals.fold != 2
    weights = fixed_weights(refusals, positive, train)
    assert (weights[~train] == 0).all()
    for code in range(K):
        here = refusals.category == code
        assert weights[here & positive].sum() == pytest.approx(weights[here & ~positive].sum())
        assert weights[here].sum() > 0


def test_several_answers_per_prompt_count_as_so_many_rows():
    world = World("sintered", n=400)
    rng = np.random.default_rng(1)
    styles = np.stack([world.labels["wording"], rng.permuted(world.labels["wording"])], axis=1)
    together = world.judge(wording=styles).wording
    twice = {name: np.tile(values, 2) for name, values in world.labels.items()}
    twice["wording"] = styles.T.ravel()
    # The same rows written out: folds may differ, counts and V may not, AUROCs only by the folds.
    apart = across_categories(np.tile(world.X, (2, 1)), np.ones(800, int), **twice, rule=RULE).wording
    assert together.n_refusals == apart.n_refusals == 800
    assert together.n_off_style == apart.n_off_style
    assert together.cramers_v == pytest.approx(apart.cramers_v)
    assert together.pooled.value == pytest.approx(apart.pooled.value, abs=0.03)
    assert together.within.value == pytest.approx(apart.within.value, abs=0.05)


def test_more_answers_narrow_the_interval_within_a_category():
    world, rng = World("sintered"), np.random.default_rng(2)
    own = np.char.add("style ", (np.arange(600) % K % STYLES).astype(str))
    drawn = np.char.add("style ", rng.integers(0, STYLES, size=(600, 8)).astype(str))
    styles = np.where(rng.random((600, 8)) < 0.8, own[:, None], drawn)
    one, many = (world.judge(wording=styles[:, :k]).wording.within for k in (1, 8))
    assert many.high - many.low < 0.6 * (one.high - one.low)


def test_the_seed_and_nothing_else_moves_a_number():
    world = World("sintered")
    first, again, other = (world.judge(AcrossRule(n_draws=100, seed=seed)) for seed in (3, 3, 4))
    assert first.wording == again.wording
    assert first.wording.within.value != other.wording.within.value


def test_rarer_sides_are_counted_in_groups():
    names = ["c0"] * 6 + ["c1"] * 4
    styles = ["a", "a", "a", "b", "b", "b", "a", "b", "b", "b"]
    groups = [0, 0, 0, 1, 2, 3, 4, 5, 6, 7]
    data = make_data(np.ones(10, int), categories=names, wording=styles, groups=groups)
    refusals = make_refusals(data, np.arange(10) % 2, min_groups=1)
    # c0: style a is one group of three copies against three groups; c1: one against three.
    assert rarer_side(refusals, "a") == 2


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"wording": ["style 0"] * 600}, "all refusals are of one style"),
        ({"wording": [""] * 600}, "there are no worded refusals"),
        ({"categories": ["c0"] * 600}, "refusals are of one category"),
        (
            {"wording": np.char.add("s", (np.arange(600) % K % 3).astype(str))},
            "too few groups in off-style cells",
        ),
    ],
    ids=["one style", "no refusal", "one category", "wording is category"],
)
def test_what_cannot_be_asked_is_said_and_never_a_number(change, reason):
    result = World("sintered").judge(**change)
    assert result.decision == "cannot tell"
    assert reason in result.reason
    assert np.isnan(result.wording.within.value)
    assert reason in statement(result)


def test_too_few_groups_are_said_with_their_number():
    result = World("sintered", n=120).judge()
    assert result.decision == "cannot tell"
    assert "of the rarer side summed over categories, 30 are needed" in result.reason


def test_missing_detection_is_said():
    result = World("sintered").judge()
    assert "harmless rows have 0 groups per category" in result.detection_reason
    assert "Detection was not compared" in statement(result)
    assert result.detection.matrix is None


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"groups": np.arange(599)}, "labels need one entry per prompt each"),
        ({"wording": np.zeros((600, 2, 2), dtype=str)}, "labels need one entry per prompt each"),
    ],
)
def test_labels_of_other_lengths_are_refused(change, message):
    with pytest.raises(ValueError, match=message):
        World("sintered").judge(**change)


def test_unknown_labels_of_harm_are_refused():
    world = World("sintered")
    with pytest.raises(ValueError, match="harmful must be 1, 0 or -1"):
        across_categories(world.X, np.full(600, 2), **world.labels)


def test_damaged_activations_are_refused():
    world = World("sintered")
    plan = plan_across(make_data(np.ones(600, int), **world.labels), RULE)
    with pytest.raises(ValueError, match=r"X must be \(600, d_model\)"):
        across_site(world.X[:-1], plan)
    world.X[7, 3] = np.nan
    with pytest.raises(ValueError, match=r"NaN or inf in 1 rows \(the first is 7\)"):
        across_site(world.X, plan)


def test_fewer_groups_than_folds_are_refused():
    world = World("sintered")
    with pytest.raises(ValueError, match="5 folds need at least 5 groups"):
        world.judge(groups=np.arange(600) % 3)


def test_constant_activations_say_nothing():
    world = World("sintered")
    world.X = np.ones((600, 8))
    result = world.judge()
    assert result.decision == "cannot tell"
    assert result.wording.pooled == (0.5, 0.5, 0.5)


@pytest.mark.parametrize(
    ("floor", "margin"), [(0.0, 0.15), (0.2, 0.15), (0.1, 0.5)], ids=["no floor", "crossed", "no margin"]
)
def test_thresholds_out_of_order_are_refused(floor, margin):
    with pytest.raises(ValueError, match="effect_floor and margin must rise"):
        AcrossRule(effect_floor=floor, margin=margin)


def read(pooled, within, transfer, **more):
    around = {"pooled": pooled, "within": within, "transfer": transfer}
    outcome = {name: Estimate((low + high) / 2, low, high) for name, (low, high) in around.items()}
    return WordingEvidence(**outcome, n_off_style=40, **more)


@pytest.mark.parametrize(
    ("evidence", "decision"),
    [
        (read((0.9, 0.95), (0.61, 0.7), (0.61, 0.7)), "detached"),
        (read((0.9, 0.95), (0.59, 0.7), (0.61, 0.7)), "cannot tell"),
        (read((0.9, 0.95), (0.61, 0.7), (0.59, 0.7)), "cannot tell"),
        (read((0.9, 0.95), (0.36, 0.64), (0.4, 0.6)), "sintered"),
        (read((0.9, 0.95), (0.36, 0.66), (0.4, 0.6)), "cannot tell"),
        (read((0.9, 0.95), (0.34, 0.64), (0.4, 0.6)), "cannot tell"),
        (read((0.59, 0.7), (0.36, 0.64), (0.4, 0.6)), "cannot tell"),
        (read((0.9, 0.95), (0.61, 0.64), (0.4, 0.6)), "cannot tell"),
    ],
)
def test_the_rule_is_what_the_table_says(evidence, decision):
    outcome, reason = decide(evidence, AcrossRule())
    assert outcome == decision
    assert reason


def test_one_style_that_is_read_keeps_the_rest_from_being_called_sintered():
    single = {"style 0": Estimate(0.8, 0.7, 0.9), "style 1": Estimate(0.45, 0.35, 0.55)}
    decision, reason = decide(read((0.9, 0.95), (0.5, 0.64), (0.4, 0.6), by_wording=single), AcrossRule())
    assert decision == "cannot tell"
    assert "only style 0 is surely readable" in reason


def test_the_reason_says_how_many_groups_would_tell():
    wide = read((0.9, 0.95), (0.2, 0.8), (0.4, 0.6))
    # Half-width .30 has to become .15: four times the groups.
    assert groups_wanted(wide, AcrossRule()) == 160
    assert "about 160 would tell" in decide(wide, AcrossRule())[1]
    between = read((0.9, 0.95), (0.5, 0.75), (0.4, 0.6))
    assert groups_wanted(between, AcrossRule()) == int((0.125 / 0.025) ** 2 * 40)
    assert groups_wanted(read((0.9, 0.95), (0.1, 0.5), (0.4, 0.6)), AcrossRule()) is None


def test_the_table_has_the_documented_columns_and_one_row_per_site():
    results = {
        ("tiny", layer, "template_end"): World(kind).judge()
        for layer, kind in ((0, "unread"), (1, "sintered"))
    }
    table = across_table(results)
    assert list(table.columns) == list(ACROSS)
    assert all(ACROSS[column] or column.endswith("_high") or column == "position" for column in ACROSS)
    assert table[["model", "layer", "position"]].to_numpy().tolist() == [
        ["tiny", 0, "template_end"],
        ["tiny", 1, "template_end"],
    ]
    row = table.iloc[1]
    assert row["decision"] == "sintered"
    assert (row["within_low"], row["within"], row["within_high"]) == (
        results["tiny", 1, "template_end"].wording.within.low,
        results["tiny", 1, "template_end"].wording.within.value,
        results["tiny", 1, "template_end"].wording.within.high,
    )
    assert row["within_least"] <= row["within_most"]


def test_a_share_lost_in_noise_is_not_told_as_a_number():
    rng = np.random.default_rng(0)
    harmful, names = np.tile([1, 0], 200), np.repeat(["a", "b", "c", "d"], 100)
    X = rng.normal(size=(400, 20))
    X[harmful == 1, 0] += 2
    labels = dict(categories=names, wording=[""] * 400, groups=np.arange(400))
    result = across_categories(X, harmful, **labels, rule=RULE)
    for share, expected in ((Estimate(0.9, 0.1, 1.0), False), (Estimate(0.9, 0.8, 1.0), True)):
        around = replace(result, directions=replace(result.directions, share=share))
        probes = replace(result.detection, own=Estimate(0.8, 0.7, 0.9))
        text = statement(replace(around, detection=probes))
        assert ("lost in noise" in text) is not expected
        assert ("90% [80%, 100%] of the variance" in text) is expected


def test_the_statement_holds_the_contrast_and_what_it_does_not_show():
    result = World("sintered").judge()
    text = statement(result, site="layer 3, template_end")
    outcome = result.wording
    assert text.startswith("At layer 3, template_end wording is sintered to category")
    for estimate in (outcome.pooled, outcome.within, outcome.transfer):
        assert f"{estimate.value:.2f} [{estimate.low:.2f}, {estimate.high:.2f}]" in text
    assert "linear probes, on the prompts and categories of this study" in text
    assert "nothing of other prompts" in text
