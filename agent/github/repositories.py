"""A repository as it is now: its address for git, its configuration, permissions."""

from pathlib import PurePosixPath
from typing import get_args
from urllib.parse import quote, urlsplit

from github.ContentFile import ContentFile

from agent.errors import AccessLost
from agent.github.access import Raw, RepositorySession
from agent.github.api_errors import LostReply, ignore_statuses
from agent.models.code_host import Remote
from agent.models.intake import Permission
from agent.settings import find_website
from repo_config import load
from repo_config.load import OWN_FILES, PYPROJECT, ConfigProblem
from repo_config.schema import RepoConfig

#: Statuses of what is elsewhere (`connection` turns 301 into 308), or deleted.
GONE = (301, 308, 404, 410)
_LEVELS = get_args(Permission.model_fields["level"].annotation)
_BUILT_ON = {"maintain": "write", "triage": "read"}


def read_facts(session: RepositorySession) -> Raw:
    """Read the repository. Raises AccessLost if it is gone, or another one has its name."""
    number = session.issue.repository_id
    with ignore_statuses(*GONE):
        facts = session.ask(
            lambda repository: _validate_facts(repository.complete().raw_data),
            doing="read the repository",
        )
        if not number or facts["id"] == number:
            return facts
    raise AccessLost(
        f"{session.name} is no longer accessible. It was deleted, renamed or made private, or"
        " our App was removed from it."
    )


def _validate_facts(raw: Raw) -> Raw:
    wanted = {"id": int, "full_name": str, "archived": bool, "clone_url": str}
    if missing := [name for name, kind in wanted.items() if not isinstance(raw.get(name), kind)]:
        raise LostReply(f"its response has no {missing[0]}")
    return raw


def read_remote(session: RepositorySession) -> Remote:
    """Return where git finds the repository. Raises AccessLost: it is archived or out of reach."""
    facts = read_facts(session)
    name = str(facts["full_name"])
    if facts["archived"]:
        raise AccessLost(f"{name} is archived on GitHub, so nothing can be pushed to it.")
    if facts.get("disabled"):
        raise AccessLost(f"GitHub has disabled {name}. Its owner has to contact GitHub.")
    return Remote(
        name=name,
        url=_require_same_server(session, str(facts["clone_url"])),
        default_branch=str(facts["default_branch"]),
        author=session.access.login(),
        email=session.access.address(session),
    )


def _require_same_server(session: RepositorySession, named: str) -> str:
    """Return the address for git if it is on the server of the API. Raises AccessLost."""
    api, git = urlsplit(session.access.base_url.lower()), urlsplit(named)
    website = urlsplit(find_website(api.geturl()))
    if (git.scheme, git.netloc.lower()) != (website.scheme, website.netloc):
        # Without a user or password before the host.
        place = git.netloc.rpartition("@")[2]
        raise AccessLost(
            f"GitHub names {git.scheme}://{place} as the clone URL, which is not on the server"
            f" {api.scheme}://{api.netloc} of MERGEWRIGHT_GITHUB_URL. No token was sent there."
        )
    return named


def read_permission(session: RepositorySession, login: str) -> Permission:
    """Read the repository permission of the account that currently owns the login."""

    def read(answer: Raw) -> Permission:
        role, level = str(answer.get("role_name") or ""), str(answer["permission"])
        # A custom role of the organization counts as the role it extends.
        named = role if _BUILT_ON.get(role, role) == level else level
        account = answer["user"]
        if account is None or named not in _LEVELS:
            return Permission(level="none")
        return Permission.model_validate({"level": named, "account_id": account["id"]})

    with ignore_statuses(404):
        # PyGithub would send a request for each of the two fields of the answer.
        return session.call(
            "GET",
            f"collaborators/{quote(login, safe='')}/permission",
            read,
            doing=f"look up what {login} may do",
        )
    return Permission(level="none")


def read_config(session: RepositorySession) -> RepoConfig | None:
    """Read the configuration on the default branch; None: no valid one."""
    # Most repositories have none of the files, which one request shows.
    listed = _read_contents(session, str(PurePosixPath(OWN_FILES[0]).parent))
    there = {file.path for file in listed} if isinstance(listed, list) else set()
    for name in (*(file for file in OWN_FILES if file in there), PYPROJECT):
        file = _read_contents(session, name)
        if isinstance(file, ContentFile) and file.encoding == "base64":
            try:
                return load.from_text(file.decoded_content.decode("utf-8-sig", "replace"), name)
            except ConfigProblem:
                return None
    return None


def list_folder(session: RepositorySession, folder: str, branch: str) -> frozenset[str]:
    """List the paths in a folder of a branch; empty if either is gone."""
    listed = _read_contents(session, folder, branch)
    return frozenset(file.path for file in listed) if isinstance(listed, list) else frozenset()


def _read_contents(
    session: RepositorySession, path: str, branch: str = ""
) -> list[ContentFile] | ContentFile | None:
    """Read a path of a branch, by default the default one; None: there is no such path."""
    at = {"ref": branch} if branch else {}
    with ignore_statuses(404):
        return session.ask(
            lambda repository: repository.get_contents(path, **at), doing=f"read {path}"
        )
    return None
