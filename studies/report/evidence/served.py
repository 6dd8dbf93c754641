"""That the answers of a run came from a server, and how far they are those of the model that was read."""

from collections.abc import Iterator, Mapping
from typing import Any

from unsinter.studies.report.evidence.numbers import is_number


def served_lines(part: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield what is to be known of a model's answers to make the run again; nothing where no server gave
    them."""
    server = _server(part)
    if not server:
        return
    engines, builds = (_names(server.get(name)) for name in ("engines", "builds"))
    build = f", build {builds}" if builds else ""
    yield (
        "answers",
        (
            f"from a server at {server.get('address')} that serves {server.get('model')} ({engines}{build}), "
            "which got the prompts as token ids of the model's own template; the address may be another one, "
            "and what is in the folder responses is not asked for again"
        ),
    )
    if _counts(server) is not None:
        yield "server and loaded model", difference_words(part)


def difference_words(part: Mapping[str, Any]) -> str:
    """Return on how many of the prompts compared server and loaded model differ; empty without a server."""
    counts = _counts(_server(part))
    if counts is None:
        return ""
    differ, compared, n_tokens = counts
    if not compared:
        return "no prompt was there to compare their answers"
    return (
        f"their greedy answers differ on {differ:,} of {compared:,} prompts compared "
        f"({100 * differ / compared:.0f} %), within {n_tokens:,} tokens"
    )


def n_differing(part: Mapping[str, Any]) -> int:
    """Return on how many of the prompts compared the two answers differ."""
    counts = _counts(_server(part))
    return counts[0] if counts else 0


def _server(part: Mapping[str, Any]) -> Mapping[str, Any]:
    answers = part.get("answers")
    server = answers.get("server") if isinstance(answers, Mapping) else None
    return server if isinstance(server, Mapping) else {}


def _counts(server: Mapping[str, Any]) -> tuple[int, int, int] | None:
    values = [server.get(name) for name in ("differ", "compared", "compared_tokens")]
    if not all(is_number(value) for value in values):
        return None
    differ, compared, n_tokens = (int(value) for value in values if value is not None)
    return differ, compared, n_tokens


def _names(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else ""
