"""Read the jobs that a repository's GitHub workflows run for changes, by their structure alone."""

import re
import shlex
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from repo_config import command_lines, lock_files, versions
from repo_config.command_lines import SuiteCommand
from repo_config.documents import as_list, as_map, table, texts
from repo_config.project_files import ProjectFiles

_FOLDER = ".github/workflows/"
#: Maximum levels of workflows that use others, as on GitHub; it also ends a cycle.
_DEEPEST = 3
#: Start of an expression, which GitHub evaluates when a job runs.
_OPEN = "${{"
_CELL = re.compile(r"\$\{\{ *matrix\.([\w-]+) *\}\}")
_OF_TESTS = re.compile(r"(?:^|/)(?:manage|[^/]*test[^/]*)\.py$")
_OTHER_PYTHON = re.compile(r"(?:pypy|graalpy)[\w.-]*|3\.[0-9]+t")
#: Variables of these, such as UV_SYSTEM_PYTHON, are about CI's machine.
_INSTALLERS = frozenset({"pip", *lock_files.PYTHON})
_SWITCHES = frozenset({"true", "false"})
#: Text of a job that only sums up other jobs.
_OF_OTHERS = "toJSON(needs)"
#: A condition, or a term of one, that is true for tags alone.
_FOR_TAGS = re.compile(r"startsWith\(github\.ref, *'refs/tags/.*'\)|github\.ref_type *== *'tag'")


class CiJob(NamedTuple):
    name: str
    job: dict[str, Any]
    """The job as written, with the variables of its workflow added."""

    @property
    def parts(self) -> list[dict[str, Any]]:
        """The job itself, which may use a workflow, then its steps."""
        return [*map(as_map, (self.job, *as_list(self.job.get("steps"))))]

    @property
    def scripts(self) -> list[str]:
        """The shell scripts of its steps."""
        return [str(part["run"]).strip() for part in self.parts if part.get("run")]

    @property
    def actions(self) -> list[str]:
        """Its actions and workflows, without their versions."""
        return [str(part["uses"]).partition("@")[0] for part in self.parts if part.get("uses")]

    @property
    def calls(self) -> list[tuple[str, ...]]:
        """Plain calls of its scripts that start at the root of the repository."""
        scripts = (str(part.get("run", "")) for part in self.parts if not _find_folder(self, part))
        lines = (line for script in scripts for line in split_calls(self.fill(script)))
        return [call for line in lines if (call := read_call(line))]

    @property
    def variables(self) -> dict[str, str]:
        """Variables of the job and its steps with plain values; of several values the first."""
        variables = dict[str, str]()
        for part in self.parts:
            for name, value in as_map(part.get("env")).items():
                is_plain = isinstance(value, str) and _OPEN not in value
                if is_plain and name.partition("_")[0].lower() not in _INSTALLERS:
                    variables.setdefault(name, value)
        return variables

    @property
    def servers(self) -> list[str]:
        """The images of its services."""
        services = map(as_map, as_map(self.job.get("services")).values())
        images = (str(service.get("image", "")) for service in services)
        return [image for image in images if image and _OPEN not in image]

    @property
    def axes(self) -> dict[str, list[str]]:
        """The plain values of its matrix, by axis."""
        matrix = table(self.job, "strategy", "matrix")
        axes: dict[str, list[str]] = {}
        for values in (matrix, *map(as_map, as_list(matrix.get("include")))):
            for axis, value in values.items():
                if axis not in ("include", "exclude"):
                    plain = (text for text in texts(value) if _OPEN not in text)
                    axes.setdefault(axis, []).extend(plain)
        return {axis: list(dict.fromkeys(values)) for axis, values in axes.items()}

    def fill(self, text: str) -> str:
        """Put the first value of an axis in place of each expression that names the axis."""
        axes = self.axes
        return _CELL.sub(lambda named: (axes.get(named[1]) or [named[0]])[0], text)

    @property
    def choices(self) -> dict[str, list[str]]:
        """Its axes, without Python versions, switches, and titles that only appear in names."""
        about = {"name", "strategy", "steps"}
        used = str([part[key] for part in self.parts for key in part.keys() - about])
        named = {axis: values for axis, values in self.axes.items() if f"matrix.{axis}" in used}
        return {
            axis: values
            for axis, values in named.items()
            if "python" not in axis and not _SWITCHES.issuperset(values)
        }

    @property
    def pythons(self) -> list[str]:
        """Python versions of its matrix and of its actions.

        Minor versions of CPython; others as written.
        """
        inputs = [as_map(part.get("with")) for part in self.parts]
        values = [*self.axes.items(), *(item for pairs in inputs for item in pairs.items())]
        written = "\n".join(
            text for key, value in values if "python" in key for text in texts(value)
        )
        others = filter(_OTHER_PYTHON.fullmatch, map(str.strip, written.splitlines()))
        return list(dict.fromkeys([*versions.find_minors(written), *others]))


def list_jobs(files: ProjectFiles) -> list[CiJob]:
    """List the jobs for pull requests; if there are none, those for pushes to branches."""
    events = {
        path: files.yaml(path).get("on")
        for path in sorted(files.paths)
        if path.startswith(_FOLDER) and path.endswith((".yml", ".yaml"))
    }
    chosen = [path for path in events if _is_for_changes(events[path])]
    chosen = chosen or [path for path in events if _is_for_pushes(events[path])]
    return [job for path in chosen for job in _read_workflow(files, path)]


def read_call(line: str) -> tuple[str, ...]:
    """Return the inner call of a line; empty: the line is more than one call."""
    return command_lines.find_inner_call(command_lines.split_call(line))


def read_suites(calls: Iterable[tuple[str, ...]]) -> list[SuiteCommand]:
    """Return the calls of known test runners, and of scripts with names of tests."""
    suites = (command_lines.read_test_command(shlex.join(call)) for call in calls if call)
    # CI calls other scripts too, for example for documents.
    return [
        suite
        for suite in suites
        if suite.runner == "pytest"
        or (suite.runner == "django" and _OF_TESTS.search(suite.script or "manage.py"))
    ]


def read_image(image: str) -> tuple[str, str]:
    """Return the name of an image, without its registry and folders, and its tag."""
    path, _, tag = image.partition(":")
    return path.rpartition("/")[2], tag


def split_lines(script: str) -> list[str]:
    """Split a shell script into lines, without empty lines and comments."""
    lines = (line.strip() for line in script.replace("\\\n", " ").splitlines())
    return [line for line in lines if line and not line.startswith("#")]


def split_calls(script: str) -> list[str]:
    """Split a shell script into lines, and those at `&&` that do not change the folder."""
    parts = (
        line.split("&&") if not line.startswith("cd ") else [line] for line in split_lines(script)
    )
    return [call.strip() for calls in parts for call in calls]


def _find_folder(job: CiJob, part: dict[str, Any]) -> str:
    default = table(job.job, "defaults", "run").get("working-directory")
    return str(part.get("working-directory") or default or "").strip("./")


def _read_workflow(files: ProjectFiles, path: str, depth: int = 0) -> Iterator[CiJob]:
    """Yield the jobs of a workflow, and of the repository's workflows that its jobs use.

    Jobs for tags, jobs that need one, and jobs that only sum up others are left out.
    """
    workflow = files.yaml(path)
    jobs = {str(key): as_map(job) for key, job in table(workflow, "jobs").items()}
    for_tags = _list_for_tags(jobs)
    for key, job in jobs.items():
        if key in for_tags or (_OF_OTHERS in str(job) and not read_suites(CiJob(key, job).calls)):
            continue
        used = str(job.get("uses", "")).removeprefix("./")
        if depth < _DEEPEST and used.startswith(_FOLDER) and files.has_file(used):
            yield from _read_workflow(files, used, depth + 1)
        else:
            shown = str(job.get("name", ""))
            variables = {**as_map(workflow.get("env")), **as_map(job.get("env"))}
            name = shown if shown and _OPEN not in shown else key
            yield CiJob(name, {**job, "env": variables})


def _name_events(events: object) -> list[str]:
    return [*events] if isinstance(events, dict) else texts(events)


def _is_for_changes(events: object) -> bool:
    """Whether a workflow runs when a pull request is opened or gets new commits."""
    event = as_map(events.get("pull_request")) if isinstance(events, dict) else {}
    types = texts(event.get("types"))
    is_for_commits = not types or not {"opened", "synchronize"}.isdisjoint(types)
    return "pull_request" in _name_events(events) and is_for_commits


def _list_for_tags(jobs: dict[str, dict[str, Any]]) -> set[str]:
    """List the jobs that run for tags alone, and those that need one."""
    for_tags = {key for key, job in jobs.items() if _is_for_tags(str(job.get("if", "")))}
    while (
        needing := {
            key for key, job in jobs.items() if not for_tags.isdisjoint(texts(job.get("needs")))
        }
        - for_tags
    ):
        for_tags |= needing
    return for_tags


def _is_for_tags(condition: str) -> bool:
    terms = condition.strip().removeprefix(_OPEN).removesuffix("}}").split("&&")
    return "||" not in condition and any(_FOR_TAGS.fullmatch(term.strip()) for term in terms)


def _is_for_pushes(events: object) -> bool:
    """Whether a workflow runs for pushes to branches."""
    push = as_map(events.get("push")) if isinstance(events, dict) else {}
    is_for_tags = "tags" in push and "branches" not in push
    return "push" in _name_events(events) and not is_for_tags
