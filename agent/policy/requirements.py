"""Compare which packages a project declares before a change and after it.

Pure and from the files alone; nothing is resolved. What it means that a package is new is left to
`new_dependencies`.
"""

import posixpath
import re

from agent.policy.change_context import ChangeContext
from repo_config.dependencies import LOCAL, list_own_names
from repo_config.project_files import ProjectFiles

#: Files of versions, and settings of what resolves them, that nothing here reads.
_VERSIONS = re.compile(
    r"(?:^|/)(?:[^/]+\.lock|pylock[^/]*\.toml|[^/]*constraints[^/]*\.txt|uv\.toml|pip\.(?:conf|ini))$"
)


def has_changed(change_context: ChangeContext) -> bool:
    """Whether the change declares other packages, or other versions of them, than the base."""
    main = posixpath.join(change_context.project.root, "pyproject.toml")
    before, after = change_context.declared
    return {*before} != {*after} or any(
        _VERSIONS.search(path)
        # Of another part of the repository, which the first may bring in.
        or (path != main and posixpath.basename(path) == "pyproject.toml")
        for path in change_context.change.paths
    )


def list_new_requirements(change_context: ChangeContext) -> tuple[str, ...]:
    """Return what the change declares anew or with other bounds, of packages of the index."""
    had, has = change_context.declared
    names = list_own_names(change_context.files[1])[:1]
    new = (need for need in has if need not in had and need.name not in names)
    of_index = (need for need in new if not need.source and need.version != LOCAL)
    return tuple(
        sorted(
            {f"{need.name}{need.version}{need.marker and f' ; {need.marker}'}" for need in of_index}
        )
    )


def find_line(files: ProjectFiles, path: str, name: str) -> int | None:
    """Return the line of a file that names a package, however it is written, 1-based."""
    written = "[-_.]+".join(re.escape(part) for part in name.split("-"))
    word = re.compile(rf"(?<![\w.-]){written}(?![\w-])", re.IGNORECASE)
    lines = enumerate(files.text(path).splitlines(), 1)
    return next((number for number, line in lines if word.search(line)), None)
