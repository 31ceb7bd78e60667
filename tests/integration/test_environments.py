"""Environments, built for real: small packages, real sandboxes, the real index and one of our own."""

from __future__ import annotations

import io
import subprocess
import zipfile
from datetime import datetime
from pathlib import Path

import pytest
import uv

from agent.environments import build, storage
from agent.environments.request import EnvironmentRequest
from agent.environments.setup_commands import SetUp
from agent.errors import EnvironmentFailed
from agent.git import worktree
from agent.models.environment import Environment
from agent.sandbox.bubblewrap import BubblewrapSandbox
from tests.folders import lay_files
from tests.integration import git_samples
from tests.integration.environment_building import ensure, local, python
from tests.unit.environments import local_index

pytestmark = pytest.mark.index

SYSTEM_PYTHON = "/usr/bin/python3"


# --- what is declared is there ---------------------------------------------------------------


def test_a_requirements_file_becomes_a_read_only_environment_once(settings, folder):
    lay_files(folder, {"requirements.txt": "six==1.17.0\niniconfig\n"})
    environment = ensure(settings, folder)
    assert "six==1.17.0" in environment.packages
    assert environment.sources == ("requirements.txt",)
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
    # Every phase of a build says a line.
    assert said == ["the environment is from an earlier run"]


def test_a_package_is_imported_from_the_tree_with_its_test_extra(settings, folder):
    lay_files(
        folder,
        {
            "pyproject.toml": '[build-system]\nrequires = ["setuptools>=64"]\n'
            'build-backend = "setuptools.build_meta"\n'
            '[project]\nname = "mine"\nversion = "3.2"\ndependencies = ["six"]\n'
            '[project.optional-dependencies]\ntest = ["iniconfig"]\ndocs = ["sphinx"]\n',
            "src/mine/__init__.py": "value = 42\n",
        },
    )
    environment = ensure(settings, folder)
    names = {package.split("==")[0] for package in environment.packages}
    assert names == {"mine", "six", "iniconfig"}
    said = python(settings, environment, folder, "import mine; print(mine.__file__, mine.value)")
    assert said == "/work/src/mine/__init__.py 42"
    # Nothing of the build stays in the tree that was handed in.
    assert sorted(path.name for path in folder.rglob("*") if path.is_file()) == [
        "__init__.py", "pyproject.toml",
    ]  # fmt: skip


def test_a_wheel_of_a_backend_without_build_editable_is_made_to_point_at_the_tree(settings, folder):
    more = "packed.writestr('mine/__init__.py', '')\n        packed.writestr('mine/_ver.py', 'v=1')"
    files = {
        "pyproject.toml": local_index.PYPROJECT,
        "backend.py": in_tree_backend("mine", "1", more),
        "src/mine/__init__.py": "from mine._ver import v\n",
    }
    environment = ensure(settings, lay_files(folder, files))
    program = "import mine; print(mine.__file__, mine._ver.__file__)"
    said = python(settings, environment, folder, program)
    assert said == "/work/src/mine/__init__.py /work/src/mine/_ver.py"
    lay_files(folder, {"backend.py": in_tree_backend("mine", "1", more.replace("mine/", "other/"))})
    [left] = ensure(settings, folder).left_out
    assert "no build_editable" in left


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
    assert ensure(settings, tree, tag=checkout.nearest_tag).packages == ("mine==1",)


def test_a_project_that_cannot_be_built_is_done_without_and_imported_from_its_tree(
    settings, folder
):
    project = (
        '[project]\nname = "mine"\nversion = "1"\ndependencies = ["user"]\n'
        '[project.optional-dependencies]\ntest = ["extra"]\n'
    )
    files = {
        "pyproject.toml": local_index.PYPROJECT + project,
        "backend.py": "raise SystemExit('no compiler')\n",
        "src/mine/__init__.py": "value = 42\n",
        "requirements.txt": "-e .\n",
    }
    with local_index.serving() as served:
        # What is released under its name is not what stands in the tree.
        needs = ("user", ("mine",)), ("mine", ()), ("extra", ())
        served.add(*(local_index.wheel(name, "1.0", some) for name, some in needs))
        index = local(settings, served)
        environment = ensure(settings, lay_files(folder, files), index=index)
        assert environment.packages == ("extra==1.0", "user==1.0")
        assert environment.left_out == (
            "the project itself: The build of the repository failed, without network: no compiler",
        )
        assert python(settings, environment, folder, "import mine; print(mine.value)") == "42"
        lay_files(folder, {"backend.py": "raise SystemExit('now broken')\n"})
        with pytest.raises(EnvironmentFailed, match="now broken"):
            ensure(settings, folder, index=index, needs_project=True)


def test_a_lock_file_is_followed_to_the_version_and_hash(settings, folder):
    lay_files(
        folder,
        {
            "pyproject.toml": '[project]\nname = "mine"\nversion = "1"\n'
            'requires-python = ">=3.9"\ndependencies = ["six<1.17"]\n'
            '[dependency-groups]\ndev = ["iniconfig<2.1"]\nother = ["attrs"]\n'
        },
    )
    subprocess.run(
        [uv.find_uv_bin(), "lock", "--quiet", "--no-config", "--python", SYSTEM_PYTHON],
        cwd=folder, check=True, timeout=120,
    )  # fmt: skip
    environment = ensure(settings, folder)
    assert environment.packages == ("iniconfig==2.0.0", "six==1.16.0")
    assert environment.sources == ("uv.lock",)
    locked = (folder / "uv.lock").read_text()
    digests = locked.split('hash = "sha256:')[1:]
    for digest in digests:
        locked = locked.replace(digest[:64], "0" * 64)
    (folder / "uv.lock").write_text(locked)
    with pytest.raises(EnvironmentFailed, match=r"[Hh]ash"):
        ensure(settings, folder)


# --- an index of our own ---------------------------------------------------------------------


def test_the_newest_release_is_taken_where_only_older_ones_have_wheels(settings, folder):
    with local_index.serving() as served:
        served.add(
            local_index.wheel("search", "3.1"), local_index.sdist("search", "3.4"),
            local_index.wheel("bounded", "1.0"), local_index.sdist("bounded", "2.0"),
            local_index.wheel("broken", "1.0"),
            local_index.sdist("broken", "2.0", build="raise RuntimeError('no compiler')"),
        )  # fmt: skip
        lay_files(folder, {"requirements.txt": "search\nbounded<2\nbroken\n"})
        environment = ensure(settings, folder, index=local(settings, served))
    assert environment.packages == ("bounded==1.0", "broken==1.0", "search==3.4")


def test_a_day_and_bounds_hold_for_packages_and_not_for_what_builds_them(settings, folder):
    needs_tool = local_index.PYPROJECT.replace("requires = []", 'requires = ["tool>=2"]')
    with local_index.serving() as served:
        for name in ("lib", "bounded"):
            old, new = (local_index.wheel(name, version) for version in ("1.0", "2.0"))
            served.add(old, new, local_index.wheel(name, "3.0"))
            served.uploaded |= {old[0]: "2024-01-01", new[0]: "2024-05-01"}
        built = [
            local_index.sdist(
                "built", version, build="import tool", extra={"pyproject.toml": needs_tool}
            )
            for version in ("1.0", "2.0")
        ]
        served.add(*built, local_index.wheel("tool", "2.0"))
        served.uploaded |= {built[0][0]: "2024-01-01", "tool-2.0-py3-none-any.whl": "2025-01-01"}
        served.uploaded[built[1][0]] = "2025-01-01"
        lay_files(folder, {"requirements.txt": "bounded\nlib\nbuilt\n"})
        said: list[str] = []
        environment = ensure(
            settings, folder, index=local(settings, served), said=said,
            exclude_newer="2024-06-01", constraints=("bounded<2",),
        )  # fmt: skip
        assert environment.packages == ("bounded==1.0", "built==1.0", "lib==2.0")
        assert [line for line in said if line.startswith("building the wheel")]
        other = lay_files(folder.with_name("other"), {"requirements.txt": "built<2\n"})
        said.clear()
        environment = ensure(settings, other, index=local(settings, served), said=said)
        assert environment.packages == ("built==1.0",)
    assert not [line for line in said if line.startswith("building the wheel")], "built once"


def test_without_a_lock_packages_are_those_of_the_commits_day_and_its_next(settings, folder):
    def ensure_as_of(committed: str, tree) -> Environment:
        seconds = int(datetime.fromisoformat(f"{committed}T08:00:00Z").timestamp())
        clients = BubblewrapSandbox(settings), local(settings, served), settings, said.append
        return build.ensure_as_of(EnvironmentRequest(tree=str(tree), committed=seconds), *clients)

    said: list[str] = []
    with local_index.serving() as served:
        files = [local_index.wheel("lib", version) for version in ("1.0", "2.0", "3.0")]
        served.add(*files)
        days = "2024-01-01", "2024-05-02", "2024-05-03"
        served.uploaded |= {name: day for (name, _), day in zip(files, days, strict=True)}
        lay_files(folder, {"requirements.txt": "lib\n"})
        environment = ensure_as_of("2024-05-01", folder)
        assert (environment.packages, environment.section.exclude_newer) == (
            ("lib==2.0",), "2024-05-02",
        )  # fmt: skip
        # What did not exist then: the newest.
        environment = ensure_as_of("2023-05-01", folder)
        assert (environment.packages, environment.section.exclude_newer) == (("lib==3.0",), None)
        assert "cannot be resolved" in "\n".join(said)
        # A commit that was moved behind what it declares.
        late, content = local_index.wheel("late", "1.0")
        served.add((late, content))
        served.uploaded[late] = "2025-01-01"
        texts = {"requirements.txt": "lib\n", "requirements-test.txt": "late==1.0\n"}
        moved = lay_files(folder.with_name("moved"), texts)
        assert ensure_as_of("2024-05-01", moved).packages == ("late==1.0", "lib==3.0")
        served.uploaded.clear()
        assert ensure_as_of("2024-05-01", folder).packages == ("lib==2.0",), "stored"
        other = lay_files(folder.with_name("undated"), {"requirements.txt": "lib<3\n"})
        assert ensure_as_of("2024-05-01", other).packages == ("lib==2.0",), "no index says when"


def test_lines_of_base_serve_a_change_until_it_touches_what_they_have_read(settings, folder):
    given = settings.model_copy(update={"setup": "lines"})
    with local_index.serving() as served:
        wheels = [local_index.wheel("lib", "1.0"), local_index.wheel("lib", "2.0")]
        served.add(local_index.wheel("pip", "1.0"), *wheels)
        clients = BubblewrapSandbox(given), local(given, served), given, [].append
        lay_files(folder, {"requirements.txt": "lib<2\n", "README": "one\n"})
        base = build.ensure_environment(EnvironmentRequest(tree=str(folder)), *clients)
        assert base.packages == ("lib==1.0", "pip==1.0")
        lay_files(folder, {"README": "two\n"})
        change = EnvironmentRequest(tree=str(folder), setup=SetUp(base=base))
        assert build.set_up(change, *clients) == base
        lay_files(folder, {"requirements.txt": "lib\n"})
        made = build.set_up(change, *clients)
        assert made.packages == ("lib==2.0", "pip==1.0")
        # What a change has made nobody else gets.
        again = build.ensure_environment(EnvironmentRequest(tree=str(folder)), *clients)
        assert again.packages == made.packages
        assert again.key != made.key


def test_what_cannot_be_built_is_left_out_also_where_another_package_needs_it(settings, folder):
    said: list[str] = []
    with local_index.serving() as served:
        served.add(
            local_index.sdist("broken", "1.0", build="raise RuntimeError('no compiler')"),
            local_index.wheel("user", "1.0", ("broken",)),
        )
        lay_files(folder, {"requirements.txt": "user\n"})
        environment = ensure(settings, folder, index=local(settings, served), said=said)
    assert environment.packages == ("user==1.0",)
    assert environment.left_out[0].startswith("broken: ")
    assert "no compiler" in "\n".join(said)


def test_what_no_index_has_is_left_out_also_where_another_package_needs_it(settings, folder):
    with local_index.serving() as served:
        served.add(local_index.wheel("user", "1.0", ("lost.part>=2",)))
        lay_files(folder, {"requirements.txt": "user\nLost_too==1\n"})
        environment = ensure(settings, folder, index=local(settings, served))
    assert environment.packages == ("user==1.0",)
    assert sorted(environment.left_out) == [
        f"{name}: no index that is asked has it" for name in ("lost-part", "lost-too")
    ]


def test_of_parts_for_tests_what_does_not_go_with_the_others_is_left_out(settings, folder):
    with local_index.serving() as served:
        served.add(
            local_index.wheel("six", "1.0"), local_index.wheel("six", "2.0"),
            local_index.wheel("good", "1.0"),
        )  # fmt: skip
        lay_files(
            folder,
            {
                "pyproject.toml": '[project]\nname = "mine"\ndependencies = ["six<2"]\n',
                "requirements-test.txt": "six>=2\n",
                "tox.ini": "[testenv]\ndeps = good\n",
            },
        )
        environment = ensure(settings, folder, index=local(settings, served))
    assert environment.packages == ("good==1.0", "six==1.0")
    assert [one.partition(":")[0] for one in environment.left_out] == ["requirements-test.txt"]


# --- what cannot be had ----------------------------------------------------------------------


def test_requirements_that_cannot_be_resolved_reach_the_reader(settings, folder):
    ready = set(storage.locate_environment(settings, "").glob("*"))
    lay_files(folder, {"requirements.txt": "six<1.10\nsix>1.16\n"})
    with pytest.raises(EnvironmentFailed) as caught:
        ensure(settings, folder)
    for word in ("six<1.10", "six>1.16", "requirements.txt:1", "python.install"):
        assert word in caught.value.message
    assert "\x1b" not in caught.value.message
    # Nothing is left behind.
    assert set(storage.locate_environment(settings, "").glob("*")) == ready
    assert list((storage.folder(settings) / "fetch").glob("*-*")) == []


# --- foreign build code ----------------------------------------------------------------------


def in_tree_backend(name: str, version: str, more: str) -> str:
    """A backend that makes an editable wheel of any name, holding what `more` writes into it."""
    return (
        "import os, zipfile\n"
        "def build_wheel(folder, config_settings=None, metadata_directory=None):\n"
        f"    info, file = '{name}-{version}.dist-info', '{name}-{version}-py3-none-any.whl'\n"
        "    with zipfile.ZipFile(os.path.join(folder, file), 'w') as packed:\n"
        f"        packed.writestr(info + '/METADATA', 'Metadata-Version: 2.1\\nName: {name}\\n'\n"
        f"                        'Version: {version}\\n')\n"
        "        packed.writestr(info + '/WHEEL', 'Wheel-Version: 1.0\\nGenerator: t\\n'\n"
        "                        'Root-Is-Purelib: true\\nTag: py3-none-any\\n')\n"
        "        packed.writestr(info + '/RECORD', '')\n"
        f"        {more}\n"
        "    return file\n"
    )


@pytest.mark.deep
def test_a_wheel_of_another_name_than_the_projects_is_refused(settings, folder):
    files = {
        "pyproject.toml": local_index.PYPROJECT + '[project]\nname = "mine"\nversion = "1"\n',
        "backend.py": in_tree_backend("hatchling", "99.0", "pass")
        + "build_editable = build_wheel\n",
    }
    environment = ensure(settings, lay_files(folder, files))
    assert not environment.packages
    assert "another project: hatchling" in environment.left_out[0]


@pytest.mark.deep
def test_a_repository_cannot_plant_a_backend_that_builds_others(settings, home):
    planted = "packed.writestr('tool.py', 'planted = True')"
    victim = {
        "pyproject.toml": local_index.PYPROJECT.replace("requires = []", 'requires = ["tool"]'),
        "backend.py": "import tool\nassert not hasattr(tool, 'planted')\n"
        + in_tree_backend("victim", "1", "pass") + "build_editable = build_wheel\n",
    }  # fmt: skip
    attacker = {
        # It declares no name, so that the wheel may have any.
        "pyproject.toml": local_index.PYPROJECT,
        "backend.py": in_tree_backend("tool", "99.0", planted) + "build_editable = build_wheel\n",
        "requirements.txt": "-e ./sub\n",
        **{f"sub/{path}": text for path, text in victim.items()},
    }
    with local_index.serving() as served:
        served.add(local_index.wheel("tool", "1.0"))
        index = local(settings, served)
        hostile = ensure(settings, lay_files(home / "hostile", attacker), index=index)
        assert "tool==99.0" in hostile.packages
        assert ensure(settings, lay_files(home / "victim", victim), index=index).packages == (
            "victim==1",
        )
    assert not list(storage.folder(settings).glob("builders/*/venv/lib/*/site-packages/tool-99*"))


@pytest.mark.deep
def test_a_pth_file_of_a_package_never_runs_while_the_environment_is_made(settings, folder):
    name, content = local_index.wheel("sneaky", "1.0")
    trap = "import os; os.path.isdir('/store') and open('/store/caught', 'w')\n"
    buffer = io.BytesIO(content)
    with zipfile.ZipFile(buffer, "a") as packed:
        packed.writestr("trap.pth", trap)
        packed.writestr("notes.txt", "x")
    with local_index.serving() as served:
        served.add((name, buffer.getvalue()))
        lay_files(folder, {"requirements.txt": "sneaky\n"})
        environment = ensure(settings, folder, index=local(settings, served))
    assert (next(Path(environment.path).glob("lib/*/site-packages")) / "trap.pth").exists()
    assert not (storage.locate_shared_folder(settings) / "caught").exists()
