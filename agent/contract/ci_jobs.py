"""Read which Pythons and services the jobs of GitHub's workflows name. Nothing is run."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from repo_config import loose_yaml
from repo_config.project_files import Files

_WORKFLOW = re.compile(r"\.github/workflows/[^/]+\.ya?ml")
_MINOR = re.compile(r"3\.\d{1,2}")


@dataclass
class CiJobs:
    """Values by name, each with the jobs that name it."""

    workflows: list[str] = field(default_factory=list)
    pythons: dict[str, list[str]] = field(default_factory=dict)
    """Minor versions in the jobs' matrices."""
    services: dict[str, list[str]] = field(default_factory=dict)
    """Images of the servers beside jobs."""


def read(files: Files, folder: str) -> CiJobs:
    """Read the workflows of a repository; of a sub-folder, only the jobs that mention it."""
    found = CiJobs(workflows=[path for path in files.paths if _WORKFLOW.fullmatch(path)])
    for path in found.workflows:
        try:
            document = _map(loose_yaml.read(files.text(path)))
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
    for minor in dict.fromkeys(_MINOR.findall(versions)):
        found.pythons.setdefault(minor, []).append(where)
    for service in _map(job.get("services")).values():
        image = str(_map(service).get("image", service))
        found.services.setdefault(image.rsplit("/", 1)[-1], []).append(where)


def _map(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
