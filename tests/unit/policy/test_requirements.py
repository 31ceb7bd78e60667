"""What a change declares, held against what base declares."""

from __future__ import annotations

import pytest

from agent.policy.contract import requirements
from tests.unit.policy.cases import Snippet

PROJECT = '[project]\nname = "app"\ndependencies = ["httpx"]\n'


@pytest.mark.parametrize(
    ("path", "before", "after"),
    [
        ("requirements.txt", "httpx\n", "httpx\ntablib\n"),
        ("pyproject.toml", PROJECT, PROJECT.replace("httpx", "httpx>=0.28")),
    ],
)
def test_other_packages_or_versions_are_told(path, before, after):
    snippet = Snippet({path: after}, base={path: before})
    assert requirements.has_changed(snippet.change_context())


def brought(after, base, **more):
    snippet = Snippet(after, base=base, **more)
    return {
        (one.name, one.version, one.place, one.is_new)
        for one in requirements.find_added_packages(snippet.change_context())
    }


def test_new_packages_and_exact_versions_are_told_with_their_places():
    assert brought(
        {"requirements.txt": "httpx==0.28.1\ntablib\nRich==13.7.0\ntyper>=1\n"},
        {"requirements.txt": "httpx==0.27\nrich==13.7.0\ntyper\n"},
    ) == {
        ("httpx", "0.28.1", "requirements.txt:1", False),
        ("tablib", "", "requirements.txt:2", True),
    }


@pytest.mark.parametrize(
    ("path", "before", "after"),
    [
        (
            "uv.lock",
            '[[package]]\nname = "httpx"\nversion = "0.27.0"\n',
            '[[package]]\nname = "HTTPX"\nversion = "0.28.0"\nsource = {}\n',
        ),
    ],
)
def test_versions_of_lock_files_are_told(path, before, after):
    found = brought({path: after}, {path: before} if before else {"a.py": ""})
    assert found == {("httpx", "0.28.0", path, False)}
