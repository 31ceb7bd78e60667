from __future__ import annotations

from typing import Any

import pytest

from agent.errors import EnvironmentFailed
from tests.unit.environments.locks.reading import installed_from, texts

A, B = "a" * 64, "b" * 64
PIPFILE = (
    '[[source]]\nname = "pypi"\nurl = "https://pypi.org/simple"\nverify_ssl = true\n'
    '[packages]\nsix = "*"\n'
)


def entry(version: str = "1", **more: Any) -> dict[str, Any]:
    return {"version": f"=={version}", "hashes": [f"sha256:{A}"], **more}


LOCK: dict[str, Any] = {
    "_meta": {"requires": {"python_version": "3.11"}},
    "default": {
        "six": entry("1.16"), "tomli": entry(markers="python_version < '3.11'"),
        "uvicorn": entry(extras=["standard"]),
    },
    "develop": {"pytest": entry("8"), "six": entry("1.17", hashes=[f"sha256:{B}"])},
    "docs": {"sphinx": entry("7")},
}  # fmt: skip


installed = installed_from("Pipfile.lock", "Pipfile", PIPFILE)


def test_both_usual_categories_are_taken_and_the_later_one_counts(installed):
    found, declared = installed(LOCK)
    assert texts(found) == ["pytest==8", "six==1.17", "uvicorn==1"]
    assert {line.name: line.hashes for line in found.lines}["six"] == (f"sha256:{B}",)
    assert declared.python.requires == "==3.11.*"
    assert declared.adds_nothing


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (
            {"git": "https://u:p@example.org/x"},
            "x comes from a git address (https://example.org/x)",
        ),
        ({"path": "../x"}, "outside the repository"),
    ],
)
def test_what_is_not_on_an_index_is_refused_by_name(installed, more, words):
    with pytest.raises(EnvironmentFailed) as caught:
        installed({"default": {"x": more}})
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("lock", "words"),
    [("{", "is not valid JSON"), ({"default": {"six": "1"}}, "the entry of six is not a table")],
)
def test_what_cannot_be_read_is_said(installed, lock, words):
    with pytest.raises(EnvironmentFailed, match="Pipfile.lock") as caught:
        installed(lock)
    assert words in str(caught.value)
