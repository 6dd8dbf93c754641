"""How to make a run again, and the words that its page uses."""

import json
import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from unsinter.studies.report.evidence.run_data import RunEvidence
from unsinter.studies.report.evidence.served import served_lines
from unsinter.studies.report.sections.blocks import Block, Command, Items, Note


def reproduce_blocks(evidence: RunEvidence) -> list[Block]:
    """Return commands, study file, what the numbers rest on, and the libraries."""
    summary, name = evidence.summary, evidence.folder.resolve().name
    code = any("code" in (part.get("identity") or {}) for part in evidence.models.values())
    run = (
        f"unsinter run {shlex.quote(f'{name}/study.yaml')} --out {shlex.quote(f'{name}-again')}"
        f"{' --run-model-code' if code else ''}"
    )
    facts = [
        (
            "Split",
            (
                f"{summary['held_out_prompts']:,} of {summary['prompts']:,} prompts held out, digest "
                f"{summary['split_digest']}, seed {summary['seed']}; groups never straddle it (split.parquet)"
            ),
        ),
        ("Machine", _machine(summary.get("machine") or {}, summary.get("seconds"))),
        (
            "Versions",
            ", ".join(f"{name} {version}" for name, version in (summary.get("versions") or {}).items()),
        ),
    ]
    for model, part in evidence.models.items():
        identity = ", ".join(
            f"{key} {_part(str(value))}" for key, value in (part.get("identity") or {}).items() if value
        )
        facts.append((model, f"{identity}; {_extraction(part.get('extraction') or {})}"))
        beside = (*_context(part.get("context")), *served_lines(part))
        facts += [(f"{model}: {words}", text) for words, text in beside]
    return [
        Note(
            text="From the folder that holds this run's folder. Activations come from the cache where they "
            "are already there; the same seed gives the same split, sites and scores."
        ),
        Command(text=run, title="The whole run, into a folder of its own"),
        Command(text=f"unsinter report {shlex.quote(name)}", title="This page again, from the tables"),
        Items(pairs=facts),
        Command(text=evidence.study_text, title="study.yaml, as it was run", folded=True),
    ]


_DIGEST = re.compile(r"[0-9a-f]{64}")

_SHOWN = 300
"""Characters of a text that stands in full in study.yaml, further down."""


def _context(context: Any) -> Iterator[tuple[str, str]]:
    """Yield what the study put around every prompt of a model, in words; nothing where it named nothing."""
    context = context if isinstance(context, Mapping) else {}
    if context.get("revision"):
        yield "revision", str(context["revision"])
    if context.get("system") is not None:
        yield "system text", _short(str(context["system"])) or "empty, in place of the template's own"
    examples = context.get("examples")
    if isinstance(examples, Sequence) and examples:
        turns = [turn if isinstance(turn, Mapping) else {} for turn in examples]
        words = "; ".join(f"{turn.get('user')!s} -> {turn.get('assistant')!s}" for turn in turns)
        yield f"turns before every prompt ({len(turns)})", _short(words)
    if context.get("template_options"):
        yield "options of the chat template", _short(json.dumps(context["template_options"]))
    if context.get("template_text") is not None:
        yield "chat template", "one of the study's own, in study.yaml below"


def _part(value: str) -> str:
    """Return a part of an identity: the beginning of a digest, or words as they are."""
    return value[:16] if _DIGEST.fullmatch(value) else value


def _short(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."


def _machine(machine: dict[str, Any], seconds: Any) -> str:
    memory = f"{machine.get('memory_bytes', 0) / 2**30:.0f} GiB"
    parts = [machine.get("processor"), f"{machine.get('cores')} cores", memory, machine.get("system")]
    return (
        f"{', '.join(str(part) for part in parts if part)}; the run took {seconds:.0f} s in its last sitting"
    )


def _extraction(facts: dict[str, Any]) -> str:
    deviation = (facts.get("batch_deviation") or {}).get("max_relative")
    same = "not compared" if deviation is None else f"deviation {deviation:.1e}"
    if deviation is None and facts.get("rows_from_cache"):
        same = "compared when an earlier run wrote them to the cache"
    on = f" on {facts['placed']}" if facts.get("placed") else ""
    return f"dtype {facts.get('dtype', 'as loaded')}{on}; rows alone against in a batch: {same}"


def glossary_blocks() -> list[Block]:
    """Return the words that the page uses, for a reader who meets them here first."""
    return [
        Items(
            pairs=[
                (
                    "Score",
                    (
                        "AUROC for two classes (.5 is guessing), macro-F1 for more (1 over the number of "
                        "classes, or less, is guessing), on prompts that took no part in any choice."
                    ),
                ),
                (
                    "Floor",
                    (
                        "The same question answered without the model: from the prompt's words, characters "
                        "or length, or from its harmfulness or category alone, on the same split."
                    ),
                ),
                ("Gain", "Score minus best floor, paired over the same held-out groups."),
                (
                    "Control task",
                    "The same probe taught labels drawn at random per group: what it can learn by heart.",
                ),
                ("Interval", "95 %, from a bootstrap over groups: near duplicates and twins count once."),
                (
                    "p",
                    (
                        "From shuffling labels over whole groups; the best of all sites counts, so trying "
                        "many layers gains nothing."
                    ),
                ),
                ("Site", "Layer and position. Layer 0 is the embedding output, layer l follows block l."),
            ]
        )
    ]
