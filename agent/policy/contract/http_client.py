"""Hold changed code to the one HTTP client that the project has chosen.

A second client means a second set of time-outs, retries, proxies and mocks, and it comes in
unseen: in a function, under another name, through a module of the project that happens to hold
it. So names are followed to what they stand for (see `names`). A client that a file newly brings
in blocks; one more use of what the file had already is for the reviewer. Imports that only type
checkers read are no use.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from agent.domain import ChangedFile, Finding, Severity
from agent.policy import source
from agent.policy.contract import http_uses, library_uses
from agent.policy.contract.library_uses import Use
from agent.policy.proposal import Proposal, PythonFile
from agent.policy.rule import Rule
from agent.policy.view import View

HTTP_CLIENT = Rule(
    id="http-client",
    demands="No file brings in an HTTP client other than `http_client`.",
    severity=Severity.BLOCK,
    bad="import requests  # and http_client is httpx",
    good="import httpx",
)
HTTP_CLIENT_USE = Rule(
    id="http-client-use",
    demands="What a file has of another HTTP client does not grow, and names can be followed.",
    severity=Severity.REVIEW,
    bad="requests.get(url)  # once more in a file that imports requests already",
    good="httpx.get(url, timeout=5)",
)
RULES = (HTTP_CLIENT, HTTP_CLIENT_USE)

#: For files that cannot be parsed: a line that imports.
_IMPORT_LINE = re.compile(
    rb"^[ \t]*(?:import|from)[ \t]+([\w.]+)(?:[ \t]+import[ \t]+(\w+))?", re.MULTILINE
)


def check(proposal: Proposal) -> Iterator[Finding]:
    """Yield a finding for every new use of an HTTP client other than the configured one."""
    allowed = proposal.config.http.name
    if allowed == "any":
        return

    def belongs(dotted: str) -> str | None:
        return http_uses.client_of(dotted, allowed)

    for file in proposal.python:
        if file.file.after is None:
            continue
        if file.after is None:
            yield from _unparsed(file.file, source.earlier(proposal.change, file.file), allowed)
            continue
        if uses := _sending(file.after, belongs):
            yield from _new(file, uses, library_uses.of(file.before, belongs), allowed)
    if proposal.places.exhausted:
        yield HTTP_CLIENT_USE.at(
            "",
            "Names lead through more modules than were followed",
            "Check by hand whether a new import leads to another HTTP client.",
        )


def _sending(view: View, belongs: library_uses.Belongs) -> list[Use]:
    """Return what touches a client, without an import of which only constants are taken."""
    return [
        use
        for use in library_uses.of(view, belongs)
        if use.how != "import"
        or use.what != use.library
        or not http_uses.takes_what_sends_nothing(view, use.library)
    ]


# --- findings ---------------------------------------------------------------------------------


def _new(file: PythonFile, uses: list[Use], before: list[Use], allowed: str) -> Iterator[Finding]:
    """Tell what a file brings in, which blocks, from further uses, which are for review."""
    for use, had in library_uses.brought(file, uses, before):
        if had:
            yield HTTP_CLIENT_USE.at(
                file.path,
                f"uses {use.what} once more; the project's client is {allowed}",
                f"Move this file to {allowed} when the ticket allows.",
                use.line,
            )
        else:
            through = " through another module" if use.how == "reach" else ""
            yield HTTP_CLIENT.at(
                file.path,
                f"brings in {use.what}{through}; the only HTTP client here is {allowed}",
                f"Use {allowed}, or change http_client in the configuration first.",
                use.line,
            )


def _unparsed(file: ChangedFile, before: bytes | None, allowed: str) -> Iterator[Finding]:
    """Judge a file that cannot be parsed by its lines: an import on its own line is found."""
    known = {client for client, _ in _import_lines(before or b"", allowed)}
    for client, line in _import_lines(file.after or b"", allowed):
        if client not in known:
            yield HTTP_CLIENT.at(
                file.path,
                f"brings in {client}; the only HTTP client here is {allowed}",
                f"Use {allowed}, or change http_client in the configuration first.",
                line,
            )
    yield HTTP_CLIENT_USE.at(
        file.path,
        "cannot be parsed by this service, so HTTP clients were looked for by line only",
        "Check by hand which HTTP client it uses.",
    )


def _import_lines(content: bytes, allowed: str) -> Iterator[tuple[str, int]]:
    for found in _IMPORT_LINE.finditer(content):
        dotted = b".".join(part for part in found.groups() if part).decode("ascii", "replace")
        if client := http_uses.client_of(dotted, allowed):
            yield client, content.count(b"\n", 0, found.start()) + 1
