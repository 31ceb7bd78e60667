"""The signed log of a run: `signature.json` covers its events, patch, text, reports and commits.

The private key (Ed25519) is in a file of the data folder that the worker makes at first use, or
given as a secret. Verifying an exported log takes no network, and no data except the public key;
until it is verified, nothing in the log is trusted.
"""

import hashlib
import json
import re
import zipfile
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import IO

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from agent.errors import LogUnusable, SettingsInvalid
from agent.models.record import Record, replace
from agent.secret_values import read_secret
from agent.settings import Settings, variable
from agent.telemetry.private_files import write_private_file
from agent.telemetry.run_events import FILE_NAME as EVENTS
from agent.telemetry.run_events import PUBLISHED

FILE_NAME = "signature.json"
COMMIT = "commit-"
"""Prefix of the file with the git object of a published commit, before the commit's id."""
PUBLIC_FILE = "mergewright.pub"
"""In the data folder: the public key, as PEM."""
_SIGNED = re.compile(r"pull_request\.md|change\.patch|checks-(base|head)\.json|commit-[0-9a-f]+")
_MOST_BYTES = 512 * 1024 * 1024
_HEX_DIGITS = 64
#: Prefix of the signed bytes, so that no other use of the key can sign a log.
_USE = b"mergewright log 2\n"
_PEM = serialization.Encoding.PEM


class Seal(Record):
    """The signed log's digest and key, as a published text shows them."""

    digest: str
    """sha256 of the events until the publication; in hexadecimal digits, as the public key."""
    key: str


class SignedEvents(Record):
    size: int
    """Bytes that are signed."""
    sha256: str
    published: tuple[str, ...] = ()
    """sha256 of the events at each publication: one is in the pull request."""
    commit: str | None = None
    """Last commit that was published."""


class SignedLog(Record):
    """Content of `signature.json`."""

    run: str
    events: SignedEvents
    files: dict[str, str]
    """sha256 of the other files, by name."""
    purged_at: float | None = None
    """When names and texts were deleted, in seconds since the epoch; None: they were not."""
    purged: tuple[str, ...] = ()
    """Names of the files that were deleted."""
    signature: str = ""

    @property
    def statement(self) -> bytes:
        """The signed bytes."""
        facts = self.model_dump(mode="json", exclude={"signature"}, exclude_defaults=True)
        return _USE + json.dumps(facts, sort_keys=True).encode()

    def is_signed_by(self, public: str) -> bool:
        """Whether the signature is that of a public key, in hexadecimal digits."""
        with suppress(InvalidSignature, ValueError):
            key = Ed25519PublicKey.from_public_bytes(bytes.fromhex(public))
            key.verify(bytes.fromhex(self.signature), self.statement)
            return True
        return False


def _sign(log: SignedLog, key: Ed25519PrivateKey) -> str:
    return replace(log, signature=key.sign(log.statement).hex()).model_dump_json()


def sign_run(folder: Path, key: Ed25519PrivateKey) -> Seal:
    """Sign the log in a run's folder as it is now. Raises StorageFull or OSError."""
    events = _measure_events((folder / EVENTS).read_bytes())
    files = {path.name: _digest(path.read_bytes()) for path in _list_signed(folder)}
    log = SignedLog(run=folder.name, events=events, files=files)
    write_private_file(folder / FILE_NAME, _sign(log, key))
    digest = events.published[-1] if events.published else events.sha256
    return Seal(digest=digest, key=name_key(key))


def sign_purge(raw: bytes, key: Ed25519PrivateKey, now: float) -> bytes:
    """Sign that the files of a log were deleted; what this key has not signed stays as it is."""
    with suppress(ValueError):
        log = SignedLog.model_validate_json(raw)
        if log.is_signed_by(name_key(key)):
            return _sign(replace(log, purged_at=now, purged=(EVENTS, *log.files)), key).encode()
    return raw


def _measure_events(raw: bytes) -> SignedEvents:
    total, published, commit = hashlib.sha256(), [], None
    for line in raw.splitlines(keepends=True):
        total.update(line)
        if line.startswith(b'{"event": "%s", ' % PUBLISHED.encode()):
            published.append(total.hexdigest())
            commit = json.loads(line)["commit"]
    return SignedEvents(
        size=len(raw), sha256=total.hexdigest(), published=tuple(published), commit=commit
    )


def _list_signed(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if _SIGNED.fullmatch(path.name))


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


# --- for people elsewhere ------------------------------------------------------------------------


def export_run(folder: Path, out: IO[bytes]) -> None:
    """Write the signed files of a run's log as a zip file. Raises LogUnusable if there are none."""
    try:
        raw = (folder / FILE_NAME).read_bytes()
        log = SignedLog.model_validate_json(raw)
    except FileNotFoundError:
        raise LogUnusable(f"{folder.name} has no signed log: nothing was published yet.") from None
    except ValueError as problem:
        raise LogUnusable(f"{FILE_NAME} of {folder.name} is damaged.") from problem
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(FILE_NAME, raw)
        if (folder / EVENTS).exists():
            # Events after the signature are left out.
            archive.writestr(EVENTS, (folder / EVENTS).read_bytes()[: log.events.size])
        for path in _list_signed(folder):
            if path.name in log.files:
                archive.write(path, path.name)


def verify_run(file: Path | IO[bytes], public: str) -> tuple[SignedLog, tuple[str, ...]]:
    """Verify an exported log with a public key, in hexadecimal digits.

    Returns the signed content, and a sentence for each difference. Raises LogUnusable.
    """
    try:
        with zipfile.ZipFile(file) as archive:
            log = SignedLog.model_validate_json(_read(archive, FILE_NAME))
            return log, tuple(_find_differences(archive, log, public))
    except Exception as problem:  # foreign bytes make each library fail in its own way
        raise LogUnusable(
            f"{file} contains no signed log that can be read. Pass the zip file of `mergewright"
            " runs export`, or the one that the run's page or job offers."
        ) from problem


def _find_differences(archive: zipfile.ZipFile, log: SignedLog, public: str) -> Iterator[str]:
    if not log.is_signed_by(public):
        yield f"{FILE_NAME} was changed, or another key than {public!r} has signed it."
        return
    digests = {EVENTS: log.events.sha256, **log.files}
    for name in Counter(archive.namelist()) - Counter([FILE_NAME, *digests]):
        yield f"{name} was added: it is not signed, or is there twice."
    for name, digest in digests.items():
        if name not in archive.namelist():
            if name not in log.purged:
                yield f"{name} is missing."
            continue
        content = _read(archive, name)
        if _digest(content) != digest:
            yield f"{name} was changed or replaced after it was signed."
        elif name.startswith(COMMIT):
            whole = b"commit %d\0%s" % (len(content), content)
            # Git names commits by sha1, in newer repositories by sha256.
            sha1 = hashlib.sha1(whole, usedforsecurity=False).hexdigest()
            if name.removeprefix(COMMIT) not in (sha1, _digest(whole)):
                yield f"{name} is not that commit: its content has another id."


def _read(archive: zipfile.ZipFile, name: str) -> bytes:
    if archive.getinfo(name).file_size > _MOST_BYTES:
        raise ValueError(f"{name} is too large")
    return archive.read(name)


# --- the key -------------------------------------------------------------------------------------


def load_key(settings: Settings) -> Ed25519PrivateKey:
    """Load the key of this installation, or make one. Raises SettingsInvalid, StorageFull."""
    place = settings.home / "signing" / "key.pem"
    secret, origin = read_secret(settings, "signing_key"), variable("signing_key")
    try:
        if secret is None:
            origin = str(place)
            if not place.exists():
                private, encrypted = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
                made = Ed25519PrivateKey.generate().private_bytes(_PEM, private, encrypted)
                write_private_file(place, made.decode(), replace=False)
            pem = place.read_bytes()
        else:
            pem = secret.get_secret_value().encode()
        key = serialization.load_pem_private_key(pem, password=None)
    except (OSError, ValueError, TypeError):
        key = None
    if not isinstance(key, Ed25519PrivateKey):
        # Without its cause, which may show the key.
        raise SettingsInvalid(
            f"{origin} contains no Ed25519 key for signing logs. Generate one:"
            " `openssl genpkey -algorithm ed25519`."
        ) from None
    shown = key.public_key().public_bytes(_PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    published = settings.home / PUBLIC_FILE
    if not published.exists() or published.read_bytes() != shown:
        write_private_file(published, shown.decode())
    return key


def read_public_key(text: str) -> str:
    """Read a public key, in hexadecimal digits or as PEM; return the digits.

    Raises:
        ValueError: It is neither.
    """
    if len(text.strip()) == _HEX_DIGITS:
        return bytes.fromhex(text).hex()
    key = serialization.load_pem_public_key(text.encode())
    if isinstance(key, Ed25519PublicKey):
        return key.public_bytes_raw().hex()
    raise ValueError("no Ed25519 key")


def name_key(key: Ed25519PrivateKey) -> str:
    """Return the public half of a key, in hexadecimal digits."""
    return key.public_key().public_bytes_raw().hex()
