"""The causal check on the page: effects beside their nulls, the matrix beside that of transfer."""

from functools import partial
from typing import Any

import pandas as pd

from unsinter.studies.causal.sentences import OUTCOMES, causal_answers, change_text
from unsinter.studies.figures.causal import (
    COLOURS,
    causal_heat,
    effect_name,
    effect_plot,
    matrix_cells,
)
from unsinter.studies.figures.transfer_compact import transfer_heat
from unsinter.studies.report.evidence.numbers import NOTHING, is_number
from unsinter.studies.report.evidence.run_data import RunEvidence
from unsinter.studies.report.sections.blocks import Block, Cell, Grid, Key, Note, Panels
from unsinter.studies.report.sections.figures import page_figure, variable

_TONES = {"yes": "good", "no": "bad", "open": "quiet"}
_LEGEND = (
    *(Key(mark="dot", name=used, colour=variable(colour)) for used, colour in COLOURS.items()),
    Key(mark="ring", name="small grey dots: random and permuted directions", colour="var(--muted)"),
)


def causal_blocks(evidence: RunEvidence) -> list[Block]:
    """Return what was changed and what it did, model by model; nothing where no check was made."""
    causal = evidence["causal"]
    blocks: list[Block] = []
    if causal.empty:
        return blocks
    for model in evidence.models:
        own = causal[causal["model"] == model]
        if own.empty:
            continue
        blocks += [Note(text=line) for line in causal_answers(own, [model])]
        figures = [
            page_figure(
                partial(effect_plot, rows),
                name=effect_name(model, str(outcome)),
                alt=f"{model}: {_alt(rows)}",
                title=f"{model}: {OUTCOMES[str(outcome)]}",
            )
            for outcome, rows in own[own["kind"].isin(["effect", "null"])].groupby("outcome", sort=False)
        ]
        blocks.append(Panels(figures=figures, legend=_LEGEND, caption=_caption(own.iloc[0].to_dict())))
        blocks += _matrix(causal, model)
        blocks.append(_table(own[own["kind"] == "effect"], model))
    return blocks


def _caption(how: dict[str, Any]) -> str:
    where = "at the site's layer" if how["span"] == "at" else "at the site's layer and every later one"
    tokens = "at every token" if how["tokens"] == "all" else "at the site's tokens alone"
    if how["operation"] == "add":
        done = f"A class's direction was added {where}, {tokens}, to held-out prompts of the other classes"
    else:
        to = "its mean over training prompts" if how["reference"] == "mean" else "zero"
        done = f"A class's coordinate was set to {to} {where}, {tokens}, for held-out prompts of the class"
    return (
        f"{done}; the change is read from the probability of the model's own openings. No answer was made "
        "under it. Intervals are over groups and hold for all directions at once. Yes: the interval excludes "
        "zero, the change exceeds that of every random and permuted direction, and the other factor's "
        "direction does not explain it. No: the interval lies within the margin. Everything else is open."
    )


def _alt(rows: pd.DataFrame) -> str:
    return "; ".join(
        f"{row['factor']} {row['class']} {change_text(row)}, {row['used']}"
        for row in rows[rows["kind"] == "effect"].to_dict("records")
    )


def _matrix(causal: pd.DataFrame, model: str) -> list[Block]:
    cells = matrix_cells(causal, model)
    if cells.empty:
        return []
    first = cells.iloc[0]
    title = f"{model}: the direction of one category taken out, refusals of another"
    site = f"layer {first['layer']}, {first['position']}"
    wanted = (
        ("effect", partial(causal_heat, cells), "Change of the log-odds of a refusal, nats"),
        ("transfer", partial(transfer_heat, cells, "auroc"), "Probe of the row, AUROC on the column"),
    )
    figures = [
        page_figure(draw, name=f"causal-matrix-{model}-{name}", alt=f"{shown}: {title}.", title=shown)
        for name, draw, shown in wanted
    ]
    caption = (
        "Rows: a category whose direction (its harmful training prompts against harmless ones) is taken out; "
        f"columns: the held-out harmful prompts it is measured on. Beside it transfer, both at {site}."
    )
    return [Panels(figures=figures, caption=caption, title=title)]


def _table(effects: pd.DataFrame, model: str) -> Grid:
    rows: list[list[str | Cell]] = [
        [
            str(row["factor"]),
            str(row["class"]),
            f"layer {row['layer']}, {row['position']}",
            str(row["outcome"]),
            f"{row['before']:+.2f}",
            change_text(row),
            f"{row['nulls']:.2f}",
            _maybe(row["other"]),
            _maybe(row["apart"]),
            f"{row['margin']:.2f}",
            Cell(text=str(row["used"]), tone=_TONES.get(str(row["used"]), "quiet")),
            str(row["reason"]),
        ]
        for row in effects.to_dict("records")
    ]
    header = (
        "factor", "class", "site", "outcome", "before", "change", "largest null", "other factor",
        "part apart from it", "margin", "used", "why",
    )  # fmt: skip
    return Grid(title=f"Every direction: {model}, nats", header=header, rows=rows, folded=True, wrapped=True)


def _maybe(value: object) -> str:
    return f"{value:+.2f}" if is_number(value) else NOTHING
