"""A server's certificate for 127.0.0.1, by an authority that only its own file makes trusted."""

from __future__ import annotations

import ssl
from pathlib import Path

from agent.setup.authority import Authority


def make_server(folder: Path) -> tuple[ssl.SSLContext, Path]:
    """Return what the server speaks by, and the file of the authority."""
    folder.mkdir(exist_ok=True)
    authority, public = Authority(), folder / "ca.pem"
    public.write_bytes(authority.certificate)
    return authority.make_context("127.0.0.1"), public
