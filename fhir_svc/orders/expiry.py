"""PURE: routine drafts that time alone has overtaken. Whoever waits for a signature on them waits for nothing.

A draft expires when every rule that wanted it is no longer met although no evidence has changed, or when none is met
and it has waited for as long as the site lets drafts wait. What presses, and what a red flag that stands has asked for,
never expires: only a person or newer evidence takes it back.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from fhir_svc.criteria.moments import read_moment
from fhir_svc.decision import Outcome, RuleOutcome
from fhir_svc.knowledge import Knowledge
from fhir_svc.orders.definitions import Ladder, parameter
from fhir_svc.orders.terms import codes, extensions
from fhir_svc.record import Record, Site, Stored


@dataclass(frozen=True, slots=True)
class Overtaken:
    """The drafts that have expired, and when the next one will if nothing else happens."""

    drafts: tuple[Stored, ...]
    next_change: datetime | None


def overtaken(
    record: Record,
    outcomes: Mapping[str, RuleOutcome],
    wanted: Collection[str | None],
    criteria: str,
    ladder: Ladder,
    at: datetime,
    wait: timedelta | None,
) -> Overtaken:
    """Our drafts of this plan that nothing supports any more; `wanted` are the ids of those that something does."""
    drafts: list[Stored] = []
    ends: list[datetime] = []
    for held in _candidates(record, criteria, ladder):
        said = {outcomes[rule].outcome for rule in extensions(held.content, "rule") if rule in outcomes}
        if held.id in wanted or not said or Outcome.MET in said:
            continue
        end = None if wait is None else _since(record, held) + wait
        if said == {Outcome.NOT_MET} or (end is not None and end <= at):
            drafts.append(held)
        elif end is not None:
            ends.append(end)
    return Overtaken(tuple(drafts), min(ends, default=None))


def patience(knowledge: Knowledge, site: Site) -> timedelta | None:
    """How long a draft may wait for a signature; None where no site value says so."""
    days = parameter(knowledge, site, "draft-validity")
    return None if days is None else timedelta(days=days)


def _candidates(record: Record, criteria: str, ladder: Ladder) -> Iterator[Stored]:
    plan, routine = criteria.partition("|")[0], ladder.priorities[-1]
    red = _raised(record, plan)
    for held in record.of("ServiceRequest", ours=True):
        content = held.content
        made_by = [name.partition("|")[0] for name in content.get("instantiatesCanonical", ())]
        ours = content.get("status") == "draft" and plan in made_by
        if ours and content.get("priority", routine) == routine and not red & set(extensions(content, "rule")):
            yield held


def _raised(record: Record, plan: str) -> set[str]:
    """The rules whose red flag stands."""
    return {
        rule
        for flag in record.of("Flag", ours=True)
        if flag.content["status"] == "active"
        for rule in codes(flag.content["code"], plan)
    }


def _since(record: Record, held: Stored) -> datetime:
    """When the draft was put before a physician: its Task says so, whatever newer versions it has."""
    asked: Sequence[Stored] = [
        task for task in record.of("Task", ours=True) if task.content.get("focus", {}).get("reference") == held.local
    ]
    written = [read_moment(task.content.get("authoredOn"), UTC) for task in asked]
    return min([held.received, *(said.start for said in written if said is not None)])
