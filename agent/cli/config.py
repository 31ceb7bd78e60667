"""`mergewright config`: check and explain a configuration; its schema for editors."""

import difflib
import textwrap
from typing import Annotated

import typer

from agent import settings
from agent.cli import repository, terminal
from agent.setup import effective, proposal
from agent.setup.effective import EffectiveValue
from repo_config import detect, schema
from repo_config.located import escape_text

app = typer.Typer(
    help="Check or explain the repository's configuration.",
    no_args_is_help=True,
    rich_markup_mode="markdown",
)


@app.command()
def check(repo: repository.Folder = None, as_json: terminal.Json = False) -> None:
    """Check the configuration. `config explain` shows the values in use.

    Exit code 0: valid; 2: invalid; every error is listed with its place and fix.
    """
    _, tree, read = repository.open_repository(repo, as_json=as_json)
    # Imported here, since it loads all modules of the rules; other commands start without them.
    from agent.policy import levels

    config, name = read.config, read.source.name if read.source else None
    project = detect.detect_project(tree, config)
    warnings = list(levels.find_ineffective_values(config))
    if as_json:
        terminal.print_json(
            {
                "valid": True,
                "file": name,
                "problems": [],
                "warnings": warnings,
                "config": config.model_dump(mode="json"),
                "detected": project.model_dump(mode="json"),
            }
        )
        return
    print(f"{name}: valid" if name else "no configuration: all keys have their defaults")
    for warning in warnings:
        print(f"warning: {escape_text(warning)}")


@app.command("schema")
def show_schema() -> None:
    """Print the JSON schema of `.github/mergewright.yml`, for editors."""
    terminal.print_json(schema.json_schema())


@app.command()
def explain(
    key: Annotated[
        str | None,
        typer.Argument(
            help="Only this key and the keys below it, such as `checks.tests`.", metavar="KEY"
        ),
    ] = None,
    repo: repository.Folder = None,
    is_whole: Annotated[
        bool, typer.Option("--all", help="Also show keys and rules with default values.")
    ] = False,
    as_json: terminal.Json = False,
) -> None:
    """Show the values that are not defaults, and their source: file, detection or operator.

    With KEY or --json, defaults are shown too. The operator's limits come from this machine's
    MERGEWRIGHT_* variables.
    """
    _, tree, read = repository.open_repository(repo, as_json=as_json)
    project = detect.detect_project(tree, read.config)
    values = list(effective.list_values(read, project, settings.load_settings()))
    if key is not None:
        values = _find_values(key, values)
    if as_json:
        terminal.print_json([value.model_dump(mode="json", exclude_none=True) for value in values])
        return
    for value in values:
        if is_whole or key is not None or value.is_set:
            text = proposal.write_value(value.model_dump(mode="json")["value"])
            print(f"{value.key:<26} {text}  ({escape_text(value.origin)})")
            if key is not None and value.meaning:
                print(f"    {value.meaning}")
    if key is not None:
        return
    for kind, names in project.unrun.items():
        print(f"not run: {kind}")
        print(textwrap.indent("\n".join(names), "    "))
    if project.absent:
        print(f"not here: {escape_text('; '.join(project.absent))}")
    verb = "may" if settings.load_settings().index_hosts == "repository" else "may not"
    for host, path in project.index_hosts.items():
        print(f"set-up {verb} read from {host}, a package index in {escape_text(path)}")


def _find_values(key: str, values: list[EffectiveValue]) -> list[EffectiveValue]:
    """Find a key with all keys below it, or the key whose value contains it."""
    below = [value for value in values if value.key == key or value.key.startswith(f"{key}.")]
    around = [value for value in values if key.startswith((f"{value.key}.", f"{value.key}["))]
    if not below and not around:
        near = difflib.get_close_matches(key, [value.key for value in values], 2)
        fix = f"Did you mean {' or '.join(near)}?" if near else "`config explain --all` lists them"
        words = f"there is no key {escape_text(key)}. {fix}"
        raise typer.BadParameter(words, param_hint="KEY")
    return below or around
