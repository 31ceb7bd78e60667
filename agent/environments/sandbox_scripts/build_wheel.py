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
        place = os.path.join(OUT, "wheels", wheel)
        report["metadata"] = metadata(place)
    is_copy = report.pop("is_copy", False)
    if job["editable"] and wheel:
        if is_copy:
            point_at_tree(place, folder)
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
    if job["editable"]:
        try:
            needs = caller.get_requires_for_build_editable()
            if missing := [need for need in needs if need not in job["provided"]]:
                return {"needs": missing}
            return {"wheel": caller.build_editable(wheels)}
        except HookMissing:
            # What the backend prints comes after it.
            print("the backend has no build_editable; its build_wheel is used", flush=True)
    needs = caller.get_requires_for_build_wheel()
    if missing := [need for need in needs if need not in job["provided"]]:
        return {"needs": missing}
    return {"wheel": caller.build_wheel(wheels), "is_copy": True}


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


def point_at_tree(wheel: str, folder: str) -> None:
    """Replace the code of a wheel by a line that leads to the tree, for want of build_editable.

    A copy of the code would let checks see that of the base commit while they judge a change. What
    the wheel has and the tree lacks is written there, as if the build had generated it.
    """
    with zipfile.ZipFile(wheel) as packed:
        content = {name: packed.read(name) for name in packed.namelist() if name[-1] != "/"}
    info = next(name.split("/")[0] for name in content if name.endswith(".dist-info/RECORD"))
    of_wheel = (info + "/", info[: -len(".dist-info")] + ".data/")
    code = [name for name in content if not name.startswith(of_wheel)]
    places = [entry.path for entry in os.scandir(folder) if entry.is_dir()]
    hits = {
        place: sum(os.path.isfile(os.path.join(place, name)) for name in code)
        for place in (folder, *sorted(places))
        if os.path.basename(place) not in LEFT_OVER
    }
    root = max(hits, key=lambda place: hits[place])
    if code and not hits[root]:
        sys.exit(
            "error: the backend has no build_editable, and the tree does not hold the code of its"
            " wheel. With setuptools, write setuptools>=64 to `requires` of [build-system]"
        )
    for name in code:
        place, data = os.path.join(root, name), content.pop(name)
        if not os.path.exists(place):
            os.makedirs(os.path.dirname(place), exist_ok=True)
            with open(place, "wb") as file:
                file.write(data)
    content["_%s_tree.pth" % info.split("-")[0]] = os.fsencode(os.path.normpath(root) + "\n")
    content[info + "/RECORD"] = "".join(f"{name},,\n" for name in content).encode()
    with zipfile.ZipFile(wheel, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, data in content.items():
            packed.writestr(name, data)


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
