"""What of a probe's card all may read: names, numbers and digests, and no text of the study."""

from collections.abc import Mapping, Sequence
from typing import Any

from unsinter.probes.files.export import OUR_FIELDS
from unsinter.probes.files.exported import ProbeFileError

PUBLIC_FIELDS = frozenset(
    {
        *OUR_FIELDS,
        "target",
        "meaning",
        "study",
        "model",
        "base_model",
        "template",
        "layer",
        "position",
        "site",
        "sign",
        "decision",
        "scaler",
        "measured",
        "split_digest",
        "seed",
        "licences",
        "versions",
        "beside",
    }
)
"""Fields of a card that hold names, numbers and digests: no prompt and no answer."""

_FLAT = frozenset({"model", "site", "measured", "versions", "beside", "calibration"})
_WORDLESS = frozenset({"template_options", "template_text", "revision"})
"""What a card's ``context`` may hold and show to all: system texts and examples are text of the study."""

_LONGEST = 300
"""Characters of a fact in words; what an export writes of itself has about 100 at most."""


def refuse_text_of_the_study(card: Mapping[str, Any], publish: Sequence[str]) -> None:
    """Refuse a card of which a field, unless it is in ``publish``, may hold text of the study.

    Raises
    ------
    ProbeFileError : which field, and how to push it all the same.
    """
    for name, value in card.items():
        if name not in publish and not _is_public(name, value):
            raise ProbeFileError(
                f"the card's field {name!r} may hold prompts, examples or other text of the study, which all "
                f"would read; where that is right, push with publish=[{name!r}]."
            )


def _is_public(name: str, value: object) -> bool:
    """Whether a field is one of those that hold names, numbers and digests, and holds no more."""
    if name == "context":
        return _is_wordless(value)
    if name not in PUBLIC_FIELDS:
        return False
    if value is None:
        return True
    if name == "licences":
        return isinstance(value, list) and all(map(_is_flat, value))
    if name == "classes":
        return isinstance(value, list) and all(map(_is_fact, value))
    return _is_flat(value) if name in _FLAT else _is_fact(value)


def _is_wordless(context: object) -> bool:
    if not isinstance(context, Mapping) or not set(context) <= _WORDLESS:
        return False
    options, text = context.get("template_options"), context.get("template_text", "")
    return (
        (options is None or _is_flat(options))
        and (text is None or isinstance(text, str))
        and _is_fact(context.get("revision"))
    )


def _is_flat(value: object) -> bool:
    """Whether a value is a table of names, numbers and digests."""
    return isinstance(value, Mapping) and all(_is_fact(item) for item in (*value, *value.values()))


def _is_fact(value: object) -> bool:
    """Whether a value is nothing, a number, or a few words in one line."""
    if isinstance(value, str):
        return len(value) <= _LONGEST and len(value.splitlines()) <= 1
    return value is None or isinstance(value, int | float)
