"""Name changed files that decide about the checks, or that are of an unusual type.

A ticket may ask for such a change. The reviewer sees it first, since passed checks prove less then.
"""

import posixpath
import re
from collections.abc import Iterator

from packaging.utils import canonicalize_name

from agent.models.change import ChangedFile, Finding, Severity
from agent.policy import layout
from agent.policy.change_context import ChangeContext
from agent.policy.rule import Rule
from repo_config import lock_files, rule_files
from repo_config.detect import Project

GATE_FILES = Rule(
    "gate-files",
    "Changes to files that configure the checks, or tell models how to work, need review.",
    Severity.REVIEW,
    minimum=Severity.REVIEW,
    may_be_asked=True,
)
OTHER_FILES = Rule(
    "other-files",
    "Changes to files of unusual types need review (anything but Python, templates,"
    " static files, translations, docs and test data).",
    Severity.REVIEW,
    minimum=Severity.REVIEW,
    may_be_asked=True,
)
RULES = (GATE_FILES, OTHER_FILES)

_BY_NAME = {
    "noxfile.py": "it configures the tests",
    "setup.py": "it runs when the project is installed",
}
#: Usual files: source, templates, static files, translations and prose, by their endings.
_USUAL = re.compile(
    r".*\.(?:py|html?|jinja2?|j2|djhtml|mjml|css|scss|sass|less|m?js|tsx?|jsx|vue|svelte|svg|png"
    r"|jpe?g|gif|webp|ico|woff2?|ttf|pot?|mo|ftl|md|rst|adoc)"
)
#: Prose by its name or folder. Elsewhere a .txt file may be a list of packages.
_PROSE = re.compile(
    r"(?:.*/)?(?:licen[cs]e|copying|notice|authors|thanks|readme|news|change(?:s|log))(?:\.txt)?"
    r"|(?:.*/)?(?:docs?|templates|static)/.*\.txt"
)
#: News fragments, whose endings name their kinds.
_NEWS = re.compile(r"(?:.*/)?(?:news(?:fragments)?|changelog\.d|changes|releasenotes/notes)/[^/]+")
_DEPENDENCIES = re.compile(
    r"(?:.*requirements.*|constraints.*)\.(?:txt|in)|pipfile|environment\.ya?ml|\.python-version"
)
_LOOK = "Review this first: it affects what the checks prove."
_READ = "Check what it asks of them."


def check_change(change_context: ChangeContext) -> Iterator[Finding]:
    for file in change_context.change.files:
        reasons = explain_gate_file(file, change_context.project)
        for reason, subject in reasons.items():
            fix, text = _READ if layout.is_note(file.path) else _LOOK, f"was changed, and {reason}"
            yield GATE_FILES.make_finding(file.path, text, fix, subject=subject)
        is_known = reasons or rule_files.has_tables(file.path)
        # A new empty file, such as py.typed, does nothing by itself.
        is_marker = file.before is None and file.after == b""
        if not (is_known or is_marker or is_usual(file.path)):
            text = "not Python, a template, a static file, a translation, docs or test data"
            # A deleted file does nothing any more.
            more = {"is_reading": file.after is None}
            yield OTHER_FILES.make_finding(file.path, text, "Check what it does.", **more)


def is_usual(path: str) -> bool:
    """Whether a file is, by its name, of a kind that tools do not act on by themselves."""
    is_hidden = any(part.startswith(".") for part in path.split("/"))
    kinds = (_USUAL, _PROSE, _NEWS)
    return layout.is_test(path) or (
        not is_hidden and any(kind.fullmatch(path.lower()) for kind in kinds)
    )


def explain_gate_file(file: ChangedFile, project: Project) -> dict[str, str]:
    """Return the reasons for which a changed file decides about the checks.

    Returns:
        By reason, the name with which a ticket asks for it: a table's tool; "": the file's path.
    """
    name = posixpath.basename(file.path.lower())
    if rule_files.has_tables(file.path):
        tables = rule_files.list_read_by_tools(file.path, file.before, file.after)
        if tables is None:
            return {"it configures the checks and does not parse before or after the change": ""}
        return {f"[{table}] configures a tool": _name_tool(table) for table in tables}
    if (
        lock_files.LOCK.fullmatch(name)
        or _DEPENDENCIES.fullmatch(name)
        or "/requirements/" in f"/{file.path.lower()}"
    ):
        return {"it determines which packages the checks use": ""}
    if layout.is_note(file.path):
        return {"models that work on the repository read it as advice": ""}
    if name == "env.py" and b"run_migrations(" in (file.before or b"") + (file.after or b""):
        return {"it decides what alembic compares": ""}
    reason = _BY_NAME.get(name) or rule_files.explain_file(file.path, project)
    return {reason: ""} if reason else {}


def _name_tool(table: str) -> str:
    return canonicalize_name(table.removeprefix("tool.").partition(".")[0])
