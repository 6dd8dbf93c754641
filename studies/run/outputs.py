"""What a run leaves behind, written from finished steps: tables, figures, weights, probes, report."""

import json
import shutil
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd

from unsinter.studies.export.export import write_site_probe
from unsinter.studies.export.probe_facts import make_facts
from unsinter.studies.figures.layers import layer_curves, save_figure
from unsinter.studies.figures.transfer_matrix import transfer_maps
from unsinter.studies.report import write_report
from unsinter.studies.report.answer_lines import answer_lines
from unsinter.studies.report.run_data import gather_evidence
from unsinter.studies.run.model import ModelOutcome
from unsinter.studies.store.run_folder import RunFolder
from unsinter.studies.store.site_weights import read_weights, weights_file


def write_outputs(
    folder: RunFolder,
    outcomes: Sequence[ModelOutcome],
    tables: Mapping[str, pd.DataFrame],
    summary: Mapping[str, Any],
) -> dict[str, Any]:
    """Write all but the study and its split; where summary and report stand, the run is complete.

    Returns
    -------
    The summary as written, with the lines of its ``answer``.
    """
    for name, table in tables.items():
        folder.write_table(name, table)
    for outcome in outcomes:
        _write_probes(folder, outcome, summary)
    if "results" in tables:
        draw_layers(folder.path / "figures", tables["results"], tables["floors"])
    if "transfer" in tables:
        draw_transfer(folder.path / "figures", tables["transfer"])
    evidence = gather_evidence(folder.path, dict(summary))
    summary = {**summary, "answer": [str(line) for line in answer_lines(evidence)]}
    text = json.dumps(summary, indent=1, sort_keys=True)
    folder.write(folder.path / "summary.json", lambda file: file.write_text(text + "\n", encoding="utf-8"))
    write_report(folder.path)
    return summary


def draw_layers(figures: Path, results: pd.DataFrame, floors: pd.DataFrame) -> None:
    """Draw score by layer for each model, and all models in one figure."""
    save_figure(layer_curves(results, floors), figures, "layers")
    for model in results["model"].unique():
        own = (table[table["model"] == model] for table in (results, floors))
        save_figure(layer_curves(*own), figures, f"layers-{model}")


def draw_transfer(figures: Path, transfer: pd.DataFrame) -> None:
    """Draw each model's matrices at the site chosen for D."""
    for (model, kind), part in transfer.groupby(["model", "kind"], sort=False):
        shown = part[part["selected"] | (part["reader"] == "words")]
        save_figure(transfer_maps(shown), figures, f"transfer-{model}-{kind}")


def _write_probes(folder: RunFolder, outcome: ModelOutcome, summary: Mapping[str, Any]) -> None:
    """Keep every site's weights, and export the probes that the training rows chose."""
    for target, step in outcome.steps.items():
        kept = step.folder / "weights.safetensors"
        own = weights_file(folder.path, model=outcome.name, target=target)
        folder.write(own, partial(shutil.copyfile, kept))
    described = summary["models"][outcome.name]
    for row in (*described["selected"], *described["tuned"]):
        facts = make_facts(summary, row, path=outcome.path, template=outcome.template)
        own = weights_file(folder.path, model=outcome.name, target=facts.target)
        site = read_weights(own, layer=facts.layer, position=facts.position, tuned=row["tuned"])
        write_site_probe(folder.path / "probes", site, facts)
