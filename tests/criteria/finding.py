"""What is found in some resources: facts, rules and what follows, as a test reads them."""

from fhir_svc.criteria.rules import find
from fhir_svc.record import Site
from tests.criteria.cases.building import T
from tests.criteria.cases.checking import knowledge, record_of


def found(given_resources, at=T, zone="UTC", earlier=(), ours=(), **values):
    return find(record_of(given_resources, ours, earlier), knowledge(), Site(zone, values), at)


def value(findings, name):
    return findings.facts[name].value


def outcome(findings, name):
    return next(rule.outcome for rule in findings.rules if rule.id == name)
