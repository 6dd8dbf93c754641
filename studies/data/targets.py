"""The four questions as masked labels over one list of prompts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from unsinter.features.records.record import NO_CATEGORY, PromptRecord
from unsinter.studies.reasons.reason import Reason

Names: TypeAlias = NDArray[Any]
"""Text (n,): of objects where it may be long, else of numpy's text."""

POSITIVE = {"D": "harmful", "R": "refusal"}
"""The positive class of the targets whose classes have names of ours; others have names of the data's."""

MEANING = {
    "D": "harmful or harmless, every prompt",
    "C": "harm category, harmful prompts only",
    "R": "refused or answered, every prompt with a response; partial refusals are masked",
    "W": "wording of the refusal, refused prompts only",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """What is known of one answer: did it refuse, and in which words."""

    refusal: str | None
    """``refusal``, ``partial_refusal``, ``compliance``, or None where unknown."""

    wording: str | None
    """Style of a refusal; None unless ``refusal`` is ``refusal``."""

    label_source: str

    opening: str | None = None
    """The answer's text as far as it is known; read only where a study asks for response positions."""

    missing: str | None = None
    """Why ``refusal`` is None."""

    truncated: bool = False
    """Whether the answer went on after the opening."""

    n_tokens: int | None = None
    """Tokens of a generated answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """One labelling of the prompts and where it is defined.

    Attributes
    ----------
    labels : (n_examples,) class names; the empty string where masked.
    classes : classes with enough independent groups, sorted; for two classes the second is the positive one.
    left_out : class -> independent groups, for classes with too few of them.
    """

    name: str
    labels: Names
    classes: tuple[str, ...]
    left_out: Mapping[str, int] = field(default_factory=dict)

    @property
    def defined(self) -> NDArray[np.bool_]:
        """Rows that take part (n_examples,)."""
        return self.labels != ""

    @property
    def is_binary(self) -> bool:
        """True for two classes: scored by AUROC, else by macro-F1."""
        return len(self.classes) == 2

    @property
    def order(self) -> tuple[str, ...]:
        """Classes in the order of their codes: of two the positive one last, of more sorted."""
        return self.classes if self.is_binary else tuple(sorted(self.classes))

    @property
    def codes(self) -> NDArray[np.intp]:
        """Place of each label in ``order`` (n_examples,); -1 where masked."""
        codes = np.full(len(self.labels), -1, dtype=np.intp)
        for code, name in enumerate(self.order):
            codes[self.labels == name] = code
        return codes

    @property
    def refusal_to_fit(self) -> Reason | None:
        """Why no probe can be fitted; None where one can."""
        if len(self.classes) >= 2:
            return None
        counts = sorted(self.left_out.items())
        if not self.classes:
            return Reason("no-large-class", target=self.name, counts=counts)
        return Reason("one-large-class", target=self.name, kept=self.classes[0], counts=counts)


def make_target(
    name: str,
    prompts: Sequence[PromptRecord],
    responses: Sequence[Response | None],
    *,
    groups: Names,
    min_groups: int,
    is_present: NDArray[np.bool_] | None = None,
) -> Target:
    """Label every prompt for D, C, R or W and mask what is not defined, too rare or not ``is_present``.

    A missing label is masked, never a class of its own: coding "answered" as a wording turns W into R.
    """
    raw = np.array([_label(name, p, r) or "" for p, r in zip(prompts, responses, strict=True)], dtype=object)
    if is_present is not None:
        raw[~is_present] = ""
    counts = {label: len(set(groups[raw == label])) for label in np.unique(raw[raw != ""])}
    kept = sorted(
        (label for label, n in counts.items() if n >= min_groups),
        key=lambda label: (label == POSITIVE.get(name), label),
    )
    # Classes are few and short enough for an array of text; what is left out may be as long as a prompt.
    labels = np.where(np.isin(raw, kept), raw, "").astype(np.str_)
    left_out = {label: n for label, n in counts.items() if n < min_groups}
    return Target(name=name, labels=labels, classes=tuple(kept), left_out=left_out)


def harm_category(prompt: PromptRecord) -> str | None:
    """Return the category of a harmful prompt; None for harmless ones and where the file says it has none."""
    named = prompt.harmful and prompt.category and prompt.category.casefold() not in NO_CATEGORY
    return prompt.category if named else None


def _label(name: str, prompt: PromptRecord, response: Response | None) -> str | None:
    if name == "D":
        return None if prompt.harmful is None else ("harmful" if prompt.harmful else "harmless")
    if name == "C":
        return harm_category(prompt)
    if response is None:
        return None
    if name == "R":
        return response.refusal if response.refusal in ("refusal", "compliance") else None
    return response.wording if response.refusal == "refusal" else None
