"""The records a run is made of: frozen, JSON both ways, one word per thing.

Owns the vocabulary (see the glossary in ARCHITECTURE.md) and the legal moves between the
states of a run. Knows nothing of git, rooms, GitHub or models.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from enum import StrEnum
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict

from repo_config.detect import Project
from repo_config.schema import PythonSection, RepoConfig


class Record(BaseModel):
    """A frozen value; bytes travel as base64 so that every record is JSON both ways."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", ser_json_bytes="base64", val_json_bytes="base64"
    )


# --- the run and its states ------------------------------------------------------------------


class RunState(StrEnum):
    """Where a run is."""

    RECEIVED = "received"
    TRIAGING = "triaging"
    PREPARING = "preparing"
    PLANNING = "planning"
    AWAITING_APPROVAL = "awaiting_approval"
    EDITING = "editing"
    CHECKING = "checking"
    REVIEWING = "reviewing"
    PUBLISHING = "publishing"
    OPEN = "open"
    FOLLOWING_UP = "following_up"
    MERGED = "merged"
    CLOSED = "closed"
    DECLINED = "declined"
    NEEDS_HUMAN = "needs_human"
    FAILED = "failed"
    CANCELLED = "cancelled"


#: States in which nothing more happens by itself.
ENDS = frozenset(
    {
        RunState.MERGED,
        RunState.CLOSED,
        RunState.DECLINED,
        RunState.NEEDS_HUMAN,
        RunState.FAILED,
        RunState.CANCELLED,
    }
)

_STOPS = frozenset({RunState.DECLINED, RunState.NEEDS_HUMAN, RunState.FAILED, RunState.CANCELLED})

#: The legal moves; the diagram in ARCHITECTURE.md is tested against this table.
MOVES: dict[RunState, frozenset[RunState]] = {
    RunState.RECEIVED: frozenset({RunState.TRIAGING, RunState.FOLLOWING_UP}) | _STOPS,
    RunState.TRIAGING: frozenset({RunState.PREPARING}) | _STOPS,
    RunState.PREPARING: frozenset({RunState.PLANNING, RunState.EDITING}) | _STOPS,
    RunState.PLANNING: frozenset({RunState.AWAITING_APPROVAL, RunState.PREPARING}) | _STOPS,
    RunState.AWAITING_APPROVAL: frozenset({RunState.PLANNING, RunState.PREPARING}) | _STOPS,
    RunState.EDITING: frozenset({RunState.CHECKING}) | _STOPS,
    RunState.CHECKING: frozenset({RunState.EDITING, RunState.REVIEWING}) | _STOPS,
    RunState.REVIEWING: frozenset({RunState.EDITING, RunState.PUBLISHING}) | _STOPS,
    RunState.PUBLISHING: frozenset({RunState.OPEN}) | _STOPS,
    RunState.OPEN: frozenset({RunState.FOLLOWING_UP, RunState.MERGED, RunState.CLOSED}) | _STOPS,
    # A follow-up is a run of its own, that stays there until it is over.
    RunState.FOLLOWING_UP: frozenset({RunState.OPEN}) | _STOPS,
} | {end: frozenset() for end in ENDS}


class Reason(StrEnum):
    """Why a run ended as it did, for machines; the sentence beside it is for people."""

    READY = "ready"
    """The change has passed; a branch or a pull request has it."""
    DRY_RUN = "dry_run"
    """The change has passed, and nothing was published, as asked."""
    UNCLEAR = "unclear"
    """The ticket leaves something open; the sentence lists the questions."""
    NO_RECIPE = "no_recipe"
    """No recipe fits the ticket, and no model is set."""
    REFUSED = "refused"
    """The ticket asks for what is not done, or not here."""
    TOO_LARGE = "too_large"
    """The ticket is more than one change can carry."""
    FOR_PEOPLE = "for_people"
    """The ticket touches what is left to people."""
    DUPLICATE = "duplicate"
    """Another issue says the same, and its run is under way."""
    UNFIT = "repository_unfit"
    """The repository cannot be worked on as it is."""
    CONFIG_INVALID = "config_invalid"
    """The repository's configuration has a mistake."""
    ENVIRONMENT = "environment_failed"
    """Its Python or its dependencies cannot be had."""
    EDIT_FAILED = "edit_failed"
    """The edit could not be made as asked."""
    UNASKED_OPERATIONS = "unasked_operations"
    """What was produced goes beyond what was asked for."""
    POLICY = "policy"
    """A rule forbids the change."""
    NEW_FAILURES = "new_failures"
    """A check fails with the change that passes without it."""
    UNVERIFIED = "unverified"
    """A check could not prove anything, so nothing is published."""
    CHECK_UNFINISHED = "check_unfinished"
    """A check of the base commit was ended by a limit, twice."""
    NO_TESTS = "no_tests"
    """The repository has no tests that could prove the change."""
    NO_ROOM = "no_room"
    """No sealed room can be opened on the machine."""
    STORAGE_FULL = "storage_full"
    """The disk of the service is full."""
    TIME_SPENT = "time_spent"
    """The minutes of the run are used up."""
    BUDGET_SPENT = "budget_spent"
    """What the run may use of models is spent."""
    MODEL_REFUSED = "model_refused"
    """A model, or its provider, will not have this asked."""
    MODEL_REQUEST_REJECTED = "model_request_rejected"
    """A provider does not accept the request as it is made, or it is too long."""
    MODEL_UNUSABLE = "model_unusable"
    """A model's key, name, address or account has to be mended."""
    CONFLICT = "merge_conflict"
    """The branch and its base do not go together."""
    UNANSWERED = "unanswered"
    """Nobody has approved the plan within two weeks."""
    INTERRUPTED = "interrupted"
    """Whoever ran the command stopped it."""
    SUPERSEDED = "superseded"
    """The issue is no longer what was approved."""
    ACCESS_LOST = "access_lost"
    """GitHub no longer allows what the run needs."""
    CANCELLED = "cancelled"
    """Somebody stopped the run."""
    VERSION_UNKNOWN = "version_unknown"
    """Another version of Mergewright has begun the run, which this one cannot follow."""
    UNAVAILABLE = "unavailable"
    """Something that the run needs did not answer."""
    INTERNAL = "internal_error"
    """Mergewright itself failed; the log has the trace."""


CAPS_REACHED = frozenset({Reason.BUDGET_SPENT, Reason.TIME_SPENT})
"""Whoever lets a run go on after these grants it as much again, and after no other."""

#: Where a run ends, by reason; every reason that is not here ends as `failed`.
_END_STATES = {
    Reason.READY: RunState.OPEN,
    Reason.UNCLEAR: RunState.NEEDS_HUMAN,
    Reason.UNANSWERED: RunState.NEEDS_HUMAN,
    Reason.CONFLICT: RunState.NEEDS_HUMAN,
    Reason.NO_RECIPE: RunState.NEEDS_HUMAN,
    Reason.CONFIG_INVALID: RunState.NEEDS_HUMAN,
    Reason.UNASKED_OPERATIONS: RunState.NEEDS_HUMAN,
    Reason.REFUSED: RunState.DECLINED,
    Reason.TOO_LARGE: RunState.DECLINED,
    Reason.FOR_PEOPLE: RunState.DECLINED,
    Reason.DUPLICATE: RunState.DECLINED,
    Reason.POLICY: RunState.DECLINED,
    # Nothing was opened, as asked.
    Reason.DRY_RUN: RunState.CANCELLED,
    Reason.INTERRUPTED: RunState.CANCELLED,
    Reason.SUPERSEDED: RunState.CANCELLED,
    Reason.CANCELLED: RunState.CANCELLED,
    Reason.ACCESS_LOST: RunState.FAILED,
}


def end_state(reason: Reason) -> RunState:
    """Return the state in which a run with this reason ends."""
    return _END_STATES.get(reason, RunState.FAILED)


class Delivery(Record):
    """One webhook as it arrived, its signature verified."""

    delivery_id: str
    """The sender's GUID; a redelivery carries the same one."""
    event: str
    action: str | None
    """What happened, where the event's kind has such a word."""
    content_key: str
    """Equal for deliveries that say the same of the same version of an object; empty where the
    content does not matter."""
    received_at: float
    """Seconds since the epoch."""
    body: bytes
    """What the intake reads, as JSON; empty where nobody will. The event tells which record it is:
    of `issues` one of `agent.intake`, of all others one of `agent.conversation.said`."""
    ignored: str = ""
    """Why nobody has to act on it, in words; empty: it is for the intake."""


class IssueRef(Record):
    """One issue on a forge; the numeric ids stay when names change."""

    repository: str
    """`owner/name` when the label was set."""
    repository_id: int
    number: int
    issue_id: int
    installation_id: int | None = None
    """Of the App in this repository; None in token mode."""


class Snapshot(Record):
    """An issue as it stood when somebody with write permission labelled it."""

    issue: IssueRef
    url: str
    """Page of the issue."""
    title: str
    body: str
    """As it arrived; what a reader does not see is taken out when it becomes a Ticket."""
    labels: tuple[str, ...]
    author: str
    """Login of who opened the issue."""
    actor: str
    """Login of who set the label, which approves this text."""
    actor_id: int
    approved_at: str
    """ISO 8601, UTC: `updated_at` of the issue when the label was set."""
    by_label: bool = True
    """False: started by a command of the operator, without a label."""
    read_at: str | None = None
    """ISO 8601, UTC: when the text was read, where that was after the label was set, so that an
    edit in between would not show; None: the text came with the label."""

    @property
    def approval(self) -> str:
        """Equal for whatever tells of the same person's same word on the same issue."""
        parts = [self.issue.repository_id, self.issue.issue_id, self.actor_id, self.approved_at]
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:20]

    @property
    def digest(self) -> str:
        """sha256 over what was approved: title, body, labels in any order, and who approved it."""
        approved = [self.title, self.body, sorted(self.labels), self.actor_id]
        return hashlib.sha256(json.dumps(approved).encode()).hexdigest()

    def says_the_same(self, title: str, body: str) -> bool:
        """Whether its text is this one."""
        return (self.title, self.body) == (title, body)


Kind = Literal["review", "ci", "rebase"]
"""What a follow-up is about: what people say in the pull request, the project's own checks, or a
base branch that has moved."""


class FollowUp(Record):
    """What a run is about that goes on with the pull request of an earlier one."""

    of: str
    """Id of the run that opened it."""
    pull: int
    """Its number."""
    round: int
    """Counts the follow-ups of the pull request, from 1."""
    kind: Kind
    by: str = ""
    """Login of whoever asked for it by a command; empty: nobody did."""


class Run(Record):
    """One attempt to carry out one ticket on one repository."""

    run_id: str
    """Time-ordered and unique; also names the run's folder."""
    repository: str
    """Absolute path of the user's repository, or a clone address without credentials."""
    ticket: str
    """Where the ticket is read from: a path, or `#` and the number of an issue."""
    snapshot: Snapshot | None = None
    """What was approved on the forge; None for a run on this machine."""
    attempt: int = 1
    """Counts the runs of one issue; a follow-up has that of the run that it goes on with."""
    base: str | None = None
    """Branch, tag or commit to start from; None: what the repository has checked out, on a
    forge its default branch."""
    config_text: str | None = None
    """A configuration file handed in by the caller in place of the repository's own."""
    config_name: str | None = None
    """The name of that file; its ending says which format it has."""
    dry_run: bool = False
    """Do everything but create the branch."""
    plan_first: bool = False
    """Somebody asked to see the plan before anything is edited."""
    runs_per_day: int | None = None
    """Of its repository, that may be begun within 24 hours, as its configuration had it when the
    label was set; None: as many as the operator allows."""
    priority: int = 0
    """By its issue's labels, from 2, the highest, to -1: its place in the queue."""
    follow_up: FollowUp | None = None
    """None: it begins with the ticket."""
    started: int
    """Seconds since the epoch; also the date of the commit, so that a repeated publish makes
    the same one."""

    @property
    def about(self) -> FollowUp:
        """What a follow-up goes on with.

        Raises:
            ValueError: It is none; it begins with its ticket.
        """
        if self.follow_up is None:
            raise ValueError(f"{self.run_id} begins with its ticket")
        return self.follow_up

    @property
    def first(self) -> str:
        """Id of the run that began with the ticket: that of a follow-up's pull request, or this."""
        return self.follow_up.of if self.follow_up else self.run_id


class Guidance(Record):
    """What a person with write permission said to a run after its text was approved."""

    kind: Literal["answer", "change", "approval", "command"]
    """An answer to its questions, another wish for its plan, the word to carry that out; or a
    command that has had its effect."""
    words: str
    """As they were written; of an approval the number of the plan, of a command its name."""
    by: str
    """Login."""
    by_id: int
    at: str
    """ISO 8601, UTC: when it was written."""
    comment: str
    """Which comment it is, by place and number: one counts once."""


def approval(said: Sequence[Guidance], plan: str) -> Guidance | None:
    """Find who approved a plan; what was approved before another wish was told does not count."""
    for one in reversed(said):
        if one.kind in ("answer", "change"):
            return None
        if one.kind == "approval" and one.words == plan:
            return one
    return None


class EarlierAttempt(Record):
    """A pull request of ours for the same issue that people have closed; foreign words in it."""

    pull: int
    """Its number."""
    url: str
    remarks: str
    """What people with write permission said in it, the newest as far as there is room, oldest
    first; visible text only."""
    said: tuple[str, ...] = ()
    """Who said each of them, and when."""
    left: int = 0
    """How many more there are."""


class Ticket(Record):
    """The approved snapshot of a request; data, never instructions."""

    ticket_id: str
    """Short and safe in a branch name: the issue number or the file's stem."""
    title: str
    body: str
    """Visible text only: HTML comments and invisible characters are removed."""
    digest: str
    """sha256 of what was approved, as it arrived: a file, or an issue's text, labels and actor."""
    removed: tuple[str, ...] = ()
    """What was taken out of the text, in words."""
    said: tuple[str, ...] = ()
    """What people have added to it by comments, and who: as `an answer of maria, …`."""
    earlier: EarlierAttempt | None = None
    """None: there is none, or it was not looked for."""


Category = Literal["bug", "feature", "refactor", "tests", "docs", "typing", "dependency"]
"""What kind of work a ticket asks for."""


class Similar(Record):
    """Another run of ours in the repository whose issue has the same title."""

    number: int
    """Of its issue."""
    title: str
    run_id: str
    under_way: bool
    """False: it has opened a pull request."""
    url: str = ""
    """Of that pull request."""

    @property
    def told(self) -> str:
        """Say which one it is, in a line."""
        became = f"run {self.run_id} is under way" if self.under_way else self.url
        return f"#{self.number} “{self.title}” ({became})"


class Decision(Record):
    """What triage makes of a ticket it accepts."""

    recipe: str
    """Its name; "": a model plans and edits."""
    sentence: str
    category: Category = "feature"
    """By the issue's labels; a recipe has no use for it."""
    reasons: tuple[str, ...] = ()
    """What labels and other runs came to, in words."""
    similar: tuple[Similar, ...] = ()


# --- the code --------------------------------------------------------------------------------


class Checkout(Record):
    """A fixed commit of a repository, held in our mirror; the work tree is a cache of it."""

    repository: str
    mirror: str
    """Absolute path of the bare mirror, whose git directory no foreign code can reach."""
    commit: str
    """Full object id of the base commit."""
    base_branch: str | None
    """Short name of the branch the base was taken from, where it was one."""
    nearest_tag: str | None
    """Newest tag reachable from the commit, for builds that read their version from it."""
    subjects: tuple[str, ...] = ()
    """Subjects of the latest commits (newest first, at most 50): the commit convention."""
    signs_off: bool = False
    """Whether most of those commits carry a Signed-off-by line."""
    committed: int = 0
    """When the commit was made, in seconds since 1970."""
    uncommitted: int = 0
    """Files with uncommitted changes in the user's work tree; never part of a run."""


class ChangedFile(Record):
    """One file before and after; None means that it does not exist on that side."""

    path: str
    """Relative to the repository root, with forward slashes."""
    before: bytes | None
    after: bytes | None
    executable: bool = False
    was_executable: bool | None = None
    """Before the change; None: not known, or a new file."""


class Change(Record):
    """Edits against the base commit."""

    base_commit: str
    files: tuple[ChangedFile, ...]
    """Sorted by path, each path once."""
    notes: tuple[str, ...] = ()
    """What was done, in words, for the pull-request text."""
    not_done: tuple[str, ...] = ()
    """Sentences of the ticket that nobody has read or carried out; foreign words."""
    left_out: tuple[Finding, ...] = ()
    """What differs in the tree that it was taken from, is not part of it, and why."""

    @property
    def digest(self) -> str:
        """sha256 over the base commit and every path, mode and new content."""
        total = hashlib.sha256(self.base_commit.encode())
        for file in self.files:
            content = b"\0absent" if file.after is None else file.after
            total.update(f"\0{file.path}\0{int(file.executable)}\0{len(content)}\0".encode())
            total.update(content)
        return total.hexdigest()

    @property
    def paths(self) -> tuple[str, ...]:
        """The touched paths, sorted."""
        return tuple(file.path for file in self.files)


class Severity(StrEnum):
    """What a finding does to the decision."""

    BLOCK = "block"
    REVIEW = "review"
    INFO = "info"


Level = Literal["off", "info", "review", "block"]
"""What a rule weighs: the severity of its findings, or that it yields none."""


class Finding(Record):
    """One remark of a rule, at a place, with the way out."""

    rule: str
    severity: Severity
    path: str
    line: int | None
    """1-based line in the new file; None for the file as a whole."""
    message: str
    fix: str


class ClearedChange(Record):
    """A Change that every rule let pass; only `agent.stages.policy.clear` makes one."""

    change: Change
    findings: tuple[Finding, ...]
    """Findings below `block`."""


class CalledMethod(Record):
    """A method that is called on an object of a class."""

    name: str
    by: Literal["made", "entered", "entered async", "handed"]
    """How the object came: its class is called, a `with` gives it, or it is an argument that names
    the class."""
    held: str = ""
    """The name by which other modules may set something else in its place; "" where none can."""
    within: str = ""
    """Where that is an attribute of `self`: the class that sets it."""


class LibraryName(Record):
    """What code takes from a library: a name, or an argument of a call."""

    path: str
    line: int
    name: str
    """In full, as in `httpx.AsyncClient`."""
    keyword: str = ""
    """An argument that is given by this name in a call; "": the name alone."""
    is_import: bool = False
    called: CalledMethod | None = None
    """What is called on an object of this class; None: the name alone is asked for."""


class DeclaredPackage(Record):
    """A package that a change declares, or fixes another version of."""

    name: str
    """Normalised."""
    version: str = ""
    """Where it is an exact one."""
    place: str = ""
    """`path:line` where it is declared, or the path of a lock file."""
    is_new: bool = True
    """Whether nothing declared it before."""
    before: str = ""
    """The exact version that was fixed before, where one was."""


class Licensing(Record):
    """What a distribution says of its licence, as it stands in its metadata."""

    expression: str = ""
    """`License-Expression`."""
    field: str = ""
    """`License`; it may be a whole text."""
    classifiers: tuple[str, ...] = ()
    """Those about licences."""


class Vulnerability(Record):
    """What is known of some versions of a package."""

    ids: tuple[str, ...]
    """All its names, the best known first."""
    summary: str = ""
    fixed: str = ""
    """The first later version without it; "" where none is known."""


class Package(Record):
    """A package that comes with a change, or comes in another version."""

    name: str
    """Normalised."""
    version: str = ""
    """Exact; "" where it is declared without one for what the checks do not install."""
    is_new: bool = True
    """Whether base did not have it."""
    before: str = ""
    """The version that base has, where that is known."""
    place: str = ""
    """`path:line` where it is declared, or what needs it; "" where that is not known."""
    needed_by: tuple[str, ...] = ()
    """Packages of the change that require it."""
    licensing: Licensing | None = None
    """None: it is not installed for the checks."""
    earlier: Licensing | None = None
    """Of the version that base has."""
    vulnerabilities: tuple[Vulnerability, ...] = ()
    """That this version is known to have and the one of base is not."""
    kept: tuple[Vulnerability, ...] = ()
    """That both have."""


class VulnerabilityData(Record):
    """What was at hand to say whether versions have known vulnerabilities."""

    count: int = 0
    """Records; 0: there was nothing at hand."""
    newest: str = ""
    """Day on which the newest of them was last edited, ISO 8601."""
    stale_days: int = 0
    """How many days that is before the run, where they are many."""
    problems: tuple[str, ...] = ()
    """Why there is nothing, or which records cannot be read."""


class Brought(Record):
    """The packages that come with a change."""

    packages: tuple[Package, ...]
    known: VulnerabilityData = VulnerabilityData()
    refused_lock: str = ""
    """Path of the lock that does not fit the change, and does base; empty: none."""
    refusal: str = ""
    """What it lacks, or why its tool does not export it."""


class Plan(Record):
    """What will be done, by whom, in which files."""

    recipe: str
    """Its name; "": a model edits."""
    title: str
    """Imperative, for the commit and the branch."""
    parameters: str
    """The recipe's own parameters as JSON."""
    steps: tuple[str, ...]
    """In words, in order."""
    category: Category = "feature"
    files: tuple[str, ...] = ()
    """That a model expects to touch."""

    @property
    def number(self) -> str:
        """Eight signs that no other plan has; whoever approves it can name them."""
        return hashlib.sha256(self.model_dump_json().encode()).hexdigest()[:8]


class ProofRow(Record):
    """What one test of the change did without it, and with it; outcomes as in a CheckItem."""

    name: str
    without: str
    """With the tests of the change alone, on the base commit."""
    error: str = ""
    """Last line of what went wrong there."""
    with_change: str

    @property
    def shows(self) -> bool:
        """Whether it shows that the change does something."""
        return self.without in ("failed", "error") and self.with_change == "passed"


class SourcePart(Record):
    """A part of the source that a test should notice: of the change, or with a mistake in it."""

    path: str
    line: int
    mistake: str = ""
    """In words; empty: it was taken back."""

    @property
    def name(self) -> str:
        """Tell it from other parts."""
        place = f"{self.path}:{self.line}"
        return f"{place} ({self.mistake})" if self.mistake else place


class TakenBack(Record):
    """What tests did when hunks of source were taken back, one at a time."""

    noticed: tuple[SourcePart, ...] = ()
    """A test fails without it."""
    unnoticed: tuple[SourcePart, ...] = ()
    """No test does."""
    untried: tuple[SourcePart, ...] = ()
    """There was no time left, or its run proved nothing."""


class Proof(Record):
    """That tests fail without the change and pass with it."""

    rows: tuple[ProofRow, ...] = ()
    """Of its new and changed tests; those that show something come first."""
    missing: str = ""
    """Why the change is not proved, in words; empty: it is, or need not be."""
    unneeded: str = ""
    """Why there is nothing to prove, in words."""
    hunks: TakenBack = TakenBack()
    is_required: bool = False
    """Whether a change without proof is withheld; else a person looks at it."""


class Contract(Record):
    """What the repository demands: read once, at the base commit, before any edit."""

    config: RepoConfig
    project: Project
    source: str | None
    """The file the configuration was read from; None: all defaults."""
    scouted: tuple[Finding, ...] = ()
    """For a person: the lines of it that a model found, and test files that these leave out."""


# --- environment and checks ------------------------------------------------------------------


SERVICE_TITLES = {"postgres": "PostgreSQL", "redis": "Redis"}


class RoomService(Record):
    """A server that a repository's checks need, started in each of their rooms."""

    name: str
    """`postgres` or `redis`."""
    version: str
    program: str
    """Its path in the room."""
    template: str = ""
    """File on the host with the data that it begins with; empty: none."""
    user: str = ""
    database: str = ""

    @property
    def title(self) -> str:
        """Its name and version, as people say them."""
        return f"{SERVICE_TITLES[self.name]} {self.version}"


class Layer(Record):
    """Files that lie below a tree and the home of every sandbox."""

    folder: str
    """On the host, with `tree`, `home`, and `bulk/<number>` for each large folder."""
    bulk: tuple[str, ...] = ()
    """Paths of large folders in the tree, which has nothing else there."""


class Environment(Record):
    """A built environment of the repository, read-only in every room."""

    key: str
    """Names the folder in the store; equal inputs give an equal key."""
    path: str
    """Folder on the host, mounted as `/env` in a room."""
    gate_path: str
    """Folder of our own pinned tools for the same Python, mounted as `/gate`."""
    type_checker_path: str = ""
    """Folder of basedpyright and its Node.js, mounted as `/type-checker` in the rooms that run it;
    empty where none does."""
    tools: tuple[tuple[str, str], ...] = ()
    """Tools in the version that the repository pins, each with its folder, mounted as
    `/tools/<name>`."""
    scripts_path: str
    """Our scripts (`checks/`, `recipes/`, `environments/`), copied to where a room's user can
    reach them; mounted as `/mergewright`."""
    python: str
    """Full version, as in 3.11.2."""
    interpreter_mounts: tuple[tuple[str, str], ...]
    """(host folder, path in the room) that the interpreter needs besides the root."""
    interpreter: str
    """Path of the base interpreter in the room."""
    root: str = ""
    """Name of the root file system of rooms that it needs; empty: the usual one."""
    sources: tuple[str, ...]
    """The files and config keys the environment was taken from."""
    packages: tuple[str, ...]
    """`name==version`, sorted."""
    section: PythonSection = PythonSection()
    """What it was made by; where the repository says nothing, other than its configuration."""
    is_locked: bool = False
    """A lock file says every version."""
    refused_lock: str = ""
    """Path of the lock that is not installed as it is; empty: none."""
    refusal: str = ""
    """What it lacks, or why its tool does not export it."""
    why: str = ""
    """Why it is this one, where several were tried."""
    left_out: tuple[str, ...] = ()
    """What was asked for and could not be had, each with the reason."""
    services: tuple[RoomService, ...] = ()
    """What is started beside whatever runs the project."""
    layers: tuple[Layer, ...] = ()
    """What the set-up commands added."""
    altered: tuple[str, ...] = ()
    """Files of the repository that these commands altered, which has no effect."""
    system: str = ""
    """Folder with Debian packages that are laid over /usr; empty: none are."""


class Opened(Record):
    """A repository at the base commit, before anything of it is run."""

    run: Run
    checkout: Checkout
    contract: Contract


class Prepared(Opened):
    """All that is fixed before the first edit."""

    environment: Environment


class Status(StrEnum):
    """How a check ended on one side."""

    PASSED = "passed"
    FAILED = "failed"
    UNVERIFIED = "unverified"
    """Its parts do not agree, or it proved nothing; never counted as passed."""
    ABSENT = "absent"
    """The repository does not have this check."""
    UNMEASURABLE = "not measurable"
    """On base the tool itself failed, the same way twice; then no change is held against it."""


class CheckItem(Record):
    """One thing a check speaks of: a test, a type error, a lint finding, a missing migration."""

    item_id: str
    """Stable between base and head: no line numbers."""
    outcome: str
    """For tests `passed | failed | error | skipped | xfailed | xpassed`; else `finding`, for a
    system check below error `warning`."""
    text: str = ""
    """What went wrong, cut to the essential."""
    place: str = ""
    """`path:line` where the tool names one."""


UNPROVED = "unproved"


class Rerun(Record):
    """One more run of one test, in a fresh room."""

    outcome: str
    """As in a CheckItem; `unproved` where its room proves nothing, or did not have the test."""
    text: str = ""
    """The first words of what went wrong."""


class Repeated(Record):
    """A test that failed with the change alone, and what it did when it was run again."""

    item_id: str
    is_new: bool = False
    """Whether base does not have it."""
    base: tuple[Rerun, ...] = ()
    head: tuple[Rerun, ...] = ()
    place: str = ""
    """`path:line` where it failed with the change."""

    @property
    def told(self) -> str:
        """Say how often it failed; the runs of the whole suites, that began it, count as well."""
        with_change = f"failed in {_failed(self.head, 1)} with the change"
        return (
            with_change if self.is_new else f"{with_change} and in {_failed(self.base, 0)} on base"
        )


def _failed(runs: tuple[Rerun, ...], at_first: int) -> str:
    proved = [run for run in runs if run.outcome != UNPROVED]
    bad = sum(run.outcome in ("failed", "error") for run in proved) + at_first
    return f"{bad} of {len(proved) + 1} run{'s' * bool(proved)}"


class Route(Record):
    """One way into an application from outside, as the application itself tells of it."""

    name: str
    """Method and path, or Django's pattern."""
    gives: tuple[str, ...] = ()
    """What callers can rely on."""
    needs: tuple[str, ...] = ()
    """What callers cannot leave out."""
    place: str = ""
    """`path:line` of what answers, where it is in the repository."""


#: Outcome of a test of base that no runner gives: it did not come up.
GONE = "gone"


class HeldTest(Record):
    """A test of base that does not pass with the change as base has it."""

    item_id: str
    outcome: str
    """As in a CheckItem; `gone` where it did not come up, `other text` of a doctest."""
    text: str = ""
    before: str = ""
    """As base has it, cut; empty where it is not found in its file."""
    after: str = ""
    """As the change has it."""

    @property
    def cause(self) -> str:
        """Why it did not come up; it shares that with others."""
        return self.text if self.outcome == GONE else ""


class SuiteFacts(Record):
    """What a run of the tests says belongs to them."""

    files: tuple[str, ...] = ()
    """Test modules, also those that cannot be collected, conftest.py files and plugins of the
    tree."""
    product: tuple[str, ...] = ()
    """Files of the tree that hold doctests and are nothing of the above."""
    empty: tuple[str, ...] = ()
    """Files that were imported to look for tests, and hold none."""
    doctests: dict[str, str] = {}
    """Digest of the text of each doctest in a module, by id."""
    plugins: dict[str, str] = {}
    """Plugins of installed packages: package and version by name."""
    settings: dict[str, str] = {}
    """Those of Django's that decide how tests run."""


class CheckResult(Record):
    """One check on one side."""

    name: str
    status: Status
    items: tuple[CheckItem, ...] = ()
    """All tests by id, or all findings; equal ids may occur more than once for findings."""
    unstable: tuple[str, ...] = ()
    """On base: ids that did not come up again when it was collected a second time."""
    repeated: tuple[Repeated, ...] = ()
    """Tests that were run again: on head on both sides; on base what earlier runs did there."""
    suite: SuiteFacts | None = None
    """Of tests, unless their run ended before it was known."""
    held: tuple[HeldTest, ...] = ()
    """On head: tests that passed on base and do not pass with the change as base has them."""
    unrun: tuple[str, ...] = ()
    """On head: tests of base for which there was no time, and that the change does not reach."""
    unsteady: tuple[Repeated, ...] = ()
    """New and edited tests that passed, and failed when they ran a second time."""
    uncollected: tuple[str, ...] = ()
    """On head: new tests that no runner has collected, in sentences."""
    touched: tuple[str, ...] = ()
    """Files of the tests that something wrote to, or hid, while they ran."""
    disguised: tuple[str, ...] = ()
    """On head: files of the change that are called as those of tests are, and are source."""
    doubts: tuple[str, ...] = ()
    """On head: what the runs of the tests could not show, in sentences for the reviewer."""
    figures: str = ""
    """What it has counted, in words, where that is neither tests nor findings."""
    routes: tuple[Route, ...] = ()
    """Ways into the application; nothing where they are not known."""
    brought: Brought | None = None
    """The packages that come with the change, where it declares others than base."""
    exit_code: int | None = None
    limit: str = ""
    """As in a RoomResult, where one ended it."""
    seconds: float = 0.0
    command: tuple[str, ...] = ()
    """What a person runs to see the same, without our sentinels."""
    reason: str = ""
    """Why it is unverified, failed as a whole, or absent."""
    output: str = ""
    """Head and tail of what it printed."""

    def count(self, *outcomes: str) -> int:
        """How many items have one of these outcomes."""
        return sum(item.outcome in outcomes for item in self.items)


class CheckReport(Record):
    """All checks of one side, in the order in which they ran."""

    side: str
    """`base` or `head`."""
    commit: str
    change_digest: str | None
    results: tuple[CheckResult, ...]

    def result(self, name: str) -> CheckResult | None:
        """The check of that name, if it was run."""
        return next((result for result in self.results if result.name == name), None)


class Comparison(Record):
    """One check, base against head."""

    name: str
    base: Status
    head: Status
    verdict: Status
    """`passed` when head has nothing that base has not; `unverified` when that is not proved."""
    reason: str = ""
    counts_tests: bool = False
    """Whether the counts are tests run, or findings."""
    figures: str = ""
    """What head has counted, in words, where that is neither."""
    base_count: int = 0
    """Tests run, or findings."""
    head_count: int = 0
    base_failures: int = 0
    head_failures: int = 0
    base_skipped: int = 0
    """Of the tests; they prove nothing."""
    head_skipped: int = 0
    base_xfailed: int = 0
    """Tests that fail and are expected to."""
    head_xfailed: int = 0
    base_uncollected: int = 0
    """Modules that could not be collected; they are among the failures and no tests."""
    head_uncollected: int = 0
    known: int = 0
    """Failures or findings of head that base has as well."""
    new_failures: tuple[CheckItem, ...] = ()
    flaky: tuple[Repeated, ...] = ()
    """Tests that failed with the change, and on base in the same way at times: no new failures."""
    unsure: tuple[Repeated, ...] = ()
    """Tests that fail at times with the change and were never seen to do so on base."""
    gone: tuple[str, ...] = ()
    """Tests of base that the change removes, or keeps from running."""
    rewritten: tuple[HeldTest, ...] = ()
    """Tests that pass as the change has them, and not as base has them."""
    unrun: tuple[str, ...] = ()
    """Tests of base for which there was no time."""
    findings: tuple[Finding, ...] = ()
    """What a rule makes of new findings, for a check that a rule weighs: then nothing is a new
    failure, and the rule's weight decides."""
    unmatched: tuple[str, ...] = ()
    """Ids that are not stable from one collection to the next: never called gone."""
    added: tuple[str, ...] = ()
    """Ids that only head has."""
    seconds: float = 0.0
    """On head."""

    @property
    def is_in_the_way(self) -> bool:
        """Whether it keeps a change from being published."""
        return self.verdict not in (Status.PASSED, Status.UNMEASURABLE)


class Remark(Record):
    """One thing that a reviewing model says about a change."""

    text: str
    path: str = ""
    line: int | None = None
    """1-based, in the new file."""
    blocking: bool = False


class ReviewNotes(Record):
    """A second model's view, or the word that there was none."""

    ran: bool
    sentence: str
    """Ours."""
    approves: bool = False
    remarks: tuple[Remark, ...] = ()
    """The model's words."""
    model: str = ""
    """`provider:name` of whoever reviewed."""
    unfinished: bool = False
    """Whether a review was begun and did not come to its end."""

    @property
    def open(self) -> bool:
        """Whether it leaves something for a person to look at first."""
        return self.unfinished or (self.ran and not self.approves)

    @property
    def blocking(self) -> tuple[Remark, ...]:
        """The remarks that ask for another edit."""
        return tuple(remark for remark in self.remarks if remark.blocking)


class ModelUse(Record):
    """What one model did in a run, in one role."""

    role: str
    model: str
    """`provider:name`."""
    calls: int
    input_tokens: int
    cached_tokens: int
    """Of the input, from the provider's cache."""
    output_tokens: int
    usd: float | None
    """None: no price is known of some of it."""
    seconds: float


class ModelTotal(Record):
    """What models used in a run in all."""

    calls: int
    input_tokens: int
    cached_tokens: int
    """Of the input."""
    output_tokens: int
    usd: float | None
    """None: no price is known of some of it."""

    @classmethod
    def of(cls, uses: Iterable[ModelUse]) -> Self:
        """Add up."""
        several = tuple(uses)
        prices = [use.usd for use in several]
        known = [price for price in prices if price is not None]
        return cls(
            calls=sum(use.calls for use in several),
            input_tokens=sum(use.input_tokens for use in several),
            cached_tokens=sum(use.cached_tokens for use in several),
            output_tokens=sum(use.output_tokens for use in several),
            usd=sum(known) if len(known) == len(prices) else None,
        )

    @property
    def cost(self) -> str:
        """Say what that cost, as people want to know it."""
        if not self.calls:
            return "$0.00: no model was asked"
        if self.usd is None:
            return "an unknown amount: the price of a model is not known"
        return f"{money(self.usd)} for models"

    @property
    def told(self) -> str:
        """Say it in one line."""
        cost = "no price is known of all of it" if self.usd is None else f"${self.usd:.4f}"
        requests = f"{self.calls:,} request{'s' * (self.calls != 1)}"
        return f"{requests}, {self.input_tokens:,} tokens in, {self.output_tokens:,} out, {cost}"


class ModelWork(Record):
    """What models did in a run: figures of ours, and words of theirs."""

    uses: tuple[ModelUse, ...] = ()
    """What each model did, in each role."""
    words: str = ""
    """What the editing model says of its change; claims, no facts."""
    rounds: tuple[str, ...] = ()
    """How each round of edits ended, in words of ours."""
    passed_over: tuple[str, ...] = ()
    """Which models were to answer and did not, why, and who did; a sentence for each."""
    undone: tuple[str, ...] = ()
    """What did not come about any more and why, as sentences of ours."""

    @property
    def usd(self) -> float:
        """What is known to have been spent."""
        return sum(use.usd or 0.0 for use in self.uses)


class Verdict(Record):
    """The decision over all facts."""

    publish: bool
    reason: Reason
    sentence: str
    findings: tuple[Finding, ...] = ()
    """What is in the way, where it has a place in a file."""
    review: tuple[str, ...] = ()
    """Places that a person has to look at first, as in `shop/models.py:3`: the pull request is a
    draft until then."""

    @property
    def decision(self) -> str:
        """The decision in the words of the table, as people read it."""
        if not self.publish:
            return "withhold"
        return "open as draft" if self.review else "open"


Place = Literal["inline", "review", "issue"]
"""Where a thread of a pull request stands: on lines, as the text of a review, in the
conversation."""

End = Literal["commit", "reply", "human"]
"""How a thread ends: by a commit, by an answer, or by the word that a person has to go on."""


class ThreadEnd(Record):
    """What became of a thread in one round."""

    thread_id: str
    place: Place
    about: str
    """Its first words and place, on one line, for a table."""
    url: str = ""
    end: End
    words: str
    """The answer, or the reason."""
    by_model: bool = False
    """Whether the words are a model's."""
    commit: str = ""
    """Object id, where it ended by one."""
    upto: int
    """Number of the last comment that was seen to; 0: the round ended before that."""
    resolved: bool = False
    beyond: bool = False
    """Whether it asks for more than the ticket, so that an issue of its own was offered."""


class PullRequest(Record):
    """A pull request that is there."""

    number: int
    url: str
    """Its page."""
    draft: bool = False
    notes: tuple[str, ...] = ()
    """What was asked for and could not be had, in words: draft, a reviewer, a label."""


def money(usd: float) -> str:
    """Write dollars with as many digits as tell them from nothing, at least cents."""
    return f"${usd:.2f}" if f"{usd:.4f}".endswith("00") else f"${usd:.4f}"


class FirstRound(Record):
    """What became of the first change of a run that was judged."""

    passed: bool
    """Whether it might have been published as it was."""
    reason: Reason
    """`ready`, or what stood against it."""


class Outcome(Record):
    """How a run ended; `agent.cli` prints it and `--json` is built from it."""

    run_id: str
    state: RunState
    reason: Reason
    sentence: str
    branch: str | None = None
    commit: str | None = None
    pull_request: PullRequest | None = None
    """Where it was opened, on a forge."""
    pull_request_text: str | None = None
    """The text itself."""
    text_path: str | None = None
    """Where that text is stored."""
    text_digest: str | None = None
    """Of the text as it was given to the pull request, without what a review adds to it."""
    patch_path: str | None = None
    """What a model had done when the run stopped, as a patch for `git apply`."""
    change_digest: str | None = None
    """Digest of the change that was made, as far as one was."""
    log: str | None = None
    """Path of the full run log."""
    checks: tuple[Comparison, ...] = ()
    findings: tuple[Finding, ...] = ()
    similar: tuple[Similar, ...] = ()
    """Other runs of ours whose tickets are much alike."""
    category: Category | None = None
    """What kind of work triage took the ticket for; None: it did not come to that."""
    recipe: str | None = None
    """That carried the ticket out; "": models did; None: triage did not come to that."""
    first_round: FirstRound | None = None
    """None: no change was judged."""
    stopped_at: str | None = None
    """The step that a further try goes on with, where the run was not done; None: the first."""
    config_name: str | None = None
    """The configuration that was used in place of the repository's own."""
    models: tuple[ModelUse, ...] = ()
    """What models did, each in each role."""
    review: ReviewNotes | None = None
    """Of a second model, where models made the change."""
    threads: tuple[ThreadEnd, ...] = ()
    """What became of each thread that a follow-up has answered."""
    waiting: tuple[ThreadEnd, ...] = ()
    """After a follow-up: the threads of all rounds that wait for a person."""
    marked: int = 0
    """Places in its change that a person has to look at first."""
    plan: Plan | None = None
    """That the change was made by, as far as one was published."""
    cost_usd: float = 0.0
    """What models have cost, as far as their prices are known."""
    forge_calls: int | None = None
    """Requests that this attempt has sent to the forge; None: it is no forge that counts."""

    @classmethod
    def stopped(cls, run_id: str, reason: Reason, sentence: str) -> Self:
        """Make the outcome of a run that ended without a change to show."""
        return cls(run_id=run_id, state=end_state(reason), reason=reason, sentence=sentence)

    @property
    def used(self) -> ModelTotal:
        """What models have used in all."""
        return ModelTotal.of(self.models)

    @property
    def done(self) -> bool:
        """Whether the ticket was carried out; a dry run only shows how it would be."""
        return self.state is RunState.OPEN


class StoredRun(Record):
    """A run and where it stands; times are seconds since the epoch."""

    run: Run
    state: RunState
    active: bool
    """Whether it is not over: it waits, or a worker is at it."""
    not_before: float
    queued_at: float
    started_at: float | None
    ended_at: float | None
    segment: int = 1
    """Counts the stretches between waits."""
    begin_with: str | None = None
    """The step that the present segment begins with; None: the first one."""
    waits: int = 0
    """How often the run has waited at this step."""
    waits_for: str | None = None
    """What holds it up, in words."""
    stopped: str | None = None
    """Who or what asked for the run to be stopped, in words."""
    stopped_for: Reason = Reason.CANCELLED
    """The reason that it ends with then."""
    retries: int = 0
    """How often it was told to go on after its end."""
    grants: int = 1
    """How often it was allowed its money and minutes."""
    plan_asked: str | None = None
    """Number of the plan whose approval it waits for."""
    command: int | None = None
    """Number of the process of the command that carries it; None: the service does."""
    outcome: Outcome | None
    """Without its text."""
