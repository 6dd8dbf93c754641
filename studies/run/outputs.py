"""What a run leaves behind, written from finished steps: tables, figures, weights, probes, report."""

import json
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import pandas as pd
import yaml
from matplotlib.figure import Figure

from unsinter.studies.export.export import write_site_probe
from unsinter.studies.export.probe_facts import make_facts
from unsinter.studies.figures.causal import causal_figures
from unsinter.studies.figures.layers import draw_each, layer_curves
from unsinter.studies.figures.transfer_matrix import matrix_name, transfer_maps
from unsinter.studies.report import write_page
from unsinter.studies.report.answers.answer_lines import answer_lines
from unsinter.studies.report.evidence.run_data import ReportError, gather_evidence
from unsinter.studies.run.model import ModelOutcome
from unsinter.studies.store.run_folder import RunFolder
from unsinter.studies.store.site_weights import read_weights, weights_file
from unsinter.studies.study.targets import read_definitions
from unsinter.studies.tables.read import RunReader


def write_outputs(
    folder: RunFolder,
    outcomes: Sequence[ModelOutcome],
    tables: Mapping[str, pd.DataFrame],
    summary: Mapping[str, Any],
) -> dict[str, Any]:
    """Write all but the study and its split, numbers first: tables, weights, probes, summary, then pictures.

    Returns
    -------
    The summary as written, with the lines of its ``answer`` and, by name, what was ``not_drawn`` and why.
    """
    for name, table in tables.items():
        folder.write_table(name, table)
    for outcome in outcomes:
        _write_probes(folder, outcome, summary)
    reader = RunReader(folder=folder.path, inventory=None, error=ReportError)
    evidence = gather_evidence(reader, dict(summary))
    summary = {**summary, "answer": [str(line) for line in answer_lines(evidence)], "not_drawn": {}}
    _write_summary(folder, summary)
    # Nothing that is drawn can undo what was computed: what fails from here on is said beside it.
    titles = {name: known.title for name, known in evidence.targets.items()}
    not_drawn = draw_each(_figures(tables, titles), folder.path / "figures").faults
    on_page = write_page(replace(evidence, summary={**summary, "not_drawn": not_drawn}))
    summary = {**summary, "not_drawn": not_drawn | dict(on_page)}
    if summary["not_drawn"]:
        _write_summary(folder, summary)
    return summary


def _write_summary(folder: RunFolder, summary: Mapping[str, Any]) -> None:
    text = json.dumps(summary, indent=1, sort_keys=True)
    folder.write(folder.path / "summary.json", lambda file: file.write_text(text + "\n", encoding="utf-8"))


def _figures(
    tables: Mapping[str, pd.DataFrame], titles: Mapping[str, str]
) -> Iterator[tuple[str, Callable[[], Figure]]]:
    """Yield name and drawing: score by layer for all models and for each, and each model's matrices."""
    if "results" in tables:
        results, floors = tables["results"], tables["floors"]
        yield "layers", partial(layer_curves, results, floors, titles=titles)
        for model in results["model"].unique():
            own = (table[table["model"] == model] for table in (results, floors))
            yield f"layers-{model}", partial(layer_curves, *own, titles=titles)
    if "transfer" in tables:
        for (model, target, kind), part in tables["transfer"].groupby(
            ["model", "target", "kind"], sort=False
        ):
            shown = part[part["selected"] | (part["reader"] == "words")]
            yield matrix_name(model, kind, target), partial(transfer_maps, shown)
    if "causal" in tables:
        yield from causal_figures(tables["causal"])


def _write_probes(folder: RunFolder, outcome: ModelOutcome, summary: Mapping[str, Any]) -> None:
    """Keep every site's weights, and export the probes that the training rows chose."""
    own_targets = read_definitions(yaml.safe_load(folder.study_text))
    for target, step in (outcome.steps | outcome.shares).items():
        kept = step.folder / "weights.safetensors"
        own = weights_file(folder.path, model=outcome.name, target=target)
        folder.write(own, partial(shutil.copyfile, kept))
    described = summary["models"][outcome.name]
    for row in (*described["selected"], *described["tuned"]):
        facts = make_facts(summary, row, path=outcome.path, template=outcome.template, own=own_targets)
        own = weights_file(folder.path, model=outcome.name, target=facts.target)
        site = read_weights(own, layer=facts.layer, position=facts.position, tuned=row["tuned"])
        write_site_probe(folder.path / "probes", site, facts)
