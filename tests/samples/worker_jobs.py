"""Calls that workers of other processes are given."""

import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np


def shifted(X, site, more, shift):
    """A number of a site's activations, and the process that read them."""
    return float(X.sum()) + more + shift, os.getpid()


def product(a, b, shared):
    return a * b + shared


def process_number():
    return os.getpid()


def killed_once(number, folder):
    """Job 3 is killed the first time, as by a node that goes."""
    mark = Path(folder) / "was killed"
    if number == 3 and not mark.exists():
        mark.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return number


def killed_always(number):
    os.kill(os.getpid(), signal.SIGKILL)


def refusing(number):
    raise ValueError(f"job {number} cannot be")


def slow_square(number):
    time.sleep(0.2)
    return number**2


@dataclass
class FileSites:
    """Activations in files; what is sent is their folder."""

    folder: str

    def __call__(self, layer, position):
        Path(self.folder, f"read by {os.getpid()}").touch()
        return np.load(Path(self.folder) / f"{layer}-{position}.npy")

    def to_send(self):
        return self
