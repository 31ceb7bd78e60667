"""`mergewright demo`: label an issue in a simulated GitHub, and watch the pull request come."""

from __future__ import annotations

import re
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from types import FrameType
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.rule import Rule

from agent import settings
from agent.cli import terminal
from agent.cli.terminal import QUIET_SECONDS
from agent.dashboard import links
from agent.text import sanitise

if TYPE_CHECKING:
    from agent.demo.play import Play
    from agent.demo.simulator.records import Issue
    from agent.models.outcome import StoredRun

_LONGEST_SECONDS = 1800.0
_LAST_WORDS = 20


def demo(
    scenario: Annotated[
        str, typer.Option("--scenario", help="Which one to play; `list` shows them all.")
    ] = "add-field",
    keep: Annotated[
        bool, typer.Option("--keep", help="Leave everything running to look around, until Ctrl-C.")
    ] = False,
    as_json: terminal.Json = False,
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
        _scratch() as folder,
        play.playing(SCENARIOS[scenario], settings.load_settings(), folder) as played,
    ):
        out, aside = Console(quiet=as_json), Console(stderr=True)
        as_told = _show(played, out, as_json=as_json)
        if not as_told:
            _explain(played, aside)
        if keep:
            _linger(played, aside)
        else:
            out.print("GitHub and service end here; --keep leaves them up to look around.")
    raise typer.Exit(0 if as_told else 1)


@contextmanager
def _scratch() -> Iterator[Path]:
    """Make a folder that is gone afterwards, also where a signal ends the command."""

    def end(number: int, _frame: FrameType | None) -> None:
        raise SystemExit(128 + number)

    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, end)
    with TemporaryDirectory(prefix="mergewright-demo-", ignore_cleanup_errors=True) as name:
        yield Path(name)


def _show(played: Play, out: Console, *, as_json: bool) -> bool:
    """Play to the end and show what came of it; return whether it ended as it should."""
    from rich.markdown import Markdown

    out.print(Rule(f"issue {played.issue_url}"))
    _print_plain(out, played.issue.title, style="bold")
    _print_plain(out, played.issue.body or "")
    out.print(Rule("run"))
    begun = time.monotonic()
    played.label()
    run, refusal, first_sign = _follow(played, out, begun)
    seconds = time.monotonic() - begun
    as_told = _ended_as_told(played, run, refusal)
    if as_json:
        facts = _facts(played, run, refusal)
        facts |= {
            "first_sign_seconds": None if first_sign is None else round(first_sign, 3),
            "total_seconds": round(seconds, 3),
            "as_expected": as_told,
        }
        terminal.print_json(facts)
        return as_told
    for comment in played.issue.comments:
        edited = ", edited" if comment.updated > comment.created else ""
        out.print(Rule(escape(f"comment of {comment.author.login}{edited}")))
        out.print(Markdown(_folded(comment.body)))
    if pull := played.pull():
        _show_pull(played, pull, out)
    out.print(Rule("result"))
    _show_result(run, refusal, out)
    calls = run.outcome.code_host_calls if run and run.outcome else None
    asked = "" if calls is None else f", with {calls} requests to GitHub by the run"
    out.print(f"from the label to the end: {seconds:.1f} s{asked}", highlight=False)
    return as_told


def _ended_as_told(played: Play, run: StoredRun | None, refusal: str | None) -> bool:
    """Whether it ended as the scenario says."""
    if run is None or run.outcome is None:
        return run is None and refusal is not None and played.scenario.ends is None
    return run.outcome.reason is played.scenario.ends


def _follow(
    played: Play, out: Console, begun: float
) -> tuple[StoredRun | None, str | None, float | None]:
    """Show the steps as they end.

    Returns:
        The ended run, or why there is none, and the seconds to the first sign on the issue.
    """
    shown: set[str] = set()
    noticed: float | None = None
    while time.monotonic() - begun < _LONGEST_SECONDS:
        if noticed is None and played.noticed():
            noticed = time.monotonic() - begun
            out.print(f"first sign on the issue after {noticed:.2f} s", highlight=False)
        run = played.run()
        if run is None and (refusal := played.refusal()):
            return None, refusal, noticed
        for name, seconds in (played.seconds(run) if run else {}).items():
            if name not in shown and seconds >= QUIET_SECONDS:
                out.print(f"[green]ok[/]  {name:<14} {seconds:7.1f} s", highlight=False)
            shown.add(name)
        if run and not run.active:
            return run, None, noticed
        time.sleep(0.05)
    return played.run(), None, noticed


def _show_pull(played: Play, pull: Issue, out: Console) -> None:
    from rich.markdown import Markdown
    from rich.syntax import Syntax

    from agent.demo.simulator import git_store

    address = f"{played.stage.address}/{played.repository.full_name}/pull/{pull.number}"
    out.print(Rule(f"pull request {address}"))
    _print_plain(out, pull.title, style="bold")
    out.print(Markdown(_folded(pull.body or "")))
    if pull.pull is None:
        return
    out.print(Rule(escape(f"branch {pull.pull.head_ref}")))
    shown = git_store.text(
        played.repository.git_dir,
        *("log", "-p", "--reverse", "--first-parent", "--format=%n%an <%ae>%n%n%B"),
        f"refs/heads/{pull.pull.base_ref}..refs/heads/{pull.pull.head_ref}",
    )
    patch = sanitise.strip_terminal_codes(shown)
    out.print(Syntax(patch, "diff", background_color="default", word_wrap=True))


def _show_result(run: StoredRun | None, refusal: str | None, out: Console) -> None:
    if refusal:
        _print_plain(out, f"no run: {refusal}")
    elif run is None or run.outcome is None:
        out.print(f"no end within {_LONGEST_SECONDS / 60:.0f} minutes", style="red")
    else:
        outcome = run.outcome
        _print_plain(out, f"{outcome.state.value} ({outcome.reason.value}): {outcome.sentence}")
        if outcome.pull_request:
            _print_plain(out, f"pull request {outcome.pull_request.url}")


def _facts(played: Play, run: StoredRun | None, refusal: str | None) -> dict[str, object]:
    outcome = run.outcome if run else None
    pull = played.pull()
    return {
        "scenario": played.scenario.name,
        "issue": played.issue_url,
        "run": run.run.run_id if run else None,
        "outcome": outcome.state.value if outcome else "ignored",
        "reason": outcome.reason.value if outcome else None,
        "sentence": outcome.sentence if outcome else refusal,
        "pull_request": outcome.pull_request.url if outcome and outcome.pull_request else None,
        "branch": outcome.branch if outcome else None,
        "commit": outcome.commit if outcome else None,
        "title": pull.title if pull else None,
        "body": pull.body if pull else None,
        "comments": [comment.body for comment in played.issue.comments],
        "labels": [label.name for label in played.issue.labels],
        "seconds": played.seconds(run) if run else {},
        "requests": len(played.stage.world.requests.find("/api/*")),
    }


def _explain(played: Play, out: Console) -> None:
    """Say what should have come, and what the service said last."""
    scenario = played.scenario
    expected = f"end as {scenario.ends.value}" if scenario.ends else "start no run"
    out.print(f"\nThis is not as it should be: {scenario.name} should {expected}.", style="red")
    said = played.stage.service.log.read_text(errors="replace").splitlines()
    out.print("The last words of the service:", highlight=False)
    for line in said[-_LAST_WORDS:]:
        _print_plain(out, line)


def _linger(played: Play, out: Console) -> None:
    places = [
        ("the dashboard, to sign in", links.make_link(played.stage.home, played.stage.dashboard)),
        ("the simulated GitHub", played.stage.address),
        ("the issue", played.issue_url),
    ]
    if run := played.run():
        if run.outcome and run.outcome.pull_request:
            places.append(("the pull request", run.outcome.pull_request.url))
        places.append(("the run's page", played.run_page(run)))
    places.append(("what the service printed", str(played.stage.service.log)))
    out.print(Rule("still running; Ctrl-C ends it"))
    for what, address in places:
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


def _folded(text: str) -> str:
    """Show collapsed parts the way a page would, by their title; leave markers of ours out."""
    shown = re.sub(
        r"<details><summary>(.*?)</summary>.*?\n</details>",
        r"*(folded: \1)*",
        text,
        flags=re.DOTALL,
    )
    return sanitise.strip_terminal_codes(re.sub(r"<!--.*?-->", "", shown, flags=re.DOTALL))
