"""Run the set-up commands of a repository, and copy the files that they add to writable mounts.

Runs in a sandbox, on any Python from 3.9, with `-I -S` and only the standard library. Its results
are as untrusted as the commands: the host decides what it uses.

The argument is the path of a JSON file with the order.
"""

from __future__ import annotations

import glob
import json
import os
import shutil
import signal
import stat
import subprocess
import sys
import tarfile
import time
from contextlib import suppress
from urllib.parse import unquote, urlsplit

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    Marks = dict[str, tuple[int, ...]]

#: If more paths are read, the whole tree counts as read.
MOST_READ = 5000


def list_entries(top: str) -> Marks:
    """Return a mark of each path below a folder; the mark changes when the path is written to."""
    marks: Marks = {}
    folders = [""]
    while folders:
        folder = folders.pop()
        with suppress(OSError), os.scandir(top + folder) as entries:
            for entry in entries:
                path = folder + "/" + entry.name
                if path == "/.git":
                    continue
                state = entry.stat(follow_symlinks=False)
                if stat.S_ISDIR(state.st_mode):
                    folders.append(path)
                    marks[path] = (state.st_mode,)
                else:
                    size, times = state.st_size, (state.st_mtime_ns, state.st_ctime_ns)
                    marks[path] = (state.st_mode, state.st_ino, size, *times)
    return marks


def mark_unread(paths: list[str]) -> None:
    """Reset the access times of files and folders, so that the kernel notes the next reading."""
    for path in paths:
        with suppress(OSError):
            os.utime(path, ns=(0, os.lstat(path).st_mtime_ns), follow_symlinks=False)


def is_noted(folder: str) -> bool:
    """Check whether the kernel notes access times in a folder."""
    path = os.path.join(folder, ".mergewright-probe")
    with open(path, "w", encoding="utf-8") as file:
        file.write("x")
    mark_unread([path])
    with open(path, encoding="utf-8") as file:
        file.read()
    noted = os.lstat(path).st_atime_ns != 0
    os.unlink(path)
    return noted


def list_read(top: str, paths: list[str]) -> list[str] | None:
    """List the files and folders that were read; None: too many.

    A folder is checked before its entries, since to check an entry reads the folder.
    """
    read = []
    for path in sorted(paths):
        with suppress(OSError):
            if os.lstat(top + path).st_atime_ns:
                read.append(path[1:])
    return read if len(read) <= MOST_READ else None


def take_read(top: str, before: Marks) -> list[str] | None:
    """List the paths that were read since the last call, and reset the access times.

    Marks of unchanged paths are renewed, since the reset changes them.
    """
    read = list_read(top, ["", *before])
    same = [path for path, mark in list_entries(top).items() if before.get(path) == mark]
    mark_unread([top + path for path in same])
    now = list_entries(top)
    before.update((path, now[path]) for path in same if path in now)
    mark_unread([top + path for path in ("", *now) if not path or stat.S_ISDIR(now[path][0])])
    return read


def list_projects(top: str) -> dict[str, tuple[bool, int]]:
    """List the installed projects of the tree by their addresses.

    The values are whether a project is a link to the tree, and a mark that reinstalling changes.
    """
    projects = {}
    pattern = "lib/python3*/site-packages/*.dist-info/direct_url.json"
    for path in glob.glob(os.path.join(os.environ["VIRTUAL_ENV"], pattern)):
        with suppress(OSError, ValueError, KeyError, AttributeError), open(path, "rb") as file:
            written = json.load(file)
            if written["url"].startswith("file://" + top):
                is_link = bool(written.get("dir_info", {}).get("editable"))
                projects[written["url"]] = (is_link, os.stat(path).st_ino)
    return projects


def link_project(address: str, program: list[str]) -> None:
    """Replace the copy of a project by a link to the tree, if its build supports that."""
    folder = unquote(urlsplit(address).path)
    if os.path.isdir(folder):
        subprocess.run([*program, "-e", folder], check=False)


def join_read(parts: list[list[str] | None]) -> list[str] | None:
    """Join lists of read paths; None: one of them is not known."""
    if None in parts:
        return None
    return sorted({path for part in parts for path in part or ()})


def copy(source: str, target: str) -> None:
    """Copy a folder, link or file; skip special files."""
    state = os.lstat(source)
    if stat.S_ISDIR(state.st_mode):
        os.makedirs(target, exist_ok=True)
        return
    os.makedirs(os.path.dirname(target), exist_ok=True)
    if stat.S_ISLNK(state.st_mode):
        os.symlink(os.readlink(source), target)
    elif stat.S_ISREG(state.st_mode):
        shutil.copyfile(source, target, follow_symlinks=False)
        os.chmod(target, 0o755 if state.st_mode & stat.S_IXUSR else 0o644)


def write_report(order: dict[str, Any], report: dict[str, Any]) -> None:
    with open(order["report"], "w", encoding="utf-8") as file:
        json.dump(report, file)


def keep_data(server: dict[str, str], folder: str) -> None:
    """Stop a server and store its data for the host."""
    with open(server["number"], encoding="utf-8") as file:
        number = int(file.read())
    os.kill(number, signal.Signals[server["stop"]])
    end = time.monotonic() + 60
    while is_running(number):
        if time.monotonic() > end:
            sys.exit(server["name"] + " does not stop after the set-up commands")
        time.sleep(0.05)
    with tarfile.open(os.path.join(folder, server["name"] + ".tar"), "w") as tar:
        tar.add(server["data"], arcname="data")


def is_running(number: int) -> bool:
    try:
        with open("/proc/%d/stat" % number, encoding="utf-8", errors="replace") as file:
            return file.read().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def start_servers(paths: list[str]) -> list[str]:
    """Start the repository's own servers; return those that did not start."""
    quiet = subprocess.DEVNULL
    return [path for path in paths if subprocess.call(["/bin/sh", path], stdout=quiet)]


def main() -> int:
    with open(sys.argv[1], encoding="utf-8") as file:
        order: dict[str, Any] = json.load(file)
    top = order["places"]["tree"]["from"]
    noted = is_noted(top)
    mark_unread([top + path for path in list_entries(top)])
    before = {name: list_entries(place["from"]) for name, place in order["places"].items()}
    folders = [path for path, mark in before["tree"].items() if stat.S_ISDIR(mark[0])]
    mark_unread([top + path for path in ("", *folders)])
    os.makedirs(order["directory"], exist_ok=True)
    os.chdir(order["directory"])
    servers = sorted(glob.glob("/tmp/mergewright-services-*.sh"))  # noqa: S108
    projects: dict[str, tuple[bool, int]] = {}
    read: list[list[str] | None] = []
    built: dict[str, list[str] | None] = {}

    def note_read() -> None:
        read.append(take_read(top, before["tree"]) if noted else None)
        now = list_projects(top)
        built.update(
            (address, read[-1]) for address in now if now[address] != projects.get(address)
        )
        projects.update(now)

    for number, command in enumerate(order["commands"]):
        # A command may install what a server needs.
        servers = start_servers(servers)
        report = {"at": number, "since": time.monotonic()}
        write_report(order, report)
        print("$ " + command.replace("\n", " "), flush=True)
        code = subprocess.run(["bash", "-eo", "pipefail", "-c", command], check=False).returncode
        if code:
            write_report(order, dict(report, code=code))
            return 1
        note_read()
    for address in [address for address, (is_link, _) in projects.items() if not is_link]:
        link_project(address, order["link"])
        note_read()
    for path in start_servers(servers):
        if subprocess.call(["/bin/sh", path]):
            return 1
    for server in order["servers"]:
        keep_data(server, order["data"])
    inputs = join_read(read)
    # A copy may be made of files that other commands have created, so it depends on all inputs.
    of_projects = [
        built.get(address) if is_link else inputs
        for address, (is_link, _) in list_projects(top).items()
    ]
    for name, place in order["places"].items():
        now = list_entries(place["from"])
        for path, mark in sorted(now.items()):
            if before[name].get(path) != mark:
                with suppress(FileNotFoundError):
                    copy(place["from"] + path, place["to"] + path)
    write_report(order, {"inputs": inputs, "built": join_read(of_projects)})
    return 0


sys.exit(main())
