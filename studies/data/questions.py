"""Which questions a set of labelled rows can answer, decided from counts of independent groups alone.

Here stand those that say more than how large classes and cells are; ``own_questions`` has the others.
"""

from collections import Counter
from collections.abc import Callable, Hashable, Sequence
from typing import TypeAlias

from unsinter.studies.data.group_counts import LabelledRow, count_groups
from unsinter.studies.data.large_cells import (
    ANSWER_NAMES,
    CellQuestion,
    class_question,
    commonest_values,
    fullest_table,
    large_values,
    make_question,
    small_cells,
)
from unsinter.studies.reasons.reason import Reason
from unsinter.studies.study.built_in_targets import BUILT_IN, TOPIC
from unsinter.studies.study.cells import PARTIAL, POSITIVE, class_words
from unsinter.studies.study.group_minimums import MIN_GROUPS

ValueOf: TypeAlias = Callable[[LabelledRow], Hashable | None]

ASKED_TARGETS = ("D", "C", "R", "W")
ASKED_PAIRS = ("D-R", "D-W", "C-W", "D-topic")
"""Targets and pairs whose questions stand here."""

_HARMFUL, _HARMLESS = POSITIVE["D"]

TIED = 0.8
"""A category with this share of its groups in one source cannot be told from that source."""


def prompt_questions(rows: Sequence[LabelledRow], *, needed: int = MIN_GROUPS) -> list[CellQuestion]:
    """Return the verdicts on questions that need prompts only: D, C and their transfer.

    ``needed`` groups make a class or a cell large enough: the study's ``min_groups``.
    """
    makers = (_detection, _across_sources, _category, _transfer, _topic)
    return [question(rows, needed) for question in makers]


def response_questions(
    rows: Sequence[LabelledRow], model: str, *, needed: int = MIN_GROUPS
) -> list[CellQuestion]:
    """Return the verdicts on questions about one model's responses: R, W and what must be told apart."""
    refused = [row for row in rows if row.refusal == "refusal"]
    questions = [
        _refusal(rows, model, needed),
        _wording(refused, model, needed),
        _detection_and_refusal(rows, model, needed),
        _with_wording("harm", "D", refused, model, needed),
        _with_wording("category", "C", refused, model, needed),
    ]
    if any(row.refusal is not None for row in rows):
        return questions
    unknown = Reason("answers-unlabelled")  # what is not known is not said to be absent
    return [make_question(one.name, one.asks, False, unknown, model=model) for one in questions]


def _detection(rows: Sequence[LabelledRow], needed: int) -> CellQuestion:
    asks = BUILT_IN["D"].question
    cells = count_groups(rows, value_of("D"))
    if short := small_cells(cells, class_words("D").items(), needed):
        return make_question("D", asks, False, *short)
    counted = Reason("harm-counted", harmful=cells[_HARMFUL], harmless=cells[_HARMLESS])
    sides = count_groups(rows, _source_and_harm)
    by_source = Counter(source for source, _ in sides)
    lonely = sum(n for (source, _), n in sides.items() if by_source[source] == 1)
    share = Reason("one-sided-share", share=lonely / sides.total()) if lonely else None
    return make_question("D", asks, True, counted, share)


def _across_sources(rows: Sequence[LabelledRow], needed: int) -> CellQuestion:
    name, asks = "D across sources", "is harm detected in a source left out of training?"
    cells = count_groups(rows, _source_and_harm)
    totals = count_groups(rows, value_of("D"))
    sources = sorted({row.source for row in rows if row.source is not None})
    if len(sources) < 2:
        return make_question(name, asks, False, Reason("few-sources", n=len(sources)))
    both = [
        source
        for source in sources
        if all(cells[source, d] >= needed and totals[d] - cells[source, d] >= needed for d in POSITIVE["D"])
    ]
    left_out = (
        Reason("sources-to-leave-out", names=both) if both else Reason("no-large-source", needed=needed)
    )
    n = sum(not all(cells[source, d] for d in POSITIVE["D"]) for source in sources)
    one_sided = Reason("one-sided-sources", n=n, total=len(sources)) if n else None
    return make_question(name, asks, bool(both), left_out, one_sided)


def _category(rows: Sequence[LabelledRow], needed: int) -> CellQuestion:
    harmful = [row for row in rows if row.label("D") == _HARMFUL]
    cells = count_groups(harmful, value_of("C"))
    large = large_values(cells, needed)
    tied = _tied(harmful, large) if len({row.source for row in harmful}) > 1 else []
    from_one = Reason("tied-categories", names=tied) if tied else None
    return class_question("C", BUILT_IN["C"].question, cells, needed, from_one)


def _transfer(rows: Sequence[LabelledRow], needed: int) -> CellQuestion:
    large = large_values(count_groups(rows, value_of("C")), needed)
    harmless = count_groups(rows, value_of("D"))[_HARMLESS]
    faults = []
    if len(large) < 2:
        faults.append(Reason("few-categories", n=len(large), needed=needed))
    if harmless < 2 * needed:
        faults.append(Reason("few-harmless", n=harmless, needed=2 * needed))
    reasons = faults or [Reason("categories-counted", n=len(large), harmless=harmless)]
    return make_question(
        "category transfer", "does a probe of one category work on another?", not faults, *reasons
    )


def _topic(rows: Sequence[LabelledRow], needed: int) -> CellQuestion:
    cells = count_groups(rows, values_of(TOPIC, "D"))
    names = sorted({topic for row in rows if (topic := row.label(TOPIC)) is not None})
    good = [name for name in names if min(cells[name, d] for d in POSITIVE["D"]) >= needed]
    reason = Reason("topics-of-both", needed=needed, names=good)
    return make_question("(D, topic)", "is harm told apart from its topic?", len(good) >= 2, reason)


def _refusal(rows: Sequence[LabelledRow], model: str, needed: int) -> CellQuestion:
    cells = count_groups(rows, lambda row: row.refusal)
    short = small_cells(cells, ANSWER_NAMES.items(), needed)
    reasons = short or [Reason("answers-counted", refused=cells["refusal"], answered=cells["compliance"])]
    n_others = cells[PARTIAL] + cells["other"]
    others = Reason("other-answers", n=n_others) if n_others else None
    return make_question("R", BUILT_IN["R"].question, not short, *reasons, others, model=model)


def _wording(refused: Sequence[LabelledRow], model: str, needed: int) -> CellQuestion:
    asks = BUILT_IN["W"].question
    cells = count_groups(refused, value_of("W"))
    if not cells:
        reason = Reason("no-wording" if refused else "nothing-refused")
        return make_question("W", asks, False, reason, model=model)
    return class_question("W", asks, cells, needed, model=model)


def _detection_and_refusal(rows: Sequence[LabelledRow], model: str, needed: int) -> CellQuestion:
    name, asks = "(D, R)", "is harm told apart from refusing?"
    harm = value_of("D")
    if all(harm(row) is None for row in rows):
        return make_question(name, asks, False, Reason("harm-unknown"), model=model)
    cells = count_groups(rows, lambda row: None if harm(row) is None else (harm(row), row.refusal))
    wanted = [((d, r), f"{d}-and-{ANSWER_NAMES[r]}") for d in POSITIVE["D"] for r in ANSWER_NAMES]
    short = small_cells(cells, wanted, needed)
    counted = [(cell_name, cells[cell]) for cell, cell_name in wanted]
    counts = [(d, cells[d, PARTIAL]) for d in POSITIVE["D"] if cells[d, PARTIAL]]
    partial = Reason("partial-refusals", cells=counts) if short and counts else None
    reasons = short or [Reason("cells-counted", cells=counted)]
    return make_question(name, asks, not short, *reasons, partial, model=model)


def _with_wording(
    label: str, target: str, refused: Sequence[LabelledRow], model: str, needed: int
) -> CellQuestion:
    """Look for two values and two wordings whose four cells are all large enough."""
    name, asks = f"({target}, W)", f"on refused rows, is {label} told apart from wording?"
    cells = count_groups(refused, values_of(target, "W"))
    if not cells:
        reason = Reason("no-label-and-wording", label=label) if refused else Reason("nothing-refused")
        return make_question(name, asks, False, reason, model=model)
    values = commonest_values(count_groups(refused, value_of(target)))
    wordings = commonest_values(count_groups(refused, value_of("W")))
    table = fullest_table(cells, values, wordings, needed)
    if table is None:
        reason = Reason("few-values", label=label, values=len(values), wordings=len(wordings))
        return make_question(name, asks, False, reason, model=model)
    return make_question(name, asks, *table, model=model)


def _source_and_harm(row: LabelledRow) -> tuple[str, str] | None:
    harm = row.label("D")
    return None if row.source is None or harm is None else (row.source, harm)


def _tied(rows: Sequence[LabelledRow], categories: Sequence[str]) -> list[str]:
    """Return the categories that have nearly all their groups from one source, with that source."""
    tied = []
    for category in categories:
        cells = count_groups((row for row in rows if row.label("C") == category), lambda row: row.source)
        for source, count in cells.most_common(1):
            if count >= TIED * cells.total():
                tied.append(f"{category} ({source})")
    return tied


def value_of(name: str) -> ValueOf:
    """Return what gives the label of a factor in words; None where it is not defined or not known."""
    words = class_words(name) if name in POSITIVE else {}

    def value(row: LabelledRow) -> Hashable | None:
        label = row.label(name)
        return None if label is None else words.get(label, label)

    return value


def values_of(first: str, second: str) -> ValueOf:
    """Return what gives the labels of two factors; None where one of them is not defined or not known."""
    one, other = value_of(first), value_of(second)

    def both(row: LabelledRow) -> Hashable | None:
        values = one(row), other(row)
        return None if None in values else values

    return both
