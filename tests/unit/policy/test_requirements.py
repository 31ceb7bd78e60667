"""What a change declares, held against what base declares."""

from __future__ import annotations

import pytest

from agent.policy.upkeep import requirements
from tests.unit.policy.cases import Snippet

PROJECT = '[project]\nname = "app"\ndependencies = ["httpx"]\n'


@pytest.mark.parametrize(
    ("path", "before", "after"),
    [
        ("requirements.txt", "httpx\n", "httpx\ntablib\n"),
        ("requirements.txt", "httpx==0.27\n", "httpx==0.28\n"),
        ("requirements.txt", "httpx\n", ""),
        ("pyproject.toml", PROJECT, PROJECT.replace("httpx", "httpx>=0.28")),
        ("uv.lock", 'name = "httpx"\n', 'name = "httpx"\n\n'),
        ("lib/poetry.lock", "", "[metadata]\n"),
        ("requirements/constraints-3.11.txt", "", "httpx<1\n"),
    ],
)
def test_other_packages_or_versions_are_told(path, before, after):
    snippet = Snippet({path: after}, base={path: before})
    assert requirements.differs(snippet.proposal())


@pytest.mark.parametrize(
    ("path", "before", "after"),
    [
        ("pyproject.toml", PROJECT, PROJECT + "[tool.ruff]\nline-length = 88\n"),
        ("requirements.txt", "httpx\n", "# what runs\nhttpx\n"),
        ("tox.ini", "[testenv]\ndeps = httpx\n", "[testenv]\ndeps = httpx\ncommands = pytest\n"),
        ("setup.py", "", "print('built')\n"),
        ("app/locks.py", "", "lock = 1\n"),
    ],
)
def test_what_declares_the_same_is_no_other_environment(path, before, after):
    snippet = Snippet({path: after}, base={path: before})
    assert not requirements.differs(snippet.proposal())
