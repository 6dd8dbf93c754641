"""Probes that read another model's activations through a linear map, each with its evidence."""

from collections.abc import Iterator, Mapping
from typing import Any

from unsinter.studies.explorer.auroc_cells import CellScore, counts_of
from unsinter.studies.explorer.sheets import Beside, Layout, Sheet, Texts, isolated, site_text
from unsinter.studies.figures.style import METRICS
from unsinter.studies.report.evidence.numbers import (
    control_text,
    floor_phrase,
    is_number,
    score_text,
    with_interval,
)
from unsinter.studies.report.evidence.run_data import RunEvidence
from unsinter.studies.report.sections.model_pair_sections import rivals


def carried_sheets(evidence: RunEvidence, model: str, texts: Texts, beside: Beside) -> Iterator[Sheet]:
    """Yield the sheet of a model's probes: a row per target, a column per other model."""
    rows = evidence.of("cross_model", to_model=model)
    if rows.empty:
        return
    targets = [target for target in evidence.targets if (rows["target"] == target).any()]
    others = list(dict.fromkeys(map(str, rows["from_model"])))
    cells = []
    for row in rows[rows["target"].isin(targets)].to_dict("records"):
        places = targets.index(row["target"]), others.index(str(row["from_model"]))
        site, target = (int(row["to_layer"]), str(row["to_position"])), str(row["target"])
        reading = _reading(row, rivals(evidence, model, target))
        cells.append(reading.cell(*places, site=site, texts=texts, beside=beside([target], site)))
    yield Sheet(
        title="this model's probes on another model's activations",
        corner="rows: target; columns: the model whose activations are mapped",
        rows=targets,
        columns=others,
        numbered=others,
        layouts=[Layout(cells=cells)],
    )


def _reading(row: dict[Any, Any], there: Mapping[str, Any]) -> CellScore:
    target, other = str(row["target"]), str(row["from_model"])
    floor, metric = there.get("floor"), METRICS.get(str(row["metric"]), str(row["metric"]))
    own, theirs = ((int(row[f"{side}_layer"]), str(row[f"{side}_position"])) for side in ("to", "from"))
    return CellScore(
        heading=f"{target}, read in activations of {isolated(other)}",
        about=f"{target}, activations of {other}",
        line=f"Probe of {site_text(own)}; activations of {site_text(theirs)}, mapped there.",
        metric=metric,
        chance=0.5 if row["metric"] == "auroc" else 0.0,
        score=row["auroc"],
        floor=floor,
        floor_name="best floor there",
        is_above=bool(is_number(row["low"]) and is_number(floor) and row["low"] > floor),
        terms=[
            (f"{metric} on the mapped activations", with_interval(row, "auroc", "low", "high")),
            ("best floor there", f"{score_text(floor)}, {floor_phrase(there.get('floor_name'))}"),
            ("control there", control_text(there) if there else ""),
            ("the same probe on its own model's activations", score_text(row["native"])),
            (
                "maps of rows paired at random",
                with_interval(row, "shuffled", "shuffled_low", "shuffled_high"),
            ),
            ("R\u00b2 of the map", score_text(row["r2"])),
            *counts_of(row),
        ],
    )
