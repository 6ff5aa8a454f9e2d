"""Each rule as a clinician reads it, made from its artefact alone: what it asks, of which data, what it then does.

Nothing here is written by hand for a rule. Where an artefact changes, these words change with it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from fhir_svc.criteria.declarations import Declaration, Declarations, Parameter, Range, Window
from fhir_svc.criteria.examples import Examples, examples
from fhir_svc.criteria.moments import Span
from fhir_svc.criteria.plan import Action, Rule, message_reason, order_key
from fhir_svc.knowledge import Knowledge, Pathway
from fhir_svc.web.examples_in_words import in_words
from fhir_svc.web.wording import Wording

APPROVAL: Final = {
    "title": "No clinician has approved these criteria",
    "text": "Every threshold needs the sign-off of a licensed clinician before use on people. The words below are "
    "generated from the artefacts that the software runs; nothing is written by hand.",
}
UNKNOWN: Final = {
    "title": "What unknown does, in every rule",
    "text": "Each fact is true, false or unknown. “A or B” is true if either is true, else unknown if either is "
    "unknown. “A and B” is false if either is false, else unknown if either is unknown. A rule acts only when its "
    "condition is true. If it comes out unknown the rule is “cannot tell”: it is neither met nor cleared, and what is "
    "missing is named.",
}
GRADES: Final = "evidence-grade"
NAME: Final = re.compile(r"%`([^`]+)`")
OPTIONS: Final = re.compile(r"%`([^`]+)` in \(([^()]*)\)")
EQUALS: Final = re.compile(r"%`([^`]+)` (=|!=) '([^']*)'")
NEGATED: Final = re.compile(r"%`([^`]+)`\.not\(\)")
SIGNS: Final = {"<=": "is at most", ">=": "is at least", "<": "is below", ">": "is above", "=": "is", "!=": "is not"}
PLAIN: Final = {"?": "not answered", "true": "yes", "false": "no"}
COMPARED: Final = re.compile(r"(?<=\S) (<=|>=|!=|<|>|=) (?=\S)")


@dataclass(frozen=True, slots=True)
class Step:
    """One thing a rule does: under which further condition ('' for none), with which text, and what."""

    text: str
    when: str
    does: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Meaning:
    """A fact that a rule reads: where it comes from, over which window, with what minimum; or what it stands for."""

    title: str
    means: str
    details: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class InWords:
    """A rule in plain words."""

    id: str
    title: str
    text: str
    level: str
    grade: str
    citation: str
    red_flag: bool
    condition: str
    steps: tuple[Step, ...]
    meanings: tuple[Meaning, ...]
    examples: tuple[str, ...]


def rules(knowledge: Knowledge, pathway: Pathway, words: Wording) -> list[InWords]:
    """Every rule of a pathway, in its order."""
    shown = examples(knowledge, pathway.plan.id)
    return [_rule(rule, shown[rule.id], pathway.declarations, knowledge, words) for rule in pathway.plan.rules]


def settings(pathway: Pathway) -> list[tuple[str, str, str]]:
    """What a site may set: (title, default, range)."""
    return [(each.title, _default(each), _limits(each)) for each in pathway.declarations.parameters.values()]


def said(expression: str, words: Wording) -> str:
    """A FHIRPath condition in plain words; names become the titles of their facts, in quotation marks."""

    def options(found: re.Match[str]) -> str:
        listed = [part.strip().strip("'") for part in found[2].split("|")]
        return f"“{words.fact(found[1])}” is one of ({', '.join(words.answer(found[1], each) for each in listed)})"

    def equals(found: re.Match[str]) -> str:
        verb = "is" if found[2] == "=" else "is not"
        return f"“{words.fact(found[1])}” {verb} {words.answer(found[1], found[3])}"

    text = OPTIONS.sub(options, expression)
    text = EQUALS.sub(equals, text)
    text = _negations(text)
    text = NEGATED.sub(lambda found: f"not “{words.fact(found[1])}”", text)
    text = NAME.sub(lambda found: f"“{words.fact(found[1])}”", text)
    return COMPARED.sub(lambda found: f" {SIGNS[found[1]]} ", text)


def _negations(text: str) -> str:
    """`(...).not()` as `not (...)`."""
    while (end := text.find(").not()")) >= 0:
        depth = 0
        for start in range(end, -1, -1):
            depth += {")": 1, "(": -1}.get(text[start], 0)
            if depth == 0:
                break
        text = f"{text[:start]}not {text[start : end + 1]}{text[end + len(').not()') :]}"
    return text


def _rule(rule: Rule, shown: Examples, declared: Declarations, knowledge: Knowledge, words: Wording) -> InWords:
    action = rule.action
    expressions = [each.condition for each in action.everything() if each.condition is not None]
    names = dict.fromkeys(name for each in expressions for name in each.names)
    return InWords(
        id=rule.id,
        title=action.title,
        text=action.text,
        level=words.concept("triage-level", action.level) if action.level else "",
        grade=rule.grade,
        citation=rule.citation,
        red_flag=rule.red_flag,
        condition=_condition(action, declared, words),
        steps=tuple(_steps(action, knowledge, words)),
        meanings=tuple(_meanings(names, declared, words)),
        examples=tuple(in_words(shown, declared, words)),
    )


def _condition(action: Action, declared: Declarations, words: Wording) -> str:
    """The condition; where that is a single fact, what the fact stands for."""
    if action.condition is None:
        return ""
    alone = NAME.fullmatch(action.condition.text.strip())
    found = declared.facts.get(alone[1]) if alone else None
    return said((found.expression if found and found.expression else action.condition).text, words)


def _steps(action: Action, knowledge: Knowledge, words: Wording, *, top: bool = True) -> Iterator[Step]:
    """What an action does, together with the actions below it that have no condition; then those that have one."""
    does = list(_does(action, knowledge, words))
    conditional = []
    for each in action.actions:
        if each.condition is None and not each.actions:
            does += _does(each, knowledge, words)
        else:
            conditional.append(each)
    if does:
        when = "" if top or action.condition is None else said(action.condition.text, words)
        yield Step("" if top else action.text, when, tuple(does))
    for each in conditional:
        yield from _steps(each, knowledge, words, top=False)


def _does(action: Action, knowledge: Knowledge, words: Wording) -> Iterator[str]:
    if action.level:
        yield f"level {words.concept('triage-level', action.level)}"
    if action.order and (key := order_key(action.order) or action.order):
        drafted = knowledge.find("ActivityDefinition", key.lower().replace("_", "-")) or {}
        yield f"drafts: {drafted.get('title', key)}" + (f", {action.priority}" if action.priority else "")
    if action.message and (reason := message_reason(action.message) or action.message):
        sent = knowledge.find("ActivityDefinition", f"message-{reason.lower().replace('_', '-')}") or {}
        yield f"sends: {sent.get('title', reason)}"
    if action.review:
        yield "asks for a review by a physician"
    for flag in action.flags:
        yield f"flag: {words.concept('review-flag', flag)}"
    if action.control is not None:
        yield f"safety control: {action.control.effect}" + (
            f", until cleared: {words.concept('blocker', action.control.blocker)}" if action.control.blocker else ""
        )


def _meanings(names: Sequence[str] | dict[str, None], declared: Declarations, words: Wording) -> Iterator[Meaning]:
    """The facts read, each before those it stands for; every fact once."""
    waiting, seen = list(names), set()
    while waiting:
        name = waiting.pop(0)
        found = declared.facts.get(name)
        if name in seen or found is None:
            continue
        seen.add(name)
        inner = [*(found.expression.names if found.expression else ()), *found.of]
        inner += [each for item in found.items if item.expression for each in item.expression.names]
        waiting = [*inner, *waiting]
        means = said(found.expression.text, words) if found.expression else ""
        yield Meaning(words.fact(name), means, tuple(_details(found, words)))


def _details(found: Declaration, words: Wording) -> Iterator[str]:
    asked = words.question(found.name)
    if found.form and asked != words.fact(found.name):
        yield f"asked: {asked}"
    if found.of and not found.expression:
        values = ", ".join(PLAIN.get(value) or words.answer(found.of[0], value) for value in found.values)
        yield f"read from {', '.join(f'“{words.fact(name)}”' for name in found.of)}" + (f": {values}" if values else "")
    if found.codes:
        listed = dict.fromkeys(code.display or code.code for code in found.codes)
        yield f"from: {', '.join(listed)}"
    for window in found.windows:
        yield _window(window)
    if found.plausible:
        yield f"usable {_range(found.plausible)} {words.unit(found.unit or '')}".strip()
    elif found.unit:
        yield f"in {words.unit(found.unit)}"
    for item in found.items:
        if item.expression:
            yield f"{_number(item.points)} if {said(item.expression.text, words)}"


def _window(window: Window) -> str:
    since = f"last {_span(window.since)}" if window.since else "at any time"
    until = f", up to {_span(window.until)} ago" if window.until != Span() else ""
    minimum = f", at least {window.minimum} values" if window.minimum > 1 else ""
    return f"{since}{until}{minimum}"


def _span(span: Span) -> str:
    parts = ((span.months, "month"), (span.days, "day"), (span.hours, "hour"))
    return " ".join(f"{count} {name}{'s' if count > 1 else ''}" for count, name in parts if count) or "0 days"


def _range(found: Range) -> str:
    return f"from {_number(found.low)} to {_number(found.high)}"


def _number(value: object) -> str:
    return f"{float(str(value)):g}" if "/" not in str(value) else str(value)


def _default(parameter: Parameter) -> str:
    if isinstance(parameter.default, bool):
        return "yes" if parameter.default else "no"
    return _number(parameter.default)


def _limits(parameter: Parameter) -> str:
    if parameter.low is None or parameter.high is None:
        return "yes or no"
    return f"{_number(parameter.low)} to {_number(parameter.high)}"
