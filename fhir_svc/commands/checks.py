"""What an operator types is checked before anything is stored: names, addresses, keys and scopes that can work at all.

What can't work would otherwise be found out weeks later, by a delivery in quarantine or a client without a token.
"""

from __future__ import annotations

import ipaddress
import json
import re
from pathlib import Path
from typing import Any, Final
from urllib.parse import SplitResult, urlsplit

import click
from joserfc.errors import JoseError

from fhir_svc.auth import assertion, scopes
from fhir_svc.errors import Broken
from fhir_svc.loopback import LOOPBACK

NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9\-._@]{0,63}")
FHIR_ID: Final = re.compile(r"[A-Za-z0-9\-.]{1,64}")
URI: Final = re.compile(r"[A-Za-z][A-Za-z0-9+\-.]*:[^\s<>\"]+")
PRIVATE: Final = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})


def name(given: str) -> str:
    """A name or id as it may stand in logs and lists."""
    if NAME.fullmatch(given) is None:
        raise click.ClickException("a name is 1 to 64 letters, digits and - . _ @, and begins with a letter or digit")
    return given


def words(given: str, what: str) -> str:
    """Text for people: not empty, and on one line."""
    if not given.strip() or not given.isprintable():
        raise click.ClickException(f"{what} must be a text on one line")
    return given.strip()


def practitioner(given: str) -> str:
    """The id of a Practitioner; `Practitioner/` before it is taken off."""
    found = given.removeprefix("Practitioner/")
    if FHIR_ID.fullmatch(found) is None:
        raise click.ClickException("--practitioner is an id of 1 to 64 letters, digits, - and .")
    return found


def uri(given: str, what: str) -> str:
    """An absolute URI, such as the system of an identifier."""
    if URI.fullmatch(given) is None:
        raise click.ClickException(f"{what} is an absolute URI, such as urn:oid:1.2.3 or https://...")
    return given


def address(given: str, what: str) -> str:
    """A base address that can be called: https, or http on this machine; without its last slash."""
    parts = _parts(given)
    plain = parts is not None and parts.scheme == "http" and parts.hostname in LOOPBACK
    if parts is None or parts.query or "#" in given or not (parts.scheme == "https" or plain):
        raise click.ClickException(f"{what} is an https address (http on this machine only), without query or fragment")
    return given.rstrip("/")


def ehr_address(given: str) -> str:
    """The base address of an EHR; plain http elsewhere, as behind a site's own encryption, is taken with a warning."""
    parts = _parts(given)
    if parts is not None and parts.scheme == "http" and parts.hostname not in LOOPBACK:
        click.echo("warning: --ehr is plain http: see to it that the way to the EHR is encrypted", err=True)
        return address(f"https{given.removeprefix('http')}", "--ehr").replace("https", "http", 1)
    return address(given, "--ehr")


def key_set_address(given: str) -> str:
    """The https address of a key set: a public one, or on this machine for the demonstration; no other is fetched."""
    parts = _parts(given)
    if parts is None or parts.scheme != "https" or not _may_be_fetched(str(parts.hostname)):
        raise click.ClickException("--jwks is a file, or an https address that is public: no other is fetched")
    return given


def _parts(given: str) -> SplitResult | None:
    try:
        parts = urlsplit(given)
        usable = bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        return None
    odd = any(mark.isspace() or not mark.isprintable() or mark == "\\" for mark in given)
    return None if odd or not usable or parts.username is not None else parts


def _may_be_fetched(host: str) -> bool:
    """Whether a host is a name, this machine, or a public address."""
    try:
        return ipaddress.ip_address(host).is_global or host in LOOPBACK
    except ValueError:
        return True


def private_key(path: str) -> str:
    """The path of a private key with which we can sign."""
    from fhir_svc.ehr.token import client_assertion  # noqa: PLC0415 - loads the outbound client

    try:
        client_assertion("trial", "https://trial.example", Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError, TypeError, JoseError, Broken) as failure:
        told = "--ehr-key must hold a private key, RSA or EC P-384, as PEM or JWK"
        raise click.ClickException(told) from failure
    return path


def public_keys(path: Path) -> dict[str, Any]:
    """The JWK Set in a file: public keys alone, and one at least that a client can prove itself with."""
    try:
        keys = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as failure:
        raise click.ClickException("the key set can't be read as JSON") from failure
    listed = keys.get("keys") if isinstance(keys, dict) else None
    if not isinstance(listed, list) or not all(isinstance(key, dict) and PRIVATE.isdisjoint(key) for key in listed):
        raise click.ClickException("the file must hold a JWK Set of public keys alone")
    if not any(map(assertion.usable, listed)):
        told = "no key of the set can be used: RSA of 2048 bits up or EC P-384, for signatures, with a kid"
        raise click.ClickException(told)
    return dict(keys)


def scope(given: str) -> str:
    """Scopes that can be granted, each of them."""
    from fhir_svc.web.rights import GRANTED  # noqa: PLC0415 - loads what the web serves

    listed = given.split()
    if not listed:
        raise click.ClickException('give --scope at least one scope, for example "system/*.cruds"')
    for one in listed:
        read = scopes.parse(one)
        if read is None:
            told = "a scope is system/Type.cruds (letters in that order), .read, .write or .*, without a search"
            raise click.ClickException(f"{one!r}: {told}")
        if read.type not in {"*", *GRANTED}:
            raise click.ClickException(f"{one!r}: this service has no such type for systems")
    return " ".join(listed)
