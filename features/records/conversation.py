"""What a record brings beside its prompt: a system text, earlier turns, the beginning of the answer."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from unsinter.features.records.names import says_missing

Turns = tuple[tuple[str, str], ...]
"""Earlier turns, each what the user wrote and what the assistant answered."""

CONVERSATION_FIELDS = ("messages", "system", "earlier_turns", "prefill")
"""Fields of a record that are about it."""

MOST_TURNS = 1_000
"""Of each side: no model reads as many, and a file of them is no study of prompts."""

_SYSTEM = ("system", "developer")
_SIDES = ("user", "assistant")
_CALLS = ("tool_calls", "function_call")


@dataclass(frozen=True, slots=True, kw_only=True)
class Conversation:
    """What stands around one prompt and no other, beside what a study puts around all of them.

    Attributes
    ----------
    system : takes the place of the study's system text; None leaves that.
    turns : stand between the study's examples and the prompt.
    prefill : text that the assistant's answer begins with, which the model goes on from.
    """

    system: str | None = None
    turns: Turns = ()
    prefill: str = ""

    def __bool__(self) -> bool:
        return bool(self.system is not None or self.turns or self.prefill)


def spread_messages(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return a record's values with ``messages``, if it has any, read into the other fields.

    Raises
    ------
    ValueError : as `split_messages`, or another field says something else than the messages do.
    """
    others = {name: value for name, value in values.items() if name != "messages"}
    if says_missing(messages := values.get("messages")):
        return others
    fields = split_messages(messages)
    for name, value in fields.items():
        if not says_missing(others.get(name)) and others[name] != value:
            raise ValueError(f"says another {name} than the field {name!r} does; remove one of the two")
    return {**others, **fields}


def split_messages(messages: Any) -> dict[str, Any]:
    """Return the fields of a record that a list of ``{role, content}`` stands for; the last is the prompt.

    A turn of the assistant at the end is refused: it may be the answer, which would then be in the prompt.

    Raises
    ------
    ValueError : it is no such list, or no model can be shown it as one.
    """
    messages = messages.tolist() if hasattr(messages, "tolist") else messages  # as pandas reads a list
    if not isinstance(messages, Sequence) or isinstance(messages, str | bytes) or not len(messages):
        raise ValueError('must be a list of {"role": ..., "content": ...}')
    if len(messages) > 2 * MOST_TURNS:
        raise ValueError(f"has {len(messages):,} turns; {2 * MOST_TURNS:,} at most")
    turns = [_turn(number, message) for number, message in enumerate(messages, 1)]
    fields: dict[str, Any] = {}
    if turns[0][0] in _SYSTEM:
        fields["system"] = turns.pop(0)[1]
    for number, (role, _) in enumerate(turns):
        if role != _SIDES[number % 2]:
            place = number + 1 + len(messages) - len(turns)
            raise ValueError(
                f"has a turn of {role} at place {place} where one of {_SIDES[number % 2]} belongs; a system "
                "text stands first, then user and assistant take turns"
            )
    if not turns:
        raise ValueError("has no turn of the user; the last of them is the prompt")
    if turns[-1][0] == "assistant":
        raise ValueError(
            "ends with a turn of the assistant; leave out an answer, and give text that the answer is to "
            "begin with as the field 'prefill'"
        )
    texts = [text for _, text in turns]
    fields["prompt"] = texts.pop()
    if texts:
        fields["earlier_turns"] = [list(turn) for turn in zip(texts[::2], texts[1::2], strict=True)]
    return fields


def _turn(number: int, message: Any) -> tuple[str, str]:
    if not isinstance(message, Mapping) or message.get("role") is None:
        raise ValueError(f'has at place {number} no {{"role": ..., "content": ...}}')
    role = message["role"]
    if role not in (*_SYSTEM, *_SIDES) or any(message.get(name) for name in _CALLS):
        calls = "" if role not in _SIDES else " that calls a tool"
        raise ValueError(
            f"has a turn of {str(role)[:40]!r}{calls} at place {number}; turns are of system, user and "
            "assistant, and tools are left out: remove the record"
        )
    content = message.get("content")
    text = _content(content)
    if text is None and content is not None and not (isinstance(content, list) and not content):
        raise ValueError(f"has something other than text in the turn of {role} at place {number}")
    if text is None or (role == "user" and not text.strip()):
        raise ValueError(f"has no text in the turn of {role} at place {number}")
    if role in _SYSTEM and not text.strip():
        # Some templates write a text of their own where there is no such turn, so it is none that can go.
        raise ValueError(
            f"has no text in the turn of {role} at place {number}; leave the turn out, or where no prompt is "
            'to have a system text say system: "" of the model'
        )
    return role, text


def _content(content: Any) -> str | None:
    """Return the text of a turn; None where there is none, or something beside text."""
    if isinstance(content, str):
        return content
    if not isinstance(content, Sequence) or isinstance(content, bytes):
        return None
    parts = [
        part.get("text") if isinstance(part, Mapping) and part.get("type") in ("text", None) else None
        for part in content
    ]
    return "".join(map(str, parts)) if parts and all(isinstance(part, str) for part in parts) else None
