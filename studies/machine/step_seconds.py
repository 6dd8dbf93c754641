"""Seconds of the steps of a run that a processor takes, beside the model's own passes.

Each constant was measured on one core of an AMD EPYC whose ``pace`` is 1 (benchmarks/results/scale.json: a
planted model of 128 dimensions, prompts of 160 characters, 2,000 and 20,000 of them). Products of matrices
are counted in operations, of which the machine says how many it does a second.
"""

from dataclasses import dataclass

from unsinter.studies.machine.device_speed import Device

START = 26.0
"""Imports, the figures and the report: as long for a small study as for a large one."""

_RECORD, READING = 1.1e-3, 0.7e-3
"""Of a prompt: read, grouped, rendered; and of a pass of it, what a model's arithmetic does not count."""

_LABEL = 1.2e-3
"""Of an answer."""

_TARGET, _FLOOR = 2.8, 6.1e-6
"""Floors of text with their penalties chosen: of a target, and of a character of its prompts."""

_PROBE = 3.5e-4
"""A probe with its controls, and its intervals: of a prompt, target and site."""

_BARE_PROBE = 0.25
"""Share of it that a probe of an untrained model takes, which has no controls."""

_VERDICT = 1.9e-4
"""Of a prompt, site and contrast; beside it products and pairs:"""

_PAIR = 5e-9
"""Of a pair of prompts, of which the nearest is looked for."""

_PAIR_TEXT = 1.6e-6
"""Of a character and a factor whose words are read."""

_ERASURE = 7.8e-4
"""Of a prompt and contrast, at the one site where erasure is tried."""

_MATRIX = 3.3e-4
"""A transfer matrix: of a prompt and site."""

_JUDGING_PRODUCTS = 4.4
"""Operations, in units of n x d x min(n, d), of a verdict on one contrast at one site: .64 s of a core at
n = 2,000 and d = 2,304 (benchmarks/results/verdict_speed.json), taken to do .063 TFLOP/s."""

_TRANSFER_PRODUCTS = 16.8
"""The same of a transfer matrix: .14 s at n = 2,000, d = 512, ten categories (results/transfer.json)."""


_HELD_OUT, _HELD_OUT_TEXT = 7e-5, 6e-7
"""With one source or category left out: of a prompt and site, and of a character of the prompts. This, causal
checks and maps are coarser than what stands above: from how long these steps took beside the others in one
run of two planted models with 500 prompts, on a busy machine."""

_ACROSS, _ACROSS_PRODUCTS = 3.3e-4, 60.0
"""The study over categories at a site: of a prompt, and in products; .3 s for some 900 prompts of 128
dimensions, .89 s for 1,500 of 512 (results/across_categories.json)."""

HELD_OUT_SHARE = 0.25
"""Share of the prompts that is held out, where effects of a causal check are read."""

_CHAINS = 1.0
"""Passes of a causal check over a prompt and change, more where openings differ after a few tokens only."""

_MAP, _MAP_ROW, _MAP_PRODUCTS = 0.02, 3e-4, 60.0
"""A map from one model's activations to another's with its shuffled pairings: of itself, of a prompt, in
products."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """How much a study asks of the processor.

    Attributes
    ----------
    n_prompts, n_characters : of all prompts.
    n_passes : of the model over them: 2 with the random-weight control.
    n_answers : that are labelled.
    n_sites, n_targets, n_contrasts : layers and positions, targets (one of shares counts once a sample), and
        pairs of classes that get a verdict.
    n_erased : contrasts that erasure is tried on.
    n_held_out : sources and categories that are left out in turn.
    n_changes : in how many ways a causal check reads each held-out prompt.
    n_other_models : that read the same prompts.
    """

    n_prompts: int
    n_characters: int
    d_model: int
    n_passes: int
    n_answers: int
    n_sites: int
    n_targets: int
    n_contrasts: int
    n_erased: int
    has_transfer: bool
    has_across: bool = False
    n_held_out: int = 0
    n_changes: int = 0
    n_other_models: int = 0

    @property
    def product(self) -> float:
        """Operations of one product of all rows with as many as span them."""
        return float(min(self.n_prompts, self.d_model)) * self.n_prompts * self.d_model

    def grid_products(self, n_targets: int) -> float:
        """Return operations of logistic fits with every penalty at one site: Gram matrix, its eigenvectors,
        and some tens of products with the reduced rows per target."""
        rows, width = min(self.n_prompts, self.d_model), max(self.n_prompts, self.d_model)
        return float(2 * rows**2 * width + 10 * rows**3 + n_targets * 4000 * rows * self.n_prompts)


def record_seconds(work: Work, cpu: Device) -> float:
    """Return what prompts and answers take, read, rendered and labelled."""
    return cpu.pace * (work.n_prompts * (_RECORD + work.n_passes * READING) + work.n_answers * _LABEL)


def probing_seconds(work: Work, cpu: Device) -> float:
    """Return what floors, probes, controls and intervals of all targets take; tuning is not counted."""
    per_site = work.grid_products(work.n_targets)
    probes = work.n_sites * (1 + (work.n_passes - 1) * _BARE_PROBE)
    paced = _TARGET + work.n_characters * _FLOOR + work.n_prompts * probes * _PROBE
    return work.n_passes * work.n_sites * per_site / cpu.flops + cpu.pace * work.n_targets * paced


def judging_seconds(work: Work, cpu: Device) -> float:
    """Return what verdicts, the texts of their pairs and erasure take."""
    if not work.n_contrasts:
        return 0.0
    pairs = 2 * work.n_sites * float(work.n_prompts) ** 2
    operations = work.n_contrasts * work.n_sites * _JUDGING_PRODUCTS * work.product + 2 * pairs * work.d_model
    paced = (
        work.n_contrasts * work.n_sites * work.n_prompts * _VERDICT
        + pairs * _PAIR
        + (work.n_contrasts + 1) * work.n_characters * _PAIR_TEXT
        + work.n_erased * work.n_prompts * _ERASURE
    )
    return operations / cpu.flops + cpu.pace * paced


def transfer_seconds(work: Work, cpu: Device) -> float:
    """Return what the matrices of transfer take."""
    if not work.has_transfer:
        return 0.0
    paced = work.n_sites * work.n_prompts * _MATRIX
    return work.n_sites * _TRANSFER_PRODUCTS * work.product / cpu.flops + cpu.pace * paced


def held_out_seconds(work: Work, cpu: Device) -> float:
    """Return what probes and words take with each source and category left out in turn."""
    paced = work.n_sites * work.n_prompts * _HELD_OUT + work.n_characters * _HELD_OUT_TEXT
    operations = work.n_sites * work.grid_products(1)
    return work.n_held_out * (operations / cpu.flops + cpu.pace * paced)


def across_seconds(work: Work, cpu: Device) -> float:
    """Return what the study over categories takes, at the two sites that it reads."""
    if not work.has_across:
        return 0.0
    return 2 * (_ACROSS_PRODUCTS * work.product / cpu.flops + cpu.pace * work.n_prompts * _ACROSS)


def causal_passes(work: Work) -> float:
    """Return how often a causal check reads as many tokens as the study has."""
    return HELD_OUT_SHARE * _CHAINS * work.n_changes


def comparing_seconds(work: Work, cpu: Device) -> float:
    """Return what the maps from this model's activations to those of the others take, of every target."""
    n_maps = work.n_other_models * work.n_targets
    return n_maps * (_MAP_PRODUCTS * work.product / cpu.flops + cpu.pace * (_MAP + work.n_prompts * _MAP_ROW))
