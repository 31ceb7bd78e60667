"""`mergewright verify`: hold the signed log of a run against the key that signed it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from agent import settings
from agent.cli import runs, terminal
from agent.errors import LedgerUnusable
from agent.telemetry import signed_log, signing
from agent.text import sanitise


def verify(
    log: Annotated[str, typer.Argument(metavar="RUN|FILE", help="A run here, or a log's zip.")],
    key: Annotated[
        str | None,
        typer.Option(
            metavar="FILE|HEX",
            help="Public key: the digits in the pull request, or a file from"
            " /.well-known/mergewright.pub. Default, for a run here: this installation's.",
        ),
    ] = None,
    as_json: terminal.Json = False,
) -> None:
    """Check the log of a run: its chain, signatures, and digests of patch, reports and commit.

    No network is used. The digest of the log as of the pull request is printed, to be compared
    with the one there. Exit code 0: all is as it was signed; 1: something was changed, each in a
    sentence; 2: it is no log, or there is no key.
    """
    if (place := Path(log)).exists():
        if key is None:
            ours = settings.load_settings().home / signing.PUBLIC_FILE
            raise LedgerUnusable(
                "Name the public key with --key: its digits are in the pull request; that of this"
                f" installation is {ours}."
            )
        found = signed_log.verify_log(place, signing.read_public_key(key))
    else:
        loaded = settings.load_settings()
        with runs.open_folder(loaded, log) as folder:
            public = signing.read_public_key(key or loaded.home / signing.PUBLIC_FILE)
            found = signed_log.verify_log(folder, public, folder.name)
    if as_json:
        terminal.print_json(found.model_dump(mode="json"))
    else:
        rows = [("run", found.run), ("key", found.key), *(("digest", one) for one in found.digests)]
        rows += [("commit", found.commit or "none"), ("end", found.sentence)]
        for name, words in rows:
            print(f"{name:<8}{terminal.make_line(words)}")
        for problem in found.problems or (
            f"All is as it was signed, {len(found.files)} files too.",
        ):
            print(sanitise.strip_terminal_codes(problem))
    raise typer.Exit(bool(found.problems))
