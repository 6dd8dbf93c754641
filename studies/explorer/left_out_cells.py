"""Scores on a source or category that took no part in training or choosing, each with its evidence."""

from collections.abc import Iterator
from typing import Any

from unsinter.studies.explorer.auroc_cells import CellScore, counts_of, is_gain
from unsinter.studies.explorer.sheets import Beside, Layout, Sheet, Texts, isolated, site_text
from unsinter.studies.report.evidence.numbers import score_text, with_interval
from unsinter.studies.report.evidence.run_data import RunEvidence


def left_out_sheets(evidence: RunEvidence, model: str, texts: Texts, beside: Beside) -> Iterator[Sheet]:
    """Yield a sheet for categories and one for sources: a row per target, a column per part left out."""
    for kind in ("category", "source"):
        rows = evidence.of("held_out", model=model, kind=kind)
        if rows.empty:
            continue
        targets = [target for target in evidence.targets if (rows["target"] == target).any()]
        names = list(dict.fromkeys(map(str, rows["held_out"])))
        cells = []
        for row in rows[rows["target"].isin(targets)].to_dict("records"):
            places = targets.index(row["target"]), names.index(str(row["held_out"]))
            site = int(row["layer"]), str(row["position"])
            scores = beside([str(row["target"])], site)
            cells.append(_reading(row).cell(*places, site=site, texts=texts, beside=scores))
        yield Sheet(
            title=f"one {kind} left out",
            corner=f"rows: target; columns: the {kind} left out",
            rows=targets,
            columns=names,
            numbered=names,
            layouts=[Layout(cells=cells)],
        )


def _reading(row: dict[Any, Any]) -> CellScore:
    target, kind, name = (str(row[column]) for column in ("target", "kind", "held_out"))
    site = int(row["layer"]), str(row["position"])
    return CellScore(
        heading=f"{target} on the {kind} {isolated(name)}, which took no part",
        about=f"{target}, {kind} {name} left out",
        line=f"Site chosen without it: {site_text(site)}.",
        score=row["auroc"],
        floor=row["words"],
        is_above=is_gain(row),
        terms=[
            ("AUROC of the probe", with_interval(row, "auroc", "low", "high")),
            ("floor: AUROC of the words, on the same rows", score_text(row["words"])),
            ("gain over the words, paired", with_interval(row, "gain", "gain_low", "gain_high")),
            ("AUROC inside the other rows, when the site was chosen", score_text(row.get("inner_score"))),
            *((side, str(row[side])) for side in ("positives", "negatives") if row.get(side)),
            *counts_of(row),
        ],
    )
