"""From the label on an issue to its pull request, against a script of the same commands.

Both sides talk to one simulated GitHub over HTTP and git, start from the same commit, and end with
a pull request whose files are equal. Ours is the service as an operator starts it, which waits for
the webhook. By hand there is no policy, no sandbox and no text; everything is done with the same
packages, in a clone and an environment that are there.
"""

from __future__ import annotations

import itertools
import re
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from agent.demo import play
from agent.demo.play import Play
from agent.demo.scenarios import SCENARIOS
from agent.demo.simulator import actions, git_store
from agent.demo.simulator.records import Issue
from agent.environments import storage
from agent.environments.assembly import RECORD, Stored
from agent.models.outcome import StoredRun
from agent.settings import Settings
from tests.bench import bare, timing
from tests.bench.waiting import LOOK_SECONDS, awaited

BAR = 1.10
_SECONDS = 900.0
_START_SECONDS = 60.0
_SCRIPT = Path(__file__).with_name("label_by_hand.sh")
#: What stands in the script beside one or several of our steps.
_BY_HAND = {
    "checkout": ("fetch", "checkout"),
    "edit": ("edit",),
    "checks 1": ("checks",),
    "publish": ("pull request",),
}
_TOTAL, _SIGN, _START = "label to pull request", "label to first sign", "label to start of run"

Say = Callable[[str], None]
Seconds = dict[str, float]


@dataclass(frozen=True)
class _Stand:
    """What both sides start from."""

    first: Play
    """With the issue of the first run, which is not measured."""
    scratch: Path
    clone: Path
    venv: Path
    patch: Path
    """The edits of the recipe, without what Django produced."""
    expected: str
    """The commit of the first run, to hold the other results against."""
    shell: dict[str, str]


@dataclass(frozen=True)
class _Round:
    """What one side took."""

    seconds: Seconds
    requests: int
    """To GitHub's API."""


def measure(scratch: Path, rounds: int, say: Say) -> list[timing.Section]:
    """Time the demo's ticket from an issue, warm, both sides in turn."""
    if shutil.which("curl") is None:
        raise bare.BareFailed("the script by hand needs curl; install it: apt-get install curl")
    place = scratch / "label"
    home = place / "home"
    home.mkdir(mode=0o711, parents=True)
    place.chmod(0o711)  # sandboxes run as another user, who must be able to pass
    ours: list[_Round] = []
    hand: list[_Round] = []
    with play.staging(home, place) as stage:
        first = play.put_on(stage, SCENARIOS["add-field"], place / "corner-shop")
        stand = _set_up(first, scratch, say)
        for number in range(-1, rounds):
            say(f"label: round {number + 1} of {rounds}" if number >= 0 else "label: warming up")
            sides: list[tuple[list[_Round], Callable[[_Stand], _Round]]] = [
                (ours, _ours),
                (hand, _by_hand),
            ]
            for taken, side in sides if number % 2 else reversed(sides):
                took = side(stand)
                if number >= 0:  # what is looked up or compiled once is no part of either side
                    taken.append(took)
    return [_section(ours, hand)]


def _section(ours: list[_Round], hand: list[_Round]) -> timing.Section:
    def row(name: str, bar: float | None = None) -> timing.Row:
        return timing.Row(
            name,
            [one.seconds[name] for one in ours],
            [one.seconds[name] for one in hand if name in one.seconds],
            bar,
        )

    steps = [
        name
        for name in ours[0].seconds
        if name not in (_TOTAL, _SIGN, _START)
        and (name in hand[0].seconds or any(one.seconds[name] >= 0.01 for one in ours))
    ]
    requests = [sorted({one.requests for one in side}) for side in (ours, hand)]
    told = [" or ".join(str(count) for count in side) for side in requests]
    note = f"""\
Environment, mirror, clone and the measurement of the base commit are there, and the service waits.
By hand nobody runs the checks on the base commit, and one check follows the other; ours has two
sandboxes open at a time where there are two processors. The first sign is a reaction or a comment on
the issue. Our last step goes on after the pull request is there: check run, comment, labels.
Requests to the API: ours {told[0]} from the label to the end of the run, by hand {told[1]}."""
    rows = [row(_TOTAL, BAR), row(_SIGN), row(_START), *(row(name) for name in steps)]
    title = "An issue with the demo's ticket, from the label to the pull request, warm"
    return timing.Section("label", title, "by hand", rows, note)


# --- the two sides ---------------------------------------------------------------------------


def _ours(stand: _Stand) -> _Round:
    """Label a new issue and wait until GitHub shows its pull request, then until the run ends."""
    shown = replace(stand.first, issue=_new_issue(stand.first))
    took, run = carry_labelled(shown)
    assert run.outcome is not None
    _require_equal(stand, run.outcome.commit or "")
    return took


def carry_new_issue(first: Play) -> float:
    """Label a new issue; return the seconds to its pull request."""
    return carry_labelled(replace(first, issue=_new_issue(first)))[0].seconds[_TOTAL]


def carry_labelled(shown: Play) -> tuple[_Round, StoredRun]:
    """Label an issue, and wait for its pull request and the end of its run."""
    world, number = shown.stage.world, shown.issue.number
    since, clock, begun = world.requests.next_number(), time.time(), time.perf_counter()
    shown.label()
    sign = _until(shown, shown.noticed, begun)
    total = _until(shown, lambda: _pull(shown) is not None, begun)
    run = _ended(shown)
    if run.outcome is None or not run.outcome.is_done or run.started_at is None:
        told = run.outcome.sentence if run.outcome else "it has no outcome"
        raise bare.BareFailed(f"the run of issue {number} opened no pull request: {told}")
    before = {_TOTAL: total, _SIGN: sign, _START: run.started_at - clock}
    requests = len(world.requests.find("/api/*", since))
    return _Round({**before, **shown.seconds(run)}, requests), run


def _by_hand(stand: _Stand) -> _Round:
    """Run the script for a new issue; return its seconds under the names of our steps."""
    first, world = stand.first, stand.first.stage.world
    issue = _new_issue(first)
    work, marks, branch = (stand.scratch / name for name in ("label-work", "marks", "by-hand"))
    api = f"{first.stage.address}/api/v3/repos/{first.repository.full_name}"
    argv = [
        str(_SCRIPT), api, world.token_for(play.MAINTAINER), str(issue.number),
        str(stand.clone), str(stand.venv), str(stand.patch), str(work),
        f"{branch.name}-{issue.number}", str(marks),
    ]  # fmt: skip
    since = world.requests.next_number()
    try:
        total, _ = timing.taken(lambda: bare.run(argv, stand.scratch, stand.shell))
        points = [line.split(" ", 1) for line in marks.read_text().splitlines()]
    finally:
        marks.unlink(missing_ok=True)
    bare.run(
        ["git", "-C", str(stand.clone), "worktree", "remove", "--force", str(work)],
        stand.scratch,
        stand.shell,
    )
    parts = {
        name: float(now) - float(then) for (then, _), (now, name) in itertools.pairwise(points)
    }
    head = git_store.branch(first.repository.git_dir, argv[-2])
    _require_equal(stand, head or "")
    told = {step: sum(parts[name] for name in names) for step, names in _BY_HAND.items()}
    requests = len(world.requests.find("/api/*", since))
    return _Round({_TOTAL: total, _SIGN: parts["sign"], **told}, requests)


# --- what they start from --------------------------------------------------------------------


def _set_up(first: Play, scratch: Path, say: Say) -> _Stand:
    """Let the service do the ticket once; take the patch and the packages from that."""
    say("label: first run, which makes the environment")
    _, run = carry_labelled(first)
    assert run.outcome is not None
    expected = run.outcome.commit or ""
    patch = scratch / "label-edits.patch"
    edits = ("diff", "--binary", "main", expected, "--", ".", ":(exclude)*/migrations/*")
    patch.write_bytes(git_store.run(first.repository.git_dir, *edits))
    settings = Settings(home=first.stage.home)
    stored = storage.locate_environment(settings, "").glob(f"*/{RECORD}")
    place = max(stored, key=lambda one: one.stat().st_mtime)
    environment = Stored.model_validate_json(place.read_bytes()).environment
    say("label: the same packages in a plain virtual environment, and a clone")
    shell = bare.environ(scratch, settings)
    clone = scratch / "label-clone"
    token = first.stage.world.token_for(play.MAINTAINER)
    url = first.stage.address.replace("://", f"://{play.MAINTAINER}:{token}@")
    clones = ["git", "clone", "--quiet", f"{url}/{first.repository.full_name}.git", str(clone)]
    bare.run(clones, scratch, shell)
    return _Stand(
        first=first,
        scratch=scratch,
        clone=clone,
        venv=bare.make_venv(environment, scratch, settings),
        patch=patch,
        expected=expected,
        shell=shell,
    )


def _new_issue(first: Play) -> Issue:
    """Open another issue with the same ticket, whose change no open pull request has."""
    world = first.stage.world
    with world.lock:
        for pull in first.repository.pulls():
            if pull.state == "open":
                actions.set_state(pull, "closed", world.user(play.MAINTAINER))
        return actions.open_issue(
            first.repository, world.user(play.REPORTER), first.issue.title,
            first.issue.body, [],
        )  # fmt: skip


def _until(shown: Play, reached: Callable[[], bool], begun: float) -> float:
    """Wait for something on GitHub; return the seconds since the label."""
    looked = 0.0
    while not reached():
        seconds = time.perf_counter() - begun
        if seconds > looked + 1:  # now and then: a run that has ended otherwise would never do it
            looked = seconds
            run = shown.run()
            if run is None and seconds > _START_SECONDS:
                raise bare.BareFailed(f"no run came of the label: {shown.refusal()}")
            if run is not None and not run.active and not reached():
                told = run.outcome.sentence if run.outcome else "it has no outcome"
                raise bare.BareFailed(f"the run ended without a pull request: {told}")
        if seconds > _SECONDS:
            raise bare.BareFailed(f"nothing came of the label within {_SECONDS:.0f} s")
        time.sleep(LOOK_SECONDS)
    return time.perf_counter() - begun


def _pull(shown: Play) -> Issue | None:
    """Find the pull request that closes the issue."""
    closes = re.compile(rf"Closes #{shown.issue.number}\b")
    with shown.stage.world.lock:
        pulls = shown.repository.pulls()
    return next((pull for pull in pulls if closes.search(pull.body or "")), None)


def _ended(shown: Play) -> StoredRun:
    def over() -> StoredRun | None:
        run = shown.run()
        return None if run is None or run.active else run

    return awaited(over, f"the end of the run of issue {shown.issue.number}", look=0.05)


def _require_equal(stand: _Stand, commit: str) -> None:
    """Make sure that this side did the same work."""
    # Django writes the minute into a migration's first line.
    same = ("diff", "-I^# Generated by Django", stand.expected, commit)
    if difference := git_store.text(stand.first.repository.git_dir, *same):
        raise bare.BareFailed(f"the results differ:\n{difference}")
