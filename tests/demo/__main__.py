"""`make demo`: the whole job is played on a simulated GitHub."""

from __future__ import annotations

import re
import signal
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Annotated

import typer
from rich.console import Console
from rich.markdown import Markdown
from rich.markup import escape
from rich.rule import Rule
from rich.syntax import Syntax

from agent import settings
from agent.cli import terminal
from agent.dashboard import sign_in_links
from agent.models.outcome import StoredRun
from agent.text import sanitise
from tests.demo import play
from tests.demo.play import Play
from tests.demo.scenarios import SCENARIOS
from tests.simulator import git_store
from tests.simulator.records import Issue

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
                "GitHub, service and dashboard end here. `make demo ARGS=--keep` leaves them up and"
                " prints their addresses."
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
    out.print(Rule(f"issue {played.issue_url}"))
    _print_plain(out, played.issue.title, style="bold")
    _print_plain(out, played.issue.body or "")
    out.print(Rule("run"))
    begun = time.monotonic()
    played.label()
    run = follow(played, out, begun)
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
    calls = outcome.figures.code_host_calls if outcome else None
    asked = "" if calls is None else f", with {calls} requests to GitHub by the run"
    out.print(f"from the label to the end: {seconds:.1f} s{asked}", highlight=False)
    return outcome is not None and outcome.reason is played.scenario.ends


def follow(played: Play, out: Console, begun: float) -> StoredRun | None:
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


if __name__ == "__main__":
    typer.run(demo)
