"""What a study file asks of the causal check."""

from collections.abc import Sequence
from typing import Literal

from pydantic import Field

from unsinter.studies.study.section import StudySection


class Causal(StudySection):
    """Directions are taken out of a model's stream; the change of its log-odds of refusing is measured."""

    operation: Literal["remove", "add"] = "remove"
    """Take a class's direction out of prompts of that class, or add it to prompts of the other."""

    span: Literal["at", "from"] = "at"
    """At the site's layer alone, or there and at every later layer (Arditi et al. 2024)."""

    tokens: Literal["all", "site"] = "all"
    """At every token, as directional ablation does, or at those of the site's position alone."""

    reference: Literal["mean", "zero"] = "mean"
    """A removed coordinate is set to its mean over training prompts at each place of the template, or to
    zero. Zero moves every prompt by the mean, so a direction near it does harm whatever it stands for."""

    layer: int | None = Field(default=None, ge=0)
    """One layer for every direction; without it, the site that the training rows chose for each target."""

    position: str | None = None
    """One position for every direction; goes with ``layer``."""

    categories: tuple[str, ...] = ()
    """Only these categories; empty: all that have enough groups."""

    random: int = Field(default=12, ge=2, le=1_000)
    """Random directions of the activations' covariance at each site."""

    permuted: int = Field(default=8, ge=2, le=1_000)
    """Directions of permuted labels for each target, at least."""

    margin: float = Field(default=0.1, gt=0.0, lt=1.0)
    """Share of the difference between refused and answered prompts that counts as no change."""

    def check_site(self, layers: Sequence[int] | Literal["all"], positions: Sequence[str]) -> None:
        """Raise ValueError where the check would end a run at a site that the study does not read."""
        layer, position = self.layer, self.position
        if (layer is None) != (position is None):
            raise ValueError("causal: layer and position name one site together; give both, or neither")
        if layer is None or position is None:
            return
        if (layers != "all" and layer not in layers) or position not in positions:
            read = layers if layers == "all" else ", ".join(map(str, layers))
            raise ValueError(
                f"causal: layer {layer} at {position!r} is not read; the study has layers {read} at "
                f"{', '.join(positions)}"
            )
