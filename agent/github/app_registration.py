"""Our GitHub App: what it asks for.

The link in `deploy/README.md` by which it is registered says the same, with the reason for each
permission; what tokens may do follows from here.
"""

PERMISSIONS = {
    "metadata": "read",
    "contents": "write",
    "issues": "write",
    "pull_requests": "write",
    "checks": "write",
    "statuses": "read",
    "actions": "read",
}
EVENTS = (
    "issues", "issue_comment", "pull_request", "pull_request_review",
    "pull_request_review_comment", "check_suite", "status",
)  # fmt: skip
