"""Whatever is sent, nobody gets a server error, a page, or silence."""

import json

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.web.cast import FHIR, intake_form, observation, patient, record, transaction

SEEDS = [
    json.dumps(one).encode()
    for one in (
        observation(),
        intake_form(),
        patient(),
        record(observation(id="o1")),
        transaction(("POST", "Observation", observation()), ("GET", "Observation?code=x", None)),
        transaction(("PUT", "Patient/p1", patient(id="p1")), kind="batch"),
        {"resourceType": "Parameters", "parameter": [{"name": "data", "resource": record(patient(id="p1"))}]},
    )
]
PATHS = [
    "/fhir",
    "/fhir/$submit",
    "/fhir/Observation",
    "/fhir/Observation/o1",
    "/fhir/Observation/_search",
    "/fhir/Observation/o1/_history/1",
    "/fhir/Patient",
    "/fhir/QuestionnaireResponse",
    "/fhir/QuestionnaireResponse/$validate",
    "/fhir/PlanDefinition/lbp-lss/$evaluate",
    "/fhir/ServiceRequest/d1/$sign",
    "/fhir/metadata",
    "/auth/token",
]
texts = st.text(max_size=12)
scalars = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), texts)
trees = st.recursive(
    scalars, lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(texts, inner, max_size=3))
)


@st.composite
def bodies(draw):
    """A good body with one value somewhere replaced, or with some of its bytes changed."""
    raw = draw(st.sampled_from(SEEDS))
    if draw(st.booleans()):
        place = draw(st.integers(0, len(raw)))
        return raw[:place] + draw(st.binary(max_size=6)) + raw[place + draw(st.integers(0, 6)) :]
    whole = json.loads(raw)
    node = whole
    while True:
        names = list(node) if isinstance(node, dict) else list(range(len(node)))
        name = draw(st.sampled_from(names))
        if not isinstance(node[name], dict | list) or not node[name] or draw(st.integers(0, 3)) == 0:
            node[name] = draw(trees)
            return json.dumps(whole).encode()
        node = node[name]


headers = st.fixed_dictionaries(
    {},
    optional={
        "Content-Type": st.sampled_from(
            [FHIR, "application/json", "text/xml", "application/x-www-form-urlencoded", ";"]
        ),
        "Prefer": st.sampled_from(["return=minimal", "respond-async", "handling=strict", "return=", ";;,,="]),
        "If-Match": st.sampled_from(['W/"1"', "*", '"x"', ""]),
        "If-None-Exist": st.sampled_from(["identifier=a|b", "_id=1", "x=y", "?", "%%%"]),
        "Accept": st.sampled_from([FHIR, "*/*", "text/html", ";q=x", ","]),
        "Idempotency-Key": st.sampled_from(["k", "", "k" * 300]),
    },
)
queries = st.dictionaries(
    st.sampled_from(["_count", "_sort", "date", "code", "_id", "_page", "_summary", "patient", "_lastUpdated", "x"]),
    st.text(max_size=8),
    max_size=3,
)


@settings(max_examples=400, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    method=st.sampled_from(["GET", "POST", "POST", "POST", "PUT", "DELETE", "HEAD"]),
    path=st.sampled_from(PATHS),
    query=queries,
    body=bodies(),
    extra=headers,
)
def test_no_request_breaks_the_service(shared_house, method, path, query, body, extra):
    sent = body if method in {"POST", "PUT"} else None
    answer = shared_house.call(method, path, sent, headers=extra, query_string=query or None)
    assert answer.status_code < 500, answer.text[:300]
    assert "html" not in answer.content_type if answer.content_type else True
    if answer.status_code >= 400 and method != "HEAD" and not path.startswith("/auth"):
        assert answer.json["resourceType"] == "OperationOutcome"
