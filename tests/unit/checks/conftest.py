"""Scripts that run in the sandboxes of the checks, imported here."""

import importlib
import sys
from importlib import resources
from types import ModuleType

import pytest


@pytest.fixture
def script(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """Import the script that a module of tests names as its `SCRIPT`, anew: it keeps what it reads."""
    monkeypatch.delitem(sys.modules, request.module.SCRIPT, raising=False)
    monkeypatch.syspath_prepend(str(resources.files("agent.checks") / "sandbox_scripts"))
    return importlib.import_module(request.module.SCRIPT)
