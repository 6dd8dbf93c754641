"""What the causal check of one model is made of."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from unsinter.cache.errors import UnsinterError
from unsinter.features.model.model import ChatModel
from unsinter.features.rendering.encoding import encode
from unsinter.features.rendering.rendering import RenderedPrompt
from unsinter.probes.arrays import BoolArray, FloatArray
from unsinter.studies.causal.openings import COMPLIANCE, REFUSAL, OpeningOdds, Openings, find_openings
from unsinter.studies.data.bootstrap import Bootstrap
from unsinter.studies.data.dataset import Dataset
from unsinter.studies.data.site_readers import ReadSite
from unsinter.studies.data.sites import Site
from unsinter.studies.data.targets import Names, Response, Target
from unsinter.studies.reasons.reason import Reason
from unsinter.studies.study.causal import Causal
from unsinter.studies.study.run_options import Progress, silent

REFUSES, WORDS = "refusal", "wording"
OUTCOMES = (REFUSES, WORDS)
"""Whether the answer begins as a refusal, and in which wording."""

FEWEST_ANSWERS = 10
"""Training groups of refusals, and of answers, from which openings are taken."""

FEWEST_COVERED = 0.5
"""Share of the training answers that the openings must tell apart."""


class CausalError(UnsinterError, ValueError):
    """A run whose causal check cannot be made, or an option that names nothing."""


class UntoldAnswersError(CausalError):
    """A model whose answers do not show how it begins to refuse."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(f"{reason}.")
        self.reason = reason


@dataclass(frozen=True, slots=True, kw_only=True)
class CausalInput:
    """One model with its prompts, answers and activations.

    Attributes
    ----------
    name : of the model in the study file.
    rendered : the present prompts in order; ``is_present`` (n_prompts,) says which these are.
    read : layer and position to activations (n_prompts, d_model).
    targets : name -> target; ``sites``: the site chosen for it in training.
    penalty : L2 penalty of transfer probes.
    """

    name: str
    model: ChatModel
    rendered: Sequence[RenderedPrompt]
    read: ReadSite
    dataset: Dataset
    responses: Sequence[Response | None]
    is_present: BoolArray
    targets: Mapping[str, Target]
    sites: Mapping[str, Site]
    settings: Causal
    bootstrap: Bootstrap
    min_groups: int
    penalty: float
    progress: Progress = silent

    @property
    def kinds(self) -> NDArray[np.str_]:
        """``refusal`` or ``compliance`` of each prompt's answer (n_prompts,); empty elsewhere."""
        known = (REFUSAL, COMPLIANCE)
        return np.array(
            [r.refusal if r is not None and r.refusal in known else "" for r in self.responses], dtype=np.str_
        )

    @property
    def wordings(self) -> Names:
        """Wording of each refusal (n_prompts,), where the study reads wordings; else empty."""
        wording = self.targets.get("W")
        return np.full(len(self.responses), "") if wording is None else wording.labels

    @property
    def groups(self) -> Names:
        """Group of each prompt (n_prompts,)."""
        return self.dataset.groups

    @property
    def train(self) -> BoolArray:
        """Training prompts that are present (n_prompts,)."""
        return np.asarray(~self.dataset.is_test & self.is_present)

    @property
    def test(self) -> NDArray[np.intp]:
        """Places of held-out prompts that are present (n_test,)."""
        return np.flatnonzero(self.dataset.is_test & self.is_present)

    def outcomes(self, odds: OpeningOdds, places: NDArray[np.intp]) -> dict[str, FloatArray]:
        """Return the log-odds of a refusal at these prompts (..., n), and of the prompt's own wording.

        The latter is NaN where the prompt's answer is in no wording that an opening stands for.
        """
        own = np.full(odds.refusal.shape, np.nan)
        wordings = self.wordings[places]
        for name, values in odds.wording.items():
            own[..., wordings == name] = values[..., wordings == name]
        return {REFUSES: odds.refusal, WORDS: own}

    def rows(self, places: NDArray[np.intp]) -> list[RenderedPrompt]:
        """Return the rendered prompts at these places of the study."""
        among = np.cumsum(self.is_present) - 1
        return [self.rendered[int(among[place])] for place in places]


def check_model(inputs: CausalInput) -> None:
    """Raise CausalError where the model cannot be asked how likely its answers' openings are."""
    settings, model = inputs.settings, inputs.model
    if not model.can_generate:
        raise CausalError(f"{inputs.name} has no language-model head, so it has no log-odds of refusing.")
    if any(row.prompt_end != len(row.token_ids) for row in inputs.rendered):
        raise CausalError(
            f"{inputs.name}: its prompts are read with their answers (response positions); drop them."
        )
    if (settings.position is None) != (settings.layer is None):
        raise CausalError("causal: layer and position name one site together; give both, or neither.")
    if settings.layer is not None and settings.layer > model.n_layers:
        raise CausalError(
            f"causal.layer {settings.layer} is not in {inputs.name}, which has layers 0 to {model.n_layers}."
        )
    known = set(inputs.dataset.categories[inputs.dataset.categories != ""])
    if absent := [name for name in settings.categories if name not in known]:
        raise CausalError(
            f"causal.categories names {absent[0]!r}, which is no category of the prompts; they have "
            f"{', '.join(sorted(known)) or 'none'}."
        )


def training_openings(inputs: CausalInput) -> Openings:
    """Return how this model's refusals and answers begin, from its training answers.

    Raises
    ------
    UntoldAnswersError : no answers, too few of one kind, or beginnings that do not tell them apart.
    """
    kinds, groups = inputs.kinds, inputs.groups
    answered = np.array([r is not None and bool(r.opening) for r in inputs.responses])
    if not answered.any():
        raise UntoldAnswersError(Reason("no-answer-text", model=inputs.name))
    taken = inputs.train & answered & (kinds != "")
    for kind in (REFUSAL, COMPLIANCE):
        n = len(set(groups[taken & (kinds == kind)]))
        if n < FEWEST_ANSWERS:
            raise UntoldAnswersError(
                Reason(
                    "few-refusals" if kind == REFUSAL else "few-other-answers",
                    model=inputs.name,
                    n=n,
                    needed=FEWEST_ANSWERS,
                )
            )
    places = np.flatnonzero(taken)
    texts = [str(getattr(inputs.responses[int(place)], "opening", "")) for place in places]
    tokens = [ids for ids, _ in encode(inputs.model, texts, specials=False)]
    openings = find_openings(tokens, kinds[places].tolist(), [str(w) for w in inputs.wordings[places]])
    kinds_seen = {opening.kind for opening in openings.openings}
    if openings.covered < FEWEST_COVERED or len(kinds_seen) < 2:
        raise UntoldAnswersError(Reason("openings-alike", model=inputs.name, covered=openings.covered))
    return openings
