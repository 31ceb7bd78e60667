"""`mergewright replay`: a run once more, from its ledger, without a key."""

from __future__ import annotations

import glob
from pathlib import Path

import typer
from rich.console import Console

from agent import settings
from agent.cli import kept, repository, terminal
from agent.cli.progress import Progress
from agent.errors import RepositoryUnfit
from agent.text import sanitise


def replay(
    run_id: kept.RunId,
    repo: repository.Folder = None,
    as_json: terminal.Json = False,
) -> None:
    """Carry a run out once more from its ledger, and compare what comes out with what came then.

    Models say what the ledger has of them, so no key is needed and nobody is asked. Tools and
    checks really run; a run of an issue meets a simulated GitHub. Without --repo it has the
    repository that the run worked with. The replay stops at the first thing that a model would be
    told otherwise. Exit code 0: the same patch and the same text; 1: something differs, or the
    record ends before that; 2: it cannot be replayed, as no follow-up of a pull request can so far;
    130: interrupted.
    """
    from agent import wiring
    from agent.runs import replay as replaying
    from agent.telemetry import run_recording

    loaded = settings.load_settings()
    recording = run_recording.read_recording(_find(run_id, loaded.home / "runs"))
    wiring.make_home(loaded)
    with Progress(Console(stderr=True, quiet=as_json)) as progress:
        try:
            report = replaying.run_again(
                *(recording, loaded, wiring.make_replay_services, progress, progress.said),
                repository=str(repo.resolve()) if repo else None,
            )
        except RepositoryUnfit as problem:
            raise typer.BadParameter(problem.message, param_hint="--repo") from problem
    if as_json:
        print(report.model_dump_json(indent=2))
    else:
        print(f"run     {report.run_id}, {report.turns} replies given again")
        print(sanitise.strip_terminal_codes(report.sentence))
        for found in report.problems:
            print(f"ledger  {found}: do not rely on it")
        print(f"left    {report.folder}")
    raise typer.Exit(0 if report.same else 1)


def _find(run_id: str, runs: Path) -> Path:
    found = sorted(runs.glob(f"{glob.escape(run_id)}*/ledger.jsonl"))
    kept.require_one(run_id, [one.parent.name for one in found], f"`ls {runs}`")
    return found[0]
