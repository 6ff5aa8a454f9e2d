"""Requests that nobody means: every route, caller, header and body drawn at random, most of them nearly right."""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import quote, urlencode

from hypothesis import strategies as st

from tests.web import seeds
from tests.web.cast import FHIR, MRN

FORM = "application/x-www-form-urlencoded"
TAKING = frozenset({"/fhir", "/fhir/$submit", "/fhir/<kind>", "/fhir/<kind>/<resource_id>"})
METHODS = ["GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS", "PATCH"]
CALLERS = ["north-ehr", "north-reader", "south-ehr", "alice", "bob", "ada", "charlie", "", "nobody"]
PEOPLE = frozenset({"alice", "bob", "ada", "charlie"})
PAGES = re.compile(r"/(login|logout|inbox|queue|criteria|static)(/|$)")


@dataclass(frozen=True)
class Ask:
    """One request; `{...}` in address and body stands for what only the house at hand knows."""

    method: str
    path: str
    query: tuple[tuple[str, str], ...] = ()
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes | None = None
    caller: str = ""
    rule: str = ""

    @property
    def page(self) -> bool:
        return bool(PAGES.match(self.path))

    def told(self, known: dict[str, str]) -> Ask:
        """With every name filled in."""
        path, body = self.path, self.body
        for name, value in known.items():
            path = path.replace(name, quote(value))
            body = body and body.replace(name.encode(), value.encode())
        return replace(self, path=path, body=body)

    @property
    def address(self) -> str:
        return self.path + ("?" + urlencode(self.query, errors="replace") if self.query else "")


@dataclass(frozen=True)
class Answer:
    status: int
    kind: str  # its media type
    body: bytes

    @classmethod
    def of(cls, status: int, headers: Mapping[str, str], body: bytes) -> Answer:
        """As it was meant, also where it came packed."""
        packed = headers.get("Content-Encoding") == "gzip" and body
        return cls(status, headers.get("Content-Type") or "", gzip.decompress(body) if packed else body)


def fault(ask: Ask, answer: Answer) -> str | None:
    """What is wrong with an answer, whatever was asked; None where nothing is."""
    refused = answer.status >= 400 and ask.method != "HEAD" and not ask.path.startswith("/auth")
    faults = {
        f"status {answer.status}": answer.status >= 500,
        "a stack": b"Traceback (most recent" in answer.body,
        "a page": not ask.page and "html" in answer.kind,
        "no outcome": not ask.page and refused and b'"OperationOutcome"' not in answer.body,
    }
    return next((name for name, found in faults.items() if found), None)


texts = st.text(max_size=12)


def once_in(many: int) -> st.SearchStrategy[bool]:
    return st.sampled_from([False] * (many - 1) + [True])  # integers would be drawn near their ends too often


odd = st.sampled_from(
    [
        *(
            "",
            " ",
            "\x00",
            "\ud800",
            "\u202e",
            "é" * 40,
            "a" * 5000,
            "a" * 9000,  # more than a row of an index holds
            "-1",
            "1e400",
            "9" * 400,
            "0001-01-01",
            "9999-12-31",
        ),
        *(
            "2026-02-30",
            "2016-12-31T23:59:60Z",
            "Patient/p1",
            "urn:uuid:x",
            "#",
            "http://[::1",
            "<b>",
            "{{7*7}}",
            "a|b|c",
        ),
    ]
)
numbers = st.one_of(st.integers(), st.floats(), st.sampled_from([10**400, -(2**63), 2**64, 1e-320]))
scalars = st.one_of(st.none(), st.booleans(), numbers, texts, odd)
trees = st.recursive(
    scalars,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(texts, inner, max_size=3)),
    max_leaves=6,
)


@st.composite
def changed(draw: Any, whole: Any) -> Any:
    """A copy with something replaced, left out, doubled or renamed somewhere."""
    whole = json.loads(json.dumps(whole))
    for _ in range(draw(st.sampled_from([0, 1, 1, 2]))):
        node = whole
        while isinstance(node, dict | list) and node:
            name = draw(st.sampled_from(sorted(node) if isinstance(node, dict) else range(len(node))))
            inner = node[name]
            if isinstance(inner, dict | list) and inner and not draw(once_in(5)):
                node = inner
                continue
            _change(draw, node, name)
            break
    return whole


def _change(draw: Any, node: Any, name: Any) -> None:
    how = draw(st.sampled_from(["likewise", "likewise", "replace", "leave out", "double", "rename"]))
    if how == "likewise":
        node[name] = draw(st.one_of(texts, odd) if isinstance(node[name], str) else numbers)
    elif how == "replace":
        node[name] = draw(trees)
    elif how == "leave out":
        del node[name]
    elif isinstance(node, list):
        node.append(json.loads(json.dumps(node[name])))
    elif how == "rename":
        node[draw(texts)] = node.pop(name)
    else:
        node[name] = [node[name], node[name]]


@st.composite
def bodies(draw: Any, whole: Any) -> bytes:
    """Mostly JSON of what was meant, changed; now and then with some of its bytes changed as well."""
    raw: bytes = json.dumps(draw(changed(whole))).encode()
    if not draw(once_in(12)):
        return raw
    place = draw(st.integers(0, len(raw)))
    return raw[:place] + draw(st.binary(max_size=6)) + raw[place + draw(st.integers(0, 6)) :]


@st.composite
def forms(draw: Any, rule: str) -> bytes:
    fields = dict(draw(st.sampled_from(seeds.forms_of(rule))))
    for name in draw(st.lists(st.sampled_from([*fields, "x"]), max_size=2)):
        fields[name] = draw(st.one_of(texts, odd))
    return urlencode(fields, errors="replace").encode()


MEDIA = ["application/json", FORM, "text/xml", "multipart/form-data", f"{FHIR}; charset=x", ";", ""]
HEADERS = [
    *[("If-Match", value) for value in ('W/"1"', 'W/"2"', "*", '"x"', "", 'W/"99999999999999999999"')],
    *[("Prefer", value) for value in ("return=minimal", "respond-async", "handling=strict", "return=", ";;,,=")],
    *[("If-None-Match", value) for value in ("*", 'W/"1"', "x")],
    *[("If-None-Exist", value) for value in ("identifier=a|b", "_id=1", "x=y", "?", "%%%", "identifier=" + "a" * 3000)],
    *[("Accept", value) for value in (FHIR, "*/*", "text/html", ";q=x", ",")],
    *[("Accept-Encoding", value) for value in ("gzip", "br", "*;q=0")],
    *[("Idempotency-Key", value) for value in ("k", "", "k" * 300)],
    *[("Origin", value) for value in ("http://localhost", "https://app.north.example", "null", "https://x.example")],
    *[("Sec-Fetch-Site", value) for value in ("same-origin", "cross-site")],
    *[("X-Correlation-Id", value) for value in ("a-1", "<b>", "x" * 500)],
    *[("Content-Encoding", value) for value in ("gzip", "identity")],
    ("Range", "bytes=0-"),
]
queries = st.lists(
    st.tuples(st.sampled_from(seeds.PARAMETERS), st.one_of(st.sampled_from(seeds.VALUES), texts, odd)), max_size=3
).map(tuple)


@st.composite
def asks(draw: Any, rules: list[tuple[str, list[str]]]) -> Ask:
    """A request to one of these rules (an address with `<arguments>`, and its methods), or to nowhere."""
    taking = [each for each in rules if each[0] in TAKING and each[1] != ["GET", "HEAD"]]
    rule, methods = draw(st.sampled_from([*rules, *taking * 5, ("/fhir/<kind>/<resource_id>/$nonsense", ["POST"])]))
    method = draw(st.sampled_from(methods * 30 + METHODS))
    chosen: dict[str, str] = {}

    def fill(found: re.Match[str]) -> str:
        name = found[1].rpartition(":")[2]
        chosen[name] = draw(texts) if draw(once_in(15)) else draw(st.sampled_from(seeds.NAMES[name]))
        return quote(chosen[name], safe="{}", errors="replace")

    path = re.sub(r"<([^>]+)>", fill, rule)
    given = dict(draw(st.lists(st.sampled_from(HEADERS), max_size=2)))
    if "<draft_id>" in rule or "<task_id>" in rule:
        given = {"If-Match": 'W/"1"'} | given
    body = None
    if method in {"POST", "PUT", "PATCH"}:
        form = bool(PAGES.match(path)) or rule.endswith("_search") or rule == "/auth/token"
        given["Content-Type"] = draw(st.sampled_from(MEDIA)) if draw(once_in(15)) else FORM if form else FHIR
        body = draw(forms(rule) if form else bodies(draw(st.sampled_from(seeds.bodies_of(rule, chosen)))))
    query = draw(queries) if method in {"GET", "HEAD"} or draw(once_in(10)) else ()
    if (method, rule) == ("PUT", "/fhir/<kind>"):
        query = (("identifier", f"{MRN}|12345"), *query)
    return Ask(method, path, query, given, body, draw(st.sampled_from(callers(rule))), rule)


def callers(rule: str) -> list[str]:
    """Who asks here: mostly those who may."""
    people = bool(PAGES.match(rule)) or "<draft_id>" in rule or "<task_id>" in rule
    mostly = "ada" if rule.startswith("/queue") or "error" in rule else "alice" if people else "north-ehr"
    return [mostly] * 20 + CALLERS
