"""The tests, run by pytest: the repository's own where it has one, else the gate's."""

from __future__ import annotations

import posixpath
from collections.abc import Mapping
from dataclasses import replace

from agent.checks import check, scripts, suite
from agent.checks.sealed import Secret
from agent.domain import CheckResult, SuiteFacts
from agent.ports import ROOM_ENVIRONMENT, ROOM_GATE, ROOM_TREE, RoomOrder, RoomResult

#: pytest's word for "some tests failed".
_CODES = range(1, 2)
_PAST_FAILURES = ("--maxfail=0", "--continue-on-collection-errors")


class PytestSuite:
    """pytest with a plugin of ours in it."""

    name = check.TESTS

    def absent(self, site: check.Site) -> str:
        """Say why there are no tests to run with pytest."""
        if site.project.test_runner == "pytest":
            return ""
        return "the repository's tests are not run by pytest"

    def command(self, site: check.Site) -> tuple[str, ...]:
        """What a person runs to see the same."""
        root = site.project.root
        named = tuple(f"{name}={value}" for name, value in _environ(site, "").items())
        folder = ("-C", root) if root else ()
        start = ("env", *folder, *named) if folder or named else ()
        return (*start, "python", "-m", "pytest", *site.config.checks.tests.args)

    def order(self, site: check.Site, secret: Secret) -> RoomOrder:
        """Run all tests, past the first failure and past modules that cannot be collected."""
        return _order(site, secret, _PAST_FAILURES)

    def base_order(self, site: check.Site, secret: Secret, facts: SuiteFacts) -> RoomOrder:
        """Run all tests of base, from no other file and with no other plugin than it has."""
        return _order(site, secret, _PAST_FAILURES, facts=facts)

    def some_order(self, site: check.Site, secret: Secret, only: check.Selection) -> RoomOrder:
        """Run some tests alone."""
        return _order(site, secret, _PAST_FAILURES, only)

    def covered_order(
        self, site: check.Site, secret: Secret, files: Mapping[str, tuple[int, ...]]
    ) -> RoomOrder:
        """Run all tests in one process, measured by us and nobody else."""
        alone = ("-n", "0") if site.has("pytest-xdist") else ()
        theirs = ("--no-cov",) if site.has("pytest-cov") else ()
        return _order(site, secret, (*_PAST_FAILURES, *alone, *theirs), files=files)

    def collect_order(self, site: check.Site, secret: Secret) -> RoomOrder:
        """Only collect."""
        return _order(site, secret, (*_PAST_FAILURES, "--collect-only", "-q"))

    def judge(self, site: check.Site, secret: Secret, result: RoomResult) -> CheckResult:
        """Say how the tests ended."""
        return suite.judge(self, site, secret, result, _CODES)


def _environ(site: check.Site, tree: str) -> dict[str, str]:
    """Variables without which pytest-django would not know the settings.

    The module is known from elsewhere then, such as from the commands of tox.ini.
    """
    django = site.project.django
    if django is None or django.settings_module is None or django.told_to_pytest:
        return {}
    if not site.has("pytest-django"):
        return {}
    environ = {"DJANGO_SETTINGS_MODULE": django.settings_module}
    # Under `python -m pytest` the root itself is on the path already.
    root = site.project.root
    if below := [folder for folder in django.python_path if folder != root]:
        folders = [posixpath.join(tree, folder) for folder in below]
        # A person starts it in the root, the room has whole paths.
        shown = [posixpath.relpath(folder, root or ".") for folder in below]
        environ["PYTHONPATH"] = ":".join(folders if tree else shown)
    return environ


def _order(
    site: check.Site,
    secret: Secret,
    options: tuple[str, ...],
    only: check.Selection | None = None,
    files: Mapping[str, tuple[int, ...]] | None = None,
    facts: SuiteFacts | None = None,
) -> RoomOrder:
    own = site.has("pytest")
    # What the configuration says wins.
    env = {**_environ(site, ROOM_TREE), **site.config.env}
    order = scripts.order(
        replace(site, config=site.config.model_copy(update={"env": env})),
        secret,
        ("run_pytest.py", *site.config.checks.tests.args),
        limits=site.test_limits(),
        told={
            "options": options,
            "only": only.as_told() if only else None,
            "within": check.collected_files(facts) if facts else None,
            "plugins": sorted(facts.plugins) if facts else None,
            "coverage": check.measuring(site, files) if files else None,
            "seconds": site.test_limits().seconds,
            "fails_fast": site.fails_fast,
            "gate": "" if own else site.packages_of(ROOM_GATE),
            "tools": [f"{ROOM_ENVIRONMENT}/", f"{ROOM_GATE}/"],
        },
        collect=suite.returned(secret),
    )
    return order.model_copy(update={"watched": check.own_files(facts)})
