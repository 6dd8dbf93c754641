"""A server that answers prompts: where it is, which of its models is asked, what engine it says it is."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from unsinter.cache.errors import UnsinterError
from unsinter.cache.json_text import JsonTextError, parse_json
from unsinter.features.endpoint.address import bare_address, check_address, check_key_is_safe, read_key
from unsinter.features.endpoint.attempts import Asker, Patience
from unsinter.features.endpoint.exchange import NoAnswerError, Reply, UnreadableAnswerError
from unsinter.features.endpoint.many import ask_many

UNNAMED = "an engine that does not name itself"
_LONGEST_NAME = 80
_REFUSED_KEY = frozenset({401, 403})
_NO_LIST = frozenset({404, 405, 501})
"""Statuses of a server that has no list of models."""


class AnswerServerError(UnsinterError, ValueError):
    """A server of answers cannot be used or gave no usable answer; the message names prompt and address."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Engines:
    """Engines and builds that gave some answers, as they name themselves; "" is a build without a name."""

    names: frozenset[str] = frozenset()
    builds: frozenset[str] = frozenset()

    @classmethod
    def of(cls, records: Iterable[Mapping[str, Any]]) -> "Engines":
        """Return the engines and builds that records name."""
        rows = list(records)
        return cls(
            names=frozenset(str(record.get("engine")) for record in rows),
            builds=frozenset(str(record.get("build", "")) for record in rows),
        )

    def __or__(self, other: "Engines") -> "Engines":
        return Engines(names=self.names | other.names, builds=self.builds | other.builds)


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerServer:
    """An OpenAI-compatible server of completions, such as vLLM, llama.cpp or SGLang.

    The key is read from the environment variable ``key_variable`` when the server is asked; it is never
    stored or logged. None sends none.
    """

    url: str
    """Up to and with the version, as http://localhost:8000/v1."""

    model: str
    """The name under which the server serves the model."""

    key_variable: str | None = None
    workers: int = 8
    """Questions at a time."""

    patience: Patience = field(default_factory=lambda: Patience(timeout=120.0, attempts=5))

    beside: Engines = Engines()
    """What gave the answers beside which the server's are to stand; empty: any engine may answer."""

    def __post_init__(self) -> None:
        check_address(self.url, error=AnswerServerError)

    @property
    def address(self) -> str:
        """The address, as messages name it."""
        return bare_address(self.url, error=AnswerServerError)

    def key(self) -> str | None:
        """Return the key to send.

        Raises
        ------
        AnswerServerError : none is set, no header can carry it, or it would go in the clear to a far machine.
        """
        if self.key_variable is None:
            return None
        key = read_key(self.key_variable, error=AnswerServerError)
        if key is None:
            raise AnswerServerError(
                f"The environment variable {self.key_variable}, which is to hold the key of {self.address}, "
                "is not set or empty; set it, or drop key_variable."
            )
        check_key_is_safe(self.url, key, variable=self.key_variable, error=AnswerServerError)
        return key


def ask_engine(server: AnswerServer, key: str | None) -> str:
    """Return what the server says it is, as ``vllm 0.11.0``, after checking that it serves the model.

    Raises
    ------
    AnswerServerError : it cannot be reached, refuses the key, or lists models without this one.
    """

    async def engine(asker: Asker, _: int) -> str:
        return await _engine(server, asker, key)

    [(_, name)] = ask_many(engine, 1, key=key, patience=server.patience, workers=1, error=AnswerServerError)
    return name


async def _engine(server: AnswerServer, asker: Asker, key: str | None) -> str:
    reply = await ask_for(server, asker, "/models", None, about="its list of models")
    header = plain_name(reply.headers.get("server"), key)
    if reply.status in _NO_LIST:
        return header or UNNAMED
    owner = plain_name(_owner(server, _parsed(server, reply)), key)
    if owner != "vllm":
        return owner or header or UNNAMED
    root = server.url.rstrip("/").removesuffix("/v1")
    try:
        version = parse_json((await asker.ask(f"{root}/version", None, about="version")).body)
    except (JsonTextError, NoAnswerError, UnreadableAnswerError):
        return owner
    name = plain_name(version.get("version"), key) if isinstance(version, Mapping) else ""
    return f"{owner} {name}".strip()


async def ask_for(server: AnswerServer, asker: Asker, path: str, question: Any, *, about: str) -> Reply:
    """Return the reply to a question whose status is 200, or that says there is no such list.

    Raises
    ------
    AnswerServerError : there is none; says what to do and repeats nothing of what the server said.
    """
    try:
        reply = await asker.ask(f"{server.url.rstrip('/')}{path}", question, about=about)
    except (NoAnswerError, UnreadableAnswerError) as error:
        why = str(error) if isinstance(error, NoAnswerError) else f"gave an answer that {error}"
        raise AnswerServerError(f"{server.address} {why}") from None
    if reply.status == 200 or (question is None and reply.status in _NO_LIST):
        return reply
    raise AnswerServerError(f"{server.address} {_why_refused(server, reply.status)}")


def _why_refused(server: AnswerServer, status: int) -> str:
    if status in _REFUSED_KEY and server.key_variable is None:
        return (
            f"asks for a key (status {status}); name the environment variable that holds it in "
            "responses.key_variable"
        )
    if status in _REFUSED_KEY:
        return (
            f"refused the key (status {status}); renew the one in the environment variable "
            f"{server.key_variable}"
        )
    if status == 404:
        return (
            f"knows no model {server.model!r}, or no such address (status 404); see what "
            f"{server.address}/models lists"
        )
    if status in (400, 413, 422):
        return (
            f"does not take the question (status {status}); its log says why: tokens that its model does not "
            "have, more of them than it was started for, or no prompts as token ids at all"
        )
    return f"answered status {status}; check responses.endpoint"


def _parsed(server: AnswerServer, reply: Reply) -> Any:
    try:
        return parse_json(reply.body)
    except JsonTextError as error:
        raise AnswerServerError(
            f"{server.address}/models is no list of models: it {error}; check responses.endpoint"
        ) from None


def _owner(server: AnswerServer, table: Any) -> Any:
    """Return who the server says owns the model."""
    entries = table.get("data") if isinstance(table, Mapping) else None
    if not isinstance(entries, list) or not all(isinstance(entry, Mapping) for entry in entries):
        raise AnswerServerError(
            f"{server.address}/models is no list of models (no data with entries); check responses.endpoint"
        )
    own = next((entry for entry in entries if entry.get("id") == server.model), None)
    if own is None:
        raise AnswerServerError(
            f"{server.address} serves no model {server.model!r} ({len(entries)} others); see what "
            f"{server.address}/models lists and name one of them in responses.model"
        )
    return own.get("owned_by")


def plain_name(value: Any, key: str | None) -> str:
    """Return a short and printable name; empty for any other value, and for one with the key in it."""
    if not isinstance(value, str) or not value.isascii() or not value.isprintable():
        return ""
    return "" if len(value) > _LONGEST_NAME or (key and key in value) else value.strip()
