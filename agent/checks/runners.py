"""Run the tests with pytest, with the repository's own script, or with Django's runner."""

import dataclasses
import posixpath
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from os.path import exists

from agent.checks import check, suite
from agent.checks.check import Selection, Site
from agent.models.checks import TESTS, TestRun
from agent.models.record import replace
from agent.models.sandbox import SANDBOX_TREE, SandboxRequest, SandboxResult

#: A test is interrupted after this share of the limit, but not before so many seconds.
_TEST_SHARE, _LONGEST_TEST = 1 / 6, 60.0
#: No further test begins in this last share of the limit, which is at most so many seconds.
_RESERVE, _MOST_RESERVE = 0.15, 60.0


@dataclass(frozen=True)
class Suite:
    """All tests of a repository, or selected ones, by the runner of its site.

    pytest is the repository's own if it has one, else ours, with our plugin. Any other runner is a
    script that runs unittest in its own process, watched by our wrapper. Without a script, and with
    known settings, it is `python -m django test`.
    """

    name: str = TESTS
    only: Selection | None = None
    """None: all tests."""
    known_red: frozenset[str] | None = None
    """The first failing test that is not among these ends the run; None: no test ends it."""
    covers: tuple[str, ...] = ()
    """Files whose executed lines are traced; if there are any, the tests run in one process."""
    kind = TestRun

    def explain_absence(self, site: Site) -> str:
        if site.project.test_runner:
            return ""
        if site.config.checks.tests == "off":
            return "checks.tests is off"
        if not any(site.tree.rglob("*.py")):
            return "the repository has no Python file, and other languages are not supported"
        return "no tests for pytest or Django's runner were found"

    def command(self, site: Site) -> tuple[str, ...]:
        site = _enter_folder(site)
        folder, words = _split_call(site)
        named = [f"{name}={value}" for name, value in _list_variables(site, folder).items()]
        start = ("env", *(("-C", folder) if folder else ()), *named) if folder or named else ()
        line = (*start, "python", *words)
        # Ids of tests begin with the folder: appended to this line, they would name no test.
        is_below = site.project.root != site.config.folder
        return ("bash", "-c", shlex.join(line)) if is_below else line

    def make_request(self, site: Site) -> SandboxRequest:
        site = _enter_folder(site)
        folder, words = _split_call(site)
        limits, only = site.test_limits(), self.only
        seconds = limits.seconds
        options = {
            "folder": posixpath.join(SANDBOX_TREE, site.config.folder),
            "only": only and {"ids": only.ids, "files": _whole_paths(only.files)},
            "last_start": seconds - (0 if only else min(_MOST_RESERVE, seconds * _RESERVE)),
            "longest": max(_LONGEST_TEST, seconds * _TEST_SHARE),
            "known_red": None if self.known_red is None else sorted(self.known_red),
            "looks_early": site.looks_early,
            "covers": _whole_paths(self.covers),
        }
        order = check.request_script(site, tuple(self._list_words(site, words)), limits, options)
        return replace(
            order,
            # Variables of the configuration override ours.
            environ=_list_variables(site) | order.environ,
            directory=posixpath.join(SANDBOX_TREE, folder).rstrip("/"),
            lists_new=self == Suite(),
        )

    def read_result(self, site: Site, result: SandboxResult) -> TestRun:
        may_stop = self.known_red is not None
        return suite.read_run(self, site, result, is_selection=bool(self.only), may_stop=may_stop)

    def _list_words(self, site: Site, words: tuple[str, ...]) -> Iterator[str]:
        """Yield our script and its arguments.

        Shuffled tests have the same order on both sides. Traced tests run in one process, without
        another tracer.
        """
        if site.project.test_runner != "pytest":
            yield from ("mergewright_django.py", *words)
            if self.covers and (words[0] == "-m" or posixpath.basename(words[0]) == "manage.py"):
                yield "--parallel=1"
            return
        yield from ("run_pytest.py", *words[2:], "--maxfail=0", "--continue-on-collection-errors")
        if site.has_package("pytest-randomly"):
            yield "--randomly-seed=1"
        if self.covers and site.has_package("pytest-xdist"):
            yield "-n0"
        if self.covers and site.has_package("pytest-cov"):
            yield "--no-cov"


def _whole_paths(paths: Sequence[str]) -> list[str]:
    return [posixpath.join(SANDBOX_TREE, path) for path in paths]


def _enter_folder(site: Site) -> Site:
    """Return the site, with the folder in which the tests' command starts as the project's root."""
    root = posixpath.join(site.project.root, site.project.test_folder).rstrip("/")
    return dataclasses.replace(site, project=replace(site.project, root=root, test_folder=""))


def _list_variables(site: Site, start: str | None = None) -> dict[str, str]:
    """Return variables for Django's settings and path that otherwise only tools such as tox set.

    Args:
        start: The folder to which paths are relative; None: they are absolute, as in the sandbox.
    """
    environ = dict[str, str]()
    if site.project.test_runner == "pytest":
        if not site.has_package("pytest-django") or not _needs_settings(site):
            return {}
        environ["DJANGO_SETTINGS_MODULE"] = str(site.settings_module)
    elif site.project.test_script:
        return {}
    # `python -m` puts the root on the path.
    folders = site.project.django.python_path if site.project.django else ()
    if below := [folder for folder in folders if folder != site.project.root]:
        paths = [posixpath.relpath(path or ".", start or ".") for path in below]
        environ["PYTHONPATH"] = ":".join(_whole_paths(below) if start is None else paths)
    return environ


def _needs_settings(site: Site) -> bool:
    """Whether the runner does not find Django's settings by itself."""
    django = site.project.django
    return bool(django and django.settings_module and not django.tests_know_settings)


def _split_call(site: Site) -> tuple[str, tuple[str, ...]]:
    """Return the folder to start in, and a script or module with its arguments.

    manage.py looks for tests in the folder in which it starts. It starts in its own folder, unless
    that has no tests or an argument is a path from the root.
    """
    path, root, words = site.project.test_script, site.project.root, site.project.test_args
    if site.project.test_runner == "pytest":
        return root, ("-m", "pytest", *words)
    if site.settings_module and (_needs_settings(site) or not path):
        words = (f"--settings={site.settings_module}", *words)
    if not path:
        return root, ("-m", "django", "test", *words)
    folder, name = posixpath.split(path)
    from_root = posixpath.relpath(path, root or ".")
    if name != "manage.py":
        return root, (from_root, *words)
    script_folder, top = site.tree / folder, site.tree / root
    named = [word for word in site.project.test_args if word[:1] not in ("-", "/", ".")]
    # Unlike Path.exists, this returns False for a name that is too long.
    is_from_root = any(
        exists(top / word) and not exists(script_folder / word)  # noqa: PTH110
        for word in named
    )
    # The pattern of Django's runner. If no file has such a name, the tests are at the root.
    if not is_from_root and any(script_folder.rglob("test*.py")):
        return folder, (name, "test", *words)
    return root, (from_root, "test", *words)
