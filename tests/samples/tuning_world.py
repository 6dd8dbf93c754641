"""A planted world for tuning: of six sites one carries the label; run as a script it fills a study."""

import json
import os
import signal
import sys
from pathlib import Path

import numpy as np

from unsinter.studies.data.sites import Rows
from unsinter.studies.data.targets import Target
from unsinter.studies.probing.sweep import SitePlan
from unsinter.studies.probing.tuning.storage import TrialStore
from unsinter.studies.probing.tuning.tune import TrialWorkers, tune
from unsinter.studies.study.sections import Tuning

SITES = [(layer, position) for position in ("a", "b") for layer in (0, 1, 2)]
SIGNAL = (2, "b")


class World:
    """120 rows in pairs, a quarter held out; ``held_out_seed`` redraws held-out labels and activations."""

    def __init__(self, *, n=120, d=12, held_out_seed=None, fatal_read=0, crash_after=0):
        rng = np.random.default_rng(7)
        pairs = rng.integers(0, 2, size=n // 2)
        harmful = np.repeat(pairs, 2)
        self.groups = np.repeat(np.arange(n // 2), 2).astype(str)
        self.X = {site: rng.normal(size=(n, d)) for site in SITES}
        self.X[SIGNAL] += 1.5 * harmful[:, None] * rng.normal(size=d)
        place = np.repeat(np.arange(n // 2), 2)
        train = np.flatnonzero(place % 4 != 0)
        test = np.flatnonzero(place % 4 == 0)
        if held_out_seed is not None:
            other = np.random.default_rng(held_out_seed)
            harmful[test] = other.permutation(harmful[test])
            for X in self.X.values():
                X[test] = other.normal(size=(len(test), d)) * 10
        labels = np.where(harmful == 1, "harmful", "harmless")
        self.target = Target(name="D", labels=labels, classes=("harmless", "harmful"))
        self.rows = Rows(train=train, test=test, inner=(place[train] // 4) % 3)
        self.fatal_read, self.crash_after, self.reads = fatal_read, crash_after, 0

    def read(self, layer, position):
        self.reads += 1
        if self.reads == self.fatal_read:
            os.kill(os.getpid(), signal.SIGKILL)
        return self.X[layer, position]

    def progress(self, done, total):
        if self.crash_after and done >= self.crash_after:
            os.kill(os.getpid(), signal.SIGKILL)

    def tune(self, folder, *, trials=10, storage=None, n_jobs=1, seed=0, penalties=(1e-2, 1.0), **space):
        plan = SitePlan(
            target=self.target, rows=self.rows, weights=np.ones(len(self.groups)), family="logistic",
            penalties=penalties, shuffled=(), control=None, code=None, groups=self.groups, seed=seed,
        )  # fmt: skip
        space = {"families": ("logistic",), "reductions": (0, 3), **space}
        return tune(
            self.read, SITES, plan=plan, tuning=Tuning(trials=trials, **space),
            store=TrialStore(name="world", folder=Path(folder), storage=storage),
            workers=TrialWorkers(n_jobs=n_jobs, progress=self.progress),
        )  # fmt: skip


if __name__ == "__main__":
    task = json.loads(sys.argv[1])
    World(**task["world"]).tune(task["folder"], **task["tune"])
