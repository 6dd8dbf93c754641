"""What `check` and `label` do: files of records in, tables out; no model library is imported."""

from collections.abc import Sequence
from difflib import get_close_matches
from pathlib import Path

from platformdirs import user_cache_dir

from unsinter.features.labelling.agreement import Agreement
from unsinter.features.labelling.apply import LabelReport, label_file
from unsinter.features.labelling.endpoint import EndpointJudge
from unsinter.features.labelling.judges import HuggingFaceJudge, Judge, RulesJudge
from unsinter.features.records import OpeningRecord, PromptRecord, ResponseRecord
from unsinter.studies.check import check_data
from unsinter.studies.check_tables import check_tables
from unsinter.studies.config import StudyError
from unsinter.studies.tables import Table


def check_verb(
    data: Sequence[Path], *, responses: Path | None, prompts: Path | None, columns: str
) -> list[Table]:
    """Validate records and say what they hold and which questions they can answer."""
    report = check_data(
        data,
        prompts=[prompts] if prompts else [],
        responses=[responses] if responses else [],
        columns=parse_columns(columns),
    )
    tables: list[Table] = list(check_tables(report))
    if report.notes:
        tables.append(("worth knowing", ("note",), [(note,) for note in report.notes]))
    return tables


_FIELDS = {name for kind in (PromptRecord, ResponseRecord, OpeningRecord) for name in kind.model_fields}


def parse_columns(text: str) -> dict[str, str]:
    """Read ``ours=theirs,ours=theirs``; StudyError for anything else."""
    columns = {}
    for part in filter(None, (piece.strip() for piece in text.split(","))):
        ours, equals, theirs = part.partition("=")
        if not (equals and ours and theirs):
            raise StudyError(f"--columns takes ours=theirs,ours=theirs; got {part!r}.")
        if ours.strip() not in _FIELDS:
            near = get_close_matches(ours.strip(), _FIELDS, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"fields are {', '.join(sorted(_FIELDS))}."
            raise StudyError(f"--columns maps {ours.strip()!r}, which is no field of ours; {hint}")
        columns[ours.strip()] = theirs.strip()
    return columns


def label_verb(
    data: Path, *, out: Path | None, judge: str, gold: str | None, prompts: Path | None
) -> list[Table]:
    """Label a file of responses; return counts, and agreement where there are gold labels."""
    report = label_file(data, out, judge=make_judge(judge), gold=gold, prompts=prompts)
    return label_tables(report)


def make_judge(spec: str) -> Judge:
    """Return the judge of ``rules``, ``hf:FOLDER`` or ``endpoint:MODEL@URL``."""
    kind, _, rest = spec.partition(":")
    if spec == "rules":
        return RulesJudge()
    if kind == "hf" and rest:
        return HuggingFaceJudge(Path(rest))
    model, at, url = rest.partition("@")
    if kind == "endpoint" and at and model and url:
        return EndpointJudge(url, model=model, answers=Path(user_cache_dir("unsinter")) / "judge-answers")
    raise StudyError(f"--judge takes rules, hf:FOLDER or endpoint:MODEL@URL, got {spec!r}.")


def label_tables(report: LabelReport) -> list[Table]:
    """Return counts per label and wording, and agreement per model with its confusions."""
    where = f", written to {report.out}" if report.out else ""
    counts = [(name, f"{n:,}") for name, n in report.counts.items() if name != "missing"]
    counts += [(f"missing: {reason}", f"{n:,}") for reason, n in report.missing.items()]
    tables: list[Table] = [
        (f"{report.rows:,} responses labelled by {report.judge}{where}", ("R", "rows"), counts)
    ]
    if report.wordings:
        wordings = sorted(report.wordings.items(), key=lambda pair: -pair[1])
        tables.append(("wording of the refusals", ("W", "rows"), [(name, f"{n:,}") for name, n in wordings]))
    if report.overall is not None:
        agreements = {**report.by_model, "all": report.overall}
        rows = [_agreement_row(name, found) for name, found in agreements.items()]
        header = ("model", "rows", "accuracy", "kappa", "macro-F1", "confusions (gold > ours)")
        tables.append(("agreement with gold labels", header, rows))
    if report.undecided:
        rows = [(gold, f"{n:,}") for gold, n in report.undecided.items()]
        tables.append(
            ("rows with a gold label and none of ours, outside the agreement", ("gold", "rows"), rows)
        )
    if report.other_gold:
        other = [(gold, ours, f"{n:,}") for gold, row in report.other_gold.items() for ours, n in row.items()]
        tables.append(("gold labels with no three-way meaning", ("gold", "ours", "rows"), other))
    return tables


def _agreement_row(name: str, found: Agreement) -> tuple[str, ...]:
    confusions = [
        (n, f"{gold} > {ours} {n}")
        for gold, row in found.confusion.items()
        for ours, n in row.items()
        if n and gold != ours
    ]
    return (
        name,
        f"{found.n:,}",
        f"{found.accuracy:.3f} [{found.low:.3f}, {found.high:.3f}]",
        "-" if found.kappa is None else f"{found.kappa:.3f}",
        f"{found.macro_f1:.3f}",
        ", ".join(text for _, text in sorted(confusions, reverse=True)),
    )
