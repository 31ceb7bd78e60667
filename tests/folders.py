"""Data folders of tests, which the users of sandboxes can enter, unlike pytest's own."""

import hashlib
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

#: Of the process environment: where all processes of one test run keep what they have built.
BUILT = "ENVIRONMENTS_OF_TESTS"
_ROOT = Path(__file__).parents[1]
#: Code that decides what is in an environment: another version of it builds everything anew.
_BUILDERS = ("agent/setup", "agent/sandbox/sandbox_scripts", "agent/sandbox")
#: So many versions of the builders keep theirs, which are about a gigabyte each.
_KEPT = 4
_IN_USE_SECONDS = 3 * 3600.0


def kept_environments() -> Path:
    """Make the user's cache of built environments, or take the one of earlier runs.

    It lies where the users of sandboxes can enter; those that were used last are kept.
    """
    # A home folder of root's is closed to every other user.
    caches = Path("/var/cache") if os.geteuid() == 0 else Path.home() / ".cache"
    digest = hashlib.sha256()
    for file in sorted(path for folder in _BUILDERS for path in (_ROOT / folder).rglob("*.py")):
        digest.update(file.read_bytes())
    folder = caches / "mergewright-tests" / digest.hexdigest()[:16]
    os.umask(0o022)
    folder.mkdir(parents=True, exist_ok=True)
    os.utime(folder)
    used = sorted(folder.parent.iterdir(), key=lambda version: version.stat().st_mtime)
    for old in used[:-_KEPT]:
        # Other test runs may be at work in it.
        if time.time() - old.stat().st_mtime > _IN_USE_SECONDS:
            shutil.rmtree(old, ignore_errors=True)
    return folder


@contextmanager
def data_folder(name: str = "test", *, built: bool = False) -> Iterator[Path]:
    """Make one below /tmp, and remove it.

    Args:
        built: It has the environments that other tests have built, for tests that are not about
            building.
    """
    os.umask(0o022)
    folder = Path(tempfile.mkdtemp(prefix=f"mergewright-{name}-", dir="/tmp"))
    folder.chmod(0o711)
    try:
        if built:
            (folder / "environments").symlink_to(os.environ[BUILT])
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def data_folder_with_tools(name: str) -> Iterator[Path]:
    """Make one with what tests have built, but for set-ups: these are kept by their repository."""
    kept = Path(os.environ[BUILT])
    # On the disk of what is shared, to which a new tool is moved.
    environments = Path(tempfile.mkdtemp(dir=kept))
    environments.chmod(0o755)
    for part in ("gates", "tools", "interpreters", "downloads", "locks"):
        (kept / part).mkdir(exist_ok=True)
        (environments / part).symlink_to(kept / part)
    try:
        with data_folder(name) as folder:
            (folder / "environments").symlink_to(environments)
            yield folder
    finally:
        # Environments have thousands of files, for whose removal no test waits.
        subprocess.run(["setsid", "--fork", "rm", "-rf", environments], check=True)


def lay_files(folder: Path, files: Mapping[str, str | bytes]) -> Path:
    """Write files of these paths below a folder; return it."""
    for path, content in files.items():
        place = folder / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content.encode() if isinstance(content, str) else content)
    return folder


def fill(disk: Path) -> Path:
    """Fill a small disk to its last byte; return the file that frees it when it is removed."""
    place = disk / "filling"
    with place.open("wb", buffering=0) as file, suppress(OSError):
        while True:
            file.write(b"x" * 65_536)
    return place
