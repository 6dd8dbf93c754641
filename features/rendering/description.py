"""What a model's chat template has, and one prompt as the model reads it, for people to look at."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from unsinter.features.model.model import ChatModel
from unsinter.features.rendering.framing import TemplateFrame, apply_template, dates_around, make_frame
from unsinter.features.rendering.positions import available_positions, resolve_position
from unsinter.features.rendering.rendering import RenderedPrompt
from unsinter.features.rendering.template_input import RenderError, TemplateInput, template_variables

_SYSTEM = TemplateInput(system="You answer in one word.")
_EXAMPLES = TemplateInput(examples=(("Is rain wet?", "Yes."),))
_BEFORE = 60
"""Tokens that are shown of the beginning of what stands before a text, and of its end."""

_SWITCHES = ("think", "reason")
"""Parts of the names of options that turn a model's reasoning on and off."""


def describe_template(model: ChatModel) -> list[tuple[str, str]]:
    """Return (what, state) of all that a study can say of a chat template, for this model's.

    Raises
    ------
    RenderError : the model has no chat template or it cannot be used.
    """
    frame = make_frame(model, template="chat")
    names = sorted(template_variables(model.tokenizer))
    switches = [name for name in names if any(part in name.casefold() for part in _SWITCHES)]
    dates = dates_around(model, None, template="chat")
    return [
        ("system: a text", _whether_taken(model, _SYSTEM)),
        ("system: none", _own_system(model, frame)),
        ("examples: turns before the prompt", _whether_taken(model, _EXAMPLES)),
        ("template_options it reads", ", ".join(names) or "none"),
        ("thinking switch", ", ".join(switches) or "none"),
        ("date: reads the clock", _dates(frame, dates)),
        ("tokens before and after the text", f"{len(frame.prefix_ids)} and {len(frame.suffix_ids)}"),
    ]


def _whether_taken(model: ChatModel, beside: TemplateInput) -> str:
    try:
        make_frame(model, template="chat", beside=beside)
    except RenderError as error:
        return f"no: {str(error).removeprefix(f'{model.name}: ').rstrip('.')}"
    return "yes"


def _own_system(model: ChatModel, frame: TemplateFrame) -> str:
    """Say whether the template writes a system text of its own where it is given none."""
    try:
        empty, _ = apply_template(model, replace(frame, system=""), "?", where="a trial prompt")
    except RenderError:
        return "nothing is put in its place"
    bare, _ = apply_template(model, frame, "?", where="a trial prompt")
    longer = len(bare) > len(empty)
    return "the template writes one of its own" if longer else "nothing is put in its place"


def _dates(frame: TemplateFrame, dates: Sequence[str]) -> str:
    if dates:
        return f"yes, as {', '.join(map(repr, dates))} for {frame.date}"
    return "yes, but it shows no date" if frame.dates_shown else "no"


def marked_tokens(
    model: ChatModel, row: RenderedPrompt, *, width: int = 100, texts: Sequence[str] | None = None
) -> Iterator[str]:
    """Yield a prompt's tokens, divided by ``|``, in lines of about ``width``, and under each its positions.

    A position of one token stands under it after ``^``; ``instruction_mean`` under the first of its tokens.
    Of many tokens before the user's text the middle ones are counted, not shown. ``texts`` are what each
    token adds (`token_texts`); without them each token is decoded by itself.
    """
    names = position_marks(row)
    if texts is None:
        texts = [str(model.tokenizer.decode([token])) for token in row.token_ids]
    cells = [(_shown(text), f"^{' '.join(names[n])}" if n in names else "") for n, text in enumerate(texts)]
    if (n_left := row.instruction[0] - 2 * _BEFORE) > 0:
        cells[_BEFORE : _BEFORE + n_left] = [(f"... {n_left:,} tokens ...", "")]
    line: list[tuple[str, str]] = []
    for cell in cells:
        if line and sum(max(map(len, c)) + 1 for c in (*line, cell)) > width:
            yield from _lines(line)
            line = []
        line.append(cell)
    yield from _lines(line)


def position_marks(row: RenderedPrompt) -> Mapping[int, list[str]]:
    """Return number of a token -> the positions that are there, in reading order."""
    marks: dict[int, list[str]] = {}
    for name in available_positions(row):
        first, _ = resolve_position(name, row)
        marks.setdefault(first, []).append(name)
    return marks


def _lines(cells: Sequence[tuple[str, str]]) -> Iterator[str]:
    widths = [max(map(len, cell)) for cell in cells]
    yield "|" + "|".join(token.ljust(n) for (token, _), n in zip(cells, widths, strict=True)) + "|"
    under = " " + " ".join(mark.ljust(n) for (_, mark), n in zip(cells, widths, strict=True))
    if under.strip():
        yield under.rstrip()


def _shown(token: str) -> str:
    """Return a token with its line breaks and other signs that move a cursor written out."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in token)
