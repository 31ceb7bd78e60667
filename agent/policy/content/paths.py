"""Hold a change to the paths it may touch.

A change is judged by what it touches before anyone reads what it says. Held here: the lists of
`scope` (allow, protect, human_only); the files that no configuration can open up (git's own
names, Mergewright's configuration: a run must not loosen its own rules); names that are
something else on another system or to a reader (`..`, another case, invisible letters); and
edits of what is no regular file in the base commit, such as a link out of the tree.
Whether a file decides about the checks is the matter of `gate_files`.
"""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Iterator
from functools import cached_property

from agent.git import names
from agent.models.change import ChangedFile, Finding, Severity
from agent.policy.change_context import ChangeContext
from agent.policy.patterns import Patterns, fold_case
from agent.policy.rule import Rule
from repo_config import documents
from repo_config.schema import RepoConfig

PATHS = Rule(
    id="paths",
    demands="A change stays within the paths that `scope` leaves to it, under plain names.",
    severity=Severity.BLOCK,
    floor=Severity.BLOCK,
    bad=".github/workflows/ci.yml is edited",
    good="src/shop/models.py is edited",
)
FILE_MODE = Rule(
    id="file-mode",
    demands="No file becomes executable, or stops being so, unseen.",
    severity=Severity.REVIEW,
    bad="src/shop/models.py gets mode 755",
    good="src/shop/models.py keeps mode 644",
)
RULES = (PATHS, FILE_MODE)

_CONFIG_FILES = frozenset({".github/mergewright.yml", ".github/mergewright.yaml"})
#: A device of Windows, a space or dot at an end, signs that no name may have there.
_UNPORTABLE = re.compile(
    r"(?:^|/)(?: |(?:con|prn|aux|nul|com\d|lpt\d)(?:\.[^/]*)?(?:/|$))|[ .](?:/|$)|[<>:\"|?*]",
    re.IGNORECASE,
)


def check_change(change_context: ChangeContext) -> Iterator[Finding]:
    limits = Limits(change_context.config, change_context.tree.paths())
    yield from limits.faults
    for file in change_context.change.files:
        yield from limits.check(file)


class Limits:
    """What a change may touch in one repository, file by file."""

    def __init__(self, config: RepoConfig, present: Iterable[str]) -> None:
        """Take the configuration, and the paths of the base commit."""
        self._present = frozenset(present)
        self._scope = _Scope(config)
        self.faults: tuple[Finding, ...] = tuple(self._scope.faults)
        """Patterns of the configuration that cannot be read."""

    def check(self, file: ChangedFile) -> Iterator[Finding]:
        """Yield a finding for everything that is wrong with where a file lies."""
        if fault := _fault_of_name(file.path):
            yield PATHS.make_finding(
                file.path, fault, "Use a plain relative path with forward slashes."
            )
            return
        if ".gitmodules" in fold_case(file.path).split("/"):
            fault = "declares submodules, from which foreign code would be fetched"
            yield PATHS.make_finding(
                file.path, fault, "Leave it to a person; no setting allows this."
            )
            return
        yield from _own_configuration(file)
        yield from self._scope.check(file)
        yield from self._against_base(file)
        yield from _mode(file)

    def _against_base(self, file: ChangedFile) -> Iterator[Finding]:
        fix = "Make the change against the files of the base commit."
        if file.before is None and file.after is None:
            yield PATHS.make_finding(
                file.path, "is named in the change but exists on neither side", fix
            )
        elif file.before is not None and file.path not in self._present:
            yield PATHS.make_finding(
                file.path,
                "is no regular file in the base commit (a link, a submodule or untracked)",
                "Name the file itself: links are neither edited nor followed.",
            )
        elif file.before is None and file.path in self._present:
            yield PATHS.make_finding(file.path, "is given as new, but the base commit has it", fix)
        elif file.before is None and _UNPORTABLE.search(file.path):
            fault = "has a part that no Windows checkout can hold"
            yield PATHS.make_finding(file.path, fault, "Choose a plain name.")
        elif file.before is None:
            yield from self._collision(file.path)

    def _collision(self, path: str) -> Iterator[Finding]:
        """Compare a new path, and every folder of it, with what is there already."""
        parts = path.split("/")
        for depth in range(1, len(parts) + 1):
            part = "/".join(parts[:depth])
            others = self._spellings.get(fold_case(part), set())
            if others and part not in others:
                says = f"differs from the existing {min(others)} in case or look-alike letters only"
                yield PATHS.make_finding(path, says, f"Use the existing spelling, {min(others)}.")
                return
            if others and (part == path or part in self._present):
                says = "is a folder in the base commit"
                says = says if part == path else f"lies below {part}, which is a file"
                yield PATHS.make_finding(path, says, "Choose another name.")
                return

    @cached_property
    def _spellings(self) -> dict[str, set[str]]:
        """Every path and folder of the base by its folded form."""
        spellings: dict[str, set[str]] = defaultdict(set)
        for path in self._present:
            part = path
            while part and part not in (known := spellings[fold_case(part)]):
                known.add(part)
                part = part.rpartition("/")[0]
        return dict(spellings)


# --- names ------------------------------------------------------------------------------------


def _fault_of_name(path: str) -> str | None:
    """Say why a path cannot be taken at its word, if so."""
    if problem := names.name_problem(path):
        return f"cannot be a path of a change: {problem}"
    hidden = (one for one in path if unicodedata.category(one) in {"Cc", "Cf", "Cs", "Co"})
    letter = next(hidden, "")
    return f"has an invisible character (U+{ord(letter):04X})" if letter else None


# --- Mergewright's own configuration ----------------------------------------------------------


def _own_configuration(file: ChangedFile) -> Iterator[Finding]:
    name = fold_case(file.path)
    fix = "Change the configuration in a commit of your own, reviewed by a person."
    if name in _CONFIG_FILES:
        yield PATHS.make_finding(
            file.path, "is Mergewright's configuration, which no run may change", fix
        )
    elif name == "pyproject.toml":
        before, after = _own_table(file.before), _own_table(file.after)
        if after is None:
            yield PATHS.make_finding(
                file.path,
                "does not parse after the change, so its [tool.mergewright] is unknown",
                "Write valid TOML.",
            )
        elif before != after:
            yield PATHS.make_finding(
                file.path,
                "changes [tool.mergewright], which no run may change",
                fix,
                _line_of(file.after, b"tool.mergewright"),
            )


def _own_table(content: bytes | None) -> object | None:
    """Return the table `tool.mergewright`; () where there is none, None where it is unknown."""
    if content is None:
        return ()
    try:
        tool = documents.parse_toml(content.decode("utf-8")).get("tool", {})
    except (documents.DocumentError, UnicodeDecodeError):
        return None
    return tool.get("mergewright", ()) if isinstance(tool, dict) else ()


def _line_of(content: bytes | None, needle: bytes) -> int | None:
    at = content.find(needle) if content else -1
    return None if content is None or at < 0 else content.count(b"\n", 0, at) + 1


# --- scope ------------------------------------------------------------------------------------


#: Lists that forbid: what they are for, and the way out.
_FORBIDS = {
    "human_only": ("only people change it", "Leave this part of the ticket to a person."),
    "protect": ("it is protected", "Leave it as it is, or take it out of scope.protect first."),
}


class _Scope:
    """The three lists of the configuration."""

    def __init__(self, config: RepoConfig) -> None:
        self.faults: list[Finding] = []
        self._lists: dict[str, Patterns] = {}
        for key in (*_FORBIDS, "allow"):
            self._lists[key] = Patterns(())
            try:
                self._lists[key] = Patterns(getattr(config.scope, key), lenient=key in _FORBIDS)
            except ValueError as problem:
                says = f"scope.{key} of the configuration: {problem}"
                self.faults.append(
                    PATHS.make_finding("", says, "Write the pattern as in a .gitignore file.")
                )

    def check(self, file: ChangedFile) -> Iterator[Finding]:
        verb = "deleted" if file.after is None else "added" if file.before is None else "changed"
        for key, (why, fix) in _FORBIDS.items():
            if pattern := self._lists[key].first(file.path):
                says = f"is {verb}, but {why} (scope.{key}: {pattern!r})"
                yield PATHS.make_finding(file.path, says, fix)
        if not self._lists["allow"].first(file.path):
            says = f"is {verb}, but lies outside scope.allow"
            yield PATHS.make_finding(file.path, says, "Stay within scope.allow, or widen it first.")


def _mode(file: ChangedFile) -> Iterator[Finding]:
    """Name a file that can be started, or no longer, as no diff of lines shows it."""
    if file.after is None:
        return
    state = "executable" if file.executable else "no longer executable"
    if file.before is None and file.executable:
        message = "is added as an executable file"
    elif file.before == file.after:
        message = f"has a new mode and nothing else: it is {state}"
    elif file.was_executable is not None and file.was_executable != file.executable:
        message = f"is {state} after the change"
    else:
        return
    yield FILE_MODE.make_finding(file.path, message, "Check that the executable bit is meant.")
