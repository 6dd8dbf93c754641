"""One prompt of a finished run, its scores by token: from the run's tables, or from its model."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd
from pydantic import ValidationError

from unsinter.cache import default_root
from unsinter.features.records.known_names import near_name
from unsinter.features.records.record import PromptRecord
from unsinter.features.rendering.rendering import whole_identity
from unsinter.studies.activations.model_reading import load_source
from unsinter.studies.activations.rendered_prompts import render_prompts
from unsinter.studies.cli.commands.prompt_sites import PromptChoice, chosen_sites
from unsinter.studies.export.probe_facts import weights_about
from unsinter.studies.store.site_weights import read_weights, weights_file
from unsinter.studies.study.built_in_targets import HARM
from unsinter.studies.study.file import StudyError
from unsinter.studies.study.run_options import Progress
from unsinter.studies.study.sections import ModelSource
from unsinter.studies.study.targets import read_definitions
from unsinter.studies.tables.prompt_columns import KEPT_PROMPTS, KEPT_ROWS, OWN
from unsinter.studies.tables.read import RunReader
from unsinter.studies.token_maps.colour_limits import colour_limits
from unsinter.studies.token_maps.reading import ProbeColumn, probe_column, score_tokens
from unsinter.studies.token_maps.readings import PromptReading, make_readings


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownPrompt:
    """What was read of a prompt, and the titles of its targets."""

    reading: PromptReading
    titles: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Tables:
    """The tables of a run that say what a prompt is and what was made of it."""

    prompts: pd.DataFrame
    rows: pd.DataFrame
    results: pd.DataFrame
    predictions: pd.DataFrame
    shown: pd.DataFrame

    @classmethod
    def of(cls, reader: RunReader) -> "_Tables":
        """Read them.

        Raises
        ------
        StudyError : a run of a version that did not keep them.
        """
        needed = {
            "prompts": KEPT_PROMPTS,
            "rows": KEPT_ROWS,
            "results": ("model", "target", "threshold", "classes"),
        }
        tables = {name: reader.table(name, columns=columns) for name, columns in needed.items()}
        for name, table in tables.items():
            if table is None:
                raise StudyError(f"{reader.folder} has no {name}.parquet; run its study again.")
        others = {"predictions": reader.table("predictions"), "shown": reader.table("shown_prompts")}
        empty = pd.DataFrame()
        return cls(**{name: empty if t is None else t for name, t in (tables | others).items()})


def read_shown(reader: RunReader, choice: PromptChoice, *, progress: Progress) -> ShownPrompt:
    """Return one prompt's scores by token; the model is loaded only where the run has not read the prompt.

    Raises
    ------
    StudyError : no such model, prompt, target, layer or position. ModelError, ProbeFileError : the model is
        gone, or is not the one of the run any more.
    """
    summary, run = reader.summary(), _Tables.of(reader)
    model = _model_of(reader, list(summary["models"]), choice.model)
    labels = _labels_of(reader, run, model, choice.id)
    sites = chosen_sites(reader, run.results[run.results["model"] == model], choice)
    scores = _kept_scores(reader, model, choice.id, sites)
    if scores is None:
        progress(f"{model}: the prompt token by token", 0, 1)
        scores = _fresh_scores(reader, summary, model, labels, sites)
        progress(f"{model}: the prompt token by token", 1, 1)
    shown = pd.DataFrame([_row(reader, run, labels, site) for site in sites])
    (reading,) = make_readings(shown, scores, colour_limits(shown, run.predictions))
    titles = {name: known.title for name, known in read_definitions(reader.study()).items()}
    return ShownPrompt(reading=reading, titles=titles)


def _model_of(reader: RunReader, names: Sequence[str], name: str | None) -> str:
    if name is None and len(names) == 1:
        return names[0]
    if name not in names:
        what = "several models" if name is None else f"no model {name!r}"
        raise StudyError(f"{reader.folder} holds {what}; name one with --model: {', '.join(names)}.")
    return str(name)


def _labels_of(reader: RunReader, run: _Tables, model: str, name: str) -> dict[str, Any]:
    """Return what the run knows of a prompt and of the model's answer to it."""
    prompts, rows = run.prompts[run.prompts["id"] == name], run.rows[run.rows["id"] == name]
    if prompts.empty:
        known = [str(other) for other in run.prompts["id"]]
        raise StudyError(f"{reader.folder} read no prompt {name!r}; {near_name(name, known)}")
    own = rows[rows["model"] == model]
    if own.empty or not own.iloc[0]["row"]:
        raise StudyError(
            f"prompt {name!r} took no part in the run of {model} (too long for it, or without the answer "
            "that its positions need); name another."
        )
    return {**prompts.iloc[0].to_dict(), **own.iloc[0].to_dict()}


def _kept_scores(
    reader: RunReader, model: str, name: str, sites: Sequence[Mapping[str, Any]]
) -> pd.DataFrame | None:
    """Return the run's own scores of the prompt; None unless it has them of all these targets and layers."""
    table = reader.table("token_scores")
    if table is None:
        return None
    own = table[(table["model"] == model) & (table["id"] == name)]
    parts = [own[(own["target"] == s["target"]) & (own["position"] == s["position"])] for s in sites]
    if any(int(s["layer"]) not in set(part["layer"]) for s, part in zip(sites, parts, strict=True)):
        return None
    return pd.concat(parts, ignore_index=True)


def _fresh_scores(
    reader: RunReader,
    summary: Mapping[str, Any],
    model: str,
    labels: Mapping[str, Any],
    sites: Sequence[Mapping[str, Any]],
) -> pd.DataFrame:
    """Read the prompt with its model, after checking that this is the model of the run."""
    source = _source(reader, model)
    identity = summary["models"][model]["identity"]
    columns = [_column(reader, summary, site) for site in sites]
    loaded = load_source(source, notes=default_root())
    own = json.loads(str(labels.get("conversation") or "{}"))
    record = PromptRecord.parse({"id": str(labels["id"]), "prompt": str(labels["prompt"]), **own})
    (row,) = render_prompts([record], loaded, source)
    site = sites[0]
    file = weights_file(reader.folder, model=model, target=str(site["target"]))
    probe = read_weights(file, layer=int(site["layer"]), position=str(site["position"]))
    card = {"model": {"name": model, **identity}, "target": site["target"], "template": source.template}
    probe = replace(probe, threshold=0.0, calibration=None)
    probe.as_probe(card).check_fits(identity=whole_identity(loaded, [row]), d_model=loaded.d_model)
    return score_tokens(loaded, source, row, record, columns).assign(model=model)


def _source(reader: RunReader, model: str) -> ModelSource:
    """Return where a run's model is; StudyError where none was loaded."""
    entries = [entry for entry in reader.study().get("models", ()) if entry.get("name") == model]
    try:
        source = ModelSource.model_validate(entries[0] if entries else {})
    except ValidationError as error:
        raise StudyError(f"{reader.folder / 'study.yaml'} says of {model} what no study can say.") from error
    if source.activations is not None:
        raise StudyError(
            f"{model}'s activations were saved elsewhere and no model is loaded, so no token can be read."
        )
    return source


def _column(reader: RunReader, summary: Mapping[str, Any], site: Mapping[str, Any]) -> ProbeColumn:
    """Return the probes of a site's target at all layers of its position."""
    model, target = str(site["model"]), str(site["target"])
    results = reader.table("results")
    assert results is not None
    of_target = (results["model"] == model) & (results["target"] == target)
    file = weights_file(reader.folder, model=model, target=target)
    reader.check(file.relative_to(reader.folder).as_posix())
    return probe_column(
        results[of_target & ~results["tuned"].astype(bool)],
        file,
        layer=int(site["layer"]),
        position=str(site["position"]),
        about=weights_about(str(summary["split_digest"]), summary["models"][model]["identity"]),
    )


def _row(
    reader: RunReader, run: _Tables, labels: Mapping[str, Any], site: Mapping[str, Any]
) -> dict[str, Any]:
    """Return a row of ``shown_prompts`` for the prompt at a site."""
    model, target = str(site["model"]), str(site["target"])
    layer, position = int(site["layer"]), str(site["position"])
    file = weights_file(reader.folder, model=model, target=target)
    classes = read_weights(file, layer=layer, position=position).classes
    harm = _harm(labels["harmful"])
    truths = {"D": harm, "R": labels["refusal"], "W": labels["wording"]}
    truth = truths.get(target) if target in truths else labels.get(f"{OWN}{target}")
    here = run.predictions
    for name in ("model", "target", "layer", "position", "family"):
        here = here[here[name] == site[name]] if name in here else here
    scores = here.loc[here["id"] == labels["id"], "score"].tolist() if len(here) else []
    return {
        "model": model,
        "id": labels["id"],
        "target": target,
        "why": _why(run.shown, model, str(labels["id"])),
        "cell": "/".join(part for part in (harm, labels["refusal"]) if part),
        "truth": truth if truth in classes else "",
        "negative": classes[0],
        "positive": classes[1],
        "family": site["family"],
        "layer": layer,
        "position": position,
        "score": float(scores[0]) if scores else float("nan"),
        "threshold": float(site["threshold"]) if pd.notna(site["threshold"]) else 0.0,
        "refusal": labels["refusal"],
        "wording": labels["wording"],
        "opening_characters": labels.get("opening_characters"),
    }


def _harm(harmful: object) -> str:
    return "" if pd.isna(harmful) else HARM[bool(harmful)]


def _why(shown: pd.DataFrame, model: str, name: str) -> str:
    """Return what the run itself chose a prompt for; nothing where it did not."""
    if shown.empty:
        return ""
    own = shown.loc[(shown["model"] == model) & (shown["id"] == name), "why"]
    return str(own.iloc[0]) if len(own) else ""
