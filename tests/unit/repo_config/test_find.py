"""The configuration stands in one place, and its bytes are text."""

import pytest

from repo_config import load

TABLE = "[tool.mergewright]\nframework = 'flask'\n"


def refusal(files) -> str:
    with pytest.raises(load.ConfigProblem) as caught:
        load.from_tree(files)
    return str(caught.value)


def test_two_places_are_refused_and_both_are_named(tree):
    for table in (TABLE, "tool.mergewright = {}"):
        said = refusal(tree({".github/mergewright.yml": "", "pyproject.toml": table}))
        assert said.startswith("pyproject.toml:1: ")
        assert ".github/mergewright.yml and pyproject.toml; only one place" in said


def test_a_file_that_is_named_must_be_there(tree):
    text = "django:\n  manage: mange.py\n"
    files = tree({".github/mergewright.yml": text, "manage.py": ""})
    assert refusal(files).startswith(".github/mergewright.yml:2: django.manage: not in the rep")


def test_a_file_that_is_not_utf8_is_refused_at_the_byte(tree):
    assert ".github/mergewright.yml:2: not UTF-8: byte 0xe9" in refusal(
        tree({".github/mergewright.yml": "env:\n  ä: é".encode() + b"\xe9\n"})
    )
    assert "pyproject.toml:4: not UTF-8: byte 0xff" in refusal(
        tree({"pyproject.toml": TABLE.encode() + b"\nx = '\xff'"})
    )
