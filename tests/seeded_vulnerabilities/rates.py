"""How many seeded vulnerabilities the rules find, and how many of their harmless twins."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from agent.domain import Finding, Severity
from agent.policy.content import secrets
from agent.policy.proposal import Proposal
from agent.policy.rule import RuleModule
from agent.policy.security import (
    command_injection,
    deserialisation,
    hard_coded_secrets,
    path_traversal,
    sql_injection,
)
from tests.unit.policy import cases
from tests.unit.policy.seeded import command_injection as commands
from tests.unit.policy.seeded import deserialisation as data
from tests.unit.policy.seeded import hard_coded_secrets as hard_coded
from tests.unit.policy.seeded import held_out
from tests.unit.policy.seeded import path_traversal as traversal
from tests.unit.policy.seeded import sql_injection as sql
from tests.unit.policy.seeded.seed import Seed

#: Each class of fault: the module that knows it, and its seeds.
CLASSES: Mapping[str, tuple[RuleModule, tuple[Seed, ...]]] = {
    "SQL injection": (sql_injection, sql.SEEDS),
    "hard-coded secrets": (hard_coded_secrets, hard_coded.SEEDS),
    "deserialisation": (deserialisation, data.SEEDS),
    "path traversal": (path_traversal, traversal.SEEDS),
    "command injection": (command_injection, commands.SEEDS),
}
HELD_OUT: Mapping[str, tuple[RuleModule, tuple[Seed, ...]]] = {
    "SQL injection": (sql_injection, held_out.SQL_INJECTION),
    "hard-coded secrets": (hard_coded_secrets, held_out.HARD_CODED_SECRETS),
    "deserialisation": (deserialisation, held_out.DESERIALISATION),
    "path traversal": (path_traversal, held_out.PATH_TRAVERSAL),
    "command injection": (command_injection, held_out.COMMAND_INJECTION),
}


@dataclass(frozen=True)
class Tried:
    """What the rules say of a seed and of its twin."""

    seed: Seed
    bad: tuple[Finding, ...]
    """Of the class of the seed alone."""
    good: tuple[Finding, ...]
    """Of all rules on security: a twin is to be left alone by every one."""

    @property
    def is_caught(self) -> bool:
        """Whether the fault is named at all, so that nothing opens without a look."""
        return bool(self.bad)

    @property
    def is_blocked(self) -> bool:
        """Whether it is refused."""
        return _blocks(self.bad)

    @property
    def is_alarm(self) -> bool:
        """Whether the twin is named at all."""
        return bool(self.good)

    @property
    def is_refused_twin(self) -> bool:
        """Whether the twin is refused."""
        return _blocks(self.good)


def tried(module: RuleModule, seeds: Iterable[Seed]) -> list[Tried]:
    """Hold each seed and its twin against the rules, as a change that adds the file."""
    both = (module, secrets) if module is hard_coded_secrets else (module,)
    every = [known for known, _ in CLASSES.values()]
    return [
        Tried(
            seed,
            _findings(seed.path, seed.bad, both),
            _findings(seed.path, seed.good, [*every, secrets]),
        )
        for seed in seeds
    ]


def _findings(path: str, content: str, modules: Iterable[RuleModule]) -> tuple[Finding, ...]:
    made, tree = cases.change({path: content})
    proposal = Proposal(made, cases.config(), cases.project("3.11"), tree)
    return tuple(finding for module in modules for finding in module.check(proposal))


def _blocks(several: tuple[Finding, ...]) -> bool:
    return any(finding.severity is Severity.BLOCK for finding in several)
