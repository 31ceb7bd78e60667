"""A repository names the models it wants, of those that the operator allows."""

from __future__ import annotations

import pytest

from agent.errors import ConfigInvalid
from agent.stages import checkout
from agent.testing import FakeCodeHost
from tests.unit.stages import code_host_runs as runs

CONFIG = "version: 1\nmodels: {editor: openai:large}\n"


def contract(tmp_path, home, **settings):
    base = runs.prepared(tmp_path / "app", home, {".github/mergewright.yml": CONFIG})
    svc, _ = runs.services(home, FakeCodeHost(runs.TICKET), **settings)
    return checkout.read_contract(base.run, base.checkout, svc)


def test_another_one_is_a_mistake_in_the_configuration(tmp_path, home):
    with pytest.raises(ConfigInvalid) as raised:
        contract(tmp_path, home, model=("openai:small",))
    for named in ("mergewright.yml", "models.editor", "openai:large", "MERGEWRIGHT_MODEL_ALLOW"):
        assert named in raised.value.message
