"""What a forecast says: bytes, and seconds of each part of a run."""

from dataclasses import dataclass

from unsinter.studies.machine.sizes import size_text

COUNTED = {
    "start_seconds": ("figures and report", "prompts token by token"),
    "record_seconds": ("prompts", "labels of recorded answers"),
    "reading_seconds": ("activations", "layer0-mean activations", "random-model activations"),
    "answering_seconds": ("answers",),
    "probing_seconds": ("floors and activation controls", "probes", "scores and intervals"),
    "transfer_seconds": ("transfer",),
    "held_out_seconds": ("sources and categories held out",),
    "judging_seconds": ("verdicts", "texts of pairs", "absences", "erasure"),
    "across_seconds": ("across categories",),
    "causal_seconds": ("causal check", "causal matrix"),
    "comparing_seconds": ("probes across models",),
}
"""Fields of a forecast, and how the steps begin that each stands for in the log of a run, model left out."""

NOT_COUNTED = ("trials",)
"""The same of steps that no forecast counts: how long tuning takes, its families and trials decide."""

_SHOWN_WHERE_ANY = {
    "judging_seconds": "verdicts",
    "across_seconds": "wording and harm over categories",
    "transfer_seconds": "transfer",
    "held_out_seconds": "sources and categories held out",
    "causal_seconds": "causal check",
    "comparing_seconds": "probes across models",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """Bytes and seconds: a guide, not a promise; on devices that are not here within a factor of three."""

    weights: int
    batch: int
    cache: int
    start_seconds: float
    record_seconds: float
    reading_seconds: float
    random_seconds: float
    """Of reading, what the random-weight control takes."""

    answering_seconds: float
    answers: str
    """Where answers come from that take the model no time; empty where there are none."""

    probing_seconds: float
    judging_seconds: float
    across_seconds: float
    transfer_seconds: float
    held_out_seconds: float
    causal_seconds: float
    comparing_seconds: float

    def lines(self) -> list[tuple[str, str]]:
        """Return (what, state) for a screen."""
        return [
            ("weights in memory", size_text(self.weights)),
            ("a batch in memory", f"about {size_text(self.batch)}"),
            ("cache on disk", size_text(self.cache)),
            ("start, figures, report", duration_text(self.start_seconds)),
            ("records and labels", duration_text(self.record_seconds)),
            ("reading the prompts", duration_text(self.reading_seconds)),
            *(
                [("of that, the random-weight control", duration_text(self.random_seconds))]
                if self.random_seconds
                else []
            ),
            *([("answering them", self.answering)] if self.answering else []),
            ("probes, floors and controls", duration_text(self.probing_seconds)),
            *(
                (what, duration_text(seconds))
                for name, what in _SHOWN_WHERE_ANY.items()
                if (seconds := getattr(self, name))
            ),
            ("together", duration_text(self.seconds)),
        ]

    @property
    def answering(self) -> str:
        """What the answers take, in words."""
        return duration_text(self.answering_seconds) if self.answering_seconds else self.answers

    @property
    def fit_seconds(self) -> float:
        """What is fitted to activations that are there: of the processor."""
        names = ("probing", "judging", "across", "transfer", "held_out", "comparing")
        return float(sum(getattr(self, f"{name}_seconds") for name in names))

    @property
    def seconds(self) -> float:
        """All of a run with this model alone."""
        return float(sum(getattr(self, name) for name in COUNTED))


def duration_text(seconds: float) -> str:
    """Return a duration as a person would say it."""
    if seconds < 90:
        return f"about {max(1, round(seconds))} s"
    if seconds < 5400:
        return f"about {round(seconds / 60)} min"
    return f"about {seconds / 3600:.1f} h"
