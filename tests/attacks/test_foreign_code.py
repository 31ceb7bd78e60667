"""RX1, RX2, RX8: code of a repository or a package runs in sandboxes alone, and leaves nothing behind.

One repository attacks in every hook of its installation and in every file that a check imports;
in the deep suite a harmless one is measured before and after it. That the payload works where there is no wall is
shown in `test_rx4_network.py`.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from agent.checks import check, running
from agent.checks.check import Site
from agent.errors import EnvironmentFailed
from agent.git import folders
from agent.models.checks import TESTS, CheckRun, LintRun, Status, TestRun
from agent.models.environment import Environment
from agent.models.sandbox import Sandbox
from agent.settings import Settings
from agent.setup import build, storage
from agent.setup.build import EnvironmentRequest
from agent.setup.package_index import PackageIndex
from repo_config.detect import DjangoProject
from repo_config.schema import RepoConfig
from tests import sandboxes as kinds
from tests.attacks import ground as grounds
from tests.attacks import hostile, planted
from tests.attacks.ground import Ground, Witness
from tests.attacks.memory import measured_memory
from tests.deep import deep
from tests.folders import data_folder, lay_files
from tests.integration.environment_building import with_our_tools
from tests.unit.setup import local_index
from tests.unit.trees import make_project

pytestmark = pytest.mark.index

PROJECT = make_project(
    framework="django", test_runner="pytest", types=("mypy .",),
    django=DjangoProject(settings_module="settings", manage="manage.py", python_path=("",)),
)  # fmt: skip
HARMLESS = {
    "requirements.txt": f"django>=5.2,<5.3\nsqlparse=={hostile.POSED_VERSION}\n",
    "mypy.ini": "[mypy]\nignore_missing_imports = True\n",
    "manage.py": "import os, sys\n\n"
    'os.environ.setdefault("DJANGO_SETTINGS_MODULE", "settings")\n'
    'if __name__ == "__main__":\n'
    "    from django.core.management import execute_from_command_line\n\n"
    "    execute_from_command_line(sys.argv)\n",
    "settings.py": 'SECRET_KEY = "x"\nINSTALLED_APPS = ["shop"]\n'
    'DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}}\n',
    "shop/__init__.py": "",
    "shop/models.py": "",
    "shop/sums.py": "def add(a: int, b: int) -> int:\n    return a + b\n",
    "test_shop.py": "import os\n\nimport sqlparse\nfrom shop.sums import add\n\n\n"
    "def test_sums() -> None:\n    assert add(1, 1) == 2\n\n\n"
    "def test_nothing_of_others() -> None:\n"
    "    assert not hasattr(sqlparse, 'posing')\n"
    "    assert not [name for name in os.listdir('/tmp') if name.startswith('attacked')]\n",
}
#: Where foreign code has a say while checks run.
IMPORTED = {
    "conftest", "entry point", "manage.py", "migrations", "models.py", "mypy plugin",
    "plugin by option", "pth", "settings.py", "sitecustomize", "test module",
}  # fmt: skip


@dataclass
class Measured:
    """A repository, its environment and its checks."""

    environment: Environment
    packages: Mapping[str, str]
    """Content of what is installed, by path."""
    results: tuple[CheckRun, ...]

    def verdicts(self) -> list[tuple[str, Status, list[tuple[str, str]]]]:
        """Return what is compared between two measurements."""
        return [
            (run.name, run.status, sorted((item.item_id, item.outcome) for item in run.items))
            for run in self.results
            if isinstance(run, TestRun | LintRun)
        ]


@dataclass
class Scene:
    """A hostile repository; where it is asked for, between two measurements of a harmless one."""

    ground: Ground
    settings: Settings
    witness: Witness
    said: list[str] = field(default_factory=list)
    before: Measured | None = None
    after: Measured | None = None
    hostile: Measured | None = None
    spoiled: dict[str, object] = field(default_factory=dict)
    """What differs that should not, by the phase after which it was seen."""

    def tree(self, name: str, files: dict[str, str]) -> Path:
        folder = self.ground.folder / name
        return lay_files(folder, files)

    def attack(self, *packages: str) -> None:
        """Measure the hostile repository, with these packages of its own."""
        state = planted.state(*self.ground.watched())
        trap = self.tree("trap", hostile.repository(self.ground, packages))
        laid = planted.state(trap)
        self.hostile = self.measure(trap)
        self.spoiled["the operator's files"] = differences(
            state, planted.state(*self.ground.watched()), new=True
        )
        self.spoiled["the tree itself"] = differences(laid, planted.state(trap), new=True)

    def measure(self, tree: Path) -> Measured:
        environment = self.build(tree)
        phase = planted.state(self.settings.home / "environments")
        site = Site(
            tree=tree, environment=environment, project=PROJECT,
            config=RepoConfig.model_validate({"env": hostile.ENVIRON}, strict=False),
            limits=check.get_granted_limits(self.settings),
        )  # fmt: skip
        results = running.run_checks(
            (*running.list_others(site), *running.list_tests(site)),
            self.witness,
            self.said.append,
        )
        self.spoiled[f"checks of {tree.name}"] = differences(
            phase, planted.state(self.settings.home / "environments"), new=True
        )
        state = planted.state(Path(environment.path))
        packages = {path.removeprefix(environment.path): facts for path, facts in state.items()}
        return Measured(environment, packages, results)

    def build(self, tree: Path, index: PackageIndex | None = None) -> Environment:
        return build.ensure_environment(
            EnvironmentRequest(repository="r", tree=str(tree)), self.witness,
            index or PackageIndex(), self.settings, self.said.append,
        )  # fmt: skip


def differences(before: Mapping[str, str], after: Mapping[str, str], *, new: bool) -> list[str]:
    """Name what has changed or gone; with `new`, also what was added."""
    changed = [path for path in before if after.get(path) != before[path]]
    return changed + ([path for path in after if path not in before] if new else [])


@contextmanager
def staged(sandbox: Sandbox, settings: Settings, folder: Path) -> Iterator[Scene]:
    """Prepare the ground; programs there have the operator's environment."""
    with grounds.opened(folder) as ground, pytest.MonkeyPatch.context() as patch:
        for name, value in ground.operator.environ.items():
            if name not in ("HOME", "MERGEWRIGHT_CANARY"):
                patch.setenv(name, value)
        yield Scene(ground, settings, Witness(sandbox))


@pytest.fixture(scope="module")
def base(backend: str) -> Iterator[Path]:
    """A data folder that has our own tools, which are of no repository's making; one for each kind."""
    with with_our_tools() as tools:
        yield tools.home


@pytest.fixture(scope="module")
def scene(sandbox: Sandbox, settings: Settings, base: Path) -> Iterator[Scene]:
    """The attack, with the one package that has a hand in what starts."""
    with staged(sandbox, settings, base / "ground") as made:
        made.attack("evil")
        yield made


@pytest.fixture(scope="module")
def between(backend: str) -> Iterator[Scene]:
    """Run the attack between two measurements of the harmless one, in a data folder of its own."""
    with data_folder("between") as home:
        settings = kinds.settings_for(backend, home)
        with staged(kinds.open_sandbox(backend, home), settings, home / "ground") as made:
            harmless = made.tree("harmless", HARMLESS)
            made.before = made.measure(harmless)
            stored = lasting(settings)
            made.attack(*hostile.PACKAGES)
            made.spoiled["what others use"] = differences(stored, lasting(settings), new=False)
            # Its environment alone goes: caches, builders and tools stay, and are used again.
            folders.delete_folder(Path(made.before.environment.path).parent)
            made.after = made.measure(harmless)
            yield made


def lasting(settings: Settings) -> Mapping[str, str]:
    """Return the files that other repositories use: all but locks, and uv's notes on interpreters."""
    state = planted.state(storage.folder(settings))
    return {
        path: facts
        for path, facts in state.items()
        if "/locks/" not in path and "/tools/pythons/" not in path
    }


# --- the big trap ----------------------------------------------------------------------------


def test_RX2_import_time_code_achieves_nothing(scene: Scene) -> None:
    assert scene.witness.labels() >= IMPORTED
    assert scene.witness.achieved() == set()


def test_RX2_nothing_of_it_ran_outside_of_a_sandbox(scene: Scene) -> None:
    assert scene.ground.canary.silent()
    names = [path.name for path in Path("/tmp").glob("attacked/*")]
    # The control of another test runs without a sandbox, maybe at this moment.
    assert not [name for name in names if not name.startswith("control-")]
    assert scene.spoiled["the operator's files"] == []


def test_RX2_nothing_secret_stands_in_what_checks_said(scene: Scene) -> None:
    assert scene.hostile is not None
    texts = [result.model_dump_json() for result in scene.hostile.results]
    texts += [scene.hostile.environment.model_dump_json(), *scene.said, *scene.witness.printed]
    assert scene.ground.leaks(*texts, *scene.witness.ordered()) == set()
    assert "attacked by" in "".join(scene.witness.printed)


def test_RX2_what_poses_as_a_tool_is_not_taken_for_it(scene: Scene) -> None:
    assert scene.hostile is not None
    assert not scene.witness.labels() & {"shadow pytest", "shadow mypy", "usercustomize"}
    tests = next(run for run in scene.hostile.results if isinstance(run, TestRun))
    assert tests.name == TESTS
    assert (tests.status, [item.item_id for item in tests.items]) == (
        Status.PASSED,
        ["test_shop.py::test_shop"],
    )


def test_RX8_what_checks_wrote_is_in_no_tree_and_no_environment(scene: Scene) -> None:
    assert scene.spoiled["the tree itself"] == []
    assert scene.spoiled["checks of trap"] == []


@pytest.mark.deep
def test_RX8_the_next_run_is_as_if_there_had_been_no_attack(between: Scene) -> None:
    before, after = between.before, between.after
    assert before is not None
    assert after is not None
    assert after.environment.packages == before.environment.packages
    assert differences(before.packages, after.packages, new=True) == []
    assert after.verdicts() == before.verdicts()
    proved = {result.name: result.status for result in after.results}
    assert {proved[name] for name in ("tests", "mypy", "django check")} == {Status.PASSED}
    assert between.spoiled["checks of harmless"] == []
    assert between.spoiled["what others use"] == []


# --- one door each ---------------------------------------------------------------------------


@pytest.fixture
def tools(scene: Scene) -> Settings:
    """Our own tools are there, so that an index may lack them."""
    return scene.settings


def local(settings: Settings, served: local_index.LocalIndex, secret: str = "") -> PackageIndex:
    url = served.url.replace("://", f"://u:{secret}@") if secret else served.url
    return PackageIndex({"UV_DEFAULT_INDEX": url})


@pytest.mark.parametrize("door", ["a source archive", deep("a backend in the tree")])
def test_RX1_code_that_runs_while_packages_are_installed_achieves_nothing(
    ground: Ground, witness: Witness, tools: Settings, door: str
) -> None:
    """It is built while the index is reached with a password, and is ended for where it goes."""
    password = ground.operator.secret("the index's password")
    before = planted.state(*ground.watched())
    # The payload as one statement, for the backend of `local_index`.
    attack = f"exec({ground.payload('source archive')!r}, {{'__name__': 'attack'}})"
    archive = local_index.sdist("trapped", "1.0", build=attack)
    files = {"requirements.txt": "trapped\n"}
    if door != "a source archive":
        files = {"pyproject.toml": PLAIN, "backend.py": hostile.backend(ground, "mine")}
    lines: list[str] = []
    with local_index.serving() as served:
        served.add(archive, local_index.wheel("pip", "1.0"))
        tree = lay_files(ground.folder / "tree", files)
        request = EnvironmentRequest(repository="r", tree=str(tree))
        index, result_text = local(tools, served, password), ""
        try:
            made = build.ensure_environment(request, witness, index, tools, lines.append)
            result_text = made.model_dump_json()
        except EnvironmentFailed as problem:
            result_text = problem.message
    assert (
        "wanted from 127.0.0.1" in result_text or "Network access blocked: 127.0.0.1" in result_text
    )
    assert ground.canary.silent()
    assert ground.leaks(result_text, *lines, *witness.printed) == set()
    # Not even in a sandbox that no foreign code is in.
    assert ground.leaks(*witness.ordered()) == set()
    assert planted.state(*ground.watched()) == before


ADDRESS = "http://127.0.0.1:{http}/packages/evil-1.0-py3-none-any.whl"
PLAIN = hostile.PYPROJECT.format(requires=[])
#: Ways to have something fetched from an address of one's own choice.
ADDRESSES: dict[str, dict[str, str]] = {
    "a direct address": {"requirements.txt": f"evil @ {ADDRESS}\n"},
    "version control": {"requirements.txt": "git+http://127.0.0.1:{http}/evil.git#egg=evil\n"},
    "metadata": {"pyproject.toml": PLAIN, "metadata": f"Requires-Dist: evil @ {ADDRESS}"},
    "an index": {"requirements.txt": "--index-url http://127.0.0.1:{http}/simple/\nevil\n"},
    "a file beside the tree": {"requirements.txt": "-r ../operator/.netrc\n"},
    "a variable": {"requirements.txt": "evil-${MERGEWRIGHT_CANARY}\n"},
}
ANY = ("a direct address", "metadata")


@pytest.mark.parametrize("name", [*ANY, *(deep(name) for name in ADDRESSES if name not in ANY)])
def test_RX1_nothing_is_fetched_from_an_address_of_the_repositorys_choice(
    ground: Ground, witness: Witness, tools: Settings, name: str
) -> None:
    files = {
        path: text.replace("{http}", str(ground.canary.ports["http"]))
        for path, text in ADDRESSES[name].items()
    }
    if "pyproject.toml" in files:
        metadata = files.pop("metadata")
        files["backend.py"] = hostile.backend(ground, "mine", metadata=metadata, attacks=False)
    lines: list[str] = []
    with local_index.serving() as served:
        served.add(local_index.wheel("pip", "1.0"))
        index = local(tools, served)
        request = EnvironmentRequest(
            repository="r", tree=str(lay_files(ground.folder / "tree", files))
        )
        with pytest.raises(EnvironmentFailed) as caught:
            build.ensure_environment(request, witness, index, tools, lines.append)
    assert ground.canary.silent()
    assert ground.leaks(*lines, caught.value.message) == set()


# --- what comes out of a set-up ----------------------------------------------------------------

_LEAVES = """\
info=$(echo $VIRTUAL_ENV/lib/python3*/site-packages)/big-1.0.dist-info; mkdir $info
printf 'Metadata-Version: 2.1\\nName: big\\nVersion: 1.0\\nX: ' >$info/METADATA
head -c 300M /dev/zero | tr '\\0' x >>$info/METADATA
linked=${info/big/linked}; mkdir $linked; ln -s /etc/passwd $linked/METADATA
mkfifo ${info/big/pipe}
"""


def test_RX7_what_a_set_up_leaves_is_read_within_bounds(
    home: Path, witness: Witness, tools: Settings
) -> None:
    with local_index.serving() as served, measured_memory() as grown:
        served.add(local_index.wheel("pip", "1.0"))
        tree, config = lay_files(home / "tree", {"a.py": ""}), RepoConfig(setup=(_LEAVES,))
        request = EnvironmentRequest(repository="r", tree=str(tree), config=config)
        index = local(tools, served)
        made = build.ensure_environment(request, witness, index, tools, lambda _: None)
    assert made.packages == ("pip==1.0",)
    assert grown[0] < 192 * 1024**2


_HONEST = "echo of this tree >made.txt\n"
#: Says that it was not read, and neither were folders.
_PLANTS = "echo planted >made.txt\nexec touch -ad @0 . build.sh\n"


def test_RX8_no_repository_plants_the_set_up_of_another(
    home: Path, witness: Witness, tools: Settings
) -> None:
    def set_up(repository: str, tree: Path) -> str:
        config = RepoConfig(setup=("sh build.sh",))
        request = EnvironmentRequest(repository=repository, tree=str(tree), config=config)
        made = build.ensure_environment(request, witness, index, tools, lambda _: None)
        return Path(made.layers[0].folder, "tree", "made.txt").read_text()

    trap = lay_files(home / "trap", {"build.sh": _PLANTS})
    harmless = lay_files(home / "harmless", {"build.sh": _HONEST})
    with local_index.serving() as served:
        served.add(local_index.wheel("pip", "1.0"))
        index = local(tools, served)
        assert set_up("https://forge.test/evil/trap.git", trap) == "planted\n"
        assert set_up("https://forge.test/acme/shop.git", harmless) == "of this tree\n"
        # The control: only its repository keeps the layer from a configuration with these lines.
        assert set_up("https://forge.test/evil/trap.git", harmless) == "planted\n"


# --- before anything of ours runs ------------------------------------------------------------

#: Files of a package by which the environment's interpreter would start otherwise, and the answer.
STARTS = {
    "pyvenv.cfg": (
        {"evil-1.0.data/data/pyvenv.cfg": "home = /work/posing/bin\n"}, "writes pyvenv.cfg into",
    ),
    "bin/python._pth": (
        {"evil-1.0.data/scripts/python._pth": "/work/posing\n"}, "writes bin/python._pth into",
    ),
    "the interpreter": (
        {"evil-1.0.data/scripts/python": "#!/bin/sh\nexit 0\n"}, "must not use the reserved name",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", ["pyvenv.cfg", deep("the interpreter"), deep("bin/python._pth")])
def test_RX5_no_package_has_its_code_run_before_ours(
    ground: Ground, witness: Witness, tools: Settings, name: str
) -> None:
    files, words = STARTS[name]
    written = {
        "pyproject.toml": PLAIN,
        "backend.py": hostile.backend(ground, "evil", files, attacks=False),
    }
    tree = lay_files(ground.folder / "tree", written)
    with local_index.serving() as served, pytest.raises(EnvironmentFailed, match=words):
        served.add(local_index.wheel("pip", "1.0"))
        build.ensure_environment(
            EnvironmentRequest(repository="r", tree=str(tree)),
            witness,
            local(tools, served),
            tools,
            lambda _: None,
        )
