"""`criteria show`: a clinician reads every rule from its artefact, and that nobody has approved it."""

from fractions import Fraction

import pytest

from fhir_svc.artefacts import load_artefacts
from fhir_svc.criteria.examples import examples
from fhir_svc.criteria.reach import Search
from fhir_svc.criteria.review import space_of
from fhir_svc.knowledge import Knowledge
from tests.cli.conftest import PROFILES

KNOWLEDGE = Knowledge(load_artefacts(PROFILES))
PATHWAY = KNOWLEDGE.pathway("lbp-lss")


def test_every_rule_is_shown_with_evidence_citation_and_examples(console):
    shown = console.say("criteria", "show")
    assert "NO CLINICIAN HAS APPROVED THESE CRITERIA" in shown
    assert "version 1.0.0" in shown
    for rule in PATHWAY.plan.rules:
        assert f"\n{rule.id}  {rule.action.title}" in shown
        assert rule.citation in shown
    assert shown.count("  met when: ") == shown.count("  evidence: ") == len(PATHWAY.plan.rules)
    assert "%`" not in shown


def test_one_rule_is_shown_with_its_window_unit_and_threshold(console):
    shown = console.say("criteria", "show", "R03")
    assert "above 38" in shown
    assert "last 72 hours" in shown
    assert "°C" in shown
    assert "R04  " not in shown


def test_a_changed_artefact_is_shown_changed(console, profiles):
    library = profiles / "Library" / "lbp-lss-facts.json"
    library.write_text(library.read_text().replace("%`temperature-highest` > 38.0", "%`temperature-highest` > 38.5"))
    assert "38.5" in console.say("criteria", "show", "R03", "--profiles", str(profiles))


def test_a_rule_that_does_not_exist_is_said_so(console):
    result = console.type("criteria", "show", "R99")
    assert (result.exit_code, "no such rule" in result.output) == (1, True)


@pytest.mark.parametrize("rule", PATHWAY.plan.rules, ids=lambda rule: rule.id)
def test_the_examples_of_a_rule_do_what_they_say_and_need_every_fact(rule):
    shown, space = examples(KNOWLEDGE, "lbp-lss")[rule.id], space_of(KNOWLEDGE, "lbp-lss")
    space.summaries = True
    defaults = {name: one.default for name, one in PATHWAY.declarations.parameters.items()}
    for given, truth in ((shown.met, True), (shown.not_met, False)):
        assert given
        assert rule.condition.truth(Search(space, defaults | given).value) is truth
        for name in given.keys() - defaults.keys():
            fewer = {each: value for each, value in (defaults | given).items() if each != name}
            assert rule.condition.truth(Search(space, fewer).value) is not truth


@pytest.mark.parametrize(
    ("given", "fact", "worth"),
    [
        ({"ctx-back-pain": "no"}, "back-pain-denied", True),
        ({"ctx-back-pain": "yes"}, "back-pain-denied", False),
        ({"ctx-back-pain": None}, "back-pain-denied", False),
        ({}, "back-pain-denied", None),
        ({"hx-pt-weeks": None}, "physiotherapy-weeks-unknown", True),
        ({"hx-pt-weeks": Fraction(6)}, "physiotherapy-weeks-unknown", False),
        ({}, "physiotherapy-weeks-unknown", None),
        ({"egfr": Fraction(60)}, "egfr-known", True),
        ({"egfr": None}, "egfr-known", False),
        ({"hx-anticoagulant": "no", "hx-contrast-allergy": None}, "myelogram-risk-unknown", True),
        ({"hx-anticoagulant": "no"}, "myelogram-risk-unknown", None),
        ({"intake-stale": True}, "intake-out-of-date", None),
        ({"intake-stale": False}, "intake-out-of-date", False),
    ],
)
def test_a_fact_about_facts_is_worth_in_an_example_what_it_is_for_a_patient(given, fact, worth):
    assert Search(space_of(KNOWLEDGE, "lbp-lss"), given).value(fact) is worth


def test_examples_are_looked_for_at_a_threshold_and_just_beside_it():
    space = space_of(KNOWLEDGE, "lbp-lss")
    tried = {Fraction(each) for each in ("0.8", "0.9", "0.95", "1", "1.1", "0", "4")}
    assert set(space.domain("abi-lowest")) == {*tried, None}
    assert set(space.domain("hx-pt-weeks")) == {5, 6, 7, 0, 5200, None}
    assert set(space.domain("contrast-for-infection-and-cancer")) == {True, False}


def test_an_example_names_answers_and_any_red_flag_as_one_thing():
    shown = examples(KNOWLEDGE, "lbp-lss")
    assert set(shown["R06"].met) == {"rf-numbness-spread"}
    assert set(shown["R09"].not_met) == {"red-flag-open"}
