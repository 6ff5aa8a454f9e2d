"""Secrets of a stack, made once and kept in its data directory: for signing, for the audit, and of the EHR."""

from __future__ import annotations

import json
import os
import secrets
from pathlib import Path
from typing import Any

from joserfc.jwk import ECKey

from fhir_svc.demo import cast


def write_private(path: Path, text: str) -> Path:
    """Write a file that only its owner can read (0600), whole or not at all."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
    draft.replace(path)
    return path


def make_keys(folder: Path) -> dict[str, Any]:
    """Make what is not there yet; gives the public key of the EHR, as a key set."""
    signing = ECKey.generate_key("P-384").as_pem(private=True).decode()
    _secret(folder / "signing.pem", signing)
    _secret(folder / "audit", secrets.token_urlsafe(48))
    client_key = ECKey.generate_key("P-384", {"kid": cast.CLIENT, "use": "sig", "alg": "ES384"})
    key_file = _secret(folder / f"{cast.CLIENT}.jwk", json.dumps(client_key.as_dict(private=True)))
    client_jwk = ECKey.import_key(json.loads(key_file.read_text(encoding="utf-8")))
    return {"keys": [client_jwk.as_dict(private=False)]}


def _secret(path: Path, make: str) -> Path:
    return path if path.exists() else write_private(path, make)
