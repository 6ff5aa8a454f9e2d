"""A house with everything that fuzzing asks for: patients, drafts, reviews, stuck work, people who are logged in."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import timedelta

from fhir_svc.auth import sessions
from fhir_svc.store import accounts, clients, work, work_faults
from fhir_svc.store.clients import Client
from tests.web import seeds
from tests.web.cast import FHIR, PUBLIC, House, assertion, intake_form, observation, patient
from tests.web.drafting import Ward, set_passwords
from tests.web.fuzzing import CALLERS, PEOPLE, Answer, Ask

OFTEN = 3  # acts on one draft before another takes its place
HOOK = "https://hooks.north.example/in"


@dataclass
class Hospital:
    """What fuzzing needs to know of a house: the ids of what is in it, and how each caller shows who they are."""

    house: House
    known: dict[str, str] = field(default_factory=dict)
    shown: dict[str, dict[str, str]] = field(default_factory=dict)
    digests: dict[str, str] = field(default_factory=dict)
    acted: dict[str, int] = field(default_factory=dict)
    left: str = ""  # who may have logged out

    def fill(self) -> None:
        """Put everything in."""
        for place, body in (
            ("Patient/p1", patient(id="p1")),
            ("Observation/o1", observation(id="o1")),
            ("QuestionnaireResponse/f1", intake_form(id="f1")),
        ):
            assert self.house.call("PUT", f"/fhir/{place}", body).status_code == 201
        self.ward = Ward(self.house)
        self.ward.store(self.ward.form(), ours=False)
        set_passwords(self.house.database, "alice", "bob")
        for name in CALLERS:
            self.let_in(name)
        for kind, many in (("draft", seeds.DRAFTS), ("review", seeds.REVIEWS)):
            for number in range(many):
                self.renew(f"{{{kind}{number}}}")
        self.known["{approval}"] = self.ward.task_of(self.known["{draft0}"]).id
        with self.house.database.transaction() as tx:
            clients.change_endpoints(tx, "north-ehr", [HOOK])
            for number in range(seeds.ROWS):
                row = work.add(tx, tenant="north", kind="write_back", subject=f"Flag/{number}", patient="p1")
                claimed = work.claim(tx, row, worker="w", lease=timedelta(seconds=30))
                work_faults.quarantine(tx, claimed.ids, error="ehr-422")
                self.known[f"{{row{number}}}"] = row
            clients.add(tx, Client("fuzz", "north", "system/*.rs", jwks=PUBLIC))

    def renew(self, name: str) -> None:
        """Another draft or review of that name, nothing done to it yet."""
        number = int(re.sub(r"\D", "", name))
        if "draft" in name:
            blockers = ("mr-screening", "pregnancy-check")[: number % 3]
            made = self.ward.draft(priority="stat" if number % 2 else "urgent", blockers=blockers)
            self.digests[name] = self.ward.session().prepare(made)["digest"][0]
        else:
            made = self.ward.review()
        self.known[name] = made
        self.acted[name] = 0

    def let_in(self, name: str) -> None:
        """Log a person in, or give a system its token."""
        if name in PEOPLE:
            with self.house.database.transaction() as tx:
                account = accounts.by_username(tx, name)
                secret = sessions.open_session(tx, account)
                found = sessions.sessions.find(
                    tx, sessions._digest(secret), idle=sessions.IDLE, longest=sessions.LONGEST
                )
                sessions.confirm(tx, sessions.actor_from(account, found))
            self.shown[name] = {"Cookie": f"{sessions.PLAIN_COOKIE}={secret}"}
        elif name:
            self.shown[name] = {
                "Authorization": f"Bearer {'nonsense' if name == 'nobody' else self.house.bearer(name)}"
            }
        else:
            self.shown[name] = {}

    def told(self, ask: Ask) -> tuple[Ask, dict[str, str]]:
        """The request with all names filled in, and its headers."""
        self.let_in(self.left)
        self.left = ask.caller if ask.path in {"/logout", "/login"} else ""
        named = re.search(r"{(draft|review)\d+}", ask.path)
        if named and ask.method == "POST":
            self.acted[named[0]] += 1
            if self.acted[named[0]] > OFTEN:
                self.renew(named[0])
        own = {
            "{assertion}": assertion(iss="fuzz", sub="fuzz"),
            "{digest}": self.digests.get(named[0] if named else "", ""),
        }
        whole = ask.told(self.known | own)
        return whole, {"Content-Type": FHIR} | whole.headers | self.shown[ask.caller]

    def ask(self, ask: Ask) -> Answer:
        """Ask the app in this process."""
        whole, headers = self.told(ask)
        browser = self.house.app.test_client(use_cookies=False)
        answer = browser.open(whole.address, method=whole.method, data=whole.body, headers=headers)
        return Answer.of(answer.status_code, answer.headers, answer.data)

    def rules(self) -> list[tuple[str, list[str]]]:
        """Every address that the app knows, with its methods."""
        return sorted((rule.rule, sorted(rule.methods - {"OPTIONS"})) for rule in self.house.app.url_map.iter_rules())
