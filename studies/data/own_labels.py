"""Labels of a study's own targets: the values of a field as classes, or one sentence on why they are none."""

import re
from collections import Counter
from collections.abc import Sequence
from decimal import Decimal
from difflib import get_close_matches
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from unsinter.features.records.known_names import listing
from unsinter.features.records.names import clean_name, common_spellings, name_key, respelled, says_missing
from unsinter.features.records.record import PromptRecord, abbreviate
from unsinter.studies.data.record_fields import Fields, Where, named_fields, record_fields
from unsinter.studies.study.file import StudyError
from unsinter.studies.study.own_targets import OwnTarget, class_name
from unsinter.studies.study.sections import PromptSource

MOST_CLASSES = 50
LONGEST_CLASS = 200
"""Characters of one class's name."""

_SHOWN = 5
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")


def own_labels(target: OwnTarget, prompts: Sequence[PromptRecord], *, files: str = "") -> NDArray[np.object_]:
    """Return the class of each prompt (n_prompts,) as text, empty where the target is not defined.

    Names that differ by case, blanks or code points alone are one class. A word that says that a value is
    missing is none (see ``own_notes``).

    Parameters
    ----------
    files : what an error calls the files of the prompts.

    Raises
    ------
    StudyError : no record has the field, or one that ``where`` names; its values are no two to
        ``MOST_CLASSES`` classes; ``positive`` is no class of two. One sentence names target, files and field.
    """
    column = _Column(target, files or "the prompts")
    values = column.values([record_fields(record) for record in prompts])
    names = column.names(values)
    column.check_classes([name for name in names if name], n_missing=names.count(""))
    return np.array(names, dtype=object)


def positive_class(target: OwnTarget, classes: Sequence[str]) -> str | None:
    """Return the class that the study calls positive, spelled as among ``classes``; None where it says
    nothing."""
    if target.positive is None:
        return None
    wanted = name_key(class_name(target.positive))
    return next((name for name in classes if name_key(name) == wanted), None)


def own_notes(target: OwnTarget, prompts: Sequence[PromptRecord]) -> list[str]:
    """Return what was read otherwise than it stands in the field: words for a missing value, spellings."""
    where = Where(target.where)
    tables = (record_fields(record) for record in prompts)
    values = [fields.get(target.field) for fields in tables if where.holds(fields)]
    texts = Counter(clean_name(value) for value in values if isinstance(value, str))
    missing = [(word, n) for word, n in texts.most_common() if word and says_missing(word)]
    notes = []
    if missing:
        notes.append(
            f"Target {target.name}: a {target.field} that says there is none counts as missing, not as a "
            f"class: {_listing(missing)}; name it otherwise in the file where it is one."
        )
    names = (class_name(text) for text in texts.elements() if text and not says_missing(text))
    for kept, others in respelled(common_spellings(names)).items():
        written = _listing([(name, texts[name]) for name in others])
        notes.append(
            f"Target {target.name}: the class {kept!r} is also written {written}; they count as one."
        )
    return notes


def _listing(words: Sequence[tuple[str, int]]) -> str:
    more = f" and {len(words) - _SHOWN} more" if len(words) > _SHOWN else ""
    return ", ".join(f"{word!r} {n:,}" for word, n in words[:_SHOWN]) + more


def file_names(source: PromptSource) -> str:
    """Return what an error calls the files of a study's prompts."""
    paths: list[Path] = [part.path for part in source.parts]
    return ", ".join(map(str, paths)) or "the planted prompts"


class _Column:
    """The field of one target; every fault of it becomes one sentence."""

    def __init__(self, target: OwnTarget, files: str) -> None:
        self.target, self.files = target, files
        self.place = f"the field {target.field!r} of {files}"

    def refuse(self, fault: str) -> NoReturn:
        raise StudyError(f"target {self.target.name}: {fault}")

    def values(self, tables: Sequence[Fields]) -> list[object]:
        """Return the value of each record, None where missing or where ``where`` does not hold."""
        known = named_fields(tables)
        for field in (self.target.field, *self.target.where):
            if field not in known:
                near = get_close_matches(field, known, n=1)
                hint = f"did you mean {near[0]!r}? " if near else ""
                self.refuse(
                    f"no record of {self.files} has a field {abbreviate(field)}; {hint}The fields there are: "
                    f"{listing(known)}."
                )
        where = Where(self.target.where)
        kept = [fields if where.holds(fields) else None for fields in tables]
        if not any(fields is not None for fields in kept):
            self.refuse(
                f"where {self.target.where} keeps none of the {len(tables):,} prompts of {self.files}; "
                "loosen it."
            )
        return [None if fields is None else _plain(fields.get(self.target.field)) for fields in kept]

    def names(self, values: Sequence[object]) -> list[str]:
        """Return the class of each value, empty where it is missing."""
        present = [value for value in values if not says_missing(value)]
        self._check_kinds(present)
        texts = [value for value in present if isinstance(value, str)]
        is_numbers = len(texts) == len(present) > 0 and all(map(_is_number, texts))
        measures = [_whole(value) for value in present] if is_numbers else present
        fractions = (v for v in measures if isinstance(v, float) and not v.is_integer())
        if (strange := next(fractions, None)) is not None:
            self.refuse(
                f"{self.place} holds numbers with fractions, such as "
                f"{strange:g}, and a target has classes; write a field that names the classes."
            )
        named = [
            "" if says_missing(value) else class_name(_whole(value) if is_numbers else value)
            for value in values
        ]
        spelled = common_spellings(name for name in named if name)
        return [spelled[name] if name else "" for name in named]

    def _check_kinds(self, present: Sequence[object]) -> None:
        for value in present:
            if (fault := _fault_of_value(value)) is not None:
                self.refuse(f"{self.place} holds {fault}.")
        kinds = {isinstance(value, bool) for value in present if not isinstance(value, str)}
        if len(kinds) > 1:
            self.refuse(f"{self.place} holds truth values and numbers; write one of the two.")

    def check_classes(self, labels: Sequence[str], *, n_missing: int) -> None:
        """Refuse fewer than two classes, too many, and a positive class that is none of two."""
        counts = Counter(labels)
        if len(counts) > MOST_CLASSES:
            few = ", ".join(abbreviate(name) for name, _ in counts.most_common(3))
            self.refuse(
                f"{self.place} holds {len(counts):,} different values (such as {few}), and a target has at "
                f"most {MOST_CLASSES} classes; name a field of classes."
            )
        longest = max(map(len, counts), default=0)
        if longest > LONGEST_CLASS:
            self.refuse(
                f"{self.place} holds a text of {longest:,} characters; the name of a class has at most "
                f"{LONGEST_CLASS}."
            )
        if len(counts) < 2:
            content = f"only {abbreviate(next(iter(counts)))}" if counts else "no value"
            self.refuse(
                f"{self.place} holds {content} where the target is defined ({len(labels):,} prompts; "
                f"{n_missing:,} are outside or have none), and a target needs two classes."
            )
        if self.target.positive is None:
            return
        if positive_class(self.target, list(counts)) is None or len(counts) > 2:
            names = ", ".join(abbreviate(name) for name in sorted(counts)[:_SHOWN])
            more = f" and {len(counts) - _SHOWN} more" if len(counts) > _SHOWN else ""
            why = "it is said of two classes only" if len(counts) > 2 else "name one of them"
            self.refuse(
                f"positive is {class_name(self.target.positive)!r}, and {self.place} holds {names}{more}; "
                f"{why}."
            )


def _plain(value: Any) -> object:
    """Return a value of a table's own number types as Python has it."""
    if isinstance(value, np.generic):
        value = value.item()
    return float(value) if isinstance(value, Decimal) else value


def _is_number(text: str) -> bool:
    return _NUMBER.fullmatch(text.strip()) is not None


def _whole(value: object) -> object:
    """Return a whole number that a file wrote with a fraction, as text ``1.0``, as a number."""
    return float(value) if isinstance(value, str) and not value.strip().lstrip("+-").isdigit() else value


def _fault_of_value(value: object) -> str | None:
    """Return why a value is the name of no class; None where it is one."""
    if not isinstance(value, bool | int | float | str):
        return f"{abbreviate(value)}; a class is a text, a truth value or a whole number, one per record"
    if isinstance(value, str) and not _is_encodable(value):
        return "half of a surrogate pair, which is no text; remove it"
    return None


def _is_encodable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
