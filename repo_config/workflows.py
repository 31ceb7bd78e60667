"""Read the jobs of GitHub's workflows, and CircleCI's: matrix, steps, services. Nothing is run."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from typing import Any

from repo_config.documents import as_list, as_map
from repo_config.project_files import ProjectFiles

_WORKFLOW = re.compile(r"\.github/workflows/[^/]+\.ya?ml")
_CIRCLECI = ".circleci/config.yml"
_MINOR = re.compile(r"3\.\d{1,2}")
_OF_MATRIX = re.compile(r"matrix\.([\w-]+)")
_PORT = re.compile(r"[0-9]{4,5}")
_PORTS = {"5432": "PGPORT", "6379": "REDIS_PORT"}
_MOST_VALUES, _MOST_VALUE, _MOST_INPUT = 100, 10_000, 1_000
_EXPRESSION = re.compile(r"\$\{\{\s*(.{0,500}?)\s*\}\}", re.DOTALL)


class Job:
    """One job, with the defaults of its workflow."""

    def __init__(
        self, origin: str, job: Mapping[str, Any], whole: Mapping[str, Any], files: ProjectFiles
    ) -> None:
        self.origin = origin
        """The workflow and the job, for people."""
        self._job = job
        self.env = {**as_map(whole.get("env")), **as_map(job.get("env"))}
        steps = map(as_map, as_list(job.get("steps")))
        self.steps = [one for step in steps for one in _expand_step(step, files)]
        """Its own, and those of the actions of the repository that it uses."""
        usual = [as_map(as_map(one.get("defaults")).get("run")) for one in (whole, job)]
        self.folder = str({**usual[0], **usual[1]}.get("working-directory", "."))
        """Where its steps run, unless they say otherwise."""
        self.may_fail = allows_failure(job)
        """Whether its result does not count."""
        events = str(whole.get("on"))
        self.sees_proposals = "pull_request" in events or "workflow_call" in events
        """Whether it checks what is proposed, or another does by it; not only run at times."""
        services = as_map(job.get("services"))
        self.services = [
            (str(name), _read_image(one), as_map(as_map(one).get("env")))
            for name, one in services.items()
        ]
        """The servers beside it: what the job calls each, its image, and its variables."""
        self.ports = {} if "container" in job else read_ports(services.values())

    def mentions(self, text: str) -> bool:
        """Whether anything in the job has this text."""
        return text in str(self._job)

    @cached_property
    def matrix(self) -> dict[str, list[str]]:
        """All values by key, those of included rows last."""
        matrix = as_map(as_map(self._job.get("strategy")).get("matrix"))
        found: dict[str, list[str]] = {}
        for row in (matrix, *map(as_map, as_list(matrix.get("include")))):
            for key, value in row.items():
                listed = value if isinstance(value, list) else [value]
                found.setdefault(key, []).extend(one for one in listed if isinstance(one, str))
        return {key: values for key, values in found.items() if values}

    @property
    def is_on_linux(self) -> bool:
        """Whether it runs on Linux, or does not say in words that can be known."""
        runner = str(self._job.get("runs-on"))
        named = [one for key in _OF_MATRIX.findall(runner) for one in self.matrix.get(key, ())]
        # Rows that name none have what stands behind `||`.
        named += re.findall(r"'([^']*)'", runner)
        return any("windows" not in one and "macos" not in one for one in named or [runner])

    @property
    def pythons(self) -> list[str]:
        """Minor versions that the matrix has, or else a step sets up."""
        listed = [one for key, values in self.matrix.items() if key[:2] == "py" for one in values]
        steps = [str(as_map(step.get("with")).get("python-version", "")) for step in self.steps]
        texts = listed or [self.fill(text) or "" for text in steps]
        return list(dict.fromkeys(_MINOR.findall(" ".join(texts))))

    def fill(self, text: str) -> str | None:
        """Put in variables and the first values of the matrix; None where more is asked for."""
        unknown = []

        def put(match: re.Match[str]) -> str:
            kind, _, key = match[1].partition(".")
            known = {"matrix": self.matrix.get(key, [""])[0], "env": self.env.get(key)}.get(kind)
            if not isinstance(known, str) or not known or "${{" in known:
                unknown.append(match[1])
                return ""
            return known[:_MOST_VALUE]

        # A value may be long, and stand in many places.
        filled = _EXPRESSION.sub(put, text, count=_MOST_VALUES)
        return None if unknown else filled


def _read_image(service: object) -> str:
    """Read the last part of an image's name, with its version."""
    return str(as_map(service).get("image", service)).rsplit("/", 1)[-1]


def read_ports(services: Iterable[object]) -> dict[str, str]:
    """Read at which ports of their machine servers are reached, as clients' variables.

    Of several of a kind, nobody can tell which one is meant.
    """
    published = [str(one) for service in services for one in as_list(as_map(service).get("ports"))]
    pairs = [one.partition("/")[0].rpartition(":") for one in published]
    inner = [pair[2] for pair in pairs]
    return {
        _PORTS[usual]: port
        for outer, _, usual in pairs
        if usual in _PORTS and inner.count(usual) == 1
        if _PORT.fullmatch(port := outer.rpartition(":")[2]) and port != usual
    }


def _expand_step(step: dict[str, Any], files: ProjectFiles) -> Iterator[dict[str, Any]]:
    """Yield what an action of the repository does, or the step itself."""
    uses = str(step.get("uses", ""))
    folder = posixpath.normpath(uses)
    names = (f"{folder}/action.{ending}" for ending in ("yml", "yaml"))
    action = next((files.yaml(name) for name in names if files.has_file(name)), None)
    if action is None or not uses.startswith("./"):
        yield step
        return
    held: dict[str, Any] = {k: step[k] for k in ("if", "continue-on-error") if k in step}
    inputs = _read_inputs(action, step)
    for one in as_list(as_map(action.get("runs")).get("steps")):
        yield {**_put_inputs(as_map(one), inputs), **held}


def _put_inputs(part: Any, inputs: Mapping[str, Any]) -> Any:
    """Put what an action is given in each text; what is given may itself be of the matrix."""
    if isinstance(part, str):
        return _EXPRESSION.sub(lambda at: _give_input(at, inputs), part, _MOST_VALUES)
    if isinstance(part, list):
        return [_put_inputs(one, inputs) for one in part]
    return {key: _put_inputs(one, inputs) for key, one in part.items()} if part else part


def _give_input(at: re.Match[str], inputs: Mapping[str, Any]) -> str:
    # A long one would be multiplied.
    value = str(inputs.get(at[1]) or at[0])
    return value if len(value) <= _MOST_INPUT else at[0]


def allows_failure(part: Mapping[str, Any]) -> bool:
    """Whether a job or a step goes on where it fails."""
    return str(part.get("continue-on-error", "")).lower() == "true"


def read_jobs(files: ProjectFiles) -> list[Job]:
    """Read the jobs of the whole repository."""
    found = []
    for path in filter(_WORKFLOW.fullmatch, files.whole.paths):
        document = files.whole.yaml(path)
        for name, job in as_map(document.get("jobs")).items():
            called = list(_expand_job(as_map(job), files.whole))
            own = Job(f"{path} job {name}", as_map(job), document, files.whole)
            found += called or [own]
    for name, job in as_map(files.whole.yaml(_CIRCLECI).get("jobs")).items():
        converted = _convert_circleci(as_map(job))
        found.append(Job(f"{_CIRCLECI} job {name}", converted, {"on": "pull_request"}, files.whole))
    return found


def _expand_job(job: dict[str, Any], files: ProjectFiles) -> Iterator[Job]:
    """Yield the jobs of the repository's own workflow that a job calls, with what it gives them."""
    path = posixpath.normpath(str(job.get("uses", "")))
    document = files.yaml(path) if _WORKFLOW.fullmatch(path) and files.has_file(path) else {}
    inputs = _read_inputs(as_map(as_map(document.get("on")).get("workflow_call")), job)
    held = {"strategy": job["strategy"]} if "strategy" in job else {}
    for name, one in as_map(document.get("jobs")).items():
        whole = {**held, **as_map(_put_inputs(one, inputs))}
        yield Job(f"{path} job {name}", whole, document, files)


def _read_inputs(called: Mapping[str, Any], caller: Mapping[str, Any]) -> dict[str, Any]:
    """Read what an action or a workflow is given, or else has as its usual values."""
    usual = {key: as_map(one).get("default") for key, one in as_map(called.get("inputs")).items()}
    given = {**usual, **as_map(caller.get("with"))}
    return {f"inputs.{key}": value for key, value in given.items()}


def _convert_circleci(job: Mapping[str, Any]) -> dict[str, Any]:
    """Write a job as GitHub would have it: its first container runs it, the others are servers."""
    first, *others = [as_map(one) for one in as_list(job.get("docker"))] or [{}]
    steps = [as_map(one) for one in as_list(job.get("steps"))]
    place = str(job.get("working_directory", "."))
    root = next(filter(None, (as_map(one.get("checkout")).get("path") for one in steps)), place)
    env = {**as_map(first.get("environment")), **as_map(job.get("environment"))}
    image = str(first.get("image"))
    written: list[dict[str, Any]] = (
        [{"with": {"python-version": image}}] if "python" in image else []
    )
    for run in (as_map(one["run"]) or {"command": one["run"]} for one in steps if "run" in one):
        folder = str(run.get("working_directory", place))
        if folder[:1] in ("/", "~"):
            folder = posixpath.relpath(folder, str(root))
        named = {
            "name": run.get("name"),
            "run": run.get("command", ""),
            "env": run.get("environment"),
        }
        written.append({**named, "working-directory": folder})
    return {
        # Places outside the repository are of its machines alone.
        "env": {name: value for name, value in env.items() if str(value)[:1] != "/"},
        "services": {
            str(one.get("name", at)): {"image": one.get("image"), "env": one.get("environment")}
            for at, one in enumerate(others)
        },
        "steps": written,
    }
