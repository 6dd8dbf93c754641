"""What this machine has and what a model would need of it."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from unsinter.studies.machine.environment import describe_machine, package_versions
from unsinter.studies.machine.sizes import size_text
from unsinter.studies.tables.columns import Table

if TYPE_CHECKING:
    from unsinter.features.model.model import ChatModel


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One line of the doctor's report."""

    subject: str
    state: str
    is_problem: bool = False


def examine_machine(cache_root: Path) -> list[Finding]:
    """Report versions, processor, memory, GPUs, and room for the cache."""
    machine = describe_machine()
    findings = [Finding(subject=name, state=version) for name, version in package_versions().items()]
    findings.append(Finding(subject="processor", state=f"{machine['processor']}, {machine['cores']} cores"))
    memory = psutil.virtual_memory()
    findings.append(
        Finding(subject="memory", state=f"{size_text(memory.available)} of {size_text(memory.total)} free")
    )
    return [*findings, *_devices(), _cache_room(cache_root)]


def _devices() -> list[Finding]:
    import torch

    if torch.cuda.is_available():
        return [_gpu(index) for index in range(torch.cuda.device_count())]
    if torch.version.cuda:
        return [Finding(subject="GPU", state="none visible to a CUDA build of torch", is_problem=True)]
    return [Finding(subject="GPU", state="none; models run on the CPU")]


def _gpu(index: int) -> Finding:
    import torch

    free, total = torch.cuda.mem_get_info(index)
    state = f"{torch.cuda.get_device_name(index)}, {size_text(free)} of {size_text(total)} free"
    return Finding(subject=f"GPU {index}", state=state)


def _free_memory() -> int:
    import torch

    return int(
        torch.cuda.mem_get_info(0)[0] if torch.cuda.is_available() else psutil.virtual_memory().available
    )


def _cache_room(root: Path) -> Finding:
    existing = next(folder for folder in (root, *root.parents) if folder.exists())
    free = psutil.disk_usage(str(existing)).free
    return Finding(subject="cache", state=f"{root}, {size_text(free)} free", is_problem=free < 2**30)


def memory_needed(path: str, *, dtype: str) -> list[Finding]:
    """Estimate from the headers of a model folder's files, without loading it, whether it fits in memory."""
    from unsinter.features.model.memory import estimate_memory

    if not Path(path).is_dir():
        return [
            Finding(subject="memory for the model", state=f"unknown: {path} is not a folder on this machine")
        ]
    need = estimate_memory(path, dtype=dtype)
    free = _free_memory()
    state = (
        f"{size_text(need.weights)} of weights and about {size_text(need.batch)} for a batch, "
        f"{size_text(free)} free"
    )
    return [Finding(subject="memory for the model", state=state, is_problem=need.total > free)]


def examine_model(path: str, *, dtype: str) -> list[Table]:
    """Load a model and show what it is and which positions its template has.

    The bytes per prompt are what the cache stores for all layers at one position.
    """
    from unsinter.features.model.model import load_model

    model = load_model(path, dtype=dtype)
    weights = sum(tensor.numel() * tensor.element_size() for tensor in model.model.parameters())
    n_parameters = sum(tensor.numel() for tensor in model.model.parameters())
    width = {"float32": 4}.get(model.dtype, 2)
    rows = [
        ("parameters", f"{n_parameters:,}"),
        ("weights", f"{size_text(weights)} in {model.dtype} on {model.device}"),
        ("layers", f"0 (embedding) to {model.n_layers}"),
        ("width", str(model.d_model)),
        ("context", "no limit stated" if model.context is None else f"{model.context:,} tokens"),
        (
            "cache per prompt",
            f"{(model.n_layers + 1) * model.d_model * width:,} bytes a position, all layers",
        ),
        ("answers prompts", "yes" if model.can_generate else "no"),
    ]
    return [(f"model {path}", ("what", "state"), rows), *_positions(model)]


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
