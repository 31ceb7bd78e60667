"""Logs: a text for people about each run, and structured events of the process.

`RunLog` is the run's full log, a text file that only grows. It has no secrets, since it is served
unchanged. `configure_logging` sets up structlog, whose events carry the run id.
"""

import contextvars
import logging
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import ParamSpec, TypeVar

import structlog

from agent.models.change import Change, Finding
from agent.models.chat import Reply
from agent.models.checks import AnyComparison, AnyRun, CheckReport, TestComparison
from agent.models.clock import read_clock
from agent.models.environment import Environment
from agent.models.record import Record
from agent.models.review import Judgement
from agent.text import check_summary, sanitise
from agent.text.redaction import Redactor

#: Names of the sides, as in the table of checks.
_SIDES = {"base": "before", "head": "after"}
#: Maximum length of a model's text and calls in one turn.
_MOST_SAID = 2_000

P = ParamSpec("P")
T = TypeVar("T")

_log = structlog.get_logger()


def configure_logging(*, verbose: bool) -> None:
    """Log JSON lines to stderr: warnings; when verbose everything, and libraries' warnings."""
    _configure(logging.DEBUG if verbose else logging.WARNING, with_libraries=verbose)


def configure_service_logging() -> None:
    """Log everything from a process of the service to stderr as JSON lines, tracebacks included."""
    _configure(logging.INFO, with_libraries=True)
    logging.captureWarnings(capture=True)
    sys.excepthook = _log_exception
    for module, name in ((threading, "excepthook"), (sys, "unraisablehook")):
        setattr(module, name, lambda args: _log_exception(args.exc_type, args.exc_value, None))


def report_problem(program: str, problem: str) -> None:
    """Report why a process ends: as an event if a service has no terminal, else as a line."""
    if sys.excepthook is _log_exception and not sys.stderr.isatty():
        _log.error("cannot go on", program=program, problem=problem)
    else:
        print(f"{program}: {problem}", file=sys.stderr)


def _log_exception(
    kind: type[BaseException], problem: BaseException | None, _: TracebackType | None
) -> None:
    # A thread may end itself by SystemExit.
    if kind is not SystemExit:
        _log.critical("uncaught exception", exc_info=problem)


def _configure(least: int, *, with_libraries: bool) -> None:
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(least),
        logger_factory=structlog.PrintLoggerFactory(file=sys.stderr),
    )
    root = logging.getLogger()
    others = [handler for handler in root.handlers if not isinstance(handler, _ToStructlog)]
    root.handlers = [*others, _ToStructlog()] if with_libraries else others


def keep_log_context(work: Callable[P, T]) -> Callable[P, T]:
    """Run `work` in other threads with the logging context of this one."""
    context = contextvars.copy_context()

    def run(*args: P.args, **kwargs: P.kwargs) -> T:
        # Two threads cannot be within one context at a time.
        return context.copy().run(work, *args, **kwargs)

    return run


class _ToStructlog(logging.Handler):
    """Logs the messages of libraries as structured events."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)

    def emit(self, record: logging.LogRecord) -> None:
        """Log a library's message, with the context of the thread that logged it."""
        structlog.get_logger().log(
            record.levelno, record.getMessage(), logger=record.name, exc_info=record.exc_info
        )


class RunLog:
    """The full log of one run, written as things happen.

    If it cannot be written (the disk is full), the run goes on. But if the events, which must be
    complete, cannot be written, the run ends.
    """

    def __init__(self, path: Path, redactor: Redactor | None = None) -> None:
        """Prepare a log at a path; by default known shapes of secrets are removed."""
        self.path = path
        self.redactor = redactor or Redactor()

    def line(self, text: str) -> None:
        """Append one line with the time in UTC."""
        stamp = datetime.fromtimestamp(read_clock(), UTC).strftime("%H:%M:%S")
        self._append(f"{stamp} {sanitise.strip_terminal_codes(text)}\n")

    def result(self, name: str, result: object) -> None:
        """Append the result of a step in a form for people."""
        if isinstance(result, Reply):
            self._append(f"---- {name} (model output)\n{self._format_reply(result)}\n----\n")
        elif isinstance(result, Record) and (summary := describe_result(result, with_colors=True)):
            self._append(f"---- {name}\n{summary.rstrip()}\n----\n")

    def _format_reply(self, reply: Reply) -> str:
        """Format text and calls of a model, each line marked as foreign; redacted, then cut."""
        plain = self.redactor.redact_record(reply)
        parts = [plain.text.strip(), *(f"{call.name} {call.arguments}" for call in plain.calls)]
        if plain.finish == "length":
            parts.append("(truncated: finish_reason is length)")
        whole = sanitise.strip_terminal_codes("\n".join(filter(None, parts)))
        if len(whole) > _MOST_SAID:
            whole = f"{whole[:_MOST_SAID]}…\n(truncated; see events.jsonl next to this log)"
        return "\n".join(f"| {line}" for line in (whole or "(nothing)").split("\n"))

    def _append(self, text: str) -> None:
        # A colour within a secret would hide it.
        plain = sanitise.strip_terminal_codes(text)
        if (redacted := self.redactor(plain)) != plain:
            text = redacted
        with (
            suppress(OSError),
            self.path.open("a", encoding="utf-8", errors="backslashreplace") as file,
        ):
            file.write(text)


def describe_result(result: object, *, with_colors: bool = False) -> str:
    """Describe the result of a step; empty for records that need no text in the log."""
    match result:
        case Environment():
            sources = "; ".join(result.sources) or "nothing declared"
            packages = "\n".join(f"  {package}" for package in result.packages)
            servers = "".join(f", with {service.title}" for service in result.services)
            python = f"Python {result.interpreter.version}"
            return f"{python}, from {sources}, key {result.key}{servers}\n{packages}"
        case Change():
            notes = "\n".join(f"  {note}" for note in result.notes)
            paths = "\n".join(f"  {path}" for path in result.paths)
            return f"change {result.digest}\n{notes}\nfiles:\n{paths}"
        case Judgement(ran=ran):
            return describe_result(ran, with_colors=with_colors)
        case CheckReport(side=side, results=results):
            return "\n\n".join(
                _describe_check(side, run, with_colors=with_colors) for run in results
            )
    return ""


def _describe_check(side: str, check: AnyRun, *, with_colors: bool) -> str:
    head = f"[{_SIDES[side]}] {check.name}: {check.status.value} in {check.seconds:.1f} s"
    if check.reason:
        head += f" ({check.reason})"
    lines = [head]
    if check.command:
        lines.append("$ " + " ".join(check.command))
    if check.output:
        output = sanitise.strip_terminal_codes(check.output, with_colors=with_colors)
        lines.append(output.rstrip())
    return "\n".join(lines)


def describe_comparison(check: AnyComparison) -> str:
    summary = check_summary.summarize_check(check)
    text = f"{check.name}: before {summary.base}; after {summary.head}"
    text += f"; new failures: {summary.new}"
    if isinstance(check, TestComparison) and check.flaky:
        text += f", flaky: {', '.join(test.item_id for test in check.flaky)}"
    return f"{text} ({check.reason})" if check.reason else text


def describe_finding(finding: Finding) -> str:
    return f"{finding.severity.value} {finding.rule} {finding.place}: {finding.message}"
