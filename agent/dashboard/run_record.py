"""The content of a run's folder: its events, its log and its published text.

All of it was redacted when it was written, and is treated as foreign text all the same. Incomplete
events are shown as far as they can be read.
"""

import json
import os
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, BinaryIO, Literal, TypeVar

from pydantic import TypeAdapter, ValidationError

from agent.models.outcome import Outcome
from agent.models.review import Judgement
from agent.models.run import RunState
from agent.models.step import Stage, Step, read_step_name
from agent.telemetry.run_events import find_events
from agent.text import sanitise

_RUN_ID = re.compile(r"[0-9]{8}-[0-9]{6}-[0-9a-f]{6,32}")
#: Longer lines have content that pages do not show.
_LONGEST_LINE = 8 * 1024 * 1024
_OTHERS = "Other steps"
T = TypeVar("T")
StepState = Literal["waiting", "running", "done", "failed", "broken off"]


@dataclass
class ShownStep:
    name: str
    begun: float | None
    seconds: float = 0.0
    state: StepState = "running"


@dataclass
class StageRecord:
    """The steps of one stage, which people see under one title."""

    title: str
    steps: list[ShownStep] = field(default_factory=list)

    def measure(self, now: float) -> float:
        """Sum up the seconds of its steps, up to now for the current one."""
        under_way = max(0.0, now - self.begun) if self.begun else 0.0
        return sum(step.seconds for step in self.steps) + under_way

    @property
    def state(self) -> StepState:
        """The state of its last step."""
        return self.steps[-1].state if self.steps else "waiting"

    @property
    def begun(self) -> float | None:
        """When the current step began, in seconds since the epoch; None: no step is active."""
        return self.steps[-1].begun if self.state == "running" else None


@dataclass
class RunRecord:
    """The events of a run, without the conversation with models."""

    steps: dict[str, ShownStep] = field(default_factory=dict)
    results: dict[Step, Any] = field(default_factory=dict)
    """Result of the latest step of each kind, as JSON."""
    diff: str = ""

    def read(self, step: Step, kind: type[T]) -> T | None:
        """Return the result of a step; None: there is none, or another version wrote it."""
        with suppress(ValidationError):
            return TypeAdapter(kind).validate_python(self.results.get(step), strict=False)
        return None

    @property
    def judged(self) -> Judgement | None:
        return self.read(Step.CHECKS, Judgement)

    def list_stages(self, *, is_active: bool, outcome: Outcome | None = None) -> list[StageRecord]:
        """Group the steps into stages; of an active run, future stages are included.

        Of a failed run, the last stage before its report has failed too.
        """
        stages = {title.value: StageRecord(title) for title in Stage}
        for step in self.steps.values():
            state = step.state
            if state == "running" and not is_active:
                state = "broken off"
            elif state == "failed" and is_active and step.name == list(self.steps)[-1]:
                state = "waiting"  # waits for an approval, or to be retried
            name = read_step_name(step.name)
            title = (name.step.stage or Stage.PUBLISH).value if name else _OTHERS
            stages.setdefault(title, StageRecord(title)).steps.append(replace(step, state=state))
        shown = [stage for stage in stages.values() if stage.steps or is_active]
        worked = [stage for stage in shown if stage.title != Stage.PUBLISH.value]
        if worked and outcome and not outcome.is_done:
            stages[Stage.PUBLISH.value].title = "Report"
            if outcome.state is not RunState.CANCELLED:
                worked[-1].steps[-1].state = "failed"
        return shown


def find_folder(home: Path, run_id: str) -> Path | None:
    """Name the folder of a run; None: it has none."""
    if not _RUN_ID.fullmatch(run_id):
        return None
    folder = home / "runs" / run_id
    return folder if folder.is_dir() and not folder.is_symlink() else None


def open_file(path: Path) -> BinaryIO:
    """Open a file of a run's folder, for bytes. Raises OSError for a link, or if there is none."""
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    return os.fdopen(os.open(path, flags), "rb")


def read_record(folder: Path | None) -> RunRecord:
    """Read the complete events of a run."""
    record = RunRecord()
    with suppress(OSError):
        if folder is not None:
            # Requests and replies are most of the events, and have a page of their own.
            without = (b'"event": "model.', b'"event": "github write"')
            for event in iter_events(find_events(folder), without=without):
                _add_event(event, record)
    return record


def _add_event(event: dict[str, Any], record: RunRecord) -> None:
    name, steps = event["step"], record.steps
    match event.get("event"):
        case "started":
            # Removed first, so that repeated steps are in the order of the last attempt.
            steps.pop(name, None)
            steps[name] = ShownStep(name, event.get("at"))
        case "done" | "failed" as end:
            shown = steps.setdefault(name, ShownStep(name, None))
            shown.seconds, shown.state = float(event.get("seconds") or 0.0), end
            step_name = read_step_name(name)
            if end == "done" and "result" in event and step_name:
                record.results[step_name.step] = event["result"]
        case "change.drafted":
            record.diff = str(event.get("diff") or "")


def iter_events(path: Path, *, without: tuple[bytes, ...] = ()) -> Iterator[dict[str, Any]]:
    """Yield events up to a line that is not JSON; leave out lines that contain one of `without`."""
    with suppress(OSError), open_file(path) as file:
        for line in file:
            if len(line) > _LONGEST_LINE or any(part in line for part in without):
                continue
            try:
                event = json.loads(line)
            except ValueError:
                return
            if isinstance(event, dict) and isinstance(event.get("step"), str):
                yield event


def read_tail(folder: Path | None, name: str, limit: int = 256 * 1024) -> str:
    """Read the last lines of a text in a run's folder, made inert; empty if there is none."""
    if folder is None:
        return ""
    try:
        with open_file(folder / name) as file:
            size = os.fstat(file.fileno()).st_size
            file.seek(max(0, size - limit))
            raw = file.read(limit)
    except OSError:
        return ""
    if size > limit:
        raw = raw.partition(b"\n")[2]
    # An unterminated escape must not swallow the output of other steps.
    lines = raw.decode("utf-8", "replace").split("\n")
    return "\n".join(sanitise.strip_terminal_codes(line) for line in lines)
