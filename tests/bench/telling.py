"""The cases of the tables in the order in which they tell most of a mistake, without those that can tell nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from importlib import import_module
from typing import Any

CHECKING = "tests.criteria.cases.checking"
PLAN = "lbp-lss"


class Cases:
    """Every case with what it says of each fact and rule, so that the telling ones run first.

    A mistake in one fact changes nothing in a case where that fact is read as before, and one in the range of what a
    site may set nothing where the site sets nothing, so that such cases are left out.
    """

    def __init__(self) -> None:
        rooms = import_module("tests.criteria.test_cases").ROOMS
        self.cases = [(rule, case) for room in rooms for rule, table in room.TABLES.items() for case in table]
        self._depth = [at for room in rooms for table in room.TABLES.values() for at in range(len(table))]
        self._said: list[dict[str, str]] = []
        self._records: list[Any] = []
        self._before: Any = None

    def learn(self) -> None:
        """Run all of them without any mistake."""
        checking = import_module(CHECKING)
        self._before = checking.knowledge()
        self._records = [checking.record_of(case.given, case.ours) for _, case in self.cases]
        for (_, case), record in zip(self.cases, self._records, strict=True):
            seen = checking.run(record, case.at, case.zone, case.values)
            facts = seen.evaluation.decision.facts
            self._said.append({name: str(fact.value) for name, fact in facts.items()} | seen.rules)

    def telling(self, about: str, after: Any) -> Iterator[Any]:
        """Those of the rule's own table first, then those where the fact or rule is as it seldom is, table by table."""
        common = Counter(said.get(about) for said in self._said)
        rare = {at: common[said.get(about)] for at, said in enumerate(self._said)}
        places = sorted(
            range(len(self.cases)), key=lambda at: (self.cases[at][0] != about, rare.get(at, 0), self._depth[at])
        )
        return (self.cases[at][1] for at in places if self._tells(at, about, after))

    def _tells(self, at: int, about: str, after: Any) -> bool:
        if self._before is None:
            return True
        old, new = self._before.pathway(PLAN).declarations, after.pathway(PLAN).declarations
        if about in old.parameters and old.parameters[about].default == new.parameters[about].default:
            return about in self.cases[at][1].values
        if about not in old.facts:
            return True
        readers = (each.name for each in old.facts.values() if about in {each.onset, each.before, *each.of})
        return any(self._read(at, name, self._before) != self._read(at, name, after) for name in (about, *readers))

    def _read(self, at: int, about: str, knowledge: Any) -> Any:
        """The fact with all that it leaves behind; what it raises counts too."""
        case_class, kinds = import_module("fhir_svc.criteria.case").Case, import_module("fhir_svc.criteria.facts").KINDS
        case = self.cases[at][1]
        site = import_module("fhir_svc.record").Site(timezone=case.zone, values=case.values)
        declarations = knowledge.pathway(PLAN).declarations
        try:
            return case_class(self._records[at], declarations, kinds, site, case.at, knowledge.vocabulary).read(about)
        except Exception as failure:  # noqa: BLE001 - a site value that is refused, or what the mistake breaks
            return repr(failure)
