"""Over all categories: detached or sintered, and the contrast behind it."""

from typing import Any

from unsinter.studies.report.evidence.numbers import NOTHING, is_number, score_text, with_interval
from unsinter.studies.report.evidence.run_data import RunEvidence
from unsinter.studies.report.evidence.verdict_sentences import across_rows
from unsinter.studies.report.sections.blocks import Block, Cell, Grid, Note

_TONES = {"detached": "good", "sintered": "bad"}


def across_blocks(evidence: RunEvidence) -> list[Block]:
    """Return the decision per model and the contrast behind it; nothing where the table was not made."""
    across = evidence["across_categories"]
    if across.empty:
        return []
    rows = [_row(row) for model in evidence.models for row in across_rows(across, model)]
    caption = (
        "Pooled rows mix categories: where a category fixes the wording, a probe of the category alone looks "
        "like one of wording; category alone is the most that one could reach. Within: rows of one category "
        "are compared with each other only. Unseen category: the same, by probes trained on the others. As "
        "high as the category alone when pooled and near .5 within is what sintered means; high in all three "
        "is detached. Effective rank: how many axes of harm the categories have, beside what a single one "
        "would give with as much noise; share in common: of a category's own axis."
    )
    header = (
        "model", "site", "answer", "pooled", "category alone", "within a category", "unseen category",
        "effective rank (one axis)", "share in common",
    )  # fmt: skip
    sentences = [
        Note(text=f"{model}. {row['statement']}")
        for model in evidence.models
        for row in across_rows(across, model)[:1]
    ]
    return [
        *sentences,
        Grid(title="Pooled against within a category", caption=caption, header=header, rows=rows),
    ]


def _row(row: dict[str, Any]) -> list[str | Cell]:
    chosen = " (chosen)" if row["selected"] else ""
    return [
        str(row["model"]),
        f"{row['layer']}, {row['position']}{chosen}",
        Cell(text=str(row["decision"]), tone=_TONES.get(str(row["decision"]), "quiet")),
        with_interval(row, "pooled", "pooled_low", "pooled_high"),
        score_text(row["category_alone"]),
        *(with_interval(row, name, f"{name}_low", f"{name}_high") for name in ("within", "wording_transfer")),
        _rank(row),
        with_interval(row, "common_share", "common_share_low", "common_share_high"),
    ]


def _rank(row: dict[str, Any]) -> str:
    names = ("rank", "rank_one_axis_low", "rank_one_axis_high")
    value, low, high = (f"{row[name]:.1f}" if is_number(row[name]) else NOTHING for name in names)
    return f"{value} ({low} to {high})"
