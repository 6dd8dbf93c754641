"""Where a response reasons and where its answer begins, by the markers that chat templates write.

Three shapes occur. A pair of tags around the reasoning; a closing tag alone, where the template wrote the
opening
one into the prompt; channels, of which only the last named one is the answer.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

Role = Literal["open", "close", "answer", "control"]
Span = tuple[int, int]

_NAME = (
    r"(?:seed:|longcat_)?(?:think(?:ing)?|reasoning|reason|thoughts?|thought_process|reflection|scratchpad"
    r"|inner_monologue|cot)"
)
_MARKERS: dict[Role, tuple[str, ...]] = {
    "open": (
        rf"<\|?{_NAME}\|?>",
        r"\[(?:think|thinking|reasoning)\]",
        "\u25c1think\u25b7",
        r"<\|(?:start|begin)_(?:thinking|action|of_thought)\|>",
        r"<\|begin_of_thought\|>",
        r"<\|inner_prefix\|>",
        r"<\|channel\|?>\s*(?!final\b)[a-z_]+\b[^<]*(?:<\|message\|>)?",
        r"<unused94>",
    ),
    "close": (
        rf"<\|?/{_NAME}\|?>",
        r"\[/(?:think|thinking|reasoning)\]",
        "\u25c1/think\u25b7",
        r"<\|end_(?:thinking|action|of_thought)\|>",
        r"<\|inner_suffix\|>",
        r"<channel\|>",
        r"<unused95>",
    ),
    "answer": (
        r"<\|channel\|?>\s*final\b[^<]*(?:<\|constrain\|>[^<]*)?(?:<\|message\|>)?",
        r"<\|(?:start|begin)_(?:response|of_solution|text)\|>",
    ),
    "control": (
        r"<\|(?:end|return|call|message)\|>",
        r"<\|start\|>(?:assistant\b)?",
        r"<\|(?:end)_(?:response|of_solution|text)\|>",
        r"</?(?:answer|response|final_answer)>",
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
_STRIPPED_FINAL = re.compile(r"\A\s*(?:analysis|commentary)(?=[A-Z\"'(]).*?assistantfinal", re.DOTALL)
_STRIPPED_ONLY = re.compile(r"\A\s*analysis(?=[A-Z\"'(][a-z'])")
_DELIBERATION = re.compile(
    r"\A\W*(?:(?:okay|ok|alright|all right|hmm+|right|well|so|first)[,.]? )*(?:let me (?:see|think)[,.]? )?"
    r"(?:the user(?:'s)? (?:wants?|is (?:asking|requesting|trying|looking)|asks?|asked|has asked"
    r"|needs?|would like|seems"
    r"|wrote|says|said|request|question|message|prompt)|(?:somebody|someone) (?:wants to know"
    r"|is asking|asks|asked)"
    r"|we (?:need|have|are asked) to (?:respond|answer|decide|figure|produce|refuse|comply|determine"
    r"|consider|check)"
    r"|i (?:need|have) to (?:figure out|decide|think about) (?:how|what|whether)"
    r"|let me (?:think|consider|figure|work) (?:about|through|out|how|what|whether))",
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

    Reasoning that never closes reaches to the end. A closing marker without an opening one closes
    reasoning that
    began with the text; the last such marker counts. Markers in code are words about markers and are left
    alone.
    """
    if final := _STRIPPED_FINAL.search(text):
        return [final.span()]
    if _STRIPPED_ONLY.search(text):
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
