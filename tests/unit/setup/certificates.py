"""A server's certificate for 127.0.0.1, by an authority that only its own file makes trusted."""

import ssl
from pathlib import Path

import trustme


def make_server(folder: Path) -> tuple[ssl.SSLContext, Path]:
    """Return what the server speaks by, and the file of the authority."""
    folder.mkdir(exist_ok=True)
    authority, public = trustme.CA(), folder / "ca.pem"
    public.write_bytes(authority.cert_pem.bytes())
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    return context, public
