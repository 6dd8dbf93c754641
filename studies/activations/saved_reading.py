"""What saved activations give a study: the same reading as a model's, without a model."""

import hashlib
import time
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from unsinter.cache import ActivationStore
from unsinter.cache.key import JSON, identity_key
from unsinter.features.extract.extraction import Extraction
from unsinter.studies.activations.model_reading import Reading
from unsinter.studies.activations.saved_arrays import (
    Bits,
    SavedArrays,
    array_digest,
    has_site,
    open_arrays,
)
from unsinter.studies.activations.untrained import LAYER0_MEAN
from unsinter.studies.data.dataset import Dataset
from unsinter.studies.data.sites import Site
from unsinter.studies.reasons.reason import Reason
from unsinter.studies.study.file import Study, StudyError
from unsinter.studies.study.run_options import Settings
from unsinter.studies.study.saved_activations import SavedActivations
from unsinter.studies.study.sections import ModelSource

SAVED = "saved activations"
"""What stands in an identity for the place where a model was read."""

NOT_HAD = {
    "layer0_mean": Reason("no-saved-embedding"),
    "random_model": Reason("no-saved-untrained-model"),
}
"""Floor -> why a run that reads saved activations lacks it."""


def read_saved(study: Study, source: ModelSource, dataset: Dataset, settings: Settings) -> Reading:
    """Put a model's saved activations into the cache, and return them with the recorded answers.

    Raises
    ------
    StudyError : an array, an id or a prompt without one; everything is checked before anything is written.
    """
    extraction, identity, facts = import_saved(study, source, [p.id for p in dataset.prompts], settings)
    settings.on_read()
    present = set(extraction.ids)
    recorded = study.responses.model if study.responses is not None else None
    return Reading(
        name=source.name,
        model=None,
        rendered=(),
        extraction=extraction,
        is_present=np.array([name in present for name in dataset.ids]),
        responses=list(dataset.recorded[recorded]) if recorded else [None] * len(dataset.prompts),
        identity=identity,
        facts=facts,
    )


def import_saved(
    study: Study, source: ModelSource, wanted: Sequence[str], settings: Settings
) -> tuple[Extraction, dict[str, str], dict[str, Any]]:
    """Put the saved activations of some prompts into the cache: where they stand, what they are, how."""
    saved = source.activations
    assert saved is not None
    arrays = open_arrays(source.name, saved, layers=study.layers, positions=study.positions)
    ids = _present(source.name, saved, arrays, wanted)
    extraction, identity = import_arrays(source, arrays, ids, settings)
    present = set(ids)
    facts = saved_facts(arrays, extraction, identity, dropped=[n for n in wanted if n not in present])
    return extraction, identity, facts


def import_arrays(
    source: ModelSource, arrays: SavedArrays, ids: Sequence[str], settings: Settings
) -> tuple[Extraction, dict[str, str]]:
    """Copy the rows of some ids into the cache, and return where they stand and what they are."""
    started = time.perf_counter()
    sites = sites_of(arrays)
    digests = {site: array_digest(arrays.read(site), arrays.dtype) for site in sites}
    identity = _identity(source, arrays, digests)
    keys = [hashlib.sha256(f"{identity['weights']} {name}".encode()).hexdigest() for name in ids]
    rows = dict(zip(keys, ids, strict=True))
    about: dict[str, JSON] = {"model": f"{source.path} ({SAVED})"}
    store = ActivationStore.open(settings.cache_root, identity, about=about)
    filled = _fill(store, arrays, sites, rows)
    store.keep_for(settings.folder, keys, layers=arrays.layers, positions=arrays.positions)
    extraction = Extraction(
        store=store,
        ids=tuple(ids),
        keys=tuple(keys),
        layers=arrays.layers,
        positions=arrays.positions,
        dropped=(),
        deviation=None,
        n_computed=filled,
        n_reused=len(keys) - filled,
        n_tokens=0,
        n_halvings=0,
        seconds=time.perf_counter() - started,
    )
    return extraction, identity


def sites_of(arrays: SavedArrays) -> list[Site]:
    """Return every site of the study, and the mean token embedding where it was saved."""
    sites = [(layer, position) for position in arrays.positions for layer in arrays.layers]
    return (
        sites if LAYER0_MEAN in sites or not has_site(arrays.source, LAYER0_MEAN) else [*sites, LAYER0_MEAN]
    )


def saved_facts(
    arrays: SavedArrays, extraction: Extraction, identity: Mapping[str, str], *, dropped: Sequence[str]
) -> dict[str, Any]:
    """Return what `extraction_facts` says of a model, of saved arrays."""
    lacking = dict(NOT_HAD)
    if LAYER0_MEAN in sites_of(arrays):
        del lacking["layer0_mean"]
    return {
        "layers": list(arrays.layers),
        "positions": list(arrays.positions),
        "d_model": arrays.d_model,
        "dtype": arrays.dtype,
        "device": SAVED,
        "rows_computed": extraction.n_computed,
        "rows_from_cache": extraction.n_reused,
        "tokens": 0,
        "seconds": round(extraction.seconds, 2),
        "dropped": list(dropped),
        "batch_deviation": None,
        "not_had": lacking,
        "cache_key": identity_key(identity),
    }


def _present(
    model: str, saved: SavedActivations, arrays: SavedArrays, wanted: Sequence[str]
) -> tuple[str, ...]:
    """Return the prompts that have a row, in the order of the study."""
    known = set(arrays.ids)
    absent = [name for name in wanted if name not in known]
    if len(absent) == len(wanted):
        raise StudyError(
            f"model {model!r}: none of the {len(wanted):,} prompts has an id in {saved.ids}, which begins "
            f"with {arrays.ids[0]!r}; the prompts begin with {wanted[0]!r}."
        )
    if absent and saved.missing == "error":
        raise StudyError(
            f"model {model!r}: {len(absent):,} prompts have no row in {saved.ids}, the first is {absent[0]!r}"
            "; save their activations too, or set activations.missing to drop."
        )
    return tuple(name for name in wanted if name in known)


def _identity(source: ModelSource, arrays: SavedArrays, digests: Mapping[Site, str]) -> dict[str, str]:
    """Return the digests of all that was saved: other numbers or other ids are other activations."""
    lines = [f"{layer} {position} {digest}" for (layer, position), digest in sorted(digests.items())]
    text = "\n".join([source.path, *lines, *arrays.ids])
    digest = hashlib.sha256(text.encode()).hexdigest()
    return {"weights": digest, "dtype": arrays.dtype, "hook_site": SAVED}


def _fill(store: ActivationStore, arrays: SavedArrays, sites: Sequence[Site], rows: Mapping[str, str]) -> int:
    """Store every site layer by layer, so that one layer's arrays are in memory; return the new rows."""
    places = {name: place for place, name in enumerate(arrays.ids)}
    by_layer: dict[int, list[str]] = {}
    for layer, position in sites:
        by_layer.setdefault(layer, []).append(position)
    computed = 0
    for layer, positions in by_layer.items():
        report = store.fill(
            list(rows),
            layers=[layer],
            positions=positions,
            produce=_producer(arrays, {row: places[name] for row, name in rows.items()}),
            dtype=arrays.dtype,
        )
        computed = max(computed, min(report.rows_computed, len(rows)))
    return computed


def _producer(arrays: SavedArrays, places: Mapping[str, int]) -> Any:
    """Return what the store asks for rows; arrays stay read from one shard to the next."""
    kept: dict[Site, Bits] = {}

    def produce(
        rows: tuple[str, ...], layers: tuple[int, ...], positions: tuple[str, ...]
    ) -> dict[int, Bits]:
        taken = [places[row] for row in rows]
        for site in ((layer, position) for layer in layers for position in positions):
            if site not in kept:
                kept[site] = arrays.read(site)
        return {
            layer: np.stack([kept[layer, position][taken] for position in positions], axis=1)
            for layer in layers
        }

    return produce
