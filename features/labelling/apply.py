"""Label a file of responses: read, judge, write JSON Lines beside the gold, report agreement."""

import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from unsinter.cache.atomic import make_folder, sweep, write_atomically
from unsinter.cache.errors import naming
from unsinter.cache.location import expand_home
from unsinter.features.labelling.agreement import Agreement, agree, agree_by_model
from unsinter.features.labelling.judges import Judge, JudgedItem, RulesJudge
from unsinter.features.labelling.label import ResponseLabel
from unsinter.features.labelling.spellings import read_refusal
from unsinter.features.records.known_names import listing
from unsinter.features.records.readers import read_prompts
from unsinter.features.records.record import RecordError, abbreviate
from unsinter.features.records.rows import JSON_LINES, read_rows
from unsinter.features.records.text_rows import Row


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelReport:
    """What was labelled, and how far it agrees with gold labels where there are some.

    Attributes
    ----------
    counts, wordings : rows per label (``missing`` for none) and per wording of the refusals.
    missing : reason -> rows without a label.
    overall, by_model : agreement over rows with a three-way gold label and a label; ``None``, empty without.
    other_gold : gold value with no three-way meaning -> our label -> rows.
    undecided : three-way gold label -> rows that have it and no label of ours; they are outside the
    agreement.
    """

    rows: int
    judge: str
    out: Path | None
    counts: Mapping[str, int]
    wordings: Mapping[str, int]
    missing: Mapping[str, int]
    overall: Agreement | None
    by_model: Mapping[str, Agreement]
    other_gold: Mapping[str, Mapping[str, int]]
    undecided: Mapping[str, int]


def label_file(
    path: Path,
    out: Path | None,
    *,
    judge: Judge | None = None,
    gold: str | None = None,
    prompts: Path | None = None,
    before_writing: Callable[[LabelReport], object] = lambda report: None,
) -> LabelReport:
    """Label every response of a file and write JSON Lines to ``out`` (``None``: report only).

    All fields of a row are kept. New ones are ``label``, ``wording``, ``moves``, ``label_source``,
    ``label_provenance`` and ``label_scores``; in a row that holds a ``label`` already, that one is gold and
    stays, and the new ones are ``label_predicted``, ``wording_predicted`` and so on. ``gold`` names the field
    with gold labels (``label`` if unnamed). ``before_writing`` hears of the report before ``out`` is there:
    what it writes is then never missing where a second call finds ``out`` in its way.

    Raises
    ------
    RecordError : a bad row (file, row number and field are named), an output that is the input, or one that
        exists and is not what would be written; nothing is written then.
    """
    path = expand_home(path)
    if out is not None:
        out = expand_home(out)
        _refuse_name(out)
        _refuse_input(path, out)
    table = read_rows(path)
    if out is not None:
        _refuse_other_output(out, [row.values for row in table.rows])
    if gold is not None and gold not in table.columns:
        fault = f"no row has the gold field {gold!r}; the columns are {listing(table.columns)}"
        raise RecordError.at(path, fault)
    prompt_texts = {} if prompts is None else {record.id: record.prompt for record in read_prompts(prompts)}
    judge = judge or RulesJudge()
    table_rows = list(table.rows)
    items = [_item(row, path, prompt_texts) for row in table_rows]
    rows = [row.values for row in table_rows]
    labels = judge.judge(items)
    report = _report(rows, labels, gold=gold or "label", judge=judge.name, out=out)
    before_writing(report)
    if out is not None:
        merged = [_merged(row, label) for row, label in zip(rows, labels, strict=True)]
        _write(out, "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in merged))
    return report


def _refuse_name(out: Path) -> None:
    """Refuse a name under which nothing reads JSON Lines, as of a table."""
    if out.suffix.lower() not in ("", *JSON_LINES):
        raise RecordError(
            f"{out} ends in {out.suffix!r}, and labels are written as JSON Lines, which no reader would look "
            f"for there; name it {out.with_suffix('.jsonl').name}."
        )


def _refuse_input(path: Path, out: Path) -> None:
    if out.exists() and path.exists() and out.samefile(path):
        raise RecordError(f"{out} is the input; name another file to write to.")


def _refuse_other_output(out: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """Refuse a file that stands in the way, unless it may be what a killed call of the same verb finished."""
    if not out.exists():
        return
    try:
        stored = [json.loads(line) for line in out.read_text(encoding="utf-8").splitlines()]
        is_ours = len(stored) == len(rows) and all(
            row.items() <= made.items() and len(made) > len(row)
            for row, made in zip(rows, stored, strict=True)
        )
    except (OSError, ValueError, OverflowError, TypeError, AttributeError, RecursionError):
        is_ours = False
    if not is_ours:
        raise _in_the_way(out)


def _in_the_way(out: Path) -> RecordError:
    return RecordError(f"{out} exists; name another file or move it away.")


def _item(row: Row, path: Path, prompts: Mapping[str, str]) -> JudgedItem:
    if "response_opening" not in row.values:
        fault = "is missing; give a string, or null if withheld"
        raise RecordError.at(path, fault, row=row.number, field="response_opening")
    opening = row.values["response_opening"]
    if opening is not None and not isinstance(opening, str):
        fault = f"must be a string or null; got {abbreviate(opening)}"
        raise RecordError.at(path, fault, row=row.number, field="response_opening")
    prompt = row.values.get("prompt", prompts.get(str(row.values.get("prompt_id"))))
    return JudgedItem(
        id=str(row.values.get("id", f"row {row.number}")),
        opening=opening,
        prompt=prompt if isinstance(prompt, str) else None,
        truncated=_truncated(row, path),
    )


def _truncated(row: Row, path: Path) -> bool:
    value = row.values.get("truncated")
    known = {"true": True, "1": True, "false": False, "0": False, "none": False, "": False}
    read = known.get(str(value).strip().casefold())
    if read is None:
        fault = f"must be true, false or null; got {abbreviate(value)}"
        raise RecordError.at(path, fault, row=row.number, field="truncated")
    return read


def _merged(row: Mapping[str, Any], label: ResponseLabel) -> dict[str, Any]:
    suffix = "" if row.get("label") is None else "_predicted"
    columns = {
        "label": label.refusal,
        "wording": label.wording,
        "moves": [{"name": move.name, "start": move.start, "end": move.end} for move in label.moves],
        "label_source": label.provenance["labeller"],
        "label_provenance": dict(label.provenance),
        "label_scores": {name: round(score, 6) for name, score in label.scores.items()},
    }
    return {**row, **{name + suffix: value for name, value in columns.items()}}


def _write(out: Path, lines: str) -> None:
    with naming(out, RecordError):
        if out.exists():
            if out.read_bytes() != lines.encode():
                raise _in_the_way(out)
            return
        make_folder(out.parent)
        sweep(out)
        write_atomically(out, [lines.encode()])


def _report(
    rows: Sequence[Mapping[str, Any]],
    labels: Sequence[ResponseLabel],
    *,
    gold: str,
    judge: str,
    out: Path | None,
) -> LabelReport:
    pairs = [
        (read_refusal(str(row[gold])), label.refusal, str(row.get("model", "unknown")), str(row[gold]))
        for row, label in zip(rows, labels, strict=True)
        if row.get(gold) is not None and label.refusal is not None
    ]
    mapped = [(known, got, model) for known, got, model, _ in pairs if known is not None]
    other: dict[str, Counter[str]] = {}
    for known, got, _, raw in pairs:
        if known is None:
            other.setdefault(raw, Counter())[got] += 1
    columns = [list(column) for column in zip(*mapped, strict=True)]
    return LabelReport(
        rows=len(rows),
        judge=judge,
        out=out,
        counts=dict(Counter(label.refusal or "missing" for label in labels)),
        wordings=dict(Counter(label.wording for label in labels if label.wording)),
        missing=dict(Counter(label.provenance["missing"] for label in labels if label.refusal is None)),
        overall=agree(columns[0], columns[1]) if mapped else None,
        by_model=agree_by_model(*columns) if mapped else {},
        undecided=dict(
            Counter(
                known
                for row, label in zip(rows, labels, strict=True)
                if label.refusal is None and row.get(gold) is not None
                if (known := read_refusal(str(row[gold]))) is not None
            )
        ),
        other_gold={raw: dict(counts) for raw, counts in sorted(other.items())},
    )
