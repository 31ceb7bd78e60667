"""`mergewright config`: check a repository's configuration, show the schema for editors."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Annotated

import typer

from agent.editing.tree import WorkTree
from repo_config import detect, doubts, load, reference, schema
from repo_config.located import START, inert, problem_at
from repo_config.schema import RepoConfig
from repo_config.tree import Tree

app = typer.Typer(
    help="The repository's configuration: check it, or show its schema.",
    no_args_is_help=True,
    rich_markup_mode="markdown",
)

#: Folders that hold no files of the project itself.
_FOREIGN = frozenset(
    {".git", ".hg", ".svn", ".tox", ".nox", ".venv", "node_modules", "__pycache__", ".eggs"}
)
_INVALID = 2


@app.command()
def check(
    folder: Annotated[
        Path | None,
        typer.Argument(
            help="Folder of the repository, as it is on disk. Default: here.",
            exists=True,
            file_okay=False,
            metavar="DIR",
            show_default=False,
        ),
    ] = None,
    repo: Annotated[
        Path | None,
        typer.Option(
            "--repo",
            help="The same as DIR.",
            exists=True,
            file_okay=False,
            metavar="DIR",
        ),
    ] = None,
    file: Annotated[
        Path | None,
        typer.Option(
            "--file",
            help="Check this file instead of the repository's own; with DIR, also that the"
            " files it names are there.",
            exists=True,
            dir_okay=False,
            readable=True,
            metavar="FILE",
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Check the configuration, and show what it and the repository's files amount to.

    Exit code 0: valid; 2: not valid, with every mistake, its place and the way out.
    """
    if folder and repo:
        raise typer.BadParameter("give DIR or --repo, not both", param_hint="--repo")
    repo = folder or repo
    root = _root(repo or Path()) if repo or not file else Path()
    tree = _tree(root) if repo or not file else None
    try:
        name, config = _read(file, root, tree)
    except load.ConfigProblem as problem:
        _refuse(problem, as_json=as_json)
        raise typer.Exit(_INVALID) from problem
    project = detect.project(tree, config) if tree else None
    warnings = doubts.of(tree, project) if tree and project else ()
    if as_json:
        report: dict[str, object] = {
            "valid": True,
            "file": name,
            "problems": [],
            "warnings": list(warnings),
            "config": config.model_dump(mode="json"),
            "detected": project.model_dump(mode="json") if project else None,
        }
        print(json.dumps(report, indent=2))
        return
    print(f"{name}: valid" if name else "no configuration: every key has its default")
    for key, value in _given(config):
        print(f"  {key} = {_text(value)}")
    if project:
        _show(project)
    for warning in warnings:
        print(f"warning: {warning}")


@app.command("schema")
def show_schema() -> None:
    """Print the JSON schema of `.github/mergewright.yml`, for editors."""
    print(json.dumps(schema.json_schema(), indent=2))


def _root(folder: Path) -> Path:
    """The root of the repository that a folder is in."""
    here = folder.resolve()
    for place in (here, *here.parents):
        if (place / ".git").exists():
            return place
    raise typer.BadParameter(
        f"{here} is not in a git repository. Go into one, name one as `config check DIR`, "
        "or a configuration alone with --file FILE.",
        param_hint="DIR",
    )


def _read(file: Path | None, repo: Path, tree: Tree | None) -> tuple[str | None, RepoConfig]:
    """Read the file that was named, else the repository's own configuration."""
    if file is not None:
        name = str(file)
        with file.open("rb") as opened:
            content = opened.read(load.most_bytes(name) + 1)
        return name, load.from_text(load.decode(content, name), name, tree)
    _refuse_links(repo)
    source = load.find(tree) if tree else None
    if source is None:
        return None, RepoConfig()
    return source.name, load.from_text(source.text, source.name, tree)


def _refuse_links(repo: Path) -> None:
    """A link would be passed over by every run; here the owner can still do something about it."""
    problems = [
        problem_at(
            name,
            START,
            (),
            "the file is a link, and links are not followed",
            "Put the file itself there",
        )
        for name in load.OWN_FILES
        if (repo / name).is_symlink()
    ]
    if problems:
        raise load.ConfigProblem(tuple(problems))


def _tree(folder: Path) -> Tree:
    """The files of a folder, without links and without what tools have put there."""
    paths: list[str] = []
    for at, folders, names in os.walk(folder):
        folders[:] = [
            name
            for name in folders
            if name not in _FOREIGN and not Path(at, name, "pyvenv.cfg").exists()
        ]
        paths += [
            Path(at, name).relative_to(folder).as_posix()
            for name in names
            if Path(at, name).is_file() and not Path(at, name).is_symlink()
        ]
    return WorkTree(folder, paths)


def _refuse(problem: load.ConfigProblem, *, as_json: bool) -> None:
    if as_json:
        problems = [one.model_dump(mode="json") for one in problem.problems]
        file = problem.problems[0].file
        print(json.dumps({"valid": False, "file": file, "problems": problems}, indent=2))
        return
    print(problem)


def _given(config: RepoConfig) -> list[tuple[str, object]]:
    """The keys that have another value than their default."""
    given: list[tuple[str, object]] = []
    for path, section in reference.sections():
        values: object = config
        for step in path:
            values = getattr(values, step)
        given += [
            (".".join((*path, name)), getattr(values, name))
            for name, field in section.model_fields.items()
            if not reference.is_section(field.annotation) and getattr(values, name) != field.default
        ]
    return given


def _show(project: detect.Project) -> None:
    django = project.django
    rows: list[tuple[str, object]] = [
        ("framework", project.framework),
        ("python_version", project.python_version),
        ("test_runner", project.test_runner),
        ("test_script", project.test_script),
        ("type_tool", project.type_tool),
        ("lint_tools", project.lint_tools),
    ]
    if django:
        rows[2:2] = [
            ("django.settings_module", django.settings_module),
            ("django.manage", django.manage),
            ("django.python_path", tuple(folder or "." for folder in django.python_path)),
        ]
    print("in effect:")
    for key, value in rows:
        origin = project.origins.get(key)
        print(f"  {key:<23} {_text(value)}" + (f"  ({inert(origin)})" if origin else ""))
    for path, reason in project.unreadable.items():
        print(f"  not read: {inert(path)}: {inert(reason)}")


def _text(value: object) -> str:
    """Write a value on one line, with nothing in it that a terminal would obey."""
    if value is None or value == ():
        return "-"
    if isinstance(value, tuple):
        return ", ".join(inert(str(item)) for item in value)
    if isinstance(value, dict):
        return ", ".join(f"{name}={inert(str(item))}" for name, item in value.items())
    return inert(str(value))
