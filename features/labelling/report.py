"""A label report as plain text: counts, agreement, confusion per model."""

from collections.abc import Mapping, Sequence

from unsinter.features.labelling.agreement import Agreement
from unsinter.features.labelling.apply import LabelReport


def render_report(report: LabelReport) -> str:
    """Return a report as lines of text for a terminal."""
    lines = [f"{report.rows} responses labelled by {report.judge}: {_counts(report.counts)}"]
    if report.out is not None:
        lines.append(f"written to {report.out}")
    if report.wordings:
        lines.append(f"wording of refusals: {_counts(report.wordings)}")
    if report.missing:
        lines.append(f"without a label: {_counts(report.missing)}")
    if report.overall is None:
        lines.append("no gold labels with a three-way meaning: agreement is not measured")
    else:
        lines += ["", *_table(agreement_rows(report))]
        for model, part in report.by_model.items():
            lines += ["", f"{model}: rows are gold, columns are ours", *_table(_confusion(part))]
    for gold, counts in report.other_gold.items():
        lines.append(f"gold {gold!r} (no three-way meaning): {_counts(counts)}")
    return "\n".join(lines)


def agreement_rows(report: LabelReport) -> list[list[str]]:
    """Return the agreement table, header first: one row per model, then all rows together."""
    parts = [*report.by_model.items(), *([("all", report.overall)] if report.overall else [])]
    rows = [["model", "n", "accuracy", "95 % interval", "kappa", "macro F1"]]
    for model, part in parts:
        kappa = "-" if part.kappa is None else f"{part.kappa:.3f}"
        interval = f"{part.low:.3f} to {part.high:.3f}"
        rows.append([model, str(part.n), f"{part.accuracy:.3f}", interval, kappa, f"{part.macro_f1:.3f}"])
    return rows


def _confusion(part: Agreement) -> list[list[str]]:
    columns = list(part.confusion)
    return [
        ["", *columns],
        *([row, *(str(part.confusion[row][column]) for column in columns)] for row in columns),
    ]


def _counts(counts: Mapping[str, int]) -> str:
    return ", ".join(
        f"{name} {count}" for name, count in sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))
    )


def _table(rows: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    ]
