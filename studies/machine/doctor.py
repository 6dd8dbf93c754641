"""What this machine has and what a model would need of it."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from unsinter.cache.places.remote import RemotePath
from unsinter.studies.machine.environment import describe_machine, package_versions
from unsinter.studies.machine.free_memory import free_memory
from unsinter.studies.machine.sizes import size_text
from unsinter.studies.tables.columns import Table

if TYPE_CHECKING:
    from unsinter.features.model.model import ChatModel


@dataclass(frozen=True, slots=True, kw_only=True)
class DoctorLine:
    """One line of the doctor's report."""

    subject: str
    state: str
    is_problem: bool = False


def examine_machine(cache_root: Path) -> list[DoctorLine]:
    """Report versions, processor, memory, GPUs, and room for the cache."""
    machine = describe_machine()
    findings = [DoctorLine(subject=name, state=version) for name, version in package_versions().items()]
    findings.append(
        DoctorLine(subject="processor", state=f"{machine['processor']}, {machine['cores']} cores")
    )
    memory = psutil.virtual_memory()
    findings.append(
        DoctorLine(subject="memory", state=f"{size_text(memory.available)} of {size_text(memory.total)} free")
    )
    return [*findings, *_devices(), _cache_room(cache_root)]


def _devices() -> list[DoctorLine]:
    import torch

    if torch.cuda.is_available():
        return [_gpu(index) for index in range(torch.cuda.device_count())]
    if torch.version.cuda:
        return [DoctorLine(subject="GPU", state="none visible to a CUDA build of torch", is_problem=True)]
    return [DoctorLine(subject="GPU", state="none; models run on the CPU")]


def _gpu(index: int) -> DoctorLine:
    import torch

    free, total = torch.cuda.mem_get_info(index)
    state = f"{torch.cuda.get_device_name(index)}, {size_text(free)} of {size_text(total)} free"
    return DoctorLine(subject=f"GPU {index}", state=state)


def _free_memory() -> int:
    import torch

    return int(torch.cuda.mem_get_info(0)[0]) if torch.cuda.is_available() else free_memory()


def _cache_room(root: Path) -> DoctorLine:
    if isinstance(root, RemotePath):
        return DoctorLine(subject="cache", state=f"{root}, {len(list(root.iterdir()))} models")
    existing = next(folder for folder in (root, *root.parents) if folder.exists())
    free = psutil.disk_usage(str(existing)).free
    return DoctorLine(subject="cache", state=f"{root}, {size_text(free)} free", is_problem=free < 2**30)


def memory_needed(path: str, *, dtype: str) -> list[DoctorLine]:
    """Estimate from the headers of a model folder's files, without loading it, whether it fits in memory."""
    from unsinter.features.model.memory import estimate_memory

    if not Path(path).is_dir():
        return [
            DoctorLine(
                subject="memory for the model", state=f"unknown: {path} is not a folder on this machine"
            )
        ]
    need = estimate_memory(path, dtype=dtype)
    free = _free_memory()
    state = (
        f"{size_text(need.weights)} of weights and about {size_text(need.batch)} for a batch, "
        f"{size_text(free)} free"
    )
    if is_short := need.total > free:
        state += "; in a study `quantization` makes it smaller, and `device_map: auto` spreads it"
    return [DoctorLine(subject="memory for the model", state=state, is_problem=is_short)]


def examine_model(path: str, *, dtype: str) -> tuple[list[Table], list[str]]:
    """Load a model and show what it is, what its template has, and one prompt with its positions, in lines.

    The bytes per prompt are what the cache stores for all layers at one position.
    """
    from unsinter.features.model.model import load_model

    model = load_model(path, dtype=dtype)
    tables = [(f"model {path}", ("what", "state"), _about(model)), *_template(model), *_positions(model)]
    return tables, _rendered_lines(model)


def _about(model: "ChatModel") -> list[tuple[str, str]]:
    from unsinter.features.model.devices import placement_text

    weights = sum(tensor.numel() * tensor.element_size() for tensor in model.model.parameters())
    n_parameters = sum(tensor.numel() for tensor in model.model.parameters())
    width = {"float32": 4}.get(model.dtype, 2)
    return [
        ("parameters", f"{n_parameters:,}"),
        ("weights", f"{size_text(weights)} in {model.dtype} on {placement_text(model.model)}"),
        ("layers", f"0 (embedding) to {model.n_layers}"),
        ("width", str(model.d_model)),
        ("context", "no limit stated" if model.context is None else f"{model.context:,} tokens"),
        (
            "cache per prompt",
            f"{(model.n_layers + 1) * model.d_model * width:,} bytes a position, all layers",
        ),
        ("answers prompts", "yes" if model.can_generate else "no"),
    ]


def _template(model: "ChatModel") -> list[Table]:
    """Return what a study can say of the model's chat template; nothing for one without."""
    from unsinter.features.rendering.description import describe_template
    from unsinter.features.rendering.template_input import RenderError

    try:
        return [("what a study can say of it", ("key", "state"), describe_template(model))]
    except RenderError:
        return []


_TRIAL = "How do I bake bread?"


def _rendered_lines(model: "ChatModel") -> list[str]:
    """Return one prompt as the model reads it, its positions under the tokens."""
    from unsinter.features.rendering.description import marked_tokens
    from unsinter.features.rendering.rendering import render

    try:
        [row] = render([("example", _TRIAL)], model)
    except ValueError as error:
        return [f"the prompt {_TRIAL!r} cannot be rendered: {error}"]
    return [f"The prompt {_TRIAL!r} as the model reads it, and positions:", *marked_tokens(model, row)]


def _positions(model: "ChatModel") -> list[Table]:
    from unsinter.features.rendering.positions import describe_positions
    from unsinter.features.rendering.rendering import RenderError, TemplateChoice

    tables: list[Table] = []
    templates: tuple[TemplateChoice, ...] = ("chat", "raw")
    for template in templates:
        try:
            places = describe_positions(model, template=template)
        except RenderError as error:
            tables.append((f"template: {template}", ("what", "state"), [("not available", str(error))]))
        else:
            shown = [(name, repr(token)) for name, token in places.items()]
            tables.append(
                (f"template: {template}", ("position", "token there for the prompt 'hello'"), shown)
            )
    return tables
