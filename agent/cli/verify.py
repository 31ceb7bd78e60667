"""`mergewright verify`: check the signed log of a run with the key that signed it."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from agent import settings
from agent.cli import runs, terminal
from agent.errors import LedgerUnusable
from agent.telemetry import signed_log, signing
from agent.text import sanitise


def verify(
    log: Annotated[
        str, typer.Argument(metavar="RUN|FILE", help="A local run, or a log's zip file.")
    ],
    key: Annotated[
        str | None,
        typer.Option(
            metavar="FILE|HEX",
            help="Public key: the hex digits from the pull request, or a file from"
            " /.well-known/mergewright.pub. Default for a local run: this installation's key.",
        ),
    ] = None,
    as_json: terminal.Json = False,
) -> None:
    """Verify a run's signed log: its chain and signatures, and the digests of its files.

    Works offline. Compare the printed digest with the one in the pull request. Exit code 0:
    valid; 1: something was changed; 2: not a log, or no key.
    """
    if (place := Path(log)).exists():
        if key is None:
            ours = settings.load_settings().home / signing.PUBLIC_FILE
            raise LedgerUnusable(
                "Pass the public key with --key: its digits are in the pull request. This"
                f" installation's key is {ours}."
            )
        found = signed_log.verify_log(place, signing.read_public_key(key))
    else:
        loaded = settings.load_settings()
        with runs.open_folder(loaded, log) as folder:
            public = signing.read_public_key(key or loaded.home / signing.PUBLIC_FILE)
            found = signed_log.verify_log(folder, public, folder.name)
    if as_json:
        terminal.print_json(asdict(found) | {"files": [*found.files]})
    else:
        rows = [
            ("run", found.run),
            ("key", found.key),
            *(("digest", digest) for digest in found.digests),
        ]
        rows += [("commit", found.commit or "none"), ("end", found.sentence)]
        for name, words in rows:
            print(f"{name:<8}{terminal.make_line(words)}")
        sound = f"Valid: the log and {len(found.files)} files match their signatures."
        if found.purged_at is not None:
            sound = (
                "Valid: digests and signatures match. Texts, names and files were deleted at"
                f" {runs.format_time(found.purged_at)}."
            )
        for problem in found.problems or (sound,):
            print(sanitise.strip_terminal_codes(problem))
    raise typer.Exit(bool(found.problems))
