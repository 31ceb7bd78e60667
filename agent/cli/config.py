"""`mergewright config`: check, explain and propose a configuration; its schema for editors."""

from __future__ import annotations

import textwrap
from typing import Annotated

import typer

from agent import settings
from agent.cli import repository, terminal
from agent.policy import levels
from agent.setup import effective, proposal
from agent.setup.effective import EffectiveValue
from repo_config import detect, schema
from repo_config.located import escape_text, format_excerpt

app = typer.Typer(
    help="Check, explain or propose the repository's configuration.",
    no_args_is_help=True,
    rich_markup_mode="markdown",
)


@app.command()
def check(repo: repository.Folder = None) -> None:
    """Check the configuration. `config explain` shows the values in use.

    Exit code 0: valid; 2: invalid; every error is listed with its place and fix.
    """
    _, _, read = repository.open_repository(repo)
    # It brings all that rules stand on; other commands start without.
    from agent.policy import registry

    valid = f"{read.source.name}: valid" if read.source else "no configuration: all defaults"
    print(valid)
    for warning in levels.find_overruled_weights(registry.RULES, read.config, {}):
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
) -> None:
    """Show the values that are not defaults, and their source: file, detection or operator.

    With KEY, defaults are shown too. The operator's limits come from this machine's MERGEWRIGHT_*
    variables.
    """
    _, tree, read = repository.open_repository(repo)
    project = detect.detect_project(tree, read.config)
    found = list(effective.list_values(read, project, settings.load_settings()))
    if key is not None:
        found = _select_keys(key, found)
        if not found:
            words = f"there is no key {format_excerpt(key, quoted=False)}; `--all` lists them"
            raise typer.BadParameter(words, param_hint="KEY")
    shown = found if is_whole or key is not None else [one for one in found if one.is_set]
    for one in shown:
        value = proposal.write_value(one.model_dump(mode="json")["value"])
        print(f"{one.key:<26} {value}  ({escape_text(one.origin)})")
        if key is not None and one.meaning:
            print(f"    {one.meaning}")
    if key is None:
        for kind, names in project.unrun.items():
            print(f"not run: {kind}")
            print(textwrap.indent("\n".join(names), "    "))
    if hidden := len(found) - len(shown):
        print(f"{hidden} other keys and rules have their defaults; --all shows them.")


@app.command("detect")
def detect_values(repo: repository.Folder = None) -> None:
    """Propose a `.github/mergewright.yml` from the repository and earlier runs.

    Unknown values are left out.
    """
    place, tree, _ = repository.open_repository(repo)
    kept = proposal.load_values(settings.load_settings().home, str(place))
    print(proposal.propose(tree, kept), end="")


def _select_keys(key: str, found: list[EffectiveValue]) -> list[EffectiveValue]:
    """The key itself, what is below it, or the key in whose value it stands."""
    exact = [one for one in found if one.key == key or one.key.startswith(f"{key}.")]
    return exact or [one for one in found if key.startswith((f"{one.key}.", f"{one.key}["))]
