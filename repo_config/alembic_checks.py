"""Find the checks of alembic, and how it is started: directly or by Flask-Migrate."""

import posixpath
import shlex
from collections.abc import Iterator

from repo_config.command_lines import CheckCommand, list_lines
from repo_config.documents import table
from repo_config.project_files import ProjectFiles
from repo_config.schema import RepoConfig
from repo_config.test_files import is_test

UPGRADE, CHECK = "alembic upgrade", "alembic check"
"""Names of the first start's two checks; checks of further starts have their lines as names."""
_FLASK = "FLASK_APP"
#: Signs of an application that Flask finds in a module.
_APPLICATIONS = ("Flask(", "create_app(", "make_app(")


def list_checks(files: ProjectFiles, config: RepoConfig) -> Iterator[CheckCommand]:
    """Yield the checks: migrations apply to an empty database, and result in the models."""
    lines = list_lines(config.checks.alembic)
    starts = _find_starts(files, config) if lines == ("auto",) else lines
    for start in starts:
        if start != "off":
            upgrade = f"{start} upgrade head"
            check = f"{upgrade} && {start.rpartition('&& ')[2]} check"
            yield CheckCommand(name=UPGRADE, line=upgrade)
            yield CheckCommand(name=CHECK, line=check)


def _find_starts(files: ProjectFiles, config: RepoConfig) -> Iterator[str]:
    """Yield the command lines that start alembic, without its own commands."""
    tool = table(files.pyproject, "tool", "alembic")
    settings = [path for path in files.find_named("alembic.ini") if not is_test(path)]
    if tool and "alembic.ini" not in settings:
        yield "alembic"
    for path in settings:
        folder = posixpath.dirname(path)
        scripts = files.ini(path).get("alembic", {}).get("script_location") or ""
        if scripts or (tool and not folder):
            # Without `%(here)s` the folder is relative to where alembic starts.
            is_of_root = folder and files.has_file(posixpath.normpath(f"{scripts}/env.py"))
            of_root = f"alembic -c {shlex.quote(path)}"
            yield of_root if is_of_root else _start_in(folder, "alembic")
        elif files.has_file(posixpath.join(folder, "env.py")):
            yield from _find_flask(files, config, folder)


def _find_flask(files: ProjectFiles, config: RepoConfig, migrations: str) -> Iterator[str]:
    """Yield the command line that starts Flask-Migrate with a folder of migrations, if any."""
    root, name = posixpath.split(migrations)
    options = "" if name == "migrations" else f" -d {shlex.quote(name)}"
    if config.variables.get(_FLASK):
        yield _start_in(root, f"flask db{options}")
        return
    start = f"{root}/" if root else ""
    paths = (path for path in files.paths if path.startswith(start) and not is_test(path))
    modules = [path for path in paths if path.endswith(".py")]
    for path in sorted(modules, key=lambda path: (path.count("/"), path)):
        if any(words in files.text(path) for words in _APPLICATIONS):
            module = shlex.quote(path.removeprefix(start))
            yield _start_in(root, f"flask --app {module} db{options}")
            return


def _start_in(folder: str, command: str) -> str:
    return f"cd {shlex.quote(folder)} && {command}" if folder else command
