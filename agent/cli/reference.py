"""Print REFERENCE.md: every key of the configuration and every rule, as the code has them.

`make reference` writes the file; a test holds it against this.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby

from agent.policy import registry, tool_rules
from agent.policy.rule import Rule, RuleModule
from repo_config import reference

_OPENING = """\
# Reference

Made from the code by `make reference`; edit the code, not this file.

## Configuration

`.github/mergewright.yml`, or the same keys below `[tool.mergewright]` in `pyproject.toml`; never
both. Every key is optional. `mergewright config check` names mistakes by line and column,
`config explain` what holds and why, `config detect` proposes a file, and `config schema` is for
editors.
"""
_RULES = """\
## Rules

What a change brings in is held against these before anything runs; what was there before is not.
A finding of weight `block` withholds the pull request, `review` makes it a draft that names the
place, `info` is only told. A repository sets weights by `rules`, down to the floor of each rule;
`off` as floor means that a rule may be switched off. The operator can move floors
(`MERGEWRIGHT_RULE_FLOORS`). `mergewright rules` shows what holds in a repository.
"""


def document() -> str:
    """Write the whole document."""
    return "\n".join([_OPENING, reference.markdown(), "", _RULES, *_families()])


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
