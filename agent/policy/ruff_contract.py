"""What the contract says to ruff, and what ruff's findings mean for it.

ruff runs in a sandbox with this configuration alone, on the Python files of a change; what it finds
there and not on base becomes a finding of one of `ruff_rules`.
"""

import re
from collections.abc import Collection, Iterator

from agent.models.change import Change, Finding
from agent.models.checks import CheckItem, split_place
from agent.policy import source
from agent.policy.layout import is_test
from agent.policy.ruff_rules import TABLE, RuffRule
from repo_config.schema import RepoConfig

#: The name of the check whose findings these rules weigh.
CHECK = "contract lint"
_BANNED = re.compile(r"`(?P<name>[\w.]+)` is banned: (?P<rule>[\w-]+)")
#: Common in good code, or a matter of style: asserts, texts that are called like passwords, errors
#: that are passed over, random numbers, subprocesses. `secrets` knows passwords by their shapes.
_LEFT_OUT = ("S101", "S105", "S106", "S107", "S110", "S112", "S311", "S404", "S603", "S606", "S607")
#: With these, source could decide how its own tests end, or which migrations seem to be missing.
_TEST_TOOLS = (
    "pytest", "_pytest", "pluggy", "unittest", "django.test", "gc", "ctypes", "sys.modules",
    "sys._getframe", "sys._getframemodulename", "sys._current_frames", "sys.settrace",
    "sys.setprofile", "sys.monitoring", "threading.settrace", "threading.setprofile",
    "inspect.currentframe", "inspect.stack", "inspect.trace", "inspect.getouterframes",
    "traceback.walk_stack", "traceback.extract_stack", "traceback.format_stack",
    "django.db.migrations.autodetector", "django.core.management.commands.makemigrations",
)  # fmt: skip
_VARIABLES = ("os.environ", "os.environb", "os.getenv", "os.getenvb")
#: HTTP clients by the name that `http_client` gives them, and others that are common; rarer ones
#: are new dependencies. Where a module also has what sends nothing, its parts that send are named.
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
#: The same of `background_tasks`.
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
#: Minor versions of Python 3 that ruff knows.
_OLDEST, _NEWEST = 7, 14
_SYNTAX = "invalid-syntax"
_CODES = ",".join(dict.fromkeys(code for row in TABLE for code in row.codes if code != _SYNTAX))


def arguments(python: str | None) -> tuple[str, ...]:
    """Return ruff's options on the command line, but for the bans.

    Args:
        python: The oldest version that the project supports; None: not known.
    """
    minor = re.match(r"3\.(\d+)", python or "")
    target = max(_OLDEST, min(_NEWEST, int(minor[1]))) if minor else _NEWEST
    return (
        "--isolated", "--ignore-noqa", f"--target-version=py3{target}",
        f"--select={_CODES}", f"--ignore={','.join(_LEFT_OUT)}",
    )  # fmt: skip


def make_ban(config: RepoConfig) -> tuple[str, str]:
    """Return what tells ruff the names that may not be brought in, each with the id of its rule."""
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
    disguised: Collection[str],
    packages: Collection[str],
) -> tuple[CheckItem, ...]:
    """Return what rules have to say something about.

    Args:
        disguised: Files that are called as those of tests are, and are none.
        packages: Normalised names of what the environment has.
    """
    after = {file.path: file.after or b"" for file in change.files}

    def is_counted(item: CheckItem) -> bool:
        path, (row, banned) = split_place(item.place)[0], _read_item(item, config)
        # What no Python reads, `python-syntax` says once.
        is_syntax = item.text.startswith(_SYNTAX)
        if row is None or (is_syntax and source.find_problem(after.get(path, b""))):
            return False
        is_exempt = row.exempt(path) and not (path in disguised and row.exempt is is_test)
        is_absent = bool(row.of_packages) and row.of_packages.isdisjoint(packages)
        # The modules of a package may have each other.
        folder = f"{banned.replace('.', '/')}/"
        is_own = row.id == "forbidden-import" and path.startswith((folder, f"src/{folder}"))
        return not (is_exempt or is_absent or is_own)

    return tuple(filter(is_counted, items))


def find_problems(items: tuple[CheckItem, ...], config: RepoConfig) -> Iterator[Finding]:
    """Make findings of what ruff found."""
    for item in items:
        (row, banned), (path, line) = _read_item(item, config), split_place(item.place)
        if row:
            text = f"brings in {banned}" if banned else item.text.rstrip(".")
            yield row.make_finding(path, text, row.fix, line)


def _read_item(item: CheckItem, config: RepoConfig) -> tuple[RuffRule | None, str]:
    """Return the rule that a finding of ruff breaks, and the name that it bans, if it is a ban.

    What ruff cannot read is the last rule's. None: the contract asks for nothing of the kind.
    """
    if banned := _BANNED.match(item.text.partition(": ")[2]):
        return next(row for row in TABLE if row.id == banned["rule"]), banned["name"]
    named = [row for row in TABLE if item.text.startswith(row.codes)]
    return next((row for row in named if row.applies(config)), None if named else TABLE[-1]), ""
