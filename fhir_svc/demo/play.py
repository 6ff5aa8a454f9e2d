"""`make demo`: the main job on real input, told step by step. All of it over HTTP, as an EHR and a physician would.

Three synthetic patients: suspected cauda equina with a pacemaker of unknown type; neurogenic claudication after eight
weeks of physiotherapy; a form whose saddle question was skipped.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from fhir_svc.demo import forms
from fhir_svc.demo.broken_off import BrokenOff, Signals
from fhir_svc.demo.ehr_client import Fhir, direct, wait_for
from fhir_svc.demo.forms import Answer
from fhir_svc.demo.reading import drafts_of, explain, finished, held_by, order_key, value_of
from fhir_svc.demo.stack import Stack

SAMPLES = Path(__file__).parent / "samples"
PROFILES = Path(__file__).resolve().parents[2] / "profiles"
TAKEN = {"Patient", "Condition", "Observation", "Procedure", "DiagnosticReport", "MedicationRequest"}

NO_RED_FLAG: dict[str, Answer] = {
    "rf-saddle-numbness": "no",
    "rf-bladder-change": "none",
    "rf-bowel-change": "none",
    "rf-sexual-change": "no",
    "rf-leg-weakness": "none",
    "rf-foot-drop": "none",
    "rf-sudden-walking-difficulty": "no",
    "rf-numbness-spread": "none",
    "rf-bilateral-leg-pain-new": "no",
    "rf-fever-chills": "no",
    "rf-night-sweats": "no",
    "rf-weight-loss": "no",
    "rf-night-pain": "no",
    "rf-rest-pain-constant": "no",
    "rf-cancer-history": "never",
    "rf-ivdu": "no",
    "rf-immunosuppressed": "no",
    "rf-recent-infection-or-spinal-procedure": "no",
    "rf-steroid-3mo": "no",
    "rf-osteoporosis": "no",
    "rf-trauma": "none",
    "rf-cold-pale-leg": "no",
}
BACK_PAIN: dict[str, Answer] = {
    "ctx-back-pain": "yes",
    "ctx-duration-weeks": ("14", "wk"),
    "ctx-symptoms-persisting-or-worse": "yes",
}
CAUDA_EQUINA: dict[str, Answer] = (
    BACK_PAIN
    | NO_RED_FLAG
    | {
        "rf-saddle-numbness": "yes",
        "rf-saddle-onset": "within-14-days",
        "rf-bladder-change": "reduced-sensation",
        "rf-bladder-onset": "within-14-days",
        "hx-anticoagulant": "no",
        "hx-contrast-allergy": "no",
        "mr-pacemaker": "yes-unknown",
    }
)
CLAUDICATION: dict[str, Answer] = (
    BACK_PAIN
    | NO_RED_FLAG
    | {
        "nc-leg-pain-walking": "yes",
        "nc-relief-sitting": "yes",
        "nc-relief-standing-still": "no",
        "nc-bend-forward-relief": "yes",
        "nc-bend-backward-relief": "no",
        "nc-shopping-cart": "yes",
        "nc-standing-triggers": "yes",
        "nc-location": "above-knee",
        "nc-walk-distance": ("180", "m"),
        "hx-pt-weeks": Decimal(8),
        "hx-wants-intervention": "yes",
        "mr-pacemaker": "no",
        "mr-aneurysm-clip": "no",
        "mr-cochlear": "no",
        "mr-neurostim": "no",
        "mr-eye-metal": "no",
        "mr-other-implant": "no",
    }
)
SKIPPED: dict[str, Answer] = {key: value for key, value in CLAUDICATION.items() if key != "rf-saddle-numbness"}


class Show:
    """Prints the story, numbered, with the time since the start."""

    def __init__(self) -> None:
        self._start = time.monotonic()
        self._step = 0

    def step(self, text: str) -> None:
        """One step of the story."""
        self._step += 1
        print(f"\n{self._step}. {text}   [{time.monotonic() - self._start:.1f} s]", flush=True)

    @staticmethod
    def line(text: str) -> None:
        """One detail of a step."""
        print(f"   {text}", flush=True)


def main() -> int:
    """Play the demonstration; 0 when everything happened as promised, 128 and the signal that broke it off."""
    show = Show()
    with tempfile.TemporaryDirectory(prefix="fhir-svc-demo-") as folder:
        stack = Stack(Path(folder))
        signals = Signals(stack)
        show.step("Starting Valkey, SQLite, a sandbox EHR, web, relay and workers")
        with stack, suppress(BrokenOff), signals:
            show.line(f"ready at {stack.base}; the EHR is {stack.ehr_base}")
            _play(stack, show)
    if signals.first:
        return 128 + signals.first
    show.step("Done. Nothing was ordered that no physician signed.")
    return 0


def _play(stack: Stack, show: Show) -> None:
    token = stack.token()
    service, ehr = Fhir(f"{stack.base}/fhir", token=token), Fhir(stack.ehr_base)
    form = forms.questionnaire(PROFILES, "lbp-lss-intake")
    now = datetime.now(UTC) - timedelta(minutes=1)

    show.step(
        "Elsy: her whole record by $submit, then a form that suggests cauda equina, with a pacemaker of unknown type"
    )
    elsy = _submit_record(service, ehr, "elsy-bechtelar", show)
    drafts = _send_form(service, ehr, forms.fill_in(form, elsy, now, CAUDA_EQUINA), show)

    show.step("Kerry: his record as a transaction, then neurogenic claudication after eight weeks of physiotherapy")
    kerry = _post_record(service, ehr, "kerry-cormier", show)
    _send_form(service, ehr, forms.fill_in(form, kerry, now, CLAUDICATION), show)

    show.step("Jannet: the same story, but the saddle question was skipped: nobody is cleared, she is asked")
    jannet = _submit_record(service, ehr, "jannet-davis", show)
    _send_form(service, ehr, forms.fill_in(form, jannet, now, SKIPPED), show)

    myelogram = next(draft for draft in drafts if order_key(draft) == "CTM_L")
    _sign(stack, ehr, myelogram, show)


def _record(name: str) -> dict[str, Any]:
    record: dict[str, Any] = json.loads((SAMPLES / f"{name}.json").read_text(encoding="utf-8"))
    return record


def _known_to_the_ehr(ehr: Fhir, record: dict[str, Any]) -> None:
    patient = next(e["resource"] for e in record["entry"] if e["resource"]["resourceType"] == "Patient")
    ehr.send("PUT", f"Patient/{patient['id']}", patient)


def _submit_record(service: Fhir, ehr: Fhir, name: str, show: Show) -> str:
    record = _record(name)
    _known_to_the_ehr(ehr, record)
    answer = service.send("POST", "$submit", record)
    issues = answer.json()["issue"]
    patient = next(e["resource"] for e in record["entry"] if e["resource"]["resourceType"] == "Patient")
    ignored = sum(issue["details"]["coding"][0]["code"] == "entry-ignored" for issue in issues)
    show.line(f"accepted: {len(record['entry'])} entries, {ignored} ignored (types the service has no use for)")
    return f"Patient/{patient['id']}"


def _post_record(service: Fhir, ehr: Fhir, name: str, show: Show) -> str:
    record = _record(name)
    _known_to_the_ehr(ehr, record)
    record["entry"] = [entry for entry in record["entry"] if entry["resource"]["resourceType"] in TAKEN]
    answer = service.send("POST", "", record).json()
    statuses = {entry["response"]["status"][:3] for entry in answer["entry"]}
    locations = [entry["response"]["location"] for entry in answer["entry"]]
    patient = next(location for location in locations if "Patient/" in location)
    show.line(f"{answer['type']}: {len(locations)} entries, status {', '.join(sorted(statuses))}")
    patient_id: str = patient.partition("Patient/")[2].split("/")[0]
    return f"Patient/{patient_id}"


def _send_form(service: Fhir, ehr: Fhir, response: dict[str, Any], show: Show) -> list[dict[str, Any]]:
    answer = service.send("POST", "QuestionnaireResponse", response)
    monitor = answer.links["monitor"]["url"]
    started = time.monotonic()
    guidance = wait_for(lambda: finished(service.get(monitor)), "the evaluation")
    show.line(f"{answer.status_code} {answer.headers['Location'].rpartition('/fhir/')[2]}")
    show.line(f"evaluated in {1000 * (time.monotonic() - started):.0f} ms: {guidance['status']}")
    for text in explain(guidance):
        show.line(text)
    drafts = drafts_of(service, guidance)
    for draft in drafts:
        copy = wait_for(lambda draft=draft: held_by(ehr, draft), "the draft in the EHR")  # type: ignore[misc]
        show.line(
            f"draft {order_key(draft)} ({draft['priority']}), status {draft['status']}; "
            f"in the EHR as ServiceRequest/{copy['id']}, status {copy['status']}"
        )
    if not drafts:
        show.line("no draft: nothing is ordered")
    for message in service.search(f"CommunicationRequest?subject={response['subject']['reference']}"):
        reasons = [c["code"] for r in message.get("reasonCode", []) for c in r.get("coding", [])]
        show.line(f"message: {', '.join(reasons)}")
    return drafts


def _sign(stack: Stack, ehr: Fhir, draft: dict[str, Any], show: Show) -> None:
    alice = next(account for account in stack.accounts if account["role"] == "physician")
    show.step(f"{alice['name']} opens the draft, reads what it rests on, and signs it")
    session = direct()
    log_in = {"username": alice["username"], "password": alice["password"]}
    session.post(f"{stack.base}/login", data=log_in, timeout=10).raise_for_status()
    session.post(f"{stack.base}/login/confirm", data={"password": alice["password"]}, timeout=10).raise_for_status()
    physician = Fhir(f"{stack.base}/fhir", session=session)
    reference = f"ServiceRequest/{draft['id']}"
    etag = {"If-Match": physician.send("GET", reference).headers["ETag"]}
    prepared = physician.send("POST", f"{reference}/$prepare-signature", {"resourceType": "Parameters"}, etag).json()
    digest = next(value_of(p) for p in prepared["parameter"] if p["name"] == "digest")
    blockers = [value_of(p) for p in prepared["parameter"] if p["name"] == "blocker"]
    show.line(f"digest {digest[:16]}..., open blockers: {', '.join(blockers) or 'none'}")
    signing: dict[str, Any] = {
        "resourceType": "Parameters",
        "parameter": [{"name": "digest", "valueString": digest}, {"name": "meaning", "valueCode": "approval"}],
    }
    physician.send("POST", f"{reference}/$sign", signing, etag)
    verified = physician.get(f"{reference}/$verify-signature")
    for parameter in verified["parameter"]:
        show.line(f"verified: {parameter['name']} = {_short(value_of(parameter))}")
    copy = wait_for(lambda: held_by(ehr, draft, "active"), "the active order in the EHR")
    show.line(f"the EHR holds ServiceRequest/{copy['id']}, status {copy['status']}, {order_key(copy)}")


def _short(value: Any) -> str:
    if isinstance(value, dict):
        return str(value.get("display") or value.get("reference"))
    return str(value)


if __name__ == "__main__":
    sys.exit(main())
