"""Fills in a Questionnaire of ours the way an EHR's form would: answers by linkId, shaped as the Questionnaire says."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

Answer = str | int | Decimal | tuple[str, str]


def questionnaire(profiles: Path, name: str) -> dict[str, Any]:
    """The Questionnaire `name` of the knowledge artefacts."""
    found: dict[str, Any] = json.loads((profiles / "Questionnaire" / f"{name}.json").read_text(encoding="utf-8"))
    return found


def fill_in(form: Mapping[str, Any], subject: str, authored: datetime, answers: Mapping[str, Answer]) -> dict[str, Any]:
    """A completed QuestionnaireResponse.

    A choice is given by its code or its display ("yes"), a Quantity as (value, UCUM unit), anything else as the number.
    A linkId that the form does not have raises KeyError.
    """
    left = dict(answers)
    items = list(_items(form["item"], left))
    if left:
        raise KeyError(", ".join(left))
    return {
        "resourceType": "QuestionnaireResponse",
        "questionnaire": f"{form['url']}|{form['version']}",
        "status": "completed",
        "subject": {"reference": subject},
        "authored": authored.isoformat(timespec="seconds"),
        "item": items,
    }


def _items(items: list[dict[str, Any]], answers: dict[str, Answer]) -> Iterator[dict[str, Any]]:
    for item in items:
        if item["type"] == "group":
            inside = list(_items(item["item"], answers))
            if inside:
                yield {"linkId": item["linkId"], "item": inside}
        elif item["linkId"] in answers:
            yield {"linkId": item["linkId"], "answer": [_value(item, answers.pop(item["linkId"]))]}


def _value(item: Mapping[str, Any], answer: Answer) -> dict[str, Any]:
    match item["type"]:
        case "choice":
            codings = [option["valueCoding"] for option in item["answerOption"]]
            return {"valueCoding": next(c for c in codings if answer in {c["code"], c.get("display", "").lower()})}
        case "quantity" if isinstance(answer, tuple):
            value, unit = answer
            system = "http://unitsofmeasure.org"
            return {"valueQuantity": {"value": _number(value), "unit": unit, "system": system, "code": unit}}
        case "integer":
            return {"valueInteger": answer}
        case "decimal":
            return {"valueDecimal": _number(answer)}
        case other:
            raise TypeError(other)


def _number(value: object) -> int | float:
    number = Decimal(str(value))
    return int(number) if number == number.to_integral_value() else float(number)
