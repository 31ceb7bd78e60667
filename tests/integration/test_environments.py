"""Environments, built for real: small packages, real sandboxes, the real index and one of our own."""

from datetime import datetime
from pathlib import Path

import pytest

from agent.errors import EnvironmentFailed
from agent.git import worktree
from agent.setup import storage
from repo_config.detect import Project
from tests.deep import deep
from tests.folders import lay_files
from tests.integration import git_samples
from tests.integration.environment_building import ensure, local, python
from tests.unit.setup import local_index

pytestmark = pytest.mark.index


def test_a_requirements_file_becomes_a_read_only_environment_once(settings, folder):
    lay_files(folder, {"requirements.txt": "six==1.17.0\niniconfig\n"})
    environment = ensure(settings, folder)
    assert "six==1.17.0" in environment.packages
    assert environment.sources == ("uv pip install -r requirements.txt",)
    program = "import os, six; print(six.__file__, os.statvfs('/env').f_flag & os.ST_RDONLY)"
    place, read_only = python(settings, environment, folder, program).split()
    assert place.startswith("/env/lib/python3")
    assert read_only == "1"
    search = (
        "import subprocess; print(subprocess.check_output(['rg', '-l', 'six==', '.']).decode())"
    )
    assert python(settings, environment, folder, search) == "./requirements.txt"
    compiled = list(Path(environment.path).glob("lib/python3*/site-packages/__pycache__/six.*.pyc"))
    assert len(compiled) == 1
    said: list[str] = []
    assert ensure(settings, folder, said=said) == environment
    assert said == [], "every phase of a build says a line"


BUILD = '[build-system]\nrequires = ["setuptools>=64"]\nbuild-backend = "setuptools.build_meta"\n'
DECLARED = {
    "pyproject.toml": BUILD + '[project]\nname = "mine"\nversion = "3.2"\ndependencies = ["six"]\n'
    '[project.optional-dependencies]\ntest = ["iniconfig"]\n'
    'feature = ["packaging"]\nold = ["six<1.10"]\n',
}
COMPUTED = {
    "setup.py": "from setuptools import setup\n"
    "extras = {'test': ['iniconfig'], 'feature': ['packaging']}\n"
    "extras['old'] = ['six<1.10']\n"
    "setup(name='mine', version='3.2', install_requires=['six'], extras_require=extras,\n"
    "      package_dir={'': 'src'}, packages=['mine'])\n",
}


@pytest.mark.parametrize(
    ("files", "old"),
    [deep(DECLARED, "-r pyproject.toml --extra old"), (COMPUTED, "-r setup.py --extra old")],
)
def test_a_package_is_imported_from_the_tree_with_all_extras_that_can_be_had(
    settings, folder, files, old
):
    lay_files(folder, {**files, "src/mine/__init__.py": "value = 42\n"})
    environment = ensure(settings, folder)
    names = {package.split("==")[0] for package in environment.packages}
    assert names - {"setuptools"} == {"mine", "pip", "six", "iniconfig", "packaging"}
    (left_out,) = environment.left_out
    assert left_out.startswith(f"{old} (")
    said = python(settings, environment, folder, "import mine; print(mine.__file__, mine.value)")
    assert said == "/work/src/mine/__init__.py 42"
    # Nothing of the build stays in the tree that was handed in.
    assert sorted(path.name for path in folder.rglob("*") if path.is_file()) == [
        "__init__.py", *files,
    ]  # fmt: skip


def test_what_cannot_be_built_is_not_installed_but_what_it_declares(settings, folder):
    lay_files(
        folder,
        {
            "pyproject.toml": local_index.PYPROJECT
            + '[project]\nname = "mine"\nversion = "1"\ndependencies = ["six"]\n',
            "backend.py": "def build_editable(*_):\n    raise OSError('assets are missing')\n",
            "requirements.txt": "iniconfig\n",
        },
    )
    said: list[str] = []
    environment = ensure(settings, folder, said=said)
    names = {package.split("==")[0] for package in environment.packages}
    assert names == {"pip", "six", "iniconfig"}
    (left_out,) = environment.left_out
    assert left_out == "the project itself (OSError: assets are missing)"
    assert left_out in said


def test_a_build_finds_the_tag_of_the_commit_by_git(settings, folder):
    backend = local_index.BACKEND.format(name="mine", version="1", build="pass", metadata="")
    asks = (
        "import subprocess\n"
        "told = subprocess.check_output(['git', 'describe', '--tags', '--dirty'], text=True)\n"
        "assert told.strip() == 'v1.2'\n"
    )
    files = {"pyproject.toml": local_index.PYPROJECT, "backend.py": asks + backend}
    repository = git_samples.make(folder / "project", files)
    git_samples.git(repository, "tag", "v1.2")
    checkout = worktree.prepare_checkout(str(repository), None, settings.home / "mirrors")
    tree = worktree.open_tree(checkout, folder / "base").folder
    assert "mine==1" in ensure(settings, tree, tag=checkout.nearest_tag).packages


def test_without_a_lock_packages_are_those_of_the_commits_day_and_its_next(settings, folder):
    with local_index.serving() as served:
        files = [local_index.wheel("lib", version) for version in ("1.0", "2.0", "3.0")]
        served.add(local_index.wheel("pip", "1.0"), *files)
        days = "2024-01-01", "2024-05-02", "2024-05-03"
        served.uploaded |= {name: day for (name, _), day in zip(files, days, strict=True)}
        # That of our tools, which this index does not have for another.
        version = ".".join(ensure(settings, folder).interpreter.version.split(".")[:2])
        lay_files(folder, {"requirements.txt": "lib\n"})
        committed = int(datetime.fromisoformat("2024-05-01T08:00:00Z").timestamp())
        index = local(settings, served)
        made = ensure(settings, folder, index=index, committed=committed, version=version)
    assert "lib==2.0" in made.packages
    assert "--exclude-newer 2024-05-02" in made.sources[0]


def test_a_tool_of_its_own_is_of_the_months_of_the_commit_unless_the_index_tells_no_days(
    settings, folder
):
    committed = int(datetime.fromisoformat("2024-05-01T08:00:00Z").timestamp())
    with local_index.serving() as served:
        days = {"1.0": "2024-01-01", "2.0": "2024-05-30", "3.0": "2024-06-02"}
        files = {version: local_index.wheel("plugin", version) for version in days}
        tools = {
            name: local_index.wheel(name, "1.0", requires=("plugin",))
            for name in ("dated", "undated")
        }
        others = [local_index.wheel(name, "1.0") for name in ("pip", "setuptools")]
        served.add(*others, *files.values(), *tools.values())
        served.uploaded |= {file[0]: days[version] for version, file in files.items()}
        served.uploaded |= dict.fromkeys((others[1][0], tools["dated"][0]), "2024-01-01")
        pins = {name: (f"{name}==1.0",) for name in tools}
        project = Project.model_construct(tool_pins=pins, types=())
        version = ".".join(ensure(settings, folder).interpreter.version.split(".")[:2])
        index = local(settings, served)
        made = ensure(
            settings, folder, index=index, committed=committed, project=project, version=version
        )
    found = {
        name: next(Path(place).glob("lib/*/site-packages/plugin.py")).read_text()
        for name, place in made.tools
    }
    assert found == {"dated": "version = '2.0'\n", "undated": "version = '3.0'\n"}


def test_requirements_that_cannot_be_resolved_reach_the_reader(settings, folder):
    ready = set(storage.locate_environment(settings, "").glob("*"))
    lay_files(folder, {"requirements.txt": "six<1.10\nsix>1.16\n"})
    with pytest.raises(EnvironmentFailed) as caught:
        ensure(settings, folder)
    for word in ("six<1.10", "six>1.16", "uv pip install -r requirements.txt"):
        assert word in caught.value.message
    assert "\x1b" not in caught.value.message
    # Nothing is left behind.
    assert set(storage.locate_environment(settings, "").glob("*")) == ready
    assert list((storage.folder(settings) / "building").iterdir()) == []
