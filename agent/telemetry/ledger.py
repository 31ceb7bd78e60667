"""The ledger: the append-only events of a run, one JSON object per line.

Unique by (run, step, attempt, number); an attempt is one process that carried the run. Each line
carries the sha256 of the one before, so that a changed or missing line shows. What is published is
sealed by a line with a signature, and each closing line has one. What a signature covers is ours in
its names alone: what models, tools and people said is in values.
"""

import hashlib
import itertools
import json
import os
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from agent.errors import AgentError
from agent.models.record import Record
from agent.telemetry.signing import Signer, is_signed_by

_BEGUN, _CLOSED = "begun", "closed"
ENDED, SEALED, STORED = "ended", "sealed", "stored"
"""Events: the run ended; something is published; a file next to the ledger was written."""
PURGED = "purged"
"""Event: lines and files with names and texts were deleted."""
_SIGNED = (SEALED, _CLOSED, PURGED)
#: Lines without names and texts; a purge keeps them.
_LASTING = (*_SIGNED, STORED)
#: In place of a line that was deleted, before its digest.
_REMOVED = b'{"removed": "'
FILE_NAME = "ledger.jsonl"
END_MISSING = "The end is missing: the run is still running or was killed, or lines were removed."


class Seal(Record):
    """The signed ledger as of one line."""

    digest: str = ""
    """sha256 of that line, in hexadecimal digits; so is the public key."""
    key: str = ""


class LedgerClosed(Exception):
    """This attempt at the run is over; what came too late is not written."""


class Ledger:
    """Events of one run, in a file; a run that begins anew goes on in the same one."""

    def __init__(
        self,
        path: Path,
        run_id: str,
        signer: Signer | None = None,
        *,
        store: Callable[[], None] | None = None,
    ) -> None:
        """Begin a ledger, or go on with one.

        Args:
            store: Stores new lines where other machines find them; raises AgentError.
        """
        self._path = path
        self._store = store
        self._run_id = run_id
        self._signer = signer
        self._seals = itertools.count(1)
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
            # Half written when the process was killed, so nobody has ever read it.
            os.truncate(self._path, len(whole) + bool(whole))
        if whole:
            last = whole.rpartition(b"\n")[2]
            self._previous = hashlib.sha256(last).hexdigest()
            events = [json.loads(line) for line in whole.splitlines()]
            self._attempt = max(event["attempt"] for event in events) + 1
            for event in events:
                if event["event"] in ("done", "failed"):
                    self._lost[event["step"]] = 0
                elif event["event"] == "started":
                    self._lost[event["step"]] += 1
                    self._begun.add(event["step"])

    def count_lost(self, step: str) -> int:
        """Count the earlier attempts that began a step and ended with their process."""
        return self._lost[step]

    def has_begun(self, step: str) -> bool:
        """Whether an earlier attempt has begun a step, however that ended."""
        return step in self._begun

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
        begun = (step, 1, "started", {"at": round(at, 3)})
        self._append([begun], sync=wait, must_store=wait)

    def begin(self, **facts: object) -> None:
        self.append("run", 0, _BEGUN, **facts)

    def seal(self, **facts: object) -> Seal:
        """Sign what is published, and with it the ledger so far; AgentError: it is not stored."""
        sealed = [("seal", next(self._seals), SEALED, facts)]
        digest = self._append(sealed, sync=True, must_store=True)
        return Seal(digest=digest, key=self._signer.public) if self._signer else Seal()

    def end(self, **facts: object) -> None:
        """Write how the run ended, and the signed closing line that has the hash of that.

        AgentError: It is written, but not stored where other machines find it.
        """
        ended = [("run", 1, ENDED, facts), ("run", 2, _CLOSED, {})]
        self._append(ended, sync=True, must_store=True)

    def _append(
        self,
        events: Sequence[tuple[str, int, str, Mapping[str, object]]],
        *,
        sync: bool,
        must_store: bool = False,
    ) -> str:
        with self._lock:
            previous, lines = self._previous, ""
            for step, number, event, facts in events:
                if self._closed:
                    raise LedgerClosed(f"{event} of {step} came after the end of the attempt")
                place = {"run": self._run_id, "step": step, "attempt": self._attempt}
                made = {**facts, **place, "number": number, "event": event, "previous": previous}
                if self._signer and event in _SIGNED:
                    made["key"] = self._signer.public
                    made["signature"] = self._signer.sign(_format_event(made).encode())
                written = _format_event(made)
                previous = hashlib.sha256(written.encode()).hexdigest()
                lines += f"{written}\n"
            self._write(lines.encode("ascii"), sync=sync)
            self._previous = previous
            if self._store:
                with suppress(*(() if must_store else (AgentError,))):  # stored with the next
                    self._store()
            return previous

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
                # A line that is appended to half a line would be lost with it.
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


def verify_ledger(raw: bytes, run_id: str, key: str | None = None) -> Iterator[str]:
    """Yield in a sentence each what is wrong with a ledger; with a key its signatures as well."""
    *lines, rest = raw.split(b"\n")
    hashes = {_digest_line(line): number for number, line in enumerate(lines, 1)}
    previous, before = hashlib.sha256(run_id.encode()).hexdigest(), "The beginning"
    seen: set[tuple[str, int, int]] = set()
    last, removed, purged = "", 0, 0
    for number, line in enumerate(lines, start=1):
        if line.startswith(_REMOVED):
            previous, before, last = _digest_line(line), f"Line {number}", ""
            removed += 1
            continue
        try:
            event = json.loads(line)
            place = (event["step"], event["attempt"], event["number"])
            kind, link = event["event"], event["previous"]
            name = f"Line {number} ({kind} of {place[0]!r})"
            repeated = place in seen
        except (ValueError, RecursionError, KeyError, TypeError):
            yield f"Line {number} is not an event: it was changed."
            previous, before, last = hashlib.sha256(line).hexdigest(), f"Line {number}", ""
            continue
        if event.get("run") != run_id:
            yield f"{name} is of another run, {event.get('run')!r}."
        if link != previous and link in hashes:
            after = hashes[link]
            yield f"{name} was moved, or lines before it were added: it belongs to line {after}."
        elif link != previous:
            yield f"{before} was changed, or lines after it are missing (see line {number})."
        if repeated:
            yield f"{name} repeats another line."
        seen.add(place)
        if kind == PURGED:
            purged = event.get("lines")
        else:
            last = kind
        if key and kind in _SIGNED:
            yield from _verify_signature(name, line, event, key)
        previous, before = _digest_line(line), name
    if removed != purged:
        yield f"{removed} lines were deleted, but the signed entries name {purged}."
    if last != _CLOSED or rest:
        yield END_MISSING


def purge_ledger(raw: bytes, run_id: str, signer: Signer, now: float) -> bytes:
    """Put digests in the place of all lines with names or texts, and sign that.

    What was sealed and closed keeps its lines, so that its digests and signatures can be verified.
    """
    kept, times = [], 0
    for line in raw.split(b"\n")[:-1]:
        kind = json.loads(line).get("event")
        times += kind == PURGED
        is_lasting = kind in _LASTING or line.startswith(_REMOVED)
        kept.append(line if is_lasting else b'%s%s"}' % (_REMOVED, _digest_line(line).encode()))
    made: dict[str, object] = {
        "run": run_id,
        "step": "data",
        "attempt": 0,
        "number": times + 1,
        "event": PURGED,
        "at": round(now),
        "lines": sum(line.startswith(_REMOVED) for line in kept),
        "previous": _digest_line(kept[-1]) if kept else hashlib.sha256(run_id.encode()).hexdigest(),
        "key": signer.public,
    }
    made["signature"] = signer.sign(_format_event(made).encode())
    return b"".join(b"%s\n" % line for line in (*kept, _format_event(made).encode()))


def _digest_line(line: bytes) -> str:
    if line.startswith(_REMOVED):
        return line.removeprefix(_REMOVED)[:64].decode("ascii", "replace")
    return hashlib.sha256(line).hexdigest()


def _verify_signature(name: str, line: bytes, event: dict[str, Any], key: str) -> Iterator[str]:
    signature = event.pop("signature", None)
    if signature is None:
        yield f"{name} is not signed."
    elif event.get("key") != key:
        yield f"{name} was signed by another key, {event.get('key')!r}."
    elif not is_signed_by(key, _format_event(event).encode(), signature) or line != (
        _format_event({**event, "signature": signature}).encode()
    ):
        yield f"{name} or its signature was changed."
