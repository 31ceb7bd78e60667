"""Read dependencies as the tables of Poetry and Pipenv write them. Pure.

Runtime dependencies of a Poetry package come from the metadata its backend makes; what is read
here is what that metadata lacks: the groups, and everything where nothing is built.
"""

from __future__ import annotations

import re
from typing import Any

from agent.environments.tree_files import TreeFiles
from agent.errors import EnvironmentFailed


def groups(table: dict[str, Any], origin: str) -> dict[str, list[str]]:
    """The dependency groups of `[tool.poetry]`, the old `dev-dependencies` as group dev."""
    found: dict[str, list[str]] = {}
    if old := table.get("dev-dependencies"):
        found["dev"] = read_table(old, f"{origin} dev-dependencies")
    for name, group in table.get("group", {}).items():
        place = f"{origin} group.{name}"
        found[name] = [*found.get(name, ()), *read_table(group.get("dependencies", {}), place)]
    return found


def read_table(table: dict[str, Any], origin: str) -> list[str]:
    """The requirements of one table, as PEP 508 writes them."""
    found = []
    for name, entry in table.items():
        for one in entry if isinstance(entry, list) else [entry]:
            asked = one if isinstance(one, dict) else {"version": str(one)}
            if name.lower() != "python" and not asked.get("optional"):
                found.append(_requirement(name, asked, origin))
    return found


def has_modules(files: TreeFiles, table: dict[str, Any], name: str) -> bool:
    """Whether there is something that Poetry's backend would pack: named, or found by name."""
    if table.get("packages") or table.get("include"):
        return True
    module = re.sub(r"[-_.]+", "_", name).lower()
    return any(
        found.lower() in (module, f"{module}.py", f"{module}-stubs")
        for folder in ("", "src")
        for found in files.names(folder)
    )


def specifier(constraint: str, origin: str) -> str:
    """Turn Poetry's `^1.2`, `~1.2`, `1.2.*` and `*` into PEP 440.

    Raises:
        EnvironmentFailed: It uses what PEP 440 cannot say, such as `||`.
    """
    if "|" in constraint:
        raise EnvironmentFailed(
            f"{origin}: `{constraint}` has alternatives, which requirements cannot express."
        )
    return ",".join(
        part for piece in re.split(r"[,\s]+(?=[\^~<>=!*\d])", constraint.strip())
        if (part := _convert_clause(piece.strip().rstrip(","), origin))
    )  # fmt: skip


def _convert_clause(piece: str, origin: str) -> str:
    if piece in ("*", ""):
        return ""
    if match := re.fullmatch(r"(\^|~)\s*(\d+(?:\.\d+)*)(\S*)", piece):
        sign, release, rest = match.groups()
        numbers = [int(number) for number in release.split(".")]
        kept = _caret(numbers) if sign == "^" else numbers[:2]
        ceiling = ".".join(map(str, [*kept[:-1], kept[-1] + 1]))
        return f">={release}{rest},<{ceiling}"
    if re.fullmatch(r"(===|==|!=|<=|>=|~=|<|>)\s*\S+", piece):
        return piece
    if re.fullmatch(r"\d\S*", piece):
        return f"=={piece}"
    raise EnvironmentFailed(f"{origin}: `{piece}` is not a version constraint.")


def _caret(numbers: list[int]) -> list[int]:
    """The part that must not change: up to the first number that is not zero."""
    for place, number in enumerate(numbers):
        if number:
            return numbers[: place + 1]
    return numbers


def _requirement(name: str, asked: dict[str, Any], origin: str) -> str:
    extras = f"[{','.join(asked['extras'])}]" if asked.get("extras") else ""
    conditions = [f"({asked['markers']})"] if asked.get("markers") else []
    if pythons := asked.get("python"):
        parts = specifier(str(pythons), origin).split(",")
        matches = (re.fullmatch(r"(\W+)\s*(\S+)", part) for part in parts)
        conditions += [f'python_full_version {m[1]} "{m[2]}"' for m in matches if m]
    marker = f" ; {' and '.join(conditions)}" if conditions else ""
    for key, start in (("git", "git+"), ("path", "file:"), ("file", ""), ("url", "")):
        if key in asked:
            return f"{name}{extras} @ {start}{asked[key]}{marker}"
    version = specifier(str(asked.get("version", "*")), f"{origin}: {name}")
    return f"{name}{extras}{version}{marker}"
