"""Licences of the packages that come with a change, weighed."""

from __future__ import annotations

import pytest

from agent.models.change import Severity
from agent.models.checks import AddedPackages, Licensing, Package
from agent.policy.contract import added_packages
from tests.unit.policy.cases import config


def package(name="tablib", expression="MIT", **more):
    licensing = Licensing(expression=expression) if expression is not None else None
    facts = {"version": "3.9.0", "licensing": licensing}
    return Package(name=name, **{**facts, **more})


def told(*packages, **licences):
    found = added_packages.find_package_problems(
        AddedPackages(packages=packages),
        config(scope={"licences": licences} if licences else {}),
    )
    return [(one.rule, one.message) for one in found]


def test_a_lock_that_does_not_fit_is_for_the_reviewer():
    said = AddedPackages(packages=(), refused_lock="pdm.lock", refusal="six>=2 (has 1.16)")
    (found,) = added_packages.find_package_problems(said, config())
    assert (found.rule, found.path) == ("lock-behind", "pdm.lock")
    assert found.severity is Severity.REVIEW
    assert "six>=2 (has 1.16)" in found.message


def test_where_nothing_is_demanded_licences_are_named_in_one_line():
    [(rule, message)] = told(package(), package("certifi", "MPL-2.0"), package("furo", None))
    assert rule == "package-licence"
    assert "tablib 3.9.0 (MIT), certifi 3.9.0 (MPL-2.0)" in message


@pytest.mark.parametrize(
    ("expression", "demand"),
    [
        ("GPL-3.0-only", {"forbid": ["GPL-*"]}),
        ("MIT AND AGPL-3.0-only", {"forbid": ["AGPL-*"]}),
    ],
)
def test_what_is_refused(expression, demand):
    found = told(package(expression=expression), **demand)
    assert [rule for rule, *_ in found] == ["forbidden-licence", "package-licence"]
    assert expression in found[0][1]


@pytest.mark.parametrize(
    "licensing",
    [
        None,
        Licensing(classifiers=("License :: Other/Proprietary License",)),
    ],
)
def test_what_is_not_known_is_for_the_reviewer_once_something_is_demanded(licensing):
    one = package().model_copy(update={"licensing": licensing})
    assert told(one, forbid=["BSD-3-Clause"])[0][0] == "unknown-licence"
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
