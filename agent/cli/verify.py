"""`mergewright verify`: check the signed log of a run with the key that signed it."""

from pathlib import Path
from typing import Annotated

import typer

from agent.cli import runs, terminal
from agent.telemetry import signature


def verify(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The log's zip file.")],
    key: Annotated[
        str,
        typer.Option(
            metavar="KEY",
            help="Public key: the digits from the pull request, or the file"
            " /.well-known/mergewright.pub of the dashboard.",
        ),
    ],
) -> None:
    """Verify a run's signed log: its signature, and the digests of its files.

    Works offline. Compare a printed digest with the one in the pull request. Exit code 0:
    valid; 1: something was changed; 2: not a log.
    """
    try:
        place = Path(key)
        public = signature.read_public_key(place.read_text("ascii") if place.is_file() else key)
    except (OSError, ValueError):
        raise typer.BadParameter("is no Ed25519 public key.", param_hint="--key") from None
    log, problems = signature.verify_run(file, public)
    sound = f"Valid: the events and {len(log.files)} files match their signature."
    if log.purged_at is not None:
        when = runs.format_time(log.purged_at)
        sound = f"Valid: the signature matches. Texts, names and files were deleted at {when}."
    digests = (f"digest  {digest}" for digest in log.events.published)
    commit = log.events.commit or "none"
    for line in (f"run     {log.run}", *digests, f"commit  {commit}", *(problems or (sound,))):
        print(terminal.make_line(line))
    raise typer.Exit(bool(problems))
