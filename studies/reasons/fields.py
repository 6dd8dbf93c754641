"""The fields of a reason's words: what each may hold, and how it is written.

A field of a template names its kind after ``!``: ``{angle!b:.2f}`` is a value with its band. Without a kind
it is a number where it has a format, else a name.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from string import Formatter
from typing import Any, NamedTuple, Protocol, runtime_checkable

NAMED = 4
"""Contrasts of one verdict that are named before the rest is counted."""


@runtime_checkable
class Worded(Protocol):
    """Something that can be said with its bands, without them, and without any number."""

    def in_form(self, form: str) -> str:
        """Return the words in one of ``FORMS``."""
        ...


class Field(NamedTuple):
    """One field of a template: its name, its kind (empty for numbers and names) and its format."""

    name: str
    kind: str
    spec: str


@dataclass(frozen=True, slots=True)
class Kind:
    """How the values of a kind of field are taken in, and written with the field's format."""

    read: Callable[[Any], Any]
    write: Callable[[Any, str], str]


def fields_of(template: str) -> tuple[Field, ...]:
    """Return the fields of a template, in its order."""
    parts = Formatter().parse(template)
    return tuple(Field(name, kind or "", spec or "") for _, name, spec, kind in parts if name is not None)


def read_field(field: Field, value: Any) -> Any:
    """Return a value as its field holds it: plain, hashable, equal after a way through JSON.

    Raises
    ------
    TypeError, ValueError, OverflowError : it is no value of this kind.
    """
    if field.kind == "w":
        parts = tuple(value) if isinstance(value, list | tuple) else (value,)
        if strange := [part for part in parts if not isinstance(part, Worded)]:
            raise TypeError(f"a reason stands here, got {strange[0]!r:.40}.")
        return parts
    if field.kind:
        return KINDS[field.kind].read(value)
    if not field.spec:
        return str(value)
    return int(value) if field.spec.endswith("d") else float(value)


def fill(template: str, values: Mapping[str, Any], form: str) -> str:
    """Return a template with its fields written; reasons inside it are said in the same form."""
    return _Writer(form).vformat(template, (), values)


class _Writer(Formatter):
    def __init__(self, form: str) -> None:
        self.form = form

    def convert_field(self, value: Any, conversion: str | None) -> Any:
        return (conversion, value) if conversion else value

    def format_field(self, value: Any, format_spec: str) -> str:
        if not isinstance(value, tuple):
            return format(value, format_spec)
        kind, content = value
        if kind == "w":
            return "; ".join(part.in_form(self.form) for part in content)
        return KINDS[kind].write(content, format_spec)


def _band(value: Sequence[float]) -> tuple[float, ...]:
    numbers = tuple(float(number) for number in value)
    if len(numbers) != 3:
        raise ValueError(f"a band is a value and its two limits, got {len(numbers)} numbers.")
    return numbers


def _names(value: Any) -> tuple[str, ...]:
    if isinstance(value, str):
        raise TypeError(f"names are a list, got the text {value!r}.")
    return tuple(str(name) for name in value)


def _counts(value: Any) -> tuple[tuple[str, int], ...]:
    pairs = value.items() if isinstance(value, Mapping) else value
    return tuple((str(name), int(count)) for name, count in pairs)


def _by_verdict(value: Any) -> tuple[tuple[str, tuple[str, ...]], ...]:
    pairs = value.items() if isinstance(value, Mapping) else value
    return tuple((str(verdict), _names(names)) for verdict, names in pairs)


def _listed(parts: Sequence[str], spec: str) -> str:
    """Return parts with commas; of more than the format says so many, and the number of the others."""
    most = int(spec) if spec else len(parts)
    more = f" and {len(parts) - most} more" if len(parts) > most else ""
    return ", ".join(parts[:most]) + more if parts else "none"


def _write_band(band: Sequence[float], spec: str) -> str:
    value, low, high = (format(number, spec) for number in band)
    return f"{value} [{low}, {high}]"


def _write_by_verdict(parts: Sequence[tuple[str, tuple[str, ...]]], _: str) -> str:
    return "; ".join(f"{verdict} for {_listed(names, str(NAMED))}" for verdict, names in parts)


KINDS: dict[str, Kind] = {
    "a": Kind(read=_names, write=lambda names, _: " and ".join(names)),
    "b": Kind(read=_band, write=_write_band),
    "c": Kind(read=_counts, write=lambda pairs, spec: _listed([f"{name} {n}" for name, n in pairs], spec)),
    "k": Kind(read=int, write=lambda n, noun: f"{n} {noun}{'' if n == 1 else 's'}"),
    "l": Kind(read=_names, write=_listed),
    "v": Kind(read=_by_verdict, write=_write_by_verdict),
}
"""Kind -> how it is read and written: names with "and", a band, names with counts, a counted noun, names
with commas, names by verdict. ``w``, reasons inside a reason, is written by the reasons themselves."""


def plain_number(value: float) -> float | str:
    """Return a number as strict JSON holds it: one that is not finite as text, which ``float`` reads."""
    return value if math.isfinite(value) else str(value)
