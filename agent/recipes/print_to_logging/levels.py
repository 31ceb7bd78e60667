"""Choose the level of a message by what it says and where it stands."""

from __future__ import annotations

import re

import libcst as cst

from agent.recipes.nodes import dotted_name
from agent.recipes.print_to_logging.calls import Context
from agent.recipes.print_to_logging.parameters import Level

_PREFIX = re.compile(
    r"[\[(<>*#!-]{0,8}\s{0,8}(?P<level>debug|trace|info|warn|warning|error|critical|fatal)\s{0,8}"
    r"(?P<mark>[\])>*]{0,8}\s{0,8}(?:[:!|](?![:/=])|[\u2013\u2014]|-{1,3}(?=\s|$)|"
    r"(?<=[\])>*])\s|(?<=[\])>*])$)|$)",
    re.IGNORECASE,
)
#: “DEBUG saving 3 entries”: in capitals and without a colon, unless it is the subject itself.
_BARE = re.compile(
    r"(?P<level>DEBUG|INFO)(?:\s{0,8}$|\s{1,8}(?=[^\W_])(?!(?i:mode|level|flags?|builds?|output|logs?|logging|"
    r"messages?|toolbar|panel|page|settings?|enabled|disabled|on|off|set|is|was|are|about|for|from|"
    r"of|to|and|or|as)\b))"
)
#: A level stands at the beginning, or nowhere.
_READ = 80
_NAMES: dict[str, Level] = {
    "debug": "debug",
    "trace": "debug",
    "info": "info",
    "warn": "warning",
    "warning": "warning",
    "error": "error",
    "critical": "critical",
    "fatal": "critical",
}
#: "0 errors" and "no warnings" are good news.
_NONE = r"(?<!\bno )(?<!\b0 )(?<!\bzero )(?<!\bwithout )(?<!\bnot )"
_WARNING = re.compile(rf"(?i){_NONE}\b(?:warn(?:s|ed|ings?)?|deprecat(?:ed|ion|ions|es?))\b")
_ERROR = re.compile(
    rf"(?i){_NONE}\b(?:errors?|fail(?:s|ed|ure|ures|ing)?|fatal|could ?n(?:o|['\u2019])t|"
    r"can(?:no|['\u2019])t|unable to|traceback|uncaught|unhandled)\b"
)
_DEBUG = re.compile(r"(?i)\bdebug(?:ging)?\b")
_GUARD = re.compile(r"(?i)(?:^|_)(?:debug|verbose|verbosity|trace|dbg)(?:$|_)")


def explicit(text: str) -> Level | None:
    """The level that a message begins with, as in `[WARNING] …`."""
    begins = text.lstrip()[:_READ]
    found = _PREFIX.match(begins) or _BARE.match(begins)
    return _NAMES[found["level"].lower()] if found else None


def prefix(text: str, level: Level) -> int:
    """How many signs of a message only say the level that it has anyway, as in `ERROR: …`."""
    start = len(text) - len(text.lstrip())
    begins = text[start : start + _READ]
    if bare := _BARE.match(begins):
        return start + bare.end() if _NAMES[bare["level"].lower()] == level else 0
    found = _PREFIX.match(begins)
    if not found or not found["mark"] or found["level"].lower() == "trace":
        return 0  # a bare word is a part of the sentence, and `trace` says more than `debug`
    if _NAMES[found["level"].lower()] != ("error" if level == "exception" else level):
        return 0
    rest = text[start + found.end() :]
    return len(text) - len(rest.lstrip())


def choose(text: str, context: Context, *, to_stderr: bool, of_exception: Level | None) -> Level:
    """Choose the level of a message.

    Args:
        text: What is the same in every message.
        context: What is around it.
        to_stderr: Whether it was printed to stderr.
        of_exception: The level that it gets because the exception is a part of it.
    """
    if level := explicit(text):
        return level
    if of_exception:
        return of_exception
    if _WARNING.search(text):
        return "warning"
    if _ERROR.search(text):
        return "error"
    if _DEBUG.search(text) or any(is_guard(test) for test in context.tests):
        return "debug"
    return "warning" if to_stderr or context.handler else "info"


def is_guard(test: cst.BaseExpression) -> bool:
    """Whether a condition asks if details are wanted: `debug`, `self.verbose`, `verbosity > 1`."""
    if isinstance(test, cst.BooleanOperation):
        sides = (is_guard(test.left), is_guard(test.right))
        return any(sides) if isinstance(test.operator, cst.And) else all(sides)
    if isinstance(test, cst.Comparison):
        compared = test.comparisons[0]
        asks = isinstance(
            compared.operator, cst.GreaterThan | cst.GreaterThanEqual | cst.Is | cst.Equal
        )
        nothing = dotted_name(compared.comparator) in ("False", "None") or (
            isinstance(compared.comparator, cst.Integer)
            and compared.comparator.value == "0"
            and isinstance(compared.operator, cst.Equal)
        )
        return asks and not nothing and is_guard(test.left)
    if isinstance(test, cst.Call) and not test.args:
        return is_guard(test.func)
    return _GUARD.search(dotted_name(test).rpartition(".")[2]) is not None
