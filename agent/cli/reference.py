"""Print REFERENCE.md: keys, settings, ends of runs and rules, as the code has them.

`make reference` writes the file; a test holds it against this.
"""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Iterator
from itertools import groupby, pairwise

from agent import settings
from agent.conversation import commands
from agent.models.record import Record
from agent.models.run import Reason, end_state
from agent.policy import registry, tool_rules
from agent.policy.rule import Rule, RuleModule
from agent.settings import Settings
from agent.stages.decide import TABLE
from agent.store import step_file
from agent.telemetry.figures import Figures, Middle, PerLine, Share
from repo_config import reference

_OPENING = """\
# Reference

Made from the code by `make reference`; edit the code, not this file.

## Configuration

`.github/mergewright.yml`, or the same keys below `[tool.mergewright]` in `pyproject.toml`; never
both. Every key is optional. `mergewright config check` names mistakes by line and column (in
TOML by key), `config explain` what holds and why, `config detect` proposes a file, and
`config schema` is for editors.
"""
_SETTINGS = """\
## Settings

What the operator sets, as variables of the environment. `mergewright models` shows what holds of
models, and `--check` asks each of them.
"""
_ENDS = """\
## Ends of a run

`mergewright run --json` has the code as `reason`, the ledger and the run's page have it too.
A run of a ticket file goes on with `mergewright run --resume` where the table says so, and keeps
what is on record; a run of an issue does with `mergewright runs retry`, after every end but `ready`
and `dry_run`.
"""
_DECISION = """\
## Decision

Once the checks have run with the change, the first row that holds decides.
"""
#: A run of a ticket file never ends so.
_OF_ISSUES = (Reason.DUPLICATE, Reason.UNANSWERED, Reason.SUPERSEDED, Reason.ACCESS_LOST)
_FIGURES = """\
## Figures

`mergewright stats --json` prints one object: `schema_version` (1), `since` (a time, or null), `by`
(or null), `all`, and `groups`, the largest first. `all` and each group have these keys. What is not
known is never counted as nothing: a median, a share or a price says of how many it is (`known`) and
how many it leaves out (`unknown`), and is null where none is known. Times are in seconds.
"""
_PLAIN: dict[object, str] = {str: "text", int: "number", dict[str, int]: "numbers by name"}
_FORMS: dict[type[Record], str] = {Middle: "a median", Share: "a share", PerLine: "a price"}
_RULES = """\
## Rules

What a change brings in is held against these before anything runs; what was there before is not.
A finding of weight `block` withholds the pull request, `review` makes it a draft that names the
place, `info` is only told. A repository sets weights by `rules`, down to the floor of each rule;
`off` as floor means that a rule may be switched off. The operator can move floors
(`MERGEWRIGHT_RULE_FLOORS`). `mergewright rules` shows what holds in a repository.
"""


_COMMANDS = """\
## Commands

A line that begins with `/mergewright` in a comment on the issue or on its pull request, outside of
quotations and code; of several the first. Heard are people with write permission; what somebody
else writes has no effect, and neither has what is put into a comment by editing it. A reaction
shows that it was heard: a thumb up what was done, a confused face what could not be. After ten
answers in words within an hour there are reactions alone, in each issue and pull request.
"""
_PLACES: dict[commands.Name, str] = {
    "plan": "issue",
    "approve": "issue",
    "fix-ci": "pull request",
    "rebase": "pull request",
}
_CHANGED = """\
Without a command: a comment that answers what was asked lets the run go on, and
`change the plan: …` has a plan that waits made anew with what follows. A plan of a recipe takes
the form, or the facts as code, as they would stand in the issue.
"""
_REVIEWS = """\
### Reviews

Remarks on lines of the pull request, reviews that ask for changes, and comments that name the
account are answered together after `MERGEWRIGHT_QUIET_SECONDS` without another. A suggestion with
nothing beside it is put in its place as it is. All else is for the model, or where none is set for
a person.
"""


def document() -> str:
    """Write the whole document."""
    parts = [_OPENING, reference.markdown(), "", _SETTINGS, *_settings()]
    parts += ["", _COMMANDS, *_commands(), "", _REVIEWS]
    parts += ["", _ENDS, *_ends(), "", _DECISION, *_list_decisions(), "", _FIGURES, *_figures()]
    return "\n".join([*parts, "", _RULES, *_families()])


def _settings() -> Iterator[str]:
    yield from ("| variable | value | default | meaning |", "|---|---|---|---|")
    told = said(Settings)
    for name, field in Settings.model_fields.items():
        value = field.default
        value = ",".join(value) if isinstance(value, tuple) else value
        default = "not set" if value in (None, "") else f"`{value}`"
        shown = "see there" if field.is_required() else default
        yield f"| `{settings.variable(name)}` | {settings.form(name)} | {shown} | {told[name]} |"


def _commands() -> Iterator[str]:
    yield from ("| command | where | meaning |", "|---|---|---|")
    for name, meaning in commands.MEANT_FOR.items():
        where = _PLACES.get(name, "both")
        yield f"| `/mergewright {name}` | {where} | {meaning[:1].upper()}{meaning[1:]}. |"
    yield f"\n{_CHANGED.rstrip()}"


def _ends() -> Iterator[str]:
    yield from ("| reason | ends as | `--resume` | meaning |", "|---|---|---|---|")
    told = said(Reason)
    for reason in Reason:
        on = "yes" if step_file.goes_on(reason) else "no"
        on = "of issues alone" if reason in _OF_ISSUES else on
        state = end_state(reason).value
        yield f"| `{reason.value}` | `{state}` | {on} | {told[reason.name]} |"


def _list_decisions() -> Iterator[str]:
    yield from ("| when | result | reason |", "|---|---|---|")
    for row in TABLE:
        result = (
            ("draft pull request" if row.draft else "pull request") if row.publish else "nothing"
        )
        yield f"| {row.fact} | {result} | `{row.reason.value}` |"


def _figures() -> Iterator[str]:
    yield from ("| key | value | meaning |", "|---|---|---|")
    told = said(Figures)
    forms: dict[object, str] = _PLAIN | dict(_FORMS.items())
    for name, field in Figures.model_fields.items():
        yield f"| `{name}` | {forms[field.annotation]} | {told[name]} |"
    for kind, called in _FORMS.items():
        yield from ("", f"{called.capitalize()} has these keys:", "")
        yield from ("| key | meaning |", "|---|---|")
        parts = said(kind)
        yield from (f"| `{name}` | {parts[name]} |" for name in kind.model_fields)


def said(kind: type) -> dict[str, str]:
    """Read what stands below each member of a class, in one line."""
    [found] = ast.parse(textwrap.dedent(inspect.getsource(kind))).body
    told = {}
    for member, after in pairwise(found.body if isinstance(found, ast.ClassDef) else []):
        match member, after:
            case (
                ast.Assign(targets=[ast.Name(id=name)]) | ast.AnnAssign(target=ast.Name(id=name)),
                ast.Expr(value=ast.Constant(value=str(words))),
            ):
                told[name] = " ".join(words.split()).replace("None: ", "not set: ")
    return told


def _families() -> Iterator[str]:
    for family, modules in groupby(registry.MODULES, _family):
        yield f"### {family.capitalize()}\n"
        for module in modules:
            for rule in module.RULES:
                yield from _rule(rule)
    yield "### Tools\n"
    yield "Found by what the checks see of both sides; what is new is held against the change.\n"
    for rule in tool_rules.RULES:
        yield from _rule(rule)


def _family(module: RuleModule) -> str:
    """The folder of the policy that a module lies in."""
    name: str = getattr(module, "__name__", "")
    return name.removeprefix("agent.policy.").partition(".")[0]


def _rule(rule: Rule) -> Iterator[str]:
    floor = rule.floor.value if rule.floor else "off"
    yield f"#### `{rule.id}`\n"
    yield f"{rule.demands} Weighs `{rule.severity.value}`; floor `{floor}`.\n"
    for title, code in (("Breaks it", rule.bad), ("Keeps it", rule.good)):
        yield f"{title}:\n"
        yield "\n".join(f"    {line}".rstrip() for line in code.splitlines()) + "\n"


if __name__ == "__main__":
    print(document(), end="")
