"""Start git with only our environment and configuration, and end it in time.

No other module uses GitPython, and this one uses it only to start the program.
"""

import os
import re
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any, Self

from agent.errors import (
    FREE_SOME_SPACE,
    AgentError,
    Cancelled,
    PermanentError,
    SandboxMissing,
    StorageFull,
)
from agent.models.sandbox import Flag

# Without this, GitPython ends the whole program on import where git is missing; `_program` says
# what to install instead.
os.environ.setdefault("GIT_PYTHON_REFRESH", "quiet")

import git

SECONDS = 600.0
"""Timeout of git commands without their own."""
_OLDEST = (2, 31)
"""Older versions ignore GIT_CONFIG_COUNT, and would run without the configuration below."""

# Old faults of dates, names and modes in objects, harmless and frequent in long histories; any
# other fault that git finds in an object stops the fetch.
_OLD_FAULTS = (
    "badTimezone", "missingSpaceBeforeDate", "missingSpaceBeforeEmail", "missingNameBeforeEmail",
    "missingEmail", "badEmail", "badName", "zeroPaddedDate", "zeroPaddedFilemode",
    "badDateOverflow", "missingTaggerEntry",
)  # fmt: skip
_CONFIG = {
    "core.hooksPath": "/dev/null",
    "core.fsmonitor": "false",
    "core.attributesFile": "/dev/null",
    "core.excludesFile": "/dev/null",
    "core.protectHFS": "true",
    "core.protectNTFS": "true",
    "core.quotePath": "true",
    "commit.gpgSign": "false",
    "fetch.recurseSubmodules": "false",
    "submodule.recurse": "false",
    "gc.auto": "0",
    "maintenance.auto": "false",
    "credential.helper": "",
    "http.followRedirects": "false",
    "http.lowSpeedLimit": "1000",
    "http.lowSpeedTime": "60",
    "protocol.allow": "never",
    "protocol.file.allow": "always",
    "safe.bareRepository": "explicit",
    "transfer.fsckObjects": "true",
    "fetch.fsckObjects": "true",
    "i18n.commitEncoding": "UTF-8",
    "i18n.logOutputEncoding": "UTF-8",
    **{f"fetch.fsck.{fault}": "warn" for fault in _OLD_FAULTS},
}
_ENVIRON = {
    "HOME": "/nonexistent",
    "LC_ALL": "C",
    "LANGUAGE": "C",
    "TZ": "UTC",
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_SYSTEM": "/dev/null",
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_ATTR_NOSYSTEM": "1",
    "GIT_ALLOW_PROTOCOL": "file",
    "GIT_NO_LAZY_FETCH": "1",
    "GIT_NO_REPLACE_OBJECTS": "1",
    "GIT_LITERAL_PATHSPECS": "1",
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_ASKPASS": "/bin/false",
    "GIT_SSH_COMMAND": "/bin/false",
    "GIT_EDITOR": "/bin/false",
    "GIT_PAGER": "cat",
    "GIT_CONFIG_COUNT": str(len(_CONFIG)),
    **{f"GIT_CONFIG_KEY_{number}": key for number, key in enumerate(_CONFIG)},
    **{f"GIT_CONFIG_VALUE_{number}": value for number, value in enumerate(_CONFIG.values())},
}
#: Only about a disk of this machine: messages from the code host begin with `remote:`.
_NO_SPACE = re.compile(
    r"(?im)^(?!remote:).*(?:no space left on device|disk quota exceeded|out of diskspace)"
)
_TOO_LARGE = re.compile(r"(?i)file too large")
_LITTLE_SPACE = 1 << 16


class GitFailed(AgentError):
    """Git ended with an error; the message is git's own, and callers explain it."""


class TookTooLong(GitFailed):
    """Git was ended, since it took longer than it may."""


class FileTooLarge(GitFailed):
    """Git wanted to write a file that is larger than it may."""


@dataclass(frozen=True)
class GitPlace:
    git_dir: Path
    inherited: tuple[int, ...] = ()
    """Descriptors that git and its children inherit. The mirror's lock is among them: a git that
    outlives us keeps it until it has ended."""
    environ: Mapping[str, str] = field(default_factory=dict)
    run_as: tuple[int, int] | None = None
    """User and group that git runs as; None: our own."""
    stopped: Flag | None = None
    """Once it is set, a running git is ended, and none is started."""

    def with_environ(self, **environ: str | Path) -> Self:
        more = {name: str(value) for name, value in environ.items()}
        return replace(self, environ={**self.environ, **more})


def run_git(
    place: GitPlace,
    *args: str,
    stdin: bytes = b"",
    seconds: float = SECONDS,
    ok: tuple[int, ...] = (0,),
    file_bytes: int | None = None,
) -> bytes:
    """Run git to its end; an interruption of the wait ends git as well.

    If its exit code is not in `ok`, raises StorageFull if a disk of the place is full, FileTooLarge
    if it wrote more than `file_bytes` into a file, else GitFailed. Raises TookTooLong after
    `seconds`, and Cancelled if the place was stopped.
    """
    with _start_git(place, args, seconds, file_bytes) as process:
        # No timeout here, since Popen would then poll for the end; `_start_git` has its own.
        out, err = process.communicate(stdin)
    if process.returncode not in ok:
        failure = _make_failure(place, args, process.returncode, err)
        if file_bytes is not None and _TOO_LARGE.search(failure.message):
            raise FileTooLarge(failure.message)
        raise failure
    return bytes(out)


def read_records(place: GitPlace, *args: str) -> Iterator[bytes]:
    """Yield NUL-ended records while git prints them; leaving the loop early ends git."""
    with _start_git(place, args, seconds=120.0) as process:
        process.stdin.close()
        rest = b""
        while block := process.stdout.read1(1 << 16):
            *whole, rest = (rest + block).split(b"\0")
            yield from whole
        words = process.stderr.read()
        process.wait()
    if process.returncode:
        raise _make_failure(place, args, process.returncode, words)


@contextmanager
def _start_git(
    place: GitPlace, args: Sequence[str], seconds: float, file_bytes: int | None = None
) -> Iterator[Any]:
    """Start git; end it if it is late, stopped, or the block is left."""
    stopped = place.stopped
    if stopped is not None and stopped.is_set():
        raise _make_cancelled(args)
    started = _launch(place, args, file_bytes)
    process = started.proc
    over, until = threading.Event(), time.monotonic() + seconds
    ended: list[AgentError] = []

    def watch() -> None:
        while not ended and not over.wait(min(0.25, max(0.0, until - time.monotonic()))):
            if stopped is not None and stopped.is_set():
                ended.append(_make_cancelled(args))
            elif time.monotonic() >= until:
                words = f"git {_command(args)} took longer than {seconds:g} seconds"
                ended.append(TookTooLong(words))
        if ended:
            _kill_git(process)

    # The thread is started within `try`, so that an interruption meanwhile ends git, too.
    watching = threading.Thread(target=watch, name="git", daemon=True)
    try:
        watching.start()
        yield process
    finally:
        over.set()
        _kill_git(process)
        for pipe in (process.stdin, process.stdout, process.stderr):
            with suppress(OSError):
                pipe.close()
    if ended:
        raise ended[0]


def _launch(place: GitPlace, args: Sequence[str], file_bytes: int | None) -> Any:
    """Start git; GitPython ends it as soon as the returned object is released."""
    program = _program("git")
    require_version(_OLDEST)
    path = f"{Path(program).parent}:/usr/local/bin:/usr/bin:/bin"
    environ = {"PATH": path, **_ENVIRON, "GIT_DIR": str(place.git_dir), **place.environ}
    # GitPython extends our environment; `env -i` gives git only these variables.
    settings = (f"{name}={value}" for name, value in environ.items())
    user, group = place.run_as or (None, None)
    bound: tuple[str, ...] = ()
    if file_bytes is not None:
        bound = (_program("prlimit", "util-linux"), f"--fsize={file_bytes}", "--core=0")
    return git.Git("/").execute(
        [*bound, _program("env"), "-i", *settings, program, *args],
        istream=subprocess.PIPE,
        as_process=True,
        start_new_session=True,
        # Python ignores SIGXFSZ, the signal for a file that grows too large. If git inherits that,
        # it reports the reason before it ends.
        restore_signals=file_bytes is None,
        umask=0o022,
        pass_fds=place.inherited,
        user=user,
        group=group,
        extra_groups=None if user is None else [],
    )


@cache
def require_version(oldest: tuple[int, int], use: str = "") -> None:
    """Raise PermanentError if git is too old, in general or for one use."""
    version = git.Git("/").version_info
    if version < oldest:
        raise PermanentError(
            f"git {'.'.join(map(str, version))} is too old; {'.'.join(map(str, oldest))} or later "
            f"is needed{use and ' '}{use}. On Debian: apt-get install git"
        )


def _program(name: str, package: str = "git") -> str:
    path = shutil.which(name)
    if path is None:
        raise SandboxMissing(
            f"`{name}` is not installed here. On Debian: apt-get install {package}"
        )
    return path


def _kill_git(process: subprocess.Popen[bytes]) -> None:
    """End git and all it has started, unless it has ended."""
    if process.poll() is not None:
        return
    with suppress(ProcessLookupError):
        # On the first signal git removes its lock files; the second is for its children.
        os.killpg(process.pid, signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            process.wait(5.0)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        # Wait for git's children, which could still write files that the caller deletes next.
        end = time.monotonic() + 1.0
        while time.monotonic() < end:
            os.killpg(process.pid, 0)
            time.sleep(0.01)


def _command(args: Sequence[str]) -> str:
    """Return the name of git's command, which comes after the `-c` options."""
    configured = {number + 1 for number, arg in enumerate(args) if arg == "-c"}
    return next(arg for at, arg in enumerate(args) if arg != "-c" and at not in configured)


def _make_cancelled(args: Sequence[str]) -> Cancelled:
    return Cancelled(f"git {_command(args)} was cancelled because the run was stopped.")


def _make_failure(place: GitPlace, args: Sequence[str], code: int, words: bytes) -> AgentError:
    text = words.decode(errors="replace").strip()[-2000:]
    text = text or f"git {_command(args)} ended with exit code {code}"
    # Git does not always report a full disk, for example when it writes a work tree.
    folders = {place.git_dir, Path(place.environ.get("GIT_WORK_TREE", place.git_dir))}
    is_full = any(
        shutil.disk_usage(folder).free < _LITTLE_SPACE for folder in folders if folder.exists()
    )
    if is_full or _NO_SPACE.search(text):
        return StorageFull(f"The disk is full: {text}. {FREE_SOME_SPACE}")
    return GitFailed(text)
