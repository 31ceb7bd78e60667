"""Read which versions and services the jobs of GitHub's workflows name. Nothing is run."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from repo_config import loose_yaml

FOLDER = ".github/workflows"
_MINOR = re.compile(r"3\.\d{1,2}")


@dataclass
class CiJobs:
    """Values by name, each with the jobs that name it."""

    workflows: list[str] = field(default_factory=list)
    pythons: dict[str, list[str]] = field(default_factory=dict)
    """Minor versions in the jobs' matrices."""
    matrix: dict[str, list[str]] = field(default_factory=dict)
    """Values in the jobs' matrices, by key."""
    services: dict[str, list[str]] = field(default_factory=dict)
    """Images of the servers beside jobs."""


def is_workflow(path: str) -> bool:
    """Whether a file of the repository is a workflow, by its path."""
    folder, _, name = path.rpartition("/")
    return folder == FOLDER and name.endswith((".yml", ".yaml"))


def read(workflows: Mapping[str, str], folder: str) -> CiJobs:
    """Read the workflows of a repository; of a sub-folder, only the jobs that mention it.

    Args:
        workflows: What they say, by path.
        folder: The sub-folder; "" is the repository.
    """
    found = CiJobs(workflows=list(workflows))
    for path, text in workflows.items():
        try:
            document = _map(loose_yaml.read(text))
        except loose_yaml.NotRead:
            continue
        for name, job in _map(document.get("jobs")).items():
            if folder in str(job):
                _note(_map(job), f"{path} job {name}", found)
    return found


def _note(job: dict[str, Any], where: str, found: CiJobs) -> None:
    matrix = _map(_map(job.get("strategy")).get("matrix"))
    included = matrix.get("include")
    rows = [matrix, *map(_map, included if isinstance(included, list) else ())]
    versions = str([row[key] for row in rows for key in row if key.startswith("py")])
    for row in rows:
        for key, value in row.items():
            listed = value if isinstance(value, list) else [value]
            found.matrix.setdefault(key, []).extend(v for v in listed if isinstance(v, str))
    for minor in dict.fromkeys(_MINOR.findall(versions)):
        found.pythons.setdefault(minor, []).append(where)
    for service in _map(job.get("services")).values():
        image = str(_map(service).get("image", service))
        found.services.setdefault(image.rsplit("/", 1)[-1], []).append(where)


def _map(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
