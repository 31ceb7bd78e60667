"""Say what is in effect although the repository does not have it, and that may still be right.

Such as a settings module that only an installed package, or an uncommitted file, would provide.
What is wrong in any case is refused by `load`.
"""

from __future__ import annotations

import difflib

from repo_config import django_projects
from repo_config.detect import Project
from repo_config.located import escape_text
from repo_config.project_files import Files
from repo_config.tree import Below, Tree


def find_doubts(tree: Tree, project: Project) -> tuple[str, ...]:
    """Name each doubt in a sentence, with the nearest that is there."""
    django = project.django
    if django is None or django.settings_module is None:
        return ()
    module = django.settings_module
    files = Files(Below(tree, project.root))
    if django_projects.has_module(files, module):
        return ()
    origin = project.origins.get("django.settings_module", "")
    known = django_projects.settings_names(files)
    near = difflib.get_close_matches(module, known, 3, cutoff=0.5) or list(known[:3])
    fix = f"Did you mean {' or '.join(near)}?" if near else "Is its file committed?"
    said = f"no file in the repository is the settings module {escape_text(module)} ({origin})"
    return (f"{said}. {escape_text(fix)}",)
