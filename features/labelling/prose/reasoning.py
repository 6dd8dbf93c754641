"""Where a response reasons and where its answer begins, by the markers that chat templates write.

Three shapes occur. A pair of tags around the reasoning; a closing tag alone, where the template wrote the
opening one into the prompt; channels, of which only the last named one is the answer.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

Role = Literal["open", "close", "answer", "control"]
Span = tuple[int, int]

_NAME = (
    r"(?:[a-z]{1,12}[:_-])?(?:think(?:s|ing)?|thoughts?|reason(?:s|ing)?|reflections?|scratch_?pad|monologue"
    r"|rationale|deliberation|internal|chain_of_thought|cot|analysis)(?:[_-](?!end|stop|close)[a-z]{1,12})?"
)
"""A tag's name that says what is in it, with what a template adds before or after: seed:think, think_fast."""
_LESS, _MORE = r"(?:<\s?\|?|&lt;)", r"(?:\|?\s?>|&gt;)"

_MARKERS: dict[Role, tuple[str, ...]] = {
    "open": (
        rf"{_LESS}(?!(?:end|stop)_){_NAME}(?:\s[^<>]{{0,80}})?{_MORE}",
        r"\[(?:think|thinking|reasoning)\]",
        "\u25c1think\u25b7",
        rf"<\|(?:start|begin)_(?:of_)?(?:action|{_NAME})\|>",
        r"<\|inner_prefix\|>",
        r"<\|channel\|?>\s*(?!final\b)[a-z_]+\b[^<]*(?:<\|message\|>)?",
        r"<(?:unused|ctrl)94>",
    ),
    "close": (
        rf"{_LESS}/\s?{_NAME}{_MORE}",
        r"\[/(?:think|thinking|reasoning)\]",
        "\u25c1/think\u25b7",
        rf"<\|(?:end|stop)_(?:of_)?(?:action|{_NAME})\|>|<\|{_NAME}_(?:end|stop)\|>",
        r"<\|inner_suffix\|>",
        r"<channel\|>",
        r"<(?:unused|ctrl)95>",
    ),
    "answer": (
        r"<\|channel\|?>\s*final\b[^<]*(?:<\|constrain\|>[^<]*)?(?:<\|message\|>)?",
        r"<\|(?:start|begin)_(?:response|of_solution|text)\|>",
    ),
    "control": (
        r"<\|(?:end|return|call|message)\|>",
        r"<\|start\|>(?:assistant\b)?",
        r"<\|(?:end)_(?:response|of_solution|text)\|>",
        r"</?(?:answer|response|final_answer|output)>",
        r"(?s:<details type=\"?reasoning\"?[^<>]*>.*?(?:</details>|\Z))",
    ),
}
"""Regular expressions of the markers, on lower-case text: Qwen, DeepSeek, Seed, LongCat, Mistral, Kimi,
Cohere, Open-O1,
Apertus, gpt-oss and Gemma (channels), MedGemma."""

_MARKER = re.compile(
    "|".join(f"(?P<{role}>{'|'.join(patterns)})" for role, patterns in _MARKERS.items()), re.IGNORECASE
)
_CODE = re.compile(r"```.*?(?:```|\Z)|`[^`\n]*`", re.DOTALL)

# What is left of a channelled response once a decoder has dropped its special tokens.
_STRIPPED_FINAL = re.compile(r"\A\s*(?:assistant)?(?:analysis|commentary).*?assistant\s?final", re.DOTALL)
_STRIPPED_ONLY = re.compile(
    r"\A\s*(?:assistant)?analysis(?:(?=[A-Za-z\"'(][a-z'])|\s+(?=(?:We|The user|User|I)\b))"
)
# Reasoning and answer that are set apart by a line of prose each, as Granite's template asks for.
_IN_PROSE = re.compile(
    r"\A\W*(?:here(?: is|'s) my )?(?:thought process|thinking|reasoning|thoughts?|analysis)"
    r"(?:\s?\W{0,3}:|\W{0,3}\n).*?"
    r"(?:\A|\n|[.!?]\s)\W{0,20}(?:here(?: is|'s) my (?:response|answer)|(?:final )?(?:answer|response))"
    r"(?:\s?\W{0,3}:|[*_#]{0,3}\n)\W*",
    re.DOTALL | re.IGNORECASE,
)
_IN_PROSE_ONLY = re.compile(
    r"\A\W*(?:here(?: is|'s) my thought process|(?:thinking|thought) process|chain of thought)\s?\W{0,3}:"
    r"|\A[*_#\s]{0,4}(?:thinking|thoughts?)[*_: ]{0,4}\n",
    re.IGNORECASE,
)
_ALOUD = (
    r"(?:(?:okay|ok|alright|all right|hmm+|right|well|so|first|now|wait|got it)[,.:]? "
    r"|let(?:'s| me) (?:see|think)[,.]? )"
)
_DELIBERATION = re.compile(
    rf"\A\W*{_ALOUD}*"
    r"(?:(?:the )?(?:user|prompt|human)(?:'s)? (?:here )?(?:wants?|is (?:asking|requesting|trying|looking)"
    r"|asks?|asked|has asked|needs?|would like|seems|wrote|says|said|request|question|message|prompt)"
    r"|(?:somebody|someone|the person) (?:wants|is asking|asks|asked)"
    r"|we (?:need|have|are asked) to (?:respond|answer|decide|figure|produce|refuse|comply|determine"
    r"|consider|check)"
    r"|i (?:need|have) to (?:figure out|decide|think about|understand|determine) (?:how|what|whether)"
    r"|let me (?:think|consider|figure|work) (?:about|through|out|how|what|whether))"
    rf"|\A\W*{_ALOUD}+(?:the|this) (?:question|request)(?: here)? (?:is|asks|seems|wants)\b",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class _Marker:
    role: Role
    start: int
    end: int
    text: str


def reasoning_spans(text: str) -> list[Span]:
    """Return the (start, end) of everything that is not the answer: reasoning and its markers, in order.

    Reasoning that never closes reaches to the end. A closing marker without an opening one closes reasoning
    that began with the text; the last such marker counts. Markers in code are words about markers and are
    left alone.
    """
    if final := _STRIPPED_FINAL.search(text):
        return [final.span()]
    if prose := _IN_PROSE.search(text):
        return [prose.span()]
    if _STRIPPED_ONLY.search(text) or _IN_PROSE_ONLY.search(text):
        return [(0, len(text))]
    markers = list(_markers(text))
    spans: list[Span] = []
    depth, opened = 0, 0
    for marker in markers:
        if marker.role == "open":
            opened = opened if depth else marker.start
            # Channels do not nest: the next one ends the one before.
            depth = 1 if marker.text.startswith("<|channel") else depth + 1
        elif marker.role == "close" and depth:
            depth -= 1
            if not depth:
                spans.append((opened, marker.end))
        elif marker.role in ("close", "answer"):
            spans, depth = [(0, marker.end)], 0
        else:
            spans.append((marker.start, marker.end))
    return _joined([*spans, *([(opened, len(text))] if depth else [])])


def answer_start(text: str) -> int:
    """Return where the answer begins: after the reasoning that the text starts with, else 0.

    The length of the text where there is reasoning alone.
    """
    start = 0
    for first, past in reasoning_spans(text):
        if text[start:first].strip():
            break
        start = past
    return start + len(text[start:]) - len(text[start:].lstrip()) if start else 0


def answer_of(text: str) -> str:
    """Return a response without the reasoning it starts with."""
    return text[answer_start(text) :]


def is_deliberation(text: str) -> bool:
    """Tell whether a text begins by thinking aloud about the request: reasoning that no marker sets apart."""
    return _DELIBERATION.match(text) is not None


def open_marker(text: str) -> str | None:
    """Return the marker, as written, of reasoning that ``text`` opens and does not close; None without one.

    Asked of a rendered prompt, it says that the response starts inside its reasoning.
    """
    opened: list[str] = []
    for marker in _markers(text):
        if marker.role == "open":
            opened.append(marker.text)
        elif marker.role in ("close", "answer"):
            opened = opened[:-1] if marker.role == "close" else []
    return opened[-1] if opened else None


def is_marker(token: str) -> bool:
    """Tell whether a special token belongs to the markers, so that a decoder must not drop it."""
    return _MARKER.fullmatch(token) is not None or token.lower() in _PARTS


_PARTS = frozenset(
    {"<|channel|>", "<|channel>", "<channel|>", "<|message|>", "<|constrain|>", "<|start|>", "<|end|>"}
)
"""Special tokens that make up a marker together with ordinary ones."""


def _markers(text: str) -> Iterator[_Marker]:
    code = [match.span() for match in _CODE.finditer(text)]
    for match in _MARKER.finditer(text):
        inside = any(first <= match.start() < past for first, past in code)
        if not inside:
            role: Role = match.lastgroup  # type: ignore[assignment]
            yield _Marker(role=role, start=match.start(), end=match.end(), text=match.group())


def _joined(spans: list[Span]) -> list[Span]:
    """Merge overlapping spans, in order."""
    merged: list[Span] = []
    for first, past in sorted(spans):
        if merged and first <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(past, merged[-1][1]))
        else:
            merged.append((first, past))
    return merged
