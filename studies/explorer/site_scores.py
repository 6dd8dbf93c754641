"""What every target scores at a site, each with its floor and its control, as the report writes it."""

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

from unsinter.studies.explorer.sheets import Beside, Block, Site, Texts
from unsinter.studies.report.answers.answer import judge
from unsinter.studies.report.evidence.numbers import (
    NOTHING,
    control_text,
    floor_phrase,
    gain_of,
    join_words,
    metric_of,
    score_of,
    score_text,
)
from unsinter.studies.report.evidence.run_data import RunEvidence
from unsinter.studies.study.targets import in_order

HEADER = ("target", "score", "best floor", "gain over it", "control", "note")

_NAME = "scores at this site"
_NONE = "The run has no score, floor and control of these targets at this site."

SiteRows: TypeAlias = Mapping[Site, Sequence[Sequence[str]]]
"""A row per target and family, by layer and position: the target, then the cells of ``HEADER``."""


def score_table(rows: Sequence[Sequence[str]], texts: Texts) -> list[Block]:
    """Return the rows of one site as a table."""
    return [texts.table(_NAME, HEADER, [row[1:] for row in rows])]


def beside_of(scores: SiteRows, texts: Texts) -> Beside:
    """Return what tells the scores of targets at a site: no AUROC stands without its floor and control."""

    def beside(targets: Sequence[str], site: Site) -> list[Block]:
        rows = [row for row in scores.get(site, ()) if row[0] in targets]
        if not rows:
            return [texts.words("caption", _NONE)]
        heading = texts.words("h4", "Scores at this site, with floor and control")
        return [heading, *score_table(rows, texts)]

    return beside


def site_scores(evidence: RunEvidence, model: str) -> SiteRows:
    """Return a row per target and family, by layer and position: the target, then the cells of ``HEADER``.

    A score without floor or control is not shown, as in the report: its row says what is missing.
    """
    results = evidence.of("results", model=model)
    if results.empty:
        return {}
    results = results[~results["tuned"].eq(True).fillna(False)]
    rows: dict[Site, list[list[str]]] = {}
    for target in in_order(results["target"]):
        own = results[results["target"] == target]
        several = own["family"].nunique() > 1
        for row in own.to_dict("records"):
            name = evidence.target(target).title + (f", {row['family']}" if several else "")
            rows.setdefault((int(row["layer"]), str(row["position"])), []).append(_row(name, model, row))
    return rows


def _row(name: str, model: str, row: dict[str, Any]) -> list[str]:
    target = str(row["target"])
    claim = judge(model, target, row)
    if not claim.shown:
        return [
            target,
            name,
            NOTHING,
            NOTHING,
            NOTHING,
            NOTHING,
            f"not shown: {join_words(list(claim.against))}",
        ]
    floor = f"{score_text(row['floor'])}, {floor_phrase(row['floor_name'])}"
    notes = ["chosen in training"] if row["selected"] is True else []
    notes += [f"does not stand: {join_words(list(claim.against))}"] if claim.against else []
    notes += [claim.beside] if claim.beside else []
    score = f"{metric_of(row)} {score_of(row)}"
    return [target, name, score, floor, gain_of(row), control_text(row), "; ".join(notes)]
