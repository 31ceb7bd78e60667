"""`mergewright demo`: the whole job on a sample Django project, before your eyes."""

from __future__ import annotations

import json
import re
import shutil
import tempfile
from importlib import resources
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.rule import Rule

from agent import cleaning
from agent.cli import result, run
from agent.domain import Reason


def demo(
    keep: Annotated[bool, typer.Option("--keep", help="Keep the sample repository.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Run the ticket "add a field" on a sample Django project: branch, diff, checks, text."""
    folder = Path(tempfile.mkdtemp(prefix="mergewright-demo-"))
    try:
        exit_code = _play(folder, as_json=as_json)
    finally:
        if keep:
            Console(stderr=True).print(f"kept: {folder}", soft_wrap=True)
        else:
            shutil.rmtree(folder, ignore_errors=True)
    raise typer.Exit(exit_code)


def _play(folder: Path, *, as_json: bool) -> int:
    from rich.markdown import Markdown
    from rich.syntax import Syntax

    from agent import worktree

    sample = resources.files("agent.demo")
    repository, ticket = folder / "corner-shop", folder / "ticket.md"
    with resources.as_file(sample) as files:
        shutil.copytree(
            files / "sample_project", repository, ignore=shutil.ignore_patterns("__pycache__")
        )
        shutil.copy(files / "ticket.md", ticket)
    worktree.start_repository(repository, "Add customers and orders")
    out = Console(quiet=as_json)
    out.print(Rule("ticket"))
    out.print(cleaning.terminal(ticket.read_text()), markup=False, highlight=False)
    out.print(Rule("run"))
    request = run.new_run(repository, ticket, config=None, base=None, dry_run=False)
    outcome, seconds = run.carry(request, Console(stderr=True, quiet=as_json))
    if as_json:
        print(json.dumps(result.as_json(outcome, seconds), indent=2))
        return result.exit_code(outcome)
    if outcome.branch and outcome.commit:
        out.print(Rule(f"branch {outcome.branch}"))
        shown = worktree.show(repository, outcome.commit)
        out.print(
            Syntax(cleaning.terminal(shown), "diff", background_color="default", word_wrap=True)
        )
    if outcome.pull_request_text and outcome.reason is not Reason.INTERRUPTED:
        out.print(Rule("pull-request text"))
        out.print(Markdown(_folded(outcome.pull_request_text)))
    out.print(Rule("result"))
    result.show(outcome, seconds, out)
    return result.exit_code(outcome)


def _folded(text: str) -> str:
    """Show collapsed parts the way a page would: by their title."""
    return re.sub(
        r"<details><summary>(.*?)</summary>.*?\n</details>",
        r"*(folded: \1)*",
        text,
        flags=re.DOTALL,
    )
