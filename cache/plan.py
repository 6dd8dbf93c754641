"""What is not stored yet, cut into shards whose boundaries do not depend on what was stored in between.

Per row the missing (layer, position) pairs are split into rectangles: the layers that lack the same
positions, times those positions. Storing one rectangle of a row changes no other rectangle of it. Rows that
lack a rectangle are cut, in the order given, into shards of equal length, the last one shorter. Taking any of
those shards away leaves a sequence that is cut at the same places, so a run that was killed, or that shares
the work, plans the same shards.
"""

from collections.abc import Iterable, Sequence

from unsinter.cache.errors import CacheError
from unsinter.cache.key import check_row_keys
from unsinter.cache.manifest import Manifest
from unsinter.cache.shard import ShardPlan

Rectangle = tuple[tuple[int, ...], tuple[str, ...]]


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


def plan_missing(manifest: Manifest, request: ShardPlan, *, rows_per_shard: int) -> list[ShardPlan]:
    """Return the shards that would complete the request."""
    if rows_per_shard < 1:
        raise CacheError(
            f"rows_per_shard must be at least 1, got {rows_per_shard}; 256 to 1024 suits most disks."
        )
    lacking: dict[Rectangle, list[str]] = {}
    known: dict[tuple[str, ...], list[Rectangle]] = {}
    holders = shards_of_rows(manifest, request)
    for row in request.rows:
        names = tuple(holders.get(row, ()))
        if names not in known:
            known[names] = _rectangles([manifest[name].plan for name in names], request)
        for rectangle in known[names]:
            lacking.setdefault(rectangle, []).append(row)
    return [
        ShardPlan(rows=tuple(rows[start : start + rows_per_shard]), layers=layers, positions=positions)
        for (layers, positions), rows in sorted(lacking.items())
        for start in range(0, len(rows), rows_per_shard)
    ]


def shards_of_rows(manifest: Manifest, request: ShardPlan) -> dict[str, list[str]]:
    """Return row -> names, sorted, of the shards that hold any asked layer of it at any asked position."""
    wanted, holders = set(request.rows), dict[str, list[str]]()
    for name in sorted(manifest):
        plan = manifest[name].plan
        if set(plan.layers).isdisjoint(request.layers) or set(plan.positions).isdisjoint(request.positions):
            continue
        for row in plan.rows:
            if row in wanted:
                holders.setdefault(row, []).append(name)
    return holders


def _rectangles(stored: Iterable[ShardPlan], request: ShardPlan) -> list[Rectangle]:
    have = {(layer, position) for plan in stored for layer in plan.layers for position in plan.positions}
    layers_lacking: dict[tuple[str, ...], list[int]] = {}
    for layer in request.layers:
        lacks = tuple(position for position in request.positions if (layer, position) not in have)
        if lacks:
            layers_lacking.setdefault(lacks, []).append(layer)
    return [(tuple(layers), positions) for positions, layers in layers_lacking.items()]
