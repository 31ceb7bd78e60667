"""`mergewright doctor`: proves each limit of a sandbox by an attempt to break it; tries models."""

import platform
import shutil
import subprocess
from collections.abc import Callable
from typing import Annotated, Any

import typer

from agent import settings, wiring
from agent.cli import terminal
from agent.errors import AgentError, SandboxLost, SandboxMissing, SettingsInvalid
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
    report = examine(settings.load_settings(), ask_models=models)
    if as_json:
        terminal.print_json(report)
    else:
        _show(report)
    raise typer.Exit(0 if report["sound"] else 1)


def examine(loaded: Settings, *, ask_models: bool = False) -> dict[str, Any]:
    """Collect limits, versions and paths; `sound`: tickets can be processed here."""
    measured = _measure(loaded)
    broken = measured["broken"] and f"not enforced: {', '.join(measured['broken'])}"
    unfit = measured["missing"] or broken
    models = examine_models(loaded, ask=ask_models)
    has_models = any(row["models"] for row in models["roles"])
    usable = "all configured models can be used" if has_models else "none configured, recipes only"
    index = ("", "not tried") if unfit else _try(check_index, loaded)
    needed = (
        ("sandboxes", unfit, "every required limit is enforced"),
        ("git", *_try(check_git, loaded)),
        ("data folder", *_try(check_folder, loaded)),
        ("database", *_try(check_database, loaded)),
        ("package indexes", *index),
        ("signing key", *_try(check_signing, loaded)),
        ("models", " ".join(models["problems"]), usable),
        ("GitHub", *_try(check_github, loaded)),
    )
    return {
        "gone": settings.list_gone(),
        "sound": not any(problem for _, problem, _ in needed),
        "used": loaded.sandbox,
        **measured,
        "needed": [
            {"what": what, "there": not problem, "detail": problem or detail}
            for what, problem, detail in needed
        ],
        "models": models,
    }


def _try(check: Callable[[Settings], str], loaded: Settings) -> tuple[str, str]:
    """Run a check; return its problem and its result, one of them empty."""
    try:
        return "", check(loaded)
    except AgentError as problem:
        return problem.message, ""


def _measure(loaded: Settings) -> dict[str, Any]:
    of_bubblewrap = loaded.sandbox == "bubblewrap"
    missing = bwrap_arguments.explain_lacking_rights() if of_bubblewrap else None
    limits: list[dict[str, Any]] = []
    try:
        if not missing:
            limits = limit_probes.probe_limits(sandboxes.make_sandbox(loaded), loaded)
    except (SandboxMissing, SandboxLost) as problem:
        missing = problem.message
    broken = [line["limit"] for line in limits if line["required"] and not line["enforced"]]
    return {"missing": missing, "broken": broken, "limits": limits}


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
    if settings.find_database(loaded) is None:
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
    if settings.find_database(loaded) is None:
        return "generated in the data folder"
    if settings.read_secret(loaded, "signing_key") is None:
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


def _show(report: dict[str, Any]) -> None:
    terminal.print_wrapped(f"sandbox: {report['used']}")
    for line in report["limits"]:
        no = "NO" if line["required"] else "no, optional"
        enforced = "yes" if line["enforced"] else f"{no}; {line['detail']}"
        terminal.print_wrapped(f"  {line['limit']}: {enforced}", "    ")
    print("models")
    for row in report["models"]["roles"]:
        names = (
            f"{model['name']} (answered in {model['seconds']:.1f} s)"
            if "seconds" in model
            else model["name"]
            for model in row["models"]
        )
        models = ", ".join(names) or "none, recipes only"
        terminal.print_wrapped(f"  {row['role']}: {models}", "    ")
    print("needed")
    for line in report["needed"]:
        there = "yes" if line["there"] else "NO"
        terminal.print_wrapped(f"  {line['what']}: {there}; {line['detail']}", "    ")
    for sentence in report["gone"]:
        terminal.print_wrapped(sentence)
    missing = ", ".join(line["what"] for line in report["needed"] if not line["there"])
    sound = "Ready: this machine can run tickets."
    terminal.print_wrapped(
        f"Missing: {missing}. No ticket can run on this machine." if missing else sound
    )


# --- models -------------------------------------------------------------------------------------


def examine_models(loaded: Settings, *, ask: bool = False) -> dict[str, Any]:
    """Collect each role's models, and the `problems` to fix; `ask` each model for one word."""
    chains = routes.list_chains(loaded)
    names = dict.fromkeys(name for chain in chains.values() for name in chain)
    states = {name: _try_model(name, loaded, ask=ask) for name in names}
    problems = [
        f"{name}: {state['problem']}" for name, state in states.items() if "problem" in state
    ]
    return {
        "roles": [
            {"role": role, "models": [{"name": name} | states.get(name, {}) for name in named]}
            for role, named in chains.items()
        ],
        "problems": problems,
    }


def _try_model(name: str, loaded: Settings, *, ask: bool) -> dict[str, Any]:
    """Return why a model cannot be used, as `problem`; else time and cost of its answer, or {}."""
    try:
        chat = wiring.make_provided_models({"editor": (name,)}, loaded)
    except AgentError as problem:
        return {"problem": problem.message}
    try:
        if missing := chat.explain_missing("editor").removeprefix(f"{name}: "):
            return {"problem": f"{missing}."}
        if not ask:
            return {}
        reply = chat.reply(
            ChatRequest(
                role="editor",
                model=name,
                system="This is a connection test.",
                messages=(UserTurn(text="Answer with one word: ready."),),
                most_tokens=LEAST_TOKENS,
            )
        )
    except ModelFailure as failure:
        return {"problem": f"{failure}. {failure.details}".rstrip()}
    finally:
        chat.close()
    return {"seconds": reply.seconds, "usd": reply.cost_usd}
