"""Open issues with the starting label, for whom GitHub sends no webhooks: `LabelledIssues`.

Only what has changed since the last look is looked at; who set the label, and when, is in an
issue's events. The text is the one that is there at the look; whether it was edited after the label
was set is found by those events, where the title is concerned, and for the body by the time of its
last edit, which GraphQL alone tells.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from agent.github import live_issue
from agent.github.access import Access
from agent.github.intake_api import GithubIntakeApi
from agent.github.session import Raw, Session, in_our_words
from agent.models.polling import Labelled
from agent.models.ticket import IssueRef, Snapshot
from agent.settings import Settings

_MOST_PAGES = 20


@dataclass
class _Seen:
    """What was seen of one repository."""

    issues: dict[int, str] = field(default_factory=dict)
    """`updated_at` by number."""
    labels: dict[int, int] = field(default_factory=dict)
    """Number of the event that set the label which was told of, by number of the issue."""


class GithubLabelledIssues:
    """Looks for the label in the repositories that the operator names."""

    def __init__(self, access: Access, settings: Settings) -> None:
        """Ask nothing yet."""
        self._access = access
        self._intake_api = GithubIntakeApi(access, settings)
        self._seen: dict[str, _Seen] = {}

    def find_new(self, repository: str) -> Iterator[Labelled]:
        """Go through the open issues that carry the label, as far as they have changed.

        One counts as seen when the next is asked for.
        """
        seen = self._seen.setdefault(repository, _Seen())
        session = self._access.open_named_session(repository, "look through")
        with in_our_words():
            facts = live_issue.repository_facts(session)
            named = {"repository": facts["full_name"], "repository_id": facts["id"]}
            ref = session.issue.model_copy(update=named)
            label = self._intake_api.read_start_label(ref)
            # The latest change first.
            wanted = {"state": "open", "labels": label, "sort": "updated", "direction": "desc"}
            how = {"doing": "look for labelled issues", "needs": "issues: read"}
            listed = list(session.pages("issues", wanted, most=_MOST_PAGES, **how))
            for raw in listed:
                number, updated = int(raw["number"]), str(raw["updated_at"])
                if raw.get("pull_request") is None and seen.issues.get(number) != updated:
                    event, renamed = _set_by(session, number, label)
                    if event and seen.labels.get(number) != event["id"]:
                        # After the events: what is edited in between counts as edited.
                        text = live_issue.read_text(session, number)
                        if text is not None:
                            yield _make_labelled(ref, facts, raw, event, text, renamed=renamed)
                        seen.labels[number] = event["id"]
                seen.issues[number] = updated
        there = {int(raw["number"]) for raw in listed}
        seen.issues = {one: at for one, at in seen.issues.items() if one in there}
        seen.labels = {one: event for one, event in seen.labels.items() if one in there}


def _set_by(session: Session, number: int, label: str) -> tuple[Raw, bool]:
    """Find the event that has set the label, and say whether the title was changed afterwards.

    The event is empty where the label was taken off meanwhile, or set by nobody.
    """
    renamed = False
    for event in live_issue.newest_events(session, number):
        renamed = renamed or event["event"] == "renamed"
        named = str((event.get("label") or {}).get("name") or "")
        if named.lower() == label.lower():
            # An account that was deleted has no permission any more.
            there = event["event"] == "labeled" and event["actor"] is not None
            return (event if there else {}), renamed
    return {}, renamed


def _make_labelled(
    ref: IssueRef, facts: Raw, raw: Raw, event: Raw, text: Raw, *, renamed: bool
) -> Labelled:
    """Make our record of an issue and of the event that has labelled it."""
    actor, at, edited = event["actor"], str(event["created_at"]), text["lastEditedAt"]
    renamed = renamed or text["title"] != raw["title"]
    return Labelled(
        event_id=int(event["id"]),
        snapshot=Snapshot(
            issue=ref.model_copy(update={"number": int(raw["number"]), "issue_id": int(raw["id"])}),
            url=str(raw["html_url"]),
            title=str(text["title"]),
            body=str(text["body"]),
            labels=tuple(str(one["name"]) for one in raw["labels"]),
            # The account may have been deleted.
            author=str(raw["user"]["login"]) if raw["user"] else "ghost",
            actor=str(actor["login"]),
            actor_id=int(actor["id"]),
            approved_at=at,
        ),
        # Times have no fractions: within one second, an edit counts as the later one.
        edited=renamed or (edited is not None and str(edited) >= at),
        # As it is written there, which a webhook would tell too.
        label=str(event["label"]["name"]),
        actor_is_bot=actor["type"] == "Bot",
        clone_url=str(facts["clone_url"]),
    )
