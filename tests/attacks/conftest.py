"""Ground, canary and the sandbox under attack."""

import pytest

from tests import sandboxes as kinds
from tests.attacks import ground as grounds
from tests.attacks.ground import Witness
from tests.folders import data_folder


@pytest.fixture(scope="module", params=kinds.BACKENDS)
def backend(request):
    return str(request.param)


@pytest.fixture(scope="module")
def base(backend):
    """A data folder for all tests of a module, that the sandboxes' users can enter; one for each kind."""
    with data_folder("attacks") as folder:
        yield folder


@pytest.fixture(scope="module")
def settings(backend, base):
    return kinds.settings_for(backend, base)


@pytest.fixture(scope="module")
def sandbox(backend, base):
    return kinds.open_sandbox(backend, base)


@pytest.fixture
def ground(home, monkeypatch):
    """A machine to attack; the service of the test has the operator's environment."""
    with grounds.opened(home / "ground") as made:
        for name, value in made.operator.environ.items():
            if name not in ("HOME", "MERGEWRIGHT_CANARY"):
                monkeypatch.setenv(name, value)
        yield made


@pytest.fixture
def witness(sandbox):
    """The sandbox, with what payloads achieved in its sandboxes."""
    return Witness(sandbox)
