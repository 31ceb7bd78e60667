"""Weigh what comes with a change by way of packages, as the environment of the change shows it.

Pure. Which packages those are and what they say of themselves is found out by `agent.checks`; what
a repository wants to know before anything is installed is left to `new_dependencies`. A licence
counts where a package is new, or where another version is under another licence; a vulnerability
where the version before did not have it.
"""

from __future__ import annotations

from collections.abc import Iterator

from agent.models.change import Finding, Severity
from agent.models.packages import AddedPackages, Licensing, Package, Vulnerability
from agent.policy.rule import Rule
from agent.text.sanitise import list_some
from repo_config import licences
from repo_config.licences import Demand, Licence
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
VULNERABILITY = Rule(
    id="known-vulnerability",
    demands="No version that comes with a change has a vulnerability that is on record and that "
    "the version before did not have.",
    severity=Severity.BLOCK,
    bad="jinja2==2.4.1  # new, and GHSA-462w-v97r-4m45 is fixed in 2.10.1",
    good="jinja2==3.1.6",
)
KEPT_VULNERABILITY = Rule(
    id="kept-vulnerability",
    demands="A version that comes with a change is rid of the vulnerabilities that are on record "
    "of the one before.",
    severity=Severity.INFO,
    bad="jinja2==2.4.2  # was 2.4.1, and both have GHSA-462w-v97r-4m45",
    good="jinja2==3.1.6  # was 2.4.1",
)
VULNERABILITY_DATA = Rule(
    id="vulnerability-data",
    demands="There are records at hand, and new ones, of known vulnerabilities of what comes with "
    "a change.",
    severity=Severity.INFO,
    bad="the operator has set no MERGEWRIGHT_OSV, so nothing is known of jinja2 3.1.6",
    good="MERGEWRIGHT_OSV names the dump of this morning",
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
    VULNERABILITY,
    KEPT_VULNERABILITY,
    VULNERABILITY_DATA,
)

_REFUSED = "Do without it, or have somebody change scope.licences first."
_LOOK = "Look at its sources, and tell the reviewer what its licence is."
_NAMED = "Say with scope.licences which licences are wanted, if that matters here."
_RECORDS = "An operator keeps a new dump of osv.dev for PyPI where MERGEWRIGHT_OSV says."
_SHOWN = 8


def find_package_problems(brought: AddedPackages, config: RepoConfig) -> Iterator[Finding]:
    """Yield what is to be said of licences, then of vulnerabilities, in the packages' order."""
    yield from _of_licences(brought.packages, config)
    for package in brought.packages:
        yield from _of_vulnerabilities(package)
    if brought.packages:
        yield from _of_data(brought)
    if path := brought.refused_lock:
        why = brought.refusal.splitlines()[-1:]
        message = f"does not fit what the change declares: {''.join(why)}"
        yield LOCK_BEHIND.make_finding(
            path, message, "Bring it up to date with its own tool before the merge."
        )


def _of_licences(packages: tuple[Package, ...], config: RepoConfig) -> Iterator[Finding]:
    said = config.scope.licences
    demand = Demand(said.allow, said.forbid)
    named: dict[str, list[str]] = {}
    for package in packages:
        if not package.is_new and not _has_other_licence(package):
            continue
        licence = _licence(package.licensing)
        yield from _check_licence(package, licence, demand)
        words = licence.words if licence.options else f"{licence.words or 'licence'} not known"
        named.setdefault(package.place, []).append(f"{_format_package(package)} ({words})")
    for place, several in named.items():
        path, line = _split_place(place)
        yield LICENCE.make_finding(
            path, f"{_find_first_line(path)}brings {list_some(several, _SHOWN)}", _NAMED, line
        )


def _of_vulnerabilities(package: Package) -> Iterator[Finding]:
    path, line = _split_place(package.place)
    start = f"{_find_first_line(path)}brings {_format_package(package)}"
    for one in package.vulnerabilities:
        said = f"{start}{_explain_origin(package)} with {_format_name(one)}"
        yield VULNERABILITY.make_finding(path, said, _way_out(package, one), line)
    if package.retained_vulnerabilities:
        names = list_some(map(_format_name, package.retained_vulnerabilities), _SHOWN)
        said = f"{start}, which has {names}"
        said += f", as {package.before} had"
        yield KEPT_VULNERABILITY.make_finding(
            path, said, _way_out(package, package.retained_vulnerabilities[0]), line
        )


def _format_name(one: Vulnerability) -> str:
    first, *others = one.ids
    also = f" ({', '.join(others[:2])})" if others else ""
    return f"{first}{also}{': ' if one.summary else ''}{one.summary.rstrip('.')}"


def _way_out(package: Package, one: Vulnerability) -> str:
    if one.fixed:
        return f"Take {package.name} {one.fixed} or later."
    return "No version without it is on record: do without the package, or take another one."


def _of_data(brought: AddedPackages) -> Iterator[Finding]:
    """Say why silence about vulnerabilities proves little, or nothing."""
    known = brought.known
    reasons: list[str] = []
    if not known.count:
        reasons += known.problems[:1] or ("the operator has set no MERGEWRIGHT_OSV",)
    elif known.problems:
        reasons.append(f"records cannot be read: {list_some(known.problems, _SHOWN)}")
    if known.count and known.stale_days:
        reasons.append(f"the newest record is of {known.newest}, {known.stale_days} days ago")
    if known.count and (left := [one.name for one in brought.packages if not one.version]):
        reasons.append(f"no version is fixed of {list_some(left, _SHOWN)}")
    if reasons:
        path, line = _split_place(brought.packages[0].place)
        versions = list_some(map(_format_package, brought.packages), _SHOWN)
        said = (
            f"{_find_first_line(path)}brings {versions}, of whose vulnerabilities little is known"
        )
        yield VULNERABILITY_DATA.make_finding(path, f"{said}: {'; '.join(reasons)}", _RECORDS, line)


def _check_licence(package: Package, licence: Licence, demand: Demand) -> Iterator[Finding]:
    if not (demand.allow or demand.forbid):
        return
    path, line = _split_place(package.place)
    start = f"{_find_first_line(path)}brings {_format_package(package)}{_explain_origin(package)}"
    permitted = demand.permits(licence)
    if permitted is False:
        words = f"{start} under {licence.words}, which scope.licences does not let in"
        yield FORBIDDEN_LICENCE.make_finding(path, words, _REFUSED, line)
    elif permitted is None:
        if package.licensing is None:
            reason = "is not installed for the checks, so that its licence is not known"
        elif licence.words:
            reason = f"says of its licence no more than: {licence.words}"
        else:
            reason = "does not say what its licence is"
        yield UNKNOWN_LICENCE.make_finding(path, f"{start}, which {reason}", _LOOK, line)


def _licence(licensing: Licensing | None) -> Licence:
    said = licensing or Licensing()
    return licences.read_licence(said.expression, said.field, said.classifiers)


def _has_other_licence(package: Package) -> bool:
    if package.licensing is None or package.earlier is None:
        return False
    return _licence(package.licensing).options != _licence(package.earlier).options


def _format_package(package: Package) -> str:
    return f"{package.name} {package.version}".strip()


def _explain_origin(package: Package) -> str:
    return f", which {' and '.join(package.needed_by[:2])} needs," if package.needed_by else ""


def _find_first_line(path: str) -> str:
    return "" if path else "The change "


def _split_place(place: str) -> tuple[str, int | None]:
    path, _, line = place.rpartition(":")
    return (path, int(line)) if line.isdigit() else (place, None)
