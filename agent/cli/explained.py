"""Show people what an environment would be made of. What that is, is found out elsewhere."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.console import Console
from rich.markup import escape

from agent.environments.explanation import Explanation
from agent.environments.hints.advice import Hint


def show(said: Explanation, hints: Sequence[Hint], console: Console) -> None:
    """Print all of it; what refuses the environment comes first."""
    for line in _lines(said, hints):
        console.print(line, soft_wrap=True)


def _lines(said: Explanation, hints: Sequence[Hint]) -> Iterator[str]:
    yield from _state(said)
    yield from _indexes(said)
    if said.projects and said.version:
        yield f"version {said.version}, for backends that read it from tags"
    for title, mark, taken in (("taken", "+", True), ("left", "-", False)):
        chosen = [choice for choice in said.choices if choice.taken is taken]
        if chosen:
            yield f"[bold]{title}[/]"
        for choice in chosen:
            yield f"  {mark} {escape(choice.what)}: {escape(choice.why)}"
    yield from _of_rooms(said)
    for title, lines in (
        ("the repository's own projects", said.projects),
        ("requirements", said.requirements),
        ("constraints", said.constraints),
        ("notes", said.notes),
        ("packages", said.environment.packages if said.environment else ()),
    ):
        if lines:
            yield f"[bold]{title}[/]"
        for line in lines:
            yield f"  {escape(line)}"
    yield from _hints(hints)


def _state(said: Explanation) -> Iterator[str]:
    if said.refused:
        yield "[bold red]refused[/]"
        for reason in said.refused:
            yield f"  {escape(reason)}"
    if said.key:
        state = "[green]in the store[/]" if said.ready else "[yellow]not built yet[/]"
        yield f"environment {said.key[:12]}, {state}"
    if said.python:
        yield f"python  {said.python} ({escape(said.interpreter)})"
        yield f"        because {escape(said.python_because)}"


def _indexes(said: Explanation) -> Iterator[str]:
    for one in said.indexes:
        facts = [one.origin] if one.origin else []
        facts += ["with credentials"] if one.with_credentials else []
        facts += [f"certificates of {one.certificates}"] if one.certificates else []
        facts += [f"by the proxy {one.proxy}"] if one.proxy else []
        yield f"index   {escape(one.url)}" + (f"  ({escape('; '.join(facts))})" if facts else "")


def _of_rooms(said: Explanation) -> Iterator[str]:
    """What is asked of rooms beyond Python."""
    if said.services:
        yield "[bold]services[/]"
    for service in said.services:
        if service.program:
            there = f"there, {service.version} ({service.program})"
            yield f"  + {escape(service.wanted)}: {escape(there)}"
        else:
            yield f"  - {escape(service.wanted)}: missing. {escape(service.lacking)}"
    if said.system_packages:
        yield "[bold]system packages[/]"
    for package in said.system_packages:
        if package.there:
            yield f"  + {escape(package.name)}: there"
        else:
            yield f"  - {escape(package.name)}: missing; provided by {escape(package.provided_by)}"
    if checker := said.type_checker:
        there = "there" if checker.there else "fetched once, by the first run that needs it"
        yield "[bold]type checker[/] for pyright and basedpyright"
        yield f"  + {escape(checker.pin)}: {there}"


def _hints(hints: Sequence[Hint]) -> Iterator[str]:
    if hints:
        yield "[bold]hints[/] of tox, nox, CI and Django's settings; none of them was followed"
    for hint in hints:
        where = f"  ({'; '.join(hint.where)})"
        yield f"  {hint.subject}: {escape(hint.says + where)}"
        if hint.line:
            yield f"    [yellow]differs[/]; to follow it: {escape(hint.line)}"
