"""Released source distributions: fetched at test time, held against a pin, made a repository.

Nothing of them is ever committed here. An archive is data until it is unpacked, and unpacking
makes only plain files below the given folder.
"""

import hashlib
import os
import shutil
import tarfile
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from pypi_simple import PyPISimple

from agent.setup.package_index import PackageIndex
from tests.flow.stories import Repository

_MOST_BYTES = 64 * 1024**2


@dataclass(frozen=True)
class Source:
    """One released archive, pinned."""

    name: str
    version: str
    sha256: str


def repository(
    source: Source,
    index: PackageIndex,
    folder: Path,
    config: str | None = None,
    *,
    tag: str | None = None,
) -> Repository:
    """Fetch the archive and make a repository of what is in it.

    Args:
        config: Committed on top, as a maintainer would, without its version.
        tag: Set on the commit; the version is then told by that alone, as in the
            project's own repository, since what packing the archive added is left out.
    """
    tree, released = fetched(source, index, folder)
    if tag is not None:
        _leave_out_packing(tree)
    # Without a lock, packages are those of the commit's day.
    made = Repository(tree, date=f"@{released} +0000")
    made.git("init", "-q", "-b", "main")
    # Release archives hold files that their own .gitignore names; a project's tests may need them.
    made.git("add", "-A", "-f")
    made.git("commit", "-q", "-m", f"Import {source.name} {source.version}")
    if config is not None:
        made.write(".github/mergewright.yml", f"version: 1\n{config}")
        made.git("add", "-f", ".github/mergewright.yml")
        made.git("commit", "-q", "-m", "Tell how the tests are run")
    if tag is not None:
        made.git("tag", "-a", "-m", source.version, tag)
    return made


def fetched(source: Source, index: PackageIndex, folder: Path) -> tuple[Path, int]:
    """Fetch the archive and unpack it below the folder; returns where, and when it was released."""
    with PyPISimple(index.url) as client:
        archives = [
            package
            for package in client.get_project_page(source.name).packages
            if (package.version, package.package_type) == (source.version, "sdist")
        ]
        assert archives, f"the index has no source archive of {source.name} {source.version}"
        archive = folder / "downloads" / archives[0].filename
        client.download_package(archives[0], archive, verify=False)
    digest = hashlib.sha256(archive.read_bytes()).hexdigest()
    assert digest == source.sha256, f"{archive.name} is not what was pinned"
    tree = folder / source.name
    _unpack(archive, tree)
    # What an archive says of its files' times may be the same for all of a tool's archives.
    assert archives[0].upload_time is not None
    return tree, int(archives[0].upload_time.timestamp())


def _leave_out_packing(tree: Path) -> None:
    """Remove the metadata that is in archives and in no repository."""
    (tree / "PKG-INFO").unlink(missing_ok=True)
    for folder in (*tree.glob("*.egg-info"), *tree.glob("src/*.egg-info")):
        shutil.rmtree(folder)


def _unpack(archive: Path, tree: Path) -> None:
    """Write the plain files of an archive, without its one top folder, and nothing else."""
    left = _MOST_BYTES
    with tarfile.open(archive) as opened:
        for member in opened:
            if member.isdir():
                continue
            assert member.isfile(), f"{archive.name}: {member.name} is no plain file"
            parts = PurePosixPath(member.name).parts[1:]
            assert parts, f"{archive.name}: {member.name} is in no folder"
            unsafe = {"..", "/", ".git"} & {part.lower() for part in parts}
            assert not unsafe, f"{archive.name}: {member.name} leads elsewhere"
            left -= member.size
            assert left >= 0, f"{archive.name} is larger than {_MOST_BYTES} bytes"
            target = tree.joinpath(*parts)
            target.parent.mkdir(parents=True, exist_ok=True)
            content = opened.extractfile(member)
            assert content is not None
            target.write_bytes(content.read())
            os.utime(target, (member.mtime, member.mtime))
            target.chmod(0o755 if member.mode & 0o100 else 0o644)
