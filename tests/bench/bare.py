"""The other side: the same Python and the same packages, without anything of ours around them."""

import os
import subprocess
from pathlib import Path

import uv

from agent.settings import Settings
from agent.setup import distributions
from agent.setup.package_index import PackageIndex
from tests.bench.timing import BareFailed

_SECONDS = 600
_PASSED_ON = ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy")


def make_environ(scratch: Path, settings: Settings) -> dict[str, str]:
    """Return the environment variables of a plain shell, with our package index for uv."""
    # Of our own tools uv alone: with black on its path Django would format migrations.
    tools = scratch / "bare-home" / "bin"
    tools.mkdir(parents=True, exist_ok=True)
    (tools / "uv").unlink(missing_ok=True)
    (tools / "uv").symlink_to(uv.find_uv_bin())
    access = PackageIndex().list_accesses()[-1]
    variables = {
        "PATH": f"{tools}:/usr/local/bin:/usr/bin:/bin",
        "HOME": str(tools.parent),
        "LANG": "C.UTF-8",
        "UV_DEFAULT_INDEX": access.url,
        "UV_NO_CONFIG": "1",
        "UV_NO_PROGRESS": "1",
        "GIT_AUTHOR_NAME": "Bench",
        "GIT_AUTHOR_EMAIL": "bench@example.org",
        "GIT_COMMITTER_NAME": "Bench",
        "GIT_COMMITTER_EMAIL": "bench@example.org",
    }
    variables |= {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
    if access.ca_bundle is not None:
        variables["SSL_CERT_FILE"] = access.ca_bundle
    return variables


def make_venv(ours: Path, scratch: Path, settings: Settings) -> Path:
    """Make a plain virtual environment with the packages of ours, compiled as ours are; once."""
    venv, shell = scratch / f"bare-{ours.parent.name}", make_environ(scratch, settings)
    if venv.is_dir():
        return venv
    installed = distributions.list_installed(str(ours)).values()
    listed = scratch / "requirements.txt"
    listed.write_text(
        "".join(
            f"{distribution.name}=={distribution.version}\n"
            for distribution in installed
            if not distribution.is_local
        )
    )
    tool, python = uv.find_uv_bin(), os.path.realpath(ours / "bin" / "python")
    run([tool, "venv", "--quiet", "--python", python, str(venv)], scratch, shell)
    install = [tool, "pip", "install", "--quiet", "--compile-bytecode", "-r", str(listed)]
    run(install, scratch, shell | {"VIRTUAL_ENV": str(venv)})
    return venv


def run(argv: list[str], folder: Path, shell: dict[str, str]) -> str:
    """Run a command to its end and return what it printed.

    Raises:
        BareFailed: It ended with an error; its last lines are in the message.
    """
    ended = subprocess.run(
        argv, cwd=folder, env=shell, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, text=True, timeout=_SECONDS, check=False,
    )  # fmt: skip
    if ended.returncode != 0:
        last = "\n".join(ended.stdout.splitlines()[-20:])
        raise BareFailed(f"`{' '.join(argv)}` ended with {ended.returncode}:\n{last}")
    return ended.stdout
