"""PURE: which responses to a form count, and what the patient's messages state.

Of each response the newest version speaks; one that was entered in error is absent, its older versions included. The
newest completed response decides; unfinished newer ones only add; others of the last days keep their positives.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum, auto
from itertools import takewhile
from typing import TYPE_CHECKING, Any

from fhir_svc.criteria.declarations import Form, Window
from fhir_svc.criteria.messages import read
from fhir_svc.criteria.moments import Moment
from fhir_svc.record import Json, Stored

if TYPE_CHECKING:
    from fhir_svc.criteria.case import Case

RETRACTED = "entered-in-error"
COMPLETED = frozenset({"completed", "amended"})
UNFINISHED = frozenset({"in-progress", "stopped"})


@dataclass(frozen=True, slots=True)
class Version:
    """One version of a response with its answers by linkId."""

    stored: Stored
    answers: Mapping[str, tuple[Json, ...]]


@dataclass(frozen=True, slots=True)
class Response:
    """One response: its versions, newest first, back to the last that was retracted."""

    versions: tuple[Version, ...]
    authored: Moment
    updated: datetime
    completed: bool

    @property
    def age(self) -> tuple[datetime, datetime, str]:
        """Sorts responses: by when they were authored, then by when they changed last."""
        return self.authored.start, self.updated, self.versions[0].stored.id


@dataclass(frozen=True, slots=True)
class Responses:
    """`current` is the newest completed one, `newer` the unfinished ones after it, `others` still carry positives."""

    form: Form
    current: Response | None
    newer: tuple[Response, ...]
    others: tuple[Response, ...]
    everything: tuple[Response, ...]


@dataclass(frozen=True, slots=True)
class Said:
    """A statement of a message: the item, the plain value, and the message."""

    link_id: str
    value: str
    stored: Stored
    sent: Moment


@dataclass(frozen=True, slots=True)
class Messages:
    """Everything the patient's current messages state, and those that a clinician must read."""

    statements: tuple[Said, ...] = ()
    unclear: tuple[Stored, ...] = ()


def responses(case: Case, form: Form) -> Responses:
    """Sort the responses to a form into those that decide, add, and linger."""
    found = sorted(_responses(case, form), key=lambda response: response.age, reverse=True)
    current = next((response for response in found if response.completed), None)
    newer = tuple(takewhile(lambda response: not response.completed, found))
    lingering = Window(since=form.carry)
    others = tuple(
        response
        for response in found
        if response is not current and response not in newer and case.inside(response.authored, lingering) is not False
    )
    return Responses(form, current, newer, others, tuple(found))


def _responses(case: Case, form: Form) -> Iterator[Response]:
    earlier: dict[str, list[Stored]] = {}
    for stored in case.record.earlier:
        if stored.type == "QuestionnaireResponse":
            earlier.setdefault(stored.id, []).append(stored)
    for stored in case.chart.of("QuestionnaireResponse"):
        content = stored.content
        if str(content.get("questionnaire", "")).partition("|")[0] != form.questionnaire:
            continue
        status = content.get("status")
        if status not in COMPLETED | UNFINISHED:
            continue
        updated = updated_at(case, stored)
        authored = case.moment(content.get("authored")) or _moment_of(case, updated)
        if authored.start > case.latest:
            case.edge(authored.start)
            continue
        older = sorted(earlier.get(stored.id, ()), key=lambda version: version.version, reverse=True)
        versions = tuple(Version(version, _answers(version.content)) for version in _standing([stored, *older]))
        yield Response(versions, authored, updated, status in COMPLETED)


def _standing(versions: list[Stored]) -> Iterator[Stored]:
    """The versions down to the last retraction: what stood before it has been taken back."""
    for version in versions:
        if version.content.get("status") == RETRACTED:
            return
        yield version


def updated_at(case: Case, stored: Stored) -> datetime:
    """When the source changed a resource last, else when it was received."""
    moment = case.moment((stored.content.get("meta") or {}).get("lastUpdated"))
    return moment.start if moment else stored.received


def _moment_of(case: Case, instant: datetime) -> Moment:
    day = instant.astimezone(case.zone).date()
    return Moment(instant.isoformat(), day, day, instant, instant)


def _answers(content: Json) -> Mapping[str, tuple[Json, ...]]:
    found: dict[str, list[Json]] = {}
    pending: list[Any] = list(content.get("item", ()))
    while pending:
        item = pending.pop()
        answers = item.get("answer", ())
        found.setdefault(item.get("linkId", ""), []).extend(answers)
        pending.extend(item.get("item", ()))
        for answer in answers:
            pending.extend(answer.get("item", ()))
    return {link_id: tuple(answers) for link_id, answers in found.items() if answers}


def idle_since(case: Case, response: Response) -> datetime:
    """When an unfinished form was touched last."""
    stored = response.versions[0].stored
    moment = case.moment((stored.content.get("meta") or {}).get("lastUpdated"))
    return max(response.authored.start, moment.start) if moment else response.authored.start


def is_idle(case: Case, response: Response, form: Form) -> bool:
    """Whether an unfinished form has not been touched for as long as its form allows."""
    due = idle_since(case, response) + timedelta(hours=form.idle.hours, days=form.idle.days)
    case.edge(due)
    return due <= case.at


def read_messages(case: Case) -> Messages:
    """Read every current message that the patient sent."""
    form = next((form for form in case.declarations.forms.values() if form.messages is not None), None)
    if form is None or case.vocabulary is None:
        return Messages()
    statements: list[Said] = []
    unclear: list[Stored] = []
    for stored in case.chart.of("Communication"):
        sent = _sent(case, stored)
        if sent is None or case.inside(sent, Window(since=form.messages)) is False:
            continue
        if _writer(stored.content) is Writer.UNSURE:
            unclear.append(stored)
            continue
        reading = read([_text(payload) for payload in stored.content.get("payload", ())], case.vocabulary)
        statements.extend(
            Said(said.link_id, form.answers.get(said.value, said.value), stored, sent) for said in reading.statements
        )
        if reading.unclear:
            unclear.append(stored)
    return Messages(tuple(statements), tuple(unclear))


def _text(payload: Json) -> str:
    """The words of a payload; an attachment or a reference has none that can be read here."""
    return str(payload.get("contentString", ""))


def _sent(case: Case, stored: Stored) -> Moment | None:
    """When this message was sent; None for one that is known to be somebody else's, or that was taken back."""
    if stored.ours or stored.content.get("status") != "completed" or _writer(stored.content) is Writer.OTHER:
        return None
    return case.moment(stored.content.get("sent")) or _moment_of(case, updated_at(case, stored))


class Writer(Enum):
    """Who wrote a message, as far as it says so."""

    PATIENT = auto()
    OTHER = auto()
    UNSURE = auto()


def _writer(message: Json) -> Writer:
    """Whose words these are; who `I` and `he` are in a relative's can't be told, nor in what contradicts itself."""
    sender, subject = message.get("sender"), message.get("subject")
    if sender is None or subject is None:
        return Writer.PATIENT
    kinds = _kinds(message, sender)
    if kinds == {"Patient"}:
        told = "reference" in sender and "reference" in subject
        return Writer.UNSURE if told and _id(sender) != _id(subject) else Writer.PATIENT
    if not kinds:
        return Writer.PATIENT if "identifier" in sender else Writer.UNSURE
    return Writer.UNSURE if kinds & {"Patient", "RelatedPerson"} else Writer.OTHER


def _kinds(message: Json, reference: Json) -> set[str]:
    """Every type that a reference says its target to be of; more than one, if it contradicts itself."""
    address = str(reference.get("reference", "")).partition("/_history/")[0]
    said = [str(reference.get("type", "")).rpartition("/")[2], *address.split("/")[-2:-1]]
    inside = [str(one["resourceType"]) for one in message.get("contained", ()) if address == f"#{one.get('id')}"]
    return {kind for kind in (*said, *inside) if kind}


def _id(reference: Json) -> str:
    return str(reference["reference"]).partition("/_history/")[0].rpartition("/")[2]
