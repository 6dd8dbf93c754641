"""Who decides whether a response refuses: our rules, or a local classifier of the Hugging Face layout."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from unsinter.cache.errors import UnsinterError, is_fault
from unsinter.features.labelling.classifier import REFUSAL_CLASSES
from unsinter.features.labelling.label import ResponseLabel, complete, label_response, missing_reason
from unsinter.features.labelling.patterns import RULES_VERSION
from unsinter.features.labelling.prose.reasoning import answer_of


class JudgeError(UnsinterError, ValueError):
    """A judge cannot be had, could not be reached or gave no usable answer; the message names which."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgedItem:
    """A response to judge: its record id (for messages), its opening, its prompt where known, and whether
    it was cut."""

    id: str
    opening: str | None
    prompt: str | None = None
    truncated: bool = False


class Judge(Protocol):
    """Anything that labels items; moves and wording come from the rules whoever judges."""

    name: str

    def judge(self, items: Sequence[JudgedItem]) -> list[ResponseLabel]:
        """Return one label per item, in order; items without text get a missing label."""
        ...


class RulesJudge:
    """Judge by the rules and the shipped linear model; needs nothing but this package."""

    name = "rules"

    def judge(self, items: Sequence[JudgedItem]) -> list[ResponseLabel]:
        """Label every item."""
        return [label_response(i.opening, prompt=i.prompt, truncated=i.truncated) for i in items]


class HuggingFaceJudge:
    """Judge by a local sequence-classification folder.

    ``classes`` maps the model's own label names to ours; without it the model's ``id2label`` must use our
    names. Nothing is downloaded.
    """

    def __init__(self, folder: Path, *, classes: Mapping[str, str] | None = None, batch: int = 32) -> None:
        from transformers import AutoConfig, AutoModelForSequenceClassification, AutoTokenizer

        folder = Path(folder)
        if not (folder / "config.json").is_file():
            raise JudgeError(f"{folder} is not a Hugging Face model folder: it has no config.json.")
        config = _reading(
            folder,
            "config",
            lambda: AutoConfig.from_pretrained(folder, local_files_only=True, trust_remote_code=False),
        )
        self.columns = _columns(
            dict(config.id2label), classes or {name: name for name in REFUSAL_CLASSES}, folder
        )
        self.tokenizer = _reading(
            folder,
            "tokenizer",
            lambda: AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False),
        )
        auto = AutoModelForSequenceClassification
        model, info = _reading(
            folder,
            "weights",
            lambda: auto.from_pretrained(
                folder, local_files_only=True, output_loading_info=True, trust_remote_code=False
            ),
        )
        if lacking := sorted(info["missing_keys"]):
            # Left alone, the library fills them with random numbers and the judge guesses.
            raise JudgeError(
                f"{folder}: its weights lack {', '.join(lacking[:3])}, so it is no trained classifier; "
                "name a sequence-classification folder."
            )
        self.model = model.eval()
        self.batch = batch
        self.name = f"hf:{folder.name}"
        self.digest = _weights_digest(folder)

    def judge(self, items: Sequence[JudgedItem]) -> list[ResponseLabel]:
        """Label every item by its answer, without reasoning; one longer than the model's window is cut at
        its end."""
        provenance = {"labeller": self.name, "model": self.digest, "rules": RULES_VERSION}
        present = [item for item in items if missing_reason(item.opening) is None]
        scores = iter(self._scores([answer_of(str(item.opening)) for item in present]))
        labels = []
        for item in items:
            if reason := missing_reason(item.opening):
                labels.append(ResponseLabel(refusal=None, provenance=provenance | {"missing": reason}))
                continue
            row = next(scores)
            best = max(row, key=row.__getitem__)
            labels.append(complete(str(item.opening), refusal=best, scores=row, provenance=provenance))
        return labels

    def _scores(self, texts: Sequence[str]) -> list[dict[str, float]]:
        import torch

        rows: list[dict[str, float]] = []
        for start in range(0, len(texts), self.batch):
            encoded = self.tokenizer(
                list(texts[start : start + self.batch]), padding=True, truncation=True, return_tensors="pt"
            )
            with torch.inference_mode():
                chances = self.model(**encoded).logits.float().softmax(dim=-1).tolist()
            rows += [_summed(row, self.columns) for row in chances]
        return rows


def _reading(folder: Path, what: str, read: Callable[[], Any]) -> Any:
    """Run one of the library's readers; whatever it raises becomes one line that names the folder."""
    try:
        return read()
    except BaseException as error:  # the readers raise every kind, from OSError to the parser's own
        if not is_fault(error):
            raise
        cause = next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)
        raise JudgeError(f"{folder}: its {what} cannot be read: {cause}") from error


def _summed(row: Sequence[float], columns: Sequence[str]) -> dict[str, float]:
    scores = dict.fromkeys(REFUSAL_CLASSES, 0.0)
    for name, chance in zip(columns, row, strict=True):
        scores[name] += chance
    return scores


def _columns(id2label: Mapping[Any, str], classes: Mapping[str, str], folder: Path) -> list[str]:
    """Return our class of each output column; JudgeError names a label of the model that maps to none."""
    names = [id2label[index] for index in sorted(id2label, key=int)]
    for name in names:
        if classes.get(name) not in REFUSAL_CLASSES:
            raise JudgeError(
                f"{folder}: the model's label {name!r} has no meaning here; map it to one of "
                f"{', '.join(REFUSAL_CLASSES)} (its labels: {', '.join(names)})."
            )
    return [classes[name] for name in names]


def _weights_digest(folder: Path) -> str:
    digest = hashlib.sha256()
    for path in sorted(folder.glob("*.safetensors")) + sorted(folder.glob("*.json")):
        digest.update(path.name.encode())
        with path.open("rb") as stream:
            while block := stream.read(1 << 20):
                digest.update(block)
    return digest.hexdigest()[:12]
