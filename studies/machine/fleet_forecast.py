"""What a study would take on devices that are not here: hours, bytes, memory, and what to change."""

from unsinter.features.model.memory import MemoryEstimate
from unsinter.studies.machine.accelerators import FREE, Fleet
from unsinter.studies.machine.forecast import ModelShape, count_sites
from unsinter.studies.machine.predicted import Forecast, duration_text
from unsinter.studies.machine.sizes import size_text
from unsinter.studies.study.file import Study

LARGE_CACHE = 10**12
"""Bytes of a cache from which on fewer layers are worth a look first."""

LONG = 86_400.0
"""Seconds of fits from which on fewer rows are worth a look."""

_FLOAT32 = 4


def fleet_lines(
    study: Study,
    shape: ModelShape,
    memory: MemoryEstimate,
    prediction: Forecast,
    *,
    fleet: Fleet,
    n_prompts: int,
) -> list[tuple[str, str]]:
    """Return (what, state) for a screen.

    ``prediction`` is for one device of the fleet. Copies of the model work on shards of the prompts beside
    each other; a copy that is spread over several devices reads at the speed of one, since each prompt passes
    them one after another. Fits are those of this machine's processor; sites are independent of each other.
    """
    per_copy = fleet.n_per_copy(memory.weights + memory.batch)
    copies = fleet.n_devices // per_copy
    if not copies:
        free = size_text(int(FREE * fleet.n_devices * fleet.kind.memory))
        state = (
            f"does not fit: {size_text(memory.weights + memory.batch)} needed, {free} free on {fleet.name}"
        )
        return [("the model", state)]
    n_sites = count_sites(study, shape)
    rest = prediction.fit_seconds
    site = n_prompts * shape.d_model * _FLOAT32
    return [
        ("copies of the model", f"{copies:,}" + (f", each on {per_copy} devices" if per_copy > 1 else "")),
        ("reading the prompts", duration_text(prediction.reading_seconds / copies)),
        *(
            [("answering them", duration_text(prediction.answering_seconds / copies))]
            if prediction.answering_seconds
            else [("answering them", prediction.answers)]
            if prediction.answers
            else []
        ),
        *(
            [("causal check", f"{duration_text(prediction.causal_seconds)} of one copy")]
            if prediction.causal_seconds
            else []
        ),
        ("cache", size_text(prediction.cache)),
        ("one site in memory", size_text(site)),
        ("records and labels", f"{duration_text(prediction.record_seconds)} of a machine like this one"),
        (
            "fits, verdicts, transfer",
            f"{duration_text(rest)} of a machine like this one, over {n_sites:,} sites",
        ),
        *_advice(prediction, shape, memory, n_prompts=n_prompts, seconds=rest),
    ]


def _advice(
    prediction: Forecast, shape: ModelShape, memory: MemoryEstimate, *, n_prompts: int, seconds: float
) -> list[tuple[str, str]]:
    """Say what would make it smaller, where it is large."""
    advice = []
    if prediction.cache > LARGE_CACHE:
        item = memory.item
        few = 4 * n_prompts * shape.d_model * item
        advice.append(
            f"choose layers on 5,000 prompts first: four layers at one position take {size_text(few)}"
        )
    if prediction.random_seconds:
        advice.append("read the random-weight control on a part: it doubles reading and cache")
    if seconds > LONG:
        advice.append("fit on a sample of the prompts and read the others with `unsinter score`")
    return [("to change", sentence) for sentence in advice]
