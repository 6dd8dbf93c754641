"""Why a verdict was given or could not be: a code with its numbers and names, said in words."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal, Self, TypeAlias, get_args

from unsinter.studies.reasons.fields import fields_of, fill, plain_number, read_field
from unsinter.studies.reasons.words import WORDS

Form: TypeAlias = Literal["full", "plain", "short"]
"""With everything; without bands and what stands in brackets; without any number."""

FORMS: tuple[Form, ...] = get_args(Form)


class Reason(str):
    """A reason: the text of its words, with the code and the values that they are made of.

    As text it is said in full. Reasons of equal ``short`` differ by their numbers only.

    Attributes
    ----------
    code : key of ``WORDS``.
    values : field -> number, name, band, list, or reasons, for every field of the words.

    Raises
    ------
    ValueError : no such code, or values that are not those of its words.
    """

    __slots__ = ("code", "values")
    code: str
    values: Mapping[str, Any]

    def __new__(cls, code: str, /, **values: Any) -> Self:
        """Check the values and put the code into words."""
        if code not in WORDS:
            raise ValueError(f"no reason has the code {code!r}.")
        fields = {field.name: field for field in fields_of("".join(WORDS[code].parts))}
        if fields.keys() != values.keys():
            raise ValueError(f"the reason {code!r} is made of {sorted(fields)}, got {sorted(values)}.")
        try:
            own = {name: read_field(field, values[name]) for name, field in fields.items()}
        except (TypeError, OverflowError) as error:
            raise ValueError(f"the reason {code!r} has a value of another kind: {error}") from error
        self = super().__new__(cls, fill(WORDS[code].full, own, "full"))
        self.code, self.values = code, own
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        """Return what remakes the reason in another process."""
        return _remade, (self.code, dict(self.values))

    @property
    def plain(self) -> str:
        """The words without bands and what else stands in brackets; counts stay."""
        return self.in_form("plain")

    @property
    def short(self) -> str:
        """The words without any number."""
        return self.in_form("short")

    def in_form(self, form: str) -> str:
        """Return the words in one of ``FORMS``."""
        return fill(getattr(WORDS[self.code], form), self.values, form)

    def named(self, names: Mapping[str, str]) -> "Reason":
        """Return the reason with some of its names replaced, here and in the reasons inside it."""

        def renamed(value: Any) -> Any:
            if isinstance(value, Reason):
                return value.named(names)
            if isinstance(value, tuple):
                return tuple(map(renamed, value))
            return names.get(value, value) if isinstance(value, str) else value

        return Reason(self.code, **{name: renamed(value) for name, value in self.values.items()})

    def as_json(self) -> dict[str, Any]:
        """Return ``code`` and ``numbers`` as JSON can hold them."""
        return {"code": self.code, "numbers": {name: _as_json(value) for name, value in self.values.items()}}

    @classmethod
    def from_json(cls, data: Any) -> "Reason":
        """Return the reason that ``as_json`` wrote.

        Raises
        ------
        ValueError : this version knows no such reason.
        """
        if not isinstance(data, Mapping) or not isinstance(numbers := data.get("numbers"), Mapping):
            raise ValueError(f"a reason is a code with its numbers, got {data!r:.60}.")
        return cls(str(data.get("code")), **{str(name): _from_json(value) for name, value in numbers.items()})


def together(reasons: Sequence[Reason]) -> Reason:
    """Return several reasons as one; a single one is itself."""
    return reasons[0] if len(reasons) == 1 else Reason("together", why=tuple(reasons))


def as_written(text: str) -> Reason:
    """Return the reason of an earlier version or another hand, of which nothing but its text is known."""
    return Reason("as-written", text=text.strip().rstrip("."))


def shared_words(reasons: Sequence[Reason]) -> str:
    """Return what reasons of equal ``short`` say: without bands where they agree on the rest, else short."""
    return reasons[0].plain if len({reason.plain for reason in reasons}) == 1 else reasons[0].short


def commonest(reasons: Iterable[Reason]) -> list[list[Reason]]:
    """Return reasons put together that differ by their numbers only, the largest groups first."""
    groups: dict[str, list[Reason]] = {}
    for reason in reasons:
        groups.setdefault(reason.short, []).append(reason)
    return sorted(groups.values(), key=len, reverse=True)


def _remade(code: str, values: Mapping[str, Any]) -> Reason:
    return Reason(code, **values)


def _as_json(value: Any) -> Any:
    if isinstance(value, Reason):
        return value.as_json()
    if isinstance(value, tuple):
        return [_as_json(part) for part in value]
    return plain_number(value) if isinstance(value, float) else value


def _from_json(value: Any) -> Any:
    if isinstance(value, Mapping):
        return Reason.from_json(value)
    return [_from_json(part) for part in value] if isinstance(value, list) else value
