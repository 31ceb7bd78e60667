"""Check what the configuration says of views and signals, in the started application. Pure.

Functions that answer requests are sync or async, as their path demands; views are of one style.
"""

from collections import Counter
from collections.abc import Iterable, Iterator

from agent.models.change import Finding, Severity
from agent.models.checks import ApplicationFact
from agent.policy import layout
from agent.policy.patterns import Patterns
from agent.policy.rule import Rule
from repo_config.schema import ConcurrencySection, Mode, RepoConfig

CONCURRENCY = Rule(
    id="concurrency",
    demands="Request handlers under paths with mode `sync` are not async.",
    severity=Severity.BLOCK,
)
SYNC_HANDLER = Rule(
    id="sync-handler",
    demands="Request handlers under paths with mode `async` are async.",
    severity=Severity.REVIEW,
)
SIGNALS = Rule(
    id="django-signals",
    demands="No new Django signals or handlers where `django.signals` is forbid.",
    severity=Severity.BLOCK,
)
VIEWS = Rule(
    id="django-views",
    demands="New views are classes or functions, as `django.views` says.",
    severity=Severity.REVIEW,
)
OF_HANDLERS = (CONCURRENCY, SYNC_HANDLER, SIGNALS, VIEWS)
_SYNC_FIX = "Use `def` instead of `async def`, or change `concurrency` in the configuration first."
_ASYNC_FIX = "Use `async def`, or check that it may block a server thread."
_SIGNALS_FIX = "Call the function directly, or change django.signals first."
_OTHER_STYLE = {"class": "function; views are classes", "function": "class; views are functions"}


def is_asked(config: RepoConfig) -> bool:
    """Whether a configuration says something that only a started application shows."""
    is_django = (config.django.views, config.django.signals) != ("any", "any")
    return is_django or bool(config.fastapi.auth) or config.concurrency != ConcurrencySection()


def find_problems(
    config: RepoConfig, before: Iterable[ApplicationFact], after: Iterable[ApplicationFact]
) -> Iterator[Finding]:
    """Yield what the configuration does not want of what is new in the application."""
    style = config.django.views
    for fact in _list_new(before, after):
        kind, mode = fact.value.rpartition(" ")[2], _get_mode(fact.path, config.concurrency)
        is_async, is_socket = fact.value.startswith("async "), kind == "websocket"
        # Django REST framework cannot await, and a socket has to.
        is_fixed = is_socket or (not is_async and "rest_framework" in fact.parts)
        if fact.kind == "handler" and mode == ("sync" if is_async else "async") and not is_fixed:
            rule, fix = (CONCURRENCY, _SYNC_FIX) if is_async else (SYNC_HANDLER, _ASYNC_FIX)
            says = f"handles requests in the {fact.value} {fact.name}; code is {mode} here"
            yield rule.make_finding(fact.path, says, fix, fact.line)
        if not layout.is_application(fact.path):
            continue
        is_function = fact.kind == "handler" and "function" in fact.parts
        written = "function" if is_function else "class" if fact.kind == "view class" else style
        if kind == "view" and style not in ("any", written):
            says = f"defines the view {fact.name} as a {_OTHER_STYLE[style]} here"
            fix = f"Write it as a {style}, or change django.views first."
            yield VIEWS.make_finding(fact.path, says, fix, fact.line)
        if fact.kind in ("signal", "receiver") and config.django.signals == "forbid":
            done = "defines the signal" if fact.kind == "signal" else "connects a handler,"
            says = f"{done} {fact.name}; this project does not use signals"
            yield SIGNALS.make_finding(fact.path, says, _SIGNALS_FIX, fact.line)


def _list_new(
    before: Iterable[ApplicationFact], after: Iterable[ApplicationFact]
) -> Iterator[ApplicationFact]:
    """Yield what is new in files of the product; not what only comes from another module."""
    old, new = (
        {(fact.kind, fact.owner, fact.name, fact.value): fact for fact in side if fact.path}
        for side in (before, after)
    )
    moved = Counter((kind, *rest) for kind, _, *rest in old.keys() - new.keys())
    for key in [key for key in new if key not in old]:
        moved[key[0], *key[2:]] -= 1
        if moved[key[0], *key[2:]] < 0 and not layout.is_test(new[key].path):
            yield new[key]


def _get_mode(path: str, section: ConcurrencySection) -> Mode:
    mode: Mode = section.mode
    for override in section.overrides:
        if Patterns(override.paths).first(path) is not None:
            mode = override.mode
    return mode
