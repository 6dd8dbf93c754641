"""Reads a table of a finished run for the verbs that show one."""

from collections.abc import Collection
from pathlib import Path

import pandas as pd

from unsinter.cache.location import expand_home


def read_run_table(
    run: Path, name: str, *, columns: Collection[str], error: type[ValueError]
) -> pd.DataFrame | None:
    """Return ``name.parquet`` of a finished run; None where the run has none.

    Raises
    ------
    error : no run, an unfinished one, or a table that cannot be read or lacks one of these columns.
    """
    run = expand_home(run)
    if not run.is_dir() or not (run / "study.yaml").is_file():
        raise error(f"{run} is no run folder (it holds no study.yaml); name one that `unsinter run` wrote.")
    if not (run / "summary.json").is_file():
        raise error(f"{run} holds an unfinished run (no summary.json); run the study again, it goes on.")
    path = run / f"{name}.parquet"
    if not path.is_file():
        return None
    try:
        table = pd.read_parquet(path)
    except (ValueError, OSError) as fault:
        raise error(f"{path} cannot be read ({fault}); run the study again.") from fault
    if missing := [column for column in columns if column not in table.columns]:
        raise error(f"{path} lacks the column {missing[0]!r}; run the study again with this version.")
    return table
