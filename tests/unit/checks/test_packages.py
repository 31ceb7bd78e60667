"""Two environments held against each other, as they lie in the store."""

from __future__ import annotations

import json
import zipfile

from agent.checks import packages
from agent.models.checks import Status
from agent.models.packages import DeclaredPackage, VulnerabilityData
from tests.unit.checks.test_limits import ENVIRONMENT


def environment(folder, **versions):
    """An environment with metadata files: name to version, licence and what it needs."""
    for name, (version, licence, *needs) in versions.items():
        place = folder / f"lib/python3.11/site-packages/{name}-{version}.dist-info"
        place.mkdir(parents=True)
        lines = [f"Name: {name}", f"Version: {version}", f"License-Expression: {licence}"]
        lines += [f"Requires-Dist: {one}" for one in needs]
        (place / "METADATA").write_text("\n".join(lines))
    found = tuple(f"{name}=={one[0]}" for name, one in versions.items())
    return ENVIRONMENT.model_copy(
        update={"key": folder.name, "path": str(folder), "packages": found}
    )


def looked(tmp_path, base, head, *declared, **known):
    result = packages.check_packages(
        declared,
        environment(tmp_path / "base", **base),
        environment(tmp_path / "head", **head),
        **known,
    )
    assert result.status is Status.PASSED
    assert result.added_packages
    return result, {one.name: one for one in result.added_packages.packages}


def test_what_is_new_is_told_with_what_needs_it_and_where_that_is_declared(tmp_path):
    result, found = looked(
        tmp_path,
        {"pytest": ("8.0", "MIT")},
        {
            "pytest": ("8.0", "MIT"),
            "httpx": ("0.28", "BSD-3-Clause", "httpcore", "pytest"),
            "httpcore": ("1.0", "BSD-3-Clause", "certifi"),
            "certifi": ("2026.1", "MPL-2.0"),
        },
        DeclaredPackage(name="httpx", place="requirements.txt:2"),
    )
    assert result.counts == "3 new"
    assert {name: (one.version, one.needed_by, one.place) for name, one in found.items()} == {
        "certifi": ("2026.1", ("httpcore",), "requirements.txt:2"),
        "httpcore": ("1.0", ("httpx",), "requirements.txt:2"),
        "httpx": ("0.28", (), "requirements.txt:2"),
    }
    assert found["certifi"].licensing.expression == "MPL-2.0"
    assert found["certifi"].earlier is None


def test_another_version_is_told_with_both_licences(tmp_path):
    result, found = looked(
        tmp_path,
        {"store": ("7.2", "BSD-3-Clause"), "gone": ("1.0", "MIT")},
        {"store": ("7.4", "SSPL-1.0")},
        DeclaredPackage(name="store", version="7.4", place="uv.lock", is_new=False),
    )
    assert result.counts == "1 in another version"
    one = found["store"]
    assert (one.before, one.version, one.place) == ("7.2", "7.4", "uv.lock")
    assert (one.earlier.expression, one.licensing.expression) == ("BSD-3-Clause", "SSPL-1.0")


def test_what_the_checks_do_not_install_is_told_as_that(tmp_path):
    result, found = looked(
        tmp_path,
        {"sphinx": ("7.0", "BSD-2-Clause")},
        {"sphinx": ("7.0", "BSD-2-Clause")},
        DeclaredPackage(name="furo", place="docs/requirements.txt:1"),
        DeclaredPackage(
            name="sphinx", version="8.0", place="docs/requirements.txt:2", is_new=False
        ),
        DeclaredPackage(name="sphinx", version="7.0", place="requirements.txt:1", is_new=False),
    )
    assert result.counts == "1 new, 1 in another version"
    assert (found["furo"].version, found["furo"].licensing) == ("", None)
    assert (found["sphinx"].version, found["sphinx"].licensing) == ("8.0", None)


NOW = 1_790_000_000.0
"""In September 2026."""


def known(tmp_path, *records):
    place = tmp_path / "all.zip"
    with zipfile.ZipFile(place, "w") as packed:
        for one in records:
            packed.writestr(f"{one['id']}.json", json.dumps(one))
    return {"dump": place, "now": NOW}


def vulnerable(name, fixed, number="GHSA-1"):
    events = [{"introduced": "0"}, {"fixed": fixed}]
    package = {"ecosystem": "PyPI", "name": name}
    said = {"package": package, "ranges": [{"type": "ECOSYSTEM", "events": events}]}
    return {"id": number, "modified": "2026-09-20T00:00:00Z", "affected": [said]}


def test_versions_that_come_are_held_against_the_records(tmp_path):
    records = known(tmp_path, vulnerable("certifi", "2025.1"), vulnerable("Furo", "9", "GHSA-2"))
    result, found = looked(
        tmp_path,
        {},
        {"httpx": ("0.28", "BSD-3-Clause", "certifi"), "certifi": ("2024.1", "MPL-2.0")},
        DeclaredPackage(name="furo", version="8.0", place="docs/requirements.txt:1"),
        **records,
    )
    assert result.counts == "3 new, 2 known to be vulnerable"
    assert {name: [v.ids for v in one.vulnerabilities] for name, one in found.items()} == {
        "httpx": [],
        "certifi": [("GHSA-1",)],
        "furo": [("GHSA-2",)],
    }
    assert result.added_packages.known == VulnerabilityData(count=2, newest="2026-09-20")


def test_what_the_version_before_had_as_well_is_told_apart(tmp_path):
    records = known(tmp_path, vulnerable("a", "3"), vulnerable("a", "1.5", "GHSA-2"))
    result, found = looked(tmp_path, {"a": ("2.0", "MIT")}, {"a": ("1.0", "MIT")}, **records)
    assert result.counts == "1 in another version, 1 known to be vulnerable"
    assert [one.ids for one in found["a"].vulnerabilities] == [("GHSA-2",)]
    assert [one.ids for one in found["a"].retained_vulnerabilities] == [("GHSA-1",)]


def test_an_old_dump_and_one_that_cannot_be_read_are_told(tmp_path):
    old = {**vulnerable("a", "3"), "modified": "2026-01-01T00:00:00Z"}
    data = packages.look_up([], *known(tmp_path, old).values()).known
    assert (data.newest, data.stale_days) == ("2026-01-01", 263)
    gone = packages.look_up([], tmp_path / "gone", NOW).known
    assert gone.count == 0
    assert gone.problems == ("MERGEWRIGHT_OSV cannot be read (No such file or directory)",)
    assert packages.look_up([], None, NOW).known == VulnerabilityData()
