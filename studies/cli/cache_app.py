"""The verbs of `unsinter cache`; heavy libraries are imported inside them."""

from typing import Annotated

import typer

from unsinter.studies.cli.terminal import one_line_errors, progress_bars, show_line, show_table

cache_app = typer.Typer(no_args_is_help=True, help="What the activation cache holds; checks and clean-up.")


@cache_app.command("ls")
@one_line_errors
def cache_ls() -> None:
    """List what the cache holds: model, rows, layers, positions, bytes."""
    from unsinter.studies.cli.commands.cache import ls_verb

    show_table(*ls_verb())


@cache_app.command("verify")
@one_line_errors
def cache_verify(
    check_only: Annotated[bool, typer.Option("--check-only", help="Move nothing aside.")] = False,
    rebuild: Annotated[bool, typer.Option("--rebuild", help="Rebuild a lost manifest.")] = False,
) -> None:
    """Check every byte and move damaged or foreign files to quarantine; exit code 1 where there were any."""
    from unsinter.studies.cli.commands.cache import verify_verb

    with progress_bars() as progress:
        sentence, report = verify_verb(quarantine=not check_only, rebuild=rebuild, progress=progress)
    for finding in report.findings:
        show_line(f"{finding.kind}: {finding.message}")
    for path in report.moved:
        show_line(f"moved to {path}")
    show_line(sentence)
    if not report.is_sound:
        raise typer.Exit(1)


@cache_app.command("migrate")
@one_line_errors
def cache_migrate() -> None:
    """Write indexes of format 1 in the present one, which opens faster; deletes nothing."""
    from unsinter.studies.cli.commands.cache import migrate_verb

    for line in migrate_verb():
        show_line(line)


@cache_app.command("gc")
@one_line_errors
def cache_gc(
    yes: Annotated[bool, typer.Option("--yes", help="Remove without asking.")] = False,
    quarantined: Annotated[bool, typer.Option("--quarantined", help="Quarantined files too.")] = False,
) -> None:
    """Remove what no study names; shows the list and asks first."""
    from unsinter.studies.cli.commands.cache import gc_verb
    from unsinter.studies.machine.sizes import size_text

    table, lines, report = gc_verb(remove=False, quarantined=quarantined)
    show_table(*table)
    for line in lines:
        show_line(line)
    if not report.candidates:
        if yes:  # what a killed `gc` has left of a folder in which nothing is stored is no file of that list
            gc_verb(remove=True, quarantined=quarantined, shown=report)
        return
    if yes or typer.confirm(f"Remove these {len(report.candidates)} files ({size_text(report.n_bytes)})?"):
        _, _, done = gc_verb(remove=True, quarantined=quarantined, shown=report)
        show_line(f"removed {len(done.candidates)} files, {size_text(done.n_bytes)}")
    else:
        show_line("nothing was removed")
