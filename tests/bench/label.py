"""From the label on an issue to its pull request, against a script of the same commands.

Both sides talk to one simulated GitHub over HTTP and git, start from the same commit, and end with
a pull request whose files are equal. Ours is the service as an operator starts it, which waits for
the webhook. By hand there is no policy, no sandbox and no text; everything is done with the same
packages, in a clone and an environment that are there.
"""

import re
import shutil
from dataclasses import dataclass, replace
from pathlib import Path

from agent.settings import Settings
from agent.setup import storage
from agent.store.sql_tables import RunRow
from tests.bench import bare
from tests.bench.timing import BareFailed, Row, Say, Section, measure_time, wait_for
from tests.demo import play
from tests.demo.play import Play
from tests.demo.scenarios import SCENARIOS
from tests.simulator import actions, git_store
from tests.simulator.records import Issue

BAR = 1.5
_SCRIPT = Path(__file__).with_name("label_by_hand.sh")
_NOTE = """\
Environment, mirror, clone and the measurement of the base commit are there, and the service waits.
By hand the checks are not run on the base commit, and one check follows the other; ours has two
sandboxes open at a time where there are two processors."""


@dataclass(frozen=True)
class _Stand:
    """What both sides start from."""

    first: Play
    """With the issue of the first run, which is not measured."""
    scratch: Path
    venv: Path
    expected: str
    """The commit of the first run, to hold the other results against."""
    shell: dict[str, str]

    @property
    def clone(self) -> Path:
        return self.scratch / "label-clone"

    @property
    def patch(self) -> Path:
        """The edits of the recipe, without what Django produced."""
        return self.scratch / "label-edits.patch"


def measure(scratch: Path, rounds: int, say: Say) -> list[Section]:
    if shutil.which("curl") is None:
        raise BareFailed("the script by hand needs curl; install it: apt-get install curl")
    place = scratch / "label"
    home = place / "home"
    home.mkdir(mode=0o711, parents=True)
    place.chmod(0o711)  # sandboxes run as another user, who must be able to pass
    row = Row("label to pull request", [], [], BAR)
    with play.staging(home, place) as stage:
        first = play.put_on(stage, SCENARIOS["add-field"], place / "corner-shop")
        stand = _set_up(first, scratch, say)
        for number in range(-1, rounds):
            say(f"label: round {number + 1} of {rounds}")
            seconds, commit = carry_issue(replace(first, issue=_open_issue(first)))
            _require_equal(stand, commit)
            took = _do_by_hand(stand)
            if number >= 0:  # what is looked up or compiled once is no part of either side
                row.ours.append(seconds)
                row.bare.append(took)
    title = "An issue with the demo's ticket, from the label to the pull request, warm"
    return [Section("label", title, "by hand", [row], _NOTE)]


def carry_issue(shown: Play) -> tuple[float, str]:
    """Label an issue; return the seconds until its pull request is there, and the commit."""

    def await_pull() -> None:
        shown.label()
        wait_for(lambda: _find_pull(shown), "the pull request")

    seconds, _ = measure_time(await_pull)

    def find_end() -> RunRow | None:
        run = shown.run()
        return None if run is None or run.active else run

    run = wait_for(find_end, "the end of the run", look=0.05)
    if run.outcome is None or not run.outcome.is_done:
        raise BareFailed(f"the run of issue {shown.issue.number} opened no pull request")
    return seconds, run.outcome.commit or ""


def _do_by_hand(stand: _Stand) -> float:
    first, issue = stand.first, _open_issue(stand.first)
    work, branch = stand.scratch / "label-work", f"by-hand-{issue.number}"
    api = f"{first.stage.address}/api/v3/repos/{first.repository.full_name}"
    argv = [
        str(_SCRIPT), api, first.stage.world.token_for(play.MAINTAINER), str(issue.number),
        str(stand.clone), str(stand.venv), str(stand.patch), str(work), branch,
    ]  # fmt: skip
    seconds, _ = measure_time(lambda: bare.run(argv, stand.scratch, stand.shell))
    remove = ["git", "-C", str(stand.clone), "worktree", "remove", "--force", str(work)]
    bare.run(remove, stand.scratch, stand.shell)
    _require_equal(stand, git_store.branch(first.repository.git_dir, branch) or "")
    return seconds


def _set_up(first: Play, scratch: Path, say: Say) -> _Stand:
    """Run the ticket once by the service; return its patch and its packages."""
    say("label: first run, which makes the environment")
    _, expected = carry_issue(first)
    settings = Settings(home=first.stage.home)
    stored = storage.locate_environment(settings, "").glob("setup-*/environment")
    place = max(stored, key=lambda path: path.stat().st_mtime)
    say("label: the same packages in a plain virtual environment, and a clone")
    venv = bare.make_venv(place, scratch, settings)
    stand = _Stand(first, scratch, venv, expected, bare.make_environ(scratch, settings))
    edits = ("diff", "--binary", "main", expected, "--", ".", ":(exclude)*/migrations/*")
    stand.patch.write_bytes(git_store.run(first.repository.git_dir, *edits))
    token = first.stage.world.token_for(play.MAINTAINER)
    address = first.stage.address.replace("://", f"://{play.MAINTAINER}:{token}@")
    url = f"{address}/{first.repository.full_name}.git"
    bare.run(["git", "clone", "--quiet", url, str(stand.clone)], scratch, stand.shell)
    return stand


def _open_issue(first: Play) -> Issue:
    """Open an issue of the same words; while its change is proposed elsewhere, none is made."""
    world = first.stage.world
    with world.lock:
        reporter = world.user(play.REPORTER)
        for pull in first.repository.pulls():
            actions.set_state(pull, "closed", reporter)
        words = first.issue.title, first.issue.body
        return actions.open_issue(first.repository, reporter, *words, [])


def _find_pull(shown: Play) -> Issue | None:
    closes = re.compile(rf"Closes #{shown.issue.number}\b")
    with shown.stage.world.lock:
        pulls = shown.repository.pulls()
    return next((pull for pull in pulls if closes.search(pull.body or "")), None)


def _require_equal(stand: _Stand, commit: str) -> None:
    """Make sure that this side did the same work."""
    # Django writes the minute into a migration's first line.
    same = ("diff", "-I^# Generated by Django", stand.expected, commit)
    if difference := git_store.text(stand.first.repository.git_dir, *same):
        raise BareFailed(f"the results differ:\n{difference}")
