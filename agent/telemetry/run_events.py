"""The events of a run: `events.jsonl` in its folder, one JSON object per line.

Events are steps, replies of models, writes to the code host, and the end. An attempt continues the
file of the attempt before it; a line that a killed process has half written is removed.
"""

import json
import os
import threading
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path

FILE_NAME = "events.jsonl"
PUBLISHED = "published"
"""Event: something is about to be published."""


class EventsClosed(Exception):
    """The attempt is over; nothing that comes later is written."""


class RunEvents:
    def __init__(self, path: Path | None = None, store: Callable[[], None] | None = None) -> None:
        """Open the events at a path, if any; `store` puts them where other machines find them."""
        self.store = store or (lambda: None)
        self.unfinished: Counter[str] = Counter()
        """For each step, the number of earlier attempts in a row that began it and died."""
        self.begun: set[str] = set()
        """The steps that an earlier attempt began, however that ended."""
        self._path = path
        self._lock = threading.Lock()
        self._is_closed = False
        if path is not None and path.exists():
            self._read(path)

    def _read(self, path: Path) -> None:
        whole, _, cut = path.read_bytes().rpartition(b"\n")
        if cut:
            os.truncate(path, len(whole) + bool(whole))
        for event in map(json.loads, whole.splitlines()):
            if event["event"] == "started":
                self.unfinished[event["step"]] += 1
                self.begun.add(event["step"])
            elif event["event"] in ("done", "failed"):
                self.unfinished[event["step"]] = 0

    def append(self, step: str, event: str, /, **facts: object) -> None:
        """Write one event, redacted by the caller, to the disk. Raises EventsClosed."""
        self._append(step, event, facts, sync=True)

    def note(self, step: str, event: str, /, **facts: object) -> None:
        """Write one event as `append` does, without waiting for the disk.

        The event survives a kill of this process, but no power failure before the next `append`.
        """
        self._append(step, event, facts, sync=False)

    def _append(self, step: str, event: str, facts: Mapping[str, object], *, sync: bool) -> None:
        with self._lock:
            if self._is_closed:
                raise EventsClosed(f"{event} of {step} came after the end of the attempt")
            if self._path is not None:
                line = json.dumps({"event": event, "step": step, **facts})
                _write(self._path, f"{line}\n".encode(), sync=sync)

    def close(self) -> None:
        with self._lock:
            self._is_closed = True


def _write(path: Path, line: bytes, *, sync: bool) -> None:
    with path.open("ab", buffering=0) as file:
        size = file.seek(0, os.SEEK_END)
        try:
            # A disk that fills up accepts a part first, and refuses the rest.
            while line:
                line = line[file.write(line) :]
            if sync:
                os.fsync(file.fileno())
        except BaseException:
            # A line that is appended to half a line would be lost with it.
            file.truncate(size)
            raise


def find_events(folder: Path) -> Path:
    """Return the file with the events of a run; earlier versions wrote `ledger.jsonl`."""
    path = folder / FILE_NAME
    return path if path.exists() else folder / "ledger.jsonl"
