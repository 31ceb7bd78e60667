"""Leave what a generator writes to the generator.

An edit of such a file is lost with the next run of its generator, and until then nobody knows why
the two differ. So the source is what a change edits. Where it did, and the generated file changed
as well, all is as it should be; of compiled protocols and cog's blocks the reviewer is told, since
nothing here proves that the generator was run. Migrations, which Django writes for people to go on
with, are no generated files. Which files are is told by `generated_heads`.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator

from agent.domain import ChangedFile, Finding, Severity
from agent.policy import source
from agent.policy.care import generated_heads
from agent.policy.care.generated_heads import Head
from agent.policy.proposal import Proposal
from agent.policy.rule import Rule

GENERATED_FILE = Rule(
    id="generated-file",
    demands="What a generator writes is not edited by hand.",
    severity=Severity.BLOCK,
    bad="a line of orders_pb2.py is edited, and orders.proto is not",
    good="orders.proto is edited, and protoc run again",
)
GENERATED_ANEW = Rule(
    id="generated-anew",
    demands="What a generator writes changes with its source, as the generator writes it.",
    severity=Severity.REVIEW,
    bad="orders.proto is edited, and orders_pb2.py stays as it is",
    good="both change, and a person has seen that protoc was run",
)
RULES = (GENERATED_FILE, GENERATED_ANEW)

_COG = re.compile(r"\[\[\[cog\b(.*?)\]\]\](.*?)\[\[\[end\]\]\]", re.DOTALL)
_OWN_IMPORT = re.compile(r"^\W*import cog\W*$", re.MULTILINE)
_LOOKS_AROUND = re.compile(r"\b(?:import|open|read\w*|include|subprocess|exec\w*|glob|environ)\b")
#: What generators usually read, where a head does not name it.
_SOURCES = re.compile(
    r"\.(?:proto|g4|thrift|graphql|gql|avsc|xsd|wsdl|j2|jinja2?|tmpl|tpl|mako|in|pyx|idl)$"
    r"|(?:openapi|swagger|schema|spec)[^/]*\.(?:ya?ml|json)$"
)


def check(proposal: Proposal) -> Iterator[Finding]:
    """Yield a finding for every file or block that was edited in place of its source."""
    paths = tuple(sorted({*proposal.tree.paths(), *proposal.change.paths}))
    for file in proposal.change.files:
        before = source.earlier(proposal.change, file)
        if file.after is None or file.after == before:
            continue
        yield from _cog_blocks(file, before, proposal)
        if posixpath.basename(file.path) in generated_heads.LOCKS:
            yield from _lock(file, before, proposal)
            continue
        head = generated_heads.of(file.path, before or file.after, paths)
        if head is not None:
            yield from _whole(file, before, head, proposal)
    yield from _left_behind(proposal, paths)


# --- whole files ------------------------------------------------------------------------------


def _whole(
    file: ChangedFile, before: bytes | None, head: Head, proposal: Proposal
) -> Iterator[Finding]:
    others = {path for path in proposal.change.paths if path != file.path}
    edited = sorted(others & {*head.sources})
    by = f" by {head.generator}" if head.generator else ""
    made_from = f" from {', '.join(head.sources[:3])}" if head.sources else ""
    if edited:
        if head.is_compiled:
            yield GENERATED_ANEW.at(
                file.path,
                f"is generated{by}, and changes together with {edited[0]}",
                "Check that it is what the generator makes of it.",
            )
        return
    if before is None:
        if head.is_certain:
            yield GENERATED_ANEW.at(
                file.path,
                f"says that it is generated{by}{made_from}, and is new without that",
                "Check where it comes from, and that it can be made again.",
            )
        return
    line = _first_difference(before, file.after or b"")
    if not head.is_certain or any(_SOURCES.search(path) for path in others):
        yield GENERATED_ANEW.at(
            file.path,
            f"says that it is generated{by}{made_from}, which does not change with it",
            "Check that the edit outlives the next run of the generator.",
            line,
        )
        return
    yield GENERATED_FILE.at(
        file.path,
        f"is generated{by}{made_from} and edited by hand, so that the edit is lost with its next"
        " run",
        f"Edit {head.sources[0] if head.sources else 'its source'} and run the generator again.",
        line,
    )


def _lock(file: ChangedFile, before: bytes | None, proposal: Proposal) -> Iterator[Finding]:
    folder, name = posixpath.split(file.path)
    made_from, command = generated_heads.LOCKS[name]
    below = f"{folder}/" if folder else ""
    if before is None or any(
        path.startswith(below) and posixpath.basename(path) == made_from
        for path in proposal.change.paths
    ):
        return
    yield GENERATED_FILE.at(
        file.path,
        f"is written by `{command}` from {below}{made_from}, which does not change",
        f"Change {made_from} and run `{command}`; no line of a lock is written by hand.",
        _first_difference(before, file.after or b""),
    )


def _left_behind(proposal: Proposal, paths: tuple[str, ...]) -> Iterator[Finding]:
    """Yield a finding for protocols that changed without what is compiled from them."""
    changed = set(proposal.change.paths)
    for file in proposal.change.files:
        if not file.path.endswith(".proto") or file.before is None or file.after is None:
            continue
        stem = posixpath.basename(file.path).removesuffix(".proto")
        made = [path for path in paths if f"/{path}".endswith(f"/{stem}_pb2.py")]
        if len(made) == 1 and made[0] not in changed:
            yield GENERATED_ANEW.at(
                file.path,
                f"changes, and {made[0]}, which is compiled from it, does not",
                "Run the protocol buffer compiler again, and commit what it writes.",
            )


# --- cog --------------------------------------------------------------------------------------


def _cog_blocks(file: ChangedFile, before: bytes | None, proposal: Proposal) -> Iterator[Finding]:
    after = file.after or b""
    if before is None or b"[[[cog" not in before or b"[[[cog" not in after:
        return
    text = source.text(after)
    had: dict[str, list[str]] = {}
    for found in _COG.finditer(source.text(before)):
        had.setdefault(found[1].strip(), []).append(found[2].strip())
    for found in _COG.finditer(text):
        code, output = found[1].strip(), found[2].strip()
        line = text.count("\n", 0, found.start()) + 1
        if code not in had:
            yield GENERATED_ANEW.at(
                file.path,
                "changes what cog runs here",
                "Check that what follows is what cog makes of it.",
                line,
            )
        elif output not in had[code]:
            may_differ = _LOOKS_AROUND.search(_OWN_IMPORT.sub("", code)) is not None
            alone = len(proposal.change.files) == 1
            rule = GENERATED_ANEW if may_differ and not alone else GENERATED_FILE
            yield rule.at(
                file.path,
                "changes what cog has written, and not the code that writes it",
                "Edit the code between [[[cog and ]]], or what it reads, and run cog again.",
                text.count("\n", 0, found.start(2)) + 2,
            )


def _first_difference(before: bytes, after: bytes) -> int:
    """Return the first line of the new side that is another one than before."""
    old, new = before.splitlines(), after.splitlines()
    for number, (was, now) in enumerate(zip(old, new, strict=False), 1):
        if was != now:
            return number
    return max(1, min(len(new), len(old) + 1))
