"""Which questions a set of labelled rows can answer, decided from counts of independent groups alone."""

from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations

from unsinter.studies.data.group_counts import ENOUGH, Cells, LabelledRow, count_groups
from unsinter.studies.reasons.reason import Reason, together

TIED = 0.8
"""A category with this share of its groups in one source cannot be told from that source."""

COMMONEST = 20
"""Values of each label among which a full two-by-two table is looked for: free text has endless pairs."""

D_NAMES = {True: "harmful", False: "harmless"}
R_NAMES = {"refusal": "refused", "compliance": "answered"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """One question and whether these data can answer it."""

    name: str
    """Such as "D", "D across sources", "(D, R)"."""

    asks: str
    """The question in words."""

    model: str | None
    """Whose responses; None for questions about prompts alone."""

    answerable: bool
    reason: Reason
    """The counts that decide."""


def prompt_questions(rows: Sequence[LabelledRow]) -> list[Question]:
    """Return the verdicts on questions that need prompts only: D, C and their transfer."""
    return [_detection(rows), _across_sources(rows), _category(rows), _transfer(rows), _topic(rows)]


def response_questions(rows: Sequence[LabelledRow], model: str) -> list[Question]:
    """Return the verdicts on questions about one model's responses: R, W and what must be told apart."""
    refused = [row for row in rows if row.refusal == "refusal"]
    return [
        _refusal(rows, model),
        _wording(refused, model),
        _detection_and_refusal(rows, model),
        _pair("(D, W)", "harm", refused, model, lambda row: row.harmful),
        _pair("(C, W)", "category", refused, model, lambda row: row.category),
    ]


def _question(
    name: str, asks: str, answerable: bool, *reasons: Reason | None, model: str | None = None
) -> Question:
    """Return a question with its answer; reasons that do not apply are None."""
    reason = together([reason for reason in reasons if reason is not None])
    return Question(name=name, asks=asks, model=model, answerable=answerable, reason=reason)


def _detection(rows: Sequence[LabelledRow]) -> Question:
    asks = "is harm detected, on prompts like these?"
    cells = count_groups(rows, lambda row: row.harmful)
    if short := _short(cells, D_NAMES.items()):
        return _question("D", asks, False, *short)
    counted = Reason("harm-counted", harmful=cells[True], harmless=cells[False])
    sides = count_groups(rows, _source_and_harm)
    lonely = sum(n for (source, d), n in sides.items() if not sides[source, not d])
    share = Reason("one-sided-share", share=lonely / sides.total()) if lonely else None
    return _question("D", asks, True, counted, share)


def _across_sources(rows: Sequence[LabelledRow]) -> Question:
    name, asks = "D across sources", "is harm detected in a source left out of training?"
    cells = count_groups(rows, _source_and_harm)
    totals = count_groups(rows, lambda row: row.harmful)
    sources = sorted({row.source for row in rows if row.source is not None})
    if len(sources) < 2:
        return _question(name, asks, False, Reason("few-sources", n=len(sources)))
    both = [
        source
        for source in sources
        if all(cells[source, d] >= ENOUGH and totals[d] - cells[source, d] >= ENOUGH for d in D_NAMES)
    ]
    left_out = (
        Reason("sources-to-leave-out", names=both) if both else Reason("no-large-source", needed=ENOUGH)
    )
    n = sum(not (cells[source, True] and cells[source, False]) for source in sources)
    one_sided = Reason("one-sided-sources", n=n, total=len(sources)) if n else None
    return _question(name, asks, bool(both), left_out, one_sided)


def _category(rows: Sequence[LabelledRow]) -> Question:
    harmful = [row for row in rows if row.harmful is not False]
    cells = count_groups(harmful, lambda row: row.category)
    large = _enough(cells)
    tied = _tied(harmful, large) if len({row.source for row in harmful}) > 1 else []
    from_one = Reason("tied-categories", names=tied) if tied else None
    return _question(
        "C", "which category of harm is it?", len(large) >= 2, *_large_and_small(cells), from_one
    )


def _transfer(rows: Sequence[LabelledRow]) -> Question:
    large = _enough(count_groups((row for row in rows if row.harmful), lambda row: row.category))
    harmless = count_groups(rows, lambda row: row.harmful)[False]
    faults = []
    if len(large) < 2:
        faults.append(Reason("few-categories", n=len(large), needed=ENOUGH))
    if harmless < 2 * ENOUGH:
        faults.append(Reason("few-harmless", n=harmless, needed=2 * ENOUGH))
    reasons = faults or [Reason("categories-counted", n=len(large), harmless=harmless)]
    return _question(
        "category transfer", "does a probe of one category work on another?", not faults, *reasons
    )


def _topic(rows: Sequence[LabelledRow]) -> Question:
    cells = count_groups(
        rows, lambda row: None if row.category is None or row.harmful is None else (row.category, row.harmful)
    )
    names = sorted({row.category for row in rows if row.category is not None})
    good = [name for name in names if min(cells[name, True], cells[name, False]) >= ENOUGH]
    reason = Reason("topics-of-both", needed=ENOUGH, names=good)
    return _question("(D, topic)", "is harm told apart from its topic?", len(good) >= 2, reason)


def _refusal(rows: Sequence[LabelledRow], model: str) -> Question:
    cells = count_groups(rows, lambda row: row.refusal)
    short = _short(cells, ((cell, name) for cell, name in R_NAMES.items()))
    reasons = short or [Reason("answers-counted", refused=cells["refusal"], answered=cells["compliance"])]
    n_others = cells["partial"] + cells["other"]
    others = Reason("other-answers", n=n_others) if n_others else None
    return _question("R", "will the model refuse?", not short, *reasons, others, model=model)


def _wording(refused: Sequence[LabelledRow], model: str) -> Question:
    asks = "how is a refusal worded?"
    cells = count_groups(refused, lambda row: row.wording)
    if not cells:
        reason = Reason("no-wording" if refused else "nothing-refused")
        return _question("W", asks, False, reason, model=model)
    return _question("W", asks, len(_enough(cells)) >= 2, *_large_and_small(cells), model=model)


def _detection_and_refusal(rows: Sequence[LabelledRow], model: str) -> Question:
    name, asks = "(D, R)", "is harm told apart from refusing?"
    if all(row.harmful is None for row in rows):
        return _question(name, asks, False, Reason("harm-unknown"), model=model)
    cells = count_groups(rows, lambda row: None if row.harmful is None else (row.harmful, row.refusal))
    wanted = [((d, r), f"{D_NAMES[d]}-and-{R_NAMES[r]}") for d in D_NAMES for r in R_NAMES]
    short = _short(cells, wanted)
    counted = [(cell_name, cells[cell]) for cell, cell_name in wanted]
    counts = [(D_NAMES[d], cells[d, "partial"]) for d in D_NAMES if cells[d, "partial"]]
    partial = Reason("partial-refusals", cells=counts) if short and counts else None
    reasons = short or [Reason("cells-counted", cells=counted)]
    return _question(name, asks, not short, *reasons, partial, model=model)


def _pair(
    name: str,
    label: str,
    refused: Sequence[LabelledRow],
    model: str,
    value: Callable[[LabelledRow], Hashable | None],
) -> Question:
    """Look for two values and two wordings whose four cells are all large enough."""
    asks = f"on refused rows, is {label} told apart from wording?"
    cells = count_groups(
        refused, lambda row: None if value(row) is None or row.wording is None else (value(row), row.wording)
    )
    if not cells:
        reason = Reason("no-label-and-wording", label=label) if refused else Reason("nothing-refused")
        return _question(name, asks, False, reason, model=model)
    values = _by_size(count_groups(refused, value))[:COMMONEST]
    wordings = _by_size(count_groups(refused, lambda row: row.wording))[:COMMONEST]
    tables = [
        (min(cells[v, w] for v in pair for w in styles), pair, styles)
        for pair in combinations(values, 2)
        for styles in combinations(wordings, 2)
    ]
    if not tables:
        reason = Reason("few-values", label=label, values=len(values), wordings=len(wordings))
        return _question(name, asks, False, reason, model=model)
    smallest, pair, styles = max(tables, key=lambda table: table[0])
    named = [D_NAMES[v] if isinstance(v, bool) else str(v) for v in pair]
    where = f"{' and '.join(named)} x {' and '.join(map(str, styles))}"
    fullest = {"where": where, "smallest": smallest, "needed": ENOUGH}
    full = sum(table[0] >= ENOUGH for table in tables)
    reason = (
        Reason("full-tables", n=full, total=len(tables), **fullest)
        if full
        else Reason("no-full-table", **fullest)
    )
    return _question(name, asks, bool(full), reason, model=model)


def _source_and_harm(row: LabelledRow) -> tuple[str, bool] | None:
    return None if row.source is None or row.harmful is None else (row.source, row.harmful)


def _tied(rows: Sequence[LabelledRow], categories: Sequence[str]) -> list[str]:
    """Return the categories that have nearly all their groups from one source, with that source."""
    tied = []
    for category in categories:
        cells = count_groups((row for row in rows if row.category == category), lambda row: row.source)
        for source, count in cells.most_common(1):
            if count >= TIED * cells.total():
                tied.append(f"{category} ({source})")
    return tied


def _short(cells: Cells, wanted: Iterable[tuple[Hashable, str]]) -> list[Reason]:
    """Return the wanted cells that are too small."""
    small = [(name, cells[cell]) for cell, name in wanted if cells[cell] < ENOUGH]
    return [Reason("small-cell", cell=name, n=n, needed=ENOUGH) for name, n in small]


def _large_and_small(cells: Cells) -> list[Reason]:
    ordered = [(str(cell), cells[cell]) for cell in _by_size(cells)]
    small = [(name, n) for name, n in ordered if n < ENOUGH]
    large = Reason("large-values", needed=ENOUGH, large=[(name, n) for name, n in ordered if n >= ENOUGH])
    return [large, Reason("small-values", small=small)] if small else [large]


def _enough(cells: Cells) -> list[str]:
    return [str(cell) for cell in _by_size(cells) if cells[cell] >= ENOUGH]


def _by_size(cells: Cells) -> list[Hashable]:
    return sorted(cells, key=lambda cell: (-cells[cell], str(cell)))
