"""What was written and what happened on an issue or pull request, in the order of time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from markupsafe import Markup

from agent.demo.simulator import markup
from agent.demo.simulator.records import (
    Happening,
    Issue,
    Reaction,
    Repository,
    Review,
    ReviewComment,
    User,
)
from agent.demo.simulator.views import subjects

_SIGNS = {
    "+1": "👍", "-1": "👎", "laugh": "😄", "confused": "😕", "heart": "❤️", "hooray": "🎉",
    "rocket": "🚀", "eyes": "👀",
}  # fmt: skip
_WORDS = {
    "labeled": "added the label", "unlabeled": "removed the label", "closed": "closed this",
    "reopened": "reopened this", "renamed": "changed the title",
    "locked": "locked the conversation",
    "review_requested": "asked for a review",
    "review_request_removed": "took back a review request",
    "ready_for_review": "marked this as ready for review",
    "merged": "merged this", "head_ref_force_pushed": "force-pushed the branch",
    "head_ref_deleted": "deleted the branch", "transferred": "transferred this issue",
}  # fmt: skip
_REVIEWED = {
    "APPROVED": "approved these changes", "CHANGES_REQUESTED": "asked for changes",
    "DISMISSED": "reviewed (dismissed)", "COMMENTED": "reviewed", "PENDING": "is reviewing",
}  # fmt: skip


@dataclass(frozen=True)
class ReactionView:
    """One sign and who gave it."""

    sign: str
    people: tuple[str, ...]


@dataclass(frozen=True)
class EntryView:
    """One entry of a conversation: what somebody wrote, or an event."""

    kind: str
    author: str
    at: float
    words: str
    order: int = 0
    bot: bool = False
    anchor: str = ""
    role: str = ""
    html: Markup = field(default_factory=Markup)
    raw: str = ""
    edited_at: float | None = None
    edit: str = ""
    path: str = ""
    line: int | None = None
    reactions: tuple[ReactionView, ...] = ()
    labels: tuple[subjects.LabelView, ...] = ()
    subject: str = ""


def entries(repo: Repository, one: Issue) -> tuple[EntryView, ...]:
    """Tell the conversation in the order of time, the description first."""
    forms = f"/{repo.full_name}/issues/{one.number}"
    written = [
        EntryView(
            kind="comment",
            author=each.author.login,
            at=each.created,
            words="commented",
            order=each.id,
            bot=each.author.kind == "Bot",
            anchor=f"issuecomment-{each.id}",
            role=_shown_role(repo, each.author),
            html=markup.markdown(each.body, repo.full_name),
            raw=each.body,
            edited_at=each.updated if each.updated > each.created else None,
            edit=f"{forms}/comments/{each.id}",
            reactions=_reactions(each.reactions),
        )
        for each in one.comments
    ]
    found = [*written, *(_event(each) for each in one.happenings), *_reviews(repo, one)]
    return (_description(repo, one, forms), *sorted(found, key=lambda each: (each.at, each.order)))


def _shown_role(repo: Repository, account: User) -> str:
    if account is repo.owner:
        return "owner"
    return repo.roles.get(account.login.lower(), "")


def _description(repo: Repository, one: Issue, forms: str) -> EntryView:
    return EntryView(
        kind="comment",
        author=one.author.login,
        at=one.created,
        words="opened this",
        bot=one.author.kind == "Bot",
        anchor=f"issue-{one.id}",
        role=_shown_role(repo, one.author),
        html=markup.markdown(one.body, repo.full_name),
        raw=one.body or "",
        edit=f"{forms}/body",
        reactions=_reactions(one.reactions),
    )


def _event(one: Happening) -> EntryView:
    labels = (subjects.label(one.label),) if one.label else ()
    # The time line keeps both titles of a renaming in one note.
    said = one.note.replace("\0", " → ") or (one.commit[:10] if one.commit else "")
    return EntryView(
        kind="event",
        author=one.actor.login,
        at=one.created,
        words=_WORDS.get(one.event, one.event.replace("_", " ")),
        order=one.id,
        labels=labels,
        subject=said,
    )


def _reviews(repo: Repository, one: Issue) -> Iterator[EntryView]:
    if not one.pull:
        return
    said = {each.review_id for each in one.pull.review_comments()}
    for review in one.pull.reviews:
        # A review that only carries comments on lines is told by them.
        if review.submitted and (
            review.body or review.state != "COMMENTED" or review.id not in said
        ):
            yield _review(repo, review, review.submitted)
    for comment in one.pull.review_comments():
        yield _review_comment(repo, comment)


def _review(repo: Repository, one: Review, at: float) -> EntryView:
    words = _REVIEWED.get(one.state, one.state.lower())
    if not one.body:
        return EntryView("event", one.author.login, at, words, order=one.id)
    return EntryView(
        kind="comment",
        author=one.author.login,
        at=at,
        words=words,
        order=one.id,
        bot=one.author.kind == "Bot",
        anchor=f"pullrequestreview-{one.id}",
        role=_shown_role(repo, one.author),
        html=markup.markdown(one.body, repo.full_name),
    )


def _review_comment(repo: Repository, one: ReviewComment) -> EntryView:
    return EntryView(
        kind="comment",
        author=one.author.login,
        at=one.created,
        words="answered on a line" if one.in_reply_to else "commented on a line",
        order=one.id,
        bot=one.author.kind == "Bot",
        anchor=f"discussion_r{one.id}",
        role=_shown_role(repo, one.author),
        html=markup.markdown(one.body, repo.full_name),
        edited_at=one.updated if one.updated > one.created else None,
        path=one.path,
        line=one.line or one.original_line,
        reactions=_reactions(one.reactions),
    )


def _reactions(given: Sequence[Reaction]) -> tuple[ReactionView, ...]:
    by_content: dict[str, list[str]] = {}
    for each in given:
        by_content.setdefault(each.content, []).append(each.user.login)
    return tuple(ReactionView(_SIGNS.get(c, c), tuple(who)) for c, who in by_content.items())
