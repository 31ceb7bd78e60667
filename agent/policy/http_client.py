"""Hold changed code to the one HTTP client that the project has chosen.

A second client means a second set of time-outs, retries, proxies and mocks, and it comes in
unseen: in a function, under another name, through a module of the project that happens to hold
it. So names are followed to what they stand for (see `names`). A client that a file newly brings
in blocks; one more use of what the file had already is for the reviewer. Imports that only type
checkers read are no use.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator

from agent.domain import Change, ChangedFile, Finding
from agent.policy import findings, http_uses, modules, source
from repo_config.detect import Project, Tree
from repo_config.schema import RepoConfig

RULE = "http-client"

#: For files that cannot be parsed: a line that imports.
_IMPORT_LINE = re.compile(
    rb"^[ \t]*(?:import|from)[ \t]+([\w.]+)(?:[ \t]+import[ \t]+(\w+))?", re.MULTILINE
)


def check(change: Change, config: RepoConfig, project: Project, tree: Tree) -> Iterator[Finding]:
    """Yield a finding for every new use of an HTTP client other than the configured one."""
    if config.http_client == "any":
        return
    allowed = config.http_client
    places = modules.Modules(change, project, tree, known=http_uses.ROOTS)
    for file in source.changed(change):
        after = file.after or b""
        try:
            uses = list(http_uses.of(after, file.path, places, allowed))
        except (source.UnreadableError, RecursionError):
            yield from _unparsed(file, source.earlier(change, file), allowed)
            continue
        if uses:
            before = _uses_before(source.earlier(change, file), file.path, places, allowed)
            yield from _new(file, uses, before, allowed)
    if places.exhausted:
        yield findings.review(
            RULE,
            "",
            "Names lead through more modules than were followed",
            "Check by hand whether a new import leads to another HTTP client.",
        )


# --- findings ---------------------------------------------------------------------------------


def _new(
    file: ChangedFile, uses: list[http_uses.Use], before: list[http_uses.Use], allowed: str
) -> Iterator[Finding]:
    """Compare with what the file did before; imports block, further uses are for review."""
    had = {use.client for use in before}
    told: set[tuple[int, str]] = set()
    left = Counter((use.how, use.what) for use in before)
    counts = Counter((use.how, use.what) for use in uses)
    for use in uses:
        key = (use.how, use.what)
        if counts[key] <= left[key]:
            continue
        if left[key] and not _on_new_line(file, use.line):
            left[key] -= 1
            counts[key] -= 1
            continue
        if (use.line, use.client) in told or (use.how == "use" and use.client not in had):
            continue
        told.add((use.line, use.client))
        if use.client in had:
            yield findings.review(
                RULE,
                file.path,
                f"uses {use.what} once more; the project's client is {allowed}",
                f"Move this file to {allowed} when the ticket allows.",
                use.line,
            )
        else:
            through = " through another module" if use.how == "reach" else ""
            yield findings.block(
                RULE,
                file.path,
                f"brings in {use.what}{through}; the only HTTP client here is {allowed}",
                f"Use {allowed}, or change http_client in the configuration first.",
                use.line,
            )


def _on_new_line(file: ChangedFile, line: int) -> bool:
    """Whether the text of this line was not in the file before."""
    lines = (file.after or b"").splitlines()
    text = lines[line - 1].strip() if 0 < line <= len(lines) else b""
    return text not in {old.strip() for old in (file.before or b"").splitlines()}


def _unparsed(file: ChangedFile, before: bytes | None, allowed: str) -> Iterator[Finding]:
    """Judge a file that cannot be parsed by its lines: an import on its own line is found."""
    known = {client for client, _ in _import_lines(before or b"", allowed)}
    for client, line in _import_lines(file.after or b"", allowed):
        if client not in known:
            yield findings.block(
                RULE,
                file.path,
                f"brings in {client}; the only HTTP client here is {allowed}",
                f"Use {allowed}, or change http_client in the configuration first.",
                line,
            )
    yield findings.review(
        RULE,
        file.path,
        "cannot be parsed by this service, so HTTP clients were looked for by line only",
        "Check by hand which HTTP client it uses.",
    )


def _import_lines(content: bytes, allowed: str) -> Iterator[tuple[str, int]]:
    for found in _IMPORT_LINE.finditer(content):
        dotted = b".".join(part for part in found.groups() if part).decode("ascii", "replace")
        if client := http_uses.client_of(dotted, allowed):
            yield client, content.count(b"\n", 0, found.start()) + 1


def _uses_before(
    content: bytes | None, path: str, places: modules.Modules, allowed: str
) -> list[http_uses.Use]:
    if content is None:
        return []
    try:
        return list(http_uses.of(content, path, places, allowed))
    except (source.UnreadableError, RecursionError):
        return []
