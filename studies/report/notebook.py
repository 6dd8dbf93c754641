"""A finished run as an object: tables, verdicts, probes and figures where a notebook wants them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd
from matplotlib.axes import Axes

from unsinter.cache.location import cache_root, default_root, expand_home
from unsinter.cache.notebook_html import line_list
from unsinter.probes.files.export import load_probe
from unsinter.probes.files.exported import ProbeWeights
from unsinter.studies.data.sites import Site
from unsinter.studies.export.export import probe_name
from unsinter.studies.figures.layers import layer_curves
from unsinter.studies.figures.transfer_matrix import transfer_maps
from unsinter.studies.figures.verdict_text import chosen_site, summary_rows
from unsinter.studies.figures.verdicts import verdict_maps
from unsinter.studies.report.answers.answer_lines import answer_lines
from unsinter.studies.report.evidence.cached_activations import KEPT, Activations, read_cached, read_kept
from unsinter.studies.report.evidence.run_data import TABLES, ReportError, RunEvidence, read_evidence
from unsinter.studies.tables.matrix_cells import matrices_in_words, matrix_cells, matrix_words
from unsinter.studies.tables.prompt_columns import PROMPTS


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """A finished run.

    Where a run has several models, a method that reads one takes its name as ``model``. Figures are returned
    as their matplotlib axes: ``run.plot_layers()[0].figure`` is the figure, shown and saved as any other.

    Examples
    --------
    >>> run = Run.open("runs/demo")  # doctest: +SKIP
    >>> run.results[run.results["selected"]]  # doctest: +SKIP
    >>> ids, X = run.activations(4, "template_end", model="planted-cue")  # doctest: +SKIP
    """

    evidence: RunEvidence
    cache: Path = field(default_factory=default_root)
    """Where the run's activations are."""

    @classmethod
    def open(cls, folder: Path | str, *, cache: Path | str | None = None) -> "Run":
        """Return the run in a folder; every file is compared with its digest.

        Parameters
        ----------
        cache : of the run's activations; the one that the command line uses unless named.

        Raises
        ------
        ReportError : no finished run, an unknown schema, or a damaged file.
        """
        root = default_root() if cache is None else cache_root(cache)
        return cls(evidence=read_evidence(expand_home(folder)), cache=root)

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
    def prompts(self) -> pd.DataFrame:
        """One row per model and prompt, as the run read it: text, group, side of the split, labels.

        ``harmful`` and ``category`` are D and C, ``refusal`` and ``wording`` R and W of the model's answer,
        ``target_NAME`` the class of a target of the study's own as text, empty where it is masked.

        Raises
        ------
        ReportError : the run is of an earlier version, which kept no prompts, or a file is damaged.
        """
        prompts, labels = (read_kept(self.folder, name) for name in KEPT)
        table = labels.drop(columns="row").merge(prompts, on="id", how="left", validate="many_to_one")
        first = ["model", *(name for name in PROMPTS if name in table)]
        return table[[*first, *(name for name in table if name not in first)]]

    def transfer(
        self,
        *,
        model: str | None = None,
        kind: str | None = None,
        target: str | None = None,
        selected: bool = False,
    ) -> pd.DataFrame:
        """Return the cells of transfer matrices: one row per matrix cell, reader and site.

        Parameters
        ----------
        model, kind, target : of one model; ``category``, ``category_held_out``, ``wording`` or ``source``;
            D or a target of the study's own. All where left out.
        selected : of the chosen site, and of the words alone.

        Raises
        ------
        ReportError : the run has no such matrix; those that it has are named.
        """
        table = self.table("transfer")
        part = matrix_cells(table, model=model, kind=kind, target=target)
        if part.empty and not (model is None and kind is None and target is None):
            wanted = matrix_words(f"of {model}" if model else "", kind, target)
            known = matrices_in_words(table)
            raise ReportError(f"{self.folder}: there is no matrix {wanted}; the run has {known}.")
        return part[part["selected"] | (part["reader"] == "words")] if selected and len(part) else part

    def table(self, name: str) -> pd.DataFrame:
        """Return a table of the run, empty where the run wrote none.

        Raises
        ------
        ReportError : no table of a run is called so, or an earlier version of the run did not keep it.
        """
        if name in KEPT:
            return read_kept(self.folder, name)
        if name not in TABLES:
            raise ReportError(f"a run has no table {name!r}; it has {', '.join((*TABLES, *KEPT))}.")
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
            probes = ", ".join(f"{row['target']} of {row['model']}" for row in rows) or "none"
            why = "several models have one, name one" if chosen else "there is none"
            raise ReportError(f"{self.folder}: the probe for {target!r}: {why}; the run holds {probes}.")
        return load_probe(self.folder / "probes" / f"{probe_name(chosen[0])}.safetensors")

    def activations(self, layer: int, position: str, *, model: str | None = None) -> Activations:
        """Return a model's activations of the run's prompts from the cache; no model is loaded.

        Returns
        -------
        ``ids`` (n_prompts,) and ``values`` (n_prompts, d_model) float32, in the order of `prompts`.

        Raises
        ------
        ReportError : no such site or model, a run of an earlier version, or the cache holds the site no
            longer.
        CacheError : a file of the cache is damaged or cannot be read.
        """
        name = self._one_model(model)
        rows = read_kept(self.folder, "rows")
        return read_cached(
            self.folder,
            rows[rows["model"] == name],
            self.evidence.models[name].get("extraction", {}),
            layer=layer,
            position=position,
            cache=self.cache,
        )

    def plot_layers(self, *, model: str | None = None) -> list[Axes]:
        """Draw held-out score by layer with floors and controls: a row per model, an axis per target."""
        tables = (self.table(name) for name in ("results", "floors"))
        results, floors = (t if model is None else t[t["model"] == self._one_model(model)] for t in tables)
        titles = {name: known.title for name, known in self.evidence.targets.items()}
        return list(layer_curves(results, floors, titles=titles).axes)

    def plot_transfer(
        self, *, model: str | None = None, kind: str = "category", target: str = "D"
    ) -> list[Axes]:
        """Draw a model's transfer matrix of a target at the chosen site, and that of the words beside it.

        Raises
        ------
        ReportError : the run has no such matrix; those that it has are named.
        """
        cells = self.transfer(model=self._one_model(model), kind=kind, target=target, selected=True)
        return list(transfer_maps(cells).axes)

    def plot_verdicts(self, *, model: str | None = None) -> list[Axes]:
        """Draw a model's verdicts, layer by position: an axis per pair, the chosen site outlined.

        Raises
        ------
        ReportError : the run judged nothing of the model.
        """
        name = self._one_model(model)
        rows = summary_rows(self.verdicts) if self.evidence.has_verdicts else pd.DataFrame({"model": []})
        rows = rows[rows["model"] == name]
        if rows.empty:
            raise ReportError(f"{self.folder}: the run has no verdicts of {name} that can be drawn.")
        pairs = [(str(pair), part, self._site(part)) for pair, part in rows.groupby("pair", sort=False)]
        return list(verdict_maps(pairs).axes)

    def _site(self, rows: pd.DataFrame) -> Site:
        row, _ = chosen_site(rows, self.results)
        return row["layer"], row["position"]

    def _one_model(self, name: str | None) -> str:
        if name in self.models:
            return name
        if name is None and len(self.models) == 1:
            return self.models[0]
        what = "several models, name one" if name is None else f"no model {name!r}"
        raise ReportError(f"{self.folder}: the run has {what} of {', '.join(self.models)}.")

    def __repr__(self) -> str:
        return "\n".join([f"Run({str(self.folder)!r})", *self.answer])

    def _repr_html_(self) -> str:
        name, page = str(self.summary.get("study", self.folder.name)), str(self.folder / "report.html")
        return line_list(name, self.answer, beside=f"({', '.join(self.models)})", below=page)
