"""Columns of the tables that say which prompts a run read: names are a contract."""

from collections.abc import Iterable
from dataclasses import replace

from unsinter.studies.tables.column import Columns, flag, number, text, whole
from unsinter.studies.tables.shared_columns import MODEL

PROMPTS: Columns = {
    "id": text("as the run read it"),
    "prompt": text("its text, without any chat template"),
    "source": text("where it is from; empty where unknown"),
    "topic": text("what it is about, harmful or not; empty where unknown"),
    "group": text("prompts that stand on one side of every split"),
    "harmful": flag("D: true, false, or empty where unlabelled"),
    "category": text("C: harm category; empty for harmless prompts and unlabelled ones"),
    "held_out": flag("the side of the study's split"),
    "conversation": text(
        "what the prompt brings beside its text, as JSON: system, earlier_turns, prefill; empty for most"
    ),
}
KEPT_PROMPTS = tuple(name for name in PROMPTS if name != "conversation")
"""The columns that every version wrote which kept prompts at all."""

OWN = "target_"
"""Begins the name of the column with the classes of a target of the study's own, and of no other column."""


def with_own_targets(names: Iterable[str]) -> Columns:
    """Return the columns of the prompts of a study with these targets of its own."""
    return {**PROMPTS, **{f"{OWN}{name}": text(f"the class of {name}; empty where masked") for name in names}}


ROWS: Columns = {
    "model": replace(MODEL, needed=False),
    "id": text("of the prompt"),
    "row": text("name of its row in the activation cache; empty where it was dropped as too long"),
    "refusal": text("R: refusal, partial_refusal or compliance; empty where there is no answer or no label"),
    "refused_share": number("share of a prompt's labelled samples that refused; empty of one answer"),
    "wording": text("W: style of a refusal; empty elsewhere"),
    "label_source": text("who or what labelled the answer"),
    "opening_characters": whole(
        "characters of the answer's opening, whose text is kept in no table; or empty"
    ),
}

KEPT_ROWS = tuple(name for name in ROWS if name != "opening_characters")
"""The columns that every version wrote which kept rows at all."""
