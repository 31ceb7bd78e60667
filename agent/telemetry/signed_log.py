"""The signed log of a run: its ledger with the patch, reports and commit that it has digests of.

It lies in the run's folder, and is downloaded as one zip. To verify it takes no network and no
data but a public key. Names and sizes in it are foreign, and so is every text.
"""

import hashlib
import json
import re
import zipfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from agent.errors import LedgerUnusable
from agent.models.run import RUN_ID
from agent.telemetry import ledger

COMMIT = "commit-"
"""Before the id of a published commit: the file next to the ledger that has its object of git."""
_MOST_BYTES = 512 * 1024 * 1024
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")

Read = Callable[[str], bytes | None]
"""Gives a file of a log; None: it has no such file."""


@dataclass
class Verification:
    """What a signed log says of itself, and what is wrong with it."""

    run: str = ""
    key: str = ""
    """Public key that it was verified with."""
    problems: tuple[str, ...] = ()
    """What was changed, a sentence each."""
    digests: list[str] = field(default_factory=list)
    """Of the ledger, each time that something was published: one is in the pull request."""
    commit: str | None = None
    sentence: str = ""
    """How the run ended, by its log."""
    files: dict[str, str] = field(default_factory=dict)
    """Digests of the files next to the ledger, by name."""
    purged_at: float | None = None
    """When names and texts were deleted, in seconds since the epoch; None: they are there."""


def verify_log(place: Path, key: str, run_id: str | None = None) -> Verification:
    """Verify a log with a public key: its chain, signatures, and the digests of its files.

    Args:
        place: Folder of the run, zip, or a ledger with its files next to it.
        run_id: Run that it has to be of; None: the one in the name of `place`, if there is one.

    Raises:
        LedgerUnusable: There is no log in it.
    """
    read = _open_log(place)
    raw = read(ledger.FILE_NAME)
    found = _read_claims(raw or b"")
    named = RUN_ID.search(place.name)
    found.run = run_id or (named[0] if named else found.run)
    if raw is None or not found.run:
        raise LedgerUnusable(
            f"{place} contains no run log. Pass a run id, a run's folder or its zip file."
        )
    problems = (*ledger.verify_ledger(raw, found.run, key), *_verify_files(read, found))
    found.key, found.problems = key, problems
    return found


def _verify_files(read: Read, facts: Verification) -> Iterator[str]:
    for name, digest in facts.files.items():
        content = read(name)
        if content is None and facts.purged_at is not None:
            continue
        if content is None:
            yield f"{name} is missing."
        elif hashlib.sha256(content).hexdigest() != digest:
            yield f"{name} is not the run's original file: it was changed or replaced."
        elif name.startswith(COMMIT):
            whole = b"commit %d\0%s" % (len(content), content)
            # The names of commits are older than sha256.
            sha1 = hashlib.sha1(whole, usedforsecurity=False).hexdigest()
            if name.removeprefix(COMMIT) not in (sha1, hashlib.sha256(whole).hexdigest()):
                yield f"{name} is not that commit: its content has another id."


def write_export(folder: Path, out: IO[bytes]) -> None:
    """Write the signed log in a run's folder as one zip; LedgerUnusable: the run has none."""
    read = _open_log(folder)
    if (raw := read(ledger.FILE_NAME)) is None:
        raise LedgerUnusable(f"{folder.name} has no log.")
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in (ledger.FILE_NAME, *_read_claims(raw).files):
            content = raw if name == ledger.FILE_NAME else read(name)
            if content is not None:
                archive.writestr(name, content)


def _open_log(place: Path) -> Read:
    if place.is_dir() or not zipfile.is_zipfile(place):
        folder = place if place.is_dir() else place.parent

        def read(name: str) -> bytes | None:
            file = place if name == ledger.FILE_NAME and place.is_file() else folder / name
            return file.read_bytes() if file.is_file() and not file.is_symlink() else None

        return read

    def read_member(name: str) -> bytes | None:
        try:
            with zipfile.ZipFile(place) as archive:
                fits = archive.getinfo(name).file_size <= _MOST_BYTES
                return archive.read(name) if fits else None
        except (KeyError, zipfile.BadZipFile):
            return None

    return read_member


def _read_claims(raw: bytes) -> Verification:
    """Read what a ledger says of itself; nothing of it is verified."""
    facts = Verification()
    for line in raw.split(b"\n"):
        # A line that is no event is named by its place in the chain.
        with suppress(ValueError, RecursionError, KeyError, TypeError, AttributeError):
            event = json.loads(line)
            facts.run = facts.run or str(event["run"])
            match event["event"]:
                case ledger.SEALED:
                    facts.digests.append(hashlib.sha256(line).hexdigest())
                    facts.commit = str(event["commit"]) if event.get("commit") else facts.commit
                case ledger.STORED if _NAME.fullmatch(event["name"]):
                    facts.files[event["name"]] = str(event["sha256"])
                case ledger.PURGED:
                    facts.purged_at = float(event["at"])
                case ledger.ENDED:
                    facts.sentence = str(event["outcome"]["sentence"])
    return facts
