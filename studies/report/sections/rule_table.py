"""What each verdict requires, as a table of the report."""

from unsinter.studies.figures.verdict_text import LOOKS, Thresholds
from unsinter.studies.report.sections.blocks import Grid
from unsinter.studies.study.verdict_defaults import CHANCE, NOTICED

_REQUIRES = {
    "separable": (
        "both effects stronger than AUROC {floor}, also off each other's axis; an angle between them; "
        "and no two of the four cells in one place, on either diagonal"
    ),
    "shared": (
        "both effects stronger than AUROC {floor} and no angle between them; it is known how often the "
        "labels err, or the rows in the middle of the axis are not wrongly labelled ones"
    ),
    "first-only": (
        "the first as above; of the second less than AUROC {absent}, on the first's axis and off it, though "
        "a planted code of {noticed} would have been noticed and no non-linear probe reads it; and the two "
        "labels hardly correlate, or it is known how often they err"
    ),
    "second-only": "the same with the factors exchanged",
    "neither": (
        "of both less than AUROC {absent}, though planted codes would have been noticed, and no non-linear "
        "probe reads them"
    ),
    "not-apart": (
        "one axis, or nothing of one factor beyond the other, but labels that err could feign the "
        "difference between shared and one factor only"
    ),
    "undetermined": (
        "anything else; fewer than {min_groups} independent groups in a cell; a factor fixed by source, "
        "category or length; rows of different groups that are alike and share labels; or no usable bits "
        "beyond words, characters, length and token embeddings"
    ),
}

_CAPTION = (
    "Effects are squared distances between the two values of a factor, the other one and all that is held "
    "fixed, in units of the noise within cells and free of noise bias; an AUROC stands for the distance at "
    "which the best linear reader reaches it. A limit is cleared only where the whole band clears it; bands "
    "hold together over all sites of a pair at {level:.0f} %. A, B and O, the AUROCs of probes, stand beside "
    "it for people: A with the second factor held fixed, B with the first, O on the diagonal of cells that "
    "is harder to tell apart. Erasure alone never decides, and is void where the erased factor can still be "
    "read."
)

_EARLIER = "This run was judged by an earlier version, by A, B and O alone. "


def rule_table(thresholds: Thresholds, *, is_earlier: bool) -> Grid:
    """Return what each verdict requires; ``is_earlier`` where a run holds none of these numbers."""
    numbers = {
        "floor": f"{CHANCE + thresholds.effect_floor:.2f}".removeprefix("0"),
        "absent": f"{CHANCE + thresholds.margin:.2f}".removeprefix("0"),
        "noticed": f"{NOTICED:.2f}".removeprefix("0"),
        "min_groups": thresholds.min_groups,
    }
    rows = [
        [f"{LOOKS[name].mark} {name}", LOOKS[name].meaning, requires.format(**numbers)]
        for name, requires in _REQUIRES.items()
    ]
    caption = _CAPTION.format(level=100 * thresholds.level)
    return Grid(
        title="The rule",
        caption=_EARLIER + caption if is_earlier else caption,
        header=("verdict", "meaning", "requires"),
        rows=rows,
        stacked=True,
        wrapped=True,
    )
