"""The seams of the agent: what it needs from the outside, as Protocols.

Real implementations live in `agent.adapters`; shipped fakes in `agent.testing`. There is no
port for git (tests use real git), for the clock or for configuration.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Literal, Protocol, TypeVar

from pydantic import Field

from agent.chat import ChatRequest, Reply, Role, Worst
from agent.domain import (
    Change,
    Finding,
    IssueRef,
    Layer,
    Outcome,
    Plan,
    Prepared,
    PullRequest,
    Reason,
    Record,
    Run,
    Snapshot,
    StoredRun,
    Ticket,
)
from agent.pulls import ProjectCheck, PullNow, Thread

T = TypeVar("T")

# Where things are inside every room. Virtual environments hold absolute paths, so these are
# the same in all phases.
ROOM_TREE = "/work"
"""A private, writable copy of the work tree; also the working directory."""
ROOM_ENVIRONMENT = "/env"
"""The repository's environment, read-only (writable only while it is built)."""
ROOM_GATE = "/gate"
"""Our own pinned tools, read-only."""
ROOM_TOOLS = "/tools"
"""A folder for each tool that a repository pins, read-only."""
ROOM_TYPE_CHECKER = "/type-checker"
"""basedpyright and its Node.js, read-only, in the rooms that run it."""
ROOM_OURS = "/mergewright"
"""Our own scripts that run inside the room, read-only."""
ROOM_OUT = "/out"
"""Empty and writable: where a command leaves files that are to be handed back."""


class Step(Protocol):
    """Do a piece of work once and remember its result under a stable, unique name."""

    def __call__(self, name: str, work: Callable[..., T], /, *args: object) -> T:
        """Run `work(*args)`, or return what it returned before."""
        ...

    @property
    def seconds_left(self) -> float:
        """What the steps so far have left of the run's minutes; never below zero."""
        ...


class Remember(Protocol):
    """Keeps the records of one run's steps."""

    def __call__(self, name: str, attempt: Callable[[], str]) -> str:
        """Return the record of the step of that name; make the attempt if there is none."""
        ...


class Mount(Record):
    """A host path shown in the room."""

    source: str
    target: str
    writable: bool = False
    kept: str = ""
    """Folder in a writable one that stays with the rooms that name it, which share a user of their
    own: no other room's user can change what is in it, and it need not change hands."""


class RootPython(Record):
    """An interpreter that belongs to a root file system."""

    version: str
    """Full version, as in 3.14.1."""
    prefix: str
    """Where it is installed."""
    path: str
    """Of the program."""


class Root(Record):
    """A root file system that rooms can have."""

    name: str = ""
    """For `RoomOrder.root`; empty: what rooms have when nothing is said."""
    folder: str | None = None
    """Where it is on this machine, whose own is `/`; None: in an image."""
    mark: str = ""
    """Of an image: changes whenever it does."""
    pythons: tuple[RootPython, ...] = ()
    """Of an image: the interpreters in it. In a folder they are looked for."""
    more: str = ""
    """Command that adds Debian packages; their names follow."""
    can_lay: bool = False
    """Whether rooms can have more laid over its /usr; see `RoomOrder.system`."""

    def adding(self, packages: Sequence[str]) -> str:
        """Say the whole command; empty where none is known."""
        return " ".join((self.more, *packages)) if self.more else ""


class RoomFile(Record):
    """A file laid into the room before the command starts (after the tree is copied)."""

    path: str
    """Absolute path in the room, below a writable place."""
    content: bytes


class Companion(Record):
    """A process that the command relies on and that ends with the room, not before."""

    name: str
    """As people call it."""
    number: str
    """File in the room with its process id."""
    log: str
    """File in the room with what it prints."""


class RoomLimits(Record):
    """What one command may use; reaching one ends the room and is named in the result."""

    seconds: float = 600.0
    memory_bytes: int = 4 * 1024**3
    processes: int = 256
    disk_bytes: int = 2 * 1024**3
    """Size of each writable place."""
    output_bytes: int = 512 * 1024
    """Kept of what is printed: the first and the last half of this; the rest is counted."""
    returned_bytes: int = 64 * 1024**2
    """Of all returned files together."""
    returned_files: int = 200


class RoomOrder(Record):
    """One command to run in a fresh room."""

    argv: tuple[str, ...]
    environ: dict[str, str] = {}
    """The whole environment besides PATH, HOME, LANG and TMPDIR, which the room sets unless
    they are given here."""
    tree: str | None = None
    """Host folder copied to ROOM_TREE."""
    root: str = ""
    """Name of the root file system; see `Root`."""
    mounts: tuple[Mount, ...] = ()
    files: tuple[RoomFile, ...] = ()
    layers: tuple[Layer, ...] = ()
    """What is laid to ROOM_TREE and HOME before all else, the later over the earlier."""
    system: str = ""
    """Host folder whose `files/usr` is laid over /usr, with `ld.so.cache` for all of it; only for a
    root that can have it. Empty: none."""
    directory: str = ROOM_TREE
    """Working directory."""
    hosts: tuple[str, ...] = ()
    """Further names by which the room knows itself."""
    proxy_socket: str | None = None
    """Unix socket of our egress proxy; the room then gets HTTP(S)_PROXY. None: no network."""
    collect: tuple[str, ...] = ()
    """Absolute glob patterns in the room (`**` allowed); regular files that match are handed
    back. Below ROOM_TREE only files that are new or differ from the tree that was handed in."""
    watched: tuple[str, ...] = ()
    """Files that the command is to read and not to touch, nor what Python reads in their place."""
    company: tuple[Companion, ...] = ()
    """Whoever is no longer there when the command is over is named in the result."""
    limits: RoomLimits = RoomLimits()


class RoomResult(Record):
    """What a room gave back."""

    exit_code: int | None
    """The command's own exit code, negative for a signal; None when a limit ended it."""
    output: str
    """stdout and stderr together, head and tail, undecodable bytes replaced."""
    output_bytes: int
    """How much was printed in all."""
    seconds: float
    limit: str | None = None
    """`time`, `memory`, `processes`, `disk` or `returned` when that limit was hit."""
    files: dict[str, bytes] = {}
    """Returned files by absolute path in the room."""
    refused: tuple[str, ...] = ()
    """Matches that were not handed back, with the reason: links, devices, too large, too many."""
    touched: tuple[str, ...] = ()
    """The first of the watched files that were touched, whatever they hold now."""
    gone: dict[str, str] = {}
    """By name, who of the company was gone when the command was over, with the end of its log.
    Code in the room can bring that about, and hide it: a reason to doubt, never one to believe."""


class Flag(Protocol):
    """Says whether something is to stop."""

    def is_set(self) -> bool:
        """Whether it is."""
        ...


#: Takes what a room prints while its command runs, in the pieces in which it comes.
Hear = Callable[[bytes], None]


class Sandbox(Protocol):
    """Opens sealed rooms. Raises SandboxMissing when there is no way to open one."""

    def run(
        self, order: RoomOrder, cancelled: Flag | None = None, hear: Hear | None = None
    ) -> RoomResult:
        """Run one command in a fresh room and take the room down, whatever happens.

        Several threads may do so at a time.

        Args:
            order: What to run, and with what.
            cancelled: Once it is set, the room is taken down within half a second.
            hear: Called in this thread with every piece of the output, also with those that the
                result leaves out. It has to be quick and may not raise: what the room prints
                meanwhile waits.

        Raises:
            SandboxMissing: No room can be opened here; the message says what to install.
            SandboxLost: The room ended without proof that the command started, or was cancelled.
        """
        ...

    def roots(self) -> tuple[Root, ...]:
        """List the root file systems that rooms can have, the usual one first."""
        ...


class Ran(Record):
    """What became of a command in a session."""

    output: str
    """stdout and stderr together, undecodable bytes replaced; head and tail where it was long."""
    exit_code: int | None
    """Negative for a signal; None where the command was ended, or its sandbox was."""
    timed_out: bool = False
    restarted: bool = False
    """Whether the sandbox had to be opened again, with the change as it was last taken."""


class Taken(Record):
    """What differs between the base commit and a session's tree."""

    change: Change
    findings: tuple[Finding, ...]
    """What is not part of the change, and why: links, binary files, modes, more than is taken."""
    ignored: tuple[str, ...]
    """New files that the base's rules ignore; a folder of nothing else ends in a slash."""


class SandboxSession(Protocol):
    """A sandbox that stays open around one writable tree; for one thread at a time.

    Every method may raise SandboxLost, and Cancelled once the session's flag is set.
    """

    losses: int
    """How often it was lost and opened again, with the change as it was last taken."""

    def run(self, command: str, *, seconds: float) -> Ran:
        """Run `bash -c` in the tree; whatever it leaves running is ended with it."""
        ...

    def read(self, path: str) -> bytes | None:
        """Return the content of a regular file of the tree; None: there is none of that name.

        Raises:
            EditFailed: It is larger than a file of a change may be, or the sandbox was lost.
        """
        ...

    def write(self, path: str, content: bytes) -> None:
        """Create or replace a file, inside the sandbox; it keeps its mode, folders are made.

        Raises:
            EditFailed: The name leads outside or through a link, there is no space, or the
                sandbox was lost.
        """
        ...

    def take(self, include: tuple[str, ...] = ()) -> Taken:
        """Return what differs between base and the tree, in which nothing runs any more.

        Args:
            include: Ignored files or folders that are part of the change all the same.
        """
        ...

    def close(self) -> None:
        """End everything in the sandbox, and the sandbox; may be called twice."""
        ...


class Sessions(Protocol):
    """Opens sandboxes that stay open. Raises SandboxMissing when there is no way to open one."""

    def open(
        self, prepared: Prepared, change: Change, stopped: Flag | None = None
    ) -> SandboxSession:
        """Lay out the base commit and the change, with the repository's environment.

        Args:
            stopped: Once it is set, what runs in the session is ended within half a second.
        """
        ...


class Remote(Record):
    """A repository that git reaches over the network."""

    name: str
    """`owner/name`, as the forge calls it now."""
    url: str
    """Address for git, without credentials."""
    default_branch: str
    author: str
    """Under which name our commits are made."""
    email: str


class BranchRules(Record):
    """What a forge demands of a branch that is to be made."""

    refused: str | None = None
    """Why it may not be made or pushed to by us, in words; None: it may."""
    signed: bool = False
    """Whether every commit must carry a verified signature."""
    forward_only: bool = False
    """Whether nothing that was pushed may be taken away again."""


class NewPullRequest(Record):
    """A pull request to be opened, or brought up to date."""

    branch: str
    commit: str
    base_branch: str
    base_commit: str = ""
    """That the checks were held against; empty: not known."""
    title: str
    """One line, as long as the forge allows."""
    body: str
    draft: bool = False
    reviewers: tuple[str, ...] = ()
    """Logins, or `org/team`."""
    labels: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = ()
    """Shown at their lines, as far as the forge can."""
    summary: str = ""
    """Markdown for the check that is reported on the commit."""
    check_title: str = "The project's own checks passed"
    """What that check says in one line."""
    checked: bool = True
    """Whether anything was; else that check neither passed nor failed."""
    begun: float | None = None
    """When the run began, in seconds since the epoch: that check took from then to now."""


class OwnPull(Record):
    """A pull request of ours that is open."""

    number: int
    body: str
    url: str = ""
    """Its page."""
    branch: str = ""
    commit: str = ""
    """At the end of its branch."""
    draft: bool = False


class Onboarding(Record):
    """The pull request that proposes a configuration for a repository, as it stands now."""

    number: int
    url: str
    state: Literal["open", "merged", "closed"]
    head: str
    """The commit at the end of the default branch."""


class StageMark(Record):
    """How far one stage of a run is, for whoever watches the issue."""

    stage: str
    """In words for people."""
    state: Literal["waiting", "running", "done", "failed"]
    detail: str = ""
    begun: float | None = None
    """Of the one that is running: when it began, in seconds since the epoch."""


class Progress(Record):
    """How far a run is and what it has used, for whoever watches the issue."""

    stages: tuple[StageMark, ...] = ()
    plan: Plan | None = None
    """Once it is made."""
    now: str = ""
    """What is done within the stage that is under way, in words; empty: nothing finer is known."""
    seconds: float = 0.0
    """That its steps had taken when this was written, without the one that is under way."""
    at: float | None = None
    """When that one began, in seconds since the epoch."""
    most_minutes: int | None = None
    """That its steps may take; None: not known yet."""
    replies: int = 0
    """Of models so far."""
    usd: float | None = 0.0
    """What those have cost; None: no price is known of some of them."""
    most_usd: float | None = None
    """That models may cost; None: not known yet, or nothing bounds it."""
    again: int = 0
    """So often the run was over before, and somebody let it go on."""


class Forge(Protocol):
    """Where tickets come from and results go.

    Everything that writes may run twice: it looks for its own earlier effect first, by the run's
    id. A forge on this machine has neither remote nor pull requests.
    """

    def ticket(self, run: Run) -> Ticket:
        """Read the ticket as data.

        Raises:
            Superseded: The issue is no longer to be worked on.
        """
        ...

    def begin(self, run: Run) -> None:
        """Let people see that the run has started: reaction, status comment, state label."""
        ...

    def mark(self, run: Run, progress: Progress) -> None:
        """Bring the status comment up to date; a failure is logged, never raised."""
        ...

    def pause(self, run: Run) -> None:
        """Let no edit that is still to come happen: this attempt at the run is over."""
        ...

    def remote(self, run: Run) -> Remote | None:
        """Say where git finds the repository now; None: it is a folder on this machine."""
        ...

    def credential(self, run: Run, *, write: bool) -> str:
        """Hand out a token for git, for this repository alone; never to be stored or shown."""
        ...

    def rules(self, run: Run, branch: str) -> BranchRules:
        """Ask what is demanded of a branch of that name.

        Raises:
            AccessLost: It is known by now that no pull request of it could be opened.
        """
        ...

    def commit(self, run: Run, branch: str, message: str, change: Change) -> str:
        """Make branch and commit through the forge, which signs it; return its object id.

        The branch starts at the Change's base commit. A branch of this name that already ends
        in this very change is taken for our own.
        """
        ...

    def proposed(self, run: Run, branch: str) -> bool:
        """Say whether there is or was a pull request of a branch, whoever opened it."""
        ...

    def own_pulls(self, run: Run, besides: str) -> tuple[OwnPull, ...]:
        """List our open pull requests but that of one branch, among the newest."""
        ...

    def propose(self, run: Run, proposal: NewPullRequest) -> PullRequest:
        """Open the pull request, or bring the one of this branch up to date; report the check."""
        ...

    def onboarding(self, run: Run, branch: str) -> Onboarding | None:
        """Look for the pull request of ours by which the repository's owner is asked first."""
        ...

    def onboard(self, run: Run, proposal: NewPullRequest) -> PullRequest:
        """Open that pull request, or find it; no check is reported on it."""
        ...

    def await_owner(self, run: Run, pull: PullRequest, words: str) -> None:
        """Let people see on the issue what its run waits for."""
        ...

    def await_approval(self, run: Run, plan: Plan, number: str) -> None:
        """Let people see on the issue what is planned, and how it is approved or changed.

        Args:
            plan: As it is shown, without secrets.
            number: By which it is approved; that of the plan as it is carried out.
        """
        ...

    def close_onboarding(self, run: Run, pull: PullRequest, words: str) -> None:
        """Say once in that pull request what follows of its being closed."""
        ...

    def deliver(self, run: Run, outcome: Outcome) -> Outcome:
        """Tell the reader how the run ended; return the outcome with its places filled in.

        On a forge: the status comment's last state and the state label; on this machine a file.
        """
        ...


class Pulls(Protocol):
    """A pull request of ours after it was opened: what is read of it, and answered in it.

    Everything that writes may run twice: it looks for its own earlier effect first. Raises
    ForgeUnavailable, ForgeLimited, AccessLost.
    """

    def read(self, run: Run, number: int) -> PullNow | None:
        """Read the pull request with all its threads; None: it is not there any more."""
        ...

    def may_write(self, run: Run, login: str, account_id: int) -> bool:
        """Whether whoever has the login now is that account and may write in the repository."""
        ...

    def reply(self, run: Run, number: int, thread: Thread, words: str, *, key: str) -> str:
        """Answer a thread once for each key: in it, or in the conversation; return its page.

        Args:
            thread: As it was read in this attempt; what an earlier one has said is in it.
        """
        ...

    def say(self, run: Run, number: int, words: str, *, key: str) -> None:
        """Comment once for each key in the conversation of the pull request."""
        ...

    def rewrite(self, run: Run, number: int, body: str) -> None:
        """Give the pull request another text."""
        ...

    def resolve(self, run: Run, thread: Thread) -> bool:
        """Mark a thread as resolved; return False where the forge does not let us."""
        ...

    def checks(self, run: Run, commit: str) -> tuple[ProjectCheck, ...]:
        """List the project's own checks of a commit, without those that we have reported."""
        ...

    def log(self, run: Run, check: ProjectCheck) -> str:
        """Read the end of the log of a check, at most 200,000 characters; empty: it has none."""
        ...

    def commit(self, run: Run, branch: str, message: str, change: Change) -> str:
        """Add a commit to a branch through the forge, which signs it; return its object id.

        A branch that ends in this very change already is taken for our own earlier effect.

        Args:
            change: Against the commit at the end of the branch.

        Raises:
            BranchTaken: Somebody has put another commit on the branch.
        """
        ...


class ChatModel(Protocol):
    """Models, by role. One for each run: it remembers nothing, requests say who answered last.

    Raises ModelUnavailable where no model of the chain answered in spite of bounded tries.
    """

    def chain(self, role: Role, category: str = "") -> tuple[str, ...]:
        """List who is to answer, as `provider:name`, the first first; empty: nobody is set."""
        ...

    def missing(self, role: Role, category: str = "") -> str:
        """Say what has to be set before anybody of a chain can be asked; empty: nothing.

        Nobody is asked for that, so a key that is not accepted counts as one.
        """
        ...

    def worst(self, request: ChatRequest) -> Worst:
        """Say the most that a request can use, over all who may come to answer it."""
        ...

    def reply(
        self,
        request: ChatRequest,
        stopped: Flag | None = None,
        hear: Callable[[str], None] | None = None,
        seconds: float | None = None,
    ) -> Reply:
        """Ask; wait for the whole reply.

        Args:
            stopped: Once it is set, the wait ends within half a second.
            hear: Told each piece of text as it comes.
            seconds: What is left of the run's minutes: after so many the wait is over, with all
                tries of all models and the naps between them. None: no bound but the models' own.

        Raises:
            TimeSpent: There was no reply after `seconds`, or too few of them are left to try again.
            ModelUnavailable: Nobody answered: away, limited, or cut off; `until` says when to ask
                again where the provider said so.
            ModelRequestRejected: The provider does not accept the request as it is made, or the
                model has no room for it.
            ModelRefused: The provider will not have this asked.
            ModelUnusable: Key, name or address are wrong: the operator has to act.
            Cancelled: It was stopped.
        """
        ...


class RunStore(Protocol):
    """Where runs are kept. Raises StoreUnavailable, StorageFull."""

    def add(self, run: Run, now: float, *, delivery_id: str | None = None) -> Run:
        """Queue a run of an issue as its next attempt, or find the one of the same delivery.

        Raises:
            ActiveRun: The issue has one that is not over.
        """
        ...

    def find(self, run_id: str) -> StoredRun | None:
        """Look a run up, over or not."""
        ...

    def last(self, repository_id: int, number: int) -> StoredRun | None:
        """Return the newest run of an issue, over or not."""
        ...

    def stop(self, run_id: str, words: str, reason: Reason = Reason.CANCELLED) -> bool:
        """Ask for a run to be stopped; return whether it is not over yet.

        Args:
            words: Who or what asks for it, as a sentence.
            reason: That it ends with.
        """
        ...


class LiveIssue(Record):
    """An issue as it stands now."""

    issue: IssueRef
    state: Literal["open", "closed"]
    locked: bool
    labels: tuple[str, ...]
    title: str
    body: str
    author: str
    updated_at: str
    url: str
    is_pull_request: bool = False


class Permission(Record):
    """What the account that has a login now may do in a repository."""

    level: Literal["admin", "maintain", "write", "triage", "read", "none"]
    account_id: int | None = None
    """Numeric id of that account, since a login can change hands; None: nobody has the login."""


class IssueText(Record):
    """The text of an issue as it stands now, and since when."""

    issue_id: int
    title: str
    body: str
    labels: tuple[str, ...]
    author: str
    url: str
    closed: bool
    """Or locked: nothing begins on it."""
    changed_at: str | None
    """ISO 8601, UTC: when title or text were last edited; None: never."""


class EarlierRun(Record):
    """What a forge still shows of a run that the same label has started before."""

    run_id: str
    over: bool
    """Whether it came to its end."""


class LivePull(Record):
    """A pull request as it stands now."""

    state: Literal["open", "closed", "merged"]
    head: str
    """Commit at the end of its branch."""
    ended_at: str | None = None
    """ISO 8601, UTC: when it was merged or closed."""
    merged_by: str = ""
    """Login; empty: it was not merged, or that is not told."""
    merge_commit: str = ""
    """By which it was merged; empty: it was not, or that is not told."""
    base: str = ""
    """Commit of the base branch, as it was last compared with."""


Reaction = Literal["eyes", "+1", "confused"]


class Gatekeeper(Protocol):
    """What intake asks and tells the forge. Raises ForgeUnavailable, ForgeLimited."""

    def permission(self, issue: IssueRef, login: str) -> Permission:
        """Return what whoever has the login now may do now."""
        ...

    def label(self, issue: IssueRef) -> str:
        """Return the label that starts a run in this repository: its configuration's, or ours."""
        ...

    def runs_per_day(self, issue: IssueRef) -> int | None:
        """Return how many runs a day the repository's configuration allows; None: any number."""
        ...

    def live(self, issue: IssueRef) -> LiveIssue | None:
        """Read the issue now; None: it is not there any more, or in another repository."""
        ...

    def find(self, repository: str, number: int) -> LiveIssue | None:
        """Look an issue up by `owner/name` and number alone; None: it is not there."""
        ...

    def earlier(self, snapshot: Snapshot) -> EarlierRun | None:
        """Look on the forge for what a run of the same approval has left there before."""
        ...

    def own_logins(self) -> frozenset[str]:
        """Logins under which our own writes show up."""
        ...

    def explain(self, issue: IssueRef, words: str, *, key: str) -> None:
        """Leave one comment for a refused start; the same key never makes a second one."""
        ...

    def text(self, issue: IssueRef) -> IssueText | None:
        """Read the text of an issue; None: it is not there any more, or in another repository."""
        ...

    def pull(self, pull: IssueRef) -> LivePull | None:
        """Read a pull request now; None: it is not there.

        Args:
            pull: Its repository and number.
        """
        ...

    def has_comment(self, subject: IssueRef, comment: int) -> bool:
        """Whether a comment of a conversation was not deleted meanwhile."""
        ...

    def clear_labels(self, issue: IssueRef) -> None:
        """Take the labels away that tell the state of a run."""
        ...

    def set_label(self, issue: IssueRef, label: str) -> None:
        """Set a label on an issue."""
        ...

    def react(self, subject: IssueRef, comment: int, content: Reaction, *, inline: bool) -> None:
        """React to a comment; what the forge refuses is logged, since it is only a sign.

        Args:
            inline: Whether it stands on a line of a pull request.
        """
        ...

    def queued(self, run: Run, ahead: int, because: str = "") -> None:
        """Let people see that a run waits; its own `Forge.begin` goes on with what this leaves.

        Args:
            ahead: How many runs come before it.
            because: What else it waits for, as a sentence.
        """
        ...


class SentDelivery(Record):
    """One attempt of the forge at a delivery, as its log tells of it."""

    number: int
    """Of the attempt; by it the delivery is asked for again."""
    delivery_id: str
    """The GUID, the same for each attempt at one delivery."""
    event: str
    action: str | None
    at: float
    """Seconds since the epoch, by the forge's clock."""
    heard: bool
    """Whether it was answered as if it had been taken."""


class SentPage(Record):
    """A page of the log of deliveries, newest first."""

    deliveries: tuple[SentDelivery, ...]
    after: str | None
    """What the next page, with older ones, is asked for with; None: there is none."""
    now: float
    """The forge's clock, in seconds since the epoch."""


class DeliveryLog(Protocol):
    """The forge's own log of what it has delivered to us. Raises ForgeUnavailable, ForgeLimited."""

    def page(self, after: str | None = None) -> SentPage:
        """Read a page of the log.

        Args:
            after: Of the page before; None: the newest.
        """
        ...

    def again(self, number: int) -> bool:
        """Ask for a delivery again; return False where the forge does not have it any more."""
        ...


class OtherRun(Record):
    """A run of another issue of the same repository, as the store knows it."""

    run: Run
    under_way: bool
    """Whether it is not over; it may wait for its turn."""
    url: str = ""
    """Of the pull request that it has opened."""


class Labelled(Record):
    """An open issue with a label, and who set that."""

    event_id: int
    """Of the setting of the label; another one when it is set anew."""
    snapshot: Snapshot
    label: str
    actor_is_bot: bool
    clone_url: str
    edited: bool = False
    """Whether the text was edited after that, so that nobody has approved it."""


class LabelledIssues(Protocol):
    """Looks for labels where no forge tells of them. Raises ForgeUnavailable, ForgeLimited."""

    def new(self, repository: str) -> Iterator[Labelled]:
        """Go through the open issues that carry the starting label, as far as they have changed.

        One counts as seen when the next is asked for.

        Args:
            repository: `owner/name`.
        """
        ...


class Subject(Record):
    """An issue or pull request, as a list of those that have changed tells of it."""

    ref: IssueRef
    on_pull: bool
    is_closed: bool
    updated_at: str
    """ISO 8601, UTC, in whole seconds, as every time here."""
    clone_url: str
    """Address of the repository for git, without credentials."""


class Changed(Record):
    """What has changed in a repository, the longest ago first."""

    subjects: tuple[Subject, ...]
    whole: bool
    """Whether these are all; else those that come after them are listed another time."""
    now: str
    """The forge's clock before it was asked."""


class Written(Record):
    """What a person wrote on an issue or a pull request, as it stands."""

    place: Literal["issue", "review", "inline"]
    comment_id: int
    author: str
    author_id: int
    body: str
    """Empty for a review that is a verdict alone."""
    at: str
    """When it was written."""
    edited: bool
    """Whether it was edited after that, by whomever."""
    verdict: str = ""
    """Of a review: approved, changes_requested, commented, dismissed."""


class Conversations(Protocol):
    """Looks for words where no forge tells of them. Raises ForgeUnavailable, ForgeLimited."""

    def changed(self, repository: str, since: str | None) -> Changed:
        """List issues and pull requests that have changed at that time or later.

        Args:
            repository: `owner/name`.
            since: None: only what time it is there is of interest.
        """
        ...

    def written(self, subject: Subject, since: str) -> tuple[Written, ...]:
        """List what people have written there at that time or later; what programs wrote is not."""
        ...


class SourceArchive(Record):
    """A source distribution on the index."""

    name: str
    version: str
    filename: str
    url: str
    sha256: str
    requires_python: str | None = None


class IndexAccess(Record):
    """How an index is reached; for the host only."""

    url: str
    """Address of the simple index, without credentials, with a slash at its end."""
    login: str | None = Field(default=None, repr=False)
    """`user:password`. It enters no room: whoever opens the way out adds it to each request."""
    ca_bundle: str | None = None
    """Certificate file on the host that the operator trusts beyond the usual ones."""
    origin: str = ""
    """Where it is configured, in words."""


class IndexWish(Record):
    """An index that a repository names."""

    url: str
    origin: str
    """File and line, or key."""
    only_for: str = ""
    """A project that is to come from there alone and is bound by no hash."""


class PackageIndex(Protocol):
    """The package indexes, as far as the fetch phase needs them from outside a room."""

    @property
    def mark(self) -> str:
        """Which indexes these are, for keys; needs no more than the settings."""
        ...

    @property
    def url(self) -> str:
        """Address of the simple index in use, without credentials."""
        ...

    @property
    def notes(self) -> tuple[str, ...]:
        """What of the host's configuration, or of a repository's wishes, is not followed."""
        ...

    def including(self, wishes: tuple[IndexWish, ...]) -> PackageIndex:
        """These, and of the ones that a repository names those that the operator allows.

        Raises:
            EnvironmentFailed: A project is to come only from one that is not allowed.
        """
        ...

    def accesses(self) -> tuple[IndexAccess, ...]:
        """All indexes, the one that is asked first in front, the default one last."""
        ...

    def hosts(self) -> tuple[str, ...]:
        """Hosts that the fetch phase may reach: the indexes and wherever their files are."""
        ...

    def source_archives(self, name: str) -> tuple[SourceArchive, ...]:
        """Source distributions of a project, newest version first.

        Raises:
            IndexUnavailable: The index did not answer, after bounded retries.
        """
        ...

    def download(self, archive: SourceArchive, folder: Path) -> Path:
        """Fetch one archive into the folder and hold it against its sha256."""
        ...
