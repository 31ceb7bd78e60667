"""A repository on this disk as commands read it: its root, its files, its configuration.

Runs read the base commit instead of these files.
"""

from pathlib import Path
from typing import Annotated

import typer

from agent.cli import terminal
from agent.git.tree import open_folder
from agent.setup.effective import LoadedConfig
from repo_config import load
from repo_config.located import Problem
from repo_config.tree import Tree

Folder = Annotated[
    Path | None,
    typer.Option(
        "--repo",
        help="Folder of the repository. Default: the current one.",
        exists=True,
        file_okay=False,
        metavar="DIR",
    ),
]
Base = Annotated[
    str | None,
    typer.Option(
        "--base",
        help="Branch, tag or commit to start from (with --issue: a branch). Default: the"
        " current checkout (with --issue: the default branch).",
    ),
]
Model = Annotated[
    str | None,
    typer.Option(
        "--model",
        help="Model for this run, instead of MERGEWRIGHT_MODEL and related settings. In a"
        " comma-separated list, the next one is used if one fails. Its key comes from the"
        " provider's own variable, such as OPENAI_API_KEY.",
        metavar="PROVIDER:NAME[,...]",
    ),
]
ConfigFile = Annotated[
    Path | None,
    typer.Option(
        "--config",
        help="Use this configuration instead of the repository's.",
        exists=True,
        dir_okay=False,
        metavar="FILE",
    ),
]


def find_root(folder: Path | None) -> Path:
    """Find the root of the repository that a folder is in; none: the command ends with code 2."""
    here = (folder or Path()).resolve()
    for place in (here, *here.parents):
        if (place / ".git").exists():
            return place
    raise typer.BadParameter(
        f"{here} is not in a git repository. Use the folder of a clone, or create a repository:"
        " git init, git add, git commit",
        param_hint="--repo",
    )


def find_clone(folder: Path | None) -> Path:
    """Find the repository to read commits from, which may have no work tree."""
    here = (folder or Path()).resolve()
    return here if (here / "HEAD").exists() else find_root(here)


def read_config_text(config: Path | None) -> str | None:
    """Read a configuration that was named in place of the repository's own."""
    try:
        return config.read_text(encoding="utf-8") if config else None
    except UnicodeDecodeError as problem:
        raise typer.BadParameter(
            f"{config}: byte {problem.start} is not UTF-8", param_hint="--config"
        ) from problem


def open_repository(folder: Path | None, *, as_json: bool) -> tuple[Path, Tree, LoadedConfig]:
    """Find and read a repository; a configuration with mistakes ends the command with code 2."""
    place = find_root(folder)
    files = open_folder(place)
    try:
        _refuse_links(place)
        return place, files, LoadedConfig(load.from_tree(files), load.find_config(files))
    except load.ConfigProblem as problem:
        if as_json:
            problems = [mistake.model_dump(mode="json") for mistake in problem.problems]
            file = problem.problems[0].file
            terminal.print_json({"valid": False, "file": file, "problems": problems})
        else:
            print(problem)
        raise typer.Exit(2) from problem


def _refuse_links(folder: Path) -> None:
    """Raise ConfigProblem if the configuration is a link; no run reads it: the owner must act."""
    why, fix = "the file is a link; links are not followed", "Replace it with the file itself"
    links = [name for name in load.OWN_FILES if (folder / name).is_symlink()]
    if links:
        raise load.ConfigProblem(*(Problem(file=name, message=why, fix=fix) for name in links))
