"""Which part of GitHub's description is vendored: what we call, and the hooks we get."""

from tests.simulator import calls, serving

assert serving.AREAS, "which register the operations that there are"
OPERATIONS = frozenset(map(str, calls.OPERATIONS))

# What the simulator has although no run of ours calls it (yet), and why.
NOT_CALLED: dict[str, str] = {
    "POST /repos/{owner}/{repo}/pulls/{pull_number}/reviews": "people review",
    "POST /repos/{owner}/{repo}/statuses/{sha}": "the project's CI reports",
}

HOOKS = (
    "check-run-completed", "check-run-created", "check-suite-completed", "issue-comment-created",
    "issues-closed", "issues-edited", "issues-labeled", "issues-locked", "issues-opened",
    "issues-reopened", "issues-transferred", "issues-unlabeled", "pull-request-closed",
    "pull-request-converted-to-draft", "pull-request-ready-for-review",
    "pull-request-edited", "pull-request-labeled", "pull-request-opened", "pull-request-reopened",
    "pull-request-review-comment-created", "pull-request-review-requested",
    "pull-request-review-submitted",
    "pull-request-synchronize", "pull-request-unlabeled", "push",
    "status",
)  # fmt: skip

EXAMPLE_EVENTS = (
    "check_run", "check_suite", "installation", "installation_repositories", "issue_comment",
    "issues", "ping", "pull_request", "pull_request_review", "pull_request_review_comment",
    "pull_request_review_thread", "push", "status", "workflow_run",
)  # fmt: skip
