"""The demonstration's EHR: gets a token as SMART Backend Services asks, posts FHIR, reads what came of it."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import requests

from fhir_svc.ehr.token import client_assertion

T = TypeVar("T")
FHIR_JSON = "application/fhir+json"
DEADLINE = 10.0  # seconds for one request
PATIENCE = 20.0  # seconds for an answer that is worked out meanwhile


def direct() -> requests.Session:
    """A session past the proxies of the environment: everything of the demonstration is on this machine."""
    session = requests.Session()
    session.trust_env = False
    return session


def fetch_token(token_url: str, client: str, key_file: Path, scope: str) -> str:
    """An access token by the SMART Backend Services flow; `key_file` holds the client's private JWK."""
    key = json.loads(key_file.read_text(encoding="utf-8"))
    form = {
        "grant_type": "client_credentials",
        "scope": scope,
        "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
        "client_assertion": client_assertion(client, token_url, key),
    }
    with direct() as session:
        answer = session.post(token_url, data=form, timeout=DEADLINE)
    if not answer.ok:
        raise RuntimeError(f"no token: {answer.status_code} {answer.json().get('error')}")
    return str(answer.json()["access_token"])


def wait_for(what: Callable[[], T | None], name: str, patience: float = PATIENCE) -> T:
    """Ask again and again, every 20 ms, until there is an answer; TimeoutError names what was waited for."""
    deadline = time.monotonic() + patience
    while time.monotonic() < deadline:
        found = what()
        if found is not None:
            return found
        time.sleep(0.02)
    raise TimeoutError(name)


class Fhir:
    """A FHIR base spoken to as one caller (bearer token, or a session's cookies)."""

    def __init__(self, base: str, *, token: str | None = None, session: requests.Session | None = None) -> None:
        self.base = base
        self._session = session or direct()
        self._session.headers.update({"Accept": FHIR_JSON, "Content-Type": FHIR_JSON})
        if token:
            self._session.headers["Authorization"] = f"Bearer {token}"

    def send(
        self, method: str, path: str, body: Any = None, headers: Mapping[str, str] | None = None
    ) -> requests.Response:
        """One request; RuntimeError with the OperationOutcome's text for anything but success."""
        data = None if body is None else json.dumps(body) if not isinstance(body, bytes) else body
        url = path if path.startswith("http") else f"{self.base}/{path}"
        answer = self._session.request(method, url, data=data, headers=headers, timeout=DEADLINE)
        if not answer.ok:
            issues = answer.json().get("issue", []) if "json" in answer.headers.get("Content-Type", "") else []
            texts = "; ".join(issue.get("diagnostics", "") for issue in issues)
            raise RuntimeError(f"{method} {path}: {answer.status_code} {texts}")
        return answer

    def get(self, path: str) -> dict[str, Any]:
        """Read or search."""
        found: dict[str, Any] = self.send("GET", path).json()
        return found

    def search(self, query: str) -> list[dict[str, Any]]:
        """The matches of one search page."""
        entries = self.get(query).get("entry", [])
        return [entry["resource"] for entry in entries if entry.get("search", {}).get("mode", "match") == "match"]
