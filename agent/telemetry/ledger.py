"""The ledger: the append-only events of a run, one JSON object per line.

Unique by (run, step, attempt, number); an attempt is one process that carried the run. Each line
carries the sha256 of the one before, so that a changed or missing line shows; the closing line does
so for the end of the run. The hashes are not signed: who may write the file can make them anew.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import os
import threading
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

_OUTCOMES = ("done", "failed")
_BEGUN, _ENDED, _CLOSED = "begun", "ended", "closed"


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
        self._failed: defaultdict[str, float] = defaultdict(float)
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
                    if failure := event.get("failure"):
                        self._failed[failure["kind"]] += event["seconds"]
                elif event["event"] == "started":
                    self._lost[event["step"]] += 1
                    self._begun.add(event["step"])

    def count_lost(self, step: str) -> int:
        """Count the earlier attempts that began a step and ended with their process."""
        return self._lost[step]

    def has_begun(self, step: str) -> bool:
        """Whether an earlier attempt has begun a step, however that ended."""
        return step in self._begun

    def seconds_of(self, failure: str) -> float:
        """Add up the steps of earlier attempts that ended with this kind of error."""
        return self._failed[failure]

    def append(self, step: str, number: int, event: str, **facts: object) -> None:
        """Write one event and wait until it is on disk."""
        self._append([(step, number, event, facts)], sync=True)

    def started(self, step: str, at: float, *, wait: bool) -> None:
        """Write that a step begins.

        Args:
            at: When, in seconds since the epoch.
            wait: Until it is on disk. Else it outlives this process all the same, but not a
                machine that loses its power before the step ends.
        """
        self._append([(step, 1, "started", {"at": round(at, 3)})], sync=wait)

    def begin(self, **facts: object) -> None:
        self.append("run", 0, _BEGUN, **facts)

    def end(self, **facts: object) -> None:
        """Write how the run ended, and the closing line that has the hash of that."""
        self._append([("run", 1, _ENDED, facts), ("run", 2, _CLOSED, {})], sync=True)

    def _append(
        self, events: Sequence[tuple[str, int, str, Mapping[str, object]]], *, sync: bool
    ) -> None:
        with self._lock:
            previous, lines = self._previous, ""
            for step, number, event, facts in events:
                if self._closed:
                    raise LedgerClosed(f"{event} of {step} came after the end of the attempt")
                place = {"run": self._run_id, "step": step, "attempt": self._attempt}
                more = {"number": number, "event": event, **facts, "previous": previous}
                written = _format_event(place | more)
                previous = hashlib.sha256(written.encode()).hexdigest()
                lines += f"{written}\n"
            self._write(lines.encode("ascii"), sync=sync)
            self._previous = previous

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

    def make_appender(
        self, step: str, *, within: bool = False
    ) -> Callable[[str, Mapping[str, object]], None]:
        """Give what appends events by kind and facts, and numbers them.

        Args:
            within: They come within a step, whose end is written to disk with them: nobody waits
                for each.
        """
        numbers = itertools.count(1)

        def note(kind: str, facts: Mapping[str, object]) -> None:
            self._append([(step, next(numbers), kind, facts)], sync=not within)

        return note

    def close(self) -> None:
        with self._lock:
            self._closed = True


def _format_event(event: Mapping[str, object]) -> str:
    return json.dumps(event, sort_keys=True, ensure_ascii=True)


def verify_ledger(path: Path, run_id: str) -> Iterator[str]:
    """Yield what is wrong with a ledger: lines changed, missing, repeated, or cut off its end."""
    previous = hashlib.sha256(run_id.encode()).hexdigest()
    seen: set[tuple[str, int, int]] = set()
    before: dict[str, Any] = {}
    event: dict[str, Any] = {}
    line = ""
    for number, line in enumerate(path.read_text(encoding="ascii").splitlines(), start=1):
        try:
            before, event = event, json.loads(line)
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
    if event.get("event") == _CLOSED:
        # No line follows that would have its hash, so nothing in it may be otherwise.
        made = {name: before.get(name) for name in ("run", "step", "attempt")}
        facts = {**made, "number": 2, "event": _CLOSED, "previous": event["previous"]}
        if before.get("event") != _ENDED or line != _format_event(facts):
            yield "the closing line is not as it was written"
    elif event.get("event") != _ENDED:
        yield "the end of the run is missing"
    else:
        yield "the closing line is missing: the ledger was cut short, or its end is another one"
