"""Filling: plan, claim, compute, store, until nothing asked is missing, whoever else fills the folder."""

import logging
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from unsinter.cache.atomic import cache_lock
from unsinter.cache.errors import SilentHolderError
from unsinter.cache.folding import fold_if_due, tidy
from unsinter.cache.manifest import Folder
from unsinter.cache.places.remote import RemotePath
from unsinter.cache.plan import Share, plan_missing
from unsinter.cache.shard import ShardPlan
from unsinter.cache.writing import adopt, check_values, write_shard

logger = logging.getLogger(__name__)

Produce = Callable[[tuple[str, ...], tuple[int, ...], tuple[str, ...]], Mapping[int, np.ndarray]]
"""(rows, layers, positions) -> {layer: (rows, positions, d_model)}."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FillReport:
    """What one call of `fill` did."""

    rows: int
    """Distinct rows asked for; all of them are stored now, or those of the share that was asked for."""
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

    def __init__(
        self,
        folder: Folder,
        request: ShardPlan,
        *,
        rows_per_shard: int,
        dtype: str,
        share: Share | None = None,
    ) -> None:
        self._folder, self._request, self._rows_per_shard, self._dtype, self._share = (
            folder,
            request,
            rows_per_shard,
            dtype,
            share,
        )
        self._computed: list[int] = []
        self._bytes_written = self._adopted = self._elsewhere = 0

    def missing(self) -> list[ShardPlan]:
        """Return the shards not stored by now, those of the share if there is one."""
        plans = plan_missing(self._folder.load(), self._request, rows_per_shard=self._rows_per_shard)
        if self._share is None:
            return plans
        return self._share.of(plans, self._request, rows_per_shard=self._rows_per_shard)

    def run(self, produce: Produce) -> FillReport:
        """Return once nothing asked is missing."""
        plans = self.missing()
        while plans:
            left_to_others = [plan for plan in self._in_order(plans) if not self._claim(plan, produce)]
            if len(left_to_others) == len(plans):
                self._wait_for(plans[0], produce)
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

    def _in_order(self, plans: list[ShardPlan]) -> list[ShardPlan]:
        """Return the plans in an order of this process's own, where no shard can be claimed."""
        if not isinstance(self._folder.path, RemotePath):
            return plans
        return random.SystemRandom().sample(plans, len(plans))

    def _wait_for(self, plan: ShardPlan, produce: Produce) -> None:
        try:
            self._claim(plan, produce, wait=True)
        except SilentHolderError as error:
            logger.warning("%s Its shard is computed here too, which changes no result.", error)
            self._complete(plan, produce)

    def _claim(self, plan: ShardPlan, produce: Produce, *, wait: bool = False) -> bool:
        # The claim saves work and guards nothing: two writers of one shard write the same bytes.
        name = plan.name(self._folder.path.name, self._dtype)
        with cache_lock(self._folder.lock_of(name), wait=wait) as mine:
            if mine:
                self._complete(plan, produce)
        return mine

    def _complete(self, plan: ShardPlan, produce: Produce) -> None:
        if self._folder.load().names_holding(plan):
            self._elsewhere += 1
        elif adopt(self._folder, plan, dtype=self._dtype):
            self._adopted += 1
        else:
            arrays = check_values(plan, produce(plan.rows, plan.layers, plan.positions), dtype=self._dtype)
            self._bytes_written += write_shard(self._folder, plan, arrays, dtype=self._dtype)
            self._computed.append(len(plan.rows))
        fold_if_due(self._folder)
