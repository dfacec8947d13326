"""The certificate of a local AWS, and who has issued it."""

from __future__ import annotations

from pathlib import Path


def issue(host: str, directory: Path) -> tuple[Path, Path]:
    """Issue a certificate for a host.

    Parameters
    ----------
    host
        The host's name or address.
    directory
        Where the files are written.

    Returns
    -------
    The file of the issuer's certificate, which a client has to trust, and the file of the host's key and certificate.

    Raises
    ------
    ImportError
        If trustme isn't there.
    """
    # Only TLS needs it.
    import trustme

    issuer = trustme.CA()
    trusted, own = directory / "issuer.pem", directory / "host.pem"
    issuer.cert_pem.write_to_path(str(trusted))
    issuer.issue_cert(host).private_key_and_cert_chain_pem.write_to_path(str(own))
    return trusted, own
