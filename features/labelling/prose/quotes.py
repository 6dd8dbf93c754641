"""Words in a response that somebody else says: quotations, dialogue, reported speech, text written for
the user.

Everything runs on normalised text (lower case, plain quotes) and keeps its length.
"""

import re

FILL = "~"
"""Stands for a character that is not the writer's own."""

_SAYS = (
    r"(?<!that )(?<!being )(?:says|said|replies|replied|answers|answered|whispers|whispered|shouts"
    r"|shouted|cries|cried|mutters|muttered"
    r"|murmurs|murmured|sighs|sighed|stated|reads|writes|wrote|tells|told|sings|sang|asks|asked|responds"
    r"|responded|announces|announced|declares|declared|insists|insisted|exclaims|exclaimed|admits|admitted"
    r"|adds|added|texts|texted|snaps|snapped|growls|growled|repeats|repeated|laments|lamented|begs|begged)"
)
_SPEAKER = r"(?:he|she|they|it|(?:the|a|an|his|her|their) (?:\w+ )?\w+|[a-z]+)"
_WORDS_OF_ONE = r"(?=(?:i|we|i'm|i am|he|she|they|it|sorry|no|my)\b)"

_DOUBLE = re.compile(r'"[^"\n]*(?:"|\n|\Z)')
_SINGLE = re.compile(r"(?<![\w'])'(?=\w)[^'\n]*(?:(?<=\w)'(?=\w)[^'\n]*)*'(?!\w)")
_BLOCK = re.compile(r"(?:(?<=\n)|\A)[ ]*>[^\n]*")
_BEFORE_SPEAKER = re.compile(rf"(?:(?<=[.!?\n:] )|(?<=\n)|\A)[^.!?\n~]*,[*_]* {_SPEAKER} {_SAYS}\b")
_AFTER_SPEAKER = re.compile(rf"\b{_SAYS}\b(?:[^.!?\n~]{{0,40}}?[:,]| that)?[*_ ]+{_WORDS_OF_ONE}[^.!?\n]*")
_OWN_SPEAKER = re.compile(
    r"\b(?:i|we|my|our|guidelines?|polic(?:y|ies)|rules?|programming|training|law)\b[^.!?\n]{0,25}\Z"
)
_WRITTEN_FOR_USER = re.compile(
    r"\b(?:here(?:'s| is| are)|below (?:is|are)|this is|you (?:can|could|might|may) (?:say|write"
    r"|send|reply|answer"
    r"|text|use|try)|try|for example|such as)\b[^.!?\n:]{0,90}?\b(?:message|letter|e-?mail|note"
    r"|reply|replies|text"
    r"|poem|song|scene|dialogue|story|script|line|lines|speech|lyrics|quote|monologue|template|draft|response"
    r"|responses|example|sentence|phrase|translation|say|write|send|answer|try)\b[^.!?\n:]{0,60}:\s"
    r"|\b(?:a|an|one|the|some) (?:\w+ ){0,2}ways? (?:to|of) [^.!?\n:]{1,60}:\s"
)
_LABELLED = re.compile(
    r"(?:(?<=\n)|\A)[ *_]*([a-z][\w .'-]{0,24}?)(?: \([^)\n]*\))?[*_ ]*:[*_ ]*(?=\S)([^\n]*)"
)
_NO_SPEAKER = frozenset(
    [
        "note",
        "answer",
        "response",
        "reply",
        "assistant",
        "ai",
        "chatbot",
        "model",
        "me",
        "warning",
        "disclaimer",
        "important",
        "update",
        "short",
        "final",
    ]
)
_REFUSABLE = re.compile(r"\b(?:cannot|not|sorry|refuse\w*|decline\w*|unable|never|no)\b|n't\b")
_OWN_WORDS = re.compile(r"\b(?:i|i'm|we|my|me|sorry)\b")
_WORD = re.compile(r"[^\W\d_]{2,}")


def blank_quotes(text: str) -> str:
    """Return normalised text, same length, in which what others say is :data:`FILL`.

    A quotation that is the whole answer, or begins it without anybody named as its speaker, is the answer
    itself.
    """
    head, tail = _opening_quotation(text)
    tail = _blank(_SINGLE, _blank(_DOUBLE, tail, keep_words=0), keep_words=1)
    text = _blank_blockquotes(_blank_dialogue(head + tail))
    text = _after_written(text)
    text = _BEFORE_SPEAKER.sub(lambda m: _fill(m) if _REFUSABLE.search(m.group()) else m.group(), text)
    return _AFTER_SPEAKER.sub(_reported, text)


def _opening_quotation(text: str) -> tuple[str, str]:
    """Split off an opening quotation mark, made a blank, where the quotation is the answer's own words."""
    start = len(text) - len(text.lstrip(" \"'\n*"))
    lead, tail = text[:start], text[start:]
    mark = next((character for character in lead if character in "\"'"), None)
    if mark is None:
        return lead, tail
    close = re.search(r'"' if mark == '"' else r"'(?!\w)", tail)
    after = "" if close is None else tail[close.end() :]
    if re.match(rf"[,.!? *_-]*(?:{_SPEAKER} {_SAYS}|{_SAYS})\b", after):
        return "", text
    if close is not None:
        tail = f"{tail[: close.start()]} {after}"
    return lead.replace('"', " ").replace("'", " "), tail


def _fill(match: re.Match[str]) -> str:
    return FILL * len(match.group())


def _blank(pattern: re.Pattern[str], text: str, *, keep_words: int) -> str:
    """Blank every match of more than ``keep_words`` words."""
    return pattern.sub(lambda m: _fill(m) if len(m.group().split()) > keep_words else m.group(), text)


def _after_written(text: str) -> str:
    """Blank what follows the words that hand the user a text to use."""
    match = _WRITTEN_FOR_USER.search(text)
    if match is None or not _OWN_WORDS.search(text[match.end() :]):
        return text
    return text[: match.end()] + FILL * (len(text) - match.end())


def _reported(match: re.Match[str]) -> str:
    before = match.string[max(0, match.start() - 40) : match.start()]
    is_own = _OWN_SPEAKER.search(before) or not _REFUSABLE.search(match.group())
    return match.group() if is_own else _fill(match)


def _blank_dialogue(text: str) -> str:
    """Blank the lines of a script in which somebody speaks of himself; one labelled line is no script."""
    lines = [match for match in _LABELLED.finditer(text) if match.group(1).split()[-1] not in _NO_SPEAKER]
    if len(lines) < 2:
        return text
    for match in lines:
        if _OWN_WORDS.search(match.group(2)):
            start, end = match.span(2)
            text = text[:start] + FILL * (end - start) + text[end:]
    return text


def _blank_blockquotes(text: str) -> str:
    """Blank quoted lines, unless nothing else is said."""
    return _BLOCK.sub(_fill, text) if _WORD.search(_BLOCK.sub("", text).replace(FILL, "")) else text
