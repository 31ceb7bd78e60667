"""The pages for people: all repositories, an issue, a pull request.

The one script is the dashboard's, which loads parts of the page again; texts are shown as GitHub
shows them, as far as that matters.
"""

import re
from importlib import resources
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markdown_it import MarkdownIt
from markupsafe import Markup

from tests.simulator import calls, git_store, shapes
from tests.simulator.records import Issue, Repository
from tests.simulator.world import World

SECURITY_HEADERS = {
    "Content-Type": "text/html; charset=utf-8",
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self';"
        " form-action 'none'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}
_TEMPLATES = Path(__file__).parent / "templates"
FILES = {
    "/_pages/style.css": ("text/css", (_TEMPLATES / "style.css").read_bytes()),
    "/_pages/live.js": (
        "text/javascript",
        (resources.files("agent.dashboard") / "static" / "live.js").read_bytes(),
    ),
}
"""What the pages load: type and content by path."""
_PATH = re.compile(r"/([^/]+/[^/]+)/(?:issues|pull)/([0-9]{1,9})")
_pages = Environment(
    loader=FileSystemLoader(_TEMPLATES),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_markdown = MarkdownIt("commonmark", {"html": False, "breaks": True}).enable("table")
_COMMENT = re.compile(r"^<!-- .* -->$", re.MULTILINE)
#: Of all HTML that GitHub lets through, what folds a part away.
_FOLD = re.compile(r"<p>&lt;details&gt;&lt;summary&gt;(.*?)&lt;/summary&gt;</p>")


def _render_markdown(text: str) -> Markup:
    """Show a text with its form; HTML in it is shown as it is written, but for folds."""
    shown = _markdown.render(_COMMENT.sub("", text))
    shown = _FOLD.sub(r"<details><summary>\1</summary>", shown)
    # The renderer escapes what people wrote.
    return Markup(shown.replace("<p>&lt;/details&gt;</p>", "</details>"))


def _color_patch(patch: str) -> Markup:
    kinds = {"+": "added", "-": "removed", "@": "place"}
    lines = patch.split("\n")
    named = Markup('<span class="{}">{}</span>')
    return Markup("\n").join(named.format(kinds.get(line[:1], "same"), line) for line in lines)


_pages.filters["moment"] = shapes.format_time
_pages.filters["markdown"] = _render_markdown
_pages.filters["patch"] = _color_patch
Answer = tuple[int, dict[str, str], bytes]


def show(world: World, path: str) -> Answer:
    """Show all repositories, or the issue or pull request of an address.

    Raises:
        Refusal: There is none.
    """
    with world.lock:
        if path == "/":
            repositories = list(world.repositories.values())
            page = _pages.get_template("overview.html").render(repositories=repositories)
        else:
            repository, issue = _find(world, path)
            page = _pages.get_template("subject.html").render(
                repository=repository,
                issue=issue,
                entries=_list_entries(issue),
                **_describe_changes(repository, issue),
            )
    # Titles may hold half of a surrogate pair, as JSON can.
    return 200, SECURITY_HEADERS, page.encode("utf-8", "replace")


def _find(world: World, path: str) -> tuple[Repository, Issue]:
    match = _PATH.fullmatch(path)
    repository = world.find_repository(match[1]) if match else None
    issue = repository.issues.get(int(match[2])) if match and repository else None
    if repository is None or issue is None:
        raise calls.NotFound
    return repository, issue


def _list_entries(issue: Issue) -> list[dict[str, Any]]:
    """List what was written and what happened, in the order of time."""
    rows: list[tuple[Any, ...]] = [
        (comment, comment.author, comment.created, "commented", comment.body)
        for comment in issue.comments
    ]
    for event in issue.happenings:
        words = f"{event.event} {event.label.name if event.label else ''}"
        rows.append((event, event.actor, event.created, words, ""))
    for review in issue.pull.reviews if issue.pull else ():
        if review.body or review.state != "COMMENTED":
            words = f"reviewed: {review.state}"
            rows.append((review, review.author, review.submitted, words, review.body))
    for line in issue.pull.review_comments() if issue.pull else ():
        words = f"commented on {line.path}:{line.original_line}"
        rows.append((line, line.author, line.created, words, line.body))
    names = ("of", "by", "at", "words", "text")
    listed = sorted(rows, key=lambda row: int(row[0].id))
    return [dict(zip(names, row, strict=True)) for row in listed]


def _describe_changes(repository: Repository, issue: Issue) -> dict[str, Any]:
    """Collect checks, commits and files of a pull request; an issue has none."""
    if issue.pull is None:
        return {"checks": [], "commits": [], "files": []}
    pull, git_dir = issue.pull, repository.git_dir
    checks = [
        (run.name, run.conclusion or run.status, run.title or "")
        for run in repository.check_runs.values()
        if run.head_sha == pull.head_sha
    ]
    latest = {
        status.context: status for status in repository.statuses if status.sha == pull.head_sha
    }
    checks += [
        (status.context, status.state, status.description or "") for status in latest.values()
    ]
    commits = git_store.list_commits(git_dir, pull.base_sha, pull.head_sha)
    return {
        "checks": checks,
        "commits": [git_store.read_commit(git_dir, sha) for sha in commits],
        "files": git_store.changes(git_dir, shapes.find_ancestor(pull), pull.head_sha),
    }
