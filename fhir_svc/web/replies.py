"""From what became of a submission to the HTTP answer that says so: alone, in a Bundle, or as the list of `$submit`."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any, Final

import msgspec

from fhir_svc.auth.actor import Actor
from fhir_svc.errors import FhirSvcError, Issue
from fhir_svc.store import body, resources
from fhir_svc.store.database import Connection
from fhir_svc.store.submissions import Answer
from fhir_svc.web.negotiation import Prefer
from fhir_svc.web.outcomes import outcome, refusal
from fhir_svc.web.receive import Done, Receipt, Received
from fhir_svc.web.rights import insufficient_scope, may
from fhir_svc.web.wire import encode, instant, version_headers

CREATED: Final = 201
MONITOR: Final = 'rel="monitor"'
MOST_LINKS: Final = 8
READING: Final = "rs"
WRITING: Final = "cu"
OUTCOME: Final = re.compile(rb'{"resourceType":"OperationOutcome"')
NAMED: Final = re.compile(r"\b([A-Z][A-Za-z]+)/([A-Za-z0-9\-.]{1,64})")
ADDRESSED: Final = re.compile(f"/{NAMED.pattern}")
PHRASES: Final = {
    200: "200 OK",
    201: "201 Created",
    304: "304 Not Modified",
    400: "400 Bad Request",
    401: "401 Unauthorized",
    403: "403 Forbidden",
    404: "404 Not Found",
    405: "405 Method Not Allowed",
    409: "409 Conflict",
    412: "412 Precondition Failed",
    413: "413 Content Too Large",
    422: "422 Unprocessable Content",
    428: "428 Precondition Required",
    500: "500 Internal Server Error",
    503: "503 Service Unavailable",
}


def monitor(base: str, guidance: Iterable[str | None]) -> dict[str, str]:
    """Give the `Link` header that names what the caller may poll: one link for each submission that is evaluated."""
    links = [f"<{base}/GuidanceResponse/{one}>; {MONITOR}" for one in guidance if one]
    return {"Link": ", ".join(links)} if links else {}


def headers(answer: Answer) -> dict[str, str]:
    """Give the headers to send: a client reads none of any length, and the entries name their evaluations anyway."""
    many = answer.headers.get("Link", "").count(MONITOR) > MOST_LINKS
    return {name: value for name, value in answer.headers.items() if not (many and name == "Link")}


def warned(received: Received) -> dict[str, list[Issue]]:
    """Give the warnings of a submission by the place of the entry that each is about."""
    places = {one.location for one in received.submission.entries}
    found: dict[str, list[Issue]] = {}
    for warning in received.submission.warnings:
        path = warning.expression or ""
        while path and path not in places:
            path = path.rpartition(".")[0]
        found.setdefault(path, []).append(warning)
    return found


def notes(done: Done, guidance: str | None, warnings: Sequence[Issue] = ()) -> list[Issue]:
    """Say of one entry what became of it, under which id, and where its evaluation will be; then its `warnings`."""
    if done.ignored is not None:
        return [done.ignored]
    name = f"{done.type}/{done.id}"
    if done.created:
        told = ("stored", f"Stored as {name}.")
    elif done.late:
        told = ("stored-late", f"Kept as an older version of {name}; it is not evaluated.")
    elif done.changed:
        told = ("stored", f"Stored as version {done.version} of {name}.")
    else:
        told = ("unchanged", f"{name} is already so; nothing was changed.")
    text = f"{told[1]} Evaluation: GuidanceResponse/{guidance}." if guidance and done.changed else told[1]
    return [Issue("informational", told[0], text, done.entry.location, "information"), *warnings]


def single(tx: Connection, received: Received, base: str, prefer: Prefer, got: Receipt) -> Answer:
    """Answer a create or an update."""
    done = received.done[0]
    headers = version_headers(done.version, done.updated) | monitor(base, [received.guidance])
    headers["Location"] = f"{base}/{done.type}/{done.id}/_history/{done.version}"
    if prefer.returns == "minimal":
        content = b""
    elif prefer.returns == "OperationOutcome" or (done.late and prefer.returns is None):  # not what a read gives
        content = encode(outcome(notes(done, received.guidance, received.submission.warnings)))
    else:
        content = served(tx, got, done) or b""
    return Answer(201 if done.created else 200, headers, content)


def served(tx: Connection, got: Receipt, done: Done) -> bytes | None:
    """Give the bytes that a read of this entry's version gives; None to whom may not read what they did not send."""
    sent = not done.ours and (done.created or done.entry.if_none_exist is None)
    if not sent and not may(got.actor, done.type, READING):
        return None
    if done.changed and not done.ours and done.entry.resource is not None:
        return body.served(
            done.entry.resource, done.version, body.instant(done.updated)
        )  # what was just written, not read again
    stored = resources.vread(tx, got.tenant.name, done.type, done.id, done.version)
    return stored.body if stored else None


def entry(
    done: Done, received: Received, base: str, warnings: Sequence[Issue], content: bytes | None = None
) -> dict[str, Any]:
    """Write the response entry of one entry of a Bundle; `warnings` are its own."""
    response = {
        "status": PHRASES[201 if done.created else 200],
        "location": f"{base}/{done.type}/{done.id}/_history/{done.version}",
        "etag": f'W/"{done.version}"',
        "lastModified": instant(done.updated),
        "outcome": outcome(notes(done, received.guidance, warnings)),
    }
    written: dict[str, Any] = {"fullUrl": f"{base}/{done.type}/{done.id}"}
    if content is not None:
        written["resource"] = msgspec.Raw(content)
    return {**written, "response": response}


def refused_entry(failure: FhirSvcError) -> dict[str, Any]:
    """Write the response entry of an entry of a batch that was refused."""
    status, issues, _ = refusal(failure)
    return {"response": {"status": PHRASES.get(status, str(status)), "outcome": outcome(issues)}}


def listing(received: Received) -> dict[str, Any]:
    """Write the OperationOutcome of `$submit`: one issue per entry, in the Bundle's order, then the warnings."""
    told = {one.index: one.issue for one in received.submission.ignored}
    told |= {one.entry.index: notes(one, received.guidance)[0] for one in received.done}
    first = [told[index] for index in sorted(told)]
    if not first:
        first = [Issue("informational", "nothing-stored", "The Bundle has no entries.", "Bundle", "information")]
    return outcome([*first, *received.submission.warnings])


def told_of(answer: Answer) -> set[tuple[str, str]]:
    """Type and id of everything that an answer from memory names by its address; an OperationOutcome also by `Type/id`.

    The content of resources is no matter: they refer to each other without an address.
    """
    text = " ".join((*answer.headers.values(), answer.body.decode()))
    names = NAMED if OUTCOME.match(answer.body) else ADDRESSED
    return {(kind, one.rstrip(".")) for kind, one in names.findall(text)}


def remembered(answer: Answer, actor: Actor) -> Answer:
    """Give of an answer from memory what the caller may see with the rights of today."""
    if not answer.body or all(may(actor, "*", letter) for letter in WRITING + READING):
        return answer
    said = msgspec.json.decode(answer.body, type=dict[str, msgspec.Raw])
    kind = msgspec.json.decode(said["resourceType"], type=str)
    if kind == "Bundle" and "entry" in said:
        entries = msgspec.json.decode(said["entry"], type=list[dict[str, msgspec.Raw]])
        return replace(answer, body=encode({**said, "entry": [_remembered(one, actor) for one in entries]}))
    sent = answer.status == CREATED
    if kind in {"Bundle", "OperationOutcome"} or may(actor, kind, WRITING + READING if sent else READING):
        return answer
    return replace(answer, body=b"")


def _remembered(entry: dict[str, Any], actor: Actor) -> dict[str, Any]:
    response = msgspec.json.decode(entry["response"])
    kind, wrote = _type_of(entry), "location" in response
    if kind and not may(actor, kind, WRITING if wrote else READING):
        return refused_entry(insufficient_scope())
    if wrote and response["status"] != PHRASES[CREATED] and not may(actor, kind, READING):
        entry.pop("resource", None)
    return entry


def _type_of(entry: dict[str, Any]) -> str:
    """The type that an entry is about: that of its resource, or of those that a search or a history is of."""
    if "fullUrl" in entry:
        return str(msgspec.json.decode(entry["fullUrl"])).split("/")[-2]
    if "resource" not in entry:
        return ""  # it was refused
    own = msgspec.json.decode(entry["resource"], type=_Page).link[0]["url"].partition("?")[0]
    return own.removesuffix("/_history").split("/")[-2 if own.endswith("/_history") else -1]


class _Page(msgspec.Struct):
    link: list[dict[str, str]]
