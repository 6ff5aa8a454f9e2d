"""PURE: R43. What to take back when a newer version of the source no longer supports it.

Only a rule that is not met withdraws, never one that cannot be told, except where a draft rests alone on sources that
were entered in error or turned out to be another patient's. Time passing withdraws nothing: some evidence must have
changed, or a clinician have closed a fact of the rule, which is the word of a person about it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC

from fhir_svc.criteria.moments import read_moment
from fhir_svc.decision import Outcome, RuleOutcome
from fhir_svc.orders.signature import evidence, outdated
from fhir_svc.orders.terms import extensions
from fhir_svc.record import Json, Record, Stored

# What is attached for the signer to see, or says only who the patient is, decides nothing.
_SHOWN = frozenset({"Patient", "ServiceRequest", "DiagnosticReport", "ImagingStudy"})


def unsupported(
    record: Record, outcomes: Mapping[str, RuleOutcome], criteria: str, statuses: frozenset[str]
) -> Iterator[Stored]:
    """Our orders of this plan (any version) in these states that the evidence no longer supports."""
    plan = criteria.partition("|")[0]
    for held in record.of("ServiceRequest", ours=True):
        made_by = [name.partition("|")[0] for name in held.content.get("instantiatesCanonical", ())]
        rules = list(extensions(held.content, "rule"))
        mine = held.content.get("status") in statuses and plan in made_by
        if mine and is_withdrawn(evidence(held.content), rules, outcomes, record):
            yield held


def is_withdrawn(
    cited: Iterable[str], rule_ids: Iterable[str], outcomes: Mapping[str, RuleOutcome], record: Record
) -> bool:
    """Whether what was asserted for these rules from these versions is no longer supported."""
    rules = [outcomes[rule] for rule in rule_ids if rule in outcomes]
    said = {rule.outcome for rule in rules}
    known = set(cited)
    if not rules or Outcome.MET in said:
        return False
    if said == {Outcome.NOT_MET}:
        return bool(outdated(known, record)) or _newer(rules, known) or _closed(rules, known, record)
    decisive = [name for name in known if name.partition("/")[0] not in _SHOWN]
    return bool(decisive) and all(_in_error_or_gone(name, record.by_local) for name in decisive)


def _newer(rules: Sequence[RuleOutcome], known: set[str]) -> bool:
    locals_known = {_local(name) for name in known}
    return any(source.local not in locals_known for rule in rules for fact in rule.facts for source in fact.sources)


def _closed(rules: Sequence[RuleOutcome], known: set[str], record: Record) -> bool:
    """Whether a clinician has closed a fact of these rules after what is cited for them was received."""
    names = {fact.name for rule in rules for fact in rule.facts}
    cited = [held.received for name in known if (held := record.by_local.get(_local(name))) and not held.ours]
    closings = (
        read_moment(task.content.get("lastModified"), UTC)
        for task in record.of("Task", ours=True)
        if task.content.get("status") == "completed" and names & set(_closed_facts(task.content))
    )
    return bool(cited) and any(closed is not None and closed.start >= max(cited) for closed in closings)


def _closed_facts(task: Json) -> Iterator[str]:
    for output in task.get("output", ()):
        if any(coding.get("code") == "closed-fact" for coding in output["type"].get("coding", ())):
            yield output.get("valueCode", "")


def _in_error_or_gone(name: str, current: Mapping[str, Stored]) -> bool:
    """Nothing stored is ever deleted: what the patient's record does not hold is about somebody else now."""
    held = current.get(_local(name))
    return held is None or _withdrawn_by_source(held.content)


def _withdrawn_by_source(content: Json) -> bool:
    verification = content.get("verificationStatus", {})
    said = [coding.get("code") for coding in verification.get("coding", ())] if isinstance(verification, dict) else []
    return "entered-in-error" in [content.get("status"), *said]


def _local(name: str) -> str:
    return name.partition("/_history/")[0]
