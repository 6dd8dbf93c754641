"""Exporting a probe of a run: weights, card and README in one folder, ONNX and scikit-learn beside them."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from unsinter.probes.calibration import Calibration
from unsinter.probes.families.family import FORMATS
from unsinter.probes.families.registry import DEFAULT, family_of
from unsinter.probes.files.card_seal import digest_of
from unsinter.probes.files.export import pack_probe, probe_files, with_card
from unsinter.probes.files.exported import ProbeWeights
from unsinter.probes.files.whole_files import write_together
from unsinter.studies.export.probe_card import probe_readme
from unsinter.studies.export.probe_facts import ProbeFacts
from unsinter.studies.store.site_weights import SiteWeights
from unsinter.studies.study.file import StudyError

_FILES = {"onnx": "probe.onnx", "sklearn": "probe.skops"}


def export_name(weights: SiteWeights, facts: ProbeFacts) -> str:
    """Return what an exported probe's folder or file is called."""
    return probe_name(
        {
            "model": facts.model,
            "target": facts.target,
            "layer": weights.layer,
            "position": weights.position,
            "family": weights.family,
            "tuned": weights.is_tuned,
        }
    )


def probe_name(row: Mapping[str, Any]) -> str:
    """Return what the files of a probe are called, by its row of ``results``."""
    family = "" if row["family"] == DEFAULT.name else f"-{row['family']}"
    tuned = "-tuned" if row["tuned"] else ""
    return f"{row['model']}-{row['target']}-layer{int(row['layer']):02d}-{row['position']}{family}{tuned}"


def write_site_probe(folder: Path, weights: SiteWeights, facts: ProbeFacts) -> Path:
    """Write `<name>.safetensors` and its card `<name>.json` into ``folder``; return the weights file."""
    probe, data = pack_probe(completed(weights, facts).as_probe(card_facts(facts)), examples=weights.examples)
    path = folder / f"{export_name(weights, facts)}.safetensors"
    write_together(probe_files(path, probe, data))
    return path


def export_site(
    out: Path, weights: SiteWeights, facts: ProbeFacts, formats: Sequence[str] = ("safetensors",)
) -> list[Path]:
    """Write a folder in the Hugging Face layout under ``out`` and return its files.

    `probe.safetensors`, its card `probe.json` and `README.md` are always written; `onnx` adds `probe.onnx`,
    `sklearn` adds `probe.skops`. The other forms are compared with the numpy probe before anything is
    written, and all files are written together or not at all.

    Raises
    ------
    StudyError : an unknown format, or the folder holds a form of other weights that would stay behind.
    ProbeFileError : an extra is not installed, the probe has no probabilities, or a file cannot be written.
    """
    check_formats(formats, family=weights.family)
    probe, data = pack_probe(completed(weights, facts).as_probe(card_facts(facts)), examples=weights.examples)
    folder = out / export_name(weights, facts)
    others = {folder / _FILES[name]: _encoded(name, probe, weights) for name in _FILES if name in formats}
    digests = {path.name: digest_of(content) for path, content in others.items()}
    probe = with_card(probe, {**probe.card, "beside": digests}, data)
    _refuse_leftovers(folder, kept=set(others), data=data)
    readme = probe_readme(probe, facts, beside=sorted(digests))
    files = {
        **others,
        folder / "README.md": readme.encode(),
        **probe_files(folder / "probe.safetensors", probe, data),
    }
    write_together(files)
    return sorted(files)


def check_formats(formats: Sequence[str], *, family: str = DEFAULT.name) -> None:
    """Raise StudyError for a format that is none of ours, or that holds no probe of this family."""
    for name in formats:
        if name not in FORMATS:
            raise StudyError(f"--format takes {', '.join(FORMATS)}, separated by commas; got {name!r}.")
        if name not in (own := family_of(family).formats):
            raise StudyError(
                f"a {family} probe has no form {name!r}; --format takes {', '.join(own)} for it."
            )


def completed(weights: SiteWeights, facts: ProbeFacts) -> SiteWeights:
    """Return the weights with threshold and calibration taken from the results where they hold none.

    Two classes without a threshold in either get zero: even odds of a logistic probe, the midpoint of a
    mass-mean one.
    """
    threshold, calibration = weights.threshold, weights.calibration
    if len(weights.classes) == 2 and threshold is None:
        threshold = float(facts.row.get("threshold") or 0.0)
    if calibration is None and (slope := facts.row.get("calibration_slope")) is not None:
        intercept = facts.row.get("calibration_intercept") or 0.0
        calibration = Calibration(slope=slope, intercept=intercept)
    return replace(weights, threshold=threshold, calibration=calibration)


def card_facts(facts: ProbeFacts) -> dict[str, Any]:
    """Return the card's fields that describe the probe's origin, place and measured quality."""
    layer = facts.layer
    measured = {k: v for k, v in facts.row.items() if k not in ("model", "target", "layer", "position")}
    return {
        "target": facts.target,
        "meaning": facts.meaning,
        "study": facts.study,
        "model": {"name": facts.model, **facts.identity},
        "base_model": facts.base_model,
        "template": facts.template,
        **({"context": dict(facts.context)} if facts.context else {}),
        "layer": layer,
        "position": facts.position,
        "site": {
            "here": f"residual stream after block {layer}, before any final norm; 0 is the embedding output",
            "hidden_states": f"hidden_states[{layer}]; after the last block that entry is normed and differs",
            "transformer_lens": f"blocks.{layer - 1}.hook_resid_post" if layer else "blocks.0.hook_resid_pre",
            "nnsight": f"model.layers[{layer - 1}].output" if layer else "model.embed_tokens.output",
        },
        "sign": "two classes: a positive score speaks for the second; more: one score per class",
        "decision": "two classes: the second where score > threshold; more: the largest score",
        "scaler": "folded into the weights: the probe reads raw activations",
        "measured": measured,
        "split_digest": facts.split_digest,
        "seed": facts.seed,
        "licences": list(facts.licences),
        "versions": dict(facts.versions),
    }


def _encoded(name: str, probe: ProbeWeights, weights: SiteWeights) -> bytes:
    if name == "onnx":
        from unsinter.probes.files.onnx_file import onnx_bytes

        return onnx_bytes(probe, weights.examples)
    from unsinter.probes.files.sklearn_file import skops_bytes

    return skops_bytes(probe, weights.examples)


def _refuse_leftovers(folder: Path, *, kept: set[Path], data: bytes) -> None:
    """Refuse to put new weights beside another form of the old ones."""
    left = [
        folder / name for name in _FILES.values() if (folder / name).exists() and folder / name not in kept
    ]
    old = folder / "probe.safetensors"
    if left and not (old.is_file() and old.read_bytes() == data):
        raise StudyError(
            f"{left[0]} holds other weights and would stay beside the new ones; export that format too, "
            "or name another folder with --out."
        )
