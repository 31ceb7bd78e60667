"""Run the tests: by pytest, or by the repository's own script or Django's runner."""

from __future__ import annotations

import abc
import dataclasses
import posixpath
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from os.path import exists

from agent.checks import check, suite
from agent.checks.check import Site, TestRequest
from agent.models.checks import TESTS, TestRun
from agent.models.record import replace
from agent.models.sandbox import (
    SANDBOX_GATE,
    SANDBOX_TREE,
    SandboxFile,
    SandboxRequest,
    SandboxResult,
)

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
class AnySuite(abc.ABC):
    """What both runners have in common."""

    request: TestRequest = field(default_factory=TestRequest)
    name: str = TESTS
    kind = TestRun

    @abc.abstractmethod
    def command(self, site: Site) -> tuple[str, ...]: ...

    @abc.abstractmethod
    def make_request(self, site: Site) -> SandboxRequest: ...

    def explain_absence(self, site: Site) -> str:
        return ""

    def split(self, site: Site) -> Iterator[tuple[Suite, Site]]:
        """Yield what runs each command of the tests, and where."""
        for command in site.project.suites:
            suite = SUITES[command.runner](self.request, self.name)
            yield suite, dataclasses.replace(site, project=site.project.with_suite(command))

    def judge(self, site: Site, result: SandboxResult) -> TestRun:
        return suite.read_run(self, self.request, site, result)

    def compose(self, site: Site, script: tuple[str, ...], **more: object) -> SandboxRequest:
        """Compose the request for a script that runs the tests."""
        options = {**self.request.describe(site), **more}
        order = check.request_script(site, script, site.test_limits(), options)
        return replace(order, lists_new=self.request == TestRequest())


def select(suite: Suite, request: TestRequest, name: str = TESTS) -> Suite:
    """Have a suite run some of its tests."""
    return dataclasses.replace(suite, request=request, name=name)


class PytestSuite(AnySuite):
    """pytest with a plugin of ours: the repository's own where it has one, else the gate's."""

    def command(self, site: Site) -> tuple[str, ...]:
        root = site.project.root
        named = tuple(f"{name}={value}" for name, value in _list_variables(site, "").items())
        folder = ("-C", root) if root else ()
        start = ("env", *folder, *named) if folder or named else ()
        return (*start, "python", "-m", "pytest", *site.project.test_args)

    def make_request(self, site: Site) -> SandboxRequest:
        # The configuration wins.
        env = {**_list_variables(site, SANDBOX_TREE), **site.config.env}
        return self.compose(
            dataclasses.replace(site, config=replace(site.config, env=env)),
            ("run_pytest.py", *site.project.test_args),
            options=(*_PAST_FAILURES, *self._list_options(site)),
            gate="" if site.has_package("pytest") else site.environment.get_packages(SANDBOX_GATE),
        )

    def _list_options(self, site: Site) -> Iterator[str]:
        """List what shuffles alike on both sides; traced, one process and no other tracer."""
        if site.has_package("pytest-randomly"):
            yield "--randomly-seed=1"
        if self.request.covers and site.has_package("pytest-xdist"):
            yield "-n0"
        if self.request.covers and site.has_package("pytest-cov"):
            yield "--no-cov"


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
        folders = [
            posixpath.join(tree, one) if tree else posixpath.relpath(one, root or ".")
            for one in below
        ]
        environ["PYTHONPATH"] = ":".join(folders)
    return environ


class DjangoSuite(AnySuite):
    """A script that starts unittest in its own process, watched by a wrapper of ours.

    Without a script, and with known settings, `python -m django test`.
    """

    def explain_absence(self, site: Site) -> str:
        if site.project.test_script is None and site.settings_module is None:
            return (
                "found neither a script that runs the tests nor a settings module; set one in"
                " .github/mergewright.yml, as in `django: {settings: tests.settings}` or "
                "`checks: {tests: python runtests.py}`"
            )
        return ""

    def command(self, site: Site) -> tuple[str, ...]:
        if site.project.test_script is not None:
            folder, arguments = _split_call(site)
            start = ("env", "-C", folder) if folder else ()
            return (*start, "python", *arguments)
        root = site.project.root
        folders = ":".join(
            posixpath.relpath(one or ".", root or ".") for one in _get_python_path(site)
        )
        path = (f"PYTHONPATH={folders}",) if folders not in {"", "."} else ()
        place = ("-C", root) if root else ()
        start = ("env", *place, *path) if place or path else ()
        return (*start, "python", "-m", "django", *_list_django_arguments(site))

    def make_request(self, site: Site) -> SandboxRequest:
        entry: tuple[SandboxFile, ...] = ()
        if site.project.test_script is None:
            folder, arguments = site.project.root, (_ENTRY, *_list_django_arguments(site))
            # It does what `python -m django` does in the root of the repository.
            folders = [posixpath.join(SANDBOX_TREE, one) for one in _get_python_path(site)]
            paths = [one.rstrip("/") for one in folders or [site.in_sandbox("")]]
            entry = (SandboxFile(path=_ENTRY, content=_ENTER.format(paths).encode()),)
        else:
            folder, arguments = _split_call(site)
        is_django = posixpath.basename(site.project.test_script or "manage.py") == "manage.py"
        alone = ("--parallel=1",) if self.request.covers and is_django else ()
        order = self.compose(site, ("mergewright_django.py", *arguments, *alone))
        return replace(
            order, directory=posixpath.join(SANDBOX_TREE, folder), files=(*order.files, *entry)
        )


Suite = PytestSuite | DjangoSuite
SUITES: Mapping[str, type[Suite]] = {"pytest": PytestSuite, "django": DjangoSuite}


def _split_call(site: Site) -> tuple[str, tuple[str, ...]]:
    """Return the folder to start in, and the script with its arguments.

    manage.py looks for tests in the folder it is started in: its own, unless it has none there, or
    an argument names a place from the root.
    """
    path, root = site.project.test_script or "", site.project.root
    folder, name = posixpath.split(path)
    django, given = site.project.django, site.project.test_args
    if django and django.settings_module and not django.tests_know_settings:
        given = (f"--settings={site.settings_module}", *given)
    from_root = posixpath.relpath(path, root or ".")
    if name != "manage.py":
        return root, (from_root, *given)
    own, top = site.tree / folder, site.tree / root
    named = [arg for arg in site.project.test_args if arg[:1] not in ("-", "/", ".")]
    # For a name that is too long this returns False, where a Path raises.
    is_from_root = any(exists(top / one) and not exists(own / one) for one in named)  # noqa: PTH110
    # The pattern of Django's runner; a project around a package has its tests at the root.
    if not is_from_root and any(own.rglob("test*.py")):
        return folder, (name, "test", *given)
    return root, (from_root, "test", *given)


def _get_python_path(site: Site) -> tuple[str, ...]:
    return site.project.django.python_path if site.project.django else ()


def _list_django_arguments(site: Site) -> tuple[str, ...]:
    return "test", f"--settings={site.settings_module}", *site.project.test_args
