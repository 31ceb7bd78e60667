"""Two environments held against each other, as they lie in the store."""

from __future__ import annotations

from agent.checks import packages
from agent.models.checks import Status
from tests.unit.checks.test_limits import ENVIRONMENT


def environment(folder, **versions):
    """An environment with metadata files: name to version and licence."""
    for name, (version, licence) in versions.items():
        place = folder / f"lib/python3.11/site-packages/{name}-{version}.dist-info"
        place.mkdir(parents=True)
        lines = [f"Name: {name}", f"Version: {version}", f"License-Expression: {licence}"]
        (place / "METADATA").write_text("\n".join(lines))
    found = tuple(f"{name}=={one[0]}" for name, one in versions.items())
    return ENVIRONMENT.model_copy(
        update={"key": folder.name, "path": str(folder), "packages": found}
    )


def looked(tmp_path, base, head):
    result = packages.check_packages(
        environment(tmp_path / "base", **base), environment(tmp_path / "head", **head)
    )
    assert result.status is Status.PASSED
    assert result.added_packages
    return result, {one.name: one for one in result.added_packages.packages}


def test_what_is_new_is_told(tmp_path):
    base = {"pytest": ("8.0", "MIT")}
    more = {"httpx": ("0.28", "BSD-3-Clause"), "certifi": ("2026.1", "MPL-2.0")}
    result, found = looked(tmp_path, base, {**base, **more})
    assert result.counts == "2 new"
    assert {name: one.version for name, one in found.items()} == {
        "certifi": "2026.1", "httpx": "0.28",
    }  # fmt: skip
