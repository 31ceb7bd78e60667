"""Types of texts in the configuration, each with the message for an invalid one.

The types of the keys are in `schema`.
"""

import difflib
import re
from pathlib import PurePosixPath
from typing import Annotated

from pydantic import AfterValidator, WithJsonSchema
from pydantic_core import PydanticCustomError

from repo_config import command_lines
from repo_config.rule_ids import RETIRED, RULE_IDS
from repo_config.servers import read_rows

#: Type of the pydantic error that carries `message` and `fix` in its context.
WRONG_FORM = "wrong_form"

#: From 3.3 on: `3.1` is most likely a 3.10 without quotes.
_MINOR = r"3\.([3-9]|[1-9][0-9])"
_DOTTED = r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*"
_VARIABLE = r"[A-Za-z_][A-Za-z0-9_]*"
#: PYTHONINSPECT changes the exit codes of programs.
_VARIABLE_OF_RUNS = rf"(?!MERGEWRIGHT_|PYTHONINSPECT\Z){_VARIABLE}"
_PREFIX = r"(?!.*(?:\.\.|//|/\.|\.lock(?:/|\Z)))(?:[A-Za-z0-9][A-Za-z0-9._/+#=-]{0,99})?"
_URL_PATTERN = r"(?:/(?!/)(?:\*\*(?=/|\Z)|(?:[^/?#\s*]|\*(?!\*))*))+"
_REVIEWER = r"@?[A-Za-z0-9][A-Za-z0-9-]{0,38}(_[a-z0-9]+)?(/[A-Za-z0-9][A-Za-z0-9._-]{0,99})?"
_OUR_NAME = rf"tests without part |(?:{'|'.join(command_lines.TAKEN)})\Z"
_CHECK_NAME = rf"(?!{_OUR_NAME})[A-Za-z][A-Za-z0-9 ._-]{{0,39}}"
DEBIAN_NAME = r"[a-z0-9][a-z0-9+.-]{1,99}"
_SERVICE = rf"({'|'.join(read_rows())})(:[0-9]{{1,3}}(\.[0-9]{{1,3}}){{0,2}})?"


def make_error(message: str, fix: str) -> PydanticCustomError:
    return PydanticCustomError(WRONG_FORM, "{message}", {"message": message, "fix": fix})


def _match(pattern: str, fix: str, *, is_shown: bool = True) -> AfterValidator:
    """Make a validator that accepts printable texts of a pattern."""

    def check(text: str) -> str:
        if re.fullmatch(pattern, text) and (text.isprintable() or not is_shown):
            return text
        raise make_error("not in the required form", fix)

    return AfterValidator(check)


def _check_rule_id(text: str) -> str:
    if text not in (*RULE_IDS, *RETIRED):
        near = " or ".join(difflib.get_close_matches(text, RULE_IDS, 2, 0.6))
        every = "`mergewright config explain rules` lists them"
        raise make_error("unknown rule", f"Did you mean {near}?" if near else every)
    return text


def _check_path(text: str) -> str:
    """Refuse a path that leads out of the repository or is ambiguous between tools."""
    if not text.strip() or not text.isprintable() or re.match(r"[-/~]|[A-Za-z]:|.*\\", text):
        raise make_error(
            "not a path in the repository", "write it like src/app, without special characters"
        )
    if ".." in PurePosixPath(text).parts:
        raise make_error("a path with ..", "use a path inside the repository")
    return str(PurePosixPath(text))


def _check_glob(text: str) -> str:
    """Check a pattern as in .gitignore, relative to the root."""
    mark = "!" if text.startswith("!") else ""
    pattern = _check_path(text.removeprefix(mark))
    if pattern == "." or text.startswith("#"):
        raise make_error("a pattern that matches nothing", 'write "**" for everything')
    return mark + pattern + "/" * text.endswith("/")


def _check_suite(line: str) -> str:
    if command_lines.read_test_command(line).runner != "command":
        return line
    raise make_error(
        "not a call of pytest, manage.py test or a script",
        "start one of these directly; what only has an exit code belongs in checks.extra",
    )


PythonMinor = Annotated[str, _match(_MINOR, 'use a minor version of Python, as in "3.11"')]
RelativePath = Annotated[str, AfterValidator(_check_path)]
Glob = Annotated[str, AfterValidator(_check_glob)]
ModuleName = Annotated[str, _match(_DOTTED, "use a dotted name, as in config.settings.test")]
VariableName = Annotated[
    str, _match(_VARIABLE_OF_RUNS, "use another name of letters, digits and underscores")
]
ModelKey = Annotated[
    str, _match(r"(?:[A-Za-z_]\w*\.)*[A-Z]\w*", "use a class, as in Order or shop.models.Order")
]
AttributeName = Annotated[str, _match(_VARIABLE, "use an attribute name, such as `active`")]
UrlPattern = Annotated[
    str, _match(_URL_PATTERN, "use a path such as /health or /admin/**, with ** between slashes")
]
VariableValue = Annotated[
    str, _match(r"[^\x00]*", "no environment variable can contain a NUL character", is_shown=False)
]
CheckName = Annotated[
    str, _match(_CHECK_NAME, "use a short name that no check of ours has, such as `docs`")
]
Command = Annotated[
    str, _match(r"[^\x00]*\S[^\x00]*", "use a command, as in mkdir -p data", is_shown=False)
]
SuiteLine = Annotated[Command, AfterValidator(_check_suite)]
BranchPrefix = Annotated[
    str,
    _match(_PREFIX, "use ASCII letters, digits and . _ / + # = -, starting with a letter or digit"),
]
SystemPackage = Annotated[str, _match(DEBIAN_NAME, "use a Debian package such as libpq-dev")]
RuleId = Annotated[
    str,
    AfterValidator(_check_rule_id),
    WithJsonSchema({"type": "string", "enum": list(RULE_IDS)}),
]
ServiceName = Annotated[
    str,
    _match(
        _SERVICE,
        f"use {', '.join(read_rows())}, with a version as in postgres:15, or a mapping of name, run"
        " and ready",
    ),
]
ServerName = Annotated[
    str, _match(r"[a-z][a-z0-9-]{0,39}", "use lower-case letters, as in azurite")
]
Label = Annotated[
    str, _match(r"(?! )[^,]{1,50}(?<! )", "use the name of a label, with at most 50 characters")
]
Owner = Annotated[
    str,
    _match(r"[A-Za-z0-9][A-Za-z0-9_-]{0,99}", "use the name of an organization or account"),
    AfterValidator(str.lower),
]
RepositoryName = Annotated[
    str,
    _match(r"[A-Za-z0-9][A-Za-z0-9_-]{0,99}/[A-Za-z0-9._-]{1,100}", "use a name, as in owner/name"),
    AfterValidator(str.lower),
]
Login = Annotated[
    str,
    _match(r"@?[A-Za-z0-9][A-Za-z0-9_-]{0,99}", "use a login; teams cannot be named"),
    AfterValidator(lambda text: text.removeprefix("@")),
]
Reviewer = Annotated[
    str,
    _match(_REVIEWER, "use a login or a team, such as octocat or my-org/my-team"),
    AfterValidator(lambda text: text.removeprefix("@")),
]
