"""The forms that texts in the configuration must have, each with the words for a wrong one.

Pure checks of a single text; which key takes which form is said in `schema`.
"""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass
from datetime import date
from pathlib import PurePosixPath
from typing import Annotated

from packaging.requirements import InvalidRequirement, Requirement
from pydantic import AfterValidator, WithJsonSchema
from pydantic_core import PydanticCustomError

from repo_config import licences
from repo_config.rule_ids import RULE_IDS

#: Type of the pydantic error that carries `message` and `fix` in its context.
WRONG_FORM = "wrong_form"

#: Nobody has Python 3.0 to 3.2 any more; a 3.1 was 3.10 before it lost its quotes.
_MINOR = r"^3\.([3-9]|[1-9][0-9])$"
_NEAR_MINOR = re.compile(r"(?<![0-9.])3\.?([0-9]{1,2})(?![0-9])")
_DOTTED = r"^[A-Za-z_]\w*(\.[A-Za-z_]\w*)*$"
_APPLICATION = r"^[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*(\.[A-Za-z_]\w*)*$"
_MODEL_NAME = r"^[a-z0-9][a-z0-9-]{0,39}:[A-Za-z0-9][A-Za-z0-9._:/@-]{0,99}$"
_VARIABLE = r"^[A-Za-z_][A-Za-z0-9_]*$"
_PREFIX = r"(?!.*(?:\.\.|//|/\.|\.lock(?:/|\Z)))(?:[A-Za-z0-9][A-Za-z0-9._/+#=-]{0,99})?"
_URL_PATTERN = r"(?:/(?!/)(?:\*\*(?=/|\Z)|(?:[^/?#\s*]|\*(?!\*))*))+"
_REVIEWER = r"[A-Za-z0-9][A-Za-z0-9-]{0,38}(_[a-z0-9]+)?(/[A-Za-z0-9][A-Za-z0-9._-]{0,99})?"
DEBIAN_NAME = r"^[a-z0-9][a-z0-9+.-]{1,99}$"
_SERVICE = r"^(postgres|redis)(:[0-9]{1,3}(\.[0-9]{1,3}){0,2})?$"
_PLAIN = r"^[^\x00-\x1f\x7f]*$"


@dataclass(frozen=True)
class Words:
    """What a value is called, alone and in a list."""

    one: str
    many: str


def _make_error(message: str, fix: str) -> PydanticCustomError:
    return PydanticCustomError(WRONG_FORM, "{message}", {"message": message, "fix": fix})


def _minor(text: str) -> str:
    if re.fullmatch(_MINOR, text):
        return text
    near = _NEAR_MINOR.search(text)
    fix = f'write "{_guess_version(near[1])}"' if near else 'write a version such as "3.11"'
    raise _make_error("not a minor version of Python 3", fix)


def _guess_version(minor: str) -> str:
    """The version that was probably meant: of 3.10 a number keeps only 3.1."""
    return f"3.{minor}" if int(minor) > 2 else f"3.1{int(minor) if int(minor) != 1 else 0}"


def named_file(text: str) -> tuple[str, str] | None:
    """Option and path of `-r path` or `-c path`; None for anything else."""
    for long, short in (("--requirement", "-r"), ("--constraint", "-c")):
        for option in (long, short):
            rest = text.removeprefix(option)
            if rest != text and (option == short or rest[:1] in ("", " ", "=")):
                return short, rest.lstrip("= ").strip()
    return None


def _requirement(text: str) -> str:
    if (named := named_file(text)) is not None:
        option, file = named
        return f"{option} {_path(file)}"
    if text.lstrip().startswith("-"):
        raise _make_error(
            "the only options taken here are -r and -c",
            "write a requirement such as pytest-xdist>=3, or -r and the path of a file",
        )
    try:
        Requirement(text)
    except InvalidRequirement as problem:
        reason = str(problem).splitlines()[0].strip()
        raise _make_error(
            f"not a requirement: {reason}", "write a requirement such as pytest-xdist>=3"
        ) from problem
    return text


def _constraint(text: str) -> str:
    requirement = "" if text.lstrip().startswith("-") else _requirement(text)
    if not requirement or Requirement(text).url or Requirement(text).extras:
        raise _make_error(
            "not a constraint", "write a package and its versions, such as Django==4.2.*"
        )
    return requirement


def _date(text: str) -> str:
    try:
        if date.fromisoformat(text).isoformat() == text:
            return text
    except ValueError:
        pass
    raise _make_error("not a day", 'write year, month and day in quotes, such as "2024-05-31"')


def _rule_id(text: str) -> str:
    if text not in RULE_IDS:
        near = difflib.get_close_matches(text, RULE_IDS, 2, 0.6)
        fix = f"Did you mean {' or '.join(near)}?" if near else "`mergewright rules` lists them"
        raise _make_error("there is no rule of this name", fix)
    return text


def _licence(text: str) -> str:
    if found := licences.read_entry(text):
        return found
    if re.search(r"\s(?:and|or)\s", text, re.IGNORECASE):
        raise _make_error("several licences in one entry", "give each an entry of its own")
    known = {one.lower(): one for one in licences.IDENTIFIERS}
    near = [known[one] for one in difflib.get_close_matches(text.lower(), known, 2, 0.7)]
    fix = f"write {' or '.join(near)}" if near else "write one such as MIT, or GPL-* for several"
    raise _make_error("not a licence of SPDX's list", fix)


def _require_relative(text: str, what: str) -> str:
    """Refuse what leads out of the repository or means different things to different tools."""
    if not text.strip():
        raise _make_error(f"an empty {what}", "write one, or remove the line")
    if any(not char.isprintable() for char in text):
        raise _make_error(f"a {what} with an invisible character", "remove that character")
    if "\\" in text:
        raise _make_error(f"a {what} with a backslash", "write forward slashes: / between folders")
    if text.startswith(("/", "~")) or re.match(r"[A-Za-z]:", text):
        raise _make_error(f"an absolute {what}", "write it relative to the root of the repository")
    if ".." in PurePosixPath(text).parts:
        raise _make_error(f"a {what} with ..", "write one that stays inside the repository")
    return text


def _path(text: str) -> str:
    _require_relative(text, "path")
    if text.startswith("-"):
        raise _make_error("a path that begins with a dash", f"write ./{text}")
    return str(PurePosixPath(text))


def _glob(text: str) -> str:
    """A pattern as in a .gitignore file, relative to the root."""
    if text.startswith("#"):
        raise _make_error("a pattern that is read as a comment", "write [#] in place of the #")
    mark = "!" if text.startswith("!") else ""
    pattern = _require_relative(text.removeprefix(mark), "pattern").removeprefix("./")
    if pattern in ("", "."):
        raise _make_error("a pattern that matches nothing", 'write "**" for everything')
    return mark + pattern


def _module(text: str) -> str:
    if re.fullmatch(_DOTTED, text):
        return text
    if text.endswith(".py"):
        dotted = text.removesuffix(".py").removeprefix("./").replace("/", ".")
        raise _make_error("a file where a module is named", f'write "{dotted}"')
    raise _make_error("not a dotted module name", 'write one such as "config.settings.test"')


def _model(text: str) -> str:
    if re.fullmatch(_DOTTED, text) and text.rpartition(".")[2][:1].isupper():
        return text
    raise _make_error(
        "not the name of a model", "write its class, as in Order or shop.models.Order"
    )


def _variable(text: str) -> str:
    if text.startswith("MERGEWRIGHT_"):
        raise _make_error("a variable of Mergewright itself", "choose another name")
    if text == "PYTHONINSPECT":
        raise _make_error(
            "with this variable no program ends with its own exit code", "take it out of `env`"
        )
    if re.fullmatch(_VARIABLE, text):
        return text
    raise _make_error(
        "not a name for an environment variable",
        "write letters, digits and underscores, not beginning with a digit",
    )


def _value(text: str) -> str:
    if "\0" in text:
        raise _make_error("a text with a NUL character", "no environment variable can hold it")
    return text


def _reviewer(text: str) -> str:
    if re.fullmatch(_REVIEWER, text.removeprefix("@")):
        return text.removeprefix("@")
    raise _make_error("not a login and not a team", "write octocat, or my-org/my-team")


def _services(entries: tuple[str, ...]) -> tuple[str, ...]:
    names = [entry.partition(":")[0] for entry in entries]
    for name in names:
        if names.count(name) > 1:
            raise _make_error(f"{name} is named more than once", "keep one of them")
    return entries


def _make_pattern_check(
    pattern: str, problem: str, fix: str, *, is_shown: bool = True
) -> AfterValidator:
    """Take texts of one pattern, of letters that can be seen."""

    def check(text: str) -> str:
        if re.fullmatch(pattern, text) and (text.isprintable() or not is_shown):
            return text
        raise _make_error(problem, fix)

    return AfterValidator(check)


def _json(pattern: str) -> WithJsonSchema:
    return WithJsonSchema({"type": "string", "pattern": pattern})


PythonMinor = Annotated[
    str,
    AfterValidator(_minor),
    _json(_MINOR),
    Words('a minor version such as "3.11"', "minor versions"),
]
RequirementLine = Annotated[
    str, AfterValidator(_requirement), Words("a requirement", "requirements")
]
Constraint = Annotated[str, AfterValidator(_constraint), Words("a constraint", "constraints")]
Date = Annotated[str, AfterValidator(_date), Words('a day such as "2024-05-31"', "days")]
ProjectName = Annotated[
    str,
    _make_pattern_check(
        r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?",
        "not a name of an extra or a group",
        "write letters, digits, dots, dashes and underscores only",
    ),
    Words("a name", "names"),
]
RelativePath = Annotated[str, AfterValidator(_path), Words("a path in the repository", "paths")]
LicenceName = Annotated[
    str,
    AfterValidator(_licence),
    Words("a licence as SPDX names it, such as MIT or GPL-*", "licences as SPDX names them"),
]
Glob = Annotated[str, AfterValidator(_glob), Words("a glob pattern", "glob patterns")]
ModuleName = Annotated[
    str, AfterValidator(_module), _json(_DOTTED), Words("a dotted module name", "module names")
]
ApplicationName = Annotated[
    str,
    _make_pattern_check(
        _APPLICATION, "not a module and a name in it", 'write both, as in "app.main:app"'
    ),
    _json(_APPLICATION),
    Words("a module and a name in it, as in app.main:app", "applications"),
]
ModelKey = Annotated[
    str, AfterValidator(_model), _json(_DOTTED), Words("the class of a model", "model classes")
]
ModelName = Annotated[
    str,
    _make_pattern_check(_MODEL_NAME, "not a provider and a name", "write both, as in openai:NAME"),
    _json(_MODEL_NAME),
    Words("a model, as provider:name", "models"),
]
AttributeName = Annotated[
    str,
    _make_pattern_check(_VARIABLE, "not the name of an attribute", "write one such as `active`"),
    _json(_VARIABLE),
    Words("the name of an attribute", "names of attributes"),
]
UrlPattern = Annotated[
    str,
    _make_pattern_check(
        _URL_PATTERN,
        "not a URL path",
        "write one as in /health or /admin/**, with ** between slashes",
    ),
    Words("a URL path such as /admin/**", "URL paths"),
]
VariableName = Annotated[
    str, AfterValidator(_variable), _json(_VARIABLE), Words("a variable name", "variable names")
]
Plain = Annotated[
    str,
    _make_pattern_check(
        _PLAIN, "a text with a control character", "write one line", is_shown=False
    ),
    Words("text", "texts"),
]
Command = Annotated[
    str,
    _make_pattern_check(
        r"[^\x00]*\S[^\x00]*", "not a command", "write one, as in mkdir -p data", is_shown=False
    ),
    Words("a command", "commands"),
]
VariableValue = Annotated[str, AfterValidator(_value), Words("text", "texts")]
BranchPrefix = Annotated[
    str,
    _make_pattern_check(
        _PREFIX,
        "not the beginning of a branch's name for git",
        "write letters of ASCII, digits and . _ / + # = -, beginning with a letter or digit",
    ),
    Words("a branch prefix", "branch prefixes"),
]
ServiceName = Annotated[
    str,
    _make_pattern_check(
        _SERVICE,
        "not a service that is known here",
        "write postgres or redis, or with a version as in postgres:15",
    ),
    _json(_SERVICE),
    Words("postgres or redis, or either with a version as in postgres:15", "services"),
]
SystemPackage = Annotated[
    str,
    _make_pattern_check(
        DEBIAN_NAME, "not the name of a Debian package", "write one such as libpq-dev"
    ),
    _json(DEBIAN_NAME),
    Words("the name of a Debian package", "names of Debian packages"),
]
RuleId = Annotated[
    str,
    AfterValidator(_rule_id),
    WithJsonSchema({"type": "string", "enum": list(RULE_IDS)}),
    Words("the id of a rule", "ids of rules"),
]
Services = Annotated[tuple[ServiceName, ...], AfterValidator(_services)]
Label = Annotated[
    str,
    _make_pattern_check(
        r"(?! )[^,]{1,50}(?<! )", "not a label of GitHub", "write its name, of 50 letters at most"
    ),
    Words("a label", "labels"),
]
Reviewer = Annotated[
    str, AfterValidator(_reviewer), Words("a login or org/team", "logins or teams")
]
