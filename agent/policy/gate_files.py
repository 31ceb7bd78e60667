"""Name every changed file that decides about the checks, or is no usual part of a change.

A ticket may ask for such a change; the reviewer sees it first, since a green result means less.
"""

import posixpath
import re
from collections.abc import Iterable, Iterator
from contextlib import suppress

from agent.errors import EditFailed
from agent.models.change import ChangedFile, Finding, Severity
from agent.models.checks import CheckItem, split_place
from agent.policy import layout
from agent.policy.change_context import ChangeContext
from agent.policy.rule import Rule
from repo_config import documents, lock_files, rule_files
from repo_config.detect import Project, Tree

GATE_FILES = Rule(
    id="gate-files",
    demands="Changes to files that configure the checks, or tell models how to work, need review.",
    severity=Severity.REVIEW,
    floor=Severity.REVIEW,
    may_be_asked=True,
)
OTHER_FILES = Rule(
    id="other-files",
    demands="Changes to files of unusual types need review (anything but Python, templates,"
    " static files, translations, docs and test data), and to what installs or builds.",
    severity=Severity.REVIEW,
    floor=Severity.REVIEW,
    may_be_asked=True,
)
RULES = (GATE_FILES, OTHER_FILES)
OTHER_SETTINGS = Rule(
    id="other-settings",
    demands="Findings that appear only with the base branch's settings need review.",
    severity=Severity.REVIEW,
    floor=Severity.REVIEW,
)

_BY_NAME = {
    "noxfile.py": "it configures the tests",
    "setup.py": "it runs when the project is installed",
}
#: Endings of source, templates, static files, translations and prose.
_USUAL = re.compile(
    r"\.(?:py|html?|jinja2?|j2|djhtml|mjml|txt|css|scss|sass|less|m?js|tsx?|jsx|vue|svelte|svg|png"
    r"|jpe?g|gif|webp|ico|woff2?|ttf|pot?|mo|ftl|md|rst|adoc)"
)
#: Names of prose for Automake and setuptools, without an ending.
_PROSE = re.compile(r"licen[cs]e|copying|notice|authors|thanks|readme|news|change(?:s|log)")
_RENO = "releasenotes/notes/"
_DEPENDENCIES = re.compile(
    r"(?:.*requirements.*|constraints.*)\.(?:txt|in)|pipfile|environment\.ya?ml|\.python-version"
)
#: What installs or builds outside of the checks, and a script's own packages (PEP 723).
_BUILDS = re.compile(
    r"(?i:(?:.*/)?(?:(?:docker|container|make)file[^/]*|[^/]+\.(?:sh|dockerfile))|\.github/(?:workflows|actions)/.*)"
)
_SCRIPT = re.compile(rb"^# /// script$.*?^# ///$", re.MULTILINE | re.DOTALL)
_WORD = re.compile(rb"[\w.-]+")
_INSTALLS = "it determines which packages the checks use"
_LOOK = "Review this first: it affects what the checks prove."
_READ = "Check what it asks of them."


def check_change(change_context: ChangeContext) -> Iterator[Finding]:
    fragments = _find_news_fragments(change_context.tree)
    for file in change_context.change.files:
        reasons = explain_gate_file(file, change_context.project)
        for reason in reasons:
            fix = _READ if layout.is_note(file.path) else _LOOK
            yield GATE_FILES.make_finding(file.path, f"was changed, and {reason}", fix)
        is_fragment = file.path.startswith(fragments)
        is_known = reasons or is_fragment or rule_files.has_tables(file.path)
        # A new one without content, such as py.typed, does nothing by itself.
        is_marker = file.before is None and file.after == b""
        if not (is_known or is_marker or is_usual(file.path)):
            says = "not Python, a template, a static file, a translation, docs or test data"
            # A file that goes does nothing any more.
            more = {"is_reading": file.after is None}
            yield OTHER_FILES.make_finding(file.path, says, "Check what it does.", **more)
        elif not reasons and (says := _explain_use(file, change_context.tree)):
            yield OTHER_FILES.make_finding(file.path, says, "Check what it brings in.")


def _explain_use(file: ChangedFile, tree: Tree) -> str:
    """Say what installs or builds with a file that checks do not use."""
    blocks = [_SCRIPT.findall(side or b"") for side in (file.before, file.after)]
    if file.path.endswith(".py"):
        return (
            "declares packages that are installed when it is run" if blocks[0] != blocks[1] else ""
        )
    name = posixpath.basename(file.path).encode()
    if _PROSE.fullmatch(name.decode().lower().partition(".")[0]):
        return ""  # a release shows it
    for path in filter(_BUILDS.fullmatch, tree.paths()):
        with suppress(EditFailed):
            if name in _WORD.findall(tree.read(path)):
                return f"{path} uses it"
    return ""


def _find_news_fragments(tree: Tree) -> tuple[str, ...]:
    """Return the folders of release notes in pieces, whose endings are not those of prose.

    Those of towncrier end as its types are named; reno has a folder for its own.
    """
    found = [_RENO]
    for path in sorted({"towncrier.toml", "pyproject.toml"}.intersection(tree.paths())):
        with suppress(UnicodeDecodeError, documents.DocumentError):
            tools = documents.table(documents.parse_toml(tree.read(path).decode()), "tool")
            if "towncrier" in tools:
                settings = documents.as_map(tools["towncrier"])
                places = (str(settings.get(key, "")) for key in ("package_dir", "package"))
                package = "/".join(place.replace(".", "/") for place in places)
                folder = str(settings.get("directory", f"{package}/newsfragments"))
                found.append(f"{posixpath.normpath(folder).lstrip('/')}/")
    return tuple(found)


def is_usual(path: str) -> bool:
    """Whether a file is of a kind that programs do not act on by themselves, by its name."""
    if layout.is_test(path):
        return True
    is_hidden = any(part.startswith(".") for part in path.split("/"))
    name = posixpath.basename(path.lower())
    ending = posixpath.splitext(name)[1]
    return not is_hidden and bool(_USUAL.fullmatch(ending) or _PROSE.fullmatch(name))


def explain_gate_file(file: ChangedFile, project: Project) -> list[str]:
    """Say why a changed file decides about the checks; nothing where it does not."""
    if rule_files.has_tables(file.path):
        return list(_name_tables(file))
    reason = _find_reason(file.path, project)
    return [reason] if reason else []


def _find_reason(path: str, project: Project) -> str | None:
    lowered = path.lower()
    name = posixpath.basename(lowered)
    if (
        lock_files.LOCK.fullmatch(name)
        or _DEPENDENCIES.fullmatch(name)
        or "/requirements/" in f"/{lowered}"
    ):
        return _INSTALLS
    if layout.is_note(path):
        return "models that work on the repository read it as advice"
    return _BY_NAME.get(name) or rule_files.explain_file(path, project)


def _name_tables(file: ChangedFile) -> Iterator[str]:
    """Name the tables that differ in what a tool or the build reads."""
    found = rule_files.list_read_by_tools(file.path, file.before, file.after)
    if found is None:
        yield "it configures the checks and does not parse before or after the change"
    for name in found or ():
        yield f"[{name}] configures a tool"


def find_by_base_settings(items: Iterable[CheckItem]) -> Iterator[Finding]:
    """Make findings of what tools newly report, by the settings of base alone."""
    for item in items:
        path, line = split_place(item.place)
        text = (item.item_id.partition(": ")[2] or item.text).rstrip(".")
        message = f"has a finding under the base branch's settings: {text}"
        fix = "Check that the settings should change."
        yield OTHER_SETTINGS.make_finding(path, message, fix, line)
