"""The tests, run by the repository's own script: manage.py, runtests.py and kin."""

from __future__ import annotations

import posixpath

from agent.checks import check, scripts, suite
from agent.checks.sealed import Secret
from agent.domain import CheckResult
from agent.ports import ROOM_TREE, RoomOrder, RoomResult

#: Scripts end with 1, or with the number of failures.
_CODES = range(1, 256)


class DjangoSuite:
    """A script that starts unittest in its own process, watched by a wrapper of ours."""

    name = check.TESTS

    def absent(self, site: check.Site) -> str:
        """Say why there is no script to run."""
        if site.project.test_runner != "django":
            return "the repository's tests are not run by a script"
        if site.project.test_script is None:
            return "no script that runs the tests was found; name it in checks.tests.script"
        return ""

    def command(self, site: check.Site) -> tuple[str, ...]:
        """What a person runs to see the same."""
        folder, arguments = _call(site)
        start = ("env", "-C", folder) if folder else ()
        return (*start, "python", *arguments)

    def order(self, site: check.Site, secret: Secret) -> RoomOrder:
        """Run the script as it is."""
        return _order(site, secret, collect=False)

    def collect_order(self, site: check.Site, secret: Secret) -> RoomOrder:
        """Only collect: the suite is put together and not run."""
        return _order(site, secret, collect=True)

    def judge(self, site: check.Site, secret: Secret, result: RoomResult) -> CheckResult:
        """Say how the tests ended."""
        return suite.judge(self, site, secret, result, _CODES)


def _call(site: check.Site) -> tuple[str, tuple[str, ...]]:
    """Return the folder to start in, and the script with its arguments.

    manage.py looks for tests in the folder it is started in: its own, unless it has none there.
    """
    path = site.project.test_script or ""
    folder, name = posixpath.split(path)
    given = site.config.checks.tests.args
    if name != "manage.py":
        return "", (path, *given)
    # What Django's runner looks for; a project around a package has its tests at the root.
    if any((site.tree / folder).rglob("test*.py")):
        return folder, (name, "test", *given)
    return "", (path, "test", *given)


def _order(site: check.Site, secret: Secret, *, collect: bool) -> RoomOrder:
    folder, arguments = _call(site)
    order = scripts.order(
        site,
        secret,
        ("mergewright_django.py", *arguments),
        limits=site.test_limits(),
        told={"collect": collect, "seconds": site.test_limits().seconds},
        collect=suite.returned(secret),
    )
    return order.model_copy(update={"directory": posixpath.join(ROOM_TREE, folder)})
