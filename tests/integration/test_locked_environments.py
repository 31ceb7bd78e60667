"""Lock files of other tools, built for real: exact versions, held against the hashes they name."""

from __future__ import annotations

import hashlib
import re
import subprocess
from collections.abc import Iterator

import pytest
import uv

from agent.adapters.bubblewrap_sandbox import BubblewrapSandbox
from agent.environments import build
from agent.errors import EnvironmentFailed
from agent.settings import Settings
from tests.integration.environment_building import ensure, lay, local, with_our_tools
from tests.unit.environments import local_index

pytestmark = [pytest.mark.index, pytest.mark.deep]


@pytest.fixture(scope="module")
def settings() -> Iterator[Settings]:
    with with_our_tools() as made:
        yield made


@pytest.fixture
def folder(home):
    place = home / "tree"
    place.mkdir()
    return place


@pytest.fixture
def served():
    with local_index.serving() as index:
        index.add(
            local_index.wheel("direct", "1.0", ("transitive",)),
            local_index.wheel("direct", "2.0", ("transitive",)),
            local_index.wheel("transitive", "1.0"),
            local_index.wheel("transitive", "2.0"),
            local_index.wheel("checker", "1.0"),
            local_index.sdist("onlysource", "1.0"),
            local_index.sdist("onlysource", "2.0"),
        )
        yield index


def digest(served, filename: str) -> str:
    return hashlib.sha256(served.files[filename]).hexdigest()


# --- uv.lock ---------------------------------------------------------------------------------

UV = '[project]\nname = "shop"\nversion = "1"\nrequires-python = ">=3.9"\ndependencies = [{}]\n'


def test_a_uv_lock_is_brought_up_to_date_with_what_it_holds_kept(settings, folder, served):
    lay(folder, {"pyproject.toml": UV.format('"transitive==1.0"')})
    locking = [uv.find_uv_bin(), "lock", "--quiet", "--default-index", served.url]
    subprocess.run(locking, cwd=folder, check=True)

    def update():
        request = build.EnvironmentRequest(tree=str(folder), nearest_tag=None)
        given = BubblewrapSandbox(settings), local(settings, served), settings, [].append
        return build.update_lock(request, *given)

    assert update() == {}
    lay(folder, {"pyproject.toml": UV.format('"transitive", "checker"')})
    (lock,) = update().values()
    assert b'name = "checker"' in lock
    assert lock.count(b'version = "1.0"') == 2, "what was locked stays"
    (folder / "uv.lock").write_bytes(re.sub(rb"http://[^/]+", b"https://pypi.org", lock))
    lay(folder, {"pyproject.toml": UV.format('"transitive", "direct"')})
    with pytest.raises(EnvironmentFailed):
        update()


# --- poetry.lock -----------------------------------------------------------------------------

POETRY = """
[tool.poetry]
name = "shop"
version = "1"
[tool.poetry.dependencies]
python = ">=3.9"
direct = "*"
onlysource = "*"
[tool.poetry.group.dev.dependencies]
checker = "*"
"""


def poetry_lock(served, *files: str, version: str = "2.0") -> str:
    text = ""
    for filename in files:
        name, number = filename.removesuffix(".tar.gz").split("-")[:2]
        text += (
            f'[[package]]\nname = "{name}"\nversion = "{number}"\noptional = false\n'
            f'python-versions = "*"\n'
            f'files = [{{file = "{filename}", hash = "sha256:{digest(served, filename)}"}}]\n'
        )
        if name == "direct":
            text += '[package.dependencies]\ntransitive = "*"\n'
    return text + f'[metadata]\nlock-version = "{version}"\n'


LOCKED = (
    "direct-1.0-py3-none-any.whl", "transitive-1.0-py3-none-any.whl",
    "checker-1.0-py3-none-any.whl", "onlysource-1.0.tar.gz",
)  # fmt: skip


def test_a_poetry_lock_fixes_what_is_installed(settings, folder, served):
    lay(folder, {"pyproject.toml": POETRY, "poetry.lock": poetry_lock(served, *LOCKED)})
    environment = ensure(settings, folder, index=local(settings, served))
    assert environment.packages == (
        "checker==1.0", "direct==1.0", "onlysource==1.0", "transitive==1.0",
    )  # fmt: skip
    assert environment.sources == ("poetry.lock",)


@pytest.mark.parametrize("filename", ["transitive-1.0-py3-none-any.whl", "onlysource-1.0.tar.gz"])
def test_what_the_index_has_under_another_hash_is_not_installed(settings, folder, served, filename):
    lock = poetry_lock(served, *LOCKED).replace(digest(served, filename), "0" * 64)
    lay(folder, {"pyproject.toml": POETRY, "poetry.lock": lock})
    with pytest.raises(EnvironmentFailed, match=filename.split("-")[0]):
        ensure(settings, folder, index=local(settings, served))


# --- the others ------------------------------------------------------------------------------


def test_the_standards_lock_that_uv_writes_fixes_what_is_installed(settings, folder, served):
    lay(folder, {"requirements.in": "direct<2\nonlysource<2\n"})
    subprocess.run(
        [
            uv.find_uv_bin(), "pip", "compile", "--quiet", "--no-config", "--default-index",
            served.url, "--python", "/usr/bin/python3", "requirements.in", "-o", "pylock.toml",
        ],
        cwd=folder, check=True, timeout=120,
    )  # fmt: skip
    environment = ensure(settings, folder, index=local(settings, served))
    assert environment.packages == ("direct==1.0", "onlysource==1.0", "transitive==2.0")
    assert environment.sources == ("pylock.toml",)
