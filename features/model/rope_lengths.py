"""Position tables that a model makes from the longest row of a batch, so that rows change their mates."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from torch import nn

_LONG_AND_SHORT, _GROWING = "longrope", "dynamic"
_CACHED, _ORIGINAL = "max_seq_len_cached", "original_inv_freq"


@dataclass(frozen=True, slots=True, kw_only=True)
class RopeLengths:
    """Which rows may share a batch: those for whose lengths the model makes the same tables.

    LongRoPE has one table up to a length and another above it; dynamic NTK scaling has one table up to a
    length and above it another for every length. The library takes the length from the longest row.
    """

    switches: tuple[int, ...] = ()
    """LongRoPE: the longest length, in tokens, of each short table."""

    grows_above: int | None = None
    """Dynamic scaling: the longest length, in tokens, that is read without any."""

    @property
    def matters(self) -> bool:
        """Whether the tables depend on the length at all."""
        return bool(self.switches) or self.grows_above is not None

    def tables(self, n_tokens: int) -> tuple[int, ...]:
        """Return a name for the tables of a row of ``n_tokens``; rows of one name may share a batch."""
        grown = n_tokens if self.grows_above is not None and n_tokens > self.grows_above else 0
        return (grown, *(int(n_tokens > switch) for switch in self.switches))

    def tables_while_writing(self, n_tokens: int, n_new: int) -> tuple[int, ...]:
        """Return the same for a row that ``n_new`` tokens are added to, one after the other.

        Rows whose tables change on the way keep step only with rows of their own length.
        """
        before, after = self.tables(n_tokens), self.tables(n_tokens + n_new)
        return before if before == after else (-1, n_tokens)

    def parts(self, lengths: Sequence[int]) -> list[list[int]]:
        """Return the places of rows that may share a batch, each part in the order given."""
        parts: dict[tuple[int, ...], list[int]] = {}
        for place, length in enumerate(lengths):
            parts.setdefault(self.tables(length), []).append(place)
        return list(parts.values())


def rope_lengths(model: nn.Module) -> RopeLengths:
    """Return how the position tables of a model depend on the length of what it reads."""
    switches, grows_above = set(), []
    for module, kind, name in _length_dependent(model):
        if kind == _LONG_AND_SHORT:
            switches.add(_switch(module, name))
        else:
            grows_above.append(int(module.original_max_seq_len))  # type: ignore[arg-type]
    return RopeLengths(switches=tuple(sorted(switches)), grows_above=min(grows_above, default=None))


def forget_lengths(model: nn.Module) -> None:
    """Set growing tables back to those of a model that has read nothing yet; they outlive a batch."""
    for module, kind, name in _length_dependent(model):
        prefix = f"{name}_" if name else ""
        if kind == _GROWING and hasattr(module, f"{prefix}{_ORIGINAL}"):
            tables = getattr(module, f"{prefix}inv_freq")
            original = getattr(module, f"{prefix}{_ORIGINAL}").to(tables.device)
            module.register_buffer(f"{prefix}inv_freq", original.clone(), persistent=False)
            setattr(module, f"{prefix}{_CACHED}", module.original_max_seq_len)


def _length_dependent(model: nn.Module) -> Iterator[tuple[nn.Module, str, str]]:
    """Yield (module, kind, type of layer or "") of each table that depends on a length."""
    for module in model.modules():
        kinds: Any = getattr(module, "rope_type", None)
        by_layer = kinds if isinstance(kinds, Mapping) else {"": kinds}
        for name, kind in by_layer.items():
            if isinstance(kind, str) and kind == _LONG_AND_SHORT:
                yield module, _LONG_AND_SHORT, name
            elif isinstance(kind, str) and _GROWING in kind:
                yield module, _GROWING, name


def _switch(module: nn.Module, name: str) -> int:
    parameters: Any = module.config.rope_parameters  # type: ignore[union-attr]
    return int((parameters[name] if name else parameters)["original_max_position_embeddings"])
