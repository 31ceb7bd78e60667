"""The tests, run by the repository's own script: manage.py, runtests.py and kin.

Where there is none, and the settings are known, by `python -m django test`.
"""

from __future__ import annotations

import posixpath

from agent.checks import check, scripts, suite
from agent.checks.sealed import Secret
from agent.models.checks import CheckResult
from agent.models.sandbox import SANDBOX_TREE, SandboxFile, SandboxRequest, SandboxResult

#: Scripts end with 1, or with the number of failures.
_CODES = range(1, 256)
#: Stands in the place of a script where the repository has none.
_ENTRY = "/tmp/mergewright-django.py"  # noqa: S108 - in the sandbox, whose /tmp is its own
_ENTER = """\
import sys

sys.path[:1] = {!r}

from django.core.management import execute_from_command_line

if __name__ == "__main__":
    sys.argv[0] = "django"
    execute_from_command_line(sys.argv)
"""


class DjangoSuite:
    """A script that starts unittest in its own process, watched by a wrapper of ours."""

    name = check.TESTS

    def explain_absence(self, site: check.Site) -> str:
        """Say why there is no script to run."""
        if site.project.test_runner != "django":
            return "the repository's tests are not run by a script"
        if site.project.test_script is None and _settings(site) is None:
            return (
                "no script that runs the tests and no settings module was found; name one in "
                ".github/mergewright.yml, as in `django: {settings: tests.settings}` or "
                "`checks: {tests: {script: runtests.py}}`"
            )
        return ""

    def command(self, site: check.Site) -> tuple[str, ...]:
        """What a person runs to see the same."""
        if site.project.test_script is None:
            root = site.project.root or "."
            folders = ":".join(
                posixpath.relpath(folder or ".", root) for folder in _python_path(site)
            )
            path = ("env", f"PYTHONPATH={folders}") if folders not in {"", "."} else ()
            start = ("env", "-C", root, *path[1:]) if root != "." else path
            return (*start, "python", "-m", "django", *_django_arguments(site))
        folder, arguments = _split_call(site)
        start = ("env", "-C", folder) if folder else ()
        return (*start, "python", *arguments)

    def make_request(self, site: check.Site, secret: Secret) -> SandboxRequest:
        """Run the script as it is."""
        return self.part_order(site, secret, check.Part())

    def part_order(self, site: check.Site, secret: Secret, part: check.Part) -> SandboxRequest:
        """Run a part of the tests; of what runs in other processes nothing is measured."""
        entry: list[SandboxFile] = []
        if site.project.test_script is None:
            folder, arguments = site.project.root, (_ENTRY, *_django_arguments(site))
            entry = [_entry(site)]
        else:
            folder, arguments = _split_call(site)
        order = scripts.order(
            site,
            secret,
            ("mergewright_django.py", *arguments),
            limits=site.test_limits(),
            told=part.as_told(site),
            collect=(secret.report,),
            files=tuple(entry),
        )
        directory = posixpath.join(SANDBOX_TREE, folder)
        return order.model_copy(update={"directory": directory, "watched": part.own_files})

    def judge(self, site: check.Site, secret: Secret, result: SandboxResult) -> CheckResult:
        """Say how the tests ended."""
        return suite.judge_suite(self, site, secret, result, _CODES)


def _split_call(site: check.Site) -> tuple[str, tuple[str, ...]]:
    """Return the folder to start in, and the script with its arguments.

    manage.py looks for tests in the folder it is started in: its own, unless it has none there.
    """
    path, root = site.project.test_script or "", site.project.root
    folder, name = posixpath.split(path)
    django, given = site.project.django, site.test_args
    if django and django.settings_module and not django.tests_know_settings:
        given = (f"--settings={django.settings_module}", *given)
    from_root = posixpath.relpath(path, root or ".")
    if name != "manage.py":
        return root, (from_root, *given)
    # What Django's runner looks for; a project around a package has its tests at the root.
    if any((site.tree / folder).rglob("test*.py")):
        return folder, (name, "test", *given)
    return root, (from_root, "test", *given)


def _settings(site: check.Site) -> str | None:
    return site.project.django.settings_module if site.project.django else None


def _python_path(site: check.Site) -> tuple[str, ...]:
    return site.project.django.python_path if site.project.django else ()


def _django_arguments(site: check.Site) -> tuple[str, ...]:
    return "test", f"--settings={_settings(site)}", *site.test_args


def _entry(site: check.Site) -> SandboxFile:
    """A script that does what `python -m django` does in the root of the repository."""
    folders = [posixpath.join(SANDBOX_TREE, folder).rstrip("/") for folder in _python_path(site)]
    root = site.in_sandbox("").rstrip("/")
    return SandboxFile(path=_ENTRY, content=_ENTER.format(folders or [root]).encode())
