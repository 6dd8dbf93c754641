"""The backends that work can be spread on, by name."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from unsinter.studies.workers.dask_cluster import dask_workers
from unsinter.studies.workers.errors import WorkersError
from unsinter.studies.workers.ray_connection import connected
from unsinter.studies.workers.spread import spread_on

BACKENDS = ("loky", "dask", "ray")


@dataclass(frozen=True, slots=True, kw_only=True)
class Backend:
    """Who works: processes of this machine (``loky``), or a cluster of Dask or Ray.

    Attributes
    ----------
    address : of the cluster; None is, for Ray, the one that RAY_ADDRESS names or one of this machine alone.
    gpus : of a node that each model takes; None takes one where the cluster has any.

    Raises
    ------
    WorkersError : an unknown name, or options that do not go together.
    """

    name: str = "loky"
    address: str | None = None
    gpus: int | None = None

    def __post_init__(self) -> None:
        if self.name not in BACKENDS:
            raise WorkersError(f"--backend must be one of {', '.join(BACKENDS)}, got {self.name!r}.")
        if self.address is not None and self.name == "loky":
            raise WorkersError("--address names a cluster; give --backend ray or --backend dask with it.")
        if self.address is None and self.name == "dask":
            raise WorkersError("--backend dask needs the --address of a scheduler, as tcp://10.0.0.1:8786.")
        if self.gpus is not None and (self.name != "ray" or self.gpus < 0):
            raise WorkersError("--gpus takes a number from 0, of GPUs for each model on --backend ray.")

    @contextmanager
    def working(self) -> Iterator[None]:
        """Let the work of the block be done there.

        Raises
        ------
        WorkersError : the cluster cannot be reached, is of other versions, or lacks what is needed.
        """
        if self.name == "ray":
            with connected(self.address, gpus=self.gpus) as cluster, spread_on(cluster):
                yield
        elif self.name == "dask":
            assert self.address is not None
            with dask_workers(self.address) as workers, spread_on(workers):
                yield
        else:
            yield


HERE = Backend()
"""Processes of this machine."""
