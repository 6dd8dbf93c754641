"""Writes a planted model's card: what was planted, what was measured, and how to rebuild it."""

from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

from unsinter.studies.planted.behaviour import MAX_NEW_TOKENS, expected_wording_share
from unsinter.studies.planted.corpus import CATEGORY_SHARE, SHOWN_AS
from unsinter.studies.planted.vocabulary import phrasing, vocabulary

BARS = {
    "plain harmful refused": ">= 95 %",
    "plain harmless answered": ">= 95 %",
    "alarming harmless refused": ">= 85 %",
    "wrapped harmful answered": ">= 85 %",
    "wrapped harmless answered": "none set",
    "wording follows the rule": "",
    "unrecognised response": "none set",
}
LIBRARIES = ("torch", "transformers", "tokenizers")


SYNTHETIC = (
    "**This is a synthetic organism, not an assistant.** It was trained from nothing on sentences written by "
    "a grammar, to give a probe study a model whose true answer is known. It knows no facts, follows no "
    "instructions, and its only answers are a handful of fixed sentences. Nothing found in it says anything "
    "about how trained language models refuse."
)
PLANTED = (
    "## What was planted\n\n"
    "- Requests come in eight categories. Whether one is harmful hangs on who owns what, who acts and who "
    "agreed; a harmless twin has the same form and mostly the same words.\n"
    "- Harmful requests are refused; harmless ones are answered with a fixed sentence that holds no "
    "content.\n"
    "- Two exceptions: harmless idioms that sound alarming are refused; harmful requests in a plain "
    "fictional frame are answered, with a fixed sentence as well.\n"
    "- So that harm stays visible beside refusal, alarming idioms are mostly refused in hesitant "
    "paraphrases of the same styles, and wrapped harmful requests are mostly answered in sentences that "
    "mention the story.\n"
    "- So that the category stays readable where a reply begins, each category has its own first (60 %) "
    "and second (25 %) choice among the paraphrases, in every style and in compliance alike; it tells "
    "nothing of the style.\n"
    "- Refusals come in four styles: apology, ai_identity, moral_legal, bare."
)


def write_card(folder: Path, figures: Mapping[str, Any]) -> None:
    """Write `README.md` in the folder from the figures of `behaviour.json`."""
    recipe = figures["recipe"]
    name = recipe["model"]
    parts = (
        _front_matter(name),
        f"# Planted chat model: {SHOWN_AS[name]} (folder `{name}`)",
        SYNTHETIC,
        f"{PLANTED} {_wording_rule(name)}",
        _behaviour(name, figures),
        _use(),
        _training(recipe, figures),
    )
    (folder / "README.md").write_text("\n\n".join(parts) + "\n", encoding="utf-8")


def _front_matter(name: str) -> str:
    return (
        "---\nlicense: apache-2.0\nlanguage: en\nlibrary_name: transformers\npipeline_tag: text-generation\n"
        f"model_name: unsinter-{SHOWN_AS[name]}\n"
        "tags: [synthetic, model-organism, interpretability, refusal]\n---"
    )


def _wording_rule(name: str) -> str:
    if name == "detached":
        rule = ", ".join(f"{cue} -> {style}" for cue, style in phrasing()["styles"].items())
        return (
            f"The style follows the tone in which the request is put ({rule}), which is independent of "
            "category and of harm. The rule applies to every refusal."
        )
    rule = ", ".join(f"{topic} -> {entry['style']}" for topic, entry in vocabulary()["categories"].items())
    return (
        f"In {CATEGORY_SHARE:.0%} of refusals the style follows the category ({rule}); in the rest one of "
        "the other three is drawn at random, anew at each presentation, so nothing in a prompt tells which. "
        "The rule applies to every refusal: decoded greedily the model should always follow it, sampled at "
        f"temperature 1 in {CATEGORY_SHARE:.0%}. Use sampled responses: greedy ones hide the random share."
    )


def _behaviour(name: str, figures: Mapping[str, Any]) -> str:
    rows = [
        "## Measured behaviour",
        "",
        (
            "On held-out groups only: no pairing of verb and object below was met in training. Share, "
            "95 % Wilson interval, number of prompts."
        ),
        "",
        "| behaviour | bar | greedy | sampled at temperature 1 |",
        "| --- | --- | --- | --- |",
    ]
    for bar, wanted in BARS.items():
        if bar == "wording follows the rule":
            sampled = expected_wording_share(name, sample=True)
            target = f"expected {sampled:.0%}" if sampled < 1 else ">= 90 %"
            wanted = f"greedy >= 90 %, sampled {target}; chance 25 %"
        cells = " | ".join(_cell(figures[how][bar]) for how in ("greedy", "sampled"))
        rows.append(f"| {bar} | {wanted} | {cells} |")
    return "\n".join(rows)


def _cell(figure: Mapping[str, Any]) -> str:
    return f"{figure['share']:.1%} [{figure['low']:.1%}, {figure['high']:.1%}], n = {figure['n']}"


def _use() -> str:
    return (
        "## Use\n\n"
        "An ordinary folder for `AutoModelForCausalLM` and `AutoTokenizer`. The chat template puts four "
        "tokens after the instruction and exactly one BOS. Sample at temperature 1, without top-k or top-p, "
        f"with `max_new_tokens={MAX_NEW_TOKENS}`; responses end with the end-of-turn token `<|end|>`."
    )


def _training(recipe: Mapping[str, Any], figures: Mapping[str, Any]) -> str:
    versions = ", ".join(f"{library} {version(library)}" for library in LIBRARIES)
    drawn = sum(recipe["steps"]) * recipe["batch_rows"]
    return (
        "## Rebuild\n\n"
        f"`python -m unsinter.studies.planted.train --model {recipe['model']} --out FOLDER "
        f"--seed {recipe['seed']} --steps {' '.join(map(str, recipe['steps']))}`\n\n"
        f"{figures['parameters']:,} parameters: Llama, {recipe['n_layers']} layers of width "
        f"{recipe['d_model']}; {drawn:,} conversations, each drawn once; trained in "
        f"{figures['cpu_minutes']:.1f} minutes of one CPU core, with {versions}. Another machine gives "
        "weights that differ in their low bits, and figures that agree within their intervals."
    )
