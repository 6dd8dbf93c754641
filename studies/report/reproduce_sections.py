"""How to make a run again, and the words that its page uses."""

import shlex
from typing import Any

from unsinter.studies.report.blocks import Block, Command, Items, Note
from unsinter.studies.report.run_data import Evidence


def reproduce_blocks(evidence: Evidence) -> list[Block]:
    """Return commands, study file, what the numbers rest on, and the libraries."""
    summary, name = evidence.summary, evidence.folder.resolve().name
    run = f"unsinter run {shlex.quote(f'{name}/study.yaml')} --out {shlex.quote(f'{name}-again')}"
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
            f"{key} {str(value)[:16]}" for key, value in (part.get("identity") or {}).items() if value
        )
        facts.append((model, f"{identity}; {_extraction(part.get('extraction') or {})}"))
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


def _machine(machine: dict[str, Any], seconds: Any) -> str:
    memory = f"{machine.get('memory_bytes', 0) / 2**30:.0f} GiB"
    parts = [machine.get("processor"), f"{machine.get('cores')} cores", memory, machine.get("system")]
    return f"{', '.join(str(part) for part in parts if part)}; the run took {seconds:.0f} s"


def _extraction(facts: dict[str, Any]) -> str:
    deviation = (facts.get("batch_deviation") or {}).get("max_relative")
    same = "not compared" if deviation is None else f"deviation {deviation:.1e}"
    return f"dtype {facts.get('dtype', 'as loaded')}; rows alone against in a batch: {same}"


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
