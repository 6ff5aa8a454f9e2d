"""What a request asks for besides its content: media types, `Prefer`, versions. And how its bytes are taken in."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import IO, Final

from flask import Flask, Request, request
from gunicorn.http.errors import NoMoreData
from werkzeug.exceptions import RequestEntityTooLarge
from werkzeug.http import parse_options_header
from werkzeug.utils import cached_property
from werkzeug.wsgi import LimitedStream

from fhir_svc.errors import Malformed, NotAcceptable, TooLarge, UnsupportedMediaType
from fhir_svc.store import audit, resources
from fhir_svc.web.headers import CORS_TAKES

READ: Final = frozenset({"application/fhir+json", "application/json"})
FORMATS: Final = frozenset({"json", "application/json", "application/fhir+json"})
VERSION: Final = re.compile(r'(?:W/)?"(\d{1,9})"|(\d{1,9})')
RELEASE: Final = ("4.0", "4.0.1")
FORM: Final = "application/x-www-form-urlencoded"
NUL: Final = "\0"
STEERING: Final = frozenset({"_count", "_format", "_page", "_pretty", "_since", "_sort", "_summary"})
FIELDS: Final = frozenset({"username", "password"})
NAMES: Final = STEERING | FIELDS | audit.PARAMETERS | frozenset().union(*resources.PARAMETERS.values())
HEADERS: Final = frozenset(CORS_TAKES.split(", "))


@dataclass(frozen=True, slots=True)
class Prefer:
    """The header `Prefer`: `returns` is representation, minimal, OperationOutcome, or None where nothing was said."""

    returns: str | None = None
    strict: bool = False
    respond_async: bool = False


class Whole(LimitedStream):
    """A body that ends where its head said, or was cut off: gunicorn gives what came and says nothing."""

    def on_disconnect(self, error: Exception | None = None) -> None:
        """Malformed for a body that ended too early; whoever only falls silent is told so as elsewhere."""
        if isinstance(error, NoMoreData) or (error is None and not self._limit_is_max):
            raise Malformed("The body was cut off; send it whole.")
        super().on_disconnect(error)


class Holdable(Request):
    """A request whose body comes whole, and whose form holds nothing that PostgreSQL can't, whenever they are read."""

    @cached_property
    def stream(self) -> IO[bytes]:
        """The body as it comes; what is larger than may be was refused, or will be on the way."""
        safe: IO[bytes] = super().stream
        if not isinstance(safe, LimitedStream):
            return safe
        length = self.content_length
        limit = safe.limit if length is None else length
        return Whole(self.input_stream, limit, is_max=length is None)  # type: ignore[return-value]  # a RawIOBase

    def _load_form_data(self) -> None:
        super()._load_form_data()
        _refuse_nul(self.form.items(multi=True))


def register(app: Flask) -> None:
    """Refuse half bodies and coded ones, and U+0000 on every way in but FHIR JSON, which is read without it anyway."""
    app.request_class = Holdable
    app.before_request(refuse_coded)
    app.before_request(refuse_nul)


def refuse_coded() -> None:
    """Malformed for a body that is in another coding than in pieces: the server would hand it on as it came."""
    if request.headers.get("Transfer-Encoding", "chunked").strip().lower() != "chunked":
        raise Malformed("Send the body as it is, or in pieces (chunked).", expression="http.Transfer-Encoding")


def refuse_nul() -> None:
    """Malformed for U+0000 in the address or in a header: no id, no value and no name holds it, PostgreSQL can't."""
    if NUL in request.path:
        raise _unholdable("http")
    if b"%00" in request.query_string or b"\0" in request.query_string:
        _refuse_nul(request.args.items(multi=True))
    for name, value in request.headers.items():
        if NUL in value:
            raise _unholdable(f"http.{name}" if name in HEADERS else "http")


def _refuse_nul(params: Iterable[tuple[str, str]]) -> None:
    for name, value in params:
        if NUL in name or NUL in value:
            own = name.partition(":")[0]
            raise _unholdable(f"http.{own}" if own in NAMES else "http")


def _unholdable(place: str) -> Malformed:
    return Malformed("Leave out the character U+0000.", error="value-invalid", code="value", expression=place)


def version_number(text: str) -> int | None:
    """The number of a version; None for a text that can be none, however long it is."""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 9 else None  # noqa: PLR2004 - as VERSION


def prefer() -> Prefer:
    """Read `Prefer`; what it does not know it ignores, as RFC 7240 says."""
    wanted: dict[str, str] = {}
    for header in request.headers.getlist("Prefer"):
        for part in re.split(r"[,;]", header):
            name, _, value = part.strip().partition("=")
            wanted.setdefault(name.strip().lower(), value.strip().strip('"'))
    returns = wanted.get("return", "")
    return Prefer(
        returns if returns in {"minimal", "representation", "OperationOutcome"} else None,
        wanted.get("handling", "").lower() == "strict",
        "respond-async" in wanted,
    )


def check_accept() -> None:
    """Refuse (406) whoever can't read FHIR JSON."""
    wanted = request.args.get("_format")
    if wanted is not None:
        if wanted.partition(";")[0].replace(" ", "+") not in FORMATS:
            raise NotAcceptable("Only FHIR JSON is answered; use _format=json.", expression="http._format")
        return
    accept = request.headers.get("Accept")
    if accept is None or not accept.strip():
        return
    if not any(_acceptable(part) for part in accept.split(",")):
        raise NotAcceptable("Only FHIR JSON is answered; ask for application/fhir+json.", expression="http.Accept")


def _acceptable(part: str) -> bool:
    kind, options = parse_options_header(part)
    quality = options.get("q", "1").strip()
    refused = re.fullmatch(r"0(\.0*)?", quality) is not None
    named = kind.lower() in READ | {"application/*", "*/*"}
    return named and not refused and options.get("fhirversion", options.get("fhirVersion", "4.0")) in RELEASE


def body(limit: int) -> bytes:
    """Take the bytes of FHIR JSON, at most `limit`; 415 for other media, 413 for more."""
    if request.headers.get("Content-Encoding", "identity").lower() not in {"", "identity"}:
        raise UnsupportedMediaType(
            "Send the content as it is, without Content-Encoding.", expression="http.Content-Encoding"
        )
    kind, options = parse_options_header(request.headers.get("Content-Type", ""))
    if kind.lower() not in READ:
        raise UnsupportedMediaType(
            "Only FHIR JSON is read; send application/fhir+json.", expression="http.Content-Type"
        )
    if options.get("charset", "utf-8").lower() not in {"utf-8", "utf8"}:
        raise Malformed(
            "FHIR JSON is UTF-8; send it without another charset.", error="charset", expression="http.Content-Type"
        )
    if options.get("fhirversion", options.get("fhirVersion", "4.0")) not in RELEASE:
        raise UnsupportedMediaType("Only FHIR R4 (fhirVersion=4.0) is read.", expression="http.Content-Type")
    return take(limit)


def take(limit: int) -> bytes:
    """Take the bytes of the request, at most `limit`; TooLarge for more, chunked ones included."""
    request.max_content_length = limit + 1  # a chunked body is cut at the limit without a word: one byte more tells
    try:
        taken = request.get_data(cache=False)
    except RequestEntityTooLarge:
        taken = None
    if taken is None or len(taken) > limit:
        raise TooLarge(f"At most {limit} bytes are taken here.", expression="http.Content-Length")
    return taken


def form() -> list[tuple[str, str]]:
    """Take the parameters of a `_search`: those of the form, then those of the address."""
    kind, _ = parse_options_header(request.headers.get("Content-Type", ""))
    if request.content_length == 0 or (request.content_length is None and not kind):
        return list(request.args.items(multi=True))
    if kind.lower() != FORM:
        raise UnsupportedMediaType(f"Send the parameters as {FORM}.", expression="http.Content-Type")
    return [*request.form.items(multi=True), *request.args.items(multi=True)]


def version_of(header: str | None, place: str = "http.If-Match") -> int | None:
    """Read the version that `If-Match` names; None when it is absent or `*`. `place` is where it stands."""
    if header is None or header.strip() == "*":
        return None
    found = VERSION.fullmatch(header.strip())
    if found is None:
        raise Malformed('Name the version as If-Match: W/"1".', error="bad-if-match", code="value", expression=place)
    return int(found[1] or found[2])


def not_modified(etag: str) -> bool:
    """Whether `If-None-Match` names this weak ETag."""
    given = request.headers.get("If-None-Match", "")
    return any(part.strip().removeprefix("W/") == etag.removeprefix("W/") for part in given.split(",") if part.strip())
