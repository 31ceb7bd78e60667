"""Configure ruff by the contract, and turn its findings into those of rules.

ruff runs in a sandbox with this configuration alone, on the Python files of a change. What it finds
there and not on base becomes a finding of a rule of `TABLE`. The message for a banned
name is the id of its rule.
"""

import re
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass

from agent.models.change import Change, Finding, Severity
from agent.models.checks import CheckItem, split_place
from agent.policy import source
from agent.policy.layout import is_apart, is_test
from agent.policy.python_modules import is_newer_python
from agent.policy.rule import Rule
from repo_config.schema import ConcurrencySection, RepoConfig

#: ruff's code for a banned name.
BAN = "TID251"


@dataclass(frozen=True, kw_only=True)
class RuffRule(Rule):
    codes: tuple[str, ...] = (BAN,)
    """Codes of ruff, or beginnings of codes. A ban names its rule in its message."""
    fix: str
    exempt: Callable[[str], bool] = is_test
    """Paths that the rule does not apply to."""
    applies: Callable[[RepoConfig], bool] = lambda _: True


TABLE: tuple[RuffRule, ...] = (
    RuffRule(
        "newer-syntax",
        "Changed source, including annotations, works on the oldest supported Python.",
        Severity.BLOCK,
        minimum=Severity.REVIEW,
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
        "Source does not use test tools, and does not ask who calls it.",
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
        "security-lint",
        "Changes add no violations of ruff's security rules (S).",
        Severity.REVIEW,
        codes=("S", "E902"),  # E902: ruff cannot read a file, for example since it is not UTF-8
        fix="Rewrite it, or tell the reviewer why it is safe here.",
    ),
)
RULES: tuple[Rule, ...] = TABLE
#: Name of the check that runs ruff by this configuration.
CHECK = "contract lint"
_BANNED = re.compile(r"`(?P<name>[\w.]+)` is banned: (?P<rule>[\w-]+)")
#: Codes for what good code has, or for style: asserts, texts with names of passwords, ignored
#: errors, random numbers, subprocesses. The rule `secrets` finds passwords by their shapes.
_LEFT_OUT = ("S101", "S105", "S106", "S107", "S110", "S112", "S311", "S404", "S603", "S606", "S607")
#: With these, source could ask whether it is tested.
_TEST_TOOLS = (
    "pytest", "_pytest", "unittest", "django.test", "sys.modules", "sys._getframe",
    "inspect.currentframe", "inspect.stack",
)  # fmt: skip
_VARIABLES = ("os.environ", "os.environb", "os.getenv", "os.getenvb")
#: HTTP clients by their names in `http_client`, and other common ones under ""; rare ones are new
#: dependencies. Of a module that not only sends requests, the names that send are listed.
_CLIENTS: dict[str, tuple[str, ...]] = {
    "requests": ("requests",),
    "httpx": ("httpx", "httpcore"),
    "aiohttp": ("aiohttp.ClientSession", "aiohttp.request", "aiohttp.client"),
    "urllib3": (
        "urllib3.PoolManager", "urllib3.ProxyManager", "urllib3.HTTPConnectionPool",
        "urllib3.HTTPSConnectionPool", "urllib3.poolmanager", "urllib3.connectionpool",
        "urllib3.request",
    ),
    "": (
        "urllib.request.urlopen", "urllib.request.urlretrieve", "urllib.request.build_opener",
        "http.client.HTTPConnection", "http.client.HTTPSConnection", "httplib2", "pycurl",
        "tornado.httpclient", "twisted.web.client",
    ),
}  # fmt: skip
#: Task queues by their names in `background_tasks`, and others.
_TASK_SYSTEMS: dict[str, tuple[str, ...]] = {
    "celery": ("celery",),
    "background-tasks": (
        "fastapi.BackgroundTasks", "fastapi.background", "starlette.background",
    ),
    "rq": ("rq", "django_rq"),
    "dramatiq": ("dramatiq", "django_dramatiq"),
    "": (
        "huey", "arq", "taskiq", "saq", "procrastinate", "django_q", "background_task",
        "django.tasks", "apscheduler", "django_apscheduler",
    ),
}  # fmt: skip
#: Oldest and newest minor version of Python 3 that ruff knows.
_OLDEST, _NEWEST = 7, 14
_SYNTAX = "invalid-syntax"
_CODES = ",".join(dict.fromkeys(code for row in TABLE for code in row.codes if code != _SYNTAX))


def arguments(python: str | None) -> tuple[str, ...]:
    """Return ruff's options on the command line, without the bans.

    Args:
        python: The oldest version that the project supports; None: unknown.
    """
    minor = re.match(r"3\.(\d+)", python or "")
    target = max(_OLDEST, min(_NEWEST, int(minor[1]))) if minor else _NEWEST
    return (
        "--isolated", "--ignore-noqa", f"--target-version=py3{target}",
        f"--select={_CODES}", f"--ignore={','.join(_LEFT_OUT)}",
    )  # fmt: skip


def make_ban(config: RepoConfig) -> tuple[str, str]:
    """Return ruff's option with the banned names, each with the id of its rule."""
    bans = dict.fromkeys(_TEST_TOOLS, "test-tool-in-source")
    bans |= dict.fromkeys(_VARIABLES, "environment-read")
    for allowed, kinds, rule in (
        (config.http_client, _CLIENTS, "http-client"),
        (config.background_tasks, _TASK_SYSTEMS, "background-tasks"),
    ):
        if allowed != "any":
            others = (names for name, names in kinds.items() if name != allowed)
            bans |= {name: rule for names in others for name in names}
    bans |= dict.fromkeys(config.imports.forbid, "forbidden-import")
    names = ", ".join(f'"{name}" = {{msg = "{rule}"}}' for name, rule in bans.items())
    return "--config", f"lint.flake8-tidy-imports.banned-api = {{{names}}}"


def select_items(
    items: tuple[CheckItem, ...],
    change: Change,
    config: RepoConfig,
    disguised: Collection[str] = (),
    python_version: str = "",
) -> tuple[CheckItem, ...]:
    """Return the findings of ruff that count for a rule.

    Args:
        disguised: Product files with names of tests: rules that spare tests apply to them.
        python_version: Version of the environment's Python, such as 3.12.1; "": unknown.
    """
    after = {file.path: file.after or b"" for file in change.files}

    def is_counted(item: CheckItem) -> bool:
        path, (row, banned) = split_place(item.place)[0], _read_item(item, config)
        # The rule `python-syntax` reports it, unless the environment's Python is newer than ours.
        is_syntax = item.text.startswith(_SYNTAX) and not is_newer_python(python_version)
        if row is None or (is_syntax and source.find_problem(after.get(path, b""))):
            return False
        # The modules of a forbidden package may import it themselves.
        folder = f"{banned.replace('.', '/')}/"
        is_own = row.id == "forbidden-import" and path.startswith((folder, f"src/{folder}"))
        is_exempt = row.exempt(path) and not (path in disguised and row.exempt is is_test)
        return not (is_exempt or is_own)

    return tuple(filter(is_counted, items))


def find_problems(items: tuple[CheckItem, ...], config: RepoConfig) -> Iterator[Finding]:
    """Yield the finding of a rule for each finding of ruff."""
    for item in items:
        (row, banned), (path, line) = _read_item(item, config), split_place(item.place)
        if row:
            text = f"brings in {banned}" if banned else item.text.rstrip(".")
            yield row.make_finding(path, text, row.fix, line)


def _read_item(item: CheckItem, config: RepoConfig) -> tuple[RuffRule | None, str]:
    """Return the rule that a finding of ruff breaks, and the banned name, or "".

    A file that ruff cannot read breaks the last rule. None: this repository does not use the rule.
    """
    if banned := _BANNED.match(item.text.partition(": ")[2]):
        return next(row for row in TABLE if row.id == banned["rule"]), banned["name"]
    named = [row for row in TABLE if item.text.startswith(row.codes)]
    return next((row for row in named if row.applies(config)), None if named else TABLE[-1]), ""
