"""Weigh the licences and the lock of packages that come with a change. Pure.

A licence counts where a package is new, or where another version is under another licence.
"""

from __future__ import annotations

from collections.abc import Iterator

from agent.models.change import Finding, Severity
from agent.models.checks import AddedPackages, Licensing, Package
from agent.policy.rule import Rule
from agent.text.sanitise import list_some
from repo_config import licences
from repo_config.licences import Licence, LicenceDemand
from repo_config.schema import RepoConfig

FORBIDDEN_LICENCE = Rule(
    id="forbidden-licence",
    demands="No package that comes with a change has a licence that `scope.licences` refuses.",
    severity=Severity.BLOCK,
    bad='dependencies = ["pymupdf"]  # AGPL-3.0, and scope.licences.forbid has AGPL-*',
    good='dependencies = ["pypdf"]  # BSD-3-Clause',
)
UNKNOWN_LICENCE = Rule(
    id="unknown-licence",
    demands="Where `scope.licences` demands something, the licence of each package that comes with "
    "a change is known.",
    severity=Severity.REVIEW,
    bad='dependencies = ["tabular"]  # whose metadata name no licence',
    good='dependencies = ["tablib"]  # MIT',
)
LICENCE = Rule(
    id="package-licence",
    demands="The licences of packages that come with a change are named.",
    severity=Severity.INFO,
    bad='dependencies = ["tablib"]  # new, and under MIT',
    good='dependencies = ["httpx"]  # was there',
)
LOCK_BEHIND = Rule(
    id="lock-behind",
    demands="The lock file installs what a change declares.",
    severity=Severity.REVIEW,
    bad='dependencies = ["httpx", "tablib>=3.6"]  # and uv.lock has tablib 3.0, or none',
    good='dependencies = ["httpx", "tablib>=3.6"]  # and uv.lock comes with the change',
)
OF_PACKAGES = (
    LOCK_BEHIND,
    FORBIDDEN_LICENCE,
    UNKNOWN_LICENCE,
    LICENCE,
)

_REFUSED = "Do without it, or have somebody change scope.licences first."
_LOOK = "Look at its sources, and tell the reviewer what its licence is."
_NAMED = "Say with scope.licences which licences are wanted, if that matters here."
_SHOWN = 8


def find_package_problems(added: AddedPackages, config: RepoConfig) -> Iterator[Finding]:
    """Yield the findings on licences and on a lock."""
    yield from _check_licences(added.packages, config)
    if path := added.refused_lock:
        why = added.refusal.splitlines()[-1:]
        message = f"does not fit what the change declares: {''.join(why)}"
        yield LOCK_BEHIND.make_finding(
            path, message, "Bring it up to date with its own tool before the merge."
        )


def _check_licences(packages: tuple[Package, ...], config: RepoConfig) -> Iterator[Finding]:
    demand = LicenceDemand(config.scope.licences.allow, config.scope.licences.forbid)
    named = []
    for package in packages:
        licence = _read_licence(package.licensing)
        earlier = _read_licence(package.earlier)
        is_known = None not in (package.licensing, package.earlier)
        if package.is_new or (is_known and licence.expression != earlier.expression):
            title = f"{package.name} {package.version}"
            if demand.allow or demand.forbid:
                yield from _check_licence(title, licence, demand)
            words = licence.words or "licence"
            words = words if licence.expression else f"{words} not known"
            named.append(f"{title} ({words})")
    if named:
        yield LICENCE.make_finding("", f"The change brings {list_some(named, _SHOWN)}", _NAMED)


def _check_licence(what: str, licence: Licence, demand: LicenceDemand) -> Iterator[Finding]:
    permitted = demand.permits(licence)
    if permitted is False:
        says = f"{what} under {licence.words}, which scope.licences does not let in"
        yield FORBIDDEN_LICENCE.make_finding("", f"The change brings {says}", _REFUSED)
    elif permitted is None:
        reason = "does not say what its licence is"
        if licence.words:
            reason = f"says of its licence no more than: {licence.words}"
        says = f"The change brings {what}, which {reason}"
        yield UNKNOWN_LICENCE.make_finding("", says, _LOOK)


def _read_licence(licensing: Licensing | None) -> Licence:
    said = licensing or Licensing()
    return licences.read_licence(said.expression, said.field, said.classifiers)
