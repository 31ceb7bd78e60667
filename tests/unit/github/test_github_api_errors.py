"""What GitHub's answers mean for us."""

import time
from email.utils import formatdate

import pytest

from agent.errors import AccessLost, Superseded
from agent.github import api_errors
from agent.github.api_errors import RateLimited, RefusedRequest


def refusal(status: int, message: str, errors: object = None, **headers: str) -> RefusedRequest:
    data = {"message": message} | ({"errors": errors} if errors is not None else {})
    with pytest.raises(RefusedRequest) as caught:
        api_errors.raise_for_answer(status, headers, data)
    return caught.value


def limit(status: int, headers: dict[str, str], message: str = "") -> RateLimited:
    with pytest.raises(RateLimited) as caught:
        api_errors.raise_for_answer(status, headers, {"message": message})
    return caught.value


@pytest.mark.parametrize(
    ("status", "headers", "seconds"),
    [
        (403, {"retry-after": "7"}, 7),
        (429, {"retry-after": "7"}, 7),
        (429, {}, 60),
        (403, {"x-ratelimit-remaining": "0", "x-ratelimit-reset": "1"}, 0),
    ],
)
def test_a_limit_says_how_long_and_else_it_is_a_minute(status, headers, seconds):
    assert limit(status, headers, "You have exceeded a secondary rate limit.").wait == seconds


def test_the_reset_is_read_by_the_servers_clock_when_ours_is_an_hour_off():
    server = time.time() - 3600
    headers = {
        "date": formatdate(server, usegmt=True),
        "x-ratelimit-remaining": "0",
        "x-ratelimit-reset": str(int(server) + 3000),
    }
    assert limit(403, headers, "API rate limit exceeded").wait == pytest.approx(3001, abs=2)


def test_a_plain_403_is_no_limit_and_names_the_permission_of_the_header():
    error = refusal(
        403,
        "Resource not accessible by integration",
        **{"x-accepted-github-permissions": "issues=write; pull_requests=write"},
    )
    error.doing = "comment on issue #4"
    explained = error.make_agent_error()
    assert isinstance(explained, AccessLost)
    assert "comment on issue #4" in explained.message
    assert "issues: write or pull_requests: write" in explained.message


@pytest.mark.parametrize(
    ("status", "message", "kind"),
    [
        (403, "Repository was archived so is read-only.", AccessLost),
        (403, "Unable to create comment because issue is locked.", Superseded),
        (401, "Bad credentials", AccessLost),
    ],
)
def test_a_refusal_is_told_by_its_kind(status, message, kind):
    assert isinstance(refusal(status, message).make_agent_error(), kind)


def test_graphql_errors_are_told_though_their_status_is_200():
    api_errors.raise_for_query({}, {"data": {}})
    with pytest.raises(RefusedRequest) as caught:
        api_errors.raise_for_query({}, {"errors": [{"type": "FORBIDDEN", "message": "no"}]})
    assert caught.value.status == 403
    with pytest.raises(RateLimited):
        api_errors.raise_for_query(
            {"retry-after": "5"}, {"errors": [{"type": "RATE_LIMITED", "message": "slow"}]}
        )
    with pytest.raises(RefusedRequest) as caught:
        api_errors.raise_for_query({}, {"errors": [{"type": "STALE_DATA", "message": "moved"}]})
    assert caught.value.status == 422
