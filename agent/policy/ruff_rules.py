"""Rules that ruff checks: each with its codes, its weight, and where it does not apply.

A ban of a name carries the id of its rule as its message. What is banned is said by the contract
(`ruff_contract`); how ruff is run is left to `agent.checks.changed_files`.
"""

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
    codes: tuple[str, ...] = (BAN,)
    """Ruff's code, or the beginning of several; a ban names its rule itself."""
    fix: str
    exempt: Callable[[str], bool] = is_test
    """Paths that the rule does not apply to."""
    applies: Callable[[RepoConfig], bool] = lambda _: True
    of_packages: frozenset[str] = frozenset()
    """It applies where one of these is installed; empty: everywhere."""


TABLE: tuple[RuffRule, ...] = (
    RuffRule(
        "newer-syntax",
        "Changed source, including annotations, works on the oldest supported Python.",
        Severity.BLOCK,
        floor=Severity.REVIEW,
        codes=("invalid-syntax", "FA102"),
        fix="Use syntax of that version, or raise the declared version first.",
    ),
    RuffRule(
        "http-client",
        "No HTTP client is imported other than `http_client`.",
        Severity.BLOCK,
        fix="Use the client named in http_client, or change http_client first.",
        exempt=lambda _: False,
    ),
    RuffRule(
        "http-timeout",
        "Every HTTP request has a timeout.",
        Severity.REVIEW,
        codes=("S113",),
        fix="Pass a timeout in seconds.",
        exempt=is_apart,
    ),
    RuffRule(
        "background-tasks",
        "No task queue is imported other than `background_tasks`.",
        Severity.BLOCK,
        fix="Use the one named in background_tasks, or change background_tasks first.",
        exempt=lambda _: False,
    ),
    RuffRule(
        "forbidden-import",
        "Nothing in `imports.forbid` is imported.",
        Severity.BLOCK,
        fix="Do without it, or remove it from imports.forbid first.",
        exempt=lambda _: False,
    ),
    RuffRule(
        "blocking-call",
        "Where `concurrency` is set, async functions make no blocking calls (sleep,"
        " input, network).",
        Severity.BLOCK,
        codes=("ASYNC210", "ASYNC212", "ASYNC250", "ASYNC251"),
        fix="Await an async equivalent, or use asyncio.to_thread.",
        exempt=is_apart,
        applies=lambda config: config.concurrency != ConcurrencySection(),
    ),
    RuffRule(
        "test-tool-in-source",
        "Source does not use test tools or interpreter internals.",
        Severity.REVIEW,
        fix="Check that it does not influence test results.",
    ),
    RuffRule(
        "environment-read",
        "Source that begins to read environment variables is listed.",
        Severity.INFO,
        fix="Check what the code does where they are set: the checks run without new ones.",
    ),
    RuffRule(
        "data-code",
        "Data frame and array code follows pandas' and NumPy's advice.",
        Severity.INFO,
        codes=("PD", "NPY", "PERF"),
        fix="Follow the advice, or keep it if it reads better as it is.",
        exempt=is_apart,
        of_packages=frozenset({"pandas", "numpy"}),
    ),
    RuffRule(
        "security-lint",
        "Changes add no violations of ruff's security rules (S).",
        Severity.REVIEW,
        codes=("S", "E902"),  # the latter: what is not in UTF-8, which ruff does not read
        fix="Rewrite it, or tell the reviewer why it is safe here.",
    ),
)
RULES: tuple[Rule, ...] = TABLE
