"""A certificate authority for one test or bench run, made with the `openssl` command."""

from __future__ import annotations

import ssl
import subprocess
from dataclasses import dataclass
from pathlib import Path

_KEY = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "30"]
_CONFIG = """
[req]
distinguished_name = name
prompt = no
[name]
CN = Sluice local test
[authority]
basicConstraints = critical, CA:TRUE
keyUsage = critical, keyCertSign
subjectKeyIdentifier = hash
[server]
basicConstraints = critical, CA:FALSE
subjectAltName = DNS:localhost, IP:127.0.0.1
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
"""


@dataclass(frozen=True)
class Certificates:
    """PEM files: what a client must trust, and what the server of localhost and 127.0.0.1 shows."""

    authority: Path
    certificate: Path
    key: Path

    def server_context(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.certificate, self.key)
        return context

    def client_context(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=str(self.authority))


def make_certificates(folder: Path) -> Certificates:
    """Writes an authority and a server certificate into `folder`. Needs openssl >= 3.0."""
    config = folder / "openssl.cnf"
    config.write_text(_CONFIG)
    made = Certificates(folder / "ca.pem", folder / "server.pem", folder / "server.key")
    request = ["openssl", "req", "-x509", "-config", str(config), *_KEY]
    authority_key = str(folder / "ca.key")
    _run([*request, "-extensions", "authority", "-keyout", authority_key, "-out", str(made.authority)])
    signed_by = ["-CA", str(made.authority), "-CAkey", authority_key]
    server = ["-subj", "/CN=localhost", "-extensions", "server"]
    _run([*request, *server, *signed_by, "-keyout", str(made.key), "-out", str(made.certificate)])
    return made


def _run(command: list[str]) -> None:
    subprocess.run(command, check=True, capture_output=True)
