"""PURE: whether an item of a Questionnaire was to be answered, going by the other answers (`enableWhen`)."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

Json = Mapping[str, Any]
Answered = Mapping[str, list[Any]]

COMPARISONS: Mapping[str, Callable[[Any, Any], bool]] = {
    ">": operator.gt,
    "<": operator.lt,
    ">=": operator.ge,
    "<=": operator.le,
}


def answers_of(response: Json) -> dict[str, list[Any]]:
    """The values given to each linkId, wherever the item stands."""
    found: dict[str, list[Any]] = {}
    stack: list[Any] = [response]
    while stack:
        node = stack.pop()
        children = [*_list(node, "item"), *_list(node, "answer")]
        stack += children
        name = node.get("linkId")
        if isinstance(name, str):
            values = found.setdefault(name, [])
            values += [value for answer in _list(node, "answer") for key, value in answer.items() if key[:5] == "value"]
    return found


def _list(node: Json, name: str) -> list[Json]:
    value = node.get(name)
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def is_enabled(asked: Json, answered: Answered) -> bool:
    """Whether the item's own `enableWhen` is met; an item without any is always enabled."""
    conditions = _list(asked, "enableWhen")
    if not conditions:
        return True
    met = [_is_met(condition, answered) for condition in conditions]
    return all(met) if asked.get("enableBehavior") == "all" else any(met)


def _is_met(condition: Json, answered: Answered) -> bool:
    values = answered.get(str(condition.get("question")), [])
    wanted = next((value for name, value in condition.items() if name.startswith("answer")), None)
    how = str(condition.get("operator"))
    if how == "exists":
        return bool(values) is wanted
    if how == "=":
        return any(equal(value, wanted) for value in values)
    if how == "!=":
        return any(not equal(value, wanted) for value in values)
    return any(_compares(COMPARISONS[how], value, wanted) for value in values)


def equal(one: Any, other: Any) -> bool:
    """Codings are equal by system and code, quantities also by value, all else by value and kind."""
    if isinstance(one, dict) and isinstance(other, dict):
        return all(one.get(name) == other.get(name) for name in ("system", "code", "value"))
    return type(one) is type(other) and bool(one == other)


def _compares(compare: Callable[[Any, Any], bool], one: Any, other: Any) -> bool:
    if isinstance(one, dict) and isinstance(other, dict):
        same_unit = one.get("system") == other.get("system") and one.get("code") == other.get("code")
        return same_unit and _compares(compare, one.get("value"), other.get("value"))
    numbers = isinstance(one, int | Decimal) and isinstance(other, int | Decimal)
    return (numbers or (isinstance(one, str) and isinstance(other, str))) and compare(one, other)
