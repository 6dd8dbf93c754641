"""The `unsinter` command: one function per verb, no logic; heavy libraries are imported inside the verbs."""

import typer

app = typer.Typer(name="unsinter", no_args_is_help=True, add_completion=False)


@app.callback()
def main() -> None:
    """Study how open instruct models refuse: extract once, probe every layer, compare, export."""
