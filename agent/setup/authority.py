"""A certificate authority that lives as long as one gateway."""

from __future__ import annotations

import ssl
import threading

import trustme


class Authority:
    """Vouches for any host, to those alone who are told to trust it."""

    def __init__(self) -> None:
        self._made = trustme.CA(path_length=0, organization_name="Package gateway")
        self.certificate = self._made.cert_pem.bytes()
        """What a client has to trust, as PEM."""
        self._contexts: dict[str, ssl.SSLContext] = {}
        self._lock = threading.Lock()

    def make_context(self, host: str) -> ssl.SSLContext:
        """Give what speaks for a host."""
        with self._lock:
            if host not in self._contexts:
                context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
                self._made.issue_cert(host).configure_cert(context)
                self._contexts[host] = context
            return self._contexts[host]
