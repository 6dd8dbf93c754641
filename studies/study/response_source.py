"""The section of a study file on answers: recorded ones, or how the model or a server makes them."""

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, field_validator, model_validator

from unsinter.features.endpoint.address import check_address
from unsinter.studies.study.section import StudySection

SERVER_FIELDS = frozenset({"key_variable", "parallel", "timeout", "attempts"})
"""What says how a server is asked, and changes no answer of it."""

MOST_SAMPLES = 10_000
"""More answers per prompt than anybody waits for are a slip of the pen."""


class ResponseSource(StudySection):
    """Where the responses come from: a file, a server, or generation."""

    path: tuple[Path, ...] = ()
    """Files of response records; empty: the model answers the prompts itself."""

    model: str | None = None
    """With ``path``: keep the responses of this model only; one model at a time. With ``endpoint``: the name
    under which the server serves the model."""

    endpoint: str | None = None
    """Address of an OpenAI-compatible server of completions, as http://localhost:8000/v1."""

    key_variable: str | None = Field(default=None, pattern=r"^[A-Z_][A-Z0-9_]*$")
    """The environment variable that holds the server's key; the key itself is never written here."""

    parallel: int = Field(default=8, ge=1, le=1024)
    """Questions that the server gets at a time."""

    timeout: float = Field(default=120.0, gt=0.0, le=86_400.0)
    """Seconds for one answer of the server, from the first byte sent to the last received."""

    attempts: int = Field(default=5, ge=1, le=100)
    """How often a question is asked while the server has trouble that may pass."""

    max_new_tokens: int = Field(default=40, ge=1)
    """Generation stops at this many tokens."""

    temperature: float = Field(default=0.0, ge=0.0)
    """Zero is greedy; above zero, sampled with the study's seed."""

    until: Literal["end", "answer"] = "end"
    """``answer`` ends each at the first sentence after which our rules are sure of its label."""

    stop: tuple[Annotated[str, Field(min_length=1, max_length=200)], ...] = Field(default=(), max_length=16)
    """Texts that end an answer, which ends before the first of them."""

    samples: int = Field(default=1, ge=1, le=MOST_SAMPLES)
    """Answers per prompt; its label is that of most of them, and the share that refused is kept."""

    @field_validator("endpoint")
    @classmethod
    def _is_address(cls, value: str | None) -> str | None:
        if value is not None:
            check_address(value, error=ValueError)
        return value

    @model_validator(mode="after")
    def _server_is_named(self) -> Self:
        if self.endpoint is None:
            named = sorted(self.model_fields_set & SERVER_FIELDS)
            if named and any(
                getattr(self, name) != ResponseSource.model_fields[name].default for name in named
            ):
                raise ValueError(
                    f"{', '.join(named)} are of a server's answers; name its endpoint, or drop them"
                )
            return self
        if self.path:
            raise ValueError("endpoint and path exclude one another: answers are asked for, or recorded")
        if not self.model:
            raise ValueError("endpoint needs model: the name under which the server serves the model")
        if self.until == "answer":
            raise ValueError(
                "until: answer stops the loaded model while it writes; a server cannot, so drop it"
            )
        return self

    @model_validator(mode="after")
    def _samples_differ(self) -> Self:
        if self.samples > 1 and self.path:
            raise ValueError("samples are generated answers; they go with no path")
        if self.until == "answer" and self.path:
            raise ValueError("until is of generated answers; it goes with no path")
        if self.stop and self.path:
            raise ValueError("stop is of generated answers; it goes with no path")
        if self.samples > 1 and not self.temperature:
            raise ValueError(
                f"samples: {self.samples} at temperature 0 would be one text each time; set a temperature"
            )
        return self
