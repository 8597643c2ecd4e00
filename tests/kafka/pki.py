"""An authority of our own, and the certificates it issues, made by ``openssl``."""

from __future__ import annotations

import subprocess
from pathlib import Path

from tests.kafka.jars import program


class Authority:
    """A certificate authority in a folder; `certificate` of it is what clients trust."""

    def __init__(self, folder: Path, name: str = "tests") -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self.certificate = folder / "ca.pem"
        self._key = folder / "ca.key"
        _openssl(
            *(
                "req",
                "-x509",
                "-newkey",
                "rsa:2048",
                "-nodes",
                "-days",
                "2",
                "-subj",
                f"/CN={name}",
            ),
            *("-keyout", str(self._key), "-out", str(self.certificate)),
        )

    def issue(self, name: str, host: str = "", *, expired: bool = False) -> tuple[Path, Path]:
        """Return a certificate and its key, PEM.

        Args:
            name: whose it is; also the files' name.
            host: the address it holds for; empty for a client's.
            expired: whether it has ended.
        """
        certificate, key, request, extra = (
            self._folder / f"{name}.{end}" for end in ("pem", "key", "csr", "ext")
        )
        _openssl(
            *("req", "-newkey", "rsa:2048", "-nodes", "-subj", f"/CN={name}"),
            *("-keyout", str(key), "-out", str(request)),
        )
        extra.write_text(f"subjectAltName={host}\n" if host else "basicConstraints=CA:FALSE\n")
        _openssl(
            *("x509", "-req", "-in", str(request), "-extfile", str(extra), "-CAcreateserial"),
            *("-CA", str(self.certificate), "-CAkey", str(self._key), "-out", str(certificate)),
            *("-days", "-1" if expired else "2"),
        )
        return certificate, key

    def encrypted(self, key: Path, password: str) -> Path:
        """Return a copy of a key, PKCS #8, that opens with a password alone."""
        copy = key.with_suffix(".encrypted.key")
        _openssl(
            *("pkcs8", "-topk8", "-v2", "aes256", "-in", str(key), "-out", str(copy)),
            *("-passout", f"pass:{password}"),
        )
        return copy

    def keystore(self, name: str, host: str, *, expired: bool = False) -> Path:
        """Return key and certificate in one file, as a broker's PEM keystore holds them."""
        certificate, key = self.issue(name, host, expired=expired)
        store = self._folder / f"{name}-store.pem"
        store.write_text(key.read_text() + certificate.read_text())
        return store


def _openssl(*arguments: str) -> None:
    command = [program("openssl"), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise AssertionError(f"openssl {arguments[0]}: {done.stderr}")
