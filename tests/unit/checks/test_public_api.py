"""What users of a library lose by a change, as griffe tells it."""

from __future__ import annotations

import runpy
import sys
from importlib import resources
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from agent.checks import changed_files
from tests.folders import lay_files

SCRIPT = resources.files("agent.checks") / "sandbox_scripts" / "mergewright_api.py"
BEFORE = {
    "src/shop/__init__.py": "from shop.sums import *\n",
    "src/shop/sums.py": (
        "def total(order, tax=0): ...\n\n\ndef _round(): ...\n\n\n"
        "class Base: ...\n\n\nclass Shop(Base):\n    def open(self): ...\n"
    ),
    "src/shop/old.py": "RATE = 1\n",
    "flat/__init__.py": "from flat._own import send\n\n__all__ = ['send']\n",
    "flat/_own.py": "def send(to): ...\n\n\ndef pack(): ...\n",
}
SUMS = BEFORE["src/shop/sums.py"]


def find_losses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, after: dict[str, str | None]):
    earlier, tree, report = tmp_path / "earlier", tmp_path / "tree", tmp_path / "report"
    now = {**BEFORE, **after}
    lay_files(tree, {path: text for path, text in now.items() if text is not None})
    lay_files(earlier, {path: BEFORE.get(path, "") for path in after})
    monkeypatch.chdir(tree)
    monkeypatch.setattr(sys, "argv", ["", str(report), str(earlier), *after])
    with pytest.raises(SystemExit):
        runpy.run_path(str(SCRIPT), run_name="__main__")
    return [line.split("\t")[:3:2] for line in report.read_text().splitlines()]


@pytest.mark.parametrize(
    ("path", "after", "kind"),
    [
        ("src/shop/sums.py", SUMS.replace("tax=0", "tax"), "PARAMETER_CHANGED_REQUIRED"),
        ("src/shop/sums.py", SUMS.replace("def open", "def _open"), "OBJECT_REMOVED"),
        ("flat/_own.py", "def send(): ...\n", "PARAMETER_REMOVED"),
    ],
)
def test_what_is_gone_or_narrower_is_told(tmp_path, monkeypatch, path, after, kind):
    assert find_losses(tmp_path, monkeypatch, {path: after}) == [[path, kind]]


@pytest.mark.parametrize(
    "after",
    [
        SUMS.replace("tax=0", "tax=0, rate=1").replace("def _round(): ...", ""),
        SUMS.replace("class Base: ...", "class Base:\n    def open(self, at=1): ...").replace(
            "def open(self):", "def close(self):"
        ),
        "from shop.old import *\nfrom elsewhere import x\n" + SUMS,
    ],
    ids=["more", "moved to the base", "an alias"],
)
def test_what_callers_can_do_still_is_left_alone(tmp_path, monkeypatch, after):
    assert find_losses(tmp_path, monkeypatch, {"src/shop/sums.py": after}) == []


def test_a_person_compares_with_the_base_commit():
    site: Any = SimpleNamespace(command_prefix=())
    check = changed_files.check_public_api({"src/shop/old.py": b""}, "abc123")
    assert check.command(site) == ("griffe", "check", "--against", "abc123", "shop")
