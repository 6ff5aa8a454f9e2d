"""A case, what is expected of it, and how what the service writes is read: from the FHIR resources alone."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from functools import cache
from typing import Any

from fhir_svc.artefacts import load_artefacts
from fhir_svc.evaluation import Evaluation, evaluate
from fhir_svc.knowledge import Knowledge
from fhir_svc.record import Record, Site, Stored
from tests.criteria.cases.building import PROFILES, Resource, T, patient
from tests.criteria.cases.written import READ, drafts, heard, key, lacking, tasks, told

RULES = [
    "R01", "R01b", "R02", "R03", "R03c", "R04", "R05", "R06", "R07", "R09", "R10", "R11", "R12", "R13", "R14", "R15",
    "R16", "R17", "R18", "R19", "R20", "R21", "R22", "R23", "R30", "R31", "R32", "R33", "R34", "R35", "R36", "R40",
    "R41", "R42", "R43",
]  # fmt: skip


@dataclass(frozen=True)
class Case:
    """One row of a table. `level` "" is none, `A|B` either; `orders` are all drafts, as `KEY:priority`, None any.

    `met`, `not_met`, `cannot_tell` name rules; `flags`, `messages` must be there, `no_flags`, `no_messages` must not;
    `only_flags` are all. `reviews` and `status` where the criteria say so. `reasons`, `due`, `asked`, `sent`, `raised`,
    `blocked`, `issues`, `wanted`, `why` are all there are, in the words of `written`; `says` and `never_says` of what
    physicians read, `tells` and `never_tells` of what patients do. Rules that are `settled` name nothing as missing.
    `ours` are resources that this service wrote earlier. `facts` are values of facts, None is unknown.
    """

    name: str
    given: Sequence[Any]
    level: str | None = None
    orders: str | None = None
    met: str = ""
    not_met: str = ""
    cannot_tell: str = ""
    flags: str = ""
    no_flags: str = ""
    only_flags: str | None = None
    messages: str = ""
    no_messages: str = ""
    reviews: bool | None = None
    review_priority: str | None = None
    status: str | None = None
    reasons: str | None = None
    due: str | None = None
    asked: str | None = None
    sent: str | None = None
    raised: str | None = None
    blocked: str | None = None
    issues: str | None = None
    wanted: str | None = None
    why: str | None = None
    settled: str = ""
    says: str = ""
    never_says: str = ""
    tells: str = ""
    never_tells: str = ""
    ours: Sequence[Resource] = ()
    at: datetime = T
    zone: str | None = "UTC"
    values: dict[str, Any] = field(default_factory=dict)
    facts: dict[str, Any] = field(default_factory=dict)


def alike(rows: Mapping[str, Sequence[Any]], *expected: Any, **more: Any) -> list[Case]:
    """One case for each name and what is given, where the same is expected of all."""
    return [Case(name, given, *expected, **more) for name, given in rows.items()]


@dataclass(frozen=True)
class Seen:
    """What came out, read from the resources that would be written."""

    level: str
    status: str
    flags: frozenset[str]
    rules: dict[str, str]
    orders: dict[str, str]
    messages: frozenset[str]
    reviews: tuple[Resource, ...]
    written: tuple[Resource, ...]
    evaluation: Evaluation


@cache
def knowledge() -> Knowledge:
    return Knowledge(load_artefacts(PROFILES))


def exact(resource: Resource) -> Resource:
    """As the service reads it: numbers are Decimal."""
    return json.loads(json.dumps(resource, default=_number), parse_float=Decimal)  # type: ignore[no-any-return]


def _number(value: Any) -> Any:
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    raise TypeError(type(value).__name__)


def flatten(given: Sequence[Any]) -> list[Resource]:
    return [item for one in given for item in (flatten(one) if isinstance(one, list) else [one])]


def record_of(given: Sequence[Any], ours: Sequence[Resource] = (), earlier: Sequence[Resource] = ()) -> Record:
    """The record with these resources; a Patient is added where none is given."""
    resources = flatten(given)
    if not any(each["resourceType"] == "Patient" for each in resources):
        resources = [patient(), *resources]
    stored = [
        _stored(each, index, 1 + len(earlier) * (each.get("id") == "form")) for index, each in enumerate(resources)
    ]
    stored += [_stored(each, index, 1, ours=True) for index, each in enumerate(ours)]
    older = [_stored(each, 0, len(earlier) - index) for index, each in enumerate(earlier)]
    return Record("p", tuple(stored), tuple(older))


def _stored(resource: Resource, index: int, version: int, *, ours: bool = False) -> Stored:
    content = exact(resource)
    content.setdefault("id", f"{content['resourceType'].lower()}-{index}")
    updated = content.get("authored") or T.isoformat()
    content["meta"] = {"versionId": str(version), "lastUpdated": updated} | content.get("meta", {})
    received = datetime.fromisoformat(content["meta"]["lastUpdated"])
    return Stored(content["resourceType"], content["id"], version, content, received, ours)


def run(record: Record, at: datetime = T, zone: str | None = "UTC", values: dict[str, Any] | None = None) -> Seen:
    evaluation = evaluate(
        record,
        knowledge(),
        Site(timezone=zone, values=values or {}),
        at,
        scope="north/p",
        seed="submission-1",
        subject="Patient/p",
        submissions=[("guidance-1", "submission-1")],
    )
    (guidance,) = evaluation.guidance
    written = tuple(write.resource for write in evaluation.writes)
    trace = next(each for each in guidance["contained"] if each["resourceType"] == "Parameters")["parameter"]
    return Seen(
        level=next((each["valueCode"] for each in trace if each["name"] == "triage-level"), ""),
        status=guidance["status"],
        flags=frozenset(each["valueCoding"]["code"] for each in trace if each["name"] == "flag"),
        rules={_part(each, "id"): _part(each, "outcome") for each in trace if each["name"] == "rule"},
        orders={key(each): each["priority"] for each in drafts(written)},
        messages=frozenset(_message(each) for each in written if each["resourceType"] == "CommunicationRequest"),
        reviews=tuple(tasks(written, "review")),
        written=written,
        evaluation=evaluation,
    )


def _part(parameter: Resource, name: str) -> str:
    part = next(part for part in parameter["part"] if part["name"] == name)
    return str(next(value for key, value in part.items() if key.startswith("value")))


def _message(request: Resource) -> str:
    return str(request["reasonCode"][0]["coding"][0]["code"])


def differences(case: Case) -> list[str]:
    """What came out otherwise than expected, in words."""
    seen = run(record_of(case.given, case.ours), case.at, case.zone, case.values)
    parts = (_about_orders, _about_rules, _about_words, _about_tasks, _about_resources, _about_facts)
    return [difference for part in parts for difference in part(case, seen)]


def _about_orders(case: Case, seen: Seen) -> list[str]:
    found = []
    if case.level is not None and seen.level not in case.level.split("|"):
        found.append(f"level {seen.level!r}, expected {case.level!r}")
    expected = None if case.orders is None else dict(each.split(":") for each in case.orders.split())
    if expected is not None and seen.orders != expected:
        found.append(f"orders {seen.orders}, expected {expected}")
    if case.status is not None and seen.status != case.status:
        found.append(f"status {seen.status}, expected {case.status}")
    return found


def _about_rules(case: Case, seen: Seen) -> list[str]:
    wanted = [(rule, "met") for rule in case.met.split()]
    wanted += [(rule, "not-met") for rule in case.not_met.split()]
    wanted += [(rule, "cannot-tell") for rule in case.cannot_tell.split()]
    return [
        f"{rule} {seen.rules.get(rule)}, expected {outcome}"
        for rule, outcome in wanted
        if seen.rules.get(rule) != outcome
    ]


def _about_words(case: Case, seen: Seen) -> list[str]:
    found = [f"no flag {flag}" for flag in case.flags.split() if flag not in seen.flags]
    found += [f"flag {flag}" for flag in case.no_flags.split() if flag in seen.flags]
    if case.only_flags is not None and seen.flags != set(case.only_flags.split()):
        found.append(f"flags {sorted(seen.flags)}, expected {sorted(case.only_flags.split())}")
    found += [f"no message {each}" for each in case.messages.split() if each not in seen.messages]
    return found + [f"message {each}" for each in case.no_messages.split() if each in seen.messages]


def _about_tasks(case: Case, seen: Seen) -> list[str]:
    found = []
    if case.reviews is not None and bool(seen.reviews) is not case.reviews:
        found.append(f"{len(seen.reviews)} reviews, expected {'some' if case.reviews else 'none'}")
    priorities = {task["priority"] for task in seen.reviews}
    if case.review_priority is not None and case.review_priority not in priorities:
        found.append(f"reviews of priority {sorted(priorities)}, expected {case.review_priority}")
    return found


def _about_resources(case: Case, seen: Seen) -> list[str]:
    stated = [(name, getattr(case, name), read) for name, read in READ.items()]
    pairs = [(name, sorted(words.split()), read) for name, words, read in stated if words is not None]
    (guidance,) = seen.evaluation.guidance
    found = [(name, sorted(read([*seen.written, guidance], case.at)), words) for name, words, read in pairs]
    wrong = [f"{name} {there}, expected {words}" for name, there, words in found if there != words]
    wrong += [f"{rule} lacks {lacking(guidance, rule)}" for rule in case.settled.split() if lacking(guidance, rule)]
    read = [(case.says, case.never_says, told(seen.written)), (case.tells, case.never_tells, heard(seen.written))]
    wrong += [f"{words!r} is not said" for words, _, text in read if words not in text]
    return wrong + [f"{never!r} is said" for _, never, text in read if never and never in text]


def _about_facts(case: Case, seen: Seen) -> list[str]:
    found = {name: seen.evaluation.decision.facts[name].value for name in case.facts}
    return [
        f"fact {name} is {found[name]}, expected {expected}"
        for name, expected in case.facts.items()
        if not _is(found[name], expected)
    ]


def _is(found: Any, expected: Any) -> bool:
    """Numbers are compared as numbers: a table writes a decimal as its text."""
    return found == (Decimal(expected) if isinstance(found, Decimal) and expected is not None else expected)
