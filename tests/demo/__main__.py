"""`make demo`: the whole job is played on a simulated GitHub."""

import signal
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.rule import Rule

from agent import settings
from agent.cli import terminal
from agent.dashboard import sign_in_links
from agent.dashboard.run_record import RunRecord, ShownStep
from agent.models.step import Step, read_step_name
from agent.store.sql_tables import RunRow
from agent.text import sanitise
from tests.demo import play, recorded
from tests.demo.play import Play
from tests.demo.scenarios import SCENARIOS, USUAL

_LONGEST_SECONDS = 1800.0
_LAST_LINES = 20
#: What takes less is not shown.
_QUIET_SECONDS = 1.0


def demo(
    scenario: Annotated[
        str | None,
        typer.Option(
            "--scenario", help="Scenario to play; `list` shows all.", show_default="two of them"
        ),
    ] = None,
    keep: Annotated[
        bool, typer.Option("--keep", help="Keep everything running until Ctrl-C.")
    ] = False,
) -> None:
    """Play whole runs, from the label on an issue to the pull request.

    GitHub is simulated on this machine, and the model is recorded; the service, the sandbox, the
    checks and git are real. Exit code 0: every outcome was as expected; 1: one was not.
    """
    if scenario == "list":
        for option in SCENARIOS.values():
            print(f"{option.name:<14} {option.sentence}")
        return
    if scenario is not None and scenario not in SCENARIOS:
        raise typer.BadParameter(
            f"unknown scenario {scenario!r}; use one of {', '.join(SCENARIOS)}",
            param_hint="--scenario",
        )
    chosen = [SCENARIOS[name] for name in ((scenario,) if scenario else USUAL)]
    loaded = settings.load_settings()
    terminal.print_aside(
        f"Starting a simulated GitHub and the service; their data are in {loaded.home}/demo…",
        style="dim",
    )
    with (
        _make_scratch() as folder,
        play.playing(chosen, loaded, folder) as plays,
    ):
        out, aside = Console(), Console(stderr=True)
        are_as_told = [show_play(played, out) for played in plays]
        for played, is_as_told in zip(plays, are_as_told, strict=True):
            if not is_as_told:
                _explain(played, aside)
        if keep:
            _linger(plays, aside)
        else:
            out.print(
                "GitHub, service and dashboard stop here. `make demo ARGS=--keep` keeps them running"
                " and prints their addresses."
            )
    raise typer.Exit(0 if all(are_as_told) else 1)


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


def show_play(played: Play, out: Console) -> bool:
    """Play to the end and show what came of it; return whether it ended as it should."""
    out.print(Rule(escape(f"{played.scenario.name}: {played.scenario.sentence}")))
    out.print(f"issue {played.issue_url}", highlight=False)
    _print_plain(out, played.issue.title, style="bold")
    out.print(f"{play.MAINTAINER} sets the label {play.LABEL}; GitHub delivers the webhook")
    begun = time.monotonic()
    played.label()
    run = follow(played, out, begun)
    is_as_told = _show_end(played, run, out, begun)
    if is_as_told and played.scenario.is_recorded:
        out.print(f"{play.MAINTAINER} reviews the pull request:", highlight=False)
        _print_plain(out, f"> {recorded.REMARK}")
        begun = time.monotonic()
        played.review()
        answer = follow(played, out, begun, after=run)
        is_as_told = _show_end(played, answer, out, begun)
    if pull := played.pull():
        out.print(f"pull request {played.get_pull_url(pull)}\n", highlight=False)
    return is_as_told


def _show_end(played: Play, run: RunRow | None, out: Console, begun: float) -> bool:
    outcome = run.outcome if run else None
    if outcome is None:
        out.print(f"not finished within {_LONGEST_SECONDS / 60:.0f} minutes", style="red")
        return False
    shown = f"pull request {outcome.state.value}" if outcome.is_done else outcome.state.value
    words = f"{shown} ({outcome.reason.value}): {outcome.sentence}"
    _print_plain(out, f"{words} It took {time.monotonic() - begun:.0f} s.")
    return outcome.reason is played.scenario.ends


def follow(
    played: Play, out: Console, begun: float, *, after: RunRow | None = None
) -> RunRow | None:
    """Show the steps as they end, and what fails with a change; return the run.

    Args:
        after: The run that it follows; None: it is the first one.
    """
    shown: set[str] = set()
    while time.monotonic() - begun < _LONGEST_SECONDS:
        run = played.run()
        if run and after and run.run.run_id == after.run.run_id:
            run = None
        record = played.read_record(run) if run else RunRecord()
        for step in [step for step in record.steps.values() if step.name not in shown]:
            if step.state == "done":
                shown.add(step.name)
                _show_step(step, record, out)
        if run and not run.active:
            return run
        time.sleep(0.05)
    return played.run()


def _show_step(step: ShownStep, record: RunRecord, out: Console) -> None:
    name = read_step_name(step.name)
    if name is not None and name.step is Step.CHECKS:
        for comparison in record.judged.compared if record.judged else ():
            if comparison.is_in_the_way:
                out.print(
                    f"[red]FAIL[/] {comparison.name}: sent back to the model, whose next try follows",
                    highlight=False,
                )
                for item in getattr(comparison, "new_failures", ()):
                    words = item.text.partition("\n")[0]
                    _print_plain(out, f"     {item.item_id.rpartition('/')[2]}\n     {words}")
    elif step.seconds >= _QUIET_SECONDS:
        out.print(f"[green]done[/] {step.name:<24} {step.seconds:7.1f} s", highlight=False)


def _explain(played: Play, out: Console) -> None:
    """Print what should have come, and what the service printed last."""
    scenario = played.scenario
    expected = f"{scenario.name} should end with {scenario.ends.value}"
    out.print(f"\nUnexpected outcome: {expected}.", style="red")
    lines = played.stage.log.read_text(errors="replace").splitlines()
    _print_plain(out, "\n".join(("Last lines of the service's log:", *lines[-_LAST_LINES:])))


def _linger(plays: Sequence[Play], out: Console) -> None:
    stage = plays[0].stage
    places = [
        (
            "dashboard (sign-in link)",
            sign_in_links.create_sign_in_link(stage.home, stage.dashboard),
        ),
        ("simulated GitHub", stage.address),
    ]
    for played in plays:
        run, pull = played.run(), played.pull()
        places += [
            ("issue", played.issue_url),
            ("pull request", played.get_pull_url(pull) if pull else ""),
            ("page of the run", played.run_page(run) if run else ""),
        ]
    places.append(("log of the service", str(stage.log)))
    out.print(Rule("still running; Ctrl-C stops it"))
    for label, address in places:
        if address:
            out.print(f"{label:<26} {address}", highlight=False, soft_wrap=True)
    try:
        while True:
            time.sleep(3600)
    except KeyboardInterrupt:
        out.print("stopped")


def _print_plain(out: Console, text: str, style: str | None = None) -> None:
    """Print foreign words as they are, with nothing in them that a terminal would obey."""
    plain = sanitise.strip_terminal_codes(text)
    out.print(plain, style=style, markup=False, highlight=False, soft_wrap=True)


if __name__ == "__main__":
    typer.run(demo)
