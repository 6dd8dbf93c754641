"""Whether a study's models can be loaded on this machine as the study says, and on what they are read."""

from collections.abc import Sequence

from unsinter.features.model.folder import ModelError
from unsinter.studies.study.file import StudyError
from unsinter.studies.study.sections import ModelSource


def check_loading(sources: Sequence[ModelSource], *, runs_code: bool) -> None:
    """Refuse models that this machine cannot load as the study says, before any is; no weights are read.

    Raises
    ------
    ModelError : a package, device or adapter is not there, or cannot be used.
    StudyError : a model is made by code of its own, and ``runs_code`` does not allow that.
    """
    for source in sources:
        check_code(source, runs_code=runs_code)
        if source.activations is None and not source.is_plain:
            _check(source)


def loading_problems(sources: Sequence[ModelSource]) -> list[str]:
    """Return in words, model by model, why a study would not run on this machine."""
    problems = []
    for source in sources:
        try:
            check_loading([source], runs_code=True)
        except ModelError as error:
            problems.append(str(error))
    return problems


def check_code(source: ModelSource, *, runs_code: bool) -> None:
    """Raise StudyError for a model that is made by code of its own where that is not allowed."""
    if source.wrap and not runs_code:
        raise StudyError(
            f"model {source.name!r} is made by Python code of the folder {source.path} (wrap: true), which "
            "can do whatever you can; read that code, then give --run-model-code to `run` or `extract` (in "
            "Python: Settings(runs_code=True))."
        )


def read_on(source: ModelSource) -> str:
    """Return on what a model will be read here, in words."""
    try:
        if not source.is_plain:
            _check(source)
    except ModelError as error:
        return f"cannot be read here: {error}"
    bits = f", in {source.quantization.replace('bit', ' bits')}" if source.quantization else ""
    return f"{_place(source)}{bits}{', with an adapter merged' if source.adapter else ''}"


def _check(source: ModelSource) -> None:
    from unsinter.features.model.adapter import check_adapter
    from unsinter.features.model.devices import check_machine
    from unsinter.features.model.own_code import own_code

    try:
        check_machine(source.options(dtype=source.dtype, revision=source.revision))
        if source.adapter is not None:
            check_adapter(source.adapter)
        if source.wrap:
            own_code(source.path)
    except ModelError as error:
        raise ModelError(f"model {source.name!r}: {error}") from error


def _place(source: ModelSource) -> str:
    import torch

    from unsinter.features.model.devices import check_device, device_text

    if source.device_map is None:
        return device_text(check_device(source.device))
    cards = [device_text(torch.device("cuda", n)) for n in range(torch.cuda.device_count())]
    if source.device_map == "auto":
        return f"{', '.join([*cards, 'cpu'])} and disk, as Accelerate spreads it"
    return ", ".join(sorted({str(place) for place in source.device_map.values()}))
