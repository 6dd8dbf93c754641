"""What this machine has and what a model would need of it."""

from dataclasses import dataclass
from pathlib import Path

import psutil

from unsinter.studies.versions import describe_machine, package_versions

GIB = 2**30


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One line of the doctor's report."""

    subject: str
    state: str
    is_problem: bool = False


def examine_machine(cache_root: Path) -> list[Finding]:
    """Report versions, processor, memory, GPUs, and room for the cache."""
    machine = describe_machine()
    found = [Finding(subject=name, state=version) for name, version in package_versions().items()]
    found.append(Finding(subject="processor", state=f"{machine['processor']}, {machine['cores']} cores"))
    memory = psutil.virtual_memory()
    found.append(
        Finding(subject="memory", state=f"{memory.available / GIB:.1f} of {memory.total / GIB:.1f} GiB free")
    )
    return [*found, *_devices(), _cache_room(cache_root)]


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
    state = f"{torch.cuda.get_device_name(index)}, {free / GIB:.1f} of {total / GIB:.1f} GiB free"
    return Finding(subject=f"GPU {index}", state=state)


def _cache_room(root: Path) -> Finding:
    existing = next(folder for folder in (root, *root.parents) if folder.exists())
    free = psutil.disk_usage(str(existing)).free / GIB
    return Finding(subject="cache", state=f"{root}, {free:.1f} GiB free", is_problem=free < 1)
