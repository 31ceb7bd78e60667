"""Lock files of other tools, built for real: exact versions, held against the hashes they name."""

from __future__ import annotations

import hashlib
import json
import subprocess
from collections.abc import Iterator

import pytest
import uv

from agent.errors import EnvironmentFailed
from agent.settings import Settings
from tests.integration.environment_building import ensure, lay, local, python, with_our_tools
from tests.unit.environments import local_index

pytestmark = pytest.mark.index


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


def test_the_project_itself_is_importable_beside_its_lock(settings, folder):
    # From the real index: a backend is needed, and what the project asks for is not locked.
    lay(
        folder,
        {
            "pyproject.toml": '[tool.poetry]\nname = "shop"\nversion = "1"\ndescription = ""\n'
            'authors = []\n[tool.poetry.dependencies]\npython = ">=3.9"\nsix = "*"\n'
            '[build-system]\nrequires = ["poetry-core"]\n'
            'build-backend = "poetry.core.masonry.api"\n',
            "poetry.lock": '[[package]]\nname = "six"\nversion = "1.16.0"\noptional = false\n'
            'python-versions = "*"\nfiles = [{file = "six-1.16.0-py2.py3-none-any.whl", hash = '
            '"sha256:8abb2f1d86890a2dfb989f9a77cfcfd3e47c2a354b01111771326f8aa26e0254"}]\n'
            '[metadata]\nlock-version = "2.0"\n',
            "shop/__init__.py": "value = 7\n",
        },
    )
    environment = ensure(settings, folder)
    assert environment.packages == ("shop==1", "six==1.16.0")
    said = python(settings, environment, folder, "import shop, six; print(shop.__file__)")
    assert said == "/work/shop/__init__.py"


# --- the others ------------------------------------------------------------------------------


def test_a_pdm_lock_fixes_what_is_installed(settings, folder, served):
    lock = '[metadata]\ngroups = ["default", "dev"]\nlock_version = "4.5.0"\n'
    for filename, group in zip(LOCKED, ("default", "default", "dev", "default"), strict=True):
        name, number = filename.removesuffix(".tar.gz").split("-")[:2]
        lock += (
            f'[[package]]\nname = "{name}"\nversion = "{number}"\ngroups = ["{group}"]\n'
            f'files = [{{file = "{filename}", hash = "sha256:{digest(served, filename)}"}}]\n'
        )
    pyproject = '[project]\nname = "shop"\nversion = "1"\n[dependency-groups]\ndev = ["checker"]\n'
    lay(folder, {"pyproject.toml": pyproject, "pdm.lock": lock})
    environment = ensure(settings, folder, index=local(settings, served))
    assert environment.packages == (
        "checker==1.0", "direct==1.0", "onlysource==1.0", "transitive==1.0",
    )  # fmt: skip
    wrong = lock.replace(digest(served, LOCKED[1]), "0" * 64)
    lay(folder, {"pdm.lock": wrong})
    with pytest.raises(EnvironmentFailed, match=r"[Hh]ash"):
        ensure(settings, folder, index=local(settings, served))


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


def test_a_pipfile_lock_is_installed_with_what_the_package_beside_it_needs(
    settings, folder, served
):
    filename = "direct-1.0-py3-none-any.whl"
    entry = {"version": "==1.0", "hashes": [f"sha256:{digest(served, filename)}"]}
    lay(
        folder,
        {
            "Pipfile": '[packages]\ndirect = "*"\n',
            "Pipfile.lock": json.dumps({"default": {"direct": entry}, "develop": {}}),
            "shop.py": "",
            "pyproject.toml": local_index.PYPROJECT,
            "backend.py": local_index.BACKEND.format(
                name="shop", version="1", build="pass", metadata="Requires-Dist: checker\\n"
            ),
        },
    )
    environment = ensure(settings, folder, index=local(settings, served))
    assert environment.packages == ("checker==1.0", "direct==1.0", "shop==1", "transitive==2.0")
