"""`mergewright doctor`: proves each limit of a sandbox by an attempt to break it; tries models."""

import platform
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import cache, partial
from typing import Annotated, NamedTuple

import typer

from agent import secret_values, settings, wiring
from agent.cli import terminal
from agent.errors import AgentError, ModelUnusable, SandboxLost, SettingsInvalid
from agent.llm import routes
from agent.llm.model_failure import ModelFailure
from agent.models.chat import LEAST_TOKENS, ChatRequest, UserTurn
from agent.models.sandbox import SANDBOX_OUT, SandboxLimits, SandboxRequest
from agent.sandbox import bwrap_arguments, limit_probes, sandboxes
from agent.settings import Settings
from agent.setup import gateway, package_index
from agent.store import sql_run_store
from agent.telemetry import signature

#: Prints the status of a GET, of a POST, and of a GET from a host that is not allowed.
_ASK = """
import sys, urllib.error, urllib.request
for url, data in ((sys.argv[1], None), (sys.argv[1], b"x"), ("http://example.invalid/", None)):
    try:
        print(urllib.request.urlopen(url, data, timeout=20).status)
    except urllib.error.HTTPError as answer:
        print(answer.code)
    except OSError as problem:
        print(problem)
"""


class Row(NamedTuple):
    """A limit of the sandbox, a requirement, or a model of a role."""

    name: str
    sound: bool
    detail: str
    required: bool = True


def doctor(
    models: Annotated[
        bool,
        typer.Option("--models", help="Also send each model a one-word request (costs a little)."),
    ] = False,
    as_json: terminal.Json = False,
) -> None:
    """Test every sandbox limit by trying to break it, and list what is missing here.

    The kind of sandbox that runs would use is tested: docker or bubblewrap. Exit code 0: ready; 1:
    something is missing, and no ticket can run.
    """
    rows = examine(settings.load_settings(), ask_models=models)
    missing = [row.name for row in rows if row.required and not row.sound]
    if as_json:
        terminal.print_json({"sound": not missing, "rows": [row._asdict() for row in rows]})
        raise typer.Exit(bool(missing))
    for row in rows:
        state = "yes" if row.sound else "NO" if row.required else "no, optional"
        print(f"{row.name}: {state}; {row.detail}")
    words = f"Missing: {', '.join(missing)}. No ticket can run on this machine."
    print(words if missing else "Ready: this machine can run tickets.")
    raise typer.Exit(bool(missing))


def examine(loaded: Settings, *, ask_models: bool = False) -> list[Row]:
    """List the limits of sandboxes, requirements and models, each with its state."""
    rows = list(_probe_sandbox(loaded))
    is_contained = all(row.sound for row in rows if row.required)
    checks: dict[str, Callable[[Settings], str]] = {
        "git": check_git,
        "data folder": check_folder,
        "database": check_database,
        **({"package indexes": check_index} if is_contained else {}),
        "signing key": check_signing,
        "GitHub": check_github,
    }
    rows += [_try(name, partial(check, loaded)) for name, check in checks.items()]
    rows += list_models(loaded, ask=ask_models)
    gone = settings.list_gone().items()
    return [*rows, *(Row(name, False, words, required=False) for name, words in gone)]


def _try(name: str, check: Callable[[], str]) -> Row:
    try:
        return Row(name, True, check())
    except AgentError as problem:
        return Row(name, False, f"{problem.message} {problem.details}".rstrip())


def _probe_sandbox(loaded: Settings) -> Iterator[Row]:
    is_bubblewrap = loaded.sandbox == "bubblewrap"
    if is_bubblewrap and (missing := bwrap_arguments.explain_lacking_rights()):
        yield Row("sandboxes", False, missing)
        return
    try:
        limits = limit_probes.probe_limits(sandboxes.make_sandbox(loaded), loaded)
    except AgentError as problem:
        yield Row("sandboxes", False, problem.message)
        return
    yield Row("sandboxes", True, loaded.sandbox)
    for limit in limits:
        yield Row(limit["limit"], limit["enforced"], limit["detail"], limit["required"])


# --- requirements: each check returns a result, and raises AgentError if there is a problem ------


def check_git(_loaded: Settings) -> str:
    try:
        return subprocess.check_output(["git", "--version"], text=True, timeout=10).strip()
    except (OSError, subprocess.SubprocessError):
        raise SettingsInvalid("not found; on Debian: apt-get install git") from None


def check_folder(loaded: Settings) -> str:
    settings.require_home(loaded.home)
    limit_probes.require_space(loaded.home)
    return f"{loaded.home}, {shutil.disk_usage(loaded.home).free / 1024**3:.1f} GiB free"


def check_database(loaded: Settings) -> str:
    """Connect to the database; an empty one gets its tables."""
    if secret_values.find_database(loaded) is None:
        return "SQLite in the data folder"
    sql_run_store.open_store(loaded).close()
    return "PostgreSQL answers"


def check_index(loaded: Settings) -> str:
    """Read from the default index as set-up does; a POST and another host must be refused."""
    index = package_index.PackageIndex()
    with gateway.open_gateway(loaded, index) as opened:
        order = SandboxRequest(
            argv=("python3", "-I", "-c", _ASK, f"{index.url}pip/"),
            directory=SANDBOX_OUT,
            outlet=opened.outlet,
            limits=SandboxLimits(seconds=60),
        )
        printed = sandboxes.make_sandbox(loaded).run(order).output
    if printed.split() != ["200", "405", "403"]:
        words = f"{printed.strip()!r} for a GET, a POST and another host"
        raise SandboxLost(f"{index.url} returned {words}")
    return "reachable through the gateway, read-only"


def check_signing(loaded: Settings) -> str:
    """Check the signing key, which all workers share."""
    if secret_values.find_database(loaded) is None:
        return "generated in the data folder"
    if secret_values.read_secret(loaded, "signing_key") is None:
        name = settings.variable("signing_key_file")
        raise SettingsInvalid(
            f"worker {platform.node()} has no key. Set the same {name} on all workers."
        )
    return f"public key {signature.name_key(signature.load_key(loaded))}"


def check_github(loaded: Settings) -> str:
    """Ask GitHub which account we use; without credentials, the check is not needed."""
    keys = (loaded.github_private_key, loaded.github_token)
    if loaded.github_app_id is None and not any(keys):
        return "no App or token configured: only ticket files work"
    # Imported here, since only runs on GitHub need its client.
    from agent.github import access

    github = access.connect_to_github(loaded)
    return f"{github.login()} at {github.base_url}"


# --- models -------------------------------------------------------------------------------------


def list_models(loaded: Settings, *, ask: bool = False) -> list[Row]:
    """List the models of each role; `ask` each model for one word."""
    try_model = cache(lambda name: _try(name, partial(_check_model, name, loaded, ask=ask)))
    rows = [
        try_model(name)._replace(name=f"{role} {name}")
        for role, names in routes.list_chains(loaded).items()
        for name in names
    ]
    return rows or [Row("models", True, "none configured, recipes only")]


def _check_model(name: str, loaded: Settings, *, ask: bool) -> str:
    with closing(wiring.make_provided_models({"editor": (name,)}, loaded)) as chat:
        if missing := chat.explain_missing("editor").removeprefix(f"{name}: "):
            raise ModelUnusable(f"{missing}.")
        if not ask:
            return "configured; --models asks it"
        request = ChatRequest(
            role="editor",
            model=name,
            system="This is a connection test.",
            messages=(UserTurn(text="Answer with one word: ready."),),
            most_tokens=LEAST_TOKENS,
        )
        try:
            reply = chat.reply(request)
        except ModelFailure as failure:
            raise ModelUnusable(f"{failure}. {failure.details}".rstrip()) from failure
    return f"answered in {reply.seconds:.1f} s"
