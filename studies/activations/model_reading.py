"""What one model gives a study: activations in the order of its prompts, and an answer to each."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unsinter.cache import ActivationStore
from unsinter.cache.key import identity_key
from unsinter.features.extract.extraction import Extraction, ExtractionOptions
from unsinter.features.model.devices import placement_text
from unsinter.features.model.load_options import quantization_of
from unsinter.features.model.model import ChatModel, load_model
from unsinter.features.model.random_weights import randomising_fault
from unsinter.features.rendering.position_names import reads_answer
from unsinter.features.rendering.rendering import RenderedPrompt, rendered_identity
from unsinter.studies.activations.answers import Answers, answers_of
from unsinter.studies.activations.rendered_prompts import behind_prompts, render_prompts
from unsinter.studies.activations.spread_extraction import Wanted, extract_wanted
from unsinter.studies.activations.stored_sites import StoredSites, spread_rows
from unsinter.studies.data.dataset import Dataset
from unsinter.studies.data.model_paths import find_model
from unsinter.studies.data.site_readers import FloatArray
from unsinter.studies.data.targets import Response
from unsinter.studies.machine.loading import check_code
from unsinter.studies.reasons.reason import Reason
from unsinter.studies.study.file import Study
from unsinter.studies.study.run_options import Settings
from unsinter.studies.study.sections import ModelSource


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """Activations and answers of one model; row i belongs to prompt i of the study.

    Attributes
    ----------
    is_present : (n_prompts,) false for prompts that were dropped as too long.
    model, rendered : None and nothing where activations were saved elsewhere and no model is loaded.
    rendered : the prompts that are present, as tokens.
    facts : how the extraction went, for the summary.
    name : of the model in the study file.
    server : what is to be said of the server that gave the answers; empty where none did.
    """

    model: ChatModel | None
    rendered: Sequence[RenderedPrompt]
    extraction: Extraction
    is_present: NDArray[np.bool_]
    responses: Sequence[Response | None]
    identity: dict[str, str]
    facts: Mapping[str, Any]
    name: str
    server: Mapping[str, Any] = field(default_factory=dict)

    def has_floor(self, name: str) -> bool:
        """Return whether a reading that no trained block has touched can be had, as ``layer0_mean``."""
        return name not in self.not_had

    @property
    def not_had(self) -> Mapping[str, Reason]:
        """Floors that cannot be had, and why."""
        return self.facts.get("not_had", {})

    @property
    def layers(self) -> tuple[int, ...]:
        """Layers that were extracted."""
        return self.extraction.layers

    def activations(self, layer: int, position: str) -> FloatArray:
        """Return (n_prompts, d_model) float32; rows that are not present hold zeros and take no part."""
        return spread_rows(self.extraction.activations(layer, position), self.is_present)

    @property
    def reader(self) -> StoredSites:
        """The same, for workers of other processes to read by."""
        return StoredSites.of(self.extraction, self.is_present)


def read_model(
    study: Study,
    source: ModelSource,
    dataset: Dataset,
    settings: Settings,
    *,
    check: Callable[[Mapping[str, str]], None] = lambda _: None,
) -> Reading:
    """Load the model, extract what the cache lacks, and collect or generate an answer per prompt.

    ``check`` is called with the model's identity before anything is extracted.

    Where the study allows response positions and asks for one, the answers come first and are read behind
    their prompts; a prompt without an answer, or whose answer lacks one of the positions, is then not present
    and named in the facts (``unanswered``).
    """
    model = load_source(source, notes=settings.cache_root, runs_code=settings.runs_code)
    rendered = render_prompts(dataset.prompts, model, source)
    check(rendered_identity(model, rendered))
    answers: Answers | None = None
    unanswered: list[str] = []
    if any(reads_answer(position) for position in study.positions):
        settings.on_read()
        answers = answers_of(study, source, model, rendered, dataset, settings)
        rendered, unanswered = behind_prompts(answers.responses, dataset, study.positions, model, source)
    extraction = extract_into_cache(study, source, model, rendered, settings)
    if answers is None:
        settings.on_read()
    kept = set(extraction.ids)
    is_present = np.array([prompt.id in kept for prompt in dataset.prompts])
    fitting = [row for row in rendered if row.id in kept]
    answers = answers or answers_of(study, source, model, fitting, dataset, settings)
    return Reading(
        model=model,
        rendered=fitting,
        extraction=extraction,
        is_present=is_present,
        responses=answers.responses,
        server=answers.server,
        name=source.name,
        identity=rendered_identity(model, fitting),
        facts=extraction_facts(model, extraction)
        | {"cache_key": identity_key(rendered_identity(model, rendered))}
        | ({"unanswered": unanswered} if unanswered else {})
        | _not_had(study, model),
    )


def load_source(source: ModelSource, *, notes: Path | None = None, runs_code: bool = False) -> ChatModel:
    """Load a model as the study says; ``notes`` is the cache where its digest is noted. See `load_model`.

    Raises
    ------
    StudyError : the model is made by code of its own, and ``runs_code`` does not allow that.
    """
    check_code(source, runs_code=runs_code)
    return load_model(
        find_model(source),
        dtype=source.dtype,
        revision=source.revision,
        chat_template=source.template_text,
        notes=notes,
        **source.loading,
    )


def _not_had(study: Study, model: ChatModel) -> dict[str, Mapping[str, Reason]]:
    """Return the controls that the study asks for and this model cannot have, with why; else nothing."""
    if not study.controls.random_model or randomising_fault(model) is None:
        return {}
    bits = quantization_of(model.identity)
    why = (
        Reason("random-not-on-disk", model=model.name)
        if bits is None
        else Reason("random-not-quantised", model=model.name, bits=int(bits.removesuffix("bit")))
    )
    return {"not_had": {"random_model": why}}


def extract_into_cache(
    study: Study,
    source: ModelSource,
    model: ChatModel,
    rendered: Sequence[RenderedPrompt],
    settings: Settings,
) -> Extraction:
    """Note in the cache what this run needs, and extract of it what is missing."""
    identity = rendered_identity(model, rendered)
    store = ActivationStore.open(
        settings.cache_root,
        identity,
        about={"model": source.path},
        study=settings.folder,
        share=settings.share,
    )
    n_shares = 1 if settings.share is None else settings.share.n_shares
    wanted = Wanted(
        load=partial(load_source, source, notes=settings.cache_root, runs_code=settings.runs_code),
        model=model,
        rendered=rendered,
        store=store,
        study=settings.folder,
        layers=study.layers,
        positions=study.positions,
        options=ExtractionOptions(
            on_too_long=study.on_too_long,
            progress=lambda done, total: settings.progress(
                f"{source.name}: activations", done, max(done, -(-total // n_shares))
            ),
        ),
    )
    return extract_wanted(wanted)


def count_missing(extraction: Extraction) -> int:
    """Return how many rows the cache still lacks at some asked site: those of other shares."""
    if not isinstance(extraction.store, ActivationStore) or not extraction.keys:
        return 0
    plans = extraction.store.missing(
        extraction.keys, layers=extraction.layers, positions=extraction.positions
    )
    return len({row for plan in plans for row in plan.rows})


def extraction_facts(model: ChatModel, extraction: Extraction) -> dict[str, Any]:
    """Return how the extraction went: sites, rows, tokens, and how far batches move the numbers."""
    deviation = extraction.deviation
    return {
        "layers": list(extraction.layers),
        "positions": list(extraction.positions),
        "d_model": model.d_model,
        "dtype": model.dtype,
        "device": model.device.type,
        "placed": placement_text(model.model),
        "rows_computed": extraction.n_computed,
        "rows_from_cache": extraction.n_reused,
        "tokens": extraction.n_tokens,
        "seconds": round(extraction.seconds, 2),
        "dropped": list(extraction.dropped),
        "batch_deviation": None if deviation is None else asdict(deviation),
    }
