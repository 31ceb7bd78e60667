"""Two environments held against each other, as they lie in the store."""

from __future__ import annotations

from agent.checks import packages
from agent.models.checks import DeclaredPackage, Status
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


def looked(tmp_path, base, head, *declared):
    result = packages.check_packages(
        declared,
        environment(tmp_path / "base", **base),
        environment(tmp_path / "head", **head),
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
