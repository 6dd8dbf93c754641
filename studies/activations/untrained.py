"""Two readings that no trained block has touched: mean token embeddings, and a model with random weights."""

from collections.abc import Callable
from pathlib import Path

from unsinter.cache import ActivationStore
from unsinter.cache.errors import naming
from unsinter.features.extract.extraction import Extraction, ExtractionOptions, extract
from unsinter.features.model.model import ChatModel
from unsinter.features.model.random_weights import randomise_weights
from unsinter.features.rendering.rendering import rendered_identity
from unsinter.studies.activations.model_reading import Reading
from unsinter.studies.data.sites import FloatArray, ReadSite, Site
from unsinter.studies.study.file import Study, StudyError
from unsinter.studies.study.run_options import Settings

LAYER0_MEAN: Site = (0, "instruction_mean")


def read_layer0_mean(study: Study, reading: Reading, settings: Settings) -> ReadSite:
    """Return what reads the mean embedding of each prompt's own tokens, whatever sites the study asks for.

    Of saved activations it is what was saved for that site; ask `Reading.has_floor` first.
    """
    if reading.model is None:
        own, claim = reading.extraction, _claim(settings)
        store = ActivationStore.open(settings.cache_root, reading.identity, study=claim)
        store.keep_for(claim, own.keys, layers=[LAYER0_MEAN[0]], positions=[LAYER0_MEAN[1]])
        return lambda layer, position: reading.spread(store.read(layer, position, own.keys))
    extraction = _extract(reading.model, [LAYER0_MEAN[0]], [LAYER0_MEAN[1]], reading, settings, "layer0-mean")
    return _reader(reading, extraction)


def read_random_model(study: Study, reading: Reading, settings: Settings) -> ReadSite:
    """Return what reads the study's own sites from the same architecture with freshly drawn weights."""
    assert reading.model is not None
    drawn = randomise_weights(reading.model, seed=study.seed)
    extraction = _extract(
        drawn, list(reading.layers), list(study.positions), reading, settings, "random-model"
    )
    return _reader(reading, extraction)


def _extract(
    model: ChatModel,
    layers: list[int],
    positions: list[str],
    reading: Reading,
    settings: Settings,
    name: str,
) -> Extraction:
    identity = rendered_identity(model, reading.rendered)
    claim = _claim(settings)
    about = {"model": f"{model.name} ({name})"}
    store = ActivationStore.open(settings.cache_root, identity, about=about, study=claim)
    return extract(
        model,
        reading.rendered,
        store,
        layers=layers,
        positions=positions,
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


def _reader(reading: Reading, extraction: Extraction) -> ReadSite:
    return lambda layer, position: reading.spread(extraction.activations(layer, position))


def once(make: Callable[[], ReadSite]) -> ReadSite:
    """Return a reader made when it is first used: a run that finds its steps finished never makes it."""
    made: list[ReadSite] = []

    def read(layer: int, position: str) -> FloatArray:
        if not made:
            made.append(make())
        return made[0](layer, position)

    return read
