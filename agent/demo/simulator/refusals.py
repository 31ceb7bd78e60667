"""GitHub's refusals: status, words and body shape, in one place."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from agent.demo.simulator.records import Permissions

DOCUMENTATION = "https://docs.github.com/rest"

FieldError = dict[str, object]


class Refusal(Exception):
    """An operation that GitHub refuses; carries the whole answer."""

    def __init__(
        self,
        status: int,
        message: str,
        *,
        errors: Sequence[FieldError | str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.errors = errors
        self.headers = dict(headers or {})
        self.extra: dict[str, object] = {}

    def body(self) -> dict[str, object]:
        """Give the JSON that GitHub answers with."""
        said: dict[str, object] = {"message": self.message}
        if self.errors is not None:
            said["errors"] = list(self.errors)
        said.update(self.extra)
        return {**said, "documentation_url": DOCUMENTATION, "status": str(self.status)}


def not_found() -> Refusal:
    """Refuse what does not exist, or what the caller may not know of."""
    return Refusal(404, "Not Found")


def bad_credentials() -> Refusal:
    """Refuse a token that is unknown or over."""
    return Refusal(401, "Bad credentials")


def needs_authentication() -> Refusal:
    """Refuse a caller who shows no token."""
    return Refusal(401, "Requires authentication")


def integration_forbidden(needed: Permissions) -> Refusal:
    """Refuse an installation token that lacks a permission; the header names it."""
    named = ",".join(f"{area}={level}" for area, level in needed.items())
    return Refusal(
        403,
        "Resource not accessible by integration",
        headers={"X-Accepted-GitHub-Permissions": named},
    )


def role_forbidden(message: str = "Must have admin rights to Repository.") -> Refusal:
    """Refuse a person whose role is too low."""
    return Refusal(403, message)


def archived() -> Refusal:
    """Refuse to write to an archived repository."""
    return Refusal(403, "Repository was archived so is read-only.")


def locked() -> Refusal:
    """Refuse to comment on a locked conversation."""
    return Refusal(403, "Unable to create comment because issue is locked.")


def invalid(resource: str, field: str, code: str, message: str | None = None) -> Refusal:
    """Refuse one field of a well-formed request."""
    problem: FieldError = {"resource": resource, "code": code, "field": field}
    if message is not None:
        problem["message"] = message
    return Refusal(422, "Validation Failed", errors=[problem])


def custom(resource: str, message: str) -> Refusal:
    """Refuse for a reason that lies in no single field."""
    problem: FieldError = {"resource": resource, "code": "custom", "message": message}
    return Refusal(422, "Validation Failed", errors=[problem])


def too_long(resource: str, field: str, limit: int) -> Refusal:
    """Refuse a text over GitHub's limit."""
    said = f"{field} is too long (maximum is {limit} characters)"
    return invalid(resource, field, "custom", said)


def unprocessable(message: str) -> Refusal:
    """Refuse with a sentence and no field list, as the git database does."""
    return Refusal(422, message)
