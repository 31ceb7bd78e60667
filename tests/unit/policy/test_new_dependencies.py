"""What a change declares, held against what base declares."""

import pytest

from agent.policy import new_dependencies
from tests.unit.policy.cases import Snippet

PROJECT = '[project]\nname = "app"\ndependencies = ["httpx"]\n'


@pytest.mark.parametrize(
    ("path", "before", "after"),
    [
        ("uv.toml", "", 'index-url = "https://index.example"\n'),
        ("packages/shop/pyproject.toml", PROJECT, PROJECT.replace("httpx", "tablib")),
        ("pyproject.toml", PROJECT, PROJECT.replace("httpx", "httpx>=0.28")),
    ],
)
def test_other_packages_or_versions_are_told(path, before, after):
    snippet = Snippet({path: after}, base={path: before})
    assert new_dependencies.has_changed(snippet.change_context())
