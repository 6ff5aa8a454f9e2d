"""Bringing one resource into an EHR so that it is there exactly once, whatever gets lost on the way.

An attempt looks before it writes, so that an attempt whose answer never came is found and adopted. A later version
goes over the version that we know, never over a change of somebody else's. Where the EHR takes our ids the write is
repeatable by construction; else a conditional create, which alone is not enough (many servers race), stands behind the
search and behind the lease that makes this the only writer.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from fhir_svc.ehr.client import Capabilities, EhrClient
from fhir_svc.ehr.outbound import agrees, condition, holds, identified
from fhir_svc.ehr.replies import Changed, Copy, Json, Never


def deliver(
    client: EhrClient,
    can: Capabilities,
    wanted: Json,
    *,
    known: Copy | None = None,
    told: Sequence[Mapping[str, object]] = (),
    untried: bool = False,
) -> Copy:
    """Make the EHR hold `wanted`, and return where and in which version it does.

    `known` is the EHR's copy as it was left by the last delivery; `told` our earlier versions, shaped alike. Raises
    Changed for a copy that somebody else changed, Never `ehr-several-copies` for more than one, and what the client
    raises. `untried`: nobody ever tried, so that an id of ours can't be there yet and the first look is saved.
    """
    if known is not None and known.version is not None:
        try:
            return _seen(client, wanted, client.put({**wanted, "id": known.id}, version=known.version))
        except Changed:  # perhaps by our own lost attempt: look
            known = Copy(known.id, None)
    surely_absent = untried and known is None and wanted["resourceType"] in can.update_create
    copy = None if surely_absent else _find(client, can, wanted, known)
    if copy is None:
        if known is not None:
            raise Never("the EHR no longer has its copy", error="ehr-copy-gone")
        try:
            return _seen(client, wanted, _make(client, can, wanted))
        except Changed:  # made meanwhile, or by an attempt that we believed lost
            copy = _find(client, can, wanted, None)
    if copy is None and not identified(wanted):  # what the EHR has instead is another one of the same moment
        return _seen(client, wanted, _add(client, wanted, ()))
    if copy is None:
        raise Changed("the EHR has it and does not show it")
    return _update(client, wanted, copy, told)


def _find(client: EhrClient, can: Capabilities, wanted: Json, known: Copy | None) -> Copy | None:
    type_ = wanted["resourceType"]
    if known is not None:
        return client.read(type_, known.id)
    if type_ in can.update_create:
        return client.read(type_, wanted["id"])
    found = client.search(type_, condition(wanted))
    if not identified(wanted):  # never updated by us: only what says the same can be it
        found = [copy for copy in found if agrees(copy.content or {}, wanted)]
    if len(found) > 1:
        raise Never("the EHR has several copies", error="ehr-several-copies")
    return found[0] if found else None


def _make(client: EhrClient, can: Capabilities, wanted: Json) -> Copy:
    if wanted["resourceType"] in can.update_create:
        return client.put(wanted, version=None)
    return _add(client, wanted, condition(wanted))


def _add(client: EhrClient, wanted: Json, unless: Sequence[tuple[str, str]]) -> Copy:
    return client.create({name: value for name, value in wanted.items() if name != "id"}, unless)


def _update(client: EhrClient, wanted: Json, copy: Copy, told: Sequence[Mapping[str, object]]) -> Copy:
    if holds(copy.content or {}, wanted):
        return copy
    if not any(agrees(copy.content or {}, earlier) for earlier in (wanted, *told)):
        raise Changed("the EHR's copy was changed there")
    if copy.version is None:
        raise Never("the EHR keeps no versions, so that nothing there can be updated safely", error="ehr-no-versions")
    return _seen(client, wanted, client.put({**wanted, "id": copy.id}, version=copy.version))


def _seen(client: EhrClient, wanted: Json, made: Copy) -> Copy:
    """Learn the version of what was just written, where the answer did not say it."""
    if made.version is not None:
        return made
    now = client.read(wanted["resourceType"], made.id)
    return Copy(made.id, now.version) if now and holds(now.content or {}, wanted) else made
