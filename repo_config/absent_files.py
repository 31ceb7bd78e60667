"""List what our checkouts of a repository lack: submodules, and files in Git LFS."""

import pathspec

from repo_config.project_files import ProjectFiles
from repo_config.tree import Tree

_POINTER = b"version https://git-lfs.github.com/spec/"


def list_absent(files: ProjectFiles, tree: Tree) -> tuple[str, ...]:
    """Describe the submodules, and the number of files in Git LFS, which are pointers here."""
    modules = (section.get("path", "") for section in files.ini(".gitmodules").values())
    attributes = (line.split() for line in files.text(".gitattributes").splitlines())
    patterns = [words[0] for words in attributes if "filter=lfs" in words[1:]]
    matched = pathspec.GitIgnoreSpec.from_lines(patterns).match_files(files.paths)
    pointers = [path for path in matched if tree.read(path).startswith(_POINTER)]
    absent = [f"submodule {path}" for path in modules if path.isprintable() and path]
    if pointers:
        plural = "s" * (len(pointers) > 1)
        absent.append(f"{len(pointers)} Git LFS file{plural}, such as {min(pointers)}")
    return tuple(absent)
