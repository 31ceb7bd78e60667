"""Keep a change from getting green by telling the checking tools to look at less.

Strictness that is switched off, files and rules that are left out, bounds that are lowered, tests
that are deselected or no longer collected, hooks of pre-commit that go, and Django settings that
silence its checks or leave migrations out. What a tool is told is read from whichever file it
reads first (see `tool_tables`), so that a move between files is none. Settings that are merely
touched are left to `gate-files`.
"""

from __future__ import annotations

import ast
import re
import shlex
from collections.abc import Iterator

from agent.domain import ChangedFile, Finding, Severity
from agent.policy.proposal import Hit, Proposal
from agent.policy.rule import Rule
from agent.policy.tampering import tool_tables
from agent.policy.tampering.asked import Asked
from agent.policy.tampering.naming import Naming
from agent.policy.tampering.tool_tables import Settings
from agent.policy.view import View
from repo_config import rule_files
from repo_config.suites import PytestSettings

LOOSENED = Rule(
    id="settings-loosened",
    demands="The checking tools look at no less than before, unless the ticket asks for it.",
    severity=Severity.BLOCK,
    floor=Severity.REVIEW,
    bad="strict = false  # was true",
    good="strict = true",
)
LOOSENED_NOTED = Rule(
    id="settings-loosened-noted",
    demands="Settings that are loosened as the ticket asks, or for a library, are looked at first.",
    severity=Severity.REVIEW,
    bad="[mypy-untyped_library.*] ignore_missing_imports = True",
    good="[mypy] ignore_missing_imports = False",
)
RULES = (LOOSENED, LOOSENED_NOTED)

_STRICT = re.compile(
    r"strict\w*|disallow_\w+|check_untyped_defs|warn_\w+|no_implicit_\w+|extra_checks|xfail_strict"
    r"|branch|report\w+|typecheckingmode|preview_rules|force_exclude|local_partial_types"
    r"|strict_\w+|empty_parameter_set_mark|analyzeunannotatedfunctions|failonwarnings"
    r"|disablebytestypepromotions"
)
_LOOSE = re.compile(
    r"ignore_errors|ignore_missing_imports|allow_\w+|no_strict_optional|exit_zero|implicit_\w+"
    r"|no_silence_site_packages|disable_all|disable_warnings|enabletypeignorecomments"
)
_LEFT_OUT = re.compile(
    r"ignore|extend_ignore|exclude|extend_exclude|(?:extend_)?per_file_ignores|omit|exclude_lines"
    r"|exclude_also|exclude_dirs|disable|disable_error_code|norecursedirs|skips?|skip_glob"
    r"|extend_skip|extend_skip_glob|ignore_patterns|ignore_paths|ignored_modules|partial_branches"
    r"|force_ignore|extra_standard_library_off|alloweduntypedlibraries"
)
_TAKEN_IN = re.compile(
    r"select|extend_select|enable|enable_error_code|files|packages|source|source_pkgs|include"
    r"|required_plugins"
)
_LOWER_BOUND = re.compile(r"fail_under|min_\w+|fail_on\w*")
_UPPER_BOUND = re.compile(r"max_\w+|line_length")
_MODES = (
    "off",
    "none",
    "false",
    "hint",
    "basic",
    "information",
    "warning",
    "standard",
    "error",
    "true",
    "strict",
    "recommended",
    "all",
)
#: Settings of pyright that hold unless they are switched off.
_ON_BY_ITSELF = frozenset(
    {"analyzeunannotatedfunctions", "strictparameternonevalue", "disablebytestypepromotions"}
)
_OPTIONS = re.compile(
    r"-k|-m|--deselect|--ignore(?:-glob)?|-p|--co|--collect-only|--no-cov|--disable-warnings|-W"
    r"|--pythonwarnings|--reruns|--only-rerun|--continue-on-collection-errors|--lf|--last-failed|--sw"
    r"|--exitfirst-off|--noconftest|--exit-zero|--runxfail-off|--snapshot-update|--force-regen"
)
_KEPT_OPTIONS = re.compile(
    r"--strict(?:-\w+)*|--cov-fail-under|--doctest-modules|-W|--fail-under|--cov"
)
_SILENT = frozenset(
    {
        "MIGRATION_MODULES",
        "SILENCED_SYSTEM_CHECKS",
        "DISABLE_MIGRATIONS",
        "TEST_NON_SERIALIZED_APPS",
    }
)
_HOOK_ID = re.compile(r"^\s*-\s*id:\s*['\"]?([\w.-]+)", re.MULTILINE)
_HOOK_OFF = re.compile(
    r"^\s*(exclude|stages|skip):[^\n]+$|--exit-zero|--ignore=[^\s'\"]+|--no-strict\S*", re.MULTILINE
)


def check(proposal: Proposal) -> Iterator[Finding]:
    """Yield a finding for every setting by which a tool looks at less."""
    asked = proposal.once(Asked)
    for settings in tool_tables.changed(proposal):
        for key, says, certain in _looser(settings, proposal):
            line = tool_tables.line_of(settings.text, key)
            yield _judge(
                asked, settings.path, f"{settings.tool}: {says}", key, line, certain=certain
            )
    for file in proposal.change.files:
        if file.path.endswith(".pre-commit-config.yaml"):
            for key, says in _hooks(file):
                yield _judge(asked, file.path, f"pre-commit: {says}", key, None)
    yield from _django(proposal, asked)


def _judge(
    asked: Asked, path: str, says: str, key: str, line: int | None, *, certain: bool = True
) -> Finding:
    names = {key.rpartition(".")[2], key.rpartition(".")[2].replace("_", "-"), key, path}
    if asked.setting(*names):
        return LOOSENED_NOTED.at(
            path, f"{says}, as the ticket asks", "See that it is no more.", line
        )
    if not certain:
        return LOOSENED_NOTED.at(path, says, "See that there is no other way.", line)
    return LOOSENED.at(
        path,
        says,
        "Restore the setting and mend what the tool finds; where the setting is to change, the"
        " ticket has to name it.",
        line,
    )


# --- tables -------------------------------------------------------------------------------------


def _looser(settings: Settings, proposal: Proposal) -> Iterator[tuple[str, str, bool]]:
    """Yield key, words and certainty of what is looser than before."""
    before, after = settings.before, settings.after
    if settings.tool == "pytest":
        yield from _collection(settings, proposal)
    for key in sorted(before.keys() | after.keys()):
        old, new = before.get(key), after.get(key)
        if settings.tool == tool_tables.PYRIGHT:
            old, new = _said(key, old, new, proposal), _said(key, new, old, proposal)
        elif not (before or (key == "addopts" and _has_tests(proposal))):
            continue
        if old == new:
            continue
        says = _says(key, old, new)
        if says:
            yield key, says, not _is_about_library(key, proposal)


def _said(key: str, value: object, other: object, proposal: Proposal) -> object:
    """What a setting of pyright comes to, also where it is left out on one side."""
    name, is_based = key.rpartition(".")[2], "basedpyright" in proposal.project.type_tools
    if value is not None:
        levels = {True: "error", False: "none"} if name.startswith("report") else {}
        return levels.get(value, value) if isinstance(value, bool) else value
    if name == "include":
        return ["."]
    if name == "typecheckingmode":
        return "recommended" if is_based else "standard"
    if name in _ON_BY_ITSELF:
        return True
    if name == "enabletypeignorecomments":
        return not is_based
    # Most rules object by themselves; one that is raised may not have.
    return "error" if name.startswith("report") and _mode(other) < _mode("warning") else None


def _says(key: str, old: object, new: object) -> str:
    """Say in which way a key is looser; "" where it is not."""
    name = next((part for part in _names(key) if _LEFT_OUT.fullmatch(part)), key.rpartition(".")[2])
    if name == "addopts":
        return _addopts(_words(old), _words(new))
    if name == "filterwarnings":
        was, now = _filters(old), _filters(new)
        fewer = [one for one in was if one.startswith("error") and one not in now]
        loose = ("ignore", "once", "default")
        more = [one for one in now if one.startswith(loose) and one not in was]
        was_error = any(one.startswith("error") for one in was)
        changed = fewer or (more if was_error else [])
        return f"filterwarnings lets {changed[0]} pass" if changed else ""
    if _LEFT_OUT.fullmatch(name):
        more = [one for one in _items(new) if one not in _items(old)]
        return f"{key} leaves out {', '.join(more[:5])}" if more else ""
    if _TAKEN_IN.fullmatch(name) or (name == "strict" and isinstance(old, list)):
        fewer = [one for one in _items(old) if one not in _items(new)]
        everything = {"ALL", "."} & set(_items(new))
        return (
            f"{key} no longer has {', '.join(fewer[:5])}"
            if fewer and (new is not None or name == "strict") and not everything
            else ""
        )
    if _LOWER_BOUND.fullmatch(name):
        lower = _number(old) is not None and (_number(new) or 0.0) < (_number(old) or 0.0)
        return (
            f"{key} is lowered from {old} to {new if new is not None else 'nothing'}"
            if lower
            else ""
        )
    if _UPPER_BOUND.fullmatch(name):
        a, b = _number(old), _number(new)
        return (
            f"{key} is raised from {old} to {new}"
            if a is not None and b is not None and b > a
            else ""
        )
    if _LOOSE.fullmatch(name):
        return f"{key} is switched on" if _is_on(new) and not _is_on(old) else ""
    if _STRICT.fullmatch(name):
        weaker = _mode(new) < _mode(old) and (old is not None or _is_off(new))
        return f"{key} is switched off" if weaker else ""
    return ""


def _names(key: str) -> Iterator[str]:
    yield from key.split(".")


def _has_tests(proposal: Proposal) -> bool:
    naming = Naming(proposal)
    return any(naming.is_test_file(path) for path in proposal.tree.paths())


def _is_about_library(key: str, proposal: Proposal) -> bool:
    """Whether a key is about imports of a library that has no types."""
    if not key.startswith("overrides.") or not key.endswith(
        ("ignore_missing_imports", "follow_imports")
    ):
        return False
    module = key.removeprefix("overrides.").rpartition(".")[0].partition(".")[0].strip("*")
    return bool(module) and proposal.places.find(module, "setup.py") is None


def _addopts(old: list[str], new: list[str]) -> str:
    for place, word in enumerate(new):
        option = word.partition("=")[0]
        value = new[place + 1] if word == option and place + 1 < len(new) else ""
        if word in old and (not value or value in old):
            continue
        if option in {"-p", "-W"} and not (
            value.startswith(("no:", "ignore")) or word.startswith(("-pno:", "-Wignore"))
        ):
            continue
        if _OPTIONS.fullmatch(option):
            return f"addopts now has {f'{word} {value}'.strip()}"
    for place, word in enumerate(old):
        option, _, value = word.partition("=")
        if not _KEPT_OPTIONS.fullmatch(option):
            continue
        following = old[place + 1] if place + 1 < len(old) else ""
        if option == "-W" and not following.startswith("error"):
            continue
        if option in {"--cov-fail-under", "--fail-under"}:
            now = next((one.partition("=")[2] for one in new if one.startswith(option)), "0")
            if (_number(now) or 0.0) < (_number(value) or 0.0):
                return f"addopts lowers {option} from {value} to {now}"
        elif not any(one.startswith(option) for one in new):
            return f"addopts no longer has {word}"
    return ""


def _collection(settings: Settings, proposal: Proposal) -> Iterator[tuple[str, str, bool]]:
    """Say which tests of the base are no longer collected by what pytest is told."""
    keys = ("testpaths", "python_files", "python_classes", "python_functions")
    differs = [key for key in keys if settings.before.get(key) != settings.after.get(key)]
    if not differs:
        return
    old = Naming(proposal, PytestSettings("", dict(settings.before)))
    new = Naming(proposal, PytestSettings("", dict(settings.after)))
    lost = [
        path
        for path in proposal.tree.paths()
        if path.endswith(".py")
        and old.is_test_file(path)
        and old.is_reached(path)
        and not (new.is_test_file(path) and new.is_reached(path))
    ]
    if lost:
        yield differs[0], f"{differs[0]} no longer reaches {', '.join(lost[:3])}", True
        return
    for key in ("python_classes", "python_functions"):
        fewer = set(_words(settings.before.get(key))) - set(_words(settings.after.get(key)))
        if (
            key in differs
            and (fewer or settings.before.get(key) is None)
            and settings.after.get(key) is not None
        ):
            default = "Test" if key == "python_classes" else "test"
            if fewer or default not in {
                one.rstrip("_*") for one in _words(settings.after.get(key))
            }:
                yield key, f"{key} collects less", True


def _items(value: object) -> list[str]:
    """Return the parts of a value: a list, or a text with lines or commas."""
    if isinstance(value, list):
        return [str(one).strip() for one in value]
    if value is None or isinstance(value, bool):
        return []
    return [
        part.strip() for part in re.split(r"[\n,]", re.sub(r"#.*", "", str(value))) if part.strip()
    ]


def _filters(value: object) -> list[str]:
    """Return filters of warnings, of which a text has one in each line."""
    lines = value if isinstance(value, list) else str(value or "").splitlines()
    return [re.sub(r"\s*:\s*", ":", str(one)).strip() for one in lines if str(one).strip()]


def _words(value: object) -> list[str]:
    if isinstance(value, list):
        return [str(one) for one in value]
    try:
        return shlex.split(str(value or ""))
    except ValueError:
        return str(value).split()


def _number(value: object) -> float | None:
    try:
        return float(str(value))
    except ValueError:
        return None


def _is_on(value: object) -> bool:
    return str(value).lower() in {"true", "1", "yes", "on", "skip", "silent"}


def _is_off(value: object) -> bool:
    return str(value).lower() in {"false", "0", "no", "off", "none", "basic"}


def _mode(value: object) -> int:
    text = {"1": "true", "yes": "true", "on": "true", "0": "off", "no": "off"}.get(
        str(value).lower(), str(value).lower()
    )
    return _MODES.index(text) if text in _MODES else 0 if value is None else 4


# --- other files --------------------------------------------------------------------------------


def _hooks(file: ChangedFile) -> Iterator[tuple[str, str]]:
    if file.before is None:
        return
    old, new = (
        (content or b"").decode("utf-8", "replace") for content in (file.before, file.after)
    )
    gone = [one for one in _HOOK_ID.findall(old) if one not in _HOOK_ID.findall(new)]
    # ruff does what these did.
    gone = [
        one
        for one in gone
        if "ruff" not in new
        or not re.search(
            r"flake8|isort|black|pyupgrade|pylint|bandit|autoflake|pydocstyle|ruff", one
        )
    ]
    for one in gone:
        yield one, f"the hook {one} is taken away"
    parts = _parts(old)
    for hook, text in _parts(new).items():
        had = {found.group(0).strip() for found in _HOOK_OFF.finditer(parts.get(hook, text))}
        for found in _HOOK_OFF.finditer(text):
            if found.group(0).strip() not in had:
                name = f"the hook {hook}" if hook else "every hook"
                yield found.group(1) or "args", f"{name} now has `{found.group(0).strip()}`"


def _parts(text: str) -> dict[str, str]:
    """Return what is said of each hook by its id, and what of all by ""."""
    starts = [(found.group(1), found.start()) for found in _HOOK_ID.finditer(text)]
    ends = [*(start for _, start in starts), len(text)][1:]
    own = {name: text[start:end] for (name, start), end in zip(starts, ends, strict=True)}
    above = "\n".join(line for line in text.splitlines() if line.startswith("exclude:"))
    return {**own, "": above}


def _django(proposal: Proposal, asked: Asked) -> Iterator[Finding]:
    def among_settings(view: View) -> Iterator[Hit]:
        for visit in view.all(ast.Assign):
            for target in visit.node.targets:
                if isinstance(target, ast.Name) and target.id in _SILENT and visit.function is None:
                    for what in _silenced(target.id, visit.node.value):
                        yield Hit(what, visit.node.lineno)
        for added in view.all(ast.AugAssign):
            if isinstance(added.node.target, ast.Name) and added.node.target.id in _SILENT:
                for what in _silenced(added.node.target.id, added.node.value):
                    yield Hit(what, added.node.lineno)

    for file, hit in proposal.fresh(among_settings):
        if file.before is None and not rule_files.reason(file.path, proposal.project):
            continue
        yield _judge(asked, file.path, f"Django: {hit.what}", hit.what.partition(" ")[0], hit.line)


def _silenced(name: str, value: ast.expr) -> Iterator[str]:
    if name == "SILENCED_SYSTEM_CHECKS":
        for node in ast.walk(value):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield f"{name} silences {node.value}"
    elif name == "MIGRATION_MODULES":
        nothing = [
            node
            for node in ast.walk(value)
            if isinstance(node, ast.Constant) and node.value is None
        ]
        made_up = isinstance(value, ast.Call) and getattr(value.func, "id", "") != "dict"
        if nothing or made_up:
            yield f"{name} leaves migrations out"
    elif not (isinstance(value, ast.Constant) and not value.value):
        yield f"{name} is set"
