"""Filling: plan, claim, compute, store, until nothing asked is missing, whoever else fills the folder."""

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass

import numpy as np

from unsinter.cache.atomic import file_lock, is_temporary, sweep, temporaries
from unsinter.cache.manifest import Folder
from unsinter.cache.plan import plan_missing, shards_of_rows
from unsinter.cache.shard import ShardPlan
from unsinter.cache.writing import adopt, check_values, write_shard

Produce = Callable[[tuple[str, ...], tuple[int, ...], tuple[str, ...]], Mapping[int, np.ndarray]]
"""(rows, layers, positions) -> {layer: (rows, positions, d_model)}."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FillReport:
    """What one call of `fill` did."""

    rows: int
    """Distinct rows asked for; all of them are stored now."""
    shards_computed: int = 0
    rows_computed: int = 0
    """Rows handed to the model, counted once per shard."""
    bytes_written: int = 0
    shards_adopted: int = 0
    """Whole shards of a killed process that only had to be listed."""
    shards_elsewhere: int = 0
    """Shards that another process stored meanwhile."""


class Filler:
    """One request on its way to completeness."""

    def __init__(self, folder: Folder, request: ShardPlan, *, rows_per_shard: int, dtype: str) -> None:
        self._folder, self._request, self._rows_per_shard, self._dtype = (
            folder,
            request,
            rows_per_shard,
            dtype,
        )
        self._computed: list[int] = []
        self._bytes_written = self._adopted = self._elsewhere = 0

    def missing(self) -> list[ShardPlan]:
        """Return the shards not stored by now."""
        return plan_missing(self._folder.load(), self._request, rows_per_shard=self._rows_per_shard)

    def run(self, produce: Produce) -> FillReport:
        """Return once nothing asked is missing."""
        plans = self.missing()
        while plans:
            left_to_others = [plan for plan in plans if not self._claim(plan, produce, wait=False)]
            if len(left_to_others) == len(plans):
                self._claim(plans[0], produce, wait=True)
            plans = self.missing()
        tidy(self._folder)
        return FillReport(
            rows=len(self._request.rows),
            shards_computed=len(self._computed),
            rows_computed=sum(self._computed),
            bytes_written=self._bytes_written,
            shards_adopted=self._adopted,
            shards_elsewhere=self._elsewhere,
        )

    def _claim(self, plan: ShardPlan, produce: Produce, *, wait: bool) -> bool:
        name = plan.name(self._folder.path.name, self._dtype)
        # The claim saves work and guards nothing: two writers of one shard write the same bytes.
        with file_lock(self._folder.lock_of(name), wait=wait) as mine:
            if not mine:
                return False
            if shards_of_rows(self._folder.load(), plan):
                self._elsewhere += 1
            elif adopt(self._folder, plan, dtype=self._dtype):
                self._adopted += 1
            else:
                arrays = check_values(
                    plan, produce(plan.rows, plan.layers, plan.positions), dtype=self._dtype
                )
                self._bytes_written += write_shard(self._folder, plan, arrays, dtype=self._dtype)
                self._computed.append(len(plan.rows))
        return True


def tidy(folder: Folder) -> None:
    """Remove the leftovers of finished shards: claims on them, unfinished copies of them.

    A finished shard is never written again, so a claim on it that another process still holds protects
    nothing.
    """
    locks = list(folder.locks.glob("*.lock"))
    unfinished = [file for file in folder.shards.glob(".*") if is_temporary(file)]
    if len(locks) < 2 and not unfinished and not any(temporaries(folder.manifest)):
        return
    # A folder that became read-only keeps its leftovers; they are harmless, and the activations are complete.
    with suppress(ValueError, OSError), folder.locked():
        manifest = folder.load()
        sweep(folder.manifest)
        for name in manifest:
            sweep(folder.shards / name)
            folder.lock_of(name).unlink(missing_ok=True)
