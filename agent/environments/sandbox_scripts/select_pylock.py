"""Print what a pylock.toml installs into the Python that runs this, as requirements.

The arguments are the extras and the groups, each separated by commas. Runs in the tool environment.
"""

import sys

from packaging.pylock import Pylock

try:
    import tomllib
except ModuleNotFoundError:
    import tomli as tomllib


def main(extras: str, groups: str) -> None:
    with open("pylock.toml", "rb") as file:
        lock = Pylock.from_dict(tomllib.load(file))
    chosen = lock.select(
        extras=[name for name in extras.split(",") if name],
        dependency_groups=[name for name in groups.split(",") if name],
    )
    for package, _ in chosen:
        if package.directory is not None:
            folder = f"{package.directory.path}/{package.directory.subdirectory or ''}"
            print(f"{package.name} @ ./{folder.strip('/')}")
        elif package.vcs is not None:
            print(f"{package.name} @ {package.vcs.type}+{package.vcs.url or package.vcs.path}")
        elif package.archive is not None:
            print(f"{package.name} @ {package.archive.url or package.archive.path}")
        else:
            archives = [*(package.wheels or ()), *([package.sdist] if package.sdist else ())]
            digests = {f"{name}:{one}" for file in archives for name, one in file.hashes.items()}
            hashes = "".join(f" --hash={digest}" for digest in sorted(digests))
            print(f"{package.name}=={package.version}{hashes}")


main(*sys.argv[1:])
