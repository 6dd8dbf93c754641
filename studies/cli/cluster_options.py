"""The options that name who works."""

from typing import Annotated

import typer

BackendOption = Annotated[str, typer.Option("--backend", help="Who works: loky, dask or ray.")]
AddressOption = Annotated[str | None, typer.Option("--address", help="Of the cluster, as host:port.")]
GpusOption = Annotated[int | None, typer.Option("--gpus", help="GPUs each model takes on Ray.")]
