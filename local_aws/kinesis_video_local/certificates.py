"""The certificate of a local AWS, and its issuer."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from trustme import CA

_CERTIFICATE, _KEY = "issuer.pem", "issuer-key.pem"


def issue(host: str, directory: Path, issuer_directory: Path | None = None) -> tuple[Path, Path]:
    """Issue a certificate for a host, and write its file to a directory.

    The issuer is new, unless it has a directory of its own: there it is generated only if it is missing. Return the
    file of the issuer's certificate, which clients must trust, and the file of the host's key and certificate.
    """
    # Imported here, because only TLS needs it.
    import trustme

    if issuer_directory is None:
        issuer, trusted = trustme.CA(), directory / _CERTIFICATE
        issuer.cert_pem.write_to_path(str(trusted))
    else:
        issuer, trusted = _kept(issuer_directory), issuer_directory.absolute() / _CERTIFICATE
    own = directory / "host.pem"
    issuer.issue_cert(host).private_key_and_cert_chain_pem.write_to_path(str(own))
    return trusted, own


def _kept(directory: Path) -> CA:
    """Read the issuer from a directory, or write a new one there that only the user can read."""
    import trustme

    certificate, key = directory / _CERTIFICATE, directory / _KEY
    if key.exists():
        return trustme.CA.from_pem(certificate.read_bytes(), key.read_bytes())
    if certificate.exists():
        raise ValueError(f"{certificate} has no key beside it, {_KEY}, remove it or give another directory")
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    issuer = trustme.CA()
    issuer.cert_pem.write_to_path(str(certificate))
    with os.fdopen(os.open(key, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(issuer.private_key_pem.bytes())
    return issuer
