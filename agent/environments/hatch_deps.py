"""What Hatch installs in the environments that tests are run in. Pure.

Hatch's rules of inheritance are followed; what
takes its value from elsewhere (`{root:uri}`) or holds for some of its runs only is told apart.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from agent.environments import requirement_names
from agent.environments.tree_files import TreeFiles
from agent.models.record import Record
from repo_config.project_files import table

PATH = "hatch.toml"
_DEFAULT = "default"
#: That of `hatch test`: it inherits from nothing and has these where it does not name others.
#: Without pytest-randomly, which `hatch test` itself switches off.
_OF_HATCH_TEST = (
    "coverage[toml]", "pytest", "pytest-mock", "pytest-rerunfailures", "pytest-xdist",
)  # fmt: skip
_HATCH_TEST = "hatch-test"


class HatchDeps(Record):
    """What the environments for tests have, taken together."""

    path: str
    """Of the file."""
    origin: str
    """File and tables."""
    lines: tuple[str, ...] = ()
    features: tuple[str, ...] = ()
    """Extras of the project."""
    groups: tuple[str, ...] = ()
    """Dependency groups of pyproject.toml."""
    left: tuple[str, ...] = ()


def read(files: TreeFiles, pyproject: dict[str, Any]) -> HatchDeps | None:
    """Read the environments for tests by their names; the default one where there is none."""
    hatch = table(table(pyproject, "tool"), "hatch")
    path, prefix, envs = "pyproject.toml", "tool.hatch.envs.", table(hatch, "envs")
    if own := table(files.toml(PATH), "envs"):
        path, prefix, envs = PATH, "envs.", own
    known = {str(name): one for name, one in envs.items() if isinstance(one, dict)}
    names = [name for name in known if name == _HATCH_TEST or requirement_names.is_for_tests(name)]
    names = names or [name for name in known if name == _DEFAULT]
    lines: dict[str, None] = {}
    left: dict[str, None] = {}
    extras: dict[str, None] = {}
    groups: dict[str, None] = {}
    for name in names:
        whole = _inherited(name, known)
        for line in (*_texts(whole.get("dependencies")), *_texts(whole.get("extra-dependencies"))):
            (left if "{" in line else lines)[line] = None
        if not (whole.get("skip-install") is True or whole.get("detached") is True):
            extras |= dict.fromkeys(_texts(whole.get("features")))
        groups |= dict.fromkeys(_texts(whole.get("dependency-groups")))
        left |= {f"{name} overrides": None} if table(whole, "overrides") else {}
    if not (lines or extras or groups or left):
        return None
    tables = " and ".join(f"[{prefix}{name}]" for name in names)
    return HatchDeps(
        path=path,
        origin=f"{path} {tables}",
        lines=tuple(lines),
        features=tuple(extras),
        groups=tuple(groups),
        left=tuple(left),
    )


def _inherited(name: str, known: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """An environment with what it has of its template, each of whose keys it may replace."""
    own = known.get(name, {})
    if name == _HATCH_TEST:
        return {"dependencies": [*_OF_HATCH_TEST], **own}
    alone = name == _DEFAULT or own.get("detached") is True
    template = own.get("template", "" if alone else _DEFAULT)
    return {**known.get(str(template), {}), **own}


def _texts(value: object) -> Iterable[str]:
    listed = value if isinstance(value, list) else []
    return [text.strip() for text in listed if isinstance(text, str) and text.strip()]
