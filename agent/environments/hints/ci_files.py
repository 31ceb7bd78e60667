"""Read GitHub's workflows and GitLab's pipeline: the jobs that run tests, and nothing else."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from agent.environments.hints import commands
from agent.environments.hints.sightings import Sightings
from repo_config import loose_yaml
from repo_config.project_files import Files

_GITLAB = ".gitlab-ci.yml"
_PATHS = frozenset({"file", "constraint"})
_MINOR = re.compile(r"3\.\d{1,2}")
#: At the top level of GitLab's file: no jobs.
_GITLAB_KEYS = frozenset(
    {"default", "include", "stages", "variables", "workflow", "image", "services", "cache"}
    | {"before_script", "after_script", "pages", "spec"}
)


def collect(files: Files, seen: Sightings, folder: str = "") -> None:
    """Note what the jobs that run tests install, start, set and run.

    Where a folder is named, only those jobs count in which its name stands.
    """
    own = Sightings()
    _collect(files, own, folder)
    for (kind, value), places in own.seen.items():
        inner = value.removeprefix(f"{folder}/") if folder and kind in _PATHS else value
        for where in places:
            seen.note(kind, inner, where)
    seen.unread.update(own.unread)


def _collect(files: Files, seen: Sightings, folder: str) -> None:
    for path in files.paths:
        if re.fullmatch(r"\.github/workflows/[^/]+\.ya?ml", path):
            document = _document(files, path, seen)
            for name, job in _map(document.get("jobs")).items():
                if _speaks_of(folder, job):
                    _github(document, _map(job), f"{path} job {name}", seen)
    if files.has(_GITLAB):
        document = _document(files, _GITLAB, seen)
        for name, job in document.items():
            if name in _GITLAB_KEYS or name.startswith(".") or not isinstance(job, dict):
                continue
            if _speaks_of(folder, {name: job}):
                _gitlab(document, job, f"{_GITLAB} job {name}", seen)


def _speaks_of(folder: str, job: Any) -> bool:
    return (
        not folder or re.search(rf"(?<![\w.-]){re.escape(folder)}(?![\w-])", str(job)) is not None
    )


def _document(files: Files, path: str, seen: Sightings) -> dict[str, Any]:
    try:
        return _map(loose_yaml.read(files.text(path)))
    except loose_yaml.NotRead as problem:
        seen.unread[path] = str(problem)
        return {}


# --- GitHub ----------------------------------------------------------------------------------


def _github(document: dict[str, Any], job: dict[str, Any], where: str, seen: Sightings) -> None:
    own = Sightings()
    matrix = _map(_map(job.get("strategy")).get("matrix"))
    for variables in (document.get("env"), job.get("env")):
        _variables(_map(variables), where, own)
    for step in map(_map, _list(job.get("steps"))):
        text = step.get("run")
        if isinstance(text, str):
            here = Sightings()
            commands.script(_written_out(text, matrix), where, here)
            if here.of("tests"):
                _variables(_map(step.get("env")), where, here)
            own.take(here)
        if str(step.get("uses", "")).startswith(("actions/setup-python", "astral-sh/setup-uv")):
            asked = _map(step.get("with")).get("python-version", "")
            _pythons([asked] if "$" not in str(asked) else [], where, own)
    if not own.of("tests"):
        return
    included = [_map(entry) for entry in _list(matrix.get("include"))]
    for key in ("python-version", "python", "python_version", "py"):
        _pythons([matrix.get(key), *(entry.get(key) for entry in included)], where, own)
    for name, service in _map(job.get("services")).items():
        image = service if isinstance(service, str) else _map(service).get("image", name)
        own.note("service", _image(str(image)), where)
    seen.take(own)


def _written_out(text: str, matrix: dict[str, Any]) -> str:
    """A script with `${{ matrix.x }}` as the one value it has, where it has one."""

    def value(match: re.Match[str]) -> str:
        values = _list(matrix.get(match[1]))
        return str(values[0]) if len(values) == 1 else match[0]

    return re.sub(r"\$\{\{\s*matrix\.([\w-]+)\s*\}\}", value, text)


# --- GitLab ----------------------------------------------------------------------------------


def _gitlab(document: dict[str, Any], job: dict[str, Any], where: str, seen: Sightings) -> None:
    for parent in _texts(job.get("extends")):
        job = {**_map(document.get(parent)), **job}
    default = {**document, **_map(document.get("default"))}
    own = Sightings()
    lines = [*_texts(job.get("before_script", default.get("before_script")))]
    for line in [*lines, *_texts(job.get("script"))]:
        commands.script(line, where, own)
    if not own.of("tests"):
        return
    image = job.get("image", default.get("image", ""))
    image = str(_map(image).get("name", "")) if isinstance(image, dict) else str(image)
    if match := re.search(r"(?:^|/)python:(3\.\d{1,2})", image):
        own.note("python", match[1], where)
    for entry in _list(_map(job.get("parallel")).get("matrix")):
        for name, values in _map(entry).items():
            if "py" in name.lower():
                _pythons([values], where, own)
    for service in _list(job.get("services", default.get("services"))):
        named = _map(service).get("name", "") if isinstance(service, dict) else service
        own.note("service", _image(str(named)), where)
    for variables in (document.get("variables"), job.get("variables")):
        _variables(_map(variables), where, own)
    seen.take(own)


# --- both ------------------------------------------------------------------------------------


def _image(written: str) -> str:
    """`postgres:15` for `docker.io/library/postgres:15.3-alpine`."""
    name, _, tag = written.rsplit("/", 1)[-1].partition(":")
    if name == "valkey":
        # It is Redis by another name, with versions of its own.
        return "redis"
    # Names of images by others that hold the same.
    name = {"postgresql": "postgres"}.get(name, name)
    version = re.match(r"\d+", tag)
    return f"{name}:{version[0]}" if version else name


def _pythons(values: list[Any], where: str, seen: Sightings) -> None:
    for value in values:
        for text in _texts(value):
            for minor in _MINOR.findall(text):
                seen.note("python", minor, where)


def _variables(values: dict[str, Any], where: str, seen: Sightings) -> None:
    for name, value in values.items():
        if isinstance(value, str):
            seen.note("variable", f"{name}={value}", where)


def _map(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _texts(value: Any) -> Iterator[str]:
    """Texts of a value that is one or a list, nested as anchors make it."""
    if isinstance(value, str):
        yield value
    for item in _list(value):
        yield from _texts(item)
