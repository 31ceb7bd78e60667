"""Plain vulnerabilities are named, and their harmless twins are left alone by every rule."""

from __future__ import annotations

import pytest

from agent.policy.change_context import ChangeContext
from agent.policy.content import request_values, secrets
from tests.unit.policy import cases, seeds

EVERY = (request_values, secrets)
SEEDS = [pytest.param(seed, id=seed.name) for seed in seeds.INJECTION]


def _findings(path, content, modules):
    made, tree = cases.change({path: content})
    change_context = ChangeContext(made, cases.config(), cases.project("3.11"), tree)
    return [finding for module in modules for finding in module.check_change(change_context)]


@pytest.mark.parametrize("seed", SEEDS)
def test_a_seed_is_caught_and_its_twin_is_not(seed):
    assert _findings(seed.path, seed.bad, [request_values])
    assert _findings(seed.path, seed.good, EVERY) == []
