"""Devices that this machine does not have, by what their makers state: ``64xH100``."""

import re
from dataclasses import dataclass

from unsinter.studies.machine.device_speed import Device
from unsinter.studies.study.file import StudyError

REACHED = 0.6
"""Share of the stated operations per second that one large matrix product reaches."""

FREE = 0.9
"""Share of a device's memory that weights and a batch may fill."""

_MOST = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Accelerator:
    """One kind of device, as its maker states it.

    Attributes
    ----------
    flops : dense 16-bit multiplications and additions per second.
    bytes_per_second : of its memory.
    memory : bytes.
    """

    flops: float
    bytes_per_second: float
    memory: float


KNOWN = {
    "T4": Accelerator(flops=65e12, bytes_per_second=0.32e12, memory=16e9),
    "L4": Accelerator(flops=121e12, bytes_per_second=0.3e12, memory=24e9),
    "A10": Accelerator(flops=125e12, bytes_per_second=0.6e12, memory=24e9),
    "L40S": Accelerator(flops=362e12, bytes_per_second=0.86e12, memory=48e9),
    "A100": Accelerator(flops=312e12, bytes_per_second=2.0e12, memory=80e9),
    "H100": Accelerator(flops=989e12, bytes_per_second=3.35e12, memory=80e9),
    "H200": Accelerator(flops=989e12, bytes_per_second=4.8e12, memory=141e9),
    "B200": Accelerator(flops=2250e12, bytes_per_second=8.0e12, memory=192e9),
    "MI300X": Accelerator(flops=1307e12, bytes_per_second=5.3e12, memory=192e9),
}
"""Data sheets of the large-module forms, without sparsity."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fleet:
    """Several devices of one kind."""

    name: str
    n_devices: int
    kind: Accelerator

    @property
    def device(self) -> Device:
        """One of them, as a forecast takes it."""
        return Device(
            name=self.name, flops=REACHED * self.kind.flops, bytes_per_second=self.kind.bytes_per_second
        )

    def n_per_copy(self, n_bytes: int) -> int:
        """Return how many devices one copy of a model takes that needs so many bytes."""
        return max(1, -int(-n_bytes // (FREE * self.kind.memory)))


def read_fleet(text: str) -> Fleet:
    """Return the devices that a text names: a number, ``x`` and a kind, or a kind alone.

    Raises
    ------
    StudyError : the text is of another form, or names a kind whose figures are not known here.
    """
    names = {name.casefold(): name for name in KNOWN}
    written = re.fullmatch(r"\s*(?:([0-9]{1,9})\s*[xX*]\s*)?([A-Za-z0-9]+)\s*", text)
    kind = names.get(written[2].casefold()) if written else None
    if written is None or kind is None:
        raise StudyError(
            f"--devices must be a number of devices of one kind, as 8xH100, got {text[:40]!r}; "
            f"kinds are {', '.join(KNOWN)}."
        )
    n_devices = int(written[1] or 1)
    if not 1 <= n_devices <= _MOST:
        raise StudyError(f"--devices must name 1 to {_MOST:,} devices, got {n_devices:,}.")
    return Fleet(name=f"{n_devices}x{kind}", n_devices=n_devices, kind=KNOWN[kind])
