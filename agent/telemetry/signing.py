"""The key of this installation, which signs ledgers (Ed25519).

The private half is in a file of the data folder that the worker makes at first use, or given as a
secret. The public half is in the same folder, to serve and verify logs with.
"""

from contextlib import suppress
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from agent.errors import SettingsInvalid
from agent.settings import Settings, read_secret, variable
from agent.telemetry.private_files import write_private_file

PUBLIC_FILE = "mergewright.pub"
"""In the data folder: the public key, as PEM."""
#: Prefix of what is signed, so that no other use of the key can sign a ledger.
_USE = b"mergewright ledger 1\n"
_PEM = serialization.Encoding.PEM


class Signer:
    """Signs with the private key; it shows and keeps nothing else."""

    def __init__(self, key: Ed25519PrivateKey) -> None:
        self._key = key
        self.public = key.public_key().public_bytes_raw().hex()

    def sign(self, statement: bytes) -> str:
        return self._key.sign(_USE + statement).hex()


def is_signed_by(key: str, statement: bytes, signature: object) -> bool:
    """Whether a signature, in hexadecimal digits, is that of a public key."""
    with suppress(InvalidSignature, ValueError):
        public = Ed25519PublicKey.from_public_bytes(bytes.fromhex(key))
        raw = bytes.fromhex(str(signature))
        public.verify(raw, _USE + statement)
        return raw.hex() == signature
    return False


def load_signer(settings: Settings) -> Signer:
    """Load the key of this installation, and make one where there is none.

    Raises:
        SettingsInvalid: What is given or stored is no such key, or cannot be read.
        StorageFull: A new key could not be written.
    """
    place = settings.home / "signing" / "key.pem"
    secret, origin = read_secret(settings, "signing_key"), variable("signing_key")
    try:
        if secret is None:
            origin = str(place)
            if not place.exists():
                write_private_file(place, _make_key(), replace=False)
            pem = place.read_bytes()
        else:
            pem = secret.get_secret_value().encode()
        key = serialization.load_pem_private_key(pem, password=None)
    except (OSError, ValueError, TypeError):
        key = None
    if not isinstance(key, Ed25519PrivateKey):
        # Without its cause, which may show the key.
        raise SettingsInvalid(
            f"{origin} contains no Ed25519 key for signing logs. Generate one:"
            " `openssl genpkey -algorithm ed25519`."
        ) from None
    shown = key.public_key().public_bytes(_PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    published = settings.home / PUBLIC_FILE
    if not published.exists() or published.read_bytes() != shown:
        write_private_file(published, shown.decode())
    return Signer(key)


def _make_key() -> str:
    private, encrypted = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    return Ed25519PrivateKey.generate().private_bytes(_PEM, private, encrypted).decode()


def read_public_key(given: str | Path) -> str:
    """Read a public key from a file (PEM or hexadecimal digits) or the digits themselves."""
    with suppress(OSError, ValueError, TypeError):
        raw = Path(given).read_bytes() if Path(given).is_file() else str(given).encode()
        if raw.startswith(b"-----"):
            key = serialization.load_pem_public_key(raw)
            if isinstance(key, Ed25519PublicKey):
                return key.public_bytes_raw().hex()
        elif len(digits := raw.decode().strip()) == 64:
            return bytes.fromhex(digits).hex()
    raise SettingsInvalid(
        f"{given} is not a public key. Use the 64 digits from the pull request, or a file from"
        " /.well-known/mergewright.pub."
    )
