"""Fetch Debian packages with apt, and unpack them to a folder without running their scripts.

Runs in a sandbox that reaches only the hosts of apt's sources, with `-I -S` and the standard
library. apt checks the signatures. The argument is the path of a JSON file with the order.
"""

from __future__ import annotations

import glob
import json
import os
import subprocess
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

MOST_WORDS = 500


def run(*argv: str, **options: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        argv,
        check=False,
        text=True,
        errors="replace",
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        **options,
    )


def shorten(output: str) -> str:
    return "".join(output.strip().splitlines()[-1:])[:MOST_WORDS]


def configure(place: str) -> None:
    """Configure apt to read and write only below a folder."""
    for folder in ("etc", "cache/archives/partial", "state/lists/partial"):
        os.makedirs(place + "/" + folder, exist_ok=True)
    environ = os.environ
    settings = {
        "Dir::Etc": place + "/etc",
        "Dir::State": place + "/state",
        "Dir::State::status": place + "/status",
        "Dir::Cache": place + "/cache",
        "Dir::Log": place,
        "Debug::NoLocking": "true",
        # Otherwise, packages of a source that fails would seem not to exist.
        "APT::Update::Error-Mode": "any",
        "APT::Install-Recommends": "false",
        "APT::Get::Assume-Yes": "true",
        "Acquire::Languages": "none",
        "Acquire::Retries": "1",
        "Acquire::http::Pipeline-Depth": "0",
        "Acquire::http::Proxy": environ.get("HTTP_PROXY", ""),
        "Acquire::https::Proxy": environ.get("HTTPS_PROXY", ""),
        "Acquire::https::CAInfo": environ.get("SSL_CERT_FILE", ""),
    }
    with open(place + "/apt.conf", "w") as file:
        file.writelines('%s "%s";\n' % item for item in settings.items() if item[1])
    environ["APT_CONFIG"] = place + "/apt.conf"
    environ["LC_ALL"] = "C.UTF-8"


def require_known(asked: list[str]) -> None:
    """Check that these are names of packages, none that apt would read as a pattern or removal."""
    existing = set(run("apt-cache", "-o", "APT::Cache::AllNames=true", "pkgnames").stdout.split())
    unknown = [name for name in asked if name not in existing]
    if unknown:
        sys.exit("apt's sources have no such package: " + ", ".join(unknown))


def unpack(archive: str, target: str) -> None:
    done = run(
        "bash", "-c",
        'set -o pipefail; dpkg-deb --fsys-tarfile "$1" | tar -x -C "$2" --keep-directory-symlink'
        " --no-same-owner --no-same-permissions --delay-directory-restore",
        "bash", archive, target,
    )  # fmt: skip
    if done.returncode != 0:
        sys.exit(shorten(done.stdout))


def show_alternatives(target: str) -> None:
    """Add library alternatives such as BLAS to ldconfig's search path."""
    libraries = glob.glob(target + "/usr/lib/*/*/lib*.so.[0-9]*")
    folders = sorted({os.path.dirname(path)[len(target) :] for path in libraries})
    os.makedirs(target + "/etc/ld.so.conf.d", exist_ok=True)
    with open(target + "/etc/ld.so.conf.d/zz-alternatives.conf", "w") as file:
        file.writelines(folder + "\n" for folder in folders)


def main() -> None:
    with open(sys.argv[1]) as file:
        order = json.load(file)
    configure(order["place"])
    updated = run("apt-get", "update")
    if updated.returncode != 0:
        sys.exit(shorten(updated.stdout))
    require_known(order["names"])
    done = run("apt-get", "--download-only", "install", "--", *order["names"])
    if done.returncode != 0:
        sys.exit(shorten(done.stdout))
    target = order["target"]
    for name in ("bin", "sbin", "lib", "lib32", "lib64", "libx32"):
        # Links such as /lib lead a package's files to /usr/lib.
        if os.path.islink("/" + name):
            os.makedirs(target + "/usr/" + name, exist_ok=True)
            os.symlink("usr/" + name, target + "/" + name)
    archives = order["place"] + "/cache/archives"
    for entry in sorted(os.listdir(archives)):
        if entry.endswith(".deb"):
            unpack(archives + "/" + entry, target)
    show_alternatives(target)


if __name__ == "__main__":
    main()
