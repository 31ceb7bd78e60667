"""The operator's credentials: an App with its private key, or one personal token."""

from __future__ import annotations

import jwt
from github.Auth import AppAuth
from pydantic import SecretStr

from agent import settings as operator
from agent.errors import SettingsInvalid
from agent.settings import Settings

#: The one that GitHub takes.
_ALGORITHM = "RS256"


class App:
    """App mode."""

    def __init__(self, app_id: int, key: str) -> None:
        self.app_id = app_id
        try:
            # Read once: to check the key's numbers takes fifty times as long as to sign.
            prepared = jwt.get_algorithm_by_name(_ALGORITHM).prepare_key(key)
            self.auth = AppAuth(
                app_id, sign_func=lambda payload: jwt.encode(payload, prepared, _ALGORITHM)
            )
            self.auth.create_jwt()
        except (ValueError, TypeError, jwt.PyJWTError):
            # Without its cause, which may quote the key.
            raise SettingsInvalid(
                "MERGEWRIGHT_GITHUB_PRIVATE_KEY_FILE holds no private key in PEM form; take the"
                " file that GitHub offers when a key is made for the App."
            ) from None


def read_credentials(settings: Settings) -> App | SecretStr:
    """Read who we are from the operator's settings: an App, or whose token it is.

    Raises:
        SettingsInvalid: There is neither App nor token, or both, or the key is none.
    """
    operator.hold_all(
        lambda: operator.github_token(settings), lambda: operator.github_private_key(settings)
    )
    app_id, token = settings.github_app_id, operator.github_token(settings)
    key = operator.github_private_key(settings)
    if app_id is None and key is None and token is None:
        raise SettingsInvalid(
            "GitHub needs credentials: set MERGEWRIGHT_GITHUB_APP_ID and"
            " MERGEWRIGHT_GITHUB_PRIVATE_KEY_FILE for an App, or MERGEWRIGHT_GITHUB_TOKEN_FILE."
        )
    if token is not None and (app_id is not None or key is not None):
        raise SettingsInvalid(
            "Both a GitHub App and MERGEWRIGHT_GITHUB_TOKEN are set. Keep one of them."
        )
    if token is not None:
        return token
    if app_id is None or key is None:
        missing = "GITHUB_APP_ID" if app_id is None else "GITHUB_PRIVATE_KEY_FILE"
        raise SettingsInvalid(f"A GitHub App needs MERGEWRIGHT_{missing} too.")
    return App(app_id, key.get_secret_value())
