"""What `check` and `label` do: files of records in, tables out; no model library is imported."""

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

from platformdirs import user_cache_dir

from unsinter.cache.location import expand_home
from unsinter.features.labelling.agreement import Agreement
from unsinter.features.labelling.apply import LabelReport, label_file
from unsinter.features.labelling.endpoint import EndpointJudge
from unsinter.features.labelling.judges import HuggingFaceJudge, Judge, RulesJudge
from unsinter.features.records.readers import read_responses
from unsinter.features.records.record import OpeningRecord, PromptRecord, ResponseRecord
from unsinter.studies.cli.tables.check import check_tables
from unsinter.studies.data.check import CheckReport, check_data, check_records
from unsinter.studies.data.load import study_prompts
from unsinter.studies.data.own_questions import OwnQuestions
from unsinter.studies.machine.loading import loading_problems
from unsinter.studies.study.file import StudyError, load_study
from unsinter.studies.study.label_rates import write_label_rates
from unsinter.studies.study.run_files import check_run_file
from unsinter.studies.study.sections import NearCopies
from unsinter.studies.tables.columns import Table


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckRequest:
    """What `unsinter check` was given.

    Attributes
    ----------
    data : files of records, or one study file whose records are checked.
    all_harmful, all_harmless : files of prompts that have no such column.
    near_copies : similarity of texts and of words from which prompts are near copies.
    """

    data: Sequence[Path] = ()
    responses: Path | None = None
    prompts: Path | None = None
    columns: str = ""
    all_harmful: Sequence[Path] = ()
    all_harmless: Sequence[Path] = ()
    near_copies: float | None = None
    strip_wrapper: bool = False


def check_verb(request: CheckRequest) -> list[Table]:
    """Validate records and say what they hold and which questions they can answer."""
    for path in request.data:
        if path.name.partition("=")[0] in _FIELDS and not expand_home(path).exists():
            raise StudyError(
                f"{path} is no file; pairs of --columns are separated by commas, without blanks: "
                f"--columns ours=theirs,{path.name}."
            )
    for path in filter(None, (*request.data, request.responses, request.prompts)):
        check_run_file(expand_home(path), error=StudyError)
    studies = [path for path in request.data if path.suffix.lower() in (".yaml", ".yml")]
    report = _check_study(request, studies[0]) if studies else _check_files(request)
    tables: list[Table] = list(check_tables(report))
    if report.notes:
        tables.append(("worth knowing", ("note",), [(note,) for note in report.notes]))
    if problems := loading_problems(load_study(studies[0]).models) if studies else ():
        tables.append(("would not run on this machine", ("why",), [(problem,) for problem in problems]))
    return tables


def _check_files(request: CheckRequest) -> CheckReport:
    declared = dict.fromkeys(map(expand_home, request.all_harmful), True)
    for path in map(expand_home, request.all_harmless):
        if declared.setdefault(path, False):
            raise StudyError(f"{path} is named by --all-harmful and by --all-harmless; name it once.")
    return check_data(
        request.data,
        prompts=[request.prompts] if request.prompts else [],
        responses=[request.responses] if request.responses else [],
        columns=parse_columns(request.columns),
        all_harmful=declared,
        near_copies=_near_copies(request),
    )


def _check_study(request: CheckRequest, path: Path) -> CheckReport:
    """Check the records that a study file names, read as the study reads them."""
    others = (request.data[1:], request.responses, request.prompts, request.columns, request.all_harmful)
    if any(others) or request.all_harmless or request.strip_wrapper or request.near_copies is not None:
        raise StudyError(
            f"{path} is a study file, which says all there is to say of its records; give it alone."
        )
    study = load_study(path)
    prompts = study_prompts(study)
    responses = read_responses(study.responses.path) if study.responses and study.responses.path else []
    files = [(str(path), "prompts", len(prompts)), (str(path), "responses", len(responses))]
    return check_records(
        prompts,
        responses,
        files=[file for file in files if file[2]],
        near_copies=study.prompts.near_copies,
        beside=OwnQuestions.of(study),
    )


def _near_copies(request: CheckRequest) -> NearCopies:
    if request.near_copies is None:
        return NearCopies(strip_wrapper=request.strip_wrapper)
    if not 0 < request.near_copies <= 1:
        raise StudyError(f"--near-copies must be above 0 and at most 1, got {request.near_copies:g}.")
    return NearCopies(
        threshold=request.near_copies, word_threshold=request.near_copies, strip_wrapper=request.strip_wrapper
    )


_FIELDS = {name for kind in (PromptRecord, ResponseRecord, OpeningRecord) for name in kind.model_fields}


def parse_columns(text: str) -> dict[str, str]:
    """Read ``ours=theirs,ours=theirs``.

    Raises
    ------
    StudyError : the text reads otherwise.
    """
    columns = {}
    for part in filter(None, (piece.strip() for piece in text.split(","))):
        ours, equals, theirs = part.partition("=")
        if not (equals and ours and theirs):
            raise StudyError(f"--columns takes ours=theirs,ours=theirs; got {part!r}.")
        if ours.strip() not in _FIELDS:
            near = get_close_matches(ours.strip(), _FIELDS, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"fields are {', '.join(sorted(_FIELDS))}."
            raise StudyError(f"--columns maps {ours.strip()!r}, which is no field of ours; {hint}")
        if ours.strip() in columns:
            raise StudyError(f"--columns maps {ours.strip()!r} twice; map it once.")
        columns[ours.strip()] = theirs.strip()
    return columns


def label_verb(
    data: Path,
    *,
    out: Path | None,
    judge: str,
    gold: str | None,
    prompts: Path | None,
    rates: Path | None = None,
) -> list[Table]:
    """Label a file of responses; return counts, and agreement where there are gold labels.

    ``rates`` is where to write how often labels are right, for the study's ``separation.sure``.
    """
    for path in filter(None, (data, prompts)):
        check_run_file(expand_home(path), error=StudyError)
    before = (lambda report: None) if rates is None else (lambda report: write_label_rates(report, rates))
    report = label_file(data, out, judge=make_judge(judge), gold=gold, prompts=prompts, before_writing=before)
    return label_tables(report)


def make_judge(spec: str) -> Judge:
    """Return the judge of ``rules``, ``hf:FOLDER`` or ``endpoint:MODEL@URL``."""
    kind, _, rest = spec.partition(":")
    if spec == "rules":
        return RulesJudge()
    if kind == "hf" and rest:
        return HuggingFaceJudge(expand_home(rest))
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
        agreements = [*report.by_model.items(), ("all", report.overall)]
        rows = [_agreement_row(name, agreement) for name, agreement in agreements]
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


def _agreement_row(name: str, agreement: Agreement) -> tuple[str, ...]:
    confusions = [
        (n, f"{gold} > {ours} {n}")
        for gold, row in agreement.confusion.items()
        for ours, n in row.items()
        if n and gold != ours
    ]
    return (
        name,
        f"{agreement.n:,}",
        f"{agreement.accuracy:.3f} [{agreement.low:.3f}, {agreement.high:.3f}]",
        "-" if agreement.kappa is None else f"{agreement.kappa:.3f}",
        f"{agreement.macro_f1:.3f}",
        ", ".join(text for _, text in sorted(confusions, reverse=True)),
    )
