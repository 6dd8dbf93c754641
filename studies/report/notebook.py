"""A finished run as an object: tables, verdicts, probes and figures where a notebook wants them."""

from collections.abc import Mapping
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from unsinter.cache.location import expand_home
from unsinter.probes.files.export import load_probe
from unsinter.probes.files.exported import ProbeWeights
from unsinter.studies.export.export import probe_name
from unsinter.studies.figures.layers import layer_curves
from unsinter.studies.figures.transfer_matrix import transfer_maps
from unsinter.studies.report.answer_lines import answer_lines
from unsinter.studies.report.run_data import TABLES, Evidence, ReportError, read_evidence


@dataclass(frozen=True, slots=True)
class Run:
    """A finished run.

    Examples
    --------
    >>> run = Run.open("runs/demo")  # doctest: +SKIP
    >>> run.results[run.results["selected"]]  # doctest: +SKIP
    """

    evidence: Evidence

    @classmethod
    def open(cls, folder: Path | str) -> "Run":
        """Return the run in a folder; every file is compared with its digest.

        Raises
        ------
        ReportError : no finished run, an unknown schema, or a damaged file.
        """
        return cls(evidence=read_evidence(expand_home(Path(folder))))

    @property
    def folder(self) -> Path:
        """Where the run lies."""
        return self.evidence.folder

    @property
    def summary(self) -> Mapping[str, Any]:
        """What ``summary.json`` holds."""
        return self.evidence.summary

    @property
    def models(self) -> tuple[str, ...]:
        """The names of the models, in the order of the study."""
        return tuple(self.evidence.models)

    @property
    def answer(self) -> tuple[str, ...]:
        """The answer in at most six lines, as the command line and the page say it."""
        return tuple(str(line) for line in answer_lines(self.evidence))

    @property
    def results(self) -> pd.DataFrame:
        """One row per fitted probe (docs/columns.md)."""
        return self.table("results")

    @property
    def verdicts(self) -> pd.DataFrame:
        """One row per pair, contrast and site, and a summary row per pair and site."""
        return self.table("verdicts")

    @property
    def transfer(self) -> pd.DataFrame:
        """One row per matrix cell, reader and site."""
        return self.table("transfer")

    def table(self, name: str) -> pd.DataFrame:
        """Return a table of the run, empty where the run wrote none.

        Raises
        ------
        ReportError : no table of a run is called so.
        """
        if name not in TABLES:
            raise ReportError(f"a run has no table {name!r}; it has {', '.join(TABLES)}.")
        return self.evidence[name].copy()

    def probe(self, target: str, *, model: str | None = None, tuned: bool = False) -> ProbeWeights:
        """Return the probe of the site that the training rows chose for a target.

        Parameters
        ----------
        model : may be left out where the run has one.
        tuned : the tuned probe in place of the sweep's.

        Raises
        ------
        ReportError : the run holds no such probe; those that it holds are named.
        """
        names = self.models if model is None else (model,)
        rows = [
            row
            for name in names
            for row in self.evidence.models.get(name, {}).get("tuned" if tuned else "selected", ())
        ]
        chosen = [row for row in rows if row["target"] == target]
        if len(chosen) != 1:
            held = ", ".join(f"{row['target']} of {row['model']}" for row in rows) or "none"
            why = "several models have one, name one" if chosen else "there is none"
            raise ReportError(f"{self.folder}: the probe for {target!r}: {why}; the run holds {held}.")
        return load_probe(self.folder / "probes" / f"{probe_name(chosen[0])}.safetensors")

    def layers_figure(self, model: str | None = None) -> Figure:
        """Return held-out score by layer with floors and controls, as a figure that can be restyled."""
        tables = (self.table(name) for name in ("results", "floors"))
        results, floors = (t if model is None else t[t["model"] == model] for t in tables)
        titles = {name: known.title for name, known in self.evidence.targets.items()}
        return layer_curves(results, floors, titles=titles)

    def transfer_figure(self, model: str, kind: str = "category", *, target: str = "D") -> Figure:
        """Return a model's transfer matrix of a target at the chosen site beside that of the words.

        Raises
        ------
        ReportError : the run has no such matrix; those that it has are named.
        """
        table = self.transfer
        part = table if table.empty else table[(table["model"] == model) & (table["kind"] == kind)]
        part = part if part.empty else part[part["target"] == target]
        if part.empty:
            columns = ["target", "model", "kind"]
            kinds = [] if table.empty else table[columns].drop_duplicates().to_numpy().tolist()
            held = ", ".join(f"{which} in {name} over {kind}" for which, name, kind in kinds) or "none"
            raise ReportError(
                f"{self.folder}: there is no matrix of {target} in {model} over {kind}; the run has {held}."
            )
        return transfer_maps(part[part["selected"] | (part["reader"] == "words")])

    def __repr__(self) -> str:
        return "\n".join([f"Run({str(self.folder)!r})", *self.answer])

    def _repr_html_(self) -> str:
        lines = "".join(f"<li>{escape(line)}</li>" for line in self.answer)
        models = ", ".join(map(escape, self.models))
        name = escape(str(self.summary.get("study", self.folder.name)))
        page = escape(str(self.folder / "report.html"))
        return f"<p><strong>{name}</strong> ({models})</p><ul>{lines}</ul><p>{page}</p>"
