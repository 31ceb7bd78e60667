"""The steps of a run on this machine, on record in a file of its folder: what `--resume` reads.

One JSON object on each line, appended and on disk before the run goes on: how the run began,
what each step returned, what requests to models cost, how it ended. A command
has the file for itself as long as it carries the run. The file is not redacted, since a run has to
go on with the exact words, so nobody else may read it. It is deleted once the run is done, or if
only another ticket or repository can change how it ended.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

from agent.errors import SettingsInvalid, StorageFull, TransientError, VersionUnknown
from agent.llm.spendings import require_left
from agent.models.clock import read_clock
from agent.models.model_use import SpendingLimits
from agent.models.outcome import Outcome, StoredRun
from agent.models.record import Record
from agent.models.run import CAPS_REACHED, Reason, Run, RunState
from agent.telemetry.private_files import write_private_file

FILE_NAME = "steps.jsonl"
_NOTE = "run.json"
#: Hands the words over that the run ended with; another end has others.
_TELLING = "deliver"

#: Only another ticket or repository could end otherwise, and a run that goes on has both on record.
_SETTLED = frozenset(
    {
        Reason.DRY_RUN, Reason.UNCLEAR, Reason.NO_RECIPE, Reason.REFUSED, Reason.TOO_LARGE,
        Reason.FOR_PEOPLE, Reason.UNFIT, Reason.CONFIG_INVALID, Reason.UNASKED_OPERATIONS,
        Reason.POLICY, Reason.NO_TESTS, Reason.ENVIRONMENT, Reason.CHECK_UNFINISHED,
        # What a model has said is on record as well, so it would give up at the same place.
        Reason.EDIT_FAILED,
    }
)  # fmt: skip


class Begun(Record):
    run: Run
    model: str | None = None
    """Models that the command named, as `openai:NAME`; None: those of the settings."""
    version: str
    """Of Mergewright: another one may take other steps."""


class StepFile:
    """Keeps the records of one run's steps; implements `Remember`."""

    def __init__(self, path: Path, begun: Begun | None = None) -> None:
        """Begin a file, or go on with one (`begun` is None).

        TransientError: another process carries the run. SettingsInvalid: there is no such file, or
        it is none of ours.
        """
        self._path = path
        self.budget_multiplier = 1
        """So often the run was allowed its money and minutes."""
        self._records: dict[str, str] = {}
        self._at = ""
        self._spent: dict[int, float] = {}
        self.bare = True
        """Whether the run never came to a step."""
        flags = os.O_RDWR | os.O_APPEND | (os.O_CREAT | os.O_EXCL if begun else 0)
        try:
            self._file = os.fdopen(os.open(path, flags, 0o600), "r+b", buffering=0)
        except OSError as problem:
            raise SettingsInvalid(f"{path}: {problem.strerror}.") from problem
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self.close()
            run_id = path.parent.name
            raise TransientError(
                f"The run {run_id} is under way in another process. Wait until that has ended, or"
                f" stop it; then `mergewright run --resume {run_id}` goes on."
            ) from None
        if begun is None:
            self.begun = self._read()
        else:
            self.begun = begun
            self._append({"begun": begun.model_dump(mode="json")})

    def require_version(self, version: str) -> None:
        """Refuse to go on with what another version has begun (VersionUnknown)."""
        if self.begun.version != version:
            raise VersionUnknown(
                f"The run {self.begun.run.run_id} was begun by Mergewright {self.begun.version},"
                f" and this is {version}, which may take other steps. Start it anew."
            )

    @property
    def steps(self) -> tuple[str, ...]:
        return tuple(self._records)

    def __call__(self, name: str, attempt: Callable[[], str]) -> str:
        """Return the record of a step; make the attempt if there is none."""
        self._at = name
        if name not in self._records:
            record = attempt()
            self._append({"step": name, "record": record})
            self.bare = False
            self._records[name] = record
        return self._records[name]

    def reserve(self, usd: float, limits: SpendingLimits, now: float) -> int:
        """Set dollars aside for a request to a model, as `model_use.Spendings` says."""
        require_left(
            sum(self._spent.values()),
            usd,
            limits.of_run,
            bound_by="MERGEWRIGHT_MODEL_USD",
            then="What was done so far is kept: `mergewright run --resume` lets the run go on.",
        )
        number = len(self._spent)
        self.settle(number, usd)
        return number

    def settle(self, number: int, usd: float) -> None:
        self._append({"spent": number, "usd": usd})
        self._spent[number] = usd

    def end(self, outcome: Outcome) -> None:
        """Note how the run ended; where it would end so again, its records are of no more use."""
        if outcome.is_done or outcome.reason in _SETTLED:
            self._path.unlink(missing_ok=True)
        else:
            interrupted = outcome.reason is Reason.INTERRUPTED
            step = None if interrupted else outcome.stopped_at or ""
            self.go_on_with(step, granted=outcome.reason in CAPS_REACHED)

    def go_on_with(self, step: str | None, *, granted: bool = False) -> None:
        """Note that the run ended, and with which step it goes on.

        Args:
            step: It and what follows has no record any more; empty: the first. None: it goes on
                after the last that has one.
            granted: Whether whoever lets it go on allows it as much money and time again.
        """
        self._append({"again": step, "granted": granted})

    def break_off(self, problem: BaseException) -> None:
        """Note that the run has no end; once settings are right, it goes on where it was."""
        if not self.bare:
            if isinstance(problem, SettingsInvalid):
                self.go_on_with(self._at)
            return
        # It never came to a step, so it has nothing to go on with.
        self._path.unlink(missing_ok=True)
        with suppress(OSError):  # it also has what somebody was told of it
            self._path.parent.rmdir()

    def close(self) -> None:
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *problem: object) -> None:
        self.close()

    def _append(self, facts: dict[str, Any]) -> None:
        line = f"{json.dumps(facts)}\n".encode()
        whole = self._file.seek(0, os.SEEK_END)
        try:
            # A disk that fills up takes a part first, and refuses the rest.
            while line:
                line = line[self._file.write(line) :]
            os.fsync(self._file.fileno())
        except BaseException:
            # What comes after half a line would be lost with it.
            self._file.truncate(whole)
            raise

    def _read(self) -> Begun:
        whole, _, cut = self._file.read().rpartition(b"\n")
        if cut:
            # Written half when the process was killed.
            self._file.truncate(len(whole) + bool(whole))
        try:
            first, *lines = [json.loads(line) for line in whole.splitlines()]
            begun = Begun.model_validate(first["begun"])
            for facts in lines:
                self._take(facts)
        except (ValueError, KeyError, TypeError) as problem:
            self._file.close()
            raise SettingsInvalid(
                f"{self._path} is damaged, so the run cannot go on. Start it anew."
            ) from problem
        self._records.pop(_TELLING, None)
        return begun

    def _take(self, facts: dict[str, Any]) -> None:
        if "step" in facts:
            self.bare = False
            self._records[facts["step"]] = facts["record"]
            return
        if "spent" in facts:
            self._spent[facts["spent"]] = facts["usd"]
            return
        # After an end the run goes on with the step that it ended at.
        self.budget_multiplier += facts["granted"]
        if (again := facts["again"]) is not None:
            names = list(self._records)
            kept = names[: names.index(again)] if again in names else names if again else []
            self._records = {name: self._records[name] for name in kept}
        self._records.pop(_TELLING, None)


def find_latest(
    runs: Path, repository: str | None = None, ticket: str | None = None
) -> Path | None:
    """Find the newest run on this machine, of this repository and ticket file, that can go on.

    One that never came to a step has nothing to go on with.
    """
    # Their names begin with the time.
    for path in sorted(runs.glob(f"*/{FILE_NAME}"), reverse=True):
        try:
            with path.open("rb") as file:
                run = Begun.model_validate(json.loads(file.readline())["begun"]).run
                bare = not any(line.startswith(b'{"step":') for line in file)
        except (OSError, ValueError, KeyError, TypeError):
            continue
        wanted = repository in (None, run.repository) and ticket in (None, run.ticket)
        if wanted and not bare:
            return path
    return None


def goes_on(reason: Reason) -> bool:
    """Say whether a run of a ticket file that ended so can go on."""
    return reason not in {Reason.READY, Reason.VERSION_UNKNOWN, *_SETTLED}


# --- lists ---------------------------------------------------------------------------------------


def note_run(home: Path, run: Run, begun: float, outcome: Outcome | None = None) -> None:
    """Leave what a list of runs shows in the run's folder."""
    stored = StoredRun(
        run=run,
        state=outcome.state if outcome else RunState.RECEIVED,
        active=outcome is None,
        not_before=begun,
        queued_at=float(run.started),
        started_at=begun,
        ended_at=read_clock() if outcome else None,
        outcome=outcome.model_copy(update={"pull_request_text": None}) if outcome else None,
    )
    with suppress(StorageFull):
        write_private_file(home / "runs" / run.run_id / _NOTE, stored.model_dump_json())


def list_runs(home: Path) -> tuple[StoredRun, ...]:
    """List the runs of ticket files."""
    found = []
    for path in (home / "runs").glob(f"*/{_NOTE}"):
        with suppress(OSError, ValueError):
            found.append(StoredRun.model_validate_json(path.read_text()))
    return tuple(found)
