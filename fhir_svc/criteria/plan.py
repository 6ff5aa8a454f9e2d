"""PURE: what a PlanDefinition says: its rules, each with branches, orders, messages, flags, levels and controls.

A top action is a rule. Its condition says whether it is met; nested actions are what it does then, each with a
condition of its own where it has one. Where the group says `at-most-one`, the first branch that is true is taken. An
`aside` acts whether or not the rule is met and never makes it so: it explains why nothing was done, or asks. Of a
`standing` branch only the patient's level counts: its work was asked for before. The text of a `note` goes on the
rule's orders, or to a review where it has none.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from fhir_svc.criteria.declarations import BASE, FHIRPATH
from fhir_svc.criteria.expressions import Expression
from fhir_svc.criteria.syntax import compiled
from fhir_svc.errors import Broken
from fhir_svc.record import Json

LEVELS = ("EMERGENCY", "SAME_DAY", "URGENT", "SOON", "ROUTINE", "SELF_CARE")
PRIORITIES = ("stat", "asap", "urgent", "routine")
EXTENSION = f"{BASE}/StructureDefinition/"
ORDERS = f"{BASE}/ActivityDefinition/"
MESSAGE = "message-"
ACTION_WORDS = frozenset(
    {"level", "flag", "review", "aside", "standing", "note", "red-flag", "data-required", "control"}
)


@dataclass(frozen=True, slots=True)
class Reason:
    """A reason code of the orders, given where its condition is true."""

    concept: Mapping[str, Any]
    when: Expression | None


@dataclass(frozen=True, slots=True)
class ControlAction:
    """What a safety control does to drafts; see `findings.Control`."""

    effect: str
    orders: frozenset[str]
    replacement: str | None
    consult: bool
    blocker: str | None


@dataclass(frozen=True, slots=True)
class Action:
    """One action, top or nested."""

    id: str
    title: str
    text: str
    condition: Expression | None
    priority: str
    level: str | None
    flags: tuple[str, ...]
    order: str | None
    message: str | None
    link: str | None
    review: bool
    aside: bool
    standing: bool
    note: bool
    control: ControlAction | None
    reasons: tuple[Reason, ...]
    first_only: bool
    actions: tuple[Action, ...]

    def everything(self) -> Iterator[Action]:
        """This action and all below it, in order."""
        yield self
        for action in self.actions:
            yield from action.everything()


@dataclass(frozen=True, slots=True)
class Rule:
    """A top action with what only rules have."""

    action: Action
    citation: str
    grade: str
    red_flag: bool
    data_required: bool

    @property
    def id(self) -> str:
        """R01 and so on."""
        return self.action.id

    @property
    def condition(self) -> Expression:
        """What makes the rule met; a plan with a rule without one is refused at load."""
        assert self.action.condition is not None  # noqa: S101 - refused at load
        return self.action.condition


@dataclass(frozen=True, slots=True)
class Plan:
    """The rules of a PlanDefinition in its order, and the Library they read."""

    id: str
    canonical: str
    library: str
    rules: tuple[Rule, ...]


def read_plan(artefact: Json) -> Plan:
    """The rules of a PlanDefinition; Broken where one lacks what a rule needs."""
    libraries = artefact.get("library", ())
    if len(libraries) != 1:
        raise Broken(f"PlanDefinition {artefact['id']} names one library")
    rules = tuple(_rule(action) for action in artefact.get("action", ()))
    if len({rule.id for rule in rules}) != len(rules):
        raise Broken(f"PlanDefinition {artefact['id']} has two rules with one id")
    return Plan(artefact["id"], f"{artefact['url']}|{artefact['version']}", libraries[0], rules)


def order_key(canonical: str) -> str | None:
    """The order key of an ActivityDefinition's canonical; None for one of a message."""
    name = canonical.partition("|")[0].removeprefix(ORDERS)
    return None if name.startswith(MESSAGE) else name.upper().replace("-", "_")


def message_reason(canonical: str) -> str | None:
    """The message reason of an ActivityDefinition's canonical; None for one of an order."""
    name = canonical.partition("|")[0].removeprefix(ORDERS)
    return name.removeprefix(MESSAGE).upper().replace("-", "_") if name.startswith(MESSAGE) else None


def _rule(action: Json) -> Rule:
    read = _action(action)
    if not read.id or read.condition is None or not read.title or not read.text:
        raise Broken(f"a rule has id, title, textEquivalent and condition: {read.id}")
    citations = [entry["citation"] for entry in action.get("documentation", ()) if "citation" in entry]
    return Rule(
        action=read,
        citation=" ".join(citations),
        grade=", ".join(_grades(action)),
        red_flag=bool(_extension(action, "red-flag")),
        data_required=bool(_extension(action, "data-required")),
    )


def _grades(action: Json) -> Iterator[str]:
    for extension in action.get("extension", ()):
        if extension["url"].endswith("cqf-strengthOfRecommendation"):
            yield extension["valueCodeableConcept"]["text"]


def _action(action: Json) -> Action:
    canonical = action.get("definitionCanonical", "")
    return Action(
        id=action.get("id", ""),
        title=action.get("title", ""),
        text=action.get("textEquivalent", ""),
        condition=_condition(action),
        priority=_one_of(action.get("priority", "routine"), PRIORITIES),
        level=_level(action),
        flags=tuple(_extensions(action, "flag")),
        order=order_key(canonical) if canonical else None,
        message=message_reason(canonical) if canonical else None,
        link=canonical or None,
        review=bool(_extension(action, "review")),
        aside=bool(_extension(action, "aside")),
        standing=bool(_extension(action, "standing")),
        note=bool(_extension(action, "note")),
        control=_control(action),
        reasons=tuple(_reason(reason) for reason in action.get("reason", ())),
        first_only=action.get("selectionBehavior") == "at-most-one",
        actions=tuple(_action(inner) for inner in action.get("action", ())),
    )


def _level(action: Json) -> str | None:
    level = _extension(action, "level")
    return None if level is None else _one_of(level, LEVELS)


def _one_of(value: str, allowed: tuple[str, ...]) -> str:
    if value not in allowed:
        raise Broken(f"an action says {value}, which is none of {', '.join(allowed)}")
    return value


def _condition(action: Json) -> Expression | None:
    conditions = action.get("condition", ())
    if len(conditions) > 1:
        raise Broken(f"an action has one condition: {action.get('id')}")
    return _compiled(conditions[0]["expression"]) if conditions else None


def _compiled(expression: Json) -> Expression:
    if expression.get("language") != FHIRPATH:
        raise Broken(f"expressions are in {FHIRPATH}")
    return compiled(expression["expression"])


def _extensions(element: Json, name: str) -> Iterator[Any]:
    for extension in element.get("extension", ()):
        url = extension["url"]
        if url.startswith(EXTENSION) and url.removeprefix(EXTENSION) not in ACTION_WORDS | {"applies-when"}:
            raise Broken(f"actions have no extension {url}")
        if url == EXTENSION + name:
            yield extension.get("extension") or next(v for k, v in extension.items() if k.startswith("value"))


def _extension(element: Json, name: str) -> Any:
    return next(_extensions(element, name), None)


def _reason(reason: Json) -> Reason:
    when = _extension(reason, "applies-when")
    concept = {key: value for key, value in reason.items() if key != "extension"}
    return Reason(concept, None if when is None else _compiled(when))


def _control(action: Json) -> ControlAction | None:
    words = _extension(action, "control")
    if words is None:
        return None
    found: dict[str, list[Any]] = {}
    for word in words:
        found.setdefault(word["url"], []).append(next(v for k, v in word.items() if k.startswith("value")))
    return ControlAction(
        effect=found["effect"][0],
        orders=frozenset(found.get("order", ())),
        replacement=found.get("replacement", [None])[0],
        consult=found.get("consult", [False])[0],
        blocker=found.get("blocker", [None])[0],
    )
