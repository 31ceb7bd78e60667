"""The ledger: the append-only events of a run, one JSON object per line.

Unique by (run, step, attempt, number); an attempt is one process that carried the run. Each line
carries the sha256 of the one before, so that a changed or missing line shows.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import os
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

_OUTCOMES = ("done", "failed")


class LedgerClosed(Exception):
    """This attempt at the run is over; what came too late is not written."""


class Ledger:
    """Events of one run, in a file; a run that begins anew goes on in the same one."""

    def __init__(self, path: Path, run_id: str) -> None:
        self._path = path
        self._run_id = run_id
        self._lock = threading.Lock()
        self._previous = hashlib.sha256(run_id.encode()).hexdigest()
        self._attempt = 1
        self._closed = False
        self._lost: Counter[str] = Counter()
        self._begun: set[str] = set()
        self._resume()

    def _resume(self) -> None:
        if not self._path.exists():
            return
        whole, _, cut = self._path.read_bytes().rpartition(b"\n")
        if cut:
            # Written half when the process was killed, so nobody was ever told of it.
            os.truncate(self._path, len(whole) + bool(whole))
        if whole:
            last = whole.rpartition(b"\n")[2]
            self._previous = hashlib.sha256(last).hexdigest()
            events = [json.loads(line) for line in whole.splitlines()]
            self._attempt = max(event["attempt"] for event in events) + 1
            for event in events:
                if event["event"] in _OUTCOMES:
                    self._lost[event["step"]] = 0
                elif event["event"] == "started":
                    self._lost[event["step"]] += 1
                    self._begun.add(event["step"])

    def lost(self, step: str) -> int:
        """Count the earlier attempts that began a step and ended with their process."""
        return self._lost[step]

    def begun(self, step: str) -> bool:
        """Say whether an earlier attempt has begun a step, however that ended."""
        return step in self._begun

    def append(self, step: str, number: int, event: str, **facts: object) -> None:
        """Write one event and wait until it is on disk.

        Raises:
            LedgerClosed: Another attempt may be writing to the file.
        """
        self._append(step, number, event, facts, sync=True)

    def _append(
        self, step: str, number: int, event: str, facts: Mapping[str, object], *, sync: bool
    ) -> None:
        with self._lock:
            if self._closed:
                raise LedgerClosed(f"{event} of {step} came after the end of the attempt")
            line = json.dumps(
                {
                    "run": self._run_id,
                    "step": step,
                    "attempt": self._attempt,
                    "number": number,
                    "event": event,
                    **facts,
                    "previous": self._previous,
                },
                sort_keys=True,
                ensure_ascii=True,
            )
            self._write(f"{line}\n".encode("ascii"), sync=sync)
            self._previous = hashlib.sha256(line.encode()).hexdigest()

    def _write(self, line: bytes, *, sync: bool) -> None:
        with self._path.open("ab", buffering=0) as file:
            whole = file.seek(0, os.SEEK_END)
            try:
                # A disk that fills up takes a part first, and refuses the rest.
                while line:
                    line = line[file.write(line) :]
                if sync:
                    os.fsync(file.fileno())
            except BaseException:
                # What comes after half a line would be lost with it.
                file.truncate(whole)
                raise

    def notes(
        self, step: str, *, within: bool = False
    ) -> Callable[[str, Mapping[str, object]], None]:
        """Give what appends events by kind and facts, and numbers them.

        Args:
            within: They come within a step, whose end is written to disk with them: nobody waits
                for each.
        """
        numbers = itertools.count(1)

        def note(kind: str, facts: Mapping[str, object]) -> None:
            self._append(step, next(numbers), kind, facts, sync=not within)

        return note

    def close(self) -> None:
        """Take no more events; an append under way is brought to its end first."""
        with self._lock:
            self._closed = True


def verify(path: Path, run_id: str) -> Iterator[str]:
    """Yield what is wrong with a ledger: lines changed, missing, repeated, or cut off its end."""
    previous = hashlib.sha256(run_id.encode()).hexdigest()
    seen: set[tuple[str, int, int]] = set()
    event: dict[str, Any] = {}
    for number, line in enumerate(path.read_text(encoding="ascii").splitlines(), start=1):
        try:
            event = json.loads(line)
            key = (event["step"], event["attempt"], event["number"])
            follows = event["previous"] == previous
        except ValueError:
            yield f"line {number} is not JSON"
            return
        except (KeyError, TypeError):
            yield f"line {number} is no event"
            return
        if not follows:
            yield f"line {number} does not follow from line {number - 1}"
        if key in seen:
            yield f"line {number} repeats {key}"
        seen.add(key)
        previous = hashlib.sha256(line.encode()).hexdigest()
    if event.get("event") != "ended":
        yield "the end of the run is missing"
