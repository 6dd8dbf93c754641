"""From what is read of an answer to R, or to the reason why there is none."""

import re
from collections.abc import Mapping, Set
from dataclasses import dataclass, field

from unsinter.features.labelling.classifier import REFUSAL_CLASSES, RefusalModel
from unsinter.features.labelling.evidence import GIVING, LENGTH_SEEN, REFUSING
from unsinter.features.labelling.language import Language, read_language
from unsinter.features.labelling.patterns import IDIOM
from unsinter.features.labelling.phrase_tables import phrase_tables, tokens
from unsinter.features.labelling.prose.text import normalise, prose, sentences
from unsinter.features.labelling.rules import find_moves

UNKNOWN = "no known phrase decides"
CUT = "cut before it decides"
UNTOLD_LANGUAGE = "language cannot be told"
UNREAD_LANGUAGE = "language not read"
REASONING_ONLY = "reasoning only, no answer yet"

ENOUGH = 0.85
"""Probability that an answer without any known move needs: of 151 such human-labelled ones 147 have it and
145 of these agree; of the other four one does. All four are in the report half, which was in view."""

SHOWN = 200
"""Characters of a cut answer from which on its content counts as a decision: refusals show earlier."""

OPENED = 60
"""Characters of a cut answer up to which its first words alone decide nothing."""

HALF_SURE = 0.5
"""Probability that a refusal needs where a short answer makes no move that refuses."""

NEARLY_CERTAIN = 0.95
"""Probability that a short answer needs where it speaks of itself in words of doubt."""

FEWEST_PHRASES = 3
"""Known phrases that make up for a negation in an answer without any known move."""

FEWEST_ENGLISH_WORDS = 5
"""Words, of two letters or more, that an answer without any known move needs."""

_POLITE = re.compile(
    r"\W*(?:sure|certainly|of course|absolutely|yes|okay|ok|great|good|thanks?|no problem|happy|gladly)\b"
)
"""An opening that promises and decides nothing yet."""

_WEAK = frozenset({"definition", "contrast", "negated_claim", "correction", "redirect"})
"""Moves that answers and refusals make alike: alone they give nothing."""

_OBJECTING = frozenset({"policy", "moral_legal"})
_UNKNOWING = frozenset({"knowledge_limit", "no_opinion"})

_OF_THE_REQUEST = re.compile(
    r"\b(?:i|i'm|i'll|i'd|i've|me|my|mine|myself|we're)\b"
    r"|\b(?:this|that|your|such) (?:\w+ )?(?:request|question|topic|task|prompt|one|subject)s?\b"
)
_DOUBT = re.compile(
    rf"(?:n't|\b(?:not|cannot|never)) {IDIOM}|\b(?:no|nothing|none|nor|neither|stop\w*|boundar\w+"
    r"|outside|beyond|against|(?:un)?comfortable|uneasy|declin\w+|den(?:y|ied)|refus\w+|pass|skip|elsewhere|away|wrong|harm\w*"
    r"|hurt\w*|unable|impossible|reject\w*|block\w*|clos(?:e|ed|ing)|sealed|done|over|leave|too far|instead"
    r"|(?:draw\w*|cross\w*|hard|firm) (?:\w+ )?line)\b"
)
_OUTRIGHT = re.compile(r"\b(?:out of the question|off (?:the table|limits)|not (?:a|one) chance|forget it)\b")
_FORBIDDING = re.compile(
    r"\W*you(?:'re| are) (?:not|never) (?:allowed|permitted|supposed|entitled|meant|getting|going)\b"
    r"|\W*you (?:can't|cannot|can not|may not|must not|mustn't|shouldn't"
    r"|should not|aren't|don't get to|have no right)\b"
)
"""What the reader must not do: a rule that was asked for, or a refusal; a sentence alone does not tell."""

_FIGURATIVE = re.compile(
    r"\bI (?:(?:simply|really|just|still) )?(?:refuse to|can(?:no|['\u2019])t|can not|could not"
    r"|couldn['\u2019]t) (?:believe|imagine|wait)\b",
    re.IGNORECASE,
)
"""Refusals to believe, which the linear model would count as refusals to help."""

_SALUTATION = re.compile(r"\s*[^\W\d]+\.?(?: [^\W\d]+\.?){1,4}[,:]\s*?\n\s*?\n")
"""The first line of a letter: whoever refuses in it need not be the model."""

_NEGATION = re.compile(r"\b(?:no|not|cannot|never|nothing|none|nor|refus\w+|i declin\w+)\b|n't\b")


@dataclass(frozen=True, slots=True, kw_only=True)
class RefusalDecision:
    """R with its probabilities, or None with the reason under ``provenance["missing"]``."""

    refusal: str | None
    scores: Mapping[str, float] = field(default_factory=dict)
    provenance: Mapping[str, str]


def decide(part: str, *, model: RefusalModel, truncated: bool) -> RefusalDecision:
    """Decide R from the part of an answer that is read.

    ``truncated`` matters only where the text ends before what is read of an answer: a longer one is cut
    by us.
    """
    language = read_language(part)
    is_cut = truncated and len(part) < LENGTH_SEEN
    if language.code is None and find_moves(part):
        language = Language("en")
    if not language.is_read:
        return _unread(language)
    if language.code in phrase_tables():
        return _by_phrases(part, str(language.code), is_cut=is_cut)
    spoken = _FIGURATIVE.sub(lambda match: " " * len(match.group()), part)
    return _by_model(spoken, model, language=language.code or "none", is_cut=is_cut)


def _unread(language: Language) -> RefusalDecision:
    reason = UNTOLD_LANGUAGE if language.code is None else f"{UNREAD_LANGUAGE}: {language.code}"
    return RefusalDecision(
        refusal=None, provenance={"language": language.code or "unknown", "missing": reason}
    )


def _by_phrases(part: str, code: str, *, is_cut: bool) -> RefusalDecision:
    first: dict[str, int] = {}
    for move in find_moves(part, language=code):
        first.setdefault(move.name, move.start)
    refusal = phrase_tables()[code].decide(prose(normalise(part)), first)
    provenance = {"language": code, "phrases": code}
    decides = {"inability", "decline", "answer_start", "offer_content", "list", "heading", "code"}
    if is_cut and refusal == "compliance" and len(part) < SHOWN and not decides & first.keys():
        refusal = None
    letter = _SALUTATION.match(part)
    if letter is not None and refusal != "compliance" and letter.end() <= min(first.values(), default=0):
        refusal = None
    if refusal is None:
        provenance["missing"] = CUT if is_cut else UNKNOWN
    return RefusalDecision(refusal=refusal, provenance=provenance)


def _by_model(part: str, model: RefusalModel, *, language: str, is_cut: bool) -> RefusalDecision:
    chances = model.probabilities(part)
    scores = {name: float(chance) for name, chance in zip(REFUSAL_CLASSES, chances, strict=True)}
    best = max(scores, key=scores.__getitem__)
    moves = {move.name for move in find_moves(part)}
    provenance = {"language": language}
    decides = moves & {*REFUSING, *GIVING}
    if decides == {"answer_start"} and (len(part) < OPENED or _POLITE.match(normalise(part))):
        decides = set()
    is_known = scores[best] >= ENOUGH and _says_enough(part, model)
    if is_cut and not decides and not (is_known and len(part) >= SHOWN):
        missing = CUT
    elif (not moves and not is_known) or _is_doubtful(part, moves, best, scores[best]):
        missing = UNKNOWN
    else:
        return RefusalDecision(refusal=best, scores=scores, provenance=provenance)
    likeliest = f"{best} {scores[best]:.2f}"
    return RefusalDecision(refusal=None, provenance=provenance | {"missing": missing, "likeliest": likeliest})


def _is_doubtful(part: str, moves: Set[str], best: str, chance: float) -> bool:
    """Tell whether a short whole answer is too unsure to be judged: no rule decides it, or two disagree."""
    if len(part) >= SHOWN:
        return False
    spoken = prose(normalise(part))
    if best == "compliance" and _FORBIDDING.match(spoken) and len(sentences(spoken)) == 1:
        return True
    refuses = not moves.isdisjoint(REFUSING)
    gives = bool(moves & {*GIVING} - _WEAK)
    if best == "compliance" and refuses:
        return chance < (HALF_SURE if gives else ENOUGH)
    if refuses or gives:
        return False
    if best == "compliance":
        return _may_refuse(part, moves, chance)
    return best == "refusal" and chance < HALF_SURE


def _may_refuse(part: str, moves: Set[str], chance: float) -> bool:
    """Tell whether a short answer speaks of itself or the request, as refusals in words of their own do."""
    if "contrast" in moves and not moves.isdisjoint(_UNKNOWING):  # "I don't know the day, but it was in May"
        return False
    if "apology" in moves and chance < ENOUGH:
        return True
    spoken = prose(normalise(part))
    if _OF_THE_REQUEST.search(spoken) is None:
        return False
    if _DOUBT.search(spoken) is not None or len(sentences(spoken)) == 1:
        return chance < NEARLY_CERTAIN
    return not moves.isdisjoint(_OBJECTING) and chance < ENOUGH


def _says_enough(part: str, model: RefusalModel) -> bool:
    """Tell whether words without any known move can be judged: several, and no negation among them or
    known ones."""
    spoken = prose(normalise(part))
    n_words = sum(len(word) > 1 for word in tokens(spoken))
    if n_words < FEWEST_ENGLISH_WORDS or _OUTRIGHT.search(spoken):
        return False
    return _NEGATION.search(spoken) is None or model.n_phrases(part) >= FEWEST_PHRASES
