"""Rules that ruff checks: each with its codes, its weight, and where it does not apply.

A ban of a name carries the id of its rule as its message. What is banned is said by the contract
(`ruff_contract`); how ruff is run is left to `agent.checks.changed_files`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from agent.models.change import Severity
from agent.policy.layout import is_apart, is_test
from agent.policy.rule import Rule
from repo_config.schema import ConcurrencySection, RepoConfig

#: ruff's code for a name that may not be used.
BAN = "TID251"


@dataclass(frozen=True, kw_only=True)
class RuffRule(Rule):
    """A rule that ruff finds broken."""

    codes: tuple[str, ...]
    """Of ruff, or the beginning of several; a ban names its rule itself."""
    fix: str
    exempt: Callable[[str], bool] = is_test
    """Paths that the rule does not apply to."""
    applies: Callable[[RepoConfig], bool] = lambda _: True
    of_packages: frozenset[str] = frozenset()
    """It applies where one of these is installed; empty: everywhere."""


def _applies_nowhere(_: str) -> bool:
    return False


TABLE: tuple[RuffRule, ...] = (
    RuffRule(
        id="newer-syntax",
        demands="Changed source parses on the oldest Python that the project supports, and its "
        "annotations can be evaluated there.",
        severity=Severity.BLOCK,
        floor=Severity.REVIEW,
        codes=("invalid-syntax", "FA102"),
        fix="Write what that Python reads, or raise the declared version first.",
    ),
    RuffRule(
        id="http-client",
        demands="No file brings in an HTTP client other than `http_client`.",
        severity=Severity.BLOCK,
        codes=(BAN,),
        fix="Use the client that http_client names, or change that in the configuration first.",
        exempt=_applies_nowhere,
    ),
    RuffRule(
        id="http-timeout",
        demands="No request may wait for ever.",
        severity=Severity.REVIEW,
        codes=("S113",),
        fix="Give it a timeout, in seconds.",
        exempt=is_apart,
    ),
    RuffRule(
        id="background-tasks",
        demands="No file brings in a system for background tasks other than `background_tasks`.",
        severity=Severity.BLOCK,
        codes=(BAN,),
        fix="Use what background_tasks names, or change that in the configuration first.",
        exempt=_applies_nowhere,
    ),
    RuffRule(
        id="forbidden-import",
        demands="No file brings in what `imports.forbid` names.",
        severity=Severity.BLOCK,
        codes=(BAN,),
        fix="Do without it, or take it out of imports.forbid first.",
        exempt=_applies_nowhere,
    ),
    RuffRule(
        id="blocking-call",
        demands="Where `concurrency` is set, async functions neither sleep, nor ask a person or "
        "another host, by a sync call.",
        severity=Severity.BLOCK,
        codes=("ASYNC210", "ASYNC212", "ASYNC250", "ASYNC251"),
        fix="Await an async way to do it, or hand the call to asyncio.to_thread.",
        exempt=is_apart,
        applies=lambda config: config.concurrency != ConcurrencySection(),
    ),
    RuffRule(
        id="test-tool-in-source",
        demands="Source has nothing to do with the tools that test it, nor with the "
        "interpreter's insides.",
        severity=Severity.REVIEW,
        codes=(BAN,),
        fix="See that no test ends otherwise because of it.",
    ),
    RuffRule(
        id="checker-in-code",
        demands="Nothing of a change reaches for the scripts that run its checks.",
        severity=Severity.BLOCK,
        floor=Severity.BLOCK,
        codes=(BAN,),
        fix="Take it out: a change has no part in how it is judged.",
        exempt=_applies_nowhere,
    ),
    RuffRule(
        id="data-code",
        demands="Code on data frames and arrays is written as pandas and NumPy advise.",
        severity=Severity.INFO,
        codes=("PD", "NPY", "PERF"),
        fix="Write it so, or leave it where it reads better as it is.",
        exempt=is_apart,
        of_packages=frozenset({"pandas", "numpy"}),
    ),
    RuffRule(
        id="hardcoded-password",
        demands="What is called a password, a secret or a token has no value in the code.",
        severity=Severity.INFO,
        codes=("S105", "S106", "S107"),
        fix="Read it from the environment or a secret store, without a value to fall back to.",
        exempt=is_apart,
    ),
    RuffRule(
        id="security-lint",
        demands="A change brings in nothing that ruff's security rules (S) object to.",
        severity=Severity.REVIEW,
        codes=("S", "E902"),  # the latter: what is not in UTF-8, which ruff does not read
        fix="Write it so that the tool does not object, or tell the reviewer why it is safe here.",
    ),
)
RULES: tuple[Rule, ...] = TABLE
