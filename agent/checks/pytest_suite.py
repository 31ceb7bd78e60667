"""The tests, run by pytest: the repository's own where it has one, else the gate's."""

from __future__ import annotations

import posixpath
from dataclasses import replace

from agent.checks import check, scripts, suite
from agent.checks.sealed import Secret
from agent.models.checks import CheckResult
from agent.models.sandbox import (
    SANDBOX_ENVIRONMENT,
    SANDBOX_GATE,
    SANDBOX_TREE,
    SandboxRequest,
    SandboxResult,
)

#: pytest's word for "some tests failed".
_CODES = range(1, 2)
_PAST_FAILURES: tuple[str, ...] = ("--maxfail=0", "--continue-on-collection-errors")


class PytestSuite:
    """pytest with a plugin of ours in it."""

    name = check.TESTS

    def explain_absence(self, site: check.Site) -> str:
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
        words = "python", "-m", "pytest", *_workers(site), *site.test_args
        return (*start, *words)

    def make_request(self, site: check.Site, secret: Secret) -> SandboxRequest:
        """Run all tests, past the first failure and past modules that cannot be collected."""
        return self.part_order(site, secret, check.Part())

    def part_order(self, site: check.Site, secret: Secret, part: check.Part) -> SandboxRequest:
        """Run a part of the tests."""
        options = _PAST_FAILURES
        # A part is done before so many processes have begun.
        options += () if part.only or part.collects else _workers(site)
        if part.covered:
            # In one process, and measured by nobody else.
            options += ("-n", "0") if site.has_package("pytest-xdist") else ()
            options += ("--no-cov",) if site.has_package("pytest-cov") else ()
        if part.collects:
            options += ("--collect-only", "-q")
        own, base = site.has_package("pytest"), part.base
        # What the configuration says wins.
        env = {**_environ(site, SANDBOX_TREE), **site.config.env}
        order = scripts.order(
            replace(site, config=site.config.model_copy(update={"env": env})),
            secret,
            ("run_pytest.py", *site.test_args),
            limits=site.test_limits(),
            told={
                **part.as_told(site),
                "options": options,
                "plugins": sorted(base.plugins) if base else None,
                "gate": "" if own else site.packages_of(SANDBOX_GATE),
                "tools": [f"{SANDBOX_ENVIRONMENT}/", f"{SANDBOX_GATE}/"],
            },
            collect=(secret.report,),
        )
        return order.model_copy(update={"watched": part.own_files})

    def judge(self, site: check.Site, secret: Secret, result: SandboxResult) -> CheckResult:
        """Say how the tests ended."""
        return suite.judge_suite(self, site, secret, result, _CODES)


def _workers(site: check.Site) -> tuple[str, ...]:
    """Have the tests shared among processes where the repository does so itself."""
    is_own = site.config.checks.tests.args or not site.project.tests_in_parallel
    return () if is_own or not site.has_package("pytest-xdist") else ("-n", "auto")


def _environ(site: check.Site, tree: str) -> dict[str, str]:
    """Variables without which pytest-django would not know the settings.

    The module is known from elsewhere then, such as from the commands of tox.ini.
    """
    django = site.project.django
    if django is None or django.settings_module is None or django.tests_know_settings:
        return {}
    if not site.has_package("pytest-django"):
        return {}
    environ = {"DJANGO_SETTINGS_MODULE": django.settings_module}
    # Under `python -m pytest` the root itself is on the path already.
    root = site.project.root
    if below := [folder for folder in django.python_path if folder != root]:
        folders = [posixpath.join(tree, folder) for folder in below]
        # A person starts it in the root, the sandbox has whole paths.
        shown = [posixpath.relpath(folder, root or ".") for folder in below]
        environ["PYTHONPATH"] = ":".join(folders if tree else shown)
    return environ
