"""Licences and known vulnerabilities of the packages that come with a change, weighed."""

from __future__ import annotations

import pytest

from agent.domain import (
    Brought,
    Licensing,
    Package,
    Severity,
    Vulnerability,
    VulnerabilityData,
)
from agent.policy.upkeep import brought
from tests.unit.policy.cases import config


def package(name="tablib", expression="MIT", **more):
    licensing = Licensing(expression=expression) if expression is not None else None
    facts = {"version": "3.9.0", "place": "pyproject.toml:7", "licensing": licensing}
    return Package(name=name, **{**facts, **more})


AT_HAND = VulnerabilityData(count=18_000, newest="2026-10-01")


def told(*packages, known=AT_HAND, **licences):
    found = brought.findings(
        Brought(packages=packages, known=known),
        config(scope={"licences": licences} if licences else {}),
    )
    return [(one.rule, f"{one.path}:{one.line}", one.message) for one in found]


def test_where_nothing_is_demanded_licences_are_named_in_one_line_for_each_place():
    assert told(
        package(),
        package("certifi", "MPL-2.0", needed_by=("tablib",)),
        package("odd", "", place=""),
        package("furo", None, place="docs/requirements.txt:2"),
    ) == [
        (
            "package-licence",
            "pyproject.toml:7",
            "brings tablib 3.9.0 (MIT), certifi 3.9.0 (MPL-2.0).",
        ),
        ("package-licence", ":None", "The change brings odd 3.9.0 (licence not known)."),
        ("package-licence", "docs/requirements.txt:2", "brings furo 3.9.0 (licence not known)."),
    ]


def test_a_licence_that_is_not_let_in_is_named_with_what_brings_it():
    found = told(package("mupdf", "AGPL-3.0-only", needed_by=("tablib",)), forbid=["AGPL-*"])
    assert found[0] == (
        "forbidden-licence",
        "pyproject.toml:7",
        (
            "brings mupdf 3.9.0, which tablib needs, under AGPL-3.0-only, which scope.licences "
            "does not let in."
        ),
    )


@pytest.mark.parametrize(
    ("expression", "demand"),
    [
        ("GPL-3.0-only", {"forbid": ["GPL-*"]}),
        ("GPL-3.0-or-later", {"forbid": ["GPL-3.0"]}),
        ("MIT AND AGPL-3.0-only", {"forbid": ["AGPL-*"]}),
        ("MPL-2.0", {"allow": ["MIT", "BSD-*"]}),
        ("LicenseRef-Commercial", {"allow": ["MIT"]}),
        ("BSD-4-Clause", {"allow": ["BSD-*"], "forbid": ["BSD-4-Clause"]}),
    ],
)
def test_what_is_refused(expression, demand):
    assert [rule for rule, *_ in told(package(expression=expression), **demand)] == [
        "forbidden-licence",
        "package-licence",
    ]


@pytest.mark.parametrize(
    ("expression", "demand"),
    [
        ("MIT", {"forbid": ["GPL-*"]}),
        ("LGPL-3.0-only", {"forbid": ["GPL-*"]}),
        ("MIT OR GPL-3.0-only", {"forbid": ["GPL-*"]}),
        ("BSD-3-Clause", {"allow": ["MIT", "BSD-*"]}),
        ("LicenseRef-Ours", {"allow": ["LicenseRef-Ours"]}),
        ("Apache-2.0", {"allow": ["apache-2.0"]}),
    ],
)
def test_what_is_let_in(expression, demand):
    assert [rule for rule, *_ in told(package(expression=expression), **demand)] == [
        "package-licence"
    ]


@pytest.mark.parametrize(
    ("licensing", "reason"),
    [
        (None, "is not installed for the checks, so that its licence is not known."),
        (Licensing(), "does not say what its licence is."),
        (Licensing(field="Proprietary"), "says of its licence no more than: Proprietary."),
        (
            Licensing(classifiers=("License :: OSI Approved :: BSD License",)),
            "says of its licence no more than: BSD License (which one is not said).",
        ),
        (
            Licensing(expression="LicenseRef-Own"),
            "says of its licence no more than: LicenseRef-Own.",
        ),
    ],
)
def test_what_is_not_known_is_for_the_reviewer_once_something_is_demanded(licensing, reason):
    one = package().model_copy(update={"licensing": licensing})
    rule, _, message = told(one, forbid=["BSD-3-Clause"])[0]
    assert (rule, message) == ("unknown-licence", f"brings tablib 3.9.0, which {reason}")
    assert [rule for rule, *_ in told(one)] == ["package-licence"]


def test_another_version_counts_only_where_its_licence_is_another_one():
    same = package(is_new=False, before="3.8.0", earlier=Licensing(expression="mit"))
    other = package(
        "store", "SSPL-1.0", is_new=False, before="7.2", earlier=Licensing(expression="MIT")
    )
    unknown = package(is_new=False, before="3.8.0", earlier=None)
    assert told(same, unknown, forbid=["SSPL-*"]) == []
    assert [rule for rule, *_ in told(other, forbid=["SSPL-*"])] == [
        "forbidden-licence",
        "package-licence",
    ]


ESCAPE = Vulnerability(
    ids=("GHSA-1", "CVE-2", "PYSEC-3", "X-4"), summary="Sandbox escape.", fixed="3.9.2"
)
OTHER = Vulnerability(ids=("MAL-1",))


def test_a_version_with_a_known_vulnerability_is_refused_with_the_one_that_has_it_no_more():
    one = package(vulnerabilities=(ESCAPE, OTHER), needed_by=("app",), is_new=False)
    found = list(brought.findings(Brought(packages=(one,), known=AT_HAND), config()))
    assert [(each.rule, each.severity, each.line, each.message, each.fix) for each in found] == [
        (
            "known-vulnerability",
            Severity.BLOCK,
            7,
            ("brings tablib 3.9.0, which app needs, with GHSA-1 (CVE-2, PYSEC-3): Sandbox escape."),
            "Take tablib 3.9.2 or later.",
        ),
        (
            "known-vulnerability",
            Severity.BLOCK,
            7,
            "brings tablib 3.9.0, which app needs, with MAL-1.",
            "No version without it is on record: do without the package, or take another one.",
        ),
    ]


def test_what_the_version_before_had_as_well_is_only_told():
    one = package(is_new=False, before="3.8.0", kept=(ESCAPE,), earlier=None)
    assert told(one) == [
        (
            "kept-vulnerability",
            "pyproject.toml:7",
            (
                "brings tablib 3.9.0, which has GHSA-1 (CVE-2, PYSEC-3): Sandbox escape, as 3.8.0 "
                "had."
            ),
        )
    ]


@pytest.mark.parametrize(
    ("known", "said"),
    [
        (
            VulnerabilityData(),
            (
                "nothing is known of vulnerabilities of tablib 3.9.0: the operator has set no "
                "MERGEWRIGHT_OSV."
            ),
        ),
        (
            VulnerabilityData(problems=("MERGEWRIGHT_OSV cannot be read (no such file)",)),
            (
                "nothing is known of vulnerabilities of tablib 3.9.0: MERGEWRIGHT_OSV cannot be "
                "read (no such file)."
            ),
        ),
        (
            VulnerabilityData(count=3, newest="2026-01-01", stale_days=40),
            "the newest record of vulnerabilities is of 2026-01-01, 40 days ago.",
        ),
        (
            VulnerabilityData(count=3, newest="2026-01-01", problems=("a.json: no JSON", "2 more")),
            "records of vulnerabilities that cannot be read: a.json: no JSON, 2 more.",
        ),
    ],
)
def test_where_silence_proves_little_one_line_says_so(known, said):
    one = package(is_new=False)
    assert told(one, known=known) == [("vulnerability-data", "pyproject.toml:7", said)]
    assert told(known=known) == []


def test_what_has_no_version_cannot_be_looked_up():
    assert told(package("furo", None, version="", is_new=False, place="")) == [
        (
            "vulnerability-data",
            ":None",
            "No version is fixed of furo, so no record can speak of it.",
        )
    ]
