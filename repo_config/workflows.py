"""Read what a repository's workflows on GitHub do for changes. Only their structure is read."""

from collections.abc import Iterator
from typing import Any

from repo_config import versions
from repo_config.documents import as_list, as_map, table, texts
from repo_config.project_files import ProjectFiles

_FOLDER = ".github/workflows/"
#: Levels of workflows that use others; more are refused by GitHub, and a circle has no end.
_DEEPEST = 3


def list_steps(repository: ProjectFiles) -> Iterator[dict[str, Any]]:
    for job in list_jobs(repository):
        yield from list_parts(job)


def list_parts(job: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield a job, which may itself use a workflow, and its steps."""
    yield from map(as_map, (job, *as_list(job.get("steps"))))


def list_pythons(repository: ProjectFiles) -> Iterator[str]:
    """Yield the minor versions that jobs give to what sets up Python, or that their matrix has."""
    for job in list_jobs(repository):
        matrix = table(job, "strategy", "matrix")
        for values in (
            matrix,
            *map(as_map, as_list(matrix.get("include"))),
            *(as_map(part.get("with")) for part in list_parts(job)),
        ):
            for key, value in values.items():
                if "python" in key:
                    yield from versions.find_minors("\n".join(texts(value)))


def list_jobs(files: ProjectFiles) -> Iterator[dict[str, Any]]:
    """Yield the jobs of workflows: first of those for pull requests, which check changes."""
    workflows = {
        path: files.yaml(path).get("on")
        for path in files.paths
        if path.startswith(_FOLDER) and path.endswith((".yml", ".yaml"))
    }
    for path in sorted(workflows, key=lambda path: "pull_request" not in (workflows[path] or ())):
        if _is_for_changes(workflows[path]):
            yield from _read_workflow(files, path)


def _read_workflow(files: ProjectFiles, path: str, depth: int = 0) -> Iterator[dict[str, Any]]:
    """Yield the jobs of a workflow, and of those in this repository that its jobs use."""
    workflow = files.yaml(path)
    for job in map(as_map, table(workflow, "jobs").values()):
        used = str(job.get("uses", "")).removeprefix("./")
        if depth < _DEEPEST and used.startswith(_FOLDER) and files.has_file(used):
            yield from _read_workflow(files, used, depth + 1)
        else:
            yield {**job, "env": {**as_map(workflow.get("env")), **as_map(job.get("env"))}}


def _is_for_changes(events: object) -> bool:
    """Whether a workflow runs for pull requests, or for pushes to branches."""
    if not isinstance(events, dict):
        return bool({"pull_request", "push"}.intersection(texts(events)))
    push = as_map(events.get("push"))
    is_for_tags = "tags" in push and "branches" not in push
    return "pull_request" in events or ("push" in events and not is_for_tags)
