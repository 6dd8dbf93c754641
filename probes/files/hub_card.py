"""The README of a probe on the Hub, made of its sealed card alone."""

from collections.abc import Mapping, Sequence
from typing import Any

from unsinter.probes.files.exported import ProbeWeights
from unsinter.probes.files.markdown import code_span, plain_text
from unsinter.probes.files.measured import MEASURED, measured_words

_USE = """\
## How to use it

```python
from unsinter.probes import load_probe

probe = load_probe("hub:{repo}")  # compares every byte with its digest; runs no code
print(probe.classes, probe.card["layer"], probe.card["position"])
```

On new text, with the model: `unsinter score hub:{repo} --model MODEL --text "..."`."""

_NOT = """\
## What it is not

It fits no other model, layer, position or chat template. That a label can be read does not mean that the
model uses it, or represents it apart from what moves with it. It is no safety filter."""

_NO_SCORE = "No score is shown: the probe's card holds none with a text floor and a control beside it."


def hub_readme(probe: ProbeWeights, *, repo: str, licence: str) -> str:
    """Return the card's text: what the probe reads, how well beside its floor and control, how to load it.

    It repeats no prompt and no answer: each of its values is a name, a number or a digest of the card.
    """
    card = probe.card
    model = _table(card.get("model"))
    parts = [
        f"---\n{_front_matter(probe, licence=licence)}\n---",
        _heading(probe, model),
        _USE.format(repo=repo),
        _NOT,
        f"## How good it is\n\n{_measured(_table(card.get('measured')))}",
        f"## Data\n\n{_data(card)}",
        f"## Identity\n\n{_identity(model, card)}",
    ]
    return "\n\n".join(parts) + "\n"


def _heading(probe: ProbeWeights, model: Mapping[str, Any]) -> str:
    card = probe.card
    target = str(card.get("target", "a target without a name"))
    meaning = plain_text(str(card.get("meaning", target)))
    place = f"layer {plain_text(str(card.get('layer')))} at {code_span(str(card.get('position')))}"
    classes = ", ".join(code_span(name) for name in probe.classes)
    positive = f"; a positive score speaks for {code_span(probe.classes[1])}" if probe.is_binary else ""
    return (
        f"# Probe: {plain_text(target)} of {plain_text(str(model.get('name', 'one model')))}, {place}\n\n"
        f"A probe ({plain_text(probe.family)}) that reads **{meaning}** off the residual stream of one "
        f"model, at one layer and one token position. Classes: {classes}{positive}."
    )


def _front_matter(probe: ProbeWeights, *, licence: str) -> str:
    from huggingface_hub import ModelCardData

    base = probe.card.get("base_model")
    data = ModelCardData(
        license=licence,
        library_name="unsinter",
        tags=["probe", "interpretability", "refusal", probe.family],
        base_model=base if isinstance(base, str) else None,
    )
    return data.to_yaml()


def _measured(row: Mapping[str, Any]) -> str:
    """Return the table of what was measured; a score without floor and control is not shown."""
    has_control = _is_number(row.get("control")) or _is_number(row.get("shuffled"))
    if not (has_control and _is_number(row.get("score")) and _is_number(row.get("floor"))):
        return _NO_SCORE
    floor = plain_text(str(row.get("floor_name", "unnamed")))
    words = {
        "score": f"{plain_text(str(row.get('metric', 'score')))} on held-out groups",
        **{name: measured_words(name, floor) for name in MEASURED},
        "n_test": "held-out rows",
    }
    shown = [(words[name], _with_interval(row, name)) for name in words if _is_number(row.get(name))]
    return _rows(("what", "value"), shown)


def _with_interval(row: Mapping[str, Any], name: str) -> str:
    low, high = row.get(f"{name}_low"), row.get(f"{name}_high")
    if isinstance(row[name], int):
        return f"{row[name]:,}"
    return f"{row[name]:.3f}" + (
        f" (95 % {low:.3f} to {high:.3f})" if _is_number(low) and _is_number(high) else ""
    )


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _data(card: Mapping[str, Any]) -> str:
    licences = card.get("licences")
    entries = [e for e in licences if isinstance(e, Mapping)] if isinstance(licences, list) else []
    cells = [[plain_text(str(entry.get(name))) for name in _LICENCE] for entry in entries]
    return _rows(_LICENCE, cells or [("unknown", "unknown", "")])


def _identity(model: Mapping[str, Any], card: Mapping[str, Any]) -> str:
    cells = [(f"model: {plain_text(name)}", code_span(str(value or "none"))) for name, value in model.items()]
    weights = ("weights of this probe", code_span(str(card.get("weights_sha256"))))
    return _rows(("what", "SHA-256 or name"), [*cells, weights])


_LICENCE = ("source", "licence", "prompts")


def _rows(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _table(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
