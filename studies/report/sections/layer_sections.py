"""Scores by layer, detection against refusal, single prompts: the pictures behind the chosen scores."""

from functools import partial

import pandas as pd

from unsinter.studies.figures.layers import layer_panel
from unsinter.studies.figures.scores import two_axes
from unsinter.studies.figures.style import CELLS, colours
from unsinter.studies.report.answers.answer import judge
from unsinter.studies.report.evidence.numbers import control_text, floor_phrase, score_of, score_text, site_of
from unsinter.studies.report.evidence.run_data import RunEvidence
from unsinter.studies.report.sections.blocks import Block, Drawn, Key, Note, Panels
from unsinter.studies.report.sections.figures import PageFigure, page_figure, variable
from unsinter.studies.study.targets import in_order
from unsinter.studies.token_maps.colour_limits import colour_limits
from unsinter.studies.token_maps.reading_html import reading_html
from unsinter.studies.token_maps.readings import OUT_OF_TRAINING, make_readings

MOST_CELLS = 40_000
"""Scores of single prompts that a page shows; of more prompts it names the command that shows them."""


def layer_blocks(evidence: RunEvidence) -> list[Block]:
    """Return the curves of each model: one panel per question."""
    blocks: list[Block] = []
    for model in evidence.models:
        figures = [
            _curve(evidence, model, target, name=f"layers-{model}-{target}")
            for target in _shown(evidence, model)
        ]
        if figures:
            legend = _curve_legend(evidence.of("results", model=model))
            blocks.append(Panels(figures=figures, legend=legend, caption=_CURVES, title=model))
    return blocks


def first_curve(evidence: RunEvidence) -> tuple[PageFigure, list[Key]] | None:
    """Return the curve of the first question of the first model, and its keys; None where none is shown."""
    for model in evidence.models:
        for target in _shown(evidence, model):
            rows = evidence.of("results", model=model, target=target)
            keys = [key for key in _curve_legend(rows) if key.mark in ("line", "dashed", "ring")]
            return _curve(evidence, model, target, name="first"), keys
    return None


def _shown(evidence: RunEvidence, model: str) -> list[str]:
    """Return a model's questions whose chosen scores have floor and control: others are not drawn."""
    rows = evidence.of("results", model=model)
    if rows.empty:
        return []
    targets = []
    for target in in_order(rows["target"]):
        chosen = rows[(rows["target"] == target) & rows["selected"]]
        if all(judge(model, target, row).shown for row in chosen.to_dict("records")):
            targets.append(target)
    return targets


def _curve(evidence: RunEvidence, model: str, target: str, *, name: str) -> PageFigure:
    rows = evidence.of("results", model=model, target=target)
    floors = evidence.of("floors", model=model, target=target)
    figure = partial(layer_panel, rows, floors, title=evidence.target(target).title)
    return page_figure(figure, name=name, alt=_curve_alt(model, target, rows))


_CURVES = (
    "Held-out score by layer, band: 95 % interval over groups. A curve matters where its band lies above "
    "the dashed line. The ring is the site chosen inside the training rows; the best-looking layer of a "
    "curve was not chosen by anyone and is no result."
)


def _curve_alt(model: str, target: str, rows: pd.DataFrame) -> str:
    picked = rows[rows["selected"]]
    if picked.empty:
        return f"Held-out score of {target} by layer in {model}."
    row = picked.iloc[0].to_dict()
    return (
        f"Held-out score of {target} by layer in {model}: {score_of(row)} at the chosen site, "
        f"{site_of(row)}; best floor {score_text(row['floor'])} from {floor_phrase(row['floor_name'])}; "
        f"control {control_text(row)}."
    )


def _curve_legend(rows: pd.DataFrame) -> list[Key]:
    keys = [
        Key(mark="line", name=name, colour=variable(colour))
        for name, colour in colours(rows["position"]).items()
    ]
    keys += [Key(mark="dashed", name="best floor"), Key(mark="ring", name="chosen in training")]
    if "shuffled" in rows:
        keys += [
            Key(
                mark="dotted",
                name="control (task, or shuffled labels where groups are too small)",
                colour="var(--muted)",
            ),
            Key(mark="dashdot", name="shuffled labels", colour="var(--muted)"),
        ]
    return keys


def axes_blocks(evidence: RunEvidence) -> list[Block]:
    """Return one picture per model: detection score against refusal score at the site chosen for D."""
    figures, counts = [], []
    for model in evidence.models:
        points = axis_points(evidence, model)
        if points.empty:
            continue
        n = points.groupby(["harm", "answer"]).size()
        numbers = ", ".join(f"{name} {n.get(cell, 0)}" for cell, (_, _, name) in CELLS.items())
        counts.append(f"{model}: {numbers}")
        alt = f"Detection score against refusal score of held-out prompts of {model} ({numbers})."
        figures.append(page_figure(partial(two_axes, points), name=f"axes-{model}", alt=alt, title=model))
    if not figures:
        return []
    marks = ("dot", "triangle", "square", "diamond")
    legend = [
        Key(mark=mark, name=name, colour=variable(colour))
        for mark, (colour, _, name) in zip(marks, CELLS.values(), strict=True)
    ]
    caption = (
        "Each mark is a held-out prompt, read at the site chosen for D by a probe of harm (across) and a "
        "probe of refusal (up). Look at the two off-diagonal cells: if the model held one thing only, "
        "triangles and squares would lie on the line that the other two cells span; where they leave it, "
        f"two things can be read. This is a picture, not a test. Prompts per cell: {'; '.join(counts)}."
    )
    return [Panels(figures=figures, legend=legend, caption=caption)]


def axis_points(evidence: RunEvidence, model: str) -> pd.DataFrame:
    """Return a model's held-out prompts with both scores at the site chosen for D, and their true cell."""
    chosen = evidence.of("results", model=model, target="D", selected=True)
    scores = evidence.of("predictions", model=model)
    if chosen.empty or scores.empty:
        return pd.DataFrame()
    row = chosen.loc[chosen["inner_score"].idxmax()]
    here = scores[(scores["layer"] == row["layer"]) & (scores["position"] == row["position"])]
    if "family" in here:
        here = here[here["family"] == row["family"]]
    sides = {}
    for target, names in {"D": ("detection", "harm"), "R": ("refusal", "answer")}.items():
        part = here[here["target"] == target].drop_duplicates("id")
        sides[target] = part.set_index("id")[["score", "truth"]].set_axis(list(names), axis=1)
    return sides["D"].join(sides["R"], how="inner")


def prompt_blocks(evidence: RunEvidence) -> list[Block]:
    """Return the prompts that were read token by token, folded, as many as a page can hold."""
    shown = evidence["shown_prompts"]
    if shown.empty:
        return []
    limits = colour_limits(shown, evidence["predictions"])
    readings = make_readings(shown, evidence["token_scores"], limits)
    titles = {name: known.title for name, known in evidence.targets.items()}
    blocks: list[Block] = [Note(text=_SINGLE), Note(text=OUT_OF_TRAINING, tone="warning")]
    n_cells = 0
    for n_shown, reading in enumerate(readings):
        n_cells += reading.n_cells
        if n_cells > MOST_CELLS and n_shown:
            left = f"{len(readings) - n_shown} more prompts were read; unsinter show {evidence.folder.name}"
            blocks.append(Note(text=f"{left} lists them, and shows each with --prompt ID."))
            break
        blocks.append(Drawn(html=reading_html(reading, titles=titles, is_open=n_shown == 0)))
    return blocks


_SINGLE = (
    "Held-out prompts with every token coloured by its score minus the probe's threshold: of each cell of "
    "harm and refusal the most and the least typical, and prompts that are called wrongly. The text has the "
    "colours of the chosen layer, underlined above the threshold, the template's own signs in italics; the "
    "map has all layers, the chosen one in a frame, and an arrow beside each token that the probe was fitted "
    "on. Of the answer only the label and the length stand here."
)
