"""Options of several verbs: who works, and whether code of models may run."""

from typing import Annotated

import typer

BackendOption = Annotated[str, typer.Option("--backend", help="Who works: loky, dask or ray.")]
AddressOption = Annotated[str | None, typer.Option("--address", help="Of the cluster, as host:port.")]
GpusOption = Annotated[int | None, typer.Option("--gpus", help="GPUs each model takes on Ray.")]
CodeOption = Annotated[
    bool, typer.Option("--run-model-code", help="Run code of folders that the study wraps.")
]
