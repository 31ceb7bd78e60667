"""What a ticket has come to, in a form in which two tickets of one kind are equal.

Every value is a list: what is there once is one entry, what was done twice is two.
"""

import io
import json
import re
from collections import Counter

from agent import settings
from agent.errors import LogUnusable
from agent.telemetry import run_events, signature
from tests.chaos.ground import Ground
from tests.chaos.tickets import Ticket
from tests.simulator import git_store
from tests.simulator.records import CheckRun, Comment, Issue

Effects = dict[str, list[str]]


def of(ground: Ground, ticket: Ticket) -> Effects:
    """Describe everything that a ticket has come to, on GitHub and in our own store."""
    with ground.world.lock:
        return _Told(ground, ticket).effects()


def creations(ground: Ground) -> dict[str, Counter[str]]:
    """Count what was created, by repository; what is gone or hidden by now counts as well.

    From the requests that GitHub has answered with 201, and its record of every branch.
    """
    counts: dict[str, Counter[str]] = {}
    for request in ground.world.requests.find("/api/v3/repos/*", method="POST"):
        _, _, _, _, owner, name, kind, *rest = request.path.split("/")
        if request.status == 201 and (kind in ("pulls", "check-runs") or rest[1:]):
            kind_of_write = kind if not rest else rest[-1]
            if kind_of_write in ("pulls", "check-runs", "comments", "reactions", "refs"):
                counts.setdefault(f"{owner}/{name}", Counter())[kind_of_write] += 1
    for repository in ground.world.repositories.values():
        moves = counts.setdefault(repository.full_name, Counter())
        for path in repository.git_dir.glob("logs/refs/heads/mergewright/**/*"):
            if path.is_file():
                moves["moves of branches"] += len(path.read_text().splitlines())
    return counts


class _Told:
    def __init__(self, ground: Ground, ticket: Ticket) -> None:
        self._ground = ground
        self._ticket = ticket
        self._repository = ticket.repository
        self._issue = ticket.issue
        self._us = ground.app.bot
        self._git_dir = ticket.repository.git_dir
        rows = ground.rows(
            "SELECT run_id, state, coalesce(outcome, '{}'), active FROM runs"
            " WHERE repository_id = ? AND number = ?",
            ticket.repository.id,
            ticket.issue.number,
        )
        self._runs = [
            (run_id, state, json.loads(str(outcome)).get("reason"), int(bool(active)))
            for run_id, state, outcome, active in rows
        ]
        ours = re.compile(rf"mergewright/{ticket.issue.number}-")
        self._branches = {
            name.removeprefix("refs/heads/"): commit
            for name, commit in git_store.references(self._git_dir).items()
            if ours.match(name.removeprefix("refs/heads/"))
        }
        self._pulls = [
            pull
            for pull in self._repository.pulls()
            if pull.pull and ours.match(pull.pull.head_ref)
        ]

    def effects(self) -> Effects:
        issue = self._issue
        heads = set(self._branches.values())
        ours = {str(run[0]) for run in self._runs}
        return {
            "run": [f"{state} {reason} active={active}" for _, state, reason, active in self._runs],
            "log": [problem for run in self._runs for problem in self._verify_log(str(run[0]))],
            "branch": [self._branch(*item) for item in sorted(self._branches.items())],
            "pull request": [self._pull(pull) for pull in self._pulls],
            "words on the pull request": [
                self._comment(comment) for pull in self._pulls for comment in pull.comments
            ],
            "check": [
                self._check(check_run)
                for check_run in self._repository.check_runs.values()
                # Equal changes of one second are one commit, so another issue may report on it too.
                if check_run.head_sha in heads and check_run.external_id in ours
            ],
            "comment": [self._comment(comment) for comment in issue.comments],
            "label": [label.name for label in issue.labels],
            "label set or taken": [
                f"{happening.event} {happening.label.name}"
                for happening in issue.happenings
                if happening.label is not None and happening.actor is self._us
            ],
            "reaction": [
                f"{reaction.content} by {reaction.user.login}" for reaction in issue.reactions
            ],
            "issue": [f"{issue.state} {issue.title}"],
        }

    def _verify_log(self, run_id: str) -> list[str]:
        key = signature.load_key(settings.Settings(home=self._ground.home.parent))
        folder, exported = self._ground.find_folder(run_id), io.BytesIO()
        try:
            signature.export_run(folder, exported)
            log, problems = signature.verify_run(exported, signature.name_key(key))
        except LogUnusable as problem:
            return [problem.message]
        events = (folder / run_events.FILE_NAME).read_bytes()
        is_whole = log.events.size == len(events)
        ends = [json.loads(line)["event"] for line in events.splitlines()][-1:]
        return [*problems, *(() if is_whole and ends == ["ended"] else ("its end is missing",))]

    def _branch(self, name: str, commit: str) -> str:
        read = git_store.read_commit(self._git_dir, commit)
        diff = git_store.text(self._git_dir, "diff", "--full-index", f"{commit}^", commit)
        base = git_store.references(self._git_dir)["refs/heads/main"]
        where = "on main" if read.parents == (base,) else f"on {read.parents}"
        author = f"{read.author.name} <{read.author.email}>"
        return self._plain(f"{name} {where}, by {author}: {read.message}\n{diff}")

    def _pull(self, issue: Issue) -> str:
        pull = issue.pull
        assert pull is not None
        head = "its branch" if pull.head_sha == self._branches.get(pull.head_ref) else "elsewhere"
        facts = f"{issue.state} {pull.draft} {pull.base_ref} <- {pull.head_ref} at {head}"
        labels = sorted(label.name for label in issue.labels)
        return self._plain(f"{facts} by {issue.author.login} {labels} {issue.title}\n{issue.body}")

    def _check(self, check: CheckRun) -> str:
        words = f"{check.name} {check.external_id} {check.status} {check.conclusion} {check.title}"
        return self._plain(f"{words}\n{check.summary}")

    def _comment(self, comment: Comment) -> str:
        # Which checks had ended beside one that fails is a matter of time: rows and logs tell that.
        shown = re.sub(r"(?m)^\|.*\n", "", comment.body.partition("<details>")[0])
        return self._plain(f"{comment.author.login}: {shown}")

    def _plain(self, text: str) -> str:
        """Remove what differs between two runs of one kind: names, numbers, times."""
        text = text.replace(self._repository.full_name, "REPOSITORY")
        text = text.replace(self._ground.address, "GITHUB")
        text = re.sub(r"(?<=It took ).*?(?= and cost)", "TIME", text)
        # A stage of less than a tenth of a second tells no time.
        text = re.sub(r":? ?\b\d+\.\d+ s\b|(?<= in )\d+\.\d+s =+|={3,}", "", text)
        # Django writes the minute into a migration; the blob's name follows from that.
        text = re.sub(r"(?m)^index .*$|(?<=Generated by Django ).*", "", text)
        # Ids, commits, numbers of issues and comments, dates and ports.
        return re.sub(r"\b[0-9a-f]{6,}\b|\d+", "N", text)
