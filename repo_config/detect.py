"""Read from a repository's files what it does not say in its configuration. Pure: no code runs.

Owns the order of precedence and the record of the result; where each fact stands in a project's
files is known to `python_versions`, `dependencies`, `django_projects` and `suites`.
"""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from repo_config import (
    checking_tools,
    dependencies,
    django_projects,
    fastapi_apps,
    frameworks,
    plugins,
    python_versions,
    suite_commands,
    suites,
)
from repo_config.located import escape_text
from repo_config.project_files import CONFIGURED, Detected, Files
from repo_config.schema import RepoConfig
from repo_config.suites import PytestSettings
from repo_config.tool_options import ToolOptions
from repo_config.tree import Below, Tree

__all__ = ["DjangoProject", "Project", "Tree", "detect_project"]


class DjangoProject(BaseModel):
    """How Django is started here."""

    model_config = ConfigDict(frozen=True)

    settings_module: str | None
    """None where no settings module is to be found (a script may configure settings itself)."""
    manage: str | None
    """Path of manage.py."""
    python_path: tuple[str, ...]
    """Folders that belong on sys.path, relative to the root; "" is the root."""
    configured_by: str | None = None
    """A manage.py that configures the settings itself, in place of a settings module."""
    tests_know_settings: bool = True
    """Whether what runs the tests learns of the settings by itself: of its own configuration, a
    conftest.py, a script or a configured variable. Otherwise it has to be told the module."""
    found_instead: str = ""
    """Without a settings module: what was found in its place, in words."""

    @property
    def missing(self) -> str:
        """Why Django cannot be started, and the way out; empty where it can be."""
        if self.settings_module is not None or self.configured_by is not None:
            return ""
        why = f": {self.found_instead}" if self.found_instead else ""
        return (
            f"No settings module was found, so Django cannot be started{why}. Name one in "
            ".github/mergewright.yml, as in `django: {settings: tests.settings}`."
        )


class Project(BaseModel):
    """What a repository shows of itself; values of its configuration win over detected ones."""

    model_config = ConfigDict(frozen=True)

    framework: str
    """django, fastapi, flask or none."""
    python_version: str | None
    """The configured or declared minor version: the lowest one supported, as in "3.9"; what
    syntax and library rules are held against. None when nothing is declared."""
    django: DjangoProject | None
    test_runner: str | None
    """pytest, django, or None when there are no tests."""
    test_script: str | None
    """For Django's runner: the script that starts it. None where none was found."""
    test_args: tuple[str, ...] = ()
    """For the runner, where it would not find the tests by itself, relative to the root."""
    tests_in_parallel: bool = False
    """Whether tox or CI has pytest-xdist share the tests among processes."""
    type_tools: tuple[str, ...] = ()
    """Of mypy, pyright, basedpyright."""
    fastapi_app: str | None = None
    """Module and name of the FastAPI application, as in app.main:app; None where there is not
    exactly one."""
    fastapi_path: str = ""
    """The folder in which its module begins, relative to the root."""
    lint_tools: tuple[str, ...]
    """Of ruff, flake8, black, isort."""
    ruff_formats: bool = False
    """Whether ruff formats the project, and does not only lint it."""
    own_excludes: tuple[str, ...] = ()
    """Of these tools the project lists all that they leave out, in place of their own list."""
    tool_pins: dict[str, tuple[str, ...]] = {}
    """By tool: the requirements of its version that the project pins, and of its plugins."""
    told: dict[str, ToolOptions] = {}
    """By check: what hooks of pre-commit, tox or CI tell a tool where nothing else configures it;
    beside its configuration the options of a hook, and all for isort and pyright."""
    not_run: dict[str, str] = {}
    """Checks that hooks, tox or CI name and that are not run, each with the reason."""
    plugins: tuple[str, ...] = ()
    """Files of the repository that mypy or pytest load as plugins."""
    type_settings: tuple[str, ...] = ()
    """Files that pyright or basedpyright is configured by."""
    type_stubs: str | None = None
    """The folder in which it looks for stubs of libraries, whether it is there or not."""
    root: str = ""
    """Folder of the project in the repository, which all its paths here begin with; "" is the
    repository itself."""
    origins: dict[str, str] = {}
    """For each of the above: the file and key it was taken from."""
    unreadable: dict[str, str] = {}
    """Project files that could not be read, with the reason; they count as absent."""

    @property
    def uses_pyright(self) -> bool:
        """Whether pyright or basedpyright is among its type checkers."""
        return bool({"pyright", "basedpyright"} & set(self.type_tools))


def detect_project(tree: Tree, config: RepoConfig) -> Project:
    """Detect what the checks need to know; paths are those of the repository."""
    files = Files(Below(tree, config.folder))
    whole = Files(tree) if config.folder else files
    found = _project(files, whole, config)
    return _from_above(found, files, config.folder) if config.folder else found


def _from_above(found: Project, files: Files, folder: str) -> Project:
    """The same with paths of the repository in place of those relative to its folder."""

    def above(path: str) -> str:
        return f"{folder}/{path}" if path else folder

    def origin(text: str) -> str:
        return above(text) if files.has_file(text.partition(":")[0]) else text

    django = found.django
    if django is not None:
        django = django.model_copy(
            update={
                "manage": above(django.manage) if django.manage else None,
                "configured_by": above(django.configured_by) if django.configured_by else None,
                "python_path": tuple(map(above, django.python_path)),
            }
        )
    return found.model_copy(
        update={
            "root": folder,
            "django": django,
            "test_script": above(found.test_script) if found.test_script else None,
            "origins": {key: origin(text) for key, text in found.origins.items()},
            "plugins": tuple(map(above, found.plugins)),
            "unreadable": {above(path): reason for path, reason in found.unreadable.items()},
        }
    )


def _project(files: Files, whole: Files, config: RepoConfig) -> Project:
    origins: dict[str, str] = {}
    declared = dependencies.list_declared(files)
    pytest = suites.pytest_settings(files)

    def note(key: str, found: Detected | None) -> str | None:
        if found:
            origins[key] = found.origin
        return found.value if found else None

    given = (
        Detected(config.framework, _describe_origin("framework"))
        if config.framework != "auto"
        else None
    )
    framework = (
        note("framework", given or frameworks.detect_framework(files, declared, pytest)) or "none"
    )
    django = _django(files, whole, config, pytest, origins) if framework == "django" else None
    manage = django.manage if django else None
    start = suites.find_start(
        files, whole, config, pytest, declared, manage, is_django=framework == "django"
    )
    origins |= start.origins
    runner, script = start.runner, start.script
    if runner == "django" and not script and django and django.settings_module:
        origins["test_script"] = "none is needed: python -m django test"
    if django and not _tests_know_settings(files, config, pytest, runner, script):
        django = django.model_copy(update={"tests_know_settings": False})
    app = note("fastapi_app", _fastapi_app(files, config)) if framework == "fastapi" else None
    tools = checking_tools.find_tools(files, whole, config, declared)
    for key, several in (("type_tools", tools.types), ("lint_tools", tools.lint)):
        if several:
            origins[key] = ", ".join(f"{found.value}: {found.origin}" for found in several)
    if len(tools.types) == 1:
        origins["type_tools"] = tools.types[0].origin
    return Project(
        framework=framework,
        python_version=note("python_version", _python_version(files, config)),
        django=django,
        test_runner=runner,
        test_script=script if runner == "django" else None,
        test_args=start.args,
        tests_in_parallel=runner == "pytest"
        and suites.run_in_parallel(files, whole, config.folder),
        type_tools=tuple(found.value for found in tools.types),
        fastapi_app=app,
        fastapi_path=fastapi_apps.folder(files, app) if app else "",
        lint_tools=tuple(found.value for found in tools.lint),
        ruff_formats=tools.ruff_formats,
        own_excludes=tools.own_excludes,
        tool_pins=tools.pins,
        told=tools.told,
        not_run=tools.not_run,
        type_settings=tools.pyright.files if tools.pyright else (),
        type_stubs=tools.pyright.stubs if tools.pyright else None,
        plugins=plugins.find_plugins(files, pytest, config.checks.tests.args),
        origins={key: escape_text(origin) for key, origin in origins.items()},
        unreadable={path: escape_text(reason) for path, reason in files.unreadable.items()},
    )


def _describe_origin(key: str) -> str:
    return f"{CONFIGURED}: {key}"


def _python_version(files: Files, config: RepoConfig) -> Detected | None:
    if config.python.version:
        return Detected(config.python.version, _describe_origin("python.version"))
    return python_versions.find_lowest(files)


def _django(
    files: Files,
    whole: Files,
    config: RepoConfig,
    pytest: PytestSettings | None,
    origins: dict[str, str],
) -> DjangoProject:
    scripts = django_projects.manage_scripts(files)
    named: dict[str, bool] = {}
    if len(scripts) > 1 and not config.django.manage:
        named = suite_commands.find_manage_scripts(files, whole, config.folder)
        scripts.sort(
            key=lambda path: (
                not named.get(path),
                django_projects.is_aside(path),
                path not in named,
            )
        )
    variable = config.env.get(django_projects.VARIABLE)
    given: Detected | None = None
    if config.django.settings:
        given = Detected(config.django.settings, _describe_origin("django.settings"))
    elif variable:
        given = Detected(variable, _describe_origin(f"env.{django_projects.VARIABLE}"))
    manage = config.django.manage or next(iter(scripts), None)
    if (
        manage
        and not config.django.manage
        and not named.get(manage)
        and (django_projects.is_aside(manage) or django_projects.is_tested_without_script(files))
    ):
        # An example's manage.py says nothing about a project that is started otherwise.
        other = given or django_projects.settings_module(files, pytest, None)
        manage = None if other else manage
    settings = given or django_projects.settings_module(files, pytest, manage)
    module = settings.value if settings else None
    path, path_origin = django_projects.python_path(files, pytest, manage, module)
    origins["django.python_path"] = path_origin
    if settings:
        origins["django.settings_module"] = settings.origin
    if manage:
        origins["django.manage"] = (
            _describe_origin("django.manage") if config.django.manage else manage
        )
    by_manage = module is None and django_projects.is_configuring(files, manage)
    return DjangoProject(
        settings_module=module,
        manage=manage,
        python_path=path,
        configured_by=manage if by_manage else None,
        found_instead="" if module or by_manage else django_projects.explain_unsettled(files),
    )


def _tests_know_settings(
    files: Files,
    config: RepoConfig,
    pytest: PytestSettings | None,
    runner: str | None,
    script: str | None,
) -> bool:
    """Whether what runs the tests learns which settings there are without being told."""
    if config.django.settings or config.env.get(django_projects.VARIABLE):
        return True
    if runner == "pytest":
        return django_projects.is_known_to_pytest(files, pytest)
    return django_projects.is_known_to_script(files, script)


def _fastapi_app(files: Files, config: RepoConfig) -> Detected | None:
    if config.fastapi.app:
        return Detected(config.fastapi.app, _describe_origin("fastapi.app"))
    return fastapi_apps.application(files)
