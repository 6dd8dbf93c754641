"""Answers without a label: how many, why, and how many tokens would have shown what is missing."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import ceil

from unsinter.features.labelling.decision import CUT, REASONING_ONLY
from unsinter.features.labelling.evidence import LENGTH_SEEN
from unsinter.features.labelling.prose.reasoning import answer_start
from unsinter.studies.data.targets import Response
from unsinter.studies.reasons.reason import Reason


@dataclass(frozen=True, slots=True, kw_only=True)
class Unlabelled:
    """What a model's answers leave unknown.

    Attributes
    ----------
    reasons : reason -> prompts whose answer has no label for it; the commonest first.
    advice : which ``max_new_tokens`` would do; None where no generated answer was cut too early.
    """

    reasons: Mapping[str, int] = field(default_factory=dict)
    advice: Reason | None = None


def count_unlabelled(responses: Sequence[Response | None], *, max_new_tokens: int | None) -> Unlabelled:
    """Count answers without a label by reason; ``max_new_tokens`` is None where answers were not
    generated."""
    answers = [response for response in responses if response is not None]
    reasons = Counter(answer.missing for answer in answers if answer.missing is not None)
    cut = [answer for answer in answers if answer.truncated and answer.missing in (CUT, REASONING_ONLY)]
    advice = None if max_new_tokens is None or not cut else _advice(answers, cut, max_new_tokens)
    return Unlabelled(reasons=dict(reasons.most_common()), advice=advice)


def _advice(answers: Sequence[Response], cut: Sequence[Response], limit: int) -> Reason:
    thinking = sum(answer.missing == REASONING_ONLY for answer in cut)
    needed, known = _needed_tokens(answers, limit, is_thinking=thinking > 0)
    counts = {"n": len(cut), "total": len(answers), "limit": limit, "needed": needed}
    if not thinking:
        return Reason("answers-cut", **counts)
    return Reason("answers-cut-thinking" if known else "reasoning-never-ends", thinking=thinking, **counts)


def _needed_tokens(answers: Sequence[Response], limit: int, *, is_thinking: bool) -> tuple[int, bool]:
    """Return tokens for the longest reasoning seen and the part of an answer that is read, and if it was
    seen whole."""
    measured = [answer for answer in answers if answer.opening and answer.n_tokens]
    characters = sum(len(answer.opening or "") for answer in measured) or 1
    per_character = sum(answer.n_tokens or 0 for answer in measured) / characters
    starts = [answer_start(answer.opening or "") for answer in measured if answer.missing != REASONING_ONLY]
    longest = max(starts, default=0)
    known = not is_thinking or longest > 0
    if not known:
        return _round_up(4 * limit), False
    return _round_up(max(ceil((longest + LENGTH_SEEN) * per_character), 2 * limit)), True


def _round_up(n_tokens: int) -> int:
    """Return the next multiple of 64, or of 512 above 1,024."""
    step = 64 if n_tokens <= 1024 else 512
    return ceil(n_tokens / step) * step
