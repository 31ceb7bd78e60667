"""Plain vulnerabilities are named, and their harmless twins are left alone by every rule."""

from __future__ import annotations

import pytest

from agent.policy.content import secrets
from agent.policy.proposal import Proposal
from agent.policy.security import hard_coded_secrets, injection
from tests.unit.policy import cases, seeds

EVERY = (hard_coded_secrets, injection, secrets)
SEEDS = [
    pytest.param(modules, seed, id=seed.name)
    for modules, several in (
        ([injection], seeds.INJECTION),
        ([hard_coded_secrets, secrets], seeds.HARD_CODED_SECRETS),
    )
    for seed in several
]


def _findings(path, content, modules):
    made, tree = cases.change({path: content})
    proposal = Proposal(made, cases.config(), cases.project("3.11"), tree)
    return [finding for module in modules for finding in module.check(proposal)]


@pytest.mark.parametrize(("modules", "seed"), SEEDS)
def test_a_seed_is_caught_and_its_twin_is_not(modules, seed):
    assert _findings(seed.path, seed.bad, modules)
    assert _findings(seed.path, seed.good, EVERY) == []
