"""Records of known vulnerabilities, in the form in which osv.dev gives them away."""

from __future__ import annotations

import json
import zipfile

import pytest

from agent.checks.known_vulnerabilities import Unusable, look_up


def record(number, *, name="Jinja2", events=(), versions=(), kind="ECOSYSTEM", **more):
    affected = {
        "package": {"ecosystem": "PyPI", "name": name, "purl": f"pkg:pypi/{name}"},
        "ranges": [{"type": kind, "events": list(events)}] if events else [],
        "versions": list(versions),
        "database_specific": {"source": "anywhere"},
    }
    return {
        "schema_version": "1.6.0",
        "id": number,
        "modified": "2026-10-01T10:00:00Z",
        "affected": [affected],
        **more,
    }


def since(introduced, fixed=None, **more):
    return [
        {"introduced": introduced},
        *([{"fixed": fixed}] if fixed else []),
        *([more] if more else []),
    ]


@pytest.fixture
def dump(tmp_path):
    """Write records to a zip file; names of further files go to their content."""

    def made(*records, **files):
        place = tmp_path / "all.zip"
        with zipfile.ZipFile(place, "w", zipfile.ZIP_DEFLATED) as packed:
            packed.writestr("README", "no record")
            for one in records:
                packed.writestr(f"{one['id']}.json", json.dumps(one))
            for file, content in files.items():
                packed.writestr(f"{file}.json", content)
        return place

    return made


def ids(dump, version, name="jinja2"):
    return [one.ids[0] for one in look_up(dump, [(name, version)]).by.get((name, version), ())]


@pytest.mark.parametrize(
    ("events", "inside", "outside"),
    [
        (since("2.0", "2.10"), ["2.0", "2.9.9", "2.10.dev1"], ["1.9", "2.0rc1", "2.10", "2.10.0"]),
        (since("1.0", last_affected="1.5"), ["1.0", "1.5", "1.5.0"], ["1.5.1", "1.5.post1", "0.9"]),
        (
            [*since("3.0", "3.2"), *since("0", "2.5")],
            ["2.4", "3.0", "3.1.9"],
            ["2.5", "2.9", "3.2"],
        ),
    ],
)
def test_ranges_are_read_as_pep_440_orders_versions(dump, events, inside, outside):
    records = dump(record("GHSA-1", events=events))
    assert [version for version in inside if not ids(records, version)] == []
    assert [version for version in outside if ids(records, version)] == []


def test_commits_other_ecosystems_and_other_packages_say_nothing(dump):
    git = record("GHSA-1", events=since("0"), kind="GIT")
    npm = record("GHSA-2", events=since("0"))
    npm["affected"][0]["package"]["ecosystem"] = "npm"
    withdrawn = record("GHSA-4", events=since("0"), withdrawn="2026-01-01T00:00:00Z")
    records = dump(git, npm, withdrawn, record("GHSA-3", name="jinja2-extra", events=since("0")))
    assert ids(records, "2.0") == []
    assert ids(records, "2.0", "jinja2-extra") == ["GHSA-3"]
    found = look_up(records, [])
    assert (found.count, found.newest) == (2, "2026-10-01")


def test_records_of_one_vulnerability_are_one_and_only_what_all_call_mended_is(dump):
    records = dump(
        record("PYSEC-1", events=since("0", "2.9"), aliases=["CVE-1"], summary=" Escapes\n it. "),
        record("GHSA-1", events=since("0", "2.10.1"), aliases=["CVE-1"]),
        record("GHSA-9", events=since("0"), aliases=None, summary=None),
    )
    first, second = look_up(records, [("jinja2", "2.0")]).by["jinja2", "2.0"]
    assert (first.ids, first.fixed) == (("GHSA-1", "CVE-1", "PYSEC-1"), "2.10.1")
    assert first.summary == "Escapes it."
    assert (second.ids, second.fixed) == (("GHSA-9",), "")


def test_what_cannot_be_read_is_named_and_left_out(dump):
    records = dump(
        record("GHSA-1", events=since("0")),
        record("GHSA-2", events=since("abc", "2.0")),
        broken="{",
        empty="",
        listed="[]",
        nameless=json.dumps({"id": "X", "affected": [{"package": {"ecosystem": "PyPI"}}]}),
        deep="[" * 100_000,
        odd=json.dumps({"id": "X", "affected": "all"}),
    )
    assert ids(records, "1.0") == ["GHSA-1"]
    found = look_up(records, [("jinja2", "1.0")])
    assert found.count == 2
    said = dict(one.split(": ", 1) for one in found.problems)
    assert len(said) == 7
    assert said["GHSA-2.json"] == "a range with the version abc"
    assert said["broken.json"].startswith("no JSON")
    assert said["nameless.json"] == "affected.0.package.name: Field required"


def test_a_dump_that_is_none_says_so_without_its_place(tmp_path):
    place = tmp_path / "all.zip"
    place.write_bytes(b"PK\x05\x06")
    with pytest.raises(Unusable) as caught:
        look_up(place, [])
    assert str(caught.value).startswith("MERGEWRIGHT_OSV cannot be read (")
    assert str(tmp_path) not in str(caught.value)


def test_listed_versions_count_however_they_are_written(dump):
    records = dump(record("PYSEC-1", versions=["2.0", "2.1.post1", "2004d"]))
    assert ids(records, "2.0.0") == ["PYSEC-1"]
    assert ids(records, "2.1-1") == ["PYSEC-1"]
    assert ids(records, "2004d") == ["PYSEC-1"]
    assert ids(records, "2.2") == []
