"""Print REFERENCE.md: keys, settings and ends of runs, as the code has them.

`make reference` writes the file; a test holds it against this.
"""

import ast
import inspect
import textwrap
import types
import typing
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any, Literal

from jinja2 import Template

from agent import settings
from agent.conversation import commands
from agent.limits import LimitRow
from agent.models.backtest import BacktestResult, Figures
from agent.models.base_report import BaseCheck, BaseReport
from agent.models.outcome import JudgedChange, Outcome, RunFigures, RunFiles
from agent.models.run import Reason
from agent.settings import Settings
from agent.stages.decide import TABLE, VerdictFacts
from repo_config import reference

_BOUNDS = {"ge": "at least", "gt": "above", "le": "at most"}
_TEMPLATE = Path(__file__).with_name("reference.md.jinja")
#: A run of a ticket file never ends so.
_OF_ISSUES = (Reason.UNANSWERED, Reason.SUPERSEDED, Reason.ACCESS_LOST)
_OF_SERVICE = ("review_state", "first_round", "told_at", "patch", "merged")
#: Their fields have rows of their own.
_LISTED_APART = ("base", "files", "judged", "figures", "base.checks")
_PLACES: dict[commands.Name, str] = {
    "plan": "issue",
    "approve": "issue",
    "fix-ci": "pull request",
    "update": "pull request",
}


def render() -> str:
    """Write the whole document."""
    template = Template(_TEMPLATE.read_text(encoding="utf-8"), keep_trailing_newline=True)
    parts = {
        "keys": _list_keys(),
        "settings": _list_settings(),
        "limits": _list_limits(),
        "commands": _list_commands(),
        "ends": _list_ends(),
        "decisions": _list_decisions(),
        "outcome": _list_outcome(),
        "base": _list_fields("base.", BaseReport, "base.checks[].", BaseCheck),
        "backtest": _list_fields("figures.", Figures, "tasks[].", BacktestResult),
    }
    joined = {name: "\n".join(lines) for name, lines in parts.items()}
    document: str = template.render(**joined)
    return document


def _list_keys() -> Iterator[str]:
    """Yield the rows of the table of keys, in the order of the models."""
    yield from ("| key | type | default | meaning |", "|---|---|---|---|")
    for path, section in reference.list_sections():
        for name, field in section.model_fields.items():
            if not reference.is_section(field.annotation):
                cells = (
                    f"`{'.'.join((*path, name))}`",
                    _describe_type(field.annotation),
                    _describe_default(field.default),
                    " ".join((field.description or "").split()),
                )
                yield "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _describe_type(form: Any) -> str:
    origin, inner = typing.get_origin(form), typing.get_args(form)
    if origin is Annotated:
        return _describe_type(inner[0])
    if origin in (typing.Union, types.UnionType):
        return " or ".join(_describe_type(option) for option in inner if option is not type(None))
    if origin is Literal:
        return ", ".join(map(str, inner))
    if origin is tuple:
        return f"list of {_describe_type(inner[0])}"
    if origin is dict or reference.is_section(form):
        return "mapping"
    return {str: "text", bool: "true or false", Path: "path"}.get(form, "number")


def _describe_default(value: object) -> str:
    if value is None:
        return "not set"
    if isinstance(value, tuple):
        return f"`[{', '.join(chr(34) + str(item) + chr(34) for item in value)}]`"
    return f"`{value}`"


def _list_settings() -> Iterator[str]:
    texts = read_docstrings(Settings)
    for name, field in Settings.model_fields.items():
        value = field.default
        value = ",".join(value) if isinstance(value, tuple) else value
        default = "not set" if value in (None, "") else f"`{value}`"
        shown = "see there" if field.is_required() else default
        bounds = (
            f"{words} {getattr(rule, kind)}"
            for kind, words in _BOUNDS.items()
            for rule in field.metadata
            if getattr(rule, kind, None) is not None
        )
        form = "secret" if name in settings.SECRETS else _describe_type(field.annotation)
        form = form.replace("list of text", "comma-separated list")
        form = ", ".join((form, *bounds))
        yield f"| `{settings.variable(name)}` | {form} | {shown} | {texts[name]} |"


def _list_limits() -> Iterator[str]:
    for name, meaning in read_docstrings(LimitRow).items():
        form = _describe_type(LimitRow.model_fields[name].annotation)
        yield f"| `{name}` | {form} | {meaning} |"


def _list_commands() -> Iterator[str]:
    for name, meaning in commands.MEANT_FOR.items():
        where = _PLACES.get(name, "both")
        yield f"| `/mergewright {name}` | {where} | {meaning[:1].upper()}{meaning[1:]}. |"


def _list_ends() -> Iterator[str]:
    for reason in Reason:
        on = "no" if reason.is_settled else "yes"
        on = "of issues only" if reason in _OF_ISSUES else on
        state = reason.state.value
        yield f"| `{reason.value}` | `{state}` | {on} | {reason.headline} |"


def _list_decisions() -> Iterator[str]:
    for reason, describe in TABLE:
        result = "pull request" if reason is Reason.READY else "nothing"
        if describe is VerdictFacts.describe_to_review:
            result = f"draft {result}"
        facts = " ".join(str(describe.__doc__).split())
        yield f"| {facts.rstrip('.')} | {result} | `{reason.value}` |"


def _list_outcome() -> Iterator[str]:
    yield from _list_fields("", Outcome)
    parts = {"files.": RunFiles, "judged.": JudgedChange, "figures.": RunFigures}
    for prefix, part in parts.items():
        yield from _list_fields(prefix, part)


def _list_fields(*kinds: Any) -> Iterator[str]:
    """Yield the rows of the fields of records that `--json` prints, each below its prefix."""
    for prefix, kind in zip(kinds[::2], kinds[1::2], strict=True):
        texts = read_docstrings(kind)
        for name, field in kind.model_fields.items():
            if name not in _OF_SERVICE and f"{prefix}{name}" not in _LISTED_APART:
                form = _describe_json(field.annotation)
                yield f"| `{prefix}{name}` | {form} | {texts[name]} |"


def _describe_json(form: Any) -> str:
    inner = typing.get_args(form)
    if typing.get_origin(form) in (typing.Union, types.UnionType):
        return f"{_describe_json(inner[0])} or null"
    if typing.get_origin(form) is tuple:
        return f"list of {_describe_json(inner[0])}"
    if typing.get_origin(form) is Literal or (isinstance(form, type) and issubclass(form, str)):
        return "text"
    return {bool: "true or false", int: "number", float: "number"}.get(form, "object")


def read_docstrings(kind: type) -> dict[str, str]:
    """Read what stands below each member of a class, in one line."""
    [definition] = ast.parse(textwrap.dedent(inspect.getsource(kind))).body
    texts = {}
    for member, after in pairwise(definition.body if isinstance(definition, ast.ClassDef) else []):
        match member, after:
            case (
                ast.Assign(targets=[ast.Name(id=name)]) | ast.AnnAssign(target=ast.Name(id=name)),
                ast.Expr(value=ast.Constant(value=str(words))),
            ):
                plain = " ".join(words.split()).replace(". None: ", ". Not set: ")
                texts[name] = plain.replace("None: ", "not set: ")
    return texts


if __name__ == "__main__":
    print(render(), end="")
