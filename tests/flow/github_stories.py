"""What stories about labelled issues are told with: a simulated GitHub and the real service."""

import itertools
import json
import re
import sqlite3
import subprocess
import time
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from agent.models.outcome import Outcome
from agent.store.sql_inbox import Inbox
from agent.store.sql_run_store import SqlRunStore
from agent.store.sql_tables import RunRow
from tests.demo import play
from tests.demo.play import LABEL, MAINTAINER, OWNER, REPORTER, Stage
from tests.faulty_github import Asked, Fault, Kind
from tests.flow import stories
from tests.folders import lay_files
from tests.processes import wait_until
from tests.signed_logs import assert_signed
from tests.simulator import actions
from tests.simulator.records import CheckRun, Comment, Issue, Repository, User

TITLE = "Coins need a note"
_FIELD = "note = models.CharField(max_length=50, blank=True, default='')"
BODY = f"Add `{_FIELD}` to `till.Coin`.\n"
#: The same for another model.
OTHER_BODY = BODY.replace("Coin", "Purse")
#: Names a model that is not there, which is asked about.
WRONG = BODY.replace("Coin", "Coyn")
MODELS = "till/models.py"
#: A field and its migration, as people add them to the base.
_TINT = (
    "from django.db import migrations, models\n\n\nclass Migration(migrations.Migration):\n"
    '    dependencies = [("till", "0001_initial")]\n    operations = [\n'
    '        migrations.AddField("purse", "tint", models.CharField(default="", max_length=20)),\n'
    "    ]\n"
)
_OWNER = "    owner = models.CharField(max_length=50)\n"
#: Small, so that a run of it takes a moment.
FILES: Mapping[str, str] = {
    "pyproject.toml": (
        '[project]\nname = "till"\nversion = "1.0"\nrequires-python = ">=3.11"\n'
        'dependencies = ["django>=5.2,<5.3"]\n'
    ),
    "manage.py": (
        "import os\nimport sys\n\nfrom django.core.management import execute_from_command_line\n\n"
        'os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config")\n'
        "execute_from_command_line(sys.argv)\n"
    ),
    "config.py": (
        'SECRET_KEY = "of a sample"\nINSTALLED_APPS = ["till"]\n'
        'DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"\n'
        'DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}}\n'
    ),
    "till/__init__.py": "",
    MODELS: (
        '"""What is in the till."""\n\nfrom django.db import models\n\n\n'
        "class Purse(models.Model):\n    owner = models.CharField(max_length=50)\n\n\n"
        "class Coin(models.Model):\n    value = models.IntegerField(default=1)\n\n"
        "    def total(self, coins: list[int]) -> int:\n"
        '        """Add the coins up."""\n        found = sum(coins)\n        return found\n'
    ),
    "till/migrations/__init__.py": "",
    "till/migrations/0001_initial.py": (
        "from django.db import migrations, models\n\n\n"
        "class Migration(migrations.Migration):\n    initial = True\n    operations = [\n"
        + "".join(
            f'        migrations.CreateModel("{name}", [\n'
            '            ("id", models.BigAutoField(auto_created=True, primary_key=True,'
            ' serialize=False, verbose_name="ID")),\n'
            f'            ("{field}", models.{kind}),\n        ]),\n'
            for name, field, kind in (
                ("Purse", "owner", "CharField(max_length=50)"),
                ("Coin", "value", "IntegerField(default=1)"),
            )
        )
        + "    ]\n"
    ),
    "till/tests.py": (
        "from django.test import SimpleTestCase\n\nfrom till.models import Coin\n\n\n"
        "class CoinTest(SimpleTestCase):\n    def test_total(self):\n"
        "        self.assertEqual(Coin().total([1, 2]), 3)\n"
    ),
}
_numbers = itertools.count(1)


@dataclass
class Story:
    """One repository with one issue, and what becomes of it."""

    stage: Stage
    folder: Path
    repository: Repository
    issue: Issue
    since: int
    """Number of the last request before."""

    # --- what people do ------------------------------------------------------------------------

    def label(self, by: str = MAINTAINER) -> None:
        world = self.stage.world
        with world.lock:
            label = self.repository.labels[LABEL]
            actions.add_labels(self.issue, [label], world.user(by))

    def unlabel(self) -> None:
        world = self.stage.world
        with world.lock:
            actions.remove_label(self.issue, self.repository.labels[LABEL], world.user(MAINTAINER))

    def edit(self, title: str | None = None, body: str | None = None) -> None:
        world = self.stage.world
        with world.lock:
            actions.edit(self.issue, world.user(REPORTER), title=title, body=body)

    def comment(self, body: str, by: str = MAINTAINER) -> Comment:
        world = self.stage.world
        with world.lock:
            return actions.comment(self.issue, world.user(by), body)

    def person(self, login: str = MAINTAINER) -> httpx.Client:
        return self.stage.world.open_client(self.repository, login)

    def review(self, *remarks: tuple[str, int, str]) -> None:
        """Ask for changes of the one pull request."""
        (pull,) = self.pulls()
        comments = [{"path": path, "line": line, "body": words} for path, line, words in remarks]
        made = {"event": "REQUEST_CHANGES", "body": "", "comments": comments}
        with self.person() as client:
            client.post(f"/pulls/{pull.number}/reviews", json=made).raise_for_status()

    def say(self, body: str) -> Comment:
        """Write a comment in the conversation of the one pull request."""
        (pull,) = self.pulls()
        world = self.stage.world
        with world.lock:
            return actions.comment(pull, world.user(MAINTAINER), body)

    def push(self, path: str, text: str, message: str, branch: str = "") -> str:
        """Commit a file to a branch, by default the pull request's; return the commit.

        It is pushed over HTTP, so that the code host tells of it.
        """
        branch = branch or self.branches()[0]
        tree = stories.Repository(self.folder / f"push-{next(_numbers)}")
        tree.path.mkdir()
        tree.git("clone", "-q", "-b", branch, str(self.repository.git_dir), ".")
        tree.write(path, text)
        commit = tree.commit(message)
        world = self.stage.world
        with world.lock:
            token = world.token_for(MAINTAINER)
        host = self.stage.address.partition("://")[2]
        url = f"http://x-access-token:{token}@{host}/{self.name}.git"
        tree.git("push", "-q", url, f"HEAD:refs/heads/{branch}")
        return commit

    def fault(self, kind: Kind, method: str = "*", path: str = "*", **more: object) -> Fault:
        """Make requests fail; a path is below the repository's API, or begins with a slash."""
        return self.stage.world.faults.fail(self.name, kind, method, path, **more)

    # --- what comes of it ----------------------------------------------------------------------

    @property
    def name(self) -> str:
        """`owner/name`."""
        return self.repository.full_name

    @property
    def us(self) -> User:
        """Our own account."""
        return self.stage.app.bot

    def runs(self) -> list[RunRow]:
        rows = self._rows()
        if not rows:
            return []
        with closing(SqlRunStore(self.stage.home)) as store:
            return [store.get_run(run_id) for run_id, _ in rows]

    def _rows(self) -> list[tuple[str, bool]]:
        """List the id of every run, and whether it is over: cheap, as it is asked again and again."""
        place = self.stage.home / "mergewright.sqlite"
        if not place.exists():
            return []
        query = (
            "SELECT run_id, outcome IS NOT NULL FROM runs WHERE repository_id = ? AND number = ?"
            " ORDER BY queued_at, run_id"
        )
        with closing(sqlite3.connect(f"file:{place}?mode=ro", uri=True, timeout=30)) as database:
            try:
                return database.execute(query, (self.repository.id, self.issue.number)).fetchall()
            except sqlite3.OperationalError as problem:
                if "no such table" in str(problem):
                    return []
                raise

    def ended(self, attempt: int = 1) -> Outcome:
        def over() -> Outcome | None:
            rows = self._rows()
            if len(rows) < attempt or not rows[attempt - 1][1]:
                return None
            return self.runs()[attempt - 1].outcome

        return wait_until(over, 120, f"the end of run {attempt} of {self.name}")

    def decided(self) -> list[tuple[str, str]]:
        """Wait until a delivery of the label is decided: outcome and reason of each that is."""
        return wait_until(self.list_decided, 60, f"the decision on {self.name}")

    def list_decided(self) -> list[tuple[str, str]]:
        with closing(Inbox(self.stage.home)) as inbox:
            rows = [inbox.find(delivery) for delivery in self.labelled()]
        return [(row.outcome, row.reason) for row in rows if row is not None and row.outcome]

    def labelled(self) -> list[str]:
        """List the ids of the deliveries about the label on the issue, each once."""
        numbers = []
        for package in list(self.stage.world.hooks.log):
            if (package.event, package.action) != ("issues", "labeled"):
                continue
            payload = json.loads(package.body)
            here = (payload["repository"]["id"], payload["issue"]["number"])
            if payload["label"]["name"] == LABEL and here == (
                self.repository.id,
                self.issue.number,
            ):
                numbers.append(package.guid)
        return list(dict.fromkeys(numbers))

    def comments(self) -> list[Comment]:
        return [comment for comment in self.issue.comments if comment.author is self.us]

    def pulls(self) -> list[Issue]:
        """List the pull requests that are there for the issue."""
        ours = f"mergewright/{self.issue.number}-"
        return [
            pull
            for pull in self.repository.pulls()
            if pull.pull and pull.pull.head_ref.startswith(ours)
        ]

    def checks(self) -> list[CheckRun]:
        """Check runs on the branches that are there for the issue."""
        heads = {self.git("rev-parse", f"refs/heads/{name}").strip() for name in self.branches()}
        return [run for run in self.repository.check_runs.values() if run.head_sha in heads]

    def git(self, *args: str) -> str:
        """Ask git in the repository at GitHub."""
        done = subprocess.run(
            ["git", "--git-dir", str(self.repository.git_dir), *args],
            capture_output=True, text=True, check=True, timeout=30,
        )  # fmt: skip
        return done.stdout

    def branches(self) -> list[str]:
        """List the branches of ours that are there for the issue."""
        ours = f"refs/heads/mergewright/{self.issue.number}-*"
        return self.git("for-each-ref", "--format=%(refname:short)", ours).split()

    def sign(self, comment: Comment) -> list[str]:
        wait_until(lambda: comment.reactions, 60, f"a reaction in {self.name}")
        assert all(reaction.user is self.us for reaction in comment.reactions)
        return [reaction.content for reaction in comment.reactions]

    def events(self, attempt: int = 1) -> list[dict[str, Any]]:
        """Read what a run has recorded so far."""
        folder = self.stage.home / "runs" / self.runs()[attempt - 1].run.run_id
        try:
            lines = (folder / "events.jsonl").read_text().splitlines()
        except FileNotFoundError:
            return []
        return [json.loads(line) for line in lines if line.endswith("}")]

    def started(self, since: int = 0, attempt: int = 1) -> list[str]:
        """List the names of the steps that were begun after so many events."""
        events = self.events(attempt)[since:]
        return [event["step"] for event in events if event["event"] == "started"]

    def begun(self, step: str) -> None:
        """Wait until a step of the run is under way."""
        wait_until(self.runs, 60, f"the run of {self.name}")
        there = f"the step {step} in {self.name}"
        wait_until(lambda: step in self.started(), 90, there)

    def requests(self, path: str = "*") -> list[Asked]:
        """List the requests to GitHub since the story began."""
        # A request is noted when it is over, which may be after its answer has arrived.
        time.sleep(0.1)
        return self.stage.world.requests.find(path, self.since)

    def log(self) -> str:
        folder = self.stage.home / "runs" / self.runs()[0].run.run_id
        return (folder / "run.log").read_text()

    def assert_ready(self) -> Issue:
        """Check that a finished story left what a run without any trouble leaves, exactly once."""
        outcome = self.ended()
        assert outcome.reason.value == "ready", outcome.sentence
        log = assert_signed(self.stage.home, outcome.run_id)
        assert log.events.commit == outcome.commit
        (pull,) = self.pulls()
        (comment,) = self.comments()
        (check,) = self.checks()
        assert pull.pull is not None
        assert self.branches() == [pull.pull.head_ref]
        assert outcome.branch == pull.pull.head_ref
        assert pull.pull.head_sha == outcome.commit == check.head_sha
        assert self.git("rev-list", "--count", f"main..{outcome.branch}").strip() == "1"
        assert (check.status, check.conclusion) == ("completed", "success")
        assert f"Closes #{self.issue.number}" in (pull.body or "")
        state = "is open" if pull.pull.draft else "is ready for review"
        assert state in comment.body
        assert re.search(rf"(#|/pull/){pull.number}\b", comment.body), comment.body
        assert [(reaction.user, reaction.content) for reaction in self.issue.reactions] == [
            (self.us, "eyes")
        ]
        return pull

    def assert_nothing_pushed(self) -> None:
        """Check that only words on the issue have come of it."""
        assert self.branches() == []
        assert self.pulls() == []
        assert self.checks() == []


def push_tint(story: Story) -> str:
    """Add a field and its migration to the base, as people would."""
    field = "    tint = models.CharField(default='', max_length=20)\n"
    story.push(MODELS, FILES[MODELS].replace(_OWNER, _OWNER + field), "Tint purses", branch="main")
    return story.push("till/migrations/0002_tint.py", _TINT, "Migrate it", branch="main")


def make_story(
    stage: Stage,
    folder: Path,
    *,
    title: str = TITLE,
    body: str = BODY,
    files: Mapping[str, str] = FILES,
    owner: str = OWNER,
    fresh: bool = False,
) -> Story:
    """Begin a story: an issue without a label, in a small repository.

    Args:
        fresh: Its checks on base have not been measured yet, even if another story had its files.
    """
    world = stage.world
    number = next(_numbers)
    source = folder / f"till-{number}"
    lay_files(source, files)
    if not fresh:
        history = stories.Repository(source)
        history.git("init", "-q", "-b", "main")
        history.commit("Count what is in the till")
    repository = play.make_repository(world, f"{owner}/till", source, {}, on_sample=False)
    issue = actions.open_issue(repository, world.user(REPORTER), title, body, [])
    return Story(stage, folder, repository, issue, world.requests.next_number())
