"""Locks, brought up to date by the tools that write them."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest
import uv

from agent.errors import EnvironmentFailed
from agent.sandbox.bubblewrap import BubblewrapSandbox
from agent.setup import build
from agent.setup.package_index import PackageIndex
from agent.setup.request import EnvironmentRequest
from tests.folders import lay_files
from tests.integration.environment_building import ensure, local
from tests.unit.setup import local_index

SAMPLES = Path(__file__).parents[1] / "samples" / "locks"
LOCKS = {"poetry": "poetry.lock", "pdm": "pdm.lock", "pipenv": "Pipfile.lock"}


UV = '[project]\nname = "shop"\nversion = "1"\nrequires-python = ">=3.9"\ndependencies = [{}]\n'


@pytest.fixture
def served():
    with local_index.serving() as index:
        index.add(
            local_index.wheel("direct", "1.0", ("transitive",)),
            local_index.wheel("transitive", "1.0"),
            local_index.wheel("transitive", "2.0"),
            local_index.wheel("checker", "1.0"),
        )
        yield index


@pytest.mark.index
@pytest.mark.deep
def test_a_uv_lock_is_brought_up_to_date_with_what_it_holds_kept(settings, folder, served):
    lay_files(folder, {"pyproject.toml": UV.format('"transitive==1.0"')})
    locking = [uv.find_uv_bin(), "lock", "--quiet", "--default-index", served.url]
    subprocess.run(locking, cwd=folder, check=True)

    def update():
        request = EnvironmentRequest(repository="r", tree=str(folder))
        given = BubblewrapSandbox(settings), local(settings, served), settings, [].append
        return build.update_lock(request, *given)

    assert update() == {}
    lay_files(folder, {"pyproject.toml": UV.format('"transitive", "checker"')})
    (lock,) = update().values()
    assert b'name = "checker"' in lock
    assert lock.count(b'version = "1.0"') == 2, "what was locked stays"
    lay_files(folder, {"pyproject.toml": UV.format('"transitive", "direct"')})
    elsewhere = re.sub(rb"http://[^/]+", b"https://pypi.org", lock)
    (folder / "uv.lock").write_bytes(elsewhere)
    with pytest.raises(EnvironmentFailed, match="other hosts"):
        update()


#: What a project file says, and what comes with a change.
_DECLARES = {
    "poetry": ('[tool.poetry.dependencies]\npython = ">=3.9"\n', 'attrs = "*"\n'),
    "pdm": ("dependencies = [", '"attrs", '),
    "pipenv": ("[packages]\n", 'attrs = "*"\n'),
}


@pytest.mark.index
@pytest.mark.deep
@pytest.mark.parametrize("kind", LOCKS)
def test_other_locks_are_brought_up_to_date_by_their_own_tools(settings, folder, kind):
    shutil.copytree(SAMPLES / kind, folder, dirs_exist_ok=True)
    lock = folder / LOCKS[kind]
    project = folder / ("Pipfile" if kind == "pipenv" else "pyproject.toml")
    before, new = _DECLARES[kind]
    text = project.read_text()
    assert before in text
    text = text.replace(before, before + new)
    if kind == "poetry":
        # What it asks of pypi.org itself is more than a simple index has.
        url = PackageIndex().url.rstrip("/")
        text += f'[[tool.poetry.source]]\nname = "main"\nurl = "{url}"\npriority = "primary"\n'
        source = f'\\1[package.source]\ntype = "legacy"\nurl = "{url}"\nreference = "main"\n'
        lock.write_text(
            re.sub(
                r"(^files = \[\n.*?^\]\n)", source, lock.read_text(), flags=re.MULTILINE | re.DOTALL
            )
        )
    project.write_text(text)
    request = EnvironmentRequest(repository="r", tree=str(folder))
    given = BubblewrapSandbox(settings), PackageIndex(), settings, [].append
    (content,) = build.update_lock(request, *given).values()
    assert b"attrs" in content
    assert b"six" in content
    lock.write_bytes(content)
    assert any(package.startswith("attrs==") for package in ensure(settings, folder).packages)
