"""Read what a repository says about its Python, without running anything of it. Pure."""

from __future__ import annotations

from agent.environments.tree_files import TreeFiles
from agent.models.record import Record
from repo_config import versions, workflows


class PythonHints(Record):
    """What the repository says about its Python."""

    version_file: str | None = None
    """Content of .python-version."""
    requires: str | None = None
    requires_origin: str = ""
    classifiers: tuple[str, ...] = ()
    """Minor versions named by classifiers."""
    ci: tuple[str, ...] = ()
    """Minor versions that CI tests."""


def read_python_hints(files: TreeFiles) -> PythonHints:
    """Collect the hints; of several constraints the first one counts, in pip's own order."""
    known = files.detection_files
    requires, origin = next(versions.list_python_ranges(known), (None, ""))
    lines = [line.strip() for line in known.text(".python-version").splitlines()]
    jobs = workflows.read_jobs(files.from_root_folder().detection_files, files.base)
    return PythonHints(
        version_file=next((line for line in lines if line and line[0] != "#"), None),
        requires=versions.standardize_range(requires) if requires else None,
        requires_origin=origin,
        classifiers=tuple(versions.read_python_classifiers(known)),
        ci=tuple(dict.fromkeys(minor for job in jobs for minor in job.pythons)),
    )
