"""Check paths, modes and size of a change, by `scope` and by limits that no setting lifts.

`gate_files` names the files that decide about checks.
"""

import unicodedata
from collections.abc import Iterable, Iterator

from agent.git import names
from agent.models.change import ChangedFile, Finding, Severity
from agent.policy.change_context import ChangeContext
from agent.policy.patterns import Patterns, fold_case
from agent.policy.rule import Rule
from repo_config import documents
from repo_config.schema import RepoConfig

PATHS = Rule(
    "paths",
    "Changes stay within the paths that `scope` allows, and use plain file names.",
    Severity.BLOCK,
    minimum=Severity.BLOCK,
)
BINARY_FILE = Rule("binary-file", "New and changed binary files need review.", Severity.REVIEW)
FILE_MODE = Rule("file-mode", "Changes to executable bits need review.", Severity.REVIEW)
SIZE = Rule(
    "size",
    "Changes stay within the size limits of `scope`; files are text and not huge.",
    Severity.BLOCK,
    minimum=Severity.BLOCK,
)
RULES = (PATHS, FILE_MODE, BINARY_FILE, SIZE)
#: A file that grows to this size, or by it, cannot be reviewed.
_HUGE_BYTES = 1_000_000
_MOST_BINARY_BYTES = 64 * 1024

_CONFIG_FILES = frozenset({".github/mergewright.yml", ".github/mergewright.yaml"})
#: Lists of `scope` that forbid paths, each with the reason and what to do instead.
_FORBIDS = {
    "human_only": ("only people may change it", "Leave this part of the ticket to a person."),
    "protect": ("it is protected", "Leave it unchanged, or remove it from scope.protect first."),
}


def check_change(change_context: ChangeContext) -> Iterator[Finding]:
    limits = PathRules(change_context.config, change_context.tree.paths())
    yield from limits.faults
    for file in change_context.change.files:
        yield from limits.check(file)
    yield from _check_size(change_context)


def _check_size(change_context: ChangeContext) -> Iterator[Finding]:
    """Check that a person can review the size of a change; a moved line counts twice."""
    files, scope = change_context.change.files, change_context.config.scope
    for file in files:
        before, after = len(file.before or b""), len(file.after or b"")
        if b"\0" in (file.after or b"") and file.after != file.before:
            is_small = after <= _MOST_BINARY_BYTES
            text = f"is binary ({after:,} bytes), so that no diff shows its content"
            fix = "Open the file." if is_small else "Add it in your own commit."
            yield (BINARY_FILE if is_small else SIZE).make_finding(file.path, text, fix)
        elif after - (before if before > _HUGE_BYTES else 0) > _HUGE_BYTES:
            text = f"has {after:,} bytes after the change; the maximum is {_HUGE_BYTES:,}"
            fix = "Keep data of this size out of the repository, or add it in your own commit."
            yield SIZE.make_finding(file.path, text, fix)
    lines = {
        path: sum(len(hunk.before) + len(hunk.after) for hunk in hunks)
        for path, hunks in change_context.hunks.items()
    }
    total, largest = sum(lines.values()), max(lines, key=lambda path: lines[path], default="")
    for key, count, text in (
        ("max_files", len(files), f"touches {len(files):,} files"),
        ("max_lines", total, f"adds and removes {total:,} lines, most in {largest}"),
    ):
        if count > (most := getattr(scope, key)):
            fix = f"Split the ticket, or raise scope.{key}."
            yield SIZE.make_finding("", f"The change {text}; scope.{key} is {most:,}", fix)


class PathRules:
    """The files that a change may touch in a repository."""

    def __init__(self, config: RepoConfig, present: Iterable[str]) -> None:
        """Compile the lists of `scope`.

        Args:
            present: Paths of the base commit.
        """
        self._spellings = {fold_case(path): path for path in present}
        self._lists: dict[str, Patterns] = {}
        self.faults: list[Finding] = []
        """Findings for configured patterns that cannot be read."""
        for key in (*_FORBIDS, "allow"):
            self._lists[key] = Patterns(())
            try:
                self._lists[key] = Patterns(getattr(config.scope, key), lenient=key in _FORBIDS)
            except ValueError as problem:
                text = f"scope.{key} of the configuration: {problem}"
                fix = "Write the pattern as in a .gitignore file."
                self.faults.append(PATHS.make_finding("", text, fix))

    def check(self, file: ChangedFile) -> Iterator[Finding]:
        """Yield findings for the path and the mode of a file."""
        if fault := _find_name_fault(file.path):
            fix = "Use a plain relative path with forward slashes."
            yield PATHS.make_finding(file.path, fault, fix)
            return
        yield from _check_own_configuration(file)
        verb = "deleted" if file.after is None else "added" if file.before is None else "changed"
        for key, (why, fix) in _FORBIDS.items():
            if pattern := self._lists[key].first(file.path):
                text = f"is {verb}, but {why} (scope.{key}: {pattern!r})"
                yield PATHS.make_finding(file.path, text, fix)
        if not self._lists["allow"].first(file.path):
            fix = "Stay within scope.allow, or extend it first."
            yield PATHS.make_finding(file.path, f"is {verb}, but is outside scope.allow", fix)
        if file.before is None and (spelling := self._spellings.get(fold_case(file.path))):
            text = f"differs from the existing {spelling} in case or look-alike letters only"
            fix = f"Use the existing spelling, {spelling}."
            yield PATHS.make_finding(file.path, text, fix)
        was = file.was_executable if file.before is not None else False
        if file.after is not None and was is not None and was != file.executable:
            text = f"is {'' if file.executable else 'no longer '}executable after the change"
            yield FILE_MODE.make_finding(file.path, text, "Check that this is intended.")


def _find_name_fault(path: str) -> str:
    """Return why a path is forbidden in every repository; "": it is not."""
    if problem := names.name_problem(path):
        return f"is not an allowed path: {problem}"
    if ".gitmodules" in fold_case(path).split("/"):
        return "declares submodules, which would fetch code from elsewhere"
    hidden = (char for char in path if unicodedata.category(char) in {"Cc", "Cf", "Cs", "Co"})
    letter = next(hidden, "")
    return f"contains an invisible character (U+{ord(letter):04X})" if letter else ""


def _check_own_configuration(file: ChangedFile) -> Iterator[Finding]:
    name = fold_case(file.path)
    fix = "Change the configuration in your own reviewed commit."
    if name in _CONFIG_FILES:
        text = "is Mergewright's configuration, which runs may not change"
        yield PATHS.make_finding(file.path, text, fix)
    elif name == "pyproject.toml" and _read_own_table(file.after) != _read_own_table(file.before):
        before, table, _ = (file.after or b"").partition(b"tool.mergewright")
        line = before.count(b"\n") + 1 if table else None
        text = "does not parse, or changes [tool.mergewright], which runs may not change"
        yield PATHS.make_finding(file.path, text, fix, line)


def _read_own_table(content: bytes | None) -> object | None:
    """Return the table `tool.mergewright`; (): there is none; None: the file cannot be parsed."""
    if content is None:
        return ()
    try:
        tool = documents.parse_toml(content.decode("utf-8")).get("tool", {})
    except (documents.DocumentError, UnicodeDecodeError):
        return None
    return tool.get("mergewright", ()) if isinstance(tool, dict) else ()
