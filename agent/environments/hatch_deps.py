"""What Hatch installs in the environments that tests are run in. Pure.

Hatch's rules of inheritance are followed; what
takes its value from elsewhere (`{root:uri}`) or holds for some of its runs only is told apart.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from agent.domain import Record
from agent.environments import requirement_names
from agent.environments.tree_files import TreeFiles
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
        left |= dict.fromkeys(_overridden(name, whole))
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
    """An environment with what it has of its templates, each of whose keys it may replace."""
    chain: list[str] = []
    following: str | None = name
    while following is not None and following not in chain:
        chain.append(following)
        one = known.get(following, {})
        alone = following in (_DEFAULT, _HATCH_TEST) or one.get("detached") is True
        template = one.get("template", None if alone else _DEFAULT)
        following = template if isinstance(template, str) else None
    whole: dict[str, Any] = {"dependencies": [*_OF_HATCH_TEST]} if _HATCH_TEST in chain else {}
    for one_name in reversed(chain):
        whole |= known.get(one_name, {})
    return whole


def _overridden(name: str, whole: dict[str, Any]) -> Iterator[str]:
    """Say what holds for some runs of an environment."""
    for source, conditions in table(whole, "overrides").items():
        for condition, changes in conditions.items() if isinstance(conditions, dict) else ():
            for key in changes if isinstance(changes, dict) else ():
                if str(key).removeprefix("set-") in ("dependencies", "extra-dependencies"):
                    yield f"{name} overrides.{source}.{condition}.{key}"


def _texts(value: object) -> Iterable[str]:
    listed = value if isinstance(value, list) else []
    return [text.strip() for text in listed if isinstance(text, str) and text.strip()]
