"""Results of a backtest: a row for each past change, and figures of all. Pure."""

import statistics
from collections import Counter
from collections.abc import Iterable
from enum import StrEnum

from agent.models.record import Record
from agent.models.run import WITHHELD, Reason, RunState


class End(StrEnum):
    READY = "ready"
    DRAFT = "draft"
    WITHHELD = "withheld"
    DECLINED = "declined"
    """The run asked a question, or left the ticket to people."""
    FAILED = "failed"
    NOT_RUN = "not run"
    """The merged tests could not judge any change."""


def find_end(reason: Reason, *, has_remarks: bool) -> End:
    """Return how a dry run ended; remarks, which a person has to look at, make it a draft."""
    if reason is Reason.DRY_RUN:
        return End.DRAFT if has_remarks else End.READY
    if reason in WITHHELD:
        return End.WITHHELD
    is_declined = reason.state in (RunState.DECLINED, RunState.NEEDS_HUMAN)
    return End.DECLINED if is_declined else End.FAILED


class BacktestResult(Record):
    instance_id: str
    """The task."""
    title: str
    """Its title."""
    end: End
    """How the run ended: `ready`, `draft`, or without a result."""
    reason: str = ""
    """Why it ended; see Outcomes of a run."""
    sentence: str = ""
    """The same for people."""
    resolved: bool | None = None
    """Whether all required tests pass; None: not judged."""
    why_not: str = ""
    """Why it was not judged."""
    failing: tuple[str, ...] = ()
    """Required tests that fail."""
    fail_to_pass: int = 0
    """Number of tests that the merged change fixed."""
    pass_to_pass: int = 0
    """Number of tests that passed before and with the merged change."""
    unsteady: tuple[str, ...] = ()
    """Tests that are not counted, since their results differ between runs."""
    set_up: str = ""
    """Where the set-up comes from."""
    run_id: str = ""
    """The run, for `runs show`."""
    model: str = ""
    """The model."""
    usd: float | None = 0.0
    """Dollars; None: a price is unknown."""
    requests: int = 0
    """Number of requests to models."""
    seconds: float = 0.0
    """Duration."""
    patch: str = ""
    merged: str = ""

    @property
    def is_wrongly_ready(self) -> bool:
        return self.end is End.READY and self.resolved is False


class Figures(Record):
    """Totals of a backtest, the most important ones first."""

    tasks: int
    """Number of tasks."""
    judged: int
    """Number of judged tasks."""
    wrongly_ready: int
    """Number of results that were ready but wrong."""
    resolved: int
    """Number of resolved tasks."""
    ends: dict[str, int]
    """Number of tasks by end."""
    set_up: dict[str, int]
    """Number of tasks by where the set-up comes from."""
    usd: float | None
    """Dollars in total; None: a price is unknown."""
    median_usd: float | None
    """Median dollars per task."""
    seconds: float
    """Seconds in total."""
    median_seconds: float | None
    """Median seconds per task."""


def compute_figures(rows: Iterable[BacktestResult]) -> Figures:
    every = list(rows)
    ran = [row for row in every if row.end is not End.NOT_RUN]
    prices = [row.usd for row in ran if row.usd is not None]
    is_priced = len(prices) == len(ran)
    return Figures(
        tasks=len(every),
        judged=sum(row.resolved is not None for row in every),
        wrongly_ready=sum(row.is_wrongly_ready for row in every),
        resolved=sum(row.resolved is True for row in every),
        ends=dict(Counter(row.end.value for row in every)),
        set_up=dict(Counter(row.set_up for row in ran if row.set_up)),
        usd=sum(prices) if is_priced else None,
        median_usd=statistics.median(prices) if prices and is_priced else None,
        seconds=sum(row.seconds for row in ran),
        median_seconds=statistics.median([row.seconds for row in ran]) if ran else None,
    )
