"""What the conditions of a submission match: preconditions, conditional creates and updates, conditional references."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final
from urllib.parse import parse_qsl

from fhir_svc.errors import Conflict, Malformed, PreconditionFailed, Rejected, Unprocessable
from fhir_svc.intake import references
from fhir_svc.intake.submission import Entry, Submission, place_of
from fhir_svc.record import Stored
from fhir_svc.store import patients, resources
from fhir_svc.store.database import Connection
from fhir_svc.store.resources import Put
from fhir_svc.web.negotiation import version_of

MOST_RECORDS: Final = 20  # of one person; more matches are those of a condition that means nobody in particular


def referred(tx: Connection, tenant: str, submission: Submission, question: str) -> Stored | None:
    """The resource that a conditional reference means; None for none, and for a type that is not kept here."""
    kind, _, query = question.partition("?")
    if kind not in resources.PARAMETERS:
        return None
    try:
        return one(tx, tenant, kind, query, expression=None)
    except Rejected as failure:
        raise failure.at(place_of(submission, question) or kind) from None


def check_preconditions(tx: Connection, tenant: str, entry: Entry) -> None:
    """`If-Match: *` wants a resource of this id, `If-None-Match: *` wants none."""
    must, must_not = entry.method == "PUT" and (entry.if_match or "").strip() == "*", wants_none(entry)
    if not (must or must_not):
        return
    exists = resources.read(tx, tenant, entry.type, entry.id or "") is not None
    if must and not exists:
        raise PreconditionFailed(
            "There is no such resource to update.", expression=place(entry, "If-Match"), error="version-conflict"
        )
    if must_not and exists:
        raise PreconditionFailed("There is a resource of this id.", expression=place(entry, "If-None-Match"))


def wants_none(entry: Entry) -> bool:
    """Whether an update is to create only."""
    return entry.method == "PUT" and (entry.if_none_match or "").strip() == "*"


def place(entry: Entry, header: str) -> str:
    """Where a precondition stands: in a header, or in the request of a Bundle's entry."""
    request, inside, _ = entry.location.rpartition(".resource")
    if not inside:
        return f"http.{header}"
    name = header.replace("-", "")
    return f"{request}.request.{name[0].lower()}{name[1:]}"


def asked_in(entry: Entry) -> str | None:
    """Where a condition stands: in a header, in the address, or in the request of a Bundle's entry."""
    if entry.if_none_exist:
        return place(entry, "If-None-Exist")
    request, inside, _ = entry.location.rpartition(".resource")
    return f"{request}.request.url" if inside else None


def check_named(tx: Connection, tenant: str, entry: Entry, match: Stored | None) -> None:
    """A conditional update may carry an id: the one that its match has, or the one to create it under."""
    if match is not None and match.id != entry.id:
        raise Malformed(
            "The condition matches a resource of another id; leave the id out.",
            expression=f"{entry.location}.id",
            code="invalid",
            error="resource-id-mismatch",
        )
    if match is None and resources.read(tx, tenant, entry.type, entry.id or "") is not None:
        raise Conflict("The resource of this id does not meet the condition.", expression=entry.location)


def check_replaced(tx: Connection, tenant: str, entry: Entry) -> None:
    """A Patient is replaced by another one, which it does not replace itself, also through others."""
    links = (entry.resource or {}).get("link", ()) if entry.type == "Patient" else ()
    if any(link.get("type") == "replaced-by" for link in links):
        resources.exclusive(tx, tenant, "Patient.link")  # two at once might each replace the other
    for index, link in enumerate(links):
        kind, _, rest = link.get("other", {}).get("reference", "").partition("/")
        if link.get("type") == "replaced-by" and kind == "Patient":
            other = rest.partition("/")[0]
            if entry.id in {other, patients.resolve(tx, tenant, other)}:
                raise Unprocessable(
                    "Link to a Patient that this one does not replace: the links lead in a circle.",
                    expression=f"{entry.location}.link[{index}].other",
                    error="link-circle",
                )


def put(entry: Entry, subject: str | None) -> Put:
    """Write down what is to be stored of an entry, under which preconditions; `subject` is whose it is in any case."""
    resource = entry.resource or {}
    patient = patients.patient_of(resource) or (None if entry.type == "Device" else subject)
    expected, absent, where = None, wants_none(entry), entry.location
    if entry.if_match is not None:
        where = place(entry, "If-Match")
        expected = version_of(entry.if_match, where)
    elif absent:
        where = place(entry, "If-None-Match")
    return Put(resource, patient, expected=expected, new=entry.minted, absent=absent, place=where)


def one(tx: Connection, tenant: str, kind: str, query: str, *, expression: str | None) -> Stored | None:
    """Give the one resource that a condition matches; None for none, 412 for several."""
    hold(tx, tenant, f"{kind}?{query}")
    return _found(tx, tenant, kind, query, expression)


def known(tx: Connection, tenant: str, reference: str | None) -> str | None:
    """Give the id that stands for the patient whom a reference names, literal or conditional; None for nobody known."""
    if reference is None:
        return None
    if references.is_conditional(reference):
        try:
            match = _found(tx, tenant, "Patient", reference.partition("?")[2], None)
        except Rejected:
            return None
        reference = match.local if match else ""
    patient = patients.resolve(tx, tenant, reference.partition("/")[2])
    return patient if patients.is_known(tx, tenant, patient) else None


def _found(tx: Connection, tenant: str, kind: str, query: str, expression: str | None) -> Stored | None:
    params = parse_qsl(query, keep_blank_values=True)
    supported = resources.PARAMETERS.get(kind, frozenset())
    if not params:
        raise Malformed(
            "A condition names search parameters.", expression=expression, code="value", error="bad-condition"
        )
    if any(name.partition(":")[0] not in supported for name, _ in params):
        raise Malformed(
            "This condition uses a search parameter that is not supported.",
            expression=expression,
            code="not-supported",
            error="unsupported-parameter",
        )
    try:
        matches = resources.search(tx, tenant, kind, params, count=MOST_RECORDS).entries
    except Malformed as failure:
        raise (failure.at(expression) if expression else failure) from None
    if len(matches) > 1:
        matches = _one_person(tx, tenant, matches) if kind == "Patient" and len(matches) < MOST_RECORDS else []
        if not matches:
            raise PreconditionFailed(
                "The condition matches several resources.", expression=expression, code="multiple-matches"
            )
    return matches[0] if matches else None


def _one_person(tx: Connection, tenant: str, matches: Sequence[Stored]) -> list[Stored]:
    """Of the records of one person the one that replaced the others; nothing where they are of several persons."""
    who = {patients.resolve(tx, tenant, one.id) for one in matches}
    return [one for one in matches if who == {one.id}]


def hold(tx: Connection, tenant: str, question: str) -> None:
    """Let nobody else decide by the same condition until this transaction ends."""
    kind, _, query = question.partition("?")
    resources.exclusive(tx, tenant, f"{kind}?", "", query)
