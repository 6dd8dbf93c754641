"""YAML in which no mapping gives one key twice."""

from collections.abc import Hashable
from typing import Any

import yaml


class UniqueKeyLoader(yaml.SafeLoader):
    """Load plain YAML, and refuse a key that stands twice in one mapping, at any depth.

    PyYAML keeps the last of the two without a word. Keys that a merge (``<<``) brings in may be overridden.
    """

    def __init__(self, stream: str) -> None:
        super().__init__(stream)
        self._flattened: list[yaml.MappingNode] = []

    def flatten_mapping(self, node: yaml.MappingNode) -> None:
        """Refuse equal keys as they are written, before merged ones are put beside them."""
        if node in self._flattened:
            return  # a mapping that others merge comes here again, with merged keys beside its own
        self._flattened.append(node)
        first: dict[Any, yaml.Node] = {}
        for key_node, _ in node.value:
            key = "<<" if key_node.tag == "tag:yaml.org,2002:merge" else self.construct_object(key_node, True)
            if not isinstance(key, Hashable):
                continue  # the library names such a key itself
            if key in first:
                lines = f"lines {first[key].start_mark.line + 1} and {key_node.start_mark.line + 1}"
                raise yaml.constructor.ConstructorError(
                    None, None, f"the key {key!r} is given twice, on {lines}; keep one"
                )
            first[key] = key_node
        super().flatten_mapping(node)


def load_yaml(text: str) -> Any:
    """Return what one YAML document holds; yaml.YAMLError where it is none or gives a key twice."""
    return yaml.load(text, UniqueKeyLoader)
