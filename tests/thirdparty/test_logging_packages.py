"""Whole runs on released packages that print in library code: the same tests, the same outcomes."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from tests.flow.stories import Repository
from tests.thirdparty import bare
from tests.thirdparty.carried import Package

pytestmark = pytest.mark.thirdparty


def test_every_test_ends_as_it_did_bare(package: Package) -> None:
    base, head = (bare.by_product(package.reports[side]) for side in ("base", "head"))
    assert base == package.outcomes
    assert head == base
    assert package.ended.result["reason"] == "ready"


def test_exactly_the_files_that_print_are_touched(package: Package) -> None:
    changed = {path: file.status for path, file in package.files.items()}
    assert changed == dict.fromkeys(package.known.touched, "M")


def test_no_line_changes_besides_prints_imports_and_the_logger(package: Package) -> None:
    shown = Repository(package.checkout).git("diff", "--unified=0", "HEAD~1..HEAD")
    gone = re.findall(r"(?m)^-(?!--)(.*)$", shown)
    new = re.findall(r"(?m)^\+(?!\+\+)(.*)$", shown)
    assert gone
    assert all(re.match(r"\s*print\(|import (?:sys|traceback)$|\s*$", line) for line in gone)
    added = r"\s*\w+\.(?:debug|info|warning|error|exception)\(|import logging$|\w+ = logging\.|\s*$"
    assert all(re.match(added, line) for line in new)


def test_no_print_is_left_but_those_that_are_said(package: Package) -> None:
    found: dict[str, int] = {}
    for path in sorted(package.checkout.rglob("*.py")):
        relative = str(path.relative_to(package.checkout))
        if count := _prints(path) if relative.partition("/")[0] not in ("tests", "test") else 0:
            found[relative] = count
    assert found == package.known.stays
    said = re.sub(r"[`\\]", "", package.ended.text)
    for words in package.known.told:
        assert words in said


def test_the_messages_say_what_was_printed(package: Package) -> None:
    """Every text of a print of base is still there, in a call of a logger."""
    repository = Repository(package.checkout)
    for path in package.known.touched:
        before = ast.parse(repository.git("show", f"HEAD~1:{path}"))
        after = ast.parse((package.checkout / path).read_text())
        logged = {text for call in _calls(after, logger=True) for text in _texts(call)}
        for call in _calls(before, logger=False):
            for text in _texts(call):
                words = re.findall(r"\w{3,}", text)
                assert any(all(word in one for word in words) for one in logged), text


def _prints(path: Path) -> int:
    return len(_calls(ast.parse(path.read_bytes()), logger=False))


def _calls(module: ast.Module, *, logger: bool) -> list[ast.Call]:
    found = []
    for node in ast.walk(module):
        if isinstance(node, ast.Call):
            is_print = isinstance(node.func, ast.Name) and node.func.id == "print"
            is_log = isinstance(node.func, ast.Attribute) and node.func.attr in (
                "debug", "info", "warning", "error", "exception",
            )  # fmt: skip
            if is_log if logger else is_print:
                found.append(node)
    return found


def _texts(call: ast.Call) -> list[str]:
    return [
        node.value
        for node in ast.walk(call)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    ]
