"""YAML that nobody vouches for: no key twice, nothing larger than it looks, one line per fault."""

import re
from collections.abc import Hashable
from contextlib import suppress
from typing import Any

import yaml
from yaml.constructor import ConstructorError

LONGEST_YAML = 100_000
"""Characters of a study file; the longest that people write have a few thousand."""

LONGEST_RESOLVED = 1_000_000
"""Characters of a study as a run keeps it, with the texts of the files that it names."""

MOST_NESTED = 40
MOST_VALUES = 100_000
"""Values, with those that aliases repeat counted as often as they are repeated."""

_LONGEST_NUMBER = 100
"""Characters of a number or a date: reading one of thousands takes time that grows with their square."""

_NUMBERS = frozenset(f"tag:yaml.org,2002:{kind}" for kind in ("int", "float", "timestamp"))
_LOOKS_OTHERWISE = re.compile(r"[+-]?(?:0[0-9_]+|[0-9][0-9_]*(?::[0-5]?[0-9])+(?:\.[0-9_]*)?)")
"""010 is 8 to YAML 1.1, and 1:30 is 90."""

_NO_TEXT = re.compile("[\x00\ud800-\udfff]")


class UniqueKeyLoader(yaml.SafeLoader):
    """Load plain YAML, and refuse a key that stands twice in one mapping, at any depth.

    PyYAML keeps the last of the two without a word. Keys that a merge (``<<``) brings in may be overridden.
    """

    def __init__(self, stream: str) -> None:
        super().__init__(stream)
        self._flattened: set[int] = set()

    def flatten_mapping(self, node: yaml.MappingNode) -> None:
        """Refuse equal keys as they are written, before merged ones are put beside them."""
        if id(node) in self._flattened:
            return  # a mapping that others merge comes here again, with merged keys beside its own
        self._flattened.add(id(node))
        first: dict[Any, yaml.Node] = {}
        n_merged = 0
        for key_node, value_node in node.value:
            is_merge = key_node.tag == "tag:yaml.org,2002:merge"
            n_merged += self._n_merged(value_node) if is_merge else 0
            if n_merged > MOST_VALUES:
                raise _fault(key_node, f"merges more than {MOST_VALUES:,} keys")
            key = "<<" if is_merge else self.construct_object(key_node, True)
            if not isinstance(key, Hashable):
                continue  # the library names such a key itself
            if key in first:
                lines = f"lines {first[key].start_mark.line + 1} and {key_node.start_mark.line + 1}"
                raise ConstructorError(
                    None, None, f"the key {_shown(key)} is given twice, on {lines}; keep one"
                )
            first[key] = key_node
        super().flatten_mapping(node)

    def _n_merged(self, node: yaml.Node) -> int:
        """Return how many keys a merge would copy, those of the merged mappings' own merges included."""
        merged = node.value if isinstance(node, yaml.SequenceNode) else [node]
        mappings = [part for part in merged if isinstance(part, yaml.MappingNode)]
        for mapping in mappings:
            self.flatten_mapping(mapping)
        return sum(len(mapping.value) for mapping in mappings)

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:
        """Return what a node holds; whatever the library's readers of values raise names the value's line."""
        try:
            return super().construct_object(node, deep)
        except (yaml.YAMLError, RecursionError):
            raise
        except Exception as error:  # ValueError of a date, IndexError of an empty number, AttributeError, ...
            kind = node.tag.rpartition(":")[2]
            raise _fault(node, f"holds {_shown(node.value)}, which is no {kind}") from error


def load_yaml(text: str, *, longest: int = LONGEST_YAML) -> Any:
    """Return what one YAML document of at most ``longest`` characters holds.

    Raises
    ------
    yaml.YAMLError : it is none, gives a key twice, is nested too deeply, is far larger than it looks once its
        aliases are followed, or holds what is no text, number or date.
    """
    if len(text) > longest:
        raise yaml.YAMLError(f"it has {len(text):,} characters, and at most {longest:,} are read")
    _check_count(text)
    loader = UniqueKeyLoader(text)
    try:
        node = loader.get_single_node()
        if node is None:
            return None
        _check_size(node)
        return loader.construct_document(node)
    except RecursionError:
        raise yaml.YAMLError(f"it is nested more than {MOST_NESTED} deep") from None
    finally:
        loader.dispose()


def _check_count(text: str) -> None:
    """Raise YAMLError for far too many values or too deep ones, counted by the library in C if it is there.

    The reader in Python takes seconds to come as far. What the other one cannot read is left to it.
    """
    n_values = depth = 0
    with suppress(yaml.YAMLError, ValueError):
        for event in yaml.parse(text, Loader=yaml.CSafeLoader) if yaml.__with_libyaml__ else ():
            n_values += isinstance(event, yaml.NodeEvent)
            depth += isinstance(event, yaml.CollectionStartEvent)
            depth -= isinstance(event, yaml.CollectionEndEvent)
            if n_values > MOST_VALUES or depth > MOST_NESTED:
                break
    if n_values > MOST_VALUES:
        raise yaml.YAMLError(f"it holds more than {MOST_VALUES:,} values")
    if depth > MOST_NESTED:
        raise yaml.YAMLError(f"it is nested more than {MOST_NESTED} deep")


def _check_size(root: yaml.Node) -> None:
    """Raise YAMLError for a tree that is too deep or too large with aliases followed, or holds itself."""
    sizes: dict[int, int] = {}
    path: set[int] = set()
    stack: list[tuple[yaml.Node, bool]] = [(root, False)]
    while stack:
        node, is_done = stack.pop()
        parts = _parts(node)
        if is_done:
            path.discard(id(node))
            sizes[id(node)] = 1 + sum(sizes[id(part)] for part in parts)
            if sizes[id(node)] > MOST_VALUES:
                raise _fault(node, f"holds more than {MOST_VALUES:,} values once its aliases are followed")
            continue
        if id(node) in path:
            raise _fault(node, "holds itself")
        if id(node) in sizes:
            continue
        if not parts:
            sizes[id(node)] = 1 + len(str(node.value)) // 16
            _check_scalar(node)
            continue
        path.add(id(node))
        if len(path) > MOST_NESTED:
            raise _fault(node, f"is nested more than {MOST_NESTED} deep")
        stack.append((node, True))
        stack += [(part, False) for part in parts]


def _parts(node: yaml.Node) -> list[yaml.Node]:
    if isinstance(node, yaml.MappingNode):
        return [part for pair in node.value for part in pair]
    return list(node.value) if isinstance(node, yaml.SequenceNode) else []


def _check_scalar(node: yaml.Node) -> None:
    if not isinstance(node, yaml.ScalarNode):
        return
    if node.tag in _NUMBERS and len(node.value) > _LONGEST_NUMBER:
        raise _fault(node, f"holds a number of {len(node.value):,} characters; write a text between quotes")
    if node.tag in _NUMBERS and node.style is None and _LOOKS_OTHERWISE.fullmatch(node.value):
        raise _fault(
            node,
            f"holds {node.value}, which YAML reads as another number than it looks; write it without zeros "
            "in front and without colons, or as a text between quotes",
        )
    if _NO_TEXT.search(node.value):
        raise _fault(node, "holds a zero character or half of a surrogate pair, which is no text")


def _fault(node: yaml.Node, what: str) -> ConstructorError:
    return ConstructorError(None, None, f"line {node.start_mark.line + 1} {what}")


def _shown(value: object) -> str:
    shown = repr(value)
    return shown if len(shown) <= 60 else f"{shown[:60]}..."
