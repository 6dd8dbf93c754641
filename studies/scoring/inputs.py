"""Texts to be scored: from the command line, a file, or standard input."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, BinaryIO

from unsinter.cache.json_text import JsonTextError, parse_json
from unsinter.cache.location import expand_home
from unsinter.features.records.conversation import CONVERSATION_FIELDS, Conversation
from unsinter.features.records.known_names import listing
from unsinter.features.records.record import PromptRecord, RecordError, abbreviate
from unsinter.features.records.rows import SUFFIXES, read_rows
from unsinter.studies.study.file import StudyError

_FIELDS = ("prompt", "text")
_STDIN = "standard input"


@dataclass(frozen=True, slots=True, kw_only=True)
class InputText:
    """One text and where it came from."""

    row: int
    """From 1: the line of a file, the row of a table, or the place among --text options."""

    id: str | None
    """The record's own id, where it has one."""

    text: str
    conversation: Conversation = field(default_factory=Conversation)


def input_texts(
    texts: Sequence[str], *, file: str | None, dash: str | None = None, stdin: BinaryIO
) -> list[InputText]:
    """Return the texts in order; ``file`` is a path; ``-`` there, or alone (``dash``), is standard input.

    JSONL, CSV and Parquet hold one text per record, in a field ``prompt`` or ``text``, line breaks and all,
    or in ``messages``; what a prompt of a study may bring beside its text is read here too. Any other file,
    and standard input unless its first line begins with ``{``, holds one text per line.

    Raises
    ------
    StudyError : neither or both of texts and file are given.
    RecordError : names file and row of the first
        text that is blank, missing or unreadable.
    """
    if dash not in (None, "-"):
        raise StudyError(f"texts are given with --text, --file, or - for standard input; got {dash!r}.")
    if bool(texts) + (file is not None) + (dash is not None) != 1:
        raise StudyError(
            "give the texts with --text, with --file, or - for standard input, one of the three."
        )
    file = dash or file
    if texts:
        read = [_checked("--text", row, text, None) for row, text in enumerate(texts, start=1)]
    elif file == "-":
        read = list(_lines(_STDIN, stdin.read()))
    elif Path(str(file)).suffix.lower() in SUFFIXES:
        read = [_of_record(str(file), row.number, row.values) for row in read_rows(str(file)).rows]
    else:
        read = list(_lines(str(file), expand_home(str(file)).read_bytes()))
    if not read:
        raise RecordError.at(file, "holds no text; give at least one line")
    return read


def _lines(where: str, data: bytes) -> Iterator[InputText]:
    lines = data.removeprefix(b"\xef\xbb\xbf").splitlines()
    is_jsonl = where == _STDIN and bool(lines) and lines[0].lstrip().startswith(b"{")
    for row, line in enumerate(lines, start=1):
        try:
            text = line.decode()
        except UnicodeDecodeError as error:
            fault = f"byte {error.start + 1} of the line is not UTF-8; save the text as UTF-8"
            raise RecordError.at(where, fault, row=row) from error
        yield _of_json(where, row, text) if is_jsonl else _checked(where, row, text, None)


def _of_json(where: str, row: int, line: str) -> InputText:
    try:
        values = parse_json(line)
    except JsonTextError as error:
        fault = "is not JSON, as its first line is; write one JSON object per line, or texts alone"
        raise RecordError.at(where, fault, row=row) from error
    if not isinstance(values, dict):
        raise RecordError.at(where, "is not a JSON object; write one object per line", row=row)
    return _of_record(where, row, values)


def _of_record(where: str, row: int, values: dict[str, Any]) -> InputText:
    name = next((own for own in _FIELDS if own in values), None)
    if own := {key: values[key] for key in CONVERSATION_FIELDS if key in values}:
        text = {} if name is None else {"prompt": values[name]}
        record = PromptRecord.parse({"id": "text", **text, **own}, file=where, row=row)
        checked = _checked(where, row, record.prompt, None if "id" not in values else str(values["id"]))
        return replace(checked, conversation=record.conversation)
    if name is None:
        fault = f"has no field 'prompt' or 'text'; its fields are {listing(values)}"
        raise RecordError.at(where, fault, row=row)
    text = values[name]
    if not isinstance(text, str):
        raise RecordError.at(where, f"must be text, got {abbreviate(text)}", row=row, field=name)
    key = values.get("id")
    return _checked(where, row, text, None if key is None else str(key))


def _checked(where: str, row: int, text: str, key: str | None) -> InputText:
    if not text.strip():
        raise RecordError.at(where, "is blank; write a text or remove it", row=row)
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise RecordError.at(where, "holds half of a surrogate pair; remove it", row=row) from error
    return InputText(row=row, id=key, text=text)
