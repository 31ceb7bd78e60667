"""Build one wheel by the PEP 517 hooks of its backend, and report on /out.

Runs in a sandbox without network, under the gate's interpreter (for pyproject_hooks); the backend
runs under the interpreter of the build environment. The argument names a JSON file:

archive   path of a source archive, unpacked below /work; absent: the tree in /work is built
folder    of the project, relative to /work
backend, backend_path, python   the backend and the interpreter that runs it; without a backend
          nothing is built, and the report says what the archive's own pyproject.toml names
provided  requirements that the build environment was made for
editable  whether the wheel shall point at the tree
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from typing import Any

from pyproject_hooks import BackendUnavailable, BuildBackendHookCaller, HookMissing

try:
    import tomllib
except ModuleNotFoundError:
    import tomli as tomllib

WORK = "/work"
OUT = "/out"
#: What a build leaves behind that nobody needs at run time.
LEFT_OVER = {"build", "dist", "__pycache__", ".eggs", ".git", ".tox", ".venv", "node_modules"}
MOST_GENERATED = 300


def main() -> None:
    with open(sys.argv[1], encoding="utf-8") as file:
        job = json.load(file)
    folder = unpack(job["archive"]) if job.get("archive") else os.path.join(WORK, job["folder"])
    os.chdir(folder)
    if not job.get("backend"):
        report_back({"system": build_system()})
        return
    before = listing() if job["editable"] else set()
    caller = BuildBackendHookCaller(
        folder, job["backend"], backend_path=job["backend_path"], python_executable=job["python"]
    )
    try:
        report = build(caller, job)
    except subprocess.CalledProcessError as problem:
        # The backend has printed its own words already.
        sys.exit(problem.returncode if problem.returncode > 0 else 1)
    except BackendUnavailable as problem:
        reason = problem.message or problem.traceback
        sys.exit("error: the backend %s cannot be imported: %s" % (job["backend"], reason))
    if wheel := report.get("wheel"):
        report["metadata"] = metadata(os.path.join(OUT, "wheels", wheel))
    if job["editable"] and wheel:
        hand_over(sorted(listing() - before))
    report_back(report)


def report_back(report: dict[str, Any]) -> None:
    """Leave the report where it is collected."""
    with open(os.path.join(OUT, "report.json"), "w", encoding="utf-8") as file:
        json.dump(report, file)


def build_system() -> Any:
    if not os.path.isfile("pyproject.toml"):
        return None
    with open("pyproject.toml", "rb") as file:
        return tomllib.load(file).get("build-system")


def build(caller: BuildBackendHookCaller, job: dict[str, Any]) -> dict[str, Any]:
    """Ask what the build needs; build when that is all provided."""
    wheels = os.path.join(OUT, "wheels")
    os.makedirs(wheels)
    kind = "editable" if job["editable"] else "wheel"
    try:
        needs = getattr(caller, "get_requires_for_build_" + kind)()
        if missing := [need for need in needs if need not in job["provided"]]:
            return {"needs": missing}
        return {"wheel": getattr(caller, "build_" + kind)(wheels)}
    except HookMissing:
        # A copy of the code would let checks see that of base while they judge a change.
        sys.exit(
            "error: the backend has no build_editable; use a newer one (setuptools 64, for one)"
        )


def unpack(archive: str) -> str:
    """Unpack a source archive and return the one folder in it."""
    if archive.endswith(".zip"):
        with zipfile.ZipFile(archive) as packed:
            packed.extractall(WORK)  # noqa: S202 - the sandbox holds whatever the archive attempts
    else:
        with tarfile.open(archive) as packed:
            if hasattr(tarfile, "data_filter"):
                packed.extractall(WORK, filter="data")
            else:
                packed.extractall(WORK)  # noqa: S202 - as above
    folders = [entry.path for entry in os.scandir(WORK) if entry.is_dir(follow_symlinks=False)]
    if len(folders) != 1:
        sys.exit("error: the archive holds %d folders instead of one" % len(folders))
    return folders[0]


def metadata(wheel: str) -> str:
    if not os.path.isfile(wheel):
        sys.exit("error: the backend has made no wheel")
    with zipfile.ZipFile(wheel) as packed:
        names = [name for name in packed.namelist() if name.endswith(".dist-info/METADATA")]
        if not names:
            sys.exit("error: what the backend has made is no wheel")
        return packed.read(min(names, key=len)).decode("utf-8", "replace")


def listing() -> set[str]:
    """Regular files of the tree, without what a build leaves behind."""
    found = set()
    for current, folders, files in os.walk(WORK):
        folders[:] = [
            name for name in folders if name not in LEFT_OVER and not name.endswith(".egg-info")
        ]
        for name in files:
            path = os.path.join(current, name)
            if not os.path.islink(path):
                found.add(os.path.relpath(path, WORK))
    return found


def hand_over(paths: list[str]) -> None:
    """Copy what the build has generated in the tree to where it is collected."""
    if len(paths) > MOST_GENERATED:
        sys.exit("error: the build generates %d files in the tree" % len(paths))
    for path in paths:
        target = os.path.join(OUT, "generated", path)
        os.makedirs(os.path.dirname(target), exist_ok=True)
        shutil.copyfile(os.path.join(WORK, path), target)


if __name__ == "__main__":
    main()
