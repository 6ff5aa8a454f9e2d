"""PURE: what a physician may change of a draft before deciding: priority, code, performer, and a note of their own.

The change comes as a ServiceRequest, whole or in part. What it says as the draft says it is no change; whatever else it
says otherwise is refused, each element by name. A code brings its own words and the order key stays: what is read and
what is coded must not come apart.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from itertools import takewhile
from operator import eq
from typing import Any

from fhir_svc.errors import Issues, Unprocessable
from fhir_svc.orders.definitions import Ladder
from fhir_svc.orders.states import By, Resource, fresh, moment
from fhir_svc.orders.terms import system
from fhir_svc.orders.transitions import require_order, require_task
from fhir_svc.record import Json, Stored

PRIORITIES = frozenset({"routine", "urgent", "asap", "stat"})
_PLAIN = re.compile(r"(?:https?://\S+/)?[A-Z][A-Za-z]+/[A-Za-z0-9\-.]{1,64}(?:/_history/[A-Za-z0-9\-.]{1,64})?")
_OPEN = frozenset({"resourceType", "priority", "code", "performer", "note"})
_KEY = system("order-key")


def revised(
    draft: Json, task: Json, change: Json, *, codings: Sequence[Mapping[str, Any]], by: By, at: datetime
) -> tuple[Resource, Resource]:
    """The next versions of draft and Task; `codings` are the codes that the order may carry.

    Unprocessable for what can't be changed, for a code or performer that is none, and where nothing is changed.
    """
    task_status, status = require_task("revise", task["status"]), require_order("revise", draft["status"])
    problems = Issues()
    for name in _fixed(draft, change):
        told = "Only priority, code, note and performer can be revised; leave this as it is, or out."
        problems.add("business-rule", "revision", told, f"ServiceRequest.{name}")
    new = fresh(draft) | {"status": status} | _chosen(draft, change, codings, problems)
    if added := list(_added(draft.get("note", ()), change.get("note", ()), by, at)):
        new["note"] = [*draft.get("note", ()), *added]
    if problems.found:
        raise Unprocessable("The draft can't be revised so.", issues=problems.found)
    if new == fresh(draft):
        raise Unprocessable("Nothing was changed.", error="nothing-changed", expression="ServiceRequest")
    return new, fresh(task) | {"status": task_status, "lastModified": moment(at), "priority": new["priority"]}


def retimed(task: Json, life: Sequence[Stored], ladder: Ladder, at: datetime) -> Resource:
    """The revised Task with the time that its priority gives it now; `life`: its versions so far, the first one first.

    A time that the software gave is brought forward by raising the priority, and never put off by lowering it.
    """
    now, before = (ladder.rank(each.get("priority")) for each in (task, life[-1].content))
    if now < before:
        return _hastened(task, ladder, at)
    by_hand = "start" in _period(task)
    return _eased(task, life, ladder) if now > before and by_hand else dict(task)


def _hastened(task: Json, ladder: Ladder, at: datetime) -> Resource:
    """The time of the priority that it was raised to, unless the time it has ends before that."""
    due, end = ladder.deadline(task["priority"], None, at), _end(task)
    return dict(task) if due is None or (end is not None and at <= end <= due) else _due(task, at, due)


def _eased(task: Json, life: Sequence[Stored], ladder: Ladder) -> Resource:
    """The time of the priority that it was lowered to, from when it has been as urgent; the software's if sooner."""
    rank, drafted = ladder.rank(task["priority"]), life[0].content
    as_urgent = list(takewhile(lambda each: ladder.rank(each.content.get("priority")) <= rank, reversed(life)))
    raised, end = as_urgent[-1], _end(drafted)
    since = datetime.fromisoformat(raised.content.get("lastModified", moment(raised.received)))
    due = ladder.deadline(task["priority"], None, since)
    if len(as_urgent) == len(life) or due is None or (end is not None and end <= due):
        rest = {name: value for name, value in task.items() if name != "restriction"}
        return rest | ({"restriction": drafted["restriction"]} if "restriction" in drafted else {})
    return _due(task, since, due)


def _due(task: Json, since: datetime, due: datetime) -> Resource:
    period = {"start": moment(since), "end": moment(due)}
    return {**task, "restriction": {**task.get("restriction", {}), "period": period}}


def _period(task: Json) -> Json:
    held: Json = task.get("restriction", {}).get("period", {})
    return held


def _end(task: Json) -> datetime | None:
    end = _period(task).get("end")
    return datetime.fromisoformat(end) if end else None


def _fixed(draft: Json, change: Json) -> Iterator[str]:
    """The elements that can't be changed and are said otherwise."""
    for name, value in change.items():
        same = _same_meta if name == "meta" else eq
        if name not in _OPEN and not same(value, draft.get(name, {})):
            yield name


def _same_meta(one: Json, other: Json) -> bool:
    """Whether both say the same; the version may be left out, and the instant be written otherwise."""
    first, second = (
        {name: value for name, value in meta.items() if name not in {"versionId", "lastUpdated"}}
        for meta in (one, other)
    )
    return first == second and one.get("versionId", other.get("versionId")) == other.get("versionId")


def _chosen(draft: Json, change: Json, codings: Sequence[Mapping[str, Any]], problems: Issues) -> Resource:
    """Priority, code and performer as the change has them; what is wrong with them is noted."""
    new = {name: change[name] for name in ("priority", "performer") if name in change}
    if new.get("priority", "routine") not in PRIORITIES:
        problems.add("code-invalid", "revision", "Choose a priority of FHIR.", "ServiceRequest.priority")
    for index, performer in enumerate(new.get("performer", ())):
        if "reference" in performer and _PLAIN.fullmatch(performer["reference"]) is None:
            place = f"ServiceRequest.performer[{index}].reference"
            problems.add("value", "revision", "Name the performer as Type/id or by the address of one.", place)
    return new | ({"code": _recoded(draft["code"], change["code"], codings, problems)} if "code" in change else {})


def _recoded(old: Json, new: Json, allowed: Sequence[Mapping[str, Any]], problems: Issues) -> Resource:
    """The code with the words that the value set has for it, and the order key that it had."""
    key = [coding for coding in old["coding"] if coding["system"] == _KEY]
    before, wanted = _said(old), _said(new)
    known = {(coding["system"], coding["code"]): dict(coding) for coding in allowed}
    keys = [held.get("code") for held in new.get("coding", ()) if held.get("system") == _KEY]
    is_one = wanted == before or (len(wanted) == 1 and wanted <= known.keys())
    if not is_one or keys not in ([], [held["code"] for held in key]):
        told = "Choose one code of this order's value set."
        problems.add("code-invalid", "order-code", told, "ServiceRequest.code")
        return dict(old)
    if wanted == before:
        if new.get("text", old.get("text")) != old.get("text"):
            told = "The words belong to the code; put yours into a note."
            problems.add("business-rule", "order-code", told, "ServiceRequest.code.text")
        return dict(old)
    (chosen,) = (known[one] for one in wanted)
    text = chosen.get("display") or new.get("text") or old.get("text", "")
    return {"coding": [chosen, *key], "text": text}


def _said(concept: Json) -> set[tuple[Any, Any]]:
    """The codes beside the order key."""
    codings = concept.get("coding", ())
    return {(one.get("system"), one.get("code")) for one in codings if one.get("system") != _KEY}


def _added(old: Sequence[Json], given: Sequence[Json], by: By, at: datetime) -> Iterator[Resource]:
    """The notes that are new, as the physician's own."""
    known = {note["text"] for note in old}
    for text in dict.fromkeys(note["text"].strip() for note in given if note["text"] not in known):
        if text:
            yield {"authorReference": by.json, "time": moment(at), "text": text}
