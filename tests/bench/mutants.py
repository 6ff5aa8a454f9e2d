"""Deliberate mistakes: in the artefacts of profiles/ (thresholds, windows, units, operators, swaps) and in the code."""

from __future__ import annotations

import ast
import copy
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

ARTEFACTS = (("PlanDefinition", "lbp-lss"), ("Library", "lbp-lss-facts"))
ROOT = Path(__file__).resolve().parents[2]
SOURCES = [
    *sorted((ROOT / "fhir_svc" / "criteria").glob("*.py")),
    *(
        ROOT / "fhir_svc" / "orders" / name
        for name in ("safety.py", "controls.py", "candidates.py", "imaging.py", "repeats.py")
    ),
]
NOT_DECIDING = {  # words for people, and what a publisher says of the artefact: no rule reads them
    "title",
    "textEquivalent",
    "documentation",
    "description",
    "display",
    "text",
    "url",
    "publisher",
    "date",
    "experimental",
}
ORDERS = {"mri-l-wo": "mri-l-wwo", "mri-l-wwo": "mri-l-wo", "ctm-l": "mri-l-wo"}
LEVELS = {
    "EMERGENCY": "SAME_DAY",
    "SAME_DAY": "URGENT",
    "URGENT": "SOON",
    "SOON": "ROUTINE",
    "ROUTINE": "SOON",
    "SELF_CARE": "ROUTINE",
}
PRIORITIES = {"stat": "asap", "asap": "urgent", "urgent": "routine", "routine": "urgent"}
ANSWERS = {"yes": "no", "no": "yes", "none": "both", "both": "one", "one": "both"}
WORDS = {"least": "greatest", "greatest": "least"}
DURATIONS = {"min": "h", "h": "d", "d": "wk", "wk": "d", "mo": "a"}
OVERRULED = {  # R03 is an emergency only beside R01 or R02, and R23 is urgent only beside R07
    "R03.emergency": ("ed-referral", "mri-l-wwo", "mri-l-wo"),
    "R23.urgent": ("vasc-referral",),
}
OPERATORS = {"<=": "<", ">=": ">", "<": "<=", ">": ">=", "!=": "=", "=": "!=", " and ": " or ", " or ": " and "}
ALTERNATIVES = re.compile(r"\(('[^']*'(?: \| '[^']*')+)\)")
TOKEN = re.compile(r"<=|>=|!=|<|>|=| and | or |\.not\(\)|'[^']*'|(?<![\w`'.-])\d+(?:\.\d+)?(?![\w`'.-])|%`[^`]*`")


@dataclass(frozen=True)
class Mutant:
    """One mistake. `apply` gives the artefacts, or the source of `module`, with it; `about` is the rule or the fact."""

    name: str
    apply: Callable[[Any], Any]
    about: str = ""
    module: str = ""


def of_artefacts(artefacts: list[dict[str, Any]]) -> Iterator[Mutant]:
    """Every mistake in the plan, its Library and the definitions of its orders, messages and tasks."""
    for index, artefact in enumerate(artefacts):
        if artefact["resourceType"] == "ActivityDefinition" or (artefact["resourceType"], artefact["id"]) in ARTEFACTS:
            for path, was, becomes in _walk(artefact, ()):
                if _only_adds_days_of_the_window_before(artefact, path, was, becomes) or _overruled(artefact, path):
                    continue
                names = _names(artefact, path) or [artefact["id"]]
                place = " ".join([*names, ".".join(str(step) for step in path[-3:])])
                name = f"{artefact['resourceType']}: {place}: {_difference(str(was), str(becomes))}"
                yield Mutant(name, _replacing(index, path, becomes), names[0] if names else "")


def _only_adds_days_of_the_window_before(
    artefact: dict[str, Any], path: tuple[Any, ...], was: Any, becomes: Any
) -> bool:
    """Whether a later window begins earlier, among the days of the one before it.

    It is looked at only where the window before is empty, so that those days hold nothing.
    """
    if artefact["resourceType"] != "Library" or "valueDuration" not in path or becomes <= was:
        return False
    windows = [each for each in artefact["extension"][path[1]]["extension"] if each["url"] == "window"]
    here = artefact["extension"][path[1]]["extension"][path[3]]
    if here not in windows[1:] or _kind(artefact["extension"][path[1]]) != "highest":
        return False
    ends = {each["url"]: each.get("valueDuration") for each in windows[windows.index(here) - 1]["extension"]}
    return here["extension"][path[5]]["url"] == "since" and here["extension"][path[5]]["valueDuration"] == ends["until"]


def _overruled(artefact: dict[str, Any], path: tuple[Any, ...]) -> bool:
    """Whether it is the priority of an order that another rule wants at least as urgently whenever this one does."""
    place, branch = artefact, ""
    for step in path[:-1]:
        place = place[step]
        branch = place.get("id", branch) if isinstance(place, dict) else branch
    order = str(place.get("definitionCanonical", "")) if isinstance(place, dict) else ""
    return path[-1] == "priority" and order.rpartition("/")[2].partition("|")[0] in OVERRULED.get(branch, ())


def _kind(fact: dict[str, Any]) -> str:
    return next(str(each["valueCode"]) for each in fact["extension"] if each["url"] == "kind")


def _replacing(index: int, path: tuple[Any, ...], value: Any) -> Callable[[list[dict[str, Any]]], list[dict[str, Any]]]:
    def apply(artefacts: list[dict[str, Any]]) -> list[dict[str, Any]]:
        changed = list(artefacts)
        changed[index] = copy.deepcopy(artefacts[index])
        place: Any = changed[index]
        for step in path[:-1]:
            place = place[step]
        place[path[-1]] = value
        return changed

    return apply


def _difference(was: str, becomes: str) -> str:
    """Only what differs, with a little of what stands before it."""
    start = next((i for i, (one, other) in enumerate(zip(was, becomes, strict=False)) if one != other), 0)
    end = 0
    while end < min(len(was), len(becomes)) - start and was[-1 - end] == becomes[-1 - end]:
        end += 1
    before, after = was[max(0, start - 50) : start], was[len(was) - end :][:30]
    return f"...{before}[{was[start : len(was) - end]} -> {becomes[start : len(becomes) - end]}]{after}"


def _names(artefact: dict[str, Any], path: tuple[Any, ...]) -> list[str]:
    """The names of the rule or fact, and of what inside it, that a path leads to."""
    names, place = [], artefact
    for step in path:
        place = place[step]  # type: ignore[index]
        if isinstance(place, dict):
            named = place.get("id") or next(
                (e.get("valueCode") for e in place.get("extension", []) if e.get("url") == "name"), None
            )
            names += [str(named)] if named else []
    return names


def _walk(node: Any, path: tuple[Any, ...]) -> Iterator[tuple[tuple[Any, ...], Any, Any]]:
    if isinstance(node, dict):
        if str(node.get("url", "")).endswith("/StructureDefinition/example"):
            return
        if node.get("url") == "rank":  # of ranks the order alone counts: the mistake is to swap them
            yield (*path, "valueInteger"), node["valueInteger"], {1: 3, 2: 0}[node["valueInteger"]]
            return
        for key, value in node.items():
            no_time = key == "code" and node.get("value") == 0  # none of one unit is none of another
            if key not in NOT_DECIDING and not no_time:
                yield from _walk(value, (*path, key))
    elif isinstance(node, list):
        for index, value in enumerate(node):
            yield from _walk(value, (*path, index))
    else:
        for becomes in _mistakes(path, node):
            yield path, node, becomes


def _mistakes(path: tuple[Any, ...], value: Any) -> Iterator[Any]:
    if isinstance(value, bool):
        yield not value
    elif isinstance(value, int | Decimal):
        yield value + 1
        if value or path[-2] != "valueDuration":  # nothing is shorter than no time at all
            yield value - 1
    elif path[-1] == "expression":
        yield from _expressions(value)
    elif path[-2:] == ("valueDuration", "code"):
        yield from {DURATIONS[value]} - {value}
    elif isinstance(value, str):
        yield from _words(value)


def _words(value: str) -> Iterator[str]:
    for table in (LEVELS, PRIORITIES, WORDS):
        if value in table:
            yield table[value]
    head, _, tail = value.rpartition("/ActivityDefinition/")
    if head and tail in ORDERS:
        yield f"{head}/ActivityDefinition/{ORDERS[tail]}"


def _expressions(text: str) -> Iterator[str]:
    for found in TOKEN.finditer(text):
        token = found.group()
        for becomes in _tokens(token):
            yield text[: found.start()] + becomes + text[found.end() :]
    for found in ALTERNATIVES.finditer(text):
        words = found.group(1).split(" | ")
        for word in words:
            fewer = " | ".join(each for each in words if each != word)
            yield text[: found.start(1)] + fewer + text[found.end(1) :]


def _tokens(token: str) -> Iterator[str]:
    if token in OPERATORS:
        yield OPERATORS[token]
    elif token == ".not()":
        yield ""
    elif token[0] == "'" and token[1:-1] in ANSWERS:
        yield f"'{ANSWERS[token[1:-1]]}'"
    elif token[0].isdigit():
        number = Decimal(token)
        yield from (str(number + 1), str(number - 1))


class _Flip(ast.NodeTransformer):
    """Makes the n-th mistake in a module."""

    def __init__(self, number: int) -> None:
        self.left, self.name = number, ""

    def _here(self, node: ast.AST, name: str) -> bool:
        self.left -= 1
        if self.left == -1:
            self.name = f"line {getattr(node, 'lineno', '?')}: {name}"
        return self.left == -1

    def visit_Compare(self, node: ast.Compare) -> ast.AST:
        self.generic_visit(node)
        flips: dict[type[ast.cmpop], type[ast.cmpop]] = {
            ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq,
            ast.In: ast.NotIn, ast.NotIn: ast.In, ast.Is: ast.IsNot, ast.IsNot: ast.Is,
        }  # fmt: skip
        for index, operator in enumerate(node.ops):
            becomes = flips.get(type(operator))
            if becomes and self._here(node, f"{type(operator).__name__} -> {becomes.__name__}"):
                node.ops[index] = becomes()
        return node

    def visit_BoolOp(self, node: ast.BoolOp) -> ast.AST:
        self.generic_visit(node)
        if self._here(node, f"{type(node.op).__name__} flipped"):
            node.op = ast.Or() if isinstance(node.op, ast.And) else ast.And()
        return node

    def visit_UnaryOp(self, node: ast.UnaryOp) -> ast.AST:
        self.generic_visit(node)
        if isinstance(node.op, ast.Not) and self._here(node, "not dropped"):
            return node.operand
        return node

    def visit_Call(self, node: ast.Call) -> ast.AST:
        """A cache of another size decides nothing else."""
        return node if isinstance(node.func, ast.Name) and node.func.id == "lru_cache" else self.generic_visit(node)

    def visit_Constant(self, node: ast.Constant) -> ast.AST:
        if isinstance(node.value, int) and not isinstance(node.value, bool) and self._here(node, f"{node.value} + 1"):
            return ast.copy_location(ast.Constant(node.value + 1), node)
        return node


def of_source(path: Path) -> Iterator[Mutant]:
    """Every mistake in a module; `apply` gives its source with it."""
    source = path.read_text(encoding="utf-8")
    module = ".".join(path.relative_to(ROOT).with_suffix("").parts)
    for number in count():
        flip = _Flip(number)
        flip.visit(ast.parse(source))
        if not flip.name:
            return
        yield Mutant(f"{path.relative_to(ROOT)} {flip.name}", partial(_flipped, source, number), module=module)


def _flipped(source: str, number: int, _: Any) -> str:
    return ast.unparse(ast.fix_missing_locations(_Flip(number).visit(ast.parse(source))))
