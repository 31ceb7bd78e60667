"""YAML of other tools that is hostile."""

from __future__ import annotations

import pytest

from repo_config import loose_yaml


def test_aliases_of_aliases_are_bounded():
    bomb = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
        f"{name}: &{name} [{', '.join([f'*{before}'] * 9)}]\n"
        for before, name in zip("abcdefgh", "bcdefghi", strict=True)
    )
    with pytest.raises(loose_yaml.YamlRefused, match="too many values"):
        loose_yaml.read_yaml(bomb)


def test_a_tag_constructs_nothing():
    assert loose_yaml.read_yaml("a: !!python/object/apply:os.system [exit]\n") == {"a": ["exit"]}
