"""Name the settings that a change edits: what they hold in production, a person knows."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from agent.models.change import Finding, Severity
from agent.policy import source
from agent.policy.change_context import ChangeContext, PythonFile
from agent.policy.rule import Rule
from agent.policy.view import View, Visit
from repo_config import rule_files

SETTINGS = Rule(
    id="django-settings",
    demands="Report every Django setting that a change edits.",
    severity=Severity.REVIEW,
    bad='INSTALLED_APPS = [..., "debug_toolbar"]',
    good="the settings are left as they are",
)
RULES = (SETTINGS,)

_SETTINGS_FILE = re.compile(r"(?:.*_)?settings(?:_.*)?\.py")
#: What settings usually hold; of split ones a part may hold nothing but protections.
_USUAL = re.compile(
    r"INSTALLED_APPS|DATABASES|SECRET_KEY|LOGGING|ROOT_URLCONF|TEMPLATES|CACHES|STATIC_URL|USE_TZ"
    r"|DEBUG|ALLOWED_HOSTS|MIDDLEWARE|AUTH_PASSWORD_VALIDATORS|PASSWORD_HASHERS|REST_FRAMEWORK"
    r"|X_FRAME_OPTIONS|(?:SESSION|CSRF|CORS|SECURE)_\w+"
)


def check_change(change_context: ChangeContext) -> Iterator[Finding]:
    if change_context.project.django is None:
        return
    settings = [file for file in change_context.python if _is_settings(file, change_context)]
    for file in settings:
        if file.after is not None and file.before is None:
            fix = "See that what it opens is not for production."
            yield SETTINGS.make_finding(file.path, "is a new module of settings", fix)
        elif file.after is not None:
            yield from _find_edits(file)


def _is_settings(file: PythonFile, change_context: ChangeContext) -> bool:
    if "settings module that" in (rule_files.explain_file(file.path, change_context.project) or ""):
        return True
    *folders, name = file.path.lower().split("/")
    if not (_SETTINGS_FILE.fullmatch(name) or "settings" in folders):
        return False
    # A module of views on settings has the same name.
    sides = [view for view in (file.before, file.after) if view]
    return any(any(map(_USUAL.fullmatch, _read_values(view))) or view.scope.stars for view in sides)


def _find_edits(file: PythonFile) -> Iterator[Finding]:
    before, after = _read_values(file.before), _read_values(file.after)
    for name in dict.fromkeys([*after, *before]):
        old, new = before.get(name), after.get(name)
        if (old and ast.dump(old)) != (new and ast.dump(new)):
            what = "edits" if old and new else "takes away" if old else "sets"
            fix = "See that it holds in production as well, and that no protection is lost."
            line = new.lineno if new else None
            yield SETTINGS.make_finding(file.path, f"{what} {name}", fix, line)


def _read_values(view: View | None) -> dict[str, ast.expr]:
    """Return what a module assigns to names in capitals; of several the last."""
    if view is None:
        return {}
    found: dict[str, ast.expr] = {}
    visits: list[Visit[ast.Assign] | Visit[ast.AnnAssign]] = [
        *view.list_visits(ast.Assign),
        *view.list_visits(ast.AnnAssign),
    ]
    for visit in visits:
        node = visit.node
        for target in node.targets if isinstance(node, ast.Assign) else [node.target]:
            name = source.get_last_name(target)
            if name.isupper() and node.value and visit.function is None:
                found[name] = node.value
    return found
