"""The verbs of `unsinter cache`: what it holds, whether every byte is sound, what no study names."""

from collections.abc import Callable, Sequence
from pathlib import Path

from unsinter.cache import default_root, gc, ls, migrate, verify
from unsinter.cache.folding import folders
from unsinter.cache.inspection import VerifyReport
from unsinter.cache.prune import GcReport
from unsinter.studies.machine.sizes import size_text
from unsinter.studies.tables.columns import Table


def ls_verb() -> Table:
    """Return one row per model identity."""
    root = default_root()
    rows = [
        (
            entry.key[:12],
            entry.model,
            f"{entry.rows:,}",
            _span(entry.layers),
            ", ".join(entry.positions),
            entry.dtype,
            size_text(entry.n_bytes),
            ", ".join(str(study) for study in entry.studies) or "none",
        )
        for entry in ls(root)
    ]
    header = ("key", "model", "rows", "layers", "positions", "dtype", "size", "needed by")
    return f"{root}: {_models(len(rows))}", header, rows


def verify_verb(
    *, quarantine: bool, rebuild: bool, progress: Callable[[str, int, int], None]
) -> tuple[str, VerifyReport]:
    """Read every byte of the cache; return a sentence that sums up, and what was found."""
    root = default_root()
    done = 0

    def on_shard(path: Path) -> None:
        nonlocal done
        done += 1
        progress("reading shards", done, max(done, total))

    total = sum(len(folder.shard_files()) for folder in folders(root))
    report = verify(root, quarantine=quarantine, rebuild=rebuild, on_shard=on_shard)
    state = "all sound" if report.is_sound else f"{len(report.findings)} findings"
    return f"{root}: {report.shards_checked} shards, {size_text(report.bytes_checked)} read, {state}", report


def migrate_verb() -> list[str]:
    """Write indexes of the earlier format in the present one; return a line per model and one on all."""
    root = default_root()
    kept = migrate(root)
    lines = [f"{path.parent.name[:12]}: migrated; the earlier index is kept as {path}" for path in kept]
    sentence = f"{root}: {_models(len(kept))} migrated"
    return [*lines, sentence if kept else f"{sentence}; all have the present format"]


def _models(n: int) -> str:
    return f"{n:,} model" if n == 1 else f"{n:,} models"


def gc_verb(
    *, remove: bool, quarantined: bool, shown: GcReport | None = None
) -> tuple[Table, list[str], GcReport]:
    """Return what no study names and what is left alone, and remove it where asked to.

    Of the files that were ``shown`` before, and of no others, something is removed.
    """
    root = default_root()
    only = None if shown is None else {candidate.path for candidate in shown.candidates}
    report = gc(root, dry_run=not remove, quarantined=quarantined, only=only)
    rows = [(str(entry.path), size_text(entry.n_bytes), entry.reason) for entry in report.candidates]
    lines = [f"{folder}: in use by a running process; left alone" for folder in report.in_use]
    lines += [
        f"{note}: a note of an earlier version that names what is not stored; all of its folder is kept"
        for note in report.doubtful
    ]
    title = f"{root}: {len(rows)} files that no study names"
    return (title, ("file", "size", "why"), rows), lines, report


def _span(layers: Sequence[int]) -> str:
    if len(layers) > 2 and list(layers) == list(range(layers[0], layers[-1] + 1)):
        return f"{layers[0]}-{layers[-1]}"
    return ", ".join(map(str, layers))
