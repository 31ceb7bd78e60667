"""Ground, canary and the sandbox under attack."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.models.sandbox import Sandbox
from agent.settings import Settings
from tests import sandboxes as kinds
from tests.attacks import ground as grounds
from tests.attacks.ground import Ground, Witness
from tests.folders import data_folder


@pytest.fixture(scope="module", params=kinds.BACKENDS)
def backend(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def base(backend: str) -> Iterator[Path]:
    """A data folder for all tests of a module, that the sandboxes' users can enter; one for each kind."""
    with data_folder("attacks") as folder:
        yield folder


@pytest.fixture(scope="module")
def settings(backend: str, base: Path) -> Settings:
    return kinds.settings_for(backend, base)


@pytest.fixture(scope="module")
def sandbox(backend: str, base: Path) -> Sandbox:
    return kinds.open_sandbox(backend, base)


@pytest.fixture
def ground(home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Ground]:
    """A machine to attack; the service of the test has the operator's environment."""
    with grounds.opened(home / "ground") as made:
        for name, value in made.operator.environ.items():
            if name not in ("HOME", "MERGEWRIGHT_CANARY"):
                monkeypatch.setenv(name, value)
        yield made


@pytest.fixture
def witness(sandbox: Sandbox) -> Witness:
    """The sandbox, with what payloads achieved in its sandboxes."""
    return Witness(sandbox)
