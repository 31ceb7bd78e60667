"""A repository with a URL: fetch its base into our mirror, push one branch to it.

Git reads the token from a descriptor of an unnamed file: it is in no argument, environment,
configuration or address. Git follows no redirect. Reading raises AccessLost, CodeHostUnavailable,
or RepositoryUnfit if a branch is missing, too large, or has an object that git refuses.
"""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import urlsplit

from tenacity import retry, retry_if_exception_type, stop_after_attempt, wait_exponential

from agent.errors import AccessLost, CodeHostUnavailable, PermanentError, RepositoryUnfit
from agent.git import mirror, objects, process
from agent.git.mirror import LockedMirror
from agent.git.process import GitFailed, GitPlace
from agent.models import fence
from agent.models.sandbox import Flag

#: Hosts that the token may be sent to by plain http: no network sees it.
_LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})
#: The operator's variables for proxies and certificates; git gets no others of our environment.
_PASSED_ON = (
    "HTTPS_PROXY", "https_proxy", "NO_PROXY", "no_proxy", "GIT_SSL_CAINFO", "SSL_CERT_FILE",
)  # fmt: skip
_REFUSED = re.compile(
    r"(?i)authentication failed|could not read (?:username|password)|error: 40[13]\b"
    r"|permission to .+ denied|access .*not granted|repository .*not found|remote rejected"
)
_UNKNOWN = re.compile(
    r"(?i)authentication failed|could not read (?:username|password)|error: 401\b"
)
#: Prefix of tokens that GitHub has made for an App.
_MINTED = "ghs_"
_MISSING = re.compile(r"(?i)couldn't find remote ref")
_IN_THE_WAY = re.compile(r"'refs/heads/([^']+)' exists; cannot create")
_PUSH = ("push", "--quiet", "--no-verify", "--no-signed", "--recurse-submodules=no")
_MOVED = re.compile(r"(?i)stale info|cannot lock ref|reference already exists")

#: Maximum megabytes of a repository with its history.
MAX_MB = 4096


class BranchMissing(RepositoryUnfit):
    """The repository has no such branch."""


class LeaseLost(RepositoryUnfit):
    """The branch has moved since it was read."""


class TokenUnknown(CodeHostUnavailable):
    """The code host does not accept a token that it has made, as is usual for some seconds."""


#: Pauses for 1, 2 and 4 s before retries; after the last one, the run waits.
_retry_new_token = retry(
    retry=retry_if_exception_type(TokenUnknown),
    wait=wait_exponential(),
    stop=stop_after_attempt(4),
    reraise=True,
)


@dataclass(frozen=True)
class RemoteRepository:
    """A repository with a URL, accessed from our locked mirror of it."""

    locked: LockedMirror
    place: GitPlace
    """The mirror, with what git needs to reach the address with the token."""
    address: str
    """URL for git, without the token."""
    token: str

    # --- reading -------------------------------------------------------------------------------

    def fetch_base(self, branch: str, max_mb: int) -> str:
        """Update the mirror, or create it; return the commit of the branch."""
        reference = f"refs/heads/{branch}"
        wanted = (f"+{reference}:{reference}", "+refs/tags/*:refs/tags/*")
        with (
            self._explain_reading(branch),
            mirror.renew_mirror(self.place, self.locked.scratch) as place,
        ):
            self._fetch(place, *wanted, branch=branch, max_mb=max_mb)
        return objects.require_object(self.locked.place, reference)

    def fetch_more(self, *wanted: str, branch: str = "", max_mb: int) -> None:
        """Fetch references (`+from:to`) into a mirror whose base was fetched."""
        self._fetch(self.place, *wanted, branch=branch, max_mb=max_mb)

    @_retry_new_token
    def _fetch(self, place: GitPlace, *wanted: str, branch: str, max_mb: int) -> None:
        with self._explain_reading(branch):
            mirror.fetch_references(place, self.address, *wanted, max_mb=max_mb)

    @_retry_new_token
    def find_head(self, branch: str) -> str | None:
        """Read the commit of a branch of the remote; None: there is no such branch."""
        args = ("ls-remote", "--quiet", "--heads", "--", self.address, f"refs/heads/{branch}")
        with self._explain_reading(branch):
            listed = process.run_git(self.place, *args, seconds=120.0)
        # Git also lists longer names that end with this one.
        pairs = (line.split("\t") for line in listed.decode("utf-8", "replace").splitlines())
        return next((commit for commit, name in pairs if name == f"refs/heads/{branch}"), None)

    # --- pushing -------------------------------------------------------------------------------

    @_retry_new_token
    def push_branch(self, commit: str, branch: str, *, expected: str | None) -> None:
        """Move a branch of the remote to a commit (empty: delete it), if it is where we saw it.

        LeaseLost: it is not at `expected` (None: it must not exist). CodeHostUnavailable: it is not
        known whether the push arrived.
        """
        reference = f"refs/heads/{branch}"
        lease = f"--force-with-lease={reference}:{expected or ''}"
        args = (*_PUSH, lease, "--", self.address, f"{commit}:{reference}")
        # Stopping the run does not end a push: it may have arrived, and the run has to report it.
        # So callers that push lock the mirror without `stopped`.
        fence.require_lease()
        try:
            process.run_git(self.place, *args, seconds=600.0)
        except GitFailed as problem:
            words = problem.message.replace(self.token, "[token]")
            if taken := _IN_THE_WAY.search(words):
                raise RepositoryUnfit(
                    f"The branch `{taken[1]}` prevents branches named `{taken[1]}/…`. Rename it,"
                    " or set pull_request.branch_prefix in .github/mergewright.yml."
                ) from problem
            if _MOVED.search(words):
                raise LeaseLost(f"{branch} has moved since it was read") from problem
            self._require_known_token(words)
            if _REFUSED.search(words):
                raise AccessLost(
                    f"The code host rejected the push of {branch}: {words}\nIf a branch rule is"
                    " the cause, exempt our App there. Or set pull_request.branch_prefix in the"
                    " repository's configuration to a free name."
                ) from problem
            raise CodeHostUnavailable(f"The push of {branch} failed: {words}") from problem

    def push_unless_moved(self, commit: str, branch: str, *, expected: str | None) -> str | None:
        """Push as `push_branch` does; return the commit of the branch afterwards.

        If another push was first, or the response was lost, the branch is read.
        """
        try:
            self.push_branch(commit, branch, expected=expected)
        except (LeaseLost, CodeHostUnavailable):
            now = self.find_head(branch)
            if now == expected:
                raise
            return now
        return commit

    # --- errors --------------------------------------------------------------------------------

    @contextmanager
    def _explain_reading(self, branch: str) -> Iterator[None]:
        """Translate a failure to read from the code host."""
        try:
            yield
        except GitFailed as problem:
            if _MISSING.search(problem.message):
                raise BranchMissing(
                    f"The repository has no branch {branch}. Is it still the default branch, and"
                    " does it have a commit?"
                ) from problem
            self._require_known_token(problem.message)
            if _REFUSED.search(problem.message):
                raise AccessLost(
                    "The code host denied read access to the repository. Is the App installed in"
                    f" it, with the permission contents: read? It said: {problem.message}"
                ) from problem
            raise CodeHostUnavailable(
                f"git cannot reach the code host: {problem.message}"
            ) from problem

    def _require_known_token(self, words: str) -> None:
        if self.token.startswith(_MINTED) and _UNKNOWN.search(words):
            raise TokenUnknown(f"The code host does not know the token that it made: {words}")


@contextmanager
def reach_remote(locked: LockedMirror, url: str, token: str) -> Iterator[RemoteRepository]:
    """Prepare git for a URL with a token. Raises PermanentError if no token may be sent there."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    if parts.scheme != "https" and not (parts.scheme == "http" and host in _LOOPBACK):
        raise PermanentError(f"{url} is not an https address, so no token is sent to it")
    if parts.username or parts.password or parts.query or parts.fragment:
        raise PermanentError("The repository's URL contains more than host and path")
    secret = os.memfd_create("token", os.MFD_CLOEXEC)
    try:
        os.write(secret, token.encode())
        ask = locked.scratch / "ask"
        # This path opens the file anew, so git reads the token from its beginning each time.
        ask.write_text(f"#!/bin/sh\nexec cat /proc/self/fd/{secret}\n")
        ask.chmod(0o700)
        environ = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
        environ |= {"GIT_ASKPASS": str(ask), "GIT_ALLOW_PROTOCOL": parts.scheme}
        place = locked.place.with_environ(**environ)
        place = replace(place, inherited=(*place.inherited, secret))
        address = f"{parts.scheme}://x-access-token@{parts.netloc}{parts.path}"
        yield RemoteRepository(locked, place, address, token)
    finally:
        os.close(secret)


def locate_mirror(url: str, mirrors: Path) -> Path:
    """Return the folder of the mirror of a repository with a URL."""
    parts = urlsplit(url)
    root = Path(f"/{parts.netloc}{parts.path.removesuffix('.git')}")
    return mirror.locate_mirror(root, mirrors.absolute())


@contextmanager
def open_mirror(
    url: str, token: str, mirrors: Path, stopped: Flag | None = None
) -> Iterator[RemoteRepository]:
    """Lock the mirror of a repository with a URL; the mirror need not exist yet."""
    place = locate_mirror(url, mirrors)
    with (
        mirror.lock_mirror(place, stopped) as locked,
        reach_remote(locked, url, token) as repository,
    ):
        yield repository
