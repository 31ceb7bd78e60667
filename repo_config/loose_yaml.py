"""Read the YAML of other tools: aliases are followed, tags construct nothing, size is bounded.

Our own configuration is read by `yaml_text`, which takes less and says more.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

#: Values a document may have once its aliases are written out.
_MOST_VALUES = 20_000
_DEEPEST = 60


class YamlRefused(Exception):
    """A document is not YAML, or far too large."""


@lru_cache(maxsize=256)  # To read one takes long, and several ask for each.
def read_yaml(text: str) -> Any:
    """A document as mappings, lists and texts; numbers and truth values stay as written.

    Nobody may change what is returned.

    Raises:
        NotRead: It is not YAML, or far too large.
    """
    try:
        node = YAML(typ="safe", pure=True).compose(text)
    except (YAMLError, ValueError, RecursionError) as problem:
        raise YamlRefused(str(problem).splitlines()[0]) from problem
    return _Plain().value(node) if node is not None else None


class _Plain:
    def __init__(self) -> None:
        self._left = _MOST_VALUES

    def value(self, node: Node, depth: int = 0) -> Any:
        self._left -= 1
        if self._left < 0 or depth > _DEEPEST:
            raise YamlRefused("it has too many values, or they are nested too deep")
        if isinstance(node, ScalarNode):
            return str(node.value)
        if isinstance(node, SequenceNode):
            return [self.value(item, depth + 1) for item in node.value]
        found: dict[str, Any] = {}
        merged: dict[str, Any] = {}
        if isinstance(node, MappingNode):
            for key, value in node.value:
                if not isinstance(key, ScalarNode):
                    continue
                plain = self.value(value, depth + 1)
                if key.value != "<<":
                    found[str(key.value)] = plain
                    continue
                for one in plain if isinstance(plain, list) else [plain]:
                    merged = {**one, **merged} if isinstance(one, dict) else merged
        return {**merged, **found}


def as_map(value: Any) -> dict[str, Any]:
    """Return a mapping; an empty one where something else stands."""
    return value if isinstance(value, dict) else {}


def as_list(value: Any) -> list[Any]:
    """Return a list; an empty one where something else stands."""
    return value if isinstance(value, list) else []
