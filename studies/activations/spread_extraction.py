"""Extraction by workers that each hold the model, and write shards into the cache themselves."""

import os
import socket
from collections.abc import Callable, Mapping, Sequence
from contextlib import chdir
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from unsinter.cache import ActivationStore, ShardPlan, Share
from unsinter.cache.key import JSON
from unsinter.cache.plan import ROWS_PER_SHARD, request_plan, shares_of
from unsinter.features.extract.extraction import Extraction, ExtractionOptions, Store, extract
from unsinter.features.extract.selfcheck import Deviation
from unsinter.features.model.model import ChatModel
from unsinter.features.rendering.rendering import RenderedPrompt, rendered_identity
from unsinter.studies.workers.errors import WorkersError
from unsinter.studies.workers.ray_cluster import RayCluster
from unsinter.studies.workers.ray_holders import holders_on
from unsinter.studies.workers.spread import active_workers

_SHARES_EACH = 8
"""Parts of the work for each worker: enough that none waits long for the last, whatever their speeds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Filling:
    """What a worker needs to fill its part: where the model and the cache are, and what goes in.

    Attributes
    ----------
    load : returns the model, from where every node finds it.
    folder : that relative paths start from.
    """

    load: Callable[[], ChatModel]
    rendered: Sequence[RenderedPrompt]
    root: Path
    identity: Mapping[str, JSON]
    layers: Sequence[int] | Literal["all"]
    positions: Sequence[str]
    options: ExtractionOptions
    folder: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Filled:
    """What a worker says of its part; the activations are in the cache."""

    n_computed: int
    n_halvings: int
    deviation: Deviation | None


def make_filler(filling: Filling) -> Callable[[Share], Filled]:
    """Load the model on a node, and return what fills a share with it.

    Raises
    ------
    WorkersError : this node does not see the cache, or has another model under the same name.
    """
    node = socket.gethostname()
    with chdir(filling.folder if Path(filling.folder).is_dir() else os.curdir):
        model = filling.load()
    own = rendered_identity(model, filling.rendered)
    if differing := sorted(name for name in filling.identity if own.get(name) != filling.identity[name]):
        raise WorkersError(
            f"node {node} of the cluster loads another model than this process (other "
            f"{', '.join(differing)}); give all nodes the same files, and the model its dtype in the study."
        )
    store = ActivationStore.open(filling.root, filling.identity)
    if not (store.path / "identity.json").exists():
        raise WorkersError(
            f"node {node} of the cluster does not see the cache folder {filling.root}; set UNSINTER_CACHE to "
            "a folder that all nodes share."
        )

    def fill(share: Share) -> Filled:
        part = extract(
            model,
            filling.rendered,
            ActivationStore.open(filling.root, filling.identity, share=share),
            layers=filling.layers,
            positions=filling.positions,
            options=filling.options,
        )
        return Filled(n_computed=part.n_computed, n_halvings=part.n_halvings, deviation=part.deviation)

    return fill


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Activations that are wanted of a model, as `extract` is asked for them.

    Attributes
    ----------
    load : returns the same model on a node of a cluster.
    study : folder that needs them.
    """

    load: Callable[[], ChatModel]
    model: ChatModel
    rendered: Sequence[RenderedPrompt]
    store: ActivationStore
    study: Path
    layers: Sequence[int] | Literal["all"]
    positions: Sequence[str]
    options: ExtractionOptions

    def extract(self, store: Store) -> Extraction:
        """Fill a store with them."""
        return extract(
            self.model,
            self.rendered,
            store,
            layers=self.layers,
            positions=self.positions,
            options=self.options,
        )


@dataclass(slots=True, kw_only=True)
class SpreadStore:
    """A store that is filled by the workers of a cluster; nothing that they compute comes through here.

    Attributes
    ----------
    computed : rows that were missing, and are not any more.
    parts : place of a share -> what its worker says of it.
    """

    wanted: Wanted
    cluster: RayCluster
    computed: set[str] = field(default_factory=set)
    parts: dict[int, Filled] = field(default_factory=dict)

    def fill(self, rows: Sequence[str], *, layers: Any, positions: Any, produce: Any, dtype: str) -> Any:
        """Let workers compute what is missing, share by share; see `ActivationStore.fill`.

        Raises
        ------
        WorkersError : workers were lost again and again, or filled another folder than this one.
        """
        store, request = self.wanted.store, request_plan(rows, layers, positions)
        if missing := self._missing(request):
            store.keep_for(self.wanted.study, rows, layers=layers, positions=positions)
            self._run(request, n_done=len(request.rows) - len(missing))
            if left := self._missing(request):
                raise WorkersError(
                    f"the workers of the cluster have filled another folder: {len(left):,} rows are not in "
                    f"{store.path} here; set UNSINTER_CACHE to a folder that all nodes share."
                )
            self.computed |= missing
        return store.fill(rows, layers=layers, positions=positions, produce=produce, dtype=dtype)

    def _run(self, request: ShardPlan, *, n_done: int) -> None:
        """Hand out the shares that lack something."""
        progress, n = self.wanted.options.progress or (lambda done, total: None), len(request.rows)
        holders = holders_on(self.cluster, make_filler, [self._filling()])
        n_shares = max(1, min(-(-n // ROWS_PER_SHARD), _SHARES_EACH * holders.n))
        plans = self.wanted.store.missing(request.rows, layers=request.layers, positions=request.positions)
        dealt = shares_of(plans, request, n_shares=n_shares, rows_per_shard=ROWS_PER_SHARD)
        lacking = {share: len({row for plan in own for row in plan.rows}) for share, own in dealt.items()}
        progress(n_done, n)
        shares = list(lacking)
        for place, filled in holders.run(shares):
            self.parts[place] = filled
            n_done += lacking[shares[place]]
            progress(min(n_done, n), n)

    def _filling(self) -> Filling:
        wanted = self.wanted
        return Filling(
            load=wanted.load,
            rendered=wanted.rendered,
            root=wanted.store.path.parent.absolute(),
            identity=rendered_identity(wanted.model, wanted.rendered),
            layers=wanted.layers,
            positions=wanted.positions,
            options=replace(wanted.options, progress=None),
            folder=str(Path.cwd()),
        )

    def read(self, layer: int, position: str, rows: Sequence[str]) -> NDArray[np.float32]:
        """Return (n_rows, d_model) float32 in the asked order."""
        return self.wanted.store.read(layer, position, rows)

    def _missing(self, request: ShardPlan) -> set[str]:
        plans = self.wanted.store.missing(request.rows, layers=request.layers, positions=request.positions)
        return {row for plan in plans for row in plan.rows}


def extract_wanted(wanted: Wanted) -> Extraction:
    """Extract here, or with the workers of a cluster where work is spread over one; the bytes are the same.

    Raises
    ------
    ExtractionError, PositionError, PaddingError : what is asked for cannot be had; says why.
    WorkersError : workers were lost again and again, or have another model, cache or version.
    """
    cluster = active_workers()
    if not isinstance(cluster, RayCluster):
        return wanted.extract(wanted.store)
    spread = SpreadStore(wanted=wanted, cluster=cluster)
    extraction = wanted.extract(spread)
    parts = list(spread.parts.values())
    lengths = {row.key: len(row.token_ids) for row in wanted.rendered}
    return replace(
        extraction,
        store=wanted.store,
        deviation=next((part.deviation for part in parts if part.deviation is not None), None),
        n_computed=len(spread.computed),
        n_reused=extraction.n_reused - len(spread.computed),
        n_tokens=sum(lengths[key] for key in spread.computed),
        n_halvings=sum(part.n_halvings for part in parts),
    )
