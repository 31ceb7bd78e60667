"""Sum up every byte that has a say in an environment. Pure."""

from __future__ import annotations

import hashlib
import posixpath
import re
from collections.abc import Iterable

from agent.environments.requirement_files import Requirements
from agent.environments.tree_files import TreeFiles
from repo_config.schema import PythonSection

_ALWAYS = (
    "pyproject.toml",
    "setup.py",
    "setup.cfg",
    "uv.lock",
    "tox.ini",
    "MANIFEST.in",
    "PKG-INFO",
    ".python-version",
)
_OF_PROJECTS = ("pyproject.toml", "setup.py", "setup.cfg")
#: Backends and hints that compile: then the sources decide what an editable install contains.
_COMPILES = re.compile(
    rb"ext_modules|Extension\(|cythonize|maturin|setuptools.rust|scikit.build|meson|cffi_modules"
)
_SOURCES = (".c", ".cc", ".cpp", ".cxx", ".h", ".hpp", ".pyx", ".pxd", ".rs")


def digest(
    files: TreeFiles, section: PythonSection, found: Requirements, more: Iterable[str]
) -> str:
    """Sum up the declarations: an equal digest means an equal environment.

    Args:
        files: The tree.
        section: Of the configuration.
        found: What was read; its files count, and those of the projects it names.
        more: Further paths that count.
    """
    paths = {*_ALWAYS, *found.files, *more}
    for project in found.projects:
        paths.update(posixpath.join(project.folder, name) for name in _OF_PROJECTS)
    # A setup.py often reads these, whatever they are called.
    for folder in ("", "requirements"):
        for name in files.names(folder):
            if "require" in name.lower() or name.endswith(".in"):
                paths.add(posixpath.join(folder, name))
    if any(_compiles(files, project.folder) for project in found.projects):
        paths.update(_native_sources(files))
    total = hashlib.sha256(section.model_dump_json().encode())
    for path in sorted(paths):
        content = files.read(path)
        if content is not None:
            total.update(f"\0{path}\0{len(content)}\0".encode())
            total.update(content)
    return total.hexdigest()


def _compiles(files: TreeFiles, folder: str) -> bool:
    return any(
        _COMPILES.search(files.read(posixpath.join(folder, name)) or b"") for name in _OF_PROJECTS
    )


def _native_sources(files: TreeFiles) -> Iterable[str]:
    for path in files.root.rglob("*"):
        if path.suffix in _SOURCES and path.is_file() and not path.is_symlink():
            yield path.relative_to(files.root).as_posix()
