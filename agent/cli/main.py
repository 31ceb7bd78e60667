"""The `mergewright` command: collects the command groups and turns errors into exit codes.

Exit codes: 0 done, 1 not done (with a reason), 2 usage, settings, no sandbox on this machine or
data that this version cannot use, 130 interrupted. After 2, the command fails in the same way again
until something is changed.
"""

import json
import sys
from contextlib import suppress
from importlib import metadata
from typing import Annotated, Never

import typer

from agent.cli import (
    action,
    backtest,
    check,
    config,
    data,
    doctor,
    images,
    interrupts,
    run,
    runs,
    serve,
    verify,
)
from agent.errors import (
    AgentError,
    ConfigInvalid,
    EngineLocked,
    Interrupted,
    LogUnusable,
    SandboxMissing,
    SettingsInvalid,
    StoreUnusable,
)
from agent.models.run import Reason
from agent.telemetry import run_log

#: Errors that last until something is changed.
_LASTING = (
    ConfigInvalid,
    SettingsInvalid,
    SandboxMissing,
    StoreUnusable,
    EngineLocked,
    LogUnusable,
)

app = typer.Typer(
    name="mergewright",
    # Wraps paragraphs to the terminal's width, instead of keeping the lines of the source.
    rich_markup_mode="markdown",
    help="Turn a ticket into a branch that passed the project's own checks.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command()(check.check)
app.command()(run.run)
app.command()(backtest.backtest)
app.command()(verify.verify)
app.command()(serve.serve)
app.command()(serve.dashboard)
app.command(hidden=True)(serve.work)
app.command(hidden=True)(action.action)
app.command()(doctor.doctor)
app.add_typer(config.app, name="config")
app.add_typer(images.app, name="images")
app.add_typer(runs.app, name="runs")
app.add_typer(data.app, name="data")


def _show_version(wanted: bool) -> None:
    if wanted:
        print(f"mergewright {metadata.version('mergewright')}")
        raise typer.Exit


@app.callback()
def _common(
    verbose: Annotated[
        bool, typer.Option("--verbose", help="Log structured events to stderr.")
    ] = False,
    show_version: Annotated[
        bool,
        typer.Option(
            "--version", help="Show the version and exit.", callback=_show_version, is_eager=True
        ),
    ] = False,
) -> None:
    run_log.configure_logging(verbose=verbose)


def main() -> None:
    """Run the command line; every expected error is one clear line and an exit code.

    With --json, the error is also one object on stdout, `{"problem": ..., "reason": ...}`.
    """
    try:
        app()
    except AgentError as problem:
        run_log.report_problem("mergewright", problem.message)
        _as_json(problem.message, problem.reason.value)
        if isinstance(problem, Interrupted):
            _leave()
        lasting = isinstance(problem, _LASTING)
        raise SystemExit(2 if lasting else 1) from problem
    except (SystemExit, KeyboardInterrupt) as end:
        # A wrong argument: its message is on stderr already.
        if words := getattr(end.__context__, "format_message", None):
            _as_json(words())
        # Typer turns Ctrl-C into an exit without a message.
        elif KeyboardInterrupt in map(type, (end, getattr(end.__context__, "__cause__", None))):
            print("mergewright: interrupted", file=sys.stderr)
            _as_json("interrupted", Reason.INTERRUPTED.value)
            _leave()
        elif getattr(end, "code", None) == interrupts.EXIT_CODE:
            _leave()
        raise


def _leave() -> Never:
    """End an interrupted command, without waiting for its threads."""
    with suppress(OSError):
        sys.stdout.flush()
    interrupts.leave()


def _as_json(problem: str, reason: str | None = None) -> None:
    """Print a problem as one object for programs, if `--json` was given."""
    if "--json" in sys.argv[1:]:
        print(json.dumps({"problem": problem} | ({"reason": reason} if reason else {})))
