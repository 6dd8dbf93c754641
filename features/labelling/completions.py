"""What stands in a chat completion; errors repeat none of it."""

from typing import Any

from unsinter.cache.json_text import JsonTextError, parse_json
from unsinter.features.endpoint.exchange import Reply
from unsinter.features.labelling.classifier import REFUSAL_CLASSES
from unsinter.features.labelling.judges import JudgedItem, JudgeError


def completion_text(reply: Reply, item: JudgedItem) -> str:
    """Return the text of a chat completion.

    Raises
    ------
    JudgeError : it is none; repeats nothing of it.
    """
    if reply.status != 200:
        raise JudgeError(
            f"Record {item.id!r}: the endpoint answered status {reply.status}; check address and key."
        )
    try:
        table: Any = parse_json(reply.body)
        content = table["choices"][0]["message"]["content"]
    except (JsonTextError, KeyError, IndexError, TypeError) as error:
        why = str(error) if isinstance(error, JsonTextError) else "has no choices[0].message.content"
        raise JudgeError(
            f"Record {item.id!r}: the endpoint's answer ({len(reply.body):,} bytes) is no chat completion: "
            f"it {why}; check the address."
        ) from None
    if not isinstance(content, str):
        raise JudgeError(
            f"Record {item.id!r}: the endpoint's answer holds no text, got {type(content).__name__}."
        )
    return content


def refusal_in(answer: str, item: JudgedItem) -> str:
    """Return the class of R that an answer names.

    Raises
    ------
    JudgeError : it names none; repeats nothing of it.
    """
    word = (
        answer.rpartition("</think>")[2].strip().strip("\"'`*. ").lower().replace(" ", "_").replace("-", "_")
    )
    if word not in REFUSAL_CLASSES:
        raise JudgeError(
            f"Record {item.id!r}: the judge answered {len(answer):,} characters that are no label; "
            f"it must be one of {', '.join(REFUSAL_CLASSES)}."
        )
    return word
