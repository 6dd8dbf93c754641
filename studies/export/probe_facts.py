"""What a run knows of one of its probes: from its tables to the fields of a card."""

import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from unsinter.features.records.record import PromptRecord
from unsinter.studies.study.file import StudyError
from unsinter.studies.study.target_definition import TargetDefinition
from unsinter.studies.study.targets import definition_of, read_definitions
from unsinter.studies.tables.read import RunReader, is_known_version

_HUB_ID = re.compile(r"[\w-][\w.-]*/[\w-][\w.-]*")


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeFacts:
    """Everything a card says that is not a weight.

    Attributes
    ----------
    model, target, layer, position : the probe's place in the run.
    identity : what the model is (``ChatModel.identity``).
    template : how prompts were rendered: auto, chat or raw.
    context : what the study put around every prompt (`PromptContext.context`), and the hub's revision.
    base_model : the model's id on a hub; None for a folder, whose path is nobody else's business.
    row : the probe's row of results.parquet; None where the table holds NaN.
    meaning : what the target's classes are and where it is defined.
    licences : one mapping per source and licence of the prompts, with their number (see `data_licences`).
    """

    study: str
    model: str
    target: str
    layer: int
    position: str
    identity: Mapping[str, str]
    template: str
    context: Mapping[str, Any]
    base_model: str | None
    row: Mapping[str, Any]
    split_digest: str
    seed: int
    versions: Mapping[str, str]
    licences: Sequence[Mapping[str, Any]]
    meaning: str

    @property
    def is_tuned(self) -> bool:
        """Whether tuning chose the probe."""
        return bool(self.row.get("tuned"))

    @property
    def family(self) -> str | None:
        """Probe family; None where the table has no such column."""
        return self.row.get("family")

    @property
    def about(self) -> dict[str, str]:
        """What the run's weights files say of themselves (see `write_weights`)."""
        return weights_about(self.split_digest, self.identity)


def weights_about(split_digest: str, identity: Mapping[str, str]) -> dict[str, str]:
    """Return what ties a weights file to its run: the split and the model's weights."""
    return {"split_digest": split_digest, "weights": identity["weights"]}


def data_licences(prompts: Sequence[PromptRecord]) -> list[dict[str, Any]]:
    """Return source, licence and number of prompts, sorted; ``unknown`` where a record does not say."""
    counts = Counter((p.source or "unknown", p.licence or "unknown") for p in prompts)
    return [
        {"source": source, "licence": licence, "prompts": n}
        for (source, licence), n in sorted(counts.items())
    ]


def make_facts(
    summary: Mapping[str, Any],
    row: Mapping[str, Any],
    *,
    path: str,
    template: str,
    own: Mapping[str, TargetDefinition] | None = None,
) -> ProbeFacts:
    """Return the facts of the probe in ``row`` of a run's results.

    ``summary`` is what summary.json holds; ``path`` and ``template`` are the model's in the study file, and
    ``own`` the targets that the file defines.
    """
    plain = {name: _plain(value) for name, value in row.items()}
    return ProbeFacts(
        study=summary["study"],
        model=plain["model"],
        target=plain["target"],
        layer=plain["layer"],
        position=plain["position"],
        identity=summary["models"][plain["model"]]["identity"],
        template=template,
        context=_table(summary["models"][plain["model"]].get("context")),
        base_model=path if _HUB_ID.fullmatch(path) else None,
        row=plain,
        split_digest=summary["split_digest"],
        seed=summary["seed"],
        versions=summary["versions"],
        licences=summary.get("licences", []),
        meaning=((own or {}).get(plain["target"]) or definition_of(plain["target"])).meaning,
    )


_NEEDED = ("model", "target", "layer", "position", "family", "metric", "score")
"""Columns of results that say which probe a row is of."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeChoice:
    """Which probe of a run: without a site the one its training rows chose, without a model its only one.

    Attributes
    ----------
    family : needed where a site has probes of several.
    is_tuned : the probe that tuning chose, not one of the sweep.
    """

    target: str
    model: str | None = None
    layer: int | None = None
    position: str | None = None
    family: str | None = None
    is_tuned: bool = False


def read_facts(folder: Path, choice: ProbeChoice) -> ProbeFacts:
    """Return the facts of one probe of a finished run.

    Raises
    ------
    StudyError : the folder holds no finished run, or no such model, target or site, which are then listed.
    """
    reader = _reader(folder)
    summary = reader.summary()
    if not is_known_version(version := summary.get("schema_version")):
        file = folder / "summary.json"
        raise StudyError(f"{file} has schema_version {str(version)[:40]!a}; run the study with this version.")
    study, results = reader.study(), reader.table("results", columns=_NEEDED)
    assert results is not None
    sources = {source["name"]: source for source in study.get("models", ())}
    model = _model_of(folder, [name for name in sources if name in summary["models"]], choice.model)
    where = f"{folder}: {model}, {choice.target}"
    rows = _rows_of_target(folder, results, summary, model, choice.target)
    rows = _rows_of_kind(rows, tuned=choice.is_tuned, where=where)
    row = _row_of_site(rows, choice, where=where)
    _check_summary(folder, summary, model)
    source = sources[model]
    path, template = str(source["path"]), str(source.get("template", "auto"))
    return make_facts(summary, row, path=path, template=template, own=read_definitions(study))


def _reader(folder: Path) -> RunReader:
    for name in ("summary.json", "results.parquet", "study.yaml"):
        if not (folder / name).is_file():
            raise StudyError(f"{folder} holds no finished run ({name} is missing); run the study first.")
    return RunReader.open(folder, error=StudyError)


def _check_summary(folder: Path, summary: Mapping[str, Any], model: str) -> None:
    """Raise StudyError where a summary, which anyone may have written, lacks what a card says."""
    lacks = [name for name in ("study", "split_digest", "seed", "versions") if name not in summary]
    if not isinstance(summary["models"][model].get("identity", {}).get("weights"), str):
        lacks.append(f"models.{model}.identity.weights")
    if lacks:
        path = folder / "summary.json"
        raise StudyError(f"{path} lacks {lacks[0]}; run the study again, which writes it anew.")


def _model_of(folder: Path, names: Sequence[str], name: str | None) -> str:
    if name is None and len(names) == 1:
        return names[0]
    if name is None or name not in names:
        what = "several models" if name is None else f"no model {name!r}"
        raise StudyError(f"{folder} holds {what}; name one with --model: {', '.join(names)}.")
    return name


def _rows_of_target(
    folder: Path, results: pd.DataFrame, summary: Mapping[str, Any], model: str, target: str
) -> pd.DataFrame:
    rows = results[(results["model"] == model) & (results["target"] == target)]
    if rows.empty:
        reason = summary["models"][model].get("not_studied", {}).get(target)
        known = ", ".join(sorted(results.loc[results["model"] == model, "target"].unique())) or "none"
        why = f" ({reason})" if reason else ""
        raise StudyError(f"{folder}: {model} has no probe for target {target!r}{why}; it has {known}.")
    return rows


def _rows_of_kind(rows: pd.DataFrame, *, tuned: bool, where: str) -> pd.DataFrame:
    """Return the sweep's rows, or the tuned one."""
    is_tuned = rows["tuned"].astype(bool) if "tuned" in rows else pd.Series(False, index=rows.index)
    if tuned and not is_tuned.any():
        raise StudyError(f"{where}: no probe was tuned; leave out --tuned, or run the study with tuning.")
    return rows[is_tuned] if tuned else rows[~is_tuned]


def _row_of_site(rows: pd.DataFrame, choice: ProbeChoice, *, where: str) -> dict[str, Any]:
    layer, position, family = choice.layer, choice.position, choice.family
    if (layer is None) != (position is None):
        raise StudyError("--layer and --position go together; name both, or neither for the selected site.")
    if layer is not None:
        matching = rows[(rows["layer"] == layer) & (rows["position"] == position)]
        site = f"layer {layer} at {position!r}"
    else:
        matching = rows if choice.is_tuned else rows[rows["selected"].astype(bool)]
        site = "a selected site"
    if family is not None and "family" in rows:
        matching, site = matching[matching["family"] == family], f"{site} of family {family!r}"
    if len(matching) == 1:
        return {str(name): value for name, value in matching.iloc[0].to_dict().items()}
    if len(matching) > 1:
        families = ", ".join(map(str, matching["family"])) if "family" in matching else "one family"
        raise StudyError(f"{where}: {site} has probes of {families}; name one with --family.")
    layers, positions = sorted(set(rows["layer"])), ", ".join(sorted(set(rows["position"])))
    raise StudyError(
        f"{where}: {site} was not fitted; layers {', '.join(map(str, layers))} at {positions} were."
    )


def _table(value: Any) -> Mapping[str, Any]:
    """Return what a run of this version noted; nothing for one of an earlier version."""
    return value if isinstance(value, Mapping) else {}


def _plain(value: Any) -> Any:
    """Return a table's cell as JSON can hold it: a Python number, and None for NaN and infinities."""
    value = value.item() if hasattr(value, "item") else value
    return None if isinstance(value, float) and not math.isfinite(value) else value
