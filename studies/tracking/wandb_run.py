"""A run in Weights & Biases: offline, unless WANDB_MODE or the user's own settings say otherwise."""

import os
import shlex
from collections.abc import Mapping
from importlib import import_module
from typing import Any

from unsinter.studies.tracking.tracker import Setting

OFFLINE = "offline"


class WandbRun:
    """One run of a project; no code, no terminal output, no arguments and nothing of the machine is sent."""

    def __init__(self, *, project: str, run: str, settings: Mapping[str, Setting]) -> None:
        wandb: Any = import_module("wandb")

        quiet = wandb.Settings(
            silent=True,
            console="off",
            disable_code=True,
            disable_git=True,
            disable_job_creation=True,
            x_disable_meta=True,
            x_disable_stats=True,
            x_disable_machine_info=True,
        )
        mode = os.environ.get("WANDB_MODE") or OFFLINE
        self._run = wandb.init(project=project, name=run, config=dict(settings), mode=mode, settings=quiet)
        self._run.define_metric("layer", hidden=True)
        self._run.define_metric("by layer/*", step_metric="layer")
        self.place = f"W&B, project {project}"
        if self._run.settings.mode in (OFFLINE, "dryrun"):
            folder = str(self._run.dir).removesuffix("/files")
            self.place += f", offline; send it with: wandb sync {shlex.quote(folder)}"

    def log(self, numbers: Mapping[str, float], *, layer: int | None = None) -> None:
        """Log numbers; those of a layer are drawn over it."""
        if layer is None:
            self._run.log(dict(numbers))
        else:
            self._run.log({"layer": layer, **{f"by layer/{name}": value for name, value in numbers.items()}})

    def note(self, texts: Mapping[str, Setting]) -> None:
        """Log facts in words into the run's summary."""
        self._run.summary.update(dict(texts))

    def end(self, *, is_whole: bool) -> None:
        """End the run, as failed where it was broken off."""
        self._run.finish(exit_code=0 if is_whole else 1)
