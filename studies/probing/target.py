"""What is fitted for one target of one model: floors, the probe of every site, controls, p-values."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unsinter.probes.codelength import plan_code
from unsinter.probes.families.registry import family_of
from unsinter.probes.permutation import group_permutation_p
from unsinter.studies.activations.untrained import LAYER0_MEAN
from unsinter.studies.data.association import same_labelling
from unsinter.studies.data.dataset import Dataset
from unsinter.studies.data.row_weights import row_weights
from unsinter.studies.data.site_readers import FloatArray, ReadSite
from unsinter.studies.data.sites import NAN, Rows, Site
from unsinter.studies.data.targets import Target
from unsinter.studies.probing.controls import control_task, shuffled_codes
from unsinter.studies.probing.floors import Floor, label_floor, n_text_fits, text_floors
from unsinter.studies.probing.pooled_floor import RecordedAnswers, n_pooled_fits, pooled_floor
from unsinter.studies.probing.result_tables import Question
from unsinter.studies.probing.sweep import SitePlan, fit_sites
from unsinter.studies.probing.types import SiteFit, chosen
from unsinter.studies.store.site_weights import SiteWeights
from unsinter.studies.study.built_in_targets import BUILT_IN, SHARES
from unsinter.studies.study.file import Study
from unsinter.studies.study.run_options import Progress, Settings, StepCount, silent


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetInput:
    """All that one target of one model is made of.

    Attributes
    ----------
    sites : (layer, position) pairs, in the order of the tables.
    ceiling : AUROC that sampled labels allow at most; NaN where they were not sampled.
    read, read_layer0, read_random : readers of the model, its mean embeddings, and its random twin; None
        where activations were saved elsewhere without them.
    cells : (n_prompts,) harm and refusal of each prompt, for weights; empty where unknown.
    answers : recorded model -> the target's label of its answer (n_prompts,); empty where only one answered.
    content : what stands for the activations in the step's key: identity and row keys.
    split_digest : of the study's split, by which weights are known to be of this run.
    places : (n_rows,) which prompt each row reads, where the rows are sampled answers; None: each its own.
    """

    model: str
    target: Target
    rows: Rows
    sites: Sequence[Site]
    read: ReadSite
    read_layer0: ReadSite | None
    read_random: ReadSite | None
    cells: NDArray[np.str_]
    answers: Mapping[str, NDArray[np.str_]]
    content: Mapping[str, Any]
    split_digest: str
    ceiling: float = NAN
    places: NDArray[np.intp] | None = None

    @property
    def one_each(self) -> NDArray[np.intp]:
        """Training rows, one of each prompt: a second one would show a control what it is to tell."""
        if self.places is None:
            return self.rows.train
        return self.rows.train[np.unique(self.places[self.rows.train], return_index=True)[1]]


def make_plan(inputs: TargetInput, study: Study, dataset: Dataset, *, with_controls: bool = True) -> SitePlan:
    """Return what is the same at every site: rows, weights, and the labels of the controls."""
    target, rows, controls = inputs.target, inputs.rows, study.controls
    codes, groups, n_classes = target.codes, dataset.groups, len(target.order)
    weights = row_weights(study.weighting, labels=target.labels, cells=inputs.cells, train=rows.train)
    return SitePlan(
        target=target,
        rows=rows,
        weights=weights,
        family=family_of(study.family),
        penalties=study.penalties,
        shuffled=shuffled_codes(
            codes, groups, rows.train, seed=study.seed, weights=weights, units=inputs.places
        )
        if controls.shuffled and with_controls
        else (),
        control=control_task(codes, groups, inputs.one_each, n_classes=n_classes, seed=study.seed)
        if controls.control_task and with_controls
        else None,
        code=plan_code(codes, groups, n_classes, rows=rows.train, seed=study.seed)
        if controls.code_length and with_controls
        else None,
        groups=groups,
        seed=study.seed,
    )


def fit_target(inputs: TargetInput, study: Study, dataset: Dataset, settings: Settings) -> list[SiteFit]:
    """Fit every site and report progress in sites."""
    step = f"{inputs.model}: probes for {inputs.target.name}"
    count = StepCount(progress=settings.progress, step=step, total=len(inputs.sites))
    plan = make_plan(inputs, study, dataset)
    fits = fit_sites(inputs.read, inputs.sites, plan, n_jobs=settings.n_jobs, on_site=count.one)
    count.end()
    return fits


def make_floors(
    inputs: TargetInput, study: Study, dataset: Dataset, *, progress: Progress = silent
) -> list[Floor]:
    """Return text floors, label floors, and two readings that no trained block has touched.

    Progress is reported in fits: of texts, and of sites.
    """
    target, rows = inputs.target, inputs.rows
    texts = [prompt.whole_text for prompt in dataset.prompts]
    answers = _recorded_answers(inputs, study, dataset)
    count = StepCount(
        progress=progress,
        step=f"{inputs.model}: floors and activation controls for {target.name}",
        total=n_text_fits(rows) + (0 if answers is None else n_pooled_fits(rows)) + 1 + len(inputs.sites),
    )
    floors = text_floors(target, texts, rows, on_fit=count.one)
    floors += [label_floor(name, target, own, rows) for name, own in _labels_beside(target, dataset).items()]
    if answers is not None:
        pooled = pooled_floor(target, texts, rows, answers, on_fit=count.one)
        floors += [pooled] if pooled else []
    plan = make_plan(inputs, study, dataset, with_controls=False)
    if study.controls.layer0_mean and inputs.read_layer0 is not None:
        floors.append(_best_floor("layer0_mean", inputs.read_layer0, [LAYER0_MEAN], plan, count.one))
    if study.controls.random_model and inputs.read_random is not None:
        floors.append(_best_floor("random_model", inputs.read_random, inputs.sites, plan, count.one))
    count.end()
    return floors


def _recorded_answers(inputs: TargetInput, study: Study, dataset: Dataset) -> RecordedAnswers | None:
    """Return what every model answered, where answers were recorded."""
    if not inputs.answers or study.responses is None or not study.responses.model:
        return None
    return RecordedAnswers(
        labels=inputs.answers,
        studied=study.responses.model,
        groups=dataset.groups,
        held_out=dataset.is_test,
    )


def _labels_beside(target: Target, dataset: Dataset) -> dict[str, NDArray[np.str_]]:
    """Return the labels that alone may tell a target, by the name of their floor.

    A target of answers has both. One of the study's own has those that vary where it is defined, and has
    none that parts the prompts as it does itself, nor any where it is harm under another name: as D and C.
    """
    beside = {"harm": dataset.harm, "category": dataset.topics}
    if (known := BUILT_IN.get(target.name) or SHARES.get(target.name)) is not None:
        return beside if known.needs_answers else {}
    defined = target.defined
    own = target.labels[defined].tolist()
    parts = {name: labels[defined].tolist() for name, labels in beside.items()}
    if same_labelling(own, parts["harm"]):
        return {}
    return {
        name: beside[name]
        for name, labels in parts.items()
        if len(set(labels)) > 1 and not same_labelling(own, labels)
    }


def _best_floor(
    name: str, read: ReadSite, sites: Sequence[Site], plan: SitePlan, on_site: Callable[[], None]
) -> Floor:
    """Return the probe at the site that its own inner folds choose, as the trained model's site is chosen."""
    fits = fit_sites(read, sites, plan, on_site=on_site)
    return Floor(name=name, kind="activation", scores=chosen(fits).scores)


def permutation_p_values(question: Question, fits: Sequence[SiteFit], study: Study) -> FloatArray | None:
    """Return one p-value per fit, adjusted over all of them; None where the study asks for none."""
    if not study.controls.permutations:
        return None
    ids = question.ids[question.rows.test]
    return group_permutation_p(
        np.stack([fit.scores for fit in fits]),
        question.target.codes[question.rows.test],
        question.groups[question.rows.test],
        units=ids if len(set(ids)) < len(ids) else None,  # sampled answers of a prompt move as one
        n_permutations=study.controls.permutations,
        seed=study.seed,
    ).p_value


def site_weights(fit: SiteFit, target: Target) -> SiteWeights:
    """Return what the run's store of weights keeps of a fit."""
    operation = fit.operation
    return SiteWeights(
        layer=fit.site[0],
        position=fit.site[1],
        family=fit.family,
        classes=target.order,
        layers=fit.layers,
        examples=fit.examples,
        threshold=operation.threshold if target.is_binary else None,
        calibration=operation.calibration,
        is_tuned=fit.trial >= 0,
    )
