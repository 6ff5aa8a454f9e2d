"""The OpenAPI document is held against the running routes: what it says they take and answer, they do."""

import re
from html.parser import HTMLParser

import jsonschema_rs
import pytest

from tests.web.cast import FHIR, assertion
from tests.web.drafting import PASSWORD, set_passwords
from tests.web.test_token import ask

REFS = re.compile(r"#/components/schemas/(\w+)")
POSTED = {"Content-Type": "application/x-www-form-urlencoded"}
HTML = {"Accept": "text/html"}


def document(house):
    return house.call("GET", "/openapi.json", client=None).json


@pytest.fixture(scope="module")
def told(shared_house):
    return document(shared_house)


def operations(told):
    return {(path, method): one for path, methods in told["paths"].items() for method, one in methods.items()}


def address(path):
    return re.sub(r"\{(\w+)\}", "1", path)


def check(told, operation, answer):
    """Whether an answer is one of those that are described, in status, media type and content."""
    described = operation["responses"].get(str(answer.status_code))
    assert described is not None, (operation["operationId"], answer.status_code)
    media = described.get("content", {})
    assert (answer.mimetype in media) if media else answer.status_code in {204, 303}, (operation, answer.mimetype)
    schema = media.get(answer.mimetype, {}).get("schema")
    if schema:
        jsonschema_rs.validate(schema | {"components": told["components"]}, answer.json)


def test_exactly_the_routes_that_are_not_fhir_are_described(shared_house, told):
    routes = {
        (rule.rule.replace("<", "{").replace(">", "}"), method.lower())
        for rule in shared_house.app.url_map.iter_rules()
        if not rule.rule.startswith("/fhir") and not rule.endpoint.endswith("static")
        for method in rule.methods - {"HEAD", "OPTIONS"}
    }
    assert set(operations(told)) == routes
    assert {"/auth/token", "/login", "/healthz", "/readyz", "/metrics", "/.well-known/jwks.json"} <= set(told["paths"])


def test_the_document_is_whole(told):
    names = [one["operationId"] for one in operations(told).values()]
    assert len(set(names)) == len(names)
    schemas, schemes = told["components"]["schemas"], set(told["components"]["securitySchemes"])
    for (path, method), one in operations(told).items():
        in_path = {each["name"] for each in one.get("parameters", ()) if each["in"] == "path"}
        assert in_path == set(re.findall(r"\{(\w+)\}", path))
        assert one["summary"]
        assert {name for each in one["security"] for name in each} <= schemes
        assert ("requestBody" in one) is (method == "post" and path != "/logout")
        assert "default" not in one["responses"]
        assert any(status < "400" for status in one["responses"])
    assert set(REFS.findall(str(told["paths"]))) == set(schemas)
    for schema in schemas.values():
        jsonschema_rs.Draft202012Validator({"components": told["components"]} | schema)


def test_whoever_is_nobody_gets_what_is_described_and_no_more_than_is_open(shared_house, told):
    for (path, method), one in operations(told).items():
        for accept in ({}, HTML):
            headers = accept | (POSTED if method == "post" else {})
            answer = shared_house.call(method.upper(), address(path), client=None, headers=headers)
            if path in {"/healthz", "/readyz"} or answer.status_code != 503:
                check(told, one, answer)
            closed = {} not in one["security"]
            away = answer.status_code == 303 and "/login" in answer.headers["Location"]
            assert (answer.status_code == 401 or away) is closed or path == "/login", (path, answer.status_code)


def test_another_role_and_an_unknown_thing_get_what_is_described(shared_house, told):
    for (path, method), one in operations(told).items():
        if {"session": []} not in one["security"] or path.startswith("/log"):
            continue
        for person in ("alice", "ada"):
            for accept in ({}, HTML):
                answer = shared_house.as_person(person, method.upper(), address(path), headers=accept | POSTED)
                check(told, one, answer)


def test_systems_get_the_token_that_is_described_or_the_error(house):
    told = document(house)
    token = told["paths"]["/auth/token"]["post"]
    (media,) = token["requestBody"]["content"].values()
    form = told["components"]["schemas"][media["schema"]["$ref"].rpartition("/")[2]]
    check(told, token, ask(house, assertion()))
    for name in form["required"]:
        answer = ask(house, assertion(), **{name: None})
        assert answer.status_code == 400
        check(told, token, answer)
    check(told, token, house.call("POST", "/auth/token", "{}", client=None, headers={"Content-Type": FHIR}))
    for name in ("grant_type", "client_assertion_type"):
        assert ask(house, assertion(), **{name: form["properties"][name]["const"]}).status_code == 200


def test_people_sign_in_and_out_as_is_described(house):
    set_passwords(house.database, "alice")
    told = document(house)
    taken = told["paths"]["/login"]["post"]["requestBody"]["content"]
    assert set(taken) == {"application/json", "application/x-www-form-urlencoded"}
    browser = house.app.test_client()
    for path, fields in (
        ("/login", {"username": "alice", "password": PASSWORD}),
        ("/login/confirm", {"password": PASSWORD}),
    ):
        one = told["paths"][path]["post"]
        name = one["requestBody"]["content"]["application/json"]["schema"]["$ref"].rpartition("/")[2]
        assert set(told["components"]["schemas"][name]["required"]) == set(fields)
        for how in ({"json": fields}, {"data": fields}, {"json": fields | {"password": "wrong"}}, {"json": 7}):
            answer = browser.post(path, **how)
            check(told, one, answer)
    assert browser.get_cookie(told["components"]["securitySchemes"]["session"]["name"]) is not None
    check(told, told["paths"]["/login"]["get"], browser.get("/login"))
    check(told, told["paths"]["/logout"]["post"], browser.post("/logout"))


class Forms(HTMLParser):
    """The forms of a page: where each leads, and its fields."""

    def __init__(self, page):
        super().__init__()
        self.found = []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        if tag == "form":
            self.found.append((given.get("action"), given.get("method", "get"), {}))
        elif tag in {"input", "select", "textarea"} and given.get("name") and self.found:
            self.found[-1][2][given["name"]] = "required" in given or given.get("type") == "hidden"


def held(told, action, fields):
    """The description of where a form leads, whose fields must be among those that are described."""
    path = next(
        path for path in told["paths"] if re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", path), action.partition("?")[0])
    )
    one = told["paths"][path]["post"]
    if "requestBody" not in one:
        return path
    schema = one["requestBody"]["content"]["application/x-www-form-urlencoded"]["schema"]["$ref"].rpartition("/")[2]
    schema = told["components"]["schemas"][schema]
    known = re.compile(
        "|".join([*map(re.escape, schema["properties"]), *schema.get("patternProperties", ()), "username"])
    )
    open_to_more = "additionalProperties" in schema
    assert set(schema["required"]) <= set(fields), action
    assert open_to_more or [name for name in fields if not known.match(name)] == [], action
    return path


def test_every_form_of_the_pages_sends_what_is_described(ward):
    told, house = document(ward.house), ward.house
    order = ward.draft(blockers=("mr-screening",))
    review = ward.review()
    pages = [
        house.as_person("alice", "GET", f"/inbox/drafts/{order}", headers=HTML),
        house.as_person("alice", "GET", f"/inbox/reviews/{review}", headers=HTML),
        house.as_person("ada", "GET", "/queue", headers=HTML),
        house.call("GET", "/login", client=None, headers=HTML),
    ]
    forms = [form for page in pages for form in Forms(page.text).found if form[1].lower() == "post"]
    reached = {held(told, action, fields) for action, _, fields in forms if action}
    assert {
        "/inbox/drafts/{draft_id}/sign",
        "/inbox/reviews/{task_id}/complete",
        "/queue/entered-in-error",
        "/login",
    } <= reached
