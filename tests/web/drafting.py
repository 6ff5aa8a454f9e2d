"""One evaluated patient as an evaluation leaves it: form, guidance with its trace, drafts, Tasks, a review."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from uuid import uuid4

from fhir_svc.auth import sessions
from fhir_svc.auth.accounts import hash_password
from fhir_svc.store import accounts, resources

B = "https://example.org/fhir-svc"
PLAN = f"{B}/PlanDefinition/lbp-lss|1.0.0"
PASSWORD = "correct horse battery staple"
HASHED = hash_password(PASSWORD)
LOINC = "http://loinc.org"
YES = {"system": LOINC, "code": "LA33-6", "display": "Yes"}
TITLES = {
    "MRI_L_WO": ("MRI of the lumbar spine without contrast", "30679-5"),
    "CTM_L": ("CT myelogram of the lumbar spine", "24965-6"),
    "XR_L": ("X-ray of the lumbar spine", "24972-2"),
}


def now():
    return datetime.now(UTC)


def fhir_time(moment):
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


@dataclass
class Ward:
    """A house with one patient whose drafts wait for a physician."""

    house: object
    tenant: str = "north"
    patient: str = "p1"
    draft_ids: list = field(default_factory=list)

    def store(self, resource, *, ours=True):
        with self.house.database.transaction() as tx:
            return resources.put(tx, self.tenant, resource, patient=self.patient, ours=ours)

    def overwrite(self, identity, version, body):
        """Put other bytes in the place of a stored version, as no act of the service does."""
        where = "resource = (SELECT key FROM resources WHERE id = ?) AND version = ?"
        with self.house.database.transaction() as tx:
            tx.exec_driver_sql(f"UPDATE versions SET body = ? WHERE {where}", (body, identity, version))  # noqa: S608 - ours

    def read(self, kind, identity):
        with self.house.database.reading() as tx:
            return resources.read(tx, self.tenant, kind, identity)

    def find(self, kind, **params):
        with self.house.database.reading() as tx:
            wanted = [(name.replace("_", "-"), value) for name, value in params.items()]
            return list(resources.search(tx, self.tenant, kind, wanted, sort=None, count=100, cursor=None).entries)

    def receive(self, *, name="Erin Example", note="a form"):
        """What the EHR sent: the patient and a form."""
        self.store(
            {
                "resourceType": "Patient",
                "id": self.patient,
                "name": [{"text": name}],
                "birthDate": "1950-02-03",
                "gender": "female",
            },
            ours=False,
        )
        self.store(self.form(note=note), ours=False)

    def form(self, *, status="completed", note="a form"):
        return {
            "resourceType": "QuestionnaireResponse",
            "id": f"form-{self.patient}",
            "questionnaire": f"{B}/Questionnaire/lbp-lss-intake|1.0.0",
            "status": status,
            "subject": {"reference": f"Patient/{self.patient}"},
            "authored": "2026-03-01T08:00:00Z",
            "text": {"status": "generated", "div": "<div>never shown <script>alert(1)</script></div>"},
            "item": [
                {
                    "linkId": "rf",
                    "text": note,
                    "item": [{"linkId": "rf-saddle-numbness", "answer": [{"valueCoding": YES}]}],
                }
            ],
        }

    def guidance(self, *, title="Suspected cauda equina, acute", missing="rf-foot-drop"):
        identity = str(uuid4())
        source = f"QuestionnaireResponse/form-{self.patient}/_history/1"
        rule = [
            {"name": "id", "valueString": "R01"},
            {"name": "outcome", "valueCode": "met"},
            {"name": "title", "valueString": title},
            {
                "name": "fact",
                "part": [
                    {"name": "name", "valueCode": "rf-saddle-numbness"},
                    {"name": "value", "valueCode": "yes"},
                    {"name": "date", "valueDateTime": "2026-03-01T08:00:00Z"},
                    {"name": "source", "valueReference": {"reference": source}},
                ],
            },
            {"name": "citation", "valueString": "ACR Appropriateness Criteria, Low Back Pain, 2021 update, variant 4"},
        ]
        untold = [
            {"name": "id", "valueString": "R02"},
            {"name": "outcome", "valueCode": "cannot-tell"},
            {"name": "title", "valueString": "Motor deficit"},
            {"name": "missing", "valueCode": missing},
        ]
        trace = {
            "resourceType": "Parameters",
            "id": "trace",
            "parameter": [
                {"name": "triage-level", "valueCode": "EMERGENCY"},
                {"name": "flag", "valueCoding": {"system": f"{B}/CodeSystem/review-flag", "code": "NEEDS_INFO"}},
                {"name": "rule", "part": rule},
                {"name": "rule", "part": untold},
            ],
        }
        self.store(
            {
                "resourceType": "GuidanceResponse",
                "id": identity,
                "status": "success",
                "moduleCanonical": PLAN,
                "subject": {"reference": f"Patient/{self.patient}"},
                "occurrenceDateTime": fhir_time(now()),
                "contained": [trace],
                "outputParameters": {"reference": "#trace"},
            }
        )
        return identity

    def draft(self, key="MRI_L_WO", *, priority="stat", blockers=(), guidance=None, due=15, **changes):
        """One draft with its Task; gives its id."""
        identity, (text, code) = str(uuid4()), TITLES[key]
        guidance = guidance or self.guidance()
        held = [{"url": f"{B}/StructureDefinition/rule", "valueCode": "R01"}]
        held += [{"url": f"{B}/StructureDefinition/blocker", "valueCode": blocker} for blocker in blockers]
        self.store(
            {
                "resourceType": "ServiceRequest",
                "id": identity,
                "extension": held,
                "identifier": [{"system": f"{B}/order", "value": identity}],
                "instantiatesCanonical": [PLAN],
                "requisition": {"system": f"{B}/requisition", "value": guidance},
                "status": "draft",
                "intent": "order",
                "priority": priority,
                "code": {
                    "coding": [
                        {"system": LOINC, "code": code},
                        {"system": f"{B}/CodeSystem/order-key", "code": key},
                    ],
                    "text": text,
                },
                "subject": {"reference": f"Patient/{self.patient}"},
                "reasonCode": [{"text": "Numbness of the perineal (saddle) area"}],
                "supportingInfo": [{"reference": f"QuestionnaireResponse/form-{self.patient}/_history/1"}],
                "note": [{"text": "R01 Suspected cauda equina, acute. ACR 2021"}],
            }
            | changes
        )
        self.task("approve", f"ServiceRequest/{identity}", guidance, priority=priority, due=due, description=text)
        self.draft_ids.append(identity)
        return identity

    def task(self, kind, focus, guidance, *, priority="stat", due=15, **more):
        identity = str(uuid4())
        system = "http://hl7.org/fhir/CodeSystem/task-code" if kind == "approve" else f"{B}/CodeSystem/task-code"
        self.store(
            {
                "resourceType": "Task",
                "id": identity,
                "status": "requested",
                "intent": "order",
                "priority": priority,
                "code": {"coding": [{"system": system, "code": kind}]},
                "focus": {"reference": focus},
                "for": {"reference": f"Patient/{self.patient}"},
                "authoredOn": fhir_time(now()),
                "reasonReference": {"reference": f"GuidanceResponse/{guidance}"},
                "restriction": {"period": {"end": fhir_time(now() + timedelta(minutes=due))}},
            }
            | more
        )
        return identity

    def review(self, text="Numbness is spreading: see the patient today", *, priority="asap", due=240):
        guidance = self.guidance()
        return self.task(
            "review", f"GuidanceResponse/{guidance}", guidance, priority=priority, due=due, description=text
        )

    def task_of(self, draft):
        (task,) = self.find("Task", focus=f"ServiceRequest/{draft}")
        return task

    def session(self, name="alice", *, confirmed=True):
        """A logged-in browser of the cast, the password typed just now unless told otherwise."""
        browser = self.house.app.test_client()
        with self.house.database.transaction() as tx:
            account = accounts.by_username(tx, name)
            secret = sessions.open_session(tx, account)
            if confirmed:
                with_session = sessions.sessions.find(
                    tx, sessions._digest(secret), idle=sessions.IDLE, longest=sessions.LONGEST
                )
                sessions.confirm(tx, sessions.actor_from(account, with_session))
        browser.set_cookie(sessions.PLAIN_COOKIE, secret, domain="localhost")
        return Session(browser)


@dataclass
class Session:
    """A person at work on `/fhir` and on the pages."""

    browser: object

    def act(self, address, *parameters, etag=None, method="POST"):
        body = {"resourceType": "Parameters", "parameter": list(parameters)}
        headers = {"If-Match": f'W/"{etag}"'} if etag else {}
        more = {"json": body} if method == "POST" else {}
        return self.browser.open(f"/fhir/{address}", method=method, headers=headers, **more)

    def prepare(self, draft, etag=1):
        answer = self.act(f"ServiceRequest/{draft}/$prepare-signature", etag=etag)
        assert answer.status_code == 200, answer.data
        return values(answer)

    def revise(self, draft, etag=1, **change):
        """Change these elements of a draft."""
        parameter = {"name": "draft", "resource": {"resourceType": "ServiceRequest"} | change}
        return self.act(f"ServiceRequest/{draft}/$revise", parameter, etag=etag)

    def sign(self, draft, digest, *parameters, etag=1):
        given = [{"name": "digest", "valueString": digest}, {"name": "meaning", "valueCode": "approval"}]
        return self.act(f"ServiceRequest/{draft}/$sign", *given, *parameters, etag=etag)

    def verify(self, draft):
        return values(self.act(f"ServiceRequest/{draft}/$verify-signature", method="GET"))

    def page(self, path, **form):
        headers = {"Accept": "text/html"}
        if form:
            return self.browser.post(path, data=form, headers=headers | {"Origin": "http://localhost"})
        return self.browser.get(path, headers=headers)


def values(answer):
    """Parameters as a dict of lists; a code of the error where it was refused."""
    found = {}
    for parameter in answer.json["parameter"]:
        value = next((held for name, held in parameter.items() if name != "name"), None)
        found.setdefault(parameter["name"], []).append(value)
    return found


def override(blocker, reason="asked at the bedside"):
    """The parameter with which a signer accepts an open check."""
    parts = [{"name": "blocker", "valueCode": blocker}, {"name": "reason", "valueString": reason}]
    return {"name": "override", "part": parts}


def set_passwords(database, *names):
    with database.transaction() as tx:
        for name in names:
            accounts.set_password(tx, accounts.by_username(tx, name).id, HASHED)
