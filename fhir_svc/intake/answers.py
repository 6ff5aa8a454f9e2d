"""PURE: a QuestionnaireResponse against the Questionnaire it names.

A skipped item is legal and means unknown. An answer to an item that was not enabled is a warning and no more: refusing
it could hide a red flag. Everything else that the form does not foresee is refused, with its exact place.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from fhir_svc.errors import Issue
from fhir_svc.intake import enabling
from fhir_svc.intake.faults import Fault, Faults

Json = Mapping[str, Any]

VALUES: Mapping[str, tuple[str, ...]] = {
    "boolean": ("valueBoolean",),
    "decimal": ("valueDecimal",),
    "integer": ("valueInteger",),
    "date": ("valueDate",),
    "dateTime": ("valueDateTime",),
    "time": ("valueTime",),
    "string": ("valueString",),
    "text": ("valueString",),
    "url": ("valueUri",),
    "choice": ("valueCoding",),
    "open-choice": ("valueCoding", "valueString"),
    "attachment": ("valueAttachment",),
    "reference": ("valueReference",),
    "quantity": ("valueQuantity",),
}
OPTION_VALUES = ("valueCoding", "valueInteger", "valueString", "valueDate", "valueTime")


def check(response: Json, questionnaire: Json) -> list[Issue]:
    """Everything in `response` that `questionnaire` does not foresee; warnings have severity `warning`."""
    faults = Faults()
    compare(response, questionnaire, "QuestionnaireResponse", faults)
    return faults.issues


def check_named(response: Json, questionnaires: Mapping[str, Json], path: str, faults: Faults) -> None:
    """Compare a response, which stands at `path`, with the one of `questionnaires` (`url|version`) that it names."""
    named = response.get("questionnaire")
    if not isinstance(named, str):
        text = f"Name the Questionnaire with its version; known: {_known(questionnaires)}."
        faults.add(Fault.QUESTIONNAIRE_MISSING, text, f"{path}.questionnaire")
    elif named not in questionnaires:
        text = f"Name a Questionnaire that we know, with its version: {_known(questionnaires)}."
        faults.add(Fault.QUESTIONNAIRE_UNKNOWN, text, f"{path}.questionnaire")
    else:
        compare(response, questionnaires[named], path, faults)


def compare(response: Json, questionnaire: Json, path: str, faults: Faults) -> None:
    """Compare a response, which stands at `path`, with its Questionnaire."""
    form = _Form(questionnaire, enabling.answers_of(response), faults)
    form.children(response, questionnaire, path)


def _known(questionnaires: Mapping[str, Json]) -> str:
    return ", ".join(sorted(questionnaires)) or "none"


def _items(parent: Json) -> list[Json]:
    items = parent.get("item")
    return [item for item in items if isinstance(item, dict)] if isinstance(items, list) else []


def link_ids(parent: Json) -> Iterator[str]:
    """Every linkId of a Questionnaire or of one of its items."""
    for item in _items(parent):
        yield str(item.get("linkId"))
        yield from link_ids(item)


class _Form:
    """One comparison: the Questionnaire, what was answered where, and the faults found so far."""

    def __init__(self, questionnaire: Json, answered: enabling.Answered, faults: Faults) -> None:
        self._link_ids = frozenset(link_ids(questionnaire))
        self._answered = answered
        self._faults = faults

    def children(self, given: Json, asked: Json, path: str) -> None:
        """Compare the items of a response, item or answer with those that are asked there."""
        expected = {str(item.get("linkId")): item for item in _items(asked)}
        seen: dict[str, int] = {}
        for index, item in enumerate(_items(given)):
            if self._faults.full:
                return
            where = f"{path}.item[{index}]"
            name = item.get("linkId")
            if not isinstance(name, str):
                self._faults.add(Fault.LINK_ID_MISSING, "Give every item its linkId.", f"{where}.linkId")
            elif name not in expected:
                self._misplaced(name, where)
            else:
                self._repeated(name, expected[name], seen, index, path)
                self._item(item, expected[name], where)

    def _misplaced(self, name: str, where: str) -> None:
        if name in self._link_ids:
            text = "Put this item where the Questionnaire has it: a question stands directly in its group."
            self._faults.add(Fault.ITEM_NESTING, text, f"{where}.linkId")
        else:
            text = "Use a linkId of the Questionnaire, exactly as written there."
            self._faults.add(Fault.LINK_ID_UNKNOWN, text, f"{where}.linkId")

    def _repeated(self, name: str, asked: Json, seen: dict[str, int], index: int, path: str) -> None:
        first = seen.setdefault(name, index)
        if first != index and not (asked.get("type") == "group" and asked.get("repeats") is True):
            text = f"Give each linkId once; item[{first}] and item[{index}] have the same."
            self._faults.add(Fault.LINK_ID_REPEATED, text, f"{path}.item[{index}].linkId")

    def _item(self, item: Json, asked: Json, where: str) -> None:
        answers = item.get("answer")
        answers = answers if isinstance(answers, list) else []
        if asked.get("type") in {"group", "display"}:
            if answers:
                text = "Put no answer here: this item is no question."
                self._faults.add(Fault.ANSWER_NOT_ALLOWED, text, f"{where}.answer[0]")
            self.children(item, asked, where)
            return
        if _items(item):
            text = "Put items that belong to a question into its answer."
            self._faults.add(Fault.ITEM_NESTING, text, f"{where}.item[0]")
        if len(answers) > 1 and asked.get("repeats") is not True:
            text = "Give one answer; this question takes no more."
            self._faults.add(Fault.ANSWER_REPEATED, text, f"{where}.answer[1]")
        for index, answer in enumerate(answers):
            if isinstance(answer, dict):
                self._answer(answer, asked, f"{where}.answer[{index}]")
                self.children(answer, asked, f"{where}.answer[{index}]")
        if answers and not enabling.is_enabled(asked, self._answered):
            text = "This question was not asked, going by the other answers; its answer is kept and counts."
            self._faults.add(Fault.ANSWER_DISABLED, text, where)

    def _answer(self, answer: Json, asked: Json, where: str) -> None:
        """Refuse a value of another type than asked, or none of the options; no value at all means unknown."""
        names = [name for name in answer if name.startswith(("value", "_value"))]
        allowed = VALUES.get(str(asked.get("type")), ())
        if any(name.removeprefix("_") not in allowed for name in names):
            text = f"Answer with {' or '.join(allowed) or 'nothing'}."
            self._faults.add(Fault.ANSWER_TYPE, text, where)
            return
        options = asked.get("answerOption")
        given = next((name for name in names if name in OPTION_VALUES), None)
        if not isinstance(options, list) or given is None:
            return
        if asked.get("type") == "open-choice" and given == "valueString":
            return
        if not any(enabling.equal(answer[given], option.get(given)) for option in options):
            text = "Answer with one of the Questionnaire's options, system and code exactly as there."
            self._faults.add(Fault.ANSWER_NOT_AN_OPTION, text, f"{where}.{given}")
