"""Which part of GitHub's description is vendored: what we call, and the hooks we get."""

OPERATIONS = (
    "GET /app",
    "GET /app/hook/deliveries",
    "GET /app/hook/deliveries/{delivery_id}",
    "POST /app/installations/{installation_id}/access_tokens",
    "GET /repos/{owner}/{repo}",
    "GET /repos/{owner}/{repo}/actions/jobs/{job_id}/logs",
    "GET /repos/{owner}/{repo}/actions/runs",
    "POST /repos/{owner}/{repo}/check-runs",
    "GET /repos/{owner}/{repo}/collaborators/{username}/permission",
    "GET /repos/{owner}/{repo}/commits/{ref}/check-runs",
    "GET /repos/{owner}/{repo}/commits/{ref}/status",
    "GET /repos/{owner}/{repo}/contents/{path}",
    "GET /repos/{owner}/{repo}/installation",
    "POST /repos/{owner}/{repo}/issues",
    "GET /repos/{owner}/{repo}/issues/comments/{comment_id}",
    "PATCH /repos/{owner}/{repo}/issues/comments/{comment_id}",
    "DELETE /repos/{owner}/{repo}/issues/comments/{comment_id}",
    "POST /repos/{owner}/{repo}/issues/comments/{comment_id}/reactions",
    "GET /repos/{owner}/{repo}/issues/{issue_number}",
    "PATCH /repos/{owner}/{repo}/issues/{issue_number}",
    "GET /repos/{owner}/{repo}/issues/{issue_number}/comments",
    "POST /repos/{owner}/{repo}/issues/{issue_number}/comments",
    "POST /repos/{owner}/{repo}/issues/{issue_number}/labels",
    "DELETE /repos/{owner}/{repo}/issues/{issue_number}/labels/{name}",
    "POST /repos/{owner}/{repo}/issues/{issue_number}/reactions",
    "GET /repos/{owner}/{repo}/pulls",
    "POST /repos/{owner}/{repo}/pulls",
    "GET /repos/{owner}/{repo}/pulls/{pull_number}",
    "PATCH /repos/{owner}/{repo}/pulls/{pull_number}",
    "POST /repos/{owner}/{repo}/pulls/comments/{comment_id}/reactions",
    "POST /repos/{owner}/{repo}/pulls/{pull_number}/comments/{comment_id}/replies",
    "PUT /repos/{owner}/{repo}/pulls/{pull_number}/merge",
    "POST /repos/{owner}/{repo}/pulls/{pull_number}/requested_reviewers",
    "GET /repos/{owner}/{repo}/pulls/{pull_number}/reviews",
    "POST /repos/{owner}/{repo}/pulls/{pull_number}/reviews",
    "POST /repos/{owner}/{repo}/statuses/{sha}",
    "GET /user",
    "GET /user/installations",
    "GET /user/installations/{installation_id}/repositories",
    "GET /users/{username}",
)

# What the simulator has although no run of ours calls it (yet), and why.
NOT_CALLED: dict[str, str] = {
    "POST /repos/{owner}/{repo}/issues": "people open issues",
    "PATCH /repos/{owner}/{repo}/issues/{issue_number}": "people close issues",
    "DELETE /repos/{owner}/{repo}/issues/{issue_number}/labels/{name}": "people take labels off",
    "POST /repos/{owner}/{repo}/pulls/{pull_number}/reviews": "people review",
    "PUT /repos/{owner}/{repo}/pulls/{pull_number}/merge": "people merge what we open",
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
