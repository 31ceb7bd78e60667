"""Play a scenario: a simulated GitHub with a repository and an issue, and the service beside it.

Only GitHub is simulated. The service starts as an operator starts it. A signed webhook reports the
label, and the service opens its pull request over HTTP and git.
"""

import fcntl
import os
import secrets
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import httpx

from agent.dashboard import run_record
from agent.errors import PermanentError
from agent.settings import HEARTBEAT, Settings
from agent.store.sql_run_store import SqlRunStore
from agent.store.sql_tables import RunRow
from tests import scripted
from tests.demo import recorded
from tests.demo.scenarios import Scenario
from tests.folders import lay_files
from tests.processes import bind_to_us, find_free_port, listening, wait_until
from tests.simulator import actions, git_store, serving
from tests.simulator.records import App, Issue, Repository
from tests.simulator.world import World

SAMPLE = Path(__file__).with_name("sample_project")
OWNER = "corner-shop"
REPOSITORY = f"{OWNER}/shop"
#: One for each scenario of a demo.
_REPOSITORIES = ("shop", "market")
LABEL = "mergewright"
MAINTAINER = "maria"
REPORTER = "carl"
"""May write issues and comments, and nothing else."""
_RECENT = 100
_READY_SECONDS = 180.0
#: An operator's access to the real GitHub and to models has no part in a play.
_OUR_OWN = frozenset(
    f"MERGEWRIGHT_{name}"
    for name in (
        *("GITHUB_TOKEN", "GITHUB_TOKEN_FILE", "WEBHOOK_SECRET", "LABEL", "LISTEN_HOST"),
        *("DASHBOARD", "DASHBOARD_HOST", "GITHUB_CLIENT_ID", "GITHUB_CLIENT_SECRET_FILE"),
        *("MODEL", "MODEL_EDITOR", "MODEL_REVIEWER", "MODEL_ROUTES"),
    )
)
#: What belongs to one play; what is costly to make stays beside it.
_STATE = ("inbox.sqlite*", "mergewright.sqlite*", HEARTBEAT)


@dataclass(frozen=True)
class Stage:
    """A simulated GitHub, and the service beside it."""

    world: World
    address: str
    """Of the simulated GitHub."""
    app: App
    environ: dict[str, str]
    """Variables of the service."""
    log: Path
    """Takes what it prints."""
    home: Path
    """Its data folder."""
    store: SqlRunStore
    dashboard: str = ""
    """Address of the service's dashboard; empty: there is none."""


@dataclass(frozen=True)
class Play:
    scenario: Scenario
    stage: Stage
    repository: Repository
    issue: Issue

    @property
    def issue_url(self) -> str:
        return f"{self.stage.address}/{self.repository.full_name}/issues/{self.issue.number}"

    def label(self) -> None:
        """Set the label, as the scenario's person; the webhook goes out at once."""
        world = self.stage.world
        with world.lock:
            label = self.repository.labels[LABEL]
            person = world.user(MAINTAINER)
            actions.add_labels(self.issue, [label], person)

    def review(self) -> None:
        """Ask for a further change of the pull request, on a line of it."""
        pull = self.pull()
        assert pull is not None
        assert pull.pull is not None
        shown = git_store.text(
            self.repository.git_dir, "show", f"{pull.pull.head_sha}:{recorded.SERVICES}"
        ).splitlines()
        line = next(at for at, text in enumerate(shown, 1) if recorded.REMARK_AT in text)
        remark = {"path": recorded.SERVICES, "line": line, "body": recorded.REMARK}
        sent = {"event": "REQUEST_CHANGES", "body": "", "comments": [remark]}
        with self.stage.world.open_client(self.repository, MAINTAINER) as client:
            client.post(f"pulls/{pull.number}/reviews", json=sent).raise_for_status()

    def pull(self) -> Issue | None:
        pulls = [issue for issue in self.repository.issues.values() if issue.pull is not None]
        return pulls[-1] if pulls else None

    def run(self) -> RunRow | None:
        """Return the newest run of the issue, once there is one."""
        for stored in self.stage.store.list_latest(_RECENT, self.repository.full_name):
            ours = self.repository.id, self.issue.number
            issue = stored.run.snapshot and stored.run.snapshot.issue
            if issue and (issue.repository_id, issue.number) == ours:
                return stored
        return None

    def run_page(self, run: RunRow) -> str:
        return f"{self.stage.dashboard}/runs/{run.run.run_id}"

    def get_pull_url(self, pull: Issue) -> str:
        return f"{self.stage.address}/{self.repository.full_name}/pull/{pull.number}"

    def read_record(self, run: RunRow) -> run_record.RunRecord:
        """Read what is on record of a run so far."""
        return run_record.read_record(run_record.find_folder(self.stage.home, run.run.run_id))


@contextmanager
def playing(
    scenarios: Sequence[Scenario], settings: Settings, folder: Path
) -> Iterator[list[Play]]:
    """Set the stage for scenarios; everything is up while the block runs.

    Args:
        settings: Of the operator; the service works in a folder of its own below their `home`,
            so that environments are made once.
        folder: Scratch, gone when the caller says so.

    Raises:
        PermanentError: Another demo is under way, or the service does not start.
    """
    home = settings.home / "demo"
    home.mkdir(parents=True, exist_ok=True, mode=0o711)
    with _alone(home), ExitStack() as stack:
        more: dict[str, str] = {}
        if any(scenario.is_recorded for scenario in scenarios):
            more = stack.enter_context(serving_recorded())
        stage = stack.enter_context(staging(home, folder, None, **more))
        yield [
            put_on(stage, scenario, folder / scenario.name, f"{OWNER}/{name}")
            for scenario, name in zip(scenarios, _REPOSITORIES, strict=False)
        ]


@contextmanager
def serving_recorded() -> Iterator[dict[str, str]]:
    """Serve the recorded model; give the settings of a service that asks it."""
    with scripted.serving(recorded.reply) as server:
        environ = server.environ("chat", recorded.NAME)
        yield {
            **environ,
            "MERGEWRIGHT_MODEL_PRICES": f"{environ['MERGEWRIGHT_MODEL']}=3/15",
            # A person who reviews is answered at once.
            "MERGEWRIGHT_QUIET_SECONDS": "1",
        }


@contextmanager
def staging(home: Path, folder: Path, world: World | None = None, **more: str) -> Iterator[Stage]:
    """Start the simulated GitHub with our App in it, and the service; both end with the block.

    Args:
        home: The service's data folder.
        folder: Scratch, gone when the caller says so.
        world: The simulated GitHub; None: a new one.
        more: Further variables of the service.

    Raises:
        PermanentError: The service does not start.
    """
    world = world or World(folder / "github")
    with serving.running(world) as address:
        port, health, pages = find_free_port(), find_free_port(), find_free_port()
        listener, dashboard = f"http://127.0.0.1:{port}", f"http://127.0.0.1:{pages}"
        app, of_app = people_and_app(world, listener, folder)
        environ = {
            **of_app,
            "MERGEWRIGHT_HOME": str(home),
            "MERGEWRIGHT_LISTEN_PORT": str(port),
            "MERGEWRIGHT_HEALTH_PORT": str(health),
            "MERGEWRIGHT_PUBLIC_URL": listener,
            "MERGEWRIGHT_DASHBOARD_PORT": str(pages),
            "MERGEWRIGHT_DASHBOARD_URL": dashboard,
            # What is played is the run itself.
            "MERGEWRIGHT_ONBOARDING": "off",
            **more,
        }
        inherited = {name: value for name, value in os.environ.items() if name not in _OUR_OWN}
        environ, log = {**inherited, **environ}, folder / "service.log"
        with _running_service(environ, log):
            world.install(app, OWNER)
            with closing(SqlRunStore(home)) as store:
                yield Stage(world, address, app, environ, log, home, store, dashboard)


@contextmanager
def _running_service(environ: Mapping[str, str], log: Path) -> Iterator[None]:
    """Run the service until the block ends; it begins when listener and worker give a sign of life.

    Raises:
        PermanentError: It does not start; its last words are told.
    """
    (Path(environ["MERGEWRIGHT_HOME"]) / HEARTBEAT).unlink(missing_ok=True)
    port = environ["MERGEWRIGHT_HEALTH_PORT"]
    program = (*bind_to_us(), "-m", "agent", "serve")
    with ExitStack() as stack:
        out = stack.enter_context(log.open("ab"))
        try:
            process = stack.enter_context(listening(program, int(port), environ, out))

            def is_ready() -> bool:
                assert process.poll() is None
                with suppress(httpx.HTTPError, ValueError, KeyError):
                    facts = httpx.get(f"http://127.0.0.1:{port}/readyz", timeout=2).json()
                    return facts["ready"] and facts["worker"]["heartbeat_seconds"] is not None
                return False

            wait_until(is_ready, _READY_SECONDS)
        except (subprocess.SubprocessError, AssertionError) as problem:
            words = log.read_text(errors="replace")[-2000:]
            message = f"The service did not start. Its last output:\n{words}"
            raise PermanentError(message) from problem
        yield


def put_on(stage: Stage, scenario: Scenario, source: Path, name: str = REPOSITORY) -> Play:
    """Make the repository and the issue of a scenario.

    Args:
        source: Where the repository's files are laid out; must not exist.
        name: `owner/name` of the repository.
    """
    world = stage.world
    repository = make_repository(world, name, source, scenario.files)
    issue = actions.open_issue(repository, world.user(REPORTER), scenario.title, scenario.body, [])
    return Play(scenario, stage, repository, issue)


def make_repository(
    world: World, name: str, source: Path, files: Mapping[str, str], *, on_sample: bool = True
) -> Repository:
    """Make a repository with our label in which the maintainer may write.

    An earlier one of this name is renamed: its environment serves the next repository at this address.

    Args:
        source: Where its files are laid out; must not exist.
        on_sample: Whether these come on top of the sample project.
    """
    if on_sample:
        shutil.copytree(SAMPLE, source, ignore=shutil.ignore_patterns("__pycache__"))
    if earlier := world.find_repository(name):
        earlier.name += f"-{earlier.id}"
    repository = world.add_repository(name, lay_files(source, files))
    world.grant(repository, MAINTAINER, "write")
    world.add_label(repository, LABEL, "1f6feb", "Run Mergewright on this issue")
    return repository


def people_and_app(world: World, listener: str, folder: Path) -> tuple[App, dict[str, str]]:
    """Make the people and our App; return it, and the settings of a service that works for it.

    Args:
        listener: Address at which the service will be told of things.
        folder: Takes the App's key and the webhook secret, as files of their own.
    """
    for login in (MAINTAINER, REPORTER):
        world.add_user(login)
    world.add_user(OWNER, "Organization")
    secret, address = secrets.token_hex(32), f"{listener}/webhooks/github"
    app = world.add_app("mergewright", OWNER, hook_url=address, hook_secret=secret)
    key, shared, client = (folder / name for name in ("app.pem", "webhook-secret", "client-secret"))
    for path, text in ((key, app.private_key), (shared, secret), (client, app.client_secret)):
        path.touch(mode=0o600)
        path.write_text(text)
    return app, {
        "MERGEWRIGHT_GITHUB_URL": f"{world.base_url}/api/v3",
        "MERGEWRIGHT_GITHUB_APP_ID": str(app.id),
        "MERGEWRIGHT_GITHUB_PRIVATE_KEY_FILE": str(key),
        "MERGEWRIGHT_WEBHOOK_SECRET_FILE": str(shared),
        "MERGEWRIGHT_GITHUB_CLIENT_ID": app.client_id,
        "MERGEWRIGHT_GITHUB_CLIENT_SECRET_FILE": str(client),
    }


@contextmanager
def _alone(home: Path) -> Iterator[None]:
    """Yield the demo's data folder, emptied of what an earlier play left."""
    with (home / "demo.lock").open("w") as door:
        try:
            fcntl.flock(door, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise PermanentError(f"Another demo is running in {home}. Stop it first.") from None
        for pattern in _STATE:
            for left in home.glob(pattern):
                left.unlink()
        yield
