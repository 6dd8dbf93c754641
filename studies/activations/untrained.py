"""Two readings that no trained block has touched: mean token embeddings, and a model with random weights."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

from unsinter.cache import ActivationStore
from unsinter.cache.errors import naming
from unsinter.features.extract.extraction import ExtractionOptions
from unsinter.features.model.model import ChatModel
from unsinter.features.model.random_weights import randomise_weights
from unsinter.features.rendering.rendering import rendered_identity
from unsinter.studies.activations.model_reading import Reading, load_source
from unsinter.studies.activations.spread_extraction import Wanted, extract_wanted
from unsinter.studies.activations.stored_sites import StoredSites
from unsinter.studies.data.site_readers import FloatArray, ReadSite
from unsinter.studies.data.sites import Site
from unsinter.studies.study.file import Study, StudyError
from unsinter.studies.study.run_options import Settings
from unsinter.studies.study.sections import ModelSource

LAYER0_MEAN: Site = (0, "instruction_mean")


def read_layer0_mean(study: Study, reading: Reading, settings: Settings) -> ReadSite:
    """Return what reads the mean embedding of each prompt's own tokens, whatever sites the study asks for.

    Of saved activations it is what was saved for that site; ask `Reading.has_floor` first.
    """
    if reading.model is None:
        own, claim = reading.extraction, _claim(settings)
        store = ActivationStore.open(settings.cache_root, reading.identity, study=claim)
        store.keep_for(claim, own.keys, layers=[LAYER0_MEAN[0]], positions=[LAYER0_MEAN[1]])
        return StoredSites(store=store, keys=own.keys, is_present=reading.is_present)
    load = partial(
        load_source, _source(study, reading), notes=settings.cache_root, runs_code=settings.runs_code
    )
    wanted = _wanted(reading.model, load, reading, settings, "layer0-mean")
    wanted = replace(wanted, layers=[LAYER0_MEAN[0]], positions=[LAYER0_MEAN[1]])
    # Here, wherever the study's own sites are read: looking tokens up costs less than loading a model anew.
    return StoredSites.of(wanted.extract(wanted.store), reading.is_present)


def read_random_model(study: Study, reading: Reading, settings: Settings) -> ReadSite:
    """Return what reads the study's own sites from the same architecture with freshly drawn weights."""
    assert reading.model is not None
    drawn = randomise_weights(reading.model, seed=study.seed)
    load = partial(
        load_random,
        _source(study, reading),
        seed=study.seed,
        notes=settings.cache_root,
        runs_code=settings.runs_code,
    )
    wanted = _wanted(drawn, load, reading, settings, "random-model")
    wanted = replace(wanted, layers=reading.layers, positions=study.positions)
    return StoredSites.of(extract_wanted(wanted), reading.is_present)


def load_random(
    source: ModelSource, *, seed: int, notes: Path | None = None, runs_code: bool = False
) -> ChatModel:
    """Load a model as the study says, and draw its weights anew."""
    return randomise_weights(load_source(source, notes=notes, runs_code=runs_code), seed=seed)


def _source(study: Study, reading: Reading) -> ModelSource:
    return next(source for source in study.models if source.name == reading.name)


def _wanted(
    model: ChatModel, load: Callable[[], ChatModel], reading: Reading, settings: Settings, name: str
) -> Wanted:
    """Return what is wanted of a model that reads the prompts of another, all but layers and positions."""
    claim = _claim(settings)
    identity, about = rendered_identity(model, reading.rendered), {"model": f"{model.name} ({name})"}
    return Wanted(
        load=load,
        model=model,
        rendered=reading.rendered,
        store=ActivationStore.open(settings.cache_root, identity, about=about, study=claim),
        study=claim,
        layers=(),
        positions=(),
        options=ExtractionOptions(
            progress=lambda done, total: settings.progress(
                f"{reading.name or model.name}: {name} activations", done, total
            )
        ),
    )


def _claim(settings: Settings) -> Path:
    """Return what needs these activations: not the run's folder, which stands for the study's own sites."""
    claim = settings.folder.resolve() / "steps"
    with naming(claim, StudyError):
        claim.mkdir(parents=True, exist_ok=True)
    return claim


class Once:
    """A reader made when it is first used: a run that finds its steps finished never makes it."""

    def __init__(self, make: Callable[[], ReadSite]) -> None:
        self._make = make
        self._made: ReadSite | None = None

    def __call__(self, layer: int, position: str) -> FloatArray:
        """Return (n_examples, d_model) of the site."""
        return self.to_send()(layer, position)

    def to_send(self) -> ReadSite:
        """Return the reader that was made."""
        if self._made is None:
            self._made = self._make()
        return self._made
