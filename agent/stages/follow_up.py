"""Follow up: read what people and checks ask of a pull request of ours.

Comments count with the text that they have now, not as in the delivery that began the run.
"""

from collections.abc import Iterator

from agent.conversation.commands import ROUNDS_OVER, is_command, is_for_others, is_mentioned
from agent.desk import Desk
from agent.errors import RequestRefused, RunStopped, Superseded
from agent.git import worktree
from agent.models.change import Plan
from agent.models.code_host import CodeHost
from agent.models.outcome import PastRun, ThreadOutcome
from agent.models.pulls import (
    BranchState,
    PullSnapshot,
    Thread,
    ThreadComment,
)
from agent.models.record import replace
from agent.models.run import FollowUp, Reason, Run
from agent.models.task import FollowUpItem, PullContext
from agent.policy import migration_chains
from agent.text import sanitise
from repo_config.tree import ChangedTree

#: Maximum number of threads that one round answers, the oldest first.
MOST_THREADS = 20
#: Maximum number of accounts that one round looks up, the latest authors first: many strangers
#: cost no more requests, and do not hide a recent comment of a maintainer.
_MOST_ACCOUNTS = 12
_MOST_CHECKS = 5
_MOST_LOG = 12_000
_MOST_SAID = 8_000
_MOST_HUNK_LINES = 12
_LONGEST_ABOUT = 160


def read_context(run: Run, desk: Desk) -> PullContext:
    """Read the pull request, and find the threads and checks that need an answer.

    Raises:
        Superseded: The pull request is no longer open.
    """
    about, code_host = run.about, desk.code_host
    pull = code_host.read_pull(run, about.pull)
    if pull is None or pull.state != "open":
        became = "is gone" if pull is None else f"was {pull.state}"
        raise Superseded(f"Pull request #{about.pull} {became}; nothing was done.")
    history, remote = desk.memory.list_history(run), desk.code_host.find_remote(run)
    if remote is None:
        raise RequestRefused("Only the GitHub service can follow up on pull requests.")
    outcomes = [stored_run.outcome for stored_run in history if stored_run.outcome is not None]
    # The last outcome of each thread, by its id.
    ends = {end.thread_id: end for outcome in outcomes for end in outcome.review_state.threads}
    plans = [outcome.judged.plan for outcome in outcomes if outcome.judged.plan]
    texts = [outcome.review_state.text_digest for outcome in outcomes]
    digests = [digest for digest in texts if digest]
    asked: tuple[Thread, ...] = ()
    if about.kind == "review":
        asked = _find_asked(pull, ends, remote.author, _Writers(run, code_host))
    return PullContext(
        about=about,
        remote=remote,
        # `threads` below has those that need an answer.
        pull=replace(pull, threads=()),
        checks=tuple(
            check
            for check in (code_host.list_checks(run, pull.head) if about.kind == "ci" else ())
            if check.state in ("failed", "waiting")
        ),
        threads=asked[:MOST_THREADS],
        threads_left=max(0, len(asked) - MOST_THREADS),
        plan=plans[-1] if plans else Plan(recipe="", title=pull.title, parameters="", steps=()),
        thread_outcomes=tuple(ends.values()),
        text_digest=digests[-1] if digests else None,
        was_draft=any(outcome.pull_request and outcome.pull_request.draft for outcome in outcomes),
        earlier_rounds=sum(_is_like(stored_run, about) for stored_run in history),
    )


def _find_asked(
    pull: PullSnapshot, ends: dict[str, ThreadOutcome], author: str, people: "_Writers"
) -> tuple[Thread, ...]:
    """Find the threads that need an answer of ours.

    Args:
        ends: Outcomes of threads in earlier rounds, by their ids.
        author: Our name on the code host.
    """
    threads = tuple(_as_read(thread, ends) for thread in pull.threads)
    newest = sorted(threads, key=lambda thread: thread.comments[-1].at, reverse=True)
    names = frozenset((author,))
    asked = {thread.thread_id for thread in newest if _is_asked(thread, ends, names, people)}
    return tuple(people.hide_others(thread) for thread in threads if thread.thread_id in asked)


def _is_like(earlier: PastRun, about: FollowUp) -> bool:
    """Whether an earlier follow-up counts for the limit of this kind of follow-ups."""
    before, became = earlier.run.follow_up, earlier.outcome
    if became is not None and became.is_done and not became.review_state.threads:
        return False  # it found nothing to do
    return before is not None and (before.kind, before.by) == (about.kind, about.by)


class _Writers:
    """Tells whose comments count: those of accounts with write permission."""

    def __init__(self, run: Run, code_host: CodeHost) -> None:
        self._run, self._code_host = run, code_host
        self._answers: dict[tuple[str, int], bool] = {}

    def may_write(self, comment: ThreadComment) -> bool:
        account = comment.author.lower(), comment.author_id
        if account not in self._answers:
            if comment.is_bot or len(self._answers) >= _MOST_ACCOUNTS:
                return False
            self._answers[account] = self._code_host.may_write(
                self._run, comment.author, comment.author_id
            )
        return self._answers[account]

    def hide_others(self, thread: Thread) -> Thread:
        """Empty the comments of other accounts in a thread: no model or recipe may see them."""
        comments = (
            comment if comment.is_ours or self.may_write(comment) else replace(comment, body="")
            for comment in thread.comments
        )
        return replace(thread, comments=tuple(comments))


def _is_asked(
    thread: Thread, ends: dict[str, ThreadOutcome], names: frozenset[str], people: _Writers
) -> bool:
    """Whether an account with write permission waits for our answer in a thread."""
    if thread.resolved:
        return False
    before = ends.get(thread.thread_id)
    if before and not before.by_model and before.text.startswith(ROUNDS_OVER):
        return False
    fresh = _since_ours(thread, before.last_comment_id if before else 0)
    if thread.approves:
        fresh = [comment for comment in fresh if is_mentioned(comment.body, names)]
    elif thread.place != "inline":
        fresh = [comment for comment in fresh if not is_for_others(comment.body, names)]
    # The latest authors first: the number of look-ups is limited.
    return any(people.may_write(comment) for comment in reversed(fresh))


def _as_read(thread: Thread, ends: dict[str, ThreadOutcome]) -> Thread:
    """Return a thread in which comments that we had not read when we last answered come last."""
    before = ends.get(thread.thread_id)
    upto = before.last_comment_id if before else 0
    unread = [
        comment
        for comment in thread.comments
        if 0 < upto < comment.comment_id and not comment.is_ours
    ]
    read = [comment for comment in thread.comments if comment not in unread]
    return replace(thread, comments=(*read, *unread))


def _since_ours(thread: Thread, upto: int) -> list[ThreadComment]:
    """Return people's comments that we had not read when we last answered, without commands."""
    ours = (at for at, comment in enumerate(thread.comments) if comment.is_ours)
    last = max(ours, default=-1)
    return [
        comment
        for comment in thread.comments[last + 1 :]
        if comment.comment_id > upto and not comment.is_bot and not is_command(comment.body)
    ]


def list_items(
    pull: PullContext, start: BranchState, run: Run, desk: Desk
) -> tuple[FollowUpItem, ...]:
    """List the numbered items that a follow-up has to answer.

    Raises:
        RunStopped: Migrations fork, and neither a recipe nor a model may repair that.
    """
    unnumbered = [_of_thread(thread) for thread in pull.threads]
    if start.brought_up:
        unnumbered += [_of_conflict(path, pull.pull.base_branch) for path in start.conflicts]
        unnumbered += _list_forks(pull, start, run, desk)
    unnumbered += _of_checks(pull, start, run, desk)
    # `about` is shortened: the pull request itself shows the whole comment.
    items = tuple(
        replace(item, number=at, about=desk.redactor(item.about)[:_LONGEST_ABOUT])
        for at, item in enumerate(unnumbered, 1)
    )
    forks = [item for item in items if item.is_fork]
    is_asked = pull.about.by or pull.about.kind != "update" or start.conflicts
    if forks and not is_by_recipe(pull, start, items) and not (is_asked and desk.has_editor):
        way = "Make the branch's again by hand, after the base's."
        if desk.has_editor:
            way = "To have a model make the branch's again, comment `/mergewright rebase`."
        words = f"{forks[0].text.partition(chr(10))[0]} {way}"
        raise RunStopped(words, Reason.CONFLICT)
    return items


def is_by_recipe(pull: PullContext, start: BranchState, items: tuple[FollowUpItem, ...]) -> bool:
    """Whether the recipe makes its change again, since its migrations fork on the new base."""
    is_own = bool(pull.plan.recipe) and not start.foreign_commits
    is_update = pull.about.kind == "update"
    return is_own and is_update and bool(items) and all(item.is_fork for item in items)


def _of_thread(thread: Thread) -> FollowUpItem:
    place = f"{thread.path}:{thread.line}" if thread.line else thread.path
    bodies = (comment.body.strip() for comment in thread.comments)
    first = next(filter(None, bodies), "").partition("\n")[0]
    if first.startswith(("```", "~~~")):
        first = "a suggestion"
    lines = [f"On {place}" if place else "In the pull request's conversation"]
    if thread.hunk:
        lines += ["The commented lines:", *thread.hunk.splitlines()[-_MOST_HUNK_LINES:]]
    for comment in thread.comments:
        words = sanitise.clean_ticket(comment.body)[0].strip()
        if words:
            lines.append(f"{'We' if comment.is_ours else comment.author} wrote: {words}")
    text = sanitise.shorten_middle("\n".join(lines), _MOST_SAID, where="the pull request")
    return FollowUpItem(number=0, about=f"{place} {first}".strip(), text=text, thread=thread)


def _of_conflict(path: str, base_branch: str) -> FollowUpItem:
    text = (
        f"{base_branch} was merged into the branch, and both have changed {path}. Of each conflict,"
        f" `<<<<<<<` begins what {base_branch} has, `|||||||` what both began with, and `=======`"
        " what the branch has; a file without these marks was deleted, renamed or added by one of"
        " them. Merge it so that both sides keep what they want, in the other files as well, keep"
        " the tests of both, and remove the marks. If that is impossible, leave it to a person."
    )
    return FollowUpItem(number=0, about=f"conflict in {path}", text=text, conflict=path)


def _list_forks(
    pull: PullContext, start: BranchState, run: Run, desk: Desk
) -> Iterator[FollowUpItem]:
    """Yield an item for each folder in which both branch and base add a last migration."""
    base = worktree.open_tree(start.checkout, desk.base_folder(run))
    contents = {file.path: file.after for file in start.change.files}
    for fork in migration_chains.find_forks([*contents], base, ChangedTree(base, contents)):
        ours = next((path for path in fork.leaves if path in contents), fork.leaves[0])
        leaves = sanitise.list_some(map(sanitise.format_code, fork.leaves))
        text = (
            f"{pull.pull.base_branch} and the branch both add migrations to"
            f" {sanitise.format_code(fork.folder)}, so that several are last: {leaves}."
            "\nMake the branch's follow the base's, under a name of its own, and leave those of the"
            " base as they are."
        )
        yield FollowUpItem(
            number=0, about=f"migrations in {fork.folder}", text=text, conflict=ours, is_fork=True
        )


def _of_checks(
    pull: PullContext, start: BranchState, run: Run, desk: Desk
) -> Iterator[FollowUpItem]:
    red_on_base: frozenset[str] = frozenset()
    if pull.checks:
        base = desk.code_host.list_checks(run, start.tip)
        red_on_base = frozenset(
            project_check.name for project_check in base if project_check.state == "failed"
        )
    seen_to = 0
    for check in pull.checks:
        item = FollowUpItem(number=0, about=f"check {check.name}", text="", check=check)
        if check.state == "waiting":
            words = check.summary or "It is waiting for someone to approve or restart it."
            yield replace(item, settled=words)
        elif check.name in red_on_base:
            words = f"It also fails on {pull.pull.base_branch} at {start.tip[:12]}."
            yield replace(item, settled=words)
        elif seen_to == _MOST_CHECKS:
            words = f"A round handles {_MOST_CHECKS} failing checks; this one is beyond that."
            yield replace(item, settled=words)
        else:
            seen_to += 1
            log = desk.code_host.read_log(run, check)[-_MOST_LOG:]
            output = "\n".join(filter(None, (check.summary, log)))
            text = f"The project's check {check.name} fails on the branch. Output:\n{output}"
            yield replace(item, text=text)
