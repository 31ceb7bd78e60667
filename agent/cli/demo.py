"""`mergewright demo` and `mergewright simulator`: a simulated GitHub, played with or tried out."""

from __future__ import annotations

import re
import shlex
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated
from urllib.parse import urlsplit

import typer
from rich.console import Console
from rich.markup import escape
from rich.rule import Rule

from agent import settings
from agent.cli import terminal
from agent.dashboard import sign_in_links
from agent.text import sanitise

if TYPE_CHECKING:
    from agent.demo.play import Play
    from agent.demo.simulator.records import Issue
    from agent.demo.simulator.world import World
    from agent.models.outcome import StoredRun

_LONGEST_SECONDS = 1800.0
_LAST_LINES = 20


def demo(
    scenario: Annotated[
        str, typer.Option("--scenario", help="Which one to play; `list` shows them all.")
    ] = "add-field",
    keep: Annotated[
        bool, typer.Option("--keep", help="Leave everything running to look around, until Ctrl-C.")
    ] = False,
) -> None:
    """Play the whole job: a label on an issue, and the pull request that comes of it.

    GitHub is simulated on this machine; the service, the sandbox, the checks and git are real. Exit
    code 0: it ended as the scenario should; 1: it did not.
    """
    from agent.demo import play
    from agent.demo.scenarios import SCENARIOS

    if scenario == "list":
        for one in SCENARIOS.values():
            print(f"{one.name:<14} {one.sentence}")
        return
    if scenario not in SCENARIOS:
        raise typer.BadParameter(
            f"there is no scenario {scenario!r}; there are {', '.join(SCENARIOS)}",
            param_hint="--scenario",
        )
    terminal.print_aside("Starting a simulated GitHub and the service…", style="dim")
    with (
        _make_scratch() as folder,
        play.playing(SCENARIOS[scenario], settings.load_settings(), folder) as played,
    ):
        out, aside = Console(), Console(stderr=True)
        is_as_told = _play(played, out)
        if not is_as_told:
            _explain(played, aside)
        if keep:
            _linger(played, aside)
        else:
            out.print(
                "GitHub, service and dashboard end here. `mergewright demo --keep` leaves them up"
                " and prints their addresses."
            )
    raise typer.Exit(0 if is_as_told else 1)


@contextmanager
def _make_scratch() -> Iterator[Path]:
    """Make a folder that is gone afterwards, also where a signal ends the command."""

    def end(number: int, _frame: FrameType | None) -> None:
        raise SystemExit(128 + number)

    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, end)
    with tempfile.TemporaryDirectory(
        prefix="mergewright-demo-", ignore_cleanup_errors=True
    ) as name:
        yield Path(name)


def _play(played: Play, out: Console) -> bool:
    """Play to the end and show what came of it; return whether it ended as it should."""
    from rich.markdown import Markdown

    out.print(Rule(f"issue {played.issue_url}"))
    _print_plain(out, played.issue.title, style="bold")
    _print_plain(out, played.issue.body or "")
    out.print(Rule("run"))
    begun = time.monotonic()
    played.label()
    run = _follow(played, out, begun)
    seconds = time.monotonic() - begun
    for comment in played.issue.comments:
        edited = ", edited" if comment.updated > comment.created else ""
        out.print(Rule(escape(f"comment of {comment.author.login}{edited}")))
        out.print(Markdown(_fold(comment.body)))
    if pull := played.pull():
        _show_pull(played, pull, out)
    out.print(Rule("result"))
    outcome = run.outcome if run else None
    if outcome is None:
        out.print(f"no end within {_LONGEST_SECONDS / 60:.0f} minutes", style="red")
    else:
        _print_plain(out, f"{outcome.state.value} ({outcome.reason.value}): {outcome.sentence}")
    calls = outcome.code_host_calls if outcome else None
    asked = "" if calls is None else f", with {calls} requests to GitHub by the run"
    out.print(f"from the label to the end: {seconds:.1f} s{asked}", highlight=False)
    return outcome is not None and outcome.reason is played.scenario.ends


def _follow(played: Play, out: Console, begun: float) -> StoredRun | None:
    """Show the steps as they end; return the run."""
    shown: set[str] = set()
    while time.monotonic() - begun < _LONGEST_SECONDS:
        run = played.run()
        for name, seconds in (played.seconds(run) if run else {}).items():
            if name not in shown and seconds >= terminal.QUIET_SECONDS:
                out.print(f"[green]ok[/]  {name:<14} {seconds:7.1f} s", highlight=False)
            shown.add(name)
        if run and not run.active:
            return run
        time.sleep(0.05)
    return played.run()


def _show_pull(played: Play, pull: Issue, out: Console) -> None:
    from rich.markdown import Markdown
    from rich.syntax import Syntax

    from agent.demo.simulator import git_store

    address = f"{played.stage.address}/{played.repository.full_name}/pull/{pull.number}"
    out.print(Rule(f"pull request {address}"))
    _print_plain(out, pull.title, style="bold")
    out.print(Markdown(_fold(pull.body or "")))
    if pull.pull is None:
        return
    out.print(Rule(escape(f"branch {pull.pull.head_ref}")))
    log = git_store.text(
        played.repository.git_dir,
        *("log", "-p", "--reverse", "--first-parent", "--format=%n%an <%ae>%n%n%B"),
        f"refs/heads/{pull.pull.base_ref}..refs/heads/{pull.pull.head_ref}",
    )
    patch = sanitise.strip_terminal_codes(log)
    out.print(Syntax(patch, "diff", background_color="default", word_wrap=True))


def _explain(played: Play, out: Console) -> None:
    """Say what should have come, and what the service printed last."""
    scenario = played.scenario
    expected = f"{scenario.name} should end as {scenario.ends.value}"
    out.print(f"\nThis is not as it should be: {expected}.", style="red")
    lines = played.stage.service.log.read_text(errors="replace").splitlines()
    _print_plain(out, "\n".join(("The last lines of the service:", *lines[-_LAST_LINES:])))


def _linger(played: Play, out: Console) -> None:
    run = played.run()
    pull = run.outcome.pull_request if run and run.outcome else None
    places = (
        (
            "the dashboard, to sign in",
            sign_in_links.create_sign_in_link(played.stage.home, played.stage.dashboard),
        ),
        ("the simulated GitHub", played.stage.address),
        ("the issue", played.issue_url),
        ("the pull request", pull.url if pull else ""),
        ("the run's page", played.run_page(run) if run else ""),
        ("what the service printed", str(played.stage.service.log)),
    )
    out.print(Rule("still running; Ctrl-C ends it"))
    for what, address in places:
        if address:
            out.print(f"{what:<26} {address}", highlight=False, soft_wrap=True)
    try:
        while True:
            time.sleep(3600)
    except KeyboardInterrupt:
        out.print("ended")


def _print_plain(out: Console, text: str, style: str | None = None) -> None:
    """Print foreign words as they are, with nothing in them that a terminal would obey."""
    plain = sanitise.strip_terminal_codes(text)
    out.print(plain, style=style, markup=False, highlight=False, soft_wrap=True)


def _fold(text: str) -> str:
    """Show collapsed parts the way a page would, by their title; leave markers of ours out."""
    details = r"<details><summary>(.*?)</summary>.*?\n</details>"
    shown = re.sub(details, r"*(folded: \1)*", text, flags=re.DOTALL)
    return sanitise.strip_terminal_codes(re.sub(r"<!--.*?-->", "", shown, flags=re.DOTALL))


# --- the simulator alone ------------------------------------------------------------------------


def simulator(
    port: Annotated[
        int,
        typer.Option("--port", help="Where to listen; 0 takes any free port.", min=0, max=65535),
    ],
    listener: Annotated[
        str,
        typer.Option(
            "--listener",
            help="Address of the service's listener, which deliveries go to.",
            metavar="URL",
        ),
    ] = "http://127.0.0.1:8080",
) -> None:
    """Serve a simulated GitHub until Ctrl-C.

    It has the repository of the demo, its people, and our App with a key. The first lines say what
    to look at and which settings let `mergewright serve` work for it; after that, label an issue on
    its page. Nothing is kept: the next start begins anew.
    """
    from agent.demo.simulator import serving
    from agent.demo.simulator.world import World

    terminal.print_aside("Starting the simulator…", style="dim")
    ended = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: ended.set())
    with tempfile.TemporaryDirectory(prefix="mergewright-simulator-") as scratch:
        world = World(Path(scratch) / "git")
        try:
            with serving.running(world, port) as address:
                given = _furnish(world, listener.rstrip("/"), Path(scratch))
                _show_simulator(address, given)
                ended.wait()
        except OSError as problem:
            raise typer.BadParameter(
                f"cannot listen on port {port}: {problem.strerror or problem}",
                param_hint="--port",
            ) from problem


def _furnish(world: World, listener: str, folder: Path) -> dict[str, str]:
    """Lay out what the demo begins with; return the settings of a service that works for it."""
    from agent.demo import play
    from agent.demo.scenarios import SCENARIOS
    from agent.demo.simulator import actions

    app, given = play.people_and_app(world, listener, folder)
    repository = play.sample_repository(world, folder / "sample")
    scenario, author = SCENARIOS["add-field"], world.user(play.REPORTER)
    actions.open_issue(repository, author, scenario.title, scenario.body, [])
    world.install(app, play.OWNER)
    # Delivered to nobody so far: the service may not be there yet.
    world.hooks.log.clear()
    # Sandboxes reach their trees in it as another user.
    folder.chmod(0o711)
    return {
        "MERGEWRIGHT_HOME": str(folder / "home"),
        **given,
        "MERGEWRIGHT_LISTEN_PORT": str(urlsplit(listener).port or 80),
        "MERGEWRIGHT_PUBLIC_URL": listener,
        "MERGEWRIGHT_DASHBOARD_URL": "http://127.0.0.1:8081",
    }


def _show_simulator(address: str, given: dict[str, str]) -> None:
    from agent.demo import play

    issue = f"{address}/{play.REPOSITORY}/issues/1"
    exports = "\n".join(f"  export {name}={shlex.quote(value)}" for name, value in given.items())
    print(
        f"""The issue: {issue}

The service, in another terminal:

{exports}
  {sys.argv[0]} serve

Then open the issue, choose {play.MAINTAINER}, set the label {play.LABEL}, and reload the
page as the work goes on. Review and merge the pull request on its page. Then,
with the same exports: {sys.argv[0]} stats

Ctrl-C ends it; nothing is kept.""",
        flush=True,
    )
