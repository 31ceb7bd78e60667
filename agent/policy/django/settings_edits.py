"""Name the settings that a change edits, and refuse those that take a protection away.

What the file held before is the measure. Settings for development or tests may be open.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from agent.models.change import Finding, Severity
from agent.policy import layout, source
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
    is_reading=True,
    may_be_asked=True,
)
LOOSENED = Rule(
    id="django-settings-loosened",
    demands="No setting loses a protection that it gave before, unless the ticket names it.",
    severity=Severity.BLOCK,
    bad='ALLOWED_HOSTS = ["*"]  # was ["shop.example"]',
    good='ALLOWED_HOSTS = ["shop.example", "www.shop.example"]',
)
RULES = (SETTINGS, LOOSENED)

_SETTINGS_FILE = re.compile(r"(?:.*_)?settings(?:_.*)?\.py")
_OPEN_BY_NATURE = re.compile(
    r"(?:^|[_/.])(?:dev|devel|develop|development|local|debug|tests?|testing|ci|example|sample|demo)"
    r"(?:[_/.]|$)"
)
#: By the names of settings: what a value without their protection looks like.
_LOOSE = (
    (r"DEBUG|CORS_ALLOW_ALL_ORIGINS|CORS_ORIGIN_ALLOW_ALL", r"\ATrue\Z"),
    (
        r"(?:SESSION|CSRF)_COOKIE_SECURE|SECURE_SSL_REDIRECT|SECURE_HSTS_INCLUDE_SUBDOMAINS",
        r"\A(?:False)?\Z",
    ),
    (r"SESSION_COOKIE_HTTPONLY|SECURE_CONTENT_TYPE_NOSNIFF", r"\AFalse\Z"),
    (r"ALLOWED_HOSTS|CSRF_TRUSTED_ORIGINS|CORS_ALLOWED_ORIGINS", r"'(?:(?:https?://)?\*|\.\*)'"),
    (r"X_FRAME_OPTIONS", r"(?i)\A'(?!(?:DENY|SAMEORIGIN)')"),
    (r"PASSWORD_HASHERS", r"\A[\[(]'[^']*(?:MD5|SHA1|Unsalted|Crypt(?!o))"),
    (r"REST_FRAMEWORK", r"AllowAny'"),
)
#: Lists of which each entry of these names is a protection of its own.
_LISTS = frozenset({"MIDDLEWARE", "AUTH_PASSWORD_VALIDATORS"})
_PROTECTS = re.compile(
    r"((?:Security|CsrfView|XFrameOptions|Authentication|Session|ContentSecurityPolicy"
    r"|LoginRequired)Middleware|\w+Validator)'"
)
#: What settings usually hold; of split ones a part may hold nothing but protections.
_USUAL = re.compile(
    "|".join(
        [
            "INSTALLED_APPS|DATABASES|SECRET_KEY|LOGGING|ROOT_URLCONF|TEMPLATES|CACHES",
            "STATIC_URL|USE_TZ",
            *_LISTS,
            *(names for names, _ in _LOOSE),
        ]
    )
)


def check_change(change_context: ChangeContext) -> Iterator[Finding]:
    if change_context.project.django is None:
        return
    settings = [file for file in change_context.python if _is_settings(file, change_context)]
    moved = {name for file in change_context.python for name in _read_values(file.after)}
    for file in settings:
        if file.after is not None and file.before is None:
            fix = "See that what it opens is not for production."
            yield SETTINGS.make_finding(file.path, "is a new module of settings", fix)
        elif file.after is not None:
            yield from _find_edits(file, moved, change_context)


def _is_settings(file: PythonFile, change_context: ChangeContext) -> bool:
    if "settings module that" in (rule_files.explain_file(file.path, change_context.project) or ""):
        return True
    *folders, name = file.path.lower().split("/")
    if not (_SETTINGS_FILE.fullmatch(name) or "settings" in folders):
        return False
    # A module of views on settings has the same name.
    sides = [view for view in (file.before, file.after) if view]
    return any(any(map(_USUAL.fullmatch, _read_values(view))) or view.scope.stars for view in sides)


def _find_edits(
    file: PythonFile, moved: set[str], change_context: ChangeContext
) -> Iterator[Finding]:
    before, after = _read_values(file.before), _read_values(file.after)
    ticket = change_context.ticket
    asked = set(re.findall(r"\w+", f"{ticket.title} {ticket.body}")) if ticket else set()
    name_of_file = "/".join(file.path.lower().removesuffix(".py").split("/")[-2:])
    is_open = layout.is_test(file.path) or _OPEN_BY_NATURE.search(name_of_file) is not None
    for name in dict.fromkeys([*after, *before]):
        old, new = before.get(name), after.get(name)
        if (old and ast.dump(old)) == (new and ast.dump(new)):
            continue
        line = new.lineno if new else None
        lost = set() if new is None and name in moved else _find_lost(name, old, new)
        if lost and not is_open and name not in asked:
            what = "" if lost == {name} else f" by {', '.join(sorted(lost))}"
            yield LOOSENED.make_finding(
                file.path,
                f"loosens {name}{what}, and the ticket does not speak of {name}",
                "Leave it as it was, or name the setting in the ticket.",
                line,
            )
        else:
            what = "edits" if old and new else "takes away" if old else "sets"
            fix = "See that it holds in production as well."
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


def _find_lost(name: str, old: ast.expr | None, new: ast.expr | None) -> set[str]:
    """Return the protections that a setting no longer gives, itself where that is one alone."""
    before, after = (source.format_node(one) if one else "" for one in (old, new))
    if name in _LISTS:
        # What is put together elsewhere cannot be read here.
        is_read = isinstance(new, ast.List | ast.Tuple | None)
        return {*_PROTECTS.findall(before)} - {*_PROTECTS.findall(after)} if is_read else set()
    loose = next((loose for names, loose in _LOOSE if re.fullmatch(names, name)), r"(?!)")
    return {name} if re.search(loose, after) and not re.search(loose, before) else set()
