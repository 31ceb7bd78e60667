"""The prompt of each role, from `prompts/` and the contract, and marks around foreign text."""

import hashlib
from collections.abc import Iterator
from functools import cache
from importlib import resources

from agent.models.environment import Contract
from agent.text.sanitise import list_some
from repo_config.schema import RepoConfig

_MOST_NAMED = 8


def make_prompt(name: str, contract: Contract) -> str:
    """Return the prompt of a conversation, which is the same in all its requests.

    Args:
        name: File in `prompts/`, without its ending.
    """
    stack = "; ".join(_describe_stack(contract))
    constraints = "; ".join(_list_constraints(contract.config))
    head = read_prompt("contract").format(stack=stack, constraints=constraints)
    return f"{head}\n{read_prompt(name)}"


@cache
def read_prompt(name: str) -> str:
    """Read a file of `prompts/` by its name without the ending."""
    return resources.files(__package__).joinpath("prompts", f"{name}.md").read_text("utf-8")


def _describe_stack(contract: Contract) -> Iterator[str]:
    project, config = contract.project, contract.config
    written = project.python_version
    yield "Python" + (f", code written for {written} and later" if written else "")
    if project.framework != "none":
        yield project.framework.capitalize()
    if config.http_client != "any":
        yield f"HTTP client {config.http_client}"
    if config.background_tasks != "any":
        yield f"background tasks: {config.background_tasks}"
    if project.test_runner:
        yield f"tests run by {' and '.join(project.tests) or config.checks.tests}"
    if commands := project.commands:
        yield f"checked by {', '.join(command.name for command in commands)}"
    if config.folder:
        yield f"the project is the folder {config.folder}"


def _list_constraints(config: RepoConfig) -> Iterator[str]:
    scope = config.scope
    yield f"at most {scope.max_files} files and {scope.max_lines} lines"
    if scope.allow != ("**",):
        yield f"only {list_some(scope.allow, _MOST_NAMED)}"
    if closed := (*scope.protect, *scope.human_only):
        yield f"never {list_some(closed, _MOST_NAMED)}"
    if config.concurrency.mode != "any":
        yield f"{config.concurrency.mode} code"
    if config.rules.get("http-timeout") != "off":
        yield "every HTTP request with a timeout"
    if config.imports.forbid:
        yield f"no import of {list_some(config.imports.forbid, _MOST_NAMED)}"
    if scope.new_dependencies != "allow":
        but = " unless the ticket needs it" if scope.new_dependencies == "ask" else ""
        yield f"no new dependency{but}"
    if config.django.views != "any":
        yield f"{config.django.views}-based views"
    if config.django.signals == "forbid":
        yield "no new signals"
    if config.pull_request.changelog == "off":
        yield "no changelog entry"


def fence_text(title: str, text: str, run_id: str) -> str:
    """Return foreign text between marks that its author cannot know.

    Args:
        title: Our description of the text.
        run_id: Seed of the marks, which is not known before the run.
    """
    mark = hashlib.sha256(f"{run_id} {title}".encode()).hexdigest()[:12]
    while mark in text:
        mark = hashlib.sha256(mark.encode()).hexdigest()[:12]
    return f"{title} (data)\n<<<{mark}\n{text.rstrip()}\n{mark}>>>"
