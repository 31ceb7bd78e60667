"""Why a model did not reply, and what that means for a run. Loads no library of providers."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from agent.errors import (
    AgentError,
    ModelRefused,
    ModelRequestRejected,
    ModelUnavailable,
    ModelUnusable,
    TimeSpent,
)
from agent.models.chat import WorstCase
from agent.models.clock import read_clock

NOTHING = WorstCase(tokens=0, usd=None)

Why = Literal["unavailable", "unusable", "rejected", "refused"]
"""unavailable: a retry may succeed. unusable: the operator has to fix key, name or account.
rejected: the provider does not accept the form or length of the request. refused: the model or its
provider refuses the content."""


@dataclass(eq=False)
class ModelFailure(Exception):
    words: str
    """Description that follows the model's name and a colon."""
    why: Why = "unavailable"
    after: float | None = None
    """Seconds until a retry is allowed, if the provider said so."""
    paid: bool = False
    """Whether the provider may charge for the request nevertheless."""
    details: str = ""
    """See `errors.AgentError.details`."""
    names_limit: bool = False
    """Whether the error names the limit of the reply's tokens, which may be too high."""
    lost: WorstCase = NOTHING
    """Maximum that may be billed."""
    is_limited: bool = False
    """Whether the provider refuses further requests for now (429)."""

    @property
    def kind(self) -> str:
        """The cause, for metrics."""
        return "limited" if self.is_limited else self.why

    def __str__(self) -> str:
        return self.words


def explain_failures(
    role: str, failed: Sequence[tuple[str, ModelFailure]], *, is_late: bool
) -> AgentError:
    """Explain why no model of a chain replied: by the failure that is most easily mended.

    Args:
        failed: Models with their failures.
        is_late: Whether too few of the run's minutes are left for another request.
    """
    listed = "; ".join(dict.fromkeys(f"{name}: {failure}" for name, failure in failed))
    reasons = {failure.why for _, failure in failed}
    problem: AgentError
    if is_late and "unavailable" in reasons:
        left = "No model answered in the time left of the run's minutes (limits.minutes) as"
        problem = TimeSpent(f"{left} {role}: {listed}.")
    elif "unavailable" in reasons:
        words, until = f"No model answered as {role}: {listed}.", None
        if waits := [failure.after for _, failure in failed if failure.after is not None]:
            until = read_clock() + min(waits)
            moment = datetime.fromtimestamp(until, UTC)
            words += f" It may be asked again at {moment:%Y-%m-%d %H:%M:%S} UTC."
        problem = ModelUnavailable(words, until)
    elif reasons == {"unusable"}:
        words = f"No model can be used as {role}: {listed}."
        problem = ModelUnusable(f"{words} `mergewright doctor --models` tests them.")
    elif reasons and "refused" not in reasons:
        problem = ModelRequestRejected(f"No model accepts the {role} request: {listed}.")
    else:
        problem = ModelRefused(f"All models declined as {role}: {listed}.")
    problem.details = " ".join(dict.fromkeys(filter(None, (part.details for _, part in failed))))
    return problem
