"""Labels of response openings: refusal, its probabilities, its wording and its moves, each with
provenance."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from unsinter.features.labelling.classifier import REFUSAL_CLASSES, RefusalModel, shipped_model
from unsinter.features.labelling.decision import REASONING_ONLY, decide
from unsinter.features.labelling.evidence import LENGTH_SEEN, read_part
from unsinter.features.labelling.language import read_language
from unsinter.features.labelling.patterns import RULES_VERSION
from unsinter.features.labelling.prose.reasoning import is_deliberation
from unsinter.features.labelling.prose.text import normalise
from unsinter.features.labelling.rules import Move, find_moves, wording_of
from unsinter.features.labelling.spellings import Refusal


@dataclass(frozen=True, slots=True, kw_only=True)
class ResponseLabel:
    """What a response does. A missing label is ``None`` and says why under ``provenance["missing"]``.

    Attributes
    ----------
    scores : probability of each value of R; empty where the labeller gives none.
    wording : style of a full refusal, ``None`` for anything else.
    moves : ordered by start; spans count characters of the opening as given.
    """

    refusal: Refusal | None
    scores: Mapping[str, float] = field(default_factory=dict)
    wording: str | None = None
    moves: tuple[Move, ...] = ()
    provenance: Mapping[str, str]

    def __post_init__(self) -> None:
        if self.refusal is not None and self.refusal not in REFUSAL_CLASSES:
            raise ValueError(f"refusal must be one of {', '.join(REFUSAL_CLASSES)}, got {self.refusal!r}.")
        if self.wording is not None and self.refusal != "refusal":
            raise ValueError(
                f"wording is defined only for a full refusal, got {self.wording!r} for {self.refusal!r}."
            )


def label_response(
    opening: str | None,
    *,
    prompt: str | None = None,
    model: RefusalModel | None = None,
    truncated: bool | None = None,
) -> ResponseLabel:
    """Label the opening of a response: English by rules and the shipped linear model, others by known
    phrases.

    What follows the reasoning is read. ``truncated`` says that the answer went on: one that was cut before
    it decides anything has no label. ``prompt`` is recorded as given or not and is not read: a label that
    looked at the request would tie refusal to harmfulness, which is what a probe study sets out to measure.
    """
    model = model or shipped_model()
    provenance = {
        "labeller": "rules",
        "rules": RULES_VERSION,
        "model": model.digest,
        "characters_seen": str(LENGTH_SEEN),
        "prompt": "not used",
    }
    if reason := missing_reason(opening):
        return ResponseLabel(refusal=None, provenance=provenance | {"missing": reason})
    assert opening is not None
    decision = decide(read_part(opening), model=model, truncated=bool(truncated))
    provenance |= decision.provenance
    if decision.refusal is None:
        return ResponseLabel(refusal=None, provenance=provenance)
    return complete(opening, refusal=decision.refusal, scores=decision.scores, provenance=provenance)


def label_responses(
    openings: Iterable[str | None],
    *,
    prompts: Iterable[str | None] | None = None,
    model: RefusalModel | None = None,
) -> list[ResponseLabel]:
    """Label many openings, in their order.

    Raises
    ------
    ValueError : prompts are given and do not pair up.
    """
    openings = list(openings)
    questions = [None] * len(openings) if prompts is None else list(prompts)
    if len(questions) != len(openings):
        raise ValueError(
            f"{len(openings)} openings came with {len(questions)} prompts; give one prompt for each or none."
        )
    return [
        label_response(opening, prompt=prompt, model=model)
        for opening, prompt in zip(openings, questions, strict=True)
    ]


def missing_reason(opening: str | None) -> str | None:
    """Return why an opening cannot be labelled, or ``None`` if it can."""
    if opening is None:
        return "no text"
    if not opening.strip():
        return "empty text"
    if not normalise(opening).strip() or is_deliberation(read_part(opening)):
        return REASONING_ONLY
    return None


def answer_language(opening: str) -> str | None:
    """Return the language whose phrases an answer is searched for; English for code, None where we read
    none."""
    language = read_language(read_part(opening))
    if language.code is None:
        return "en"
    return (language.code or "en") if language.is_read else None


def complete(
    opening: str, *, refusal: str, scores: Mapping[str, float], provenance: Mapping[str, str]
) -> ResponseLabel:
    """Return a label with moves and, for a refusal, wording added by the rules, whoever judged the refusal.

    An answer in a language that we do not read has neither.
    """
    language = answer_language(opening)
    if language is None:
        return ResponseLabel(refusal=refusal, scores=scores, provenance=provenance)  # type: ignore[arg-type]
    moves = find_moves(opening, language=language)
    return ResponseLabel(
        refusal=refusal,  # type: ignore[arg-type]
        scores=scores,
        wording=wording_of(opening, moves) if refusal == "refusal" else None,
        moves=moves,
        provenance=provenance,
    )
