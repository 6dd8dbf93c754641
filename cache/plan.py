"""What is not stored yet, cut into shards whose boundaries do not depend on what was stored in between.

Per row the missing (layer, position) pairs are split into rectangles: the layers that lack the same
positions, times those positions. Storing one rectangle of a row changes no other rectangle of it. Rows that
lack a rectangle are cut, in the order given, into shards of equal length, the last one shorter. Taking any of
those shards away leaves a sequence that is cut at the same places, so a run that was killed, or that shares
the work, plans the same shards.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from unsinter.cache.entries import Signature
from unsinter.cache.errors import CacheError
from unsinter.cache.index import Index
from unsinter.cache.key import check_row_keys
from unsinter.cache.shard import ShardPlan

ROWS_PER_SHARD = 512
"""Rows of a shard, unless others are named; processes that share a request must cut it alike."""

Rectangle = tuple[tuple[int, ...], tuple[str, ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """One of several parts of a request, each for a process of its own, on any machine, in any order."""

    number: int
    """From 1."""
    n_shares: int

    def __post_init__(self) -> None:
        if not 1 <= self.number <= self.n_shares:
            raise CacheError(
                f"Share {self.number}/{self.n_shares} cannot be; shares are counted from 1 to "
                f"{self.n_shares}, as in 1/{self.n_shares}."
            )

    def of(self, plans: Sequence[ShardPlan], request: ShardPlan, *, rows_per_shard: int) -> list[ShardPlan]:
        """Return the shards of this share.

        See `shares_of`.
        """
        dealt = shares_of(plans, request, n_shares=self.n_shares, rows_per_shard=rows_per_shard)
        return dealt.get(self, [])


def shares_of(
    plans: Sequence[ShardPlan], request: ShardPlan, *, n_shares: int, rows_per_shard: int
) -> dict[Share, list[ShardPlan]]:
    """Return the shards of each share that has any, in the order of the shares.

    Which share a shard belongs to follows from where its first row stands in the request, so that all
    processes agree, whatever is stored in between.
    """
    place = {row: number for number, row in enumerate(request.rows)}
    dealt: dict[int, list[ShardPlan]] = {}
    for plan in plans:
        dealt.setdefault(place[plan.rows[0]] // rows_per_shard % n_shares + 1, []).append(plan)
    return {Share(number=number, n_shares=n_shares): dealt[number] for number in sorted(dealt)}


def request_plan(rows: Sequence[str], layers: Iterable[int], positions: Iterable[str]) -> ShardPlan:
    """Return the request without repetitions: rows in the order given, layers and positions sorted.

    Raises
    ------
    CacheError : a row key is not a SHA-256, a layer is not a whole number from 0, a position has no name, or
    one of the three is empty.
    """
    plan = ShardPlan(
        rows=tuple(dict.fromkeys(rows)),
        layers=tuple(sorted(set(layers))),
        positions=tuple(sorted(set(positions))),
    )
    check_row_keys(plan.rows)
    for name, values in (("rows", plan.rows), ("layers", plan.layers), ("positions", plan.positions)):
        if not values:
            raise CacheError(f"No {name} were asked of the cache; name at least one.")
    for layer in plan.layers:
        if not isinstance(layer, int) or layer < 0:
            raise CacheError(
                f"Layer {layer!r} was asked of the cache; layers are whole numbers from 0, the embedding."
            )
    for position in plan.positions:
        if not isinstance(position, str) or not position:
            raise CacheError(
                f"Position {position!r} was asked of the cache; positions are names such as template_end."
            )
    return plan


def plan_missing(index: Index, request: ShardPlan, *, rows_per_shard: int) -> list[ShardPlan]:
    """Return the shards that would complete the request."""
    if rows_per_shard < 1:
        raise CacheError(
            f"rows_per_shard must be at least 1, got {rows_per_shard}; 256 to 1024 suits most disks."
        )
    lacking: dict[Rectangle, list[np.ndarray]] = {}
    codes, stored = index.signatures(request)
    by_code = np.argsort(codes, kind="stable")
    for places in np.split(by_code, np.flatnonzero(np.diff(codes[by_code])) + 1):
        for rectangle in _rectangles(stored[codes[places[0]]], request):
            lacking.setdefault(rectangle, []).append(places)
    return [
        ShardPlan(rows=tuple(rows[start : start + rows_per_shard]), layers=layers, positions=positions)
        for (layers, positions), rows in sorted(
            (rectangle, [request.rows[place] for place in np.sort(np.concatenate(places)).tolist()])
            for rectangle, places in lacking.items()
        )
        for start in range(0, len(rows), rows_per_shard)
    ]


def _rectangles(stored: Iterable[Signature], request: ShardPlan) -> list[Rectangle]:
    have = {(layer, position) for layers, positions in stored for layer in layers for position in positions}
    layers_lacking: dict[tuple[str, ...], list[int]] = {}
    for layer in request.layers:
        lacks = tuple(position for position in request.positions if (layer, position) not in have)
        if lacks:
            layers_lacking.setdefault(lacks, []).append(layer)
    return [(tuple(layers), positions) for positions, layers in layers_lacking.items()]
