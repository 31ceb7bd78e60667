"""Run the tests: by pytest, or by the repository's own script or Django's runner."""

import dataclasses
import posixpath
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from os.path import exists

from agent.checks import check, suite
from agent.checks.check import Selection, Site
from agent.models.checks import TESTS, TestRun
from agent.models.record import replace
from agent.models.sandbox import (
    SANDBOX_TREE,
    SandboxFile,
    SandboxRequest,
    SandboxResult,
)

#: Part of the limit after which one test is interrupted; at least a minute.
_PART_OF_TEST, _LONGEST_TEST = 1 / 6, 60.0
#: Part of the tests' seconds that is left to running tests when no further one is begun.
_RESERVE, _MOST_RESERVE = 0.15, 60.0
_PAST_FAILURES: tuple[str, ...] = ("--maxfail=0", "--continue-on-collection-errors")
#: Takes the place of a script where the repository has none.
_ENTRY = "/tmp/mergewright-django.py"  # noqa: S108 - in the sandbox, whose /tmp is its own
_ENTER = """\
import sys

sys.path[:1] = {!r}

from django.core.management import execute_from_command_line

if __name__ == "__main__":
    sys.argv[0] = "django"
    execute_from_command_line(sys.argv)
"""


@dataclass(frozen=True)
class Suite:
    """The tests of a repository, or some of them, by the runner of its site.

    pytest is the repository's own where it has one, else the gate's, with a plugin of ours. Any
    other runner is a script that starts unittest in its own process, watched by a wrapper of ours;
    without a script, and with known settings, `python -m django test`.
    """

    name: str = TESTS
    only: Selection | None = None
    """None: all tests."""
    known_red: frozenset[str] | None = None
    """The first test that fails ends the run, but for these; None: none does."""
    covers: tuple[str, ...] = ()
    """Files of which is noted which lines run; where there are some, in one process."""
    kind = TestRun

    def explain_absence(self, site: Site) -> str:
        project = site.project
        if project.test_runner is None:
            return _explain_no_tests(site)
        if project.test_runner == "pytest" or project.test_script or site.settings_module:
            return ""
        return (
            "found neither a script that runs the tests nor a settings module; set one in"
            " .github/mergewright.yml, as in `django: {settings: tests.settings}` or "
            "`checks: {tests: python runtests.py}`"
        )

    def command(self, site: Site) -> tuple[str, ...]:
        site = _enter_folder(site)
        folder, variables, words = site.project.root, {}, ("-m", "pytest", *site.project.test_args)
        if site.project.test_runner == "pytest":
            variables = _list_variables(site, "")
        elif site.project.test_script:
            folder, words = _split_call(site)
        else:
            paths = [posixpath.relpath(path or ".", folder or ".") for path in _list_path(site)]
            variables = {"PYTHONPATH": ":".join(paths)} if paths not in ([], ["."]) else {}
            words = ("-m", "django", *_list_django_arguments(site))
        named = tuple(f"{name}={value}" for name, value in variables.items())
        start = ("env", *(("-C", folder) if folder else ()), *named) if folder or named else ()
        line = (*start, "python", *words)
        # Ids of tests begin with the folder, so that none can be added to this line.
        is_below = site.project.root != site.config.folder
        return ("bash", "-c", shlex.join(line)) if is_below else line

    def make_request(self, site: Site) -> SandboxRequest:
        site = _enter_folder(site)
        if site.project.test_runner == "pytest":
            order = self._make_pytest_request(site)
        else:
            order = self._make_script_request(site)
        return replace(order, lists_new=self == Suite())

    def judge(self, site: Site, result: SandboxResult) -> TestRun:
        return suite.read_run(self, site, result, is_part=bool(self.only))

    def _make_pytest_request(self, site: Site) -> SandboxRequest:
        # The configuration wins.
        env = {**_list_variables(site, SANDBOX_TREE), **site.config.env}
        return self._compose(
            dataclasses.replace(site, config=replace(site.config, env=env)),
            ("run_pytest.py", *site.project.test_args),
            options=(*_PAST_FAILURES, *self._list_options(site)),
        )

    def _list_options(self, site: Site) -> Iterator[str]:
        """List what shuffles alike on both sides; traced, one process and no other tracer."""
        if site.has_package("pytest-randomly"):
            yield "--randomly-seed=1"
        if self.covers and site.has_package("pytest-xdist"):
            yield "-n0"
        if self.covers and site.has_package("pytest-cov"):
            yield "--no-cov"

    def _make_script_request(self, site: Site) -> SandboxRequest:
        script, entry = site.project.test_script, tuple[SandboxFile, ...]()
        if script:
            folder, words = _split_call(site)
        else:
            folder, words = site.project.root, (_ENTRY, *_list_django_arguments(site))
            # It does what `python -m django` does in the root of the repository.
            folders = [posixpath.join(SANDBOX_TREE, path) for path in _list_path(site)]
            paths = [path.rstrip("/") for path in folders or [site.in_sandbox("")]]
            entry = (SandboxFile(path=_ENTRY, content=_ENTER.format(paths).encode()),)
        is_django = posixpath.basename(script or "manage.py") == "manage.py"
        alone = ("--parallel=1",) if self.covers and is_django else ()
        order = self._compose(site, ("mergewright_django.py", *_fix_seed(words), *alone))
        directory = posixpath.join(SANDBOX_TREE, folder)
        return replace(order, directory=directory, files=(*order.files, *entry))

    def _compose(self, site: Site, script: tuple[str, ...], **more: object) -> SandboxRequest:
        limits, only = site.test_limits(), self.only
        seconds = limits.seconds
        options = {
            "folder": posixpath.join(SANDBOX_TREE, site.config.folder),
            "only": only and {"ids": only.ids, "files": _whole_paths(only.files)},
            "last_start": seconds - (0 if only else min(_MOST_RESERVE, seconds * _RESERVE)),
            "longest": max(_LONGEST_TEST, seconds * _PART_OF_TEST),
            "known_red": None if self.known_red is None else sorted(self.known_red),
            "looks_early": site.looks_early,
            "covers": _whole_paths(self.covers),
            "linked": ["coverage"] if self.covers and not site.has_package("coverage") else [],
        }
        return check.request_script(site, script, limits, options | more)


def _whole_paths(paths: tuple[str, ...]) -> list[str]:
    return [posixpath.join(SANDBOX_TREE, path) for path in paths]


def split_suites(site: Site) -> Iterator[Site]:
    """Yield a site for each command of the tests."""
    for command in site.project.suites:
        yield dataclasses.replace(site, project=site.project.with_suite(command))


def _enter_folder(site: Site) -> Site:
    """Return a site whose project is in the folder that its command of the tests starts in."""
    root = posixpath.join(site.project.root, site.project.test_folder).rstrip("/")
    return dataclasses.replace(site, project=replace(site.project, root=root, test_folder=""))


def _explain_no_tests(site: Site) -> str:
    if site.config.checks.tests == "off":
        return "checks.tests is off"
    if not any(site.tree.rglob("*.py")):
        return "the repository has no Python file, and other languages are not supported"
    return "no tests for pytest or Django's runner were found"


# --- pytest --------------------------------------------------------------------------------------


def _list_variables(site: Site, tree: str) -> dict[str, str]:
    """Name the settings for pytest-django where only other tools know them, such as tox."""
    django = site.project.django
    if django is None or django.settings_module is None or django.tests_know_settings:
        return {}
    if not site.has_package("pytest-django"):
        return {}
    environ = {"DJANGO_SETTINGS_MODULE": django.settings_module}
    # Under `python -m pytest` the root itself is on the path already.
    root = site.project.root
    if below := [folder for folder in django.python_path if folder != root]:
        # A person starts it in the root, the sandbox has whole paths.
        environ["PYTHONPATH"] = ":".join(
            posixpath.join(tree, path) if tree else posixpath.relpath(path, root or ".")
            for path in below
        )
    return environ


# --- scripts -------------------------------------------------------------------------------------


def _split_call(site: Site) -> tuple[str, tuple[str, ...]]:
    """Return the folder to start in, and the script with its arguments.

    manage.py looks for tests in the folder it is started in: its own, unless it has none there, or
    an argument names a place from the root.
    """
    path, root = site.project.test_script or "", site.project.root
    folder, name = posixpath.split(path)
    django, words = site.project.django, site.project.test_args
    if django and django.settings_module and not django.tests_know_settings:
        words = (f"--settings={site.settings_module}", *words)
    from_root = posixpath.relpath(path, root or ".")
    if name != "manage.py":
        return root, (from_root, *words)
    script_folder, top = site.tree / folder, site.tree / root
    named = [word for word in site.project.test_args if word[:1] not in ("-", "/", ".")]
    # For a name that is too long this returns False, where a Path raises.
    is_from_root = any(
        exists(top / word) and not exists(script_folder / word)  # noqa: PTH110
        for word in named
    )
    # The pattern of Django's runner; a project around a package has its tests at the root.
    if not is_from_root and any(script_folder.rglob("test*.py")):
        return folder, (name, "test", *words)
    return root, (from_root, "test", *words)


def _list_path(site: Site) -> tuple[str, ...]:
    return site.project.django.python_path if site.project.django else ()


def _list_django_arguments(site: Site) -> tuple[str, ...]:
    return "test", f"--settings={site.settings_module}", *site.project.test_args


def _fix_seed(words: tuple[str, ...]) -> tuple[str, ...]:
    """Name a seed for Django's `--shuffle` where none is named, so that both sides sort alike."""
    return tuple(
        "--shuffle=1" if word == "--shuffle" and not after.isdecimal() else word
        for word, after in zip(words, (*words[1:], ""), strict=True)
    )
