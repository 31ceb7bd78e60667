"""What foreign code would want: secrets in every place that has any, and files to spoil.

Owns the operator of the tests: an environment, a home, a data folder, each with values that occur
nowhere else, so that finding one anywhere else is proof.
"""

from __future__ import annotations

import base64
import hashlib
import re
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

#: What no test may leave otherwise than it was; opened by payloads at most, never written.
OF_THE_SYSTEM = ("/etc/passwd", "/etc/hosts", "/etc/shadow", "/usr/bin/env", "/usr/bin/python3")
_VARIABLES = (
    "ANTHROPIC_API_KEY", "AWS_SECRET_ACCESS_KEY", "GH_TOKEN", "GITHUB_TOKEN", "NPM_TOKEN",
    "MERGEWRIGHT_CANARY", "OPENAI_API_KEY", "PYPI_TOKEN", "TWINE_PASSWORD",
)  # fmt: skip
_FILES = {
    ".netrc": "machine pypi.org login u password {}\n",
    ".git-credentials": "https://u:{}@github.com\n",
    ".gitconfig": '[http]\n\textraHeader = "Authorization: Bearer {}"\n',
    ".config/pip/pip.conf": "[install]\n# https://u:{}@private.invalid/simple\n",
    ".config/uv/uv.toml": "# https://u:{}@private.invalid/simple\n",
    ".config/gh/hosts.yml": "github.com:\n  oauth_token: {}\n",
    ".pypirc": "[pypi]\npassword = {}\n",
    ".ssh/id_ed25519": "-----BEGIN OPENSSH PRIVATE KEY-----\n{}\n",
    ".aws/credentials": "[default]\naws_secret_access_key = {}\n",
    ".docker/config.json": '{{"auths": {{}}, "credentials": "{}"}}\n',
    "app.pem": "-----BEGIN RSA PRIVATE KEY-----\n{}\n",
    "webhook-secret": "{}\n",
}


@dataclass
class Operator:
    """The one whose machine it is."""

    home: Path
    environ: dict[str, str] = field(default_factory=dict)
    secrets: dict[str, str] = field(default_factory=dict)
    """By the slot they are in."""

    def secret(self, slot: str) -> str:
        made = f"cnry{secrets.token_hex(16)}"
        self.secrets[slot] = made
        return made


def operator(folder: Path) -> Operator:
    """Prepare a home whose files every user could read: only walls keep foreign code away."""
    made = Operator(folder)
    for name in _VARIABLES:
        made.environ[name] = made.secret(name)
    for path, text in _FILES.items():
        place = folder / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text.format(made.secret(path)))
    for place in (folder, *folder.rglob("*")):
        place.chmod(0o777 if place.is_dir() else 0o666)
    made.environ["HOME"] = str(folder)
    return made


def leaked(secrets: Iterable[str], text: bytes) -> set[str]:
    """List the secrets that a text holds, plain or in disguise."""
    low = text.lower()
    bare = re.sub(rb"[^0-9a-z]", b"", low)
    leaks = set()
    for secret in secrets:
        raw = secret.encode()
        # Every alignment of base64, without the ends that hang on what is around.
        packed = {base64.b64encode(b"x" * shift + raw)[4:-4] for shift in range(3)}
        shapes = {raw, raw[::-1], raw.hex().encode(), raw[7:], raw[:-7]}
        if (
            any(shape in low for shape in shapes)
            or any(disguise in text for disguise in packed)
            or raw in bare
            or raw[::-1] in bare
        ):
            leaks.add(secret)
    return leaks


def state(*places: Path) -> Mapping[str, str]:
    """Return mode, owner and digest of every file below; times do not count."""
    state, digests = {}, {}
    for place in places:
        for path in (place, *sorted(place.rglob("*"))) if place.is_dir() else (place,):
            facts = path.lstat()
            # Most files of an environment are in uv's cache as well, by hard links.
            if (inode := (facts.st_dev, facts.st_ino)) not in digests:
                content = b""
                if path.is_symlink():
                    content = str(path.readlink()).encode()
                elif path.is_file():
                    # The head of bytecode has the time of its source.
                    content = path.read_bytes()[16 if path.suffix == ".pyc" else 0 :]
                digests[inode] = hashlib.sha256(content).hexdigest()
            state[str(path)] = f"{facts.st_mode:o} {facts.st_uid} {digests[inode]}"
    return state
