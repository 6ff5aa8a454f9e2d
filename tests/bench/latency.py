"""The embedded stack as a caller feels it: durable acceptance, POST to the draft in the EHR, memory of all of it."""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psutil

from fhir_svc.demo import forms
from fhir_svc.demo.ehr_client import Fhir, wait_for
from fhir_svc.demo.play import CAUDA_EQUINA, CLAUDICATION, PROFILES
from fhir_svc.demo.stack import Stack

SUBMISSIONS = 100
MILLISECONDS = 1000.0


def main() -> int:
    """Measure and print; 1 when a promise is missed."""
    with tempfile.TemporaryDirectory(prefix="fhir-svc-bench-") as folder, Stack(Path(folder)) as stack:
        token = stack.token()
        service, ehr = Fhir(f"{stack.base}/fhir", token=token), Fhir(stack.ehr_base)
        form = forms.questionnaire(PROFILES, "lbp-lss-intake")
        _warm(service, form)
        accepted, drafted = [], []
        for number in range(SUBMISSIONS):
            patient = f"Patient/bench-{number}"
            response = forms.fill_in(form, patient, datetime.now(UTC) - timedelta(seconds=5), CAUDA_EQUINA)
            start = time.perf_counter()
            service.send("POST", "QuestionnaireResponse", response)
            accepted.append(MILLISECONDS * (time.perf_counter() - start))
            query = f"ServiceRequest?subject={patient}"
            wait_for(lambda query=query: ehr.search(query) or None, "the draft")  # type: ignore[misc]
            drafted.append(MILLISECONDS * (time.perf_counter() - start))
        memory = proportional_memory(stack)
    durable, arrived = statistics.median(accepted), statistics.quantiles(drafted, n=20)[-1]
    slow = statistics.quantiles(accepted, n=20)[-1]
    print(f"one form accepted durably        p50 {durable:7.1f} ms   p95 {slow:.1f} ms")
    print(f"POST to the draft in the EHR     p50 {statistics.median(drafted):7.1f} ms   p95 {arrived:.1f} ms")
    print(f"memory of the whole stack (PSS)      {memory:7.0f} MB")
    return int(durable >= 20 or arrived >= 1000 or memory >= 500)


def _warm(service: Fhir, form: dict[str, object]) -> None:
    for number in range(10):
        authored = datetime.now(UTC) - timedelta(seconds=5)
        service.send(
            "POST", "QuestionnaireResponse", forms.fill_in(form, f"Patient/warm-{number}", authored, CLAUDICATION)
        )
    time.sleep(2)


def proportional_memory(stack: Stack) -> float:
    """Proportional set size of every process of the stack, in MB, this one left out."""
    processes = [psutil.Process(part.pid) for part in stack.parts.values()]
    family = {child.pid: child for process in processes for child in (process, *process.children(recursive=True))}
    return sum(process.memory_full_info().pss for process in family.values()) / 1e6


if __name__ == "__main__":
    sys.exit(main())
