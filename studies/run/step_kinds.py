"""The kinds of step of a run, each with the version of its code.

They stand apart from that code, so that a finished run is told from others without a model library.
"""

from unsinter.studies.store.step_store import StepKind

TARGET = StepKind(name="target", version=2)
"""Floors, probes at every site with their controls, the tuned probe, predictions and trials of one target."""

TRANSFER = StepKind(name="transfer", version=2)
HELD_OUT = StepKind(name="held_out", version=2)
CROSS_MODEL = StepKind(name="cross_model", version=2)

SEPARATION = StepKind(name="separation", version=6)
"""The verdicts on every pair at every site, with the evidence beside them."""

ACROSS_CATEGORIES = StepKind(name="across categories", version=2)
"""Wording pooled, within and across categories, and how many axes harm has."""

TOKEN_SCORES = StepKind(name="token scores", version=1)
"""A few prompts, chosen by their held-out scores, read token by token at every layer."""

CAUSAL = StepKind(name="causal", version=2)
"""Directions changed in the stream: effects, their nulls, the matrix over categories."""

KINDS = (TARGET, TRANSFER, HELD_OUT, CROSS_MODEL, SEPARATION, ACROSS_CATEGORIES, TOKEN_SCORES, CAUSAL)
"""Every kind of step."""
