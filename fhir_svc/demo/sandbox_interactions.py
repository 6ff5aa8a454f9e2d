"""What the sandbox EHR answers to each FHIR interaction: the honest half, without faults other than the race."""

from __future__ import annotations

import time
from urllib.parse import parse_qsl, urlencode

import msgspec
from flask import Response, request

from fhir_svc.demo.sandbox_faults import Fault, Faults, Tally
from fhir_svc.demo.sandbox_records import Json, Records, decode, encode

_DEMOGRAPHIC = ("Patient", "Practitioner", "PractitionerRole", "Organization")
_WRITTEN_BACK = ("ServiceRequest", "CommunicationRequest", "Flag", "Task", "Provenance")
_MEASURED = ("Observation", "Condition", "Procedure", "DiagnosticReport", "ImagingStudy", "QuestionnaireResponse")
_HELD = ("Device", "DeviceUseStatement", "AllergyIntolerance", "MedicationStatement", "MedicationRequest")
TYPES = (
    *_DEMOGRAPHIC,
    *_WRITTEN_BACK,
    *_MEASURED,
    *_HELD,
    "Communication",
    "Bundle",
)  # Bundle: notifications of subscriptions
_PAGE = 100


class Refusal(Exception):  # noqa: N818  an answer, not a failure
    """An answer that is not the wanted one."""

    def __init__(self, status: int, code: str, text: str) -> None:
        super().__init__(text)
        self.status, self.code, self.text = status, code, text


def outcome(status: int, code: str, text: str) -> Response:
    """Answer with an OperationOutcome."""
    issue = {"severity": "error", "code": code, "diagnostics": text}
    return answer(status, {"resourceType": "OperationOutcome", "issue": [issue]})


def answer(status: int, resource: Json | None) -> Response:
    """Answer with a resource, with ETag and Location where it has a version."""
    reply = Response(b"" if resource is None else encode(resource), status, mimetype="application/fhir+json")
    version = (resource or {}).get("meta", {}).get("versionId")
    if resource and version:
        reply.headers["ETag"] = f'W/"{version}"'
        reply.headers["Last-Modified"] = resource["meta"]["lastUpdated"]
        if status == 201:  # noqa: PLR2004  Created
            place = f"{request.host_url}fhir/{resource['resourceType']}/{resource['id']}/_history/{version}"
            reply.headers["Location"] = place
    return reply


def _body(type_: str) -> Json:
    try:
        resource = decode(request.get_data())
    except msgspec.DecodeError as error:
        raise Refusal(400, "structure", "not JSON") from error
    if not isinstance(resource, dict) or resource.get("resourceType") != type_:
        raise Refusal(400, "invalid", "resourceType does not fit the address")
    return resource


def names_of(resource: Json) -> list[str]:
    """List the identifiers of a resource, as `system|value`."""
    given = resource.get("identifier", [])
    listed = given if isinstance(given, list) else [given]
    return [f"{one.get('system', '')}|{one.get('value', '')}" for one in listed]


class Sandbox:
    """The interactions, on records, faults and counts."""

    def __init__(self, records: Records) -> None:
        self.records = records
        self.faults = Faults()
        self.tally = Tally()

    def _check(self, resource: Json) -> None:
        if self.faults.switches["check_references"] and self.records.missing(resource):
            raise Refusal(400, "not-found", "a referenced resource is not known here")

    def create(self, type_: str, fault: Fault) -> Response:
        """POST, with If-None-Exist; `race` opens the gap between its search and its insert."""
        resource = _body(type_)
        self._check(resource)
        condition = request.headers.get("If-None-Exist")
        if condition is None:
            return self._made(resource, None)
        if fault.race:
            found = self.records.search(type_, parse_qsl(condition))
            time.sleep(fault.race)
            return self._found(found) or self._made(resource, None)
        with self.records.lock:
            return self._found(self.records.search(type_, parse_qsl(condition))) or self._made(resource, None)

    def _found(self, found: list[Json]) -> Response | None:
        if len(found) > 1:
            raise Refusal(412, "multiple-matches", "several match the condition")
        return answer(200, found[0]) if found else None

    def _made(self, resource: Json, id_: str | None) -> Response:
        stored = self.records.write(resource, id_)
        self.tally.creation(resource["resourceType"], names_of(resource))
        return answer(201, stored)

    def update(self, type_: str, id_: str) -> Response:
        """PUT, with If-Match and If-None-Match; creates where `update_create` says so."""
        resource = _body(type_)
        if resource.get("id") != id_:
            raise Refusal(400, "invalid", "the id does not fit the address")
        self._check(resource)
        with self.records.lock:
            current = self.records.current(type_, id_)
            wanted = request.headers.get("If-Match")
            if wanted and (current is None or wanted != f'W/"{current["meta"]["versionId"]}"'):
                raise Refusal(412, "conflict", "another version is current")
            if current is not None and request.headers.get("If-None-Match") == "*":
                raise Refusal(412, "conflict", "it exists already")
            if current is not None:
                return answer(200, self.records.write(resource, id_))
            if not self.faults.switches["update_create"]:
                raise Refusal(405, "not-supported", "ids are given by this server")
            return self._made(resource, id_)

    def read(self, type_: str, id_: str, version: int | None = None) -> Response:
        """Read or vread."""
        versions = self.records.versions(type_, id_)
        if not versions or not 1 <= (version or 1) <= len(versions):
            raise Refusal(404, "not-found", "not known here")
        return answer(200, versions[(version or 0) - 1])

    def bundle(self, kind: str, resources: list[Json]) -> Response:
        """Answer with a searchset or history Bundle, in pages."""
        start = request.args.get("_start", 0, type=int)
        count = request.args.get("_count", _PAGE, type=int)
        page = resources[start : start + count]
        base = f"{request.host_url}fhir"
        entries = [{"fullUrl": f"{base}/{one['resourceType']}/{one['id']}", "resource": one} for one in page]
        links = [{"relation": "self", "url": request.url}]
        if start + count < len(resources):
            query = urlencode({**request.args, "_start": start + count, "_count": count})
            links.append({"relation": "next", "url": f"{request.base_url}?{query}"})
        made = {"resourceType": "Bundle", "type": kind, "total": len(resources), "link": links, "entry": entries}
        return answer(200, {name: value for name, value in made.items() if value != []})

    def capabilities(self) -> Response:
        """Answer with the CapabilityStatement, which follows the switches."""
        left_out = {name.capitalize() for name in ("task", "provenance") if not self.faults.switches[name]}
        verbs = ("read", "vread", "update", "create", "history-instance", "search-type")
        offered = [
            {
                "type": type_,
                "versioning": "versioned-update",
                "updateCreate": self.faults.switches["update_create"],
                "conditionalCreate": True,
                "interaction": [{"code": verb} for verb in verbs],
            }
            for type_ in TYPES
            if type_ not in left_out
        ]
        made = {"resourceType": "CapabilityStatement", "status": "active", "kind": "instance", "fhirVersion": "4.0.1"}
        return answer(200, {**made, "format": ["json"], "rest": [{"mode": "server", "resource": offered}]})

    def read_any(self, parts: list[str]) -> Response:
        """Answer every GET: capabilities, search, read, history, vread."""
        match parts:
            case ["metadata"]:
                return self.capabilities()
            case [type_] if type_ in TYPES:
                return self.search(type_)
            case [type_, id_]:
                return self.read(type_, id_)
            case [type_, id_, "_history"]:
                return self.bundle("history", self.records.versions(type_, id_)[::-1])
            case [type_, id_, "_history", number] if number.isdigit():
                return self.read(type_, id_, int(number))
        raise Refusal(404, "not-supported", "no such interaction here")

    def search(self, type_: str) -> Response:
        """Answer a search by GET or POST."""
        params = [*request.args.items(multi=True), *request.form.items(multi=True)]
        return self.bundle("searchset", self.records.search(type_, params))

    def dispatch(self, parts: list[str], fault: Fault) -> Response:
        """Do what was asked."""
        match (request.method, parts):
            case ("GET", _):
                return self.read_any(parts)
            case ("POST", [type_, "_search"]) if type_ in TYPES:
                return self.search(type_)
            case ("POST", [type_]) if type_ in TYPES:
                return self.create(type_, fault)
            case ("PUT", [type_, id_]) if type_ in TYPES:
                return self.update(type_, id_)
        raise Refusal(404, "not-supported", "no such interaction here")
