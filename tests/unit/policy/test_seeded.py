"""Plain vulnerabilities are named, and their harmless twins are left alone by every rule."""

from __future__ import annotations

import pytest

from agent.policy.content import secrets
from agent.policy.proposal import Proposal
from agent.policy.security import (
    command_injection,
    deserialisation,
    hard_coded_secrets,
    path_traversal,
    sql_injection,
)
from tests.unit.policy import cases, seeds

EVERY = (
    command_injection,
    deserialisation,
    hard_coded_secrets,
    path_traversal,
    secrets,
    sql_injection,
)
SEEDS = [
    pytest.param(modules, seed, id=seed.name)
    for modules, several in (
        ([sql_injection], seeds.SQL_INJECTION),
        ([command_injection], seeds.COMMAND_INJECTION),
        ([deserialisation], seeds.DESERIALISATION),
        ([path_traversal], seeds.PATH_TRAVERSAL),
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
