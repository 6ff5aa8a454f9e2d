"""PURE: R14, R13 and R15. The plan states the controls as data; here they are applied to the candidates in order.

A control that replaces or blocks never loses an order silently where it is stated to ask radiology instead.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from fhir_svc.criteria.findings import Control
from fhir_svc.decision import Concern, Outcome, Review
from fhir_svc.orders.candidates import Candidate, merged
from fhir_svc.orders.definitions import Ladder
from fhir_svc.record import Stored

CONSULT = "RADIOLOGY_CONSULT"

# "Order of control": pregnancy before the scanner, the scanner before contrast. Others follow as the plan lists them.
_FIRST = ("R14", "R13", "R15")


@dataclass
class Passage:
    """The candidates on their way through the controls, and what the controls did.

    `cleared` are checks that a physician has answered, with the answer; `removed` order keys that a control replaced or
    blocked; `touched` the rules that changed, held or flagged something; `unclear` those that could have, had their
    facts been known; `rules` all that have controls.
    """

    candidates: list[Candidate]
    ladder: Ladder
    cleared: Mapping[str, Stored] = field(default_factory=dict)
    flags: list[str] = field(default_factory=list)
    reviews: list[Review] = field(default_factory=list)
    concerns: list[Concern] = field(default_factory=list)
    removed: dict[str, str] = field(default_factory=dict)
    touched: set[str] = field(default_factory=set)
    unclear: set[str] = field(default_factory=set)
    rules: set[str] = field(default_factory=set)

    def run(self, controls: Sequence[Control]) -> Passage:
        """Apply all controls; holds come last, on what remains."""
        self.rules = {held.rule for held in controls}
        blocks: list[Control] = []
        for own in _by_rule(controls):
            self._apply(own, blocks)
            blocks += [held for held in own if held.effect == "block" and held.outcome is Outcome.MET]
        for held in controls:
            answer = self.cleared.get(held.blocker or "")
            if held.effect == "hold" and answer is not None:
                self._show(held, answer)
            elif held.effect == "hold":
                self._each(held, self.candidates, _hold)
        return self

    def _apply(self, own: Sequence[Control], earlier: Sequence[Control]) -> None:
        entering = list(self.candidates)
        swaps = [(held, self._each(held, self.candidates, self._swap)) for held in own if held.effect == "replace"]
        fresh = [held.key for held in self.candidates if held not in entering]
        for held in own:
            if held.effect == "block":
                self._each(held, self.candidates, self._block)
        for held in earlier:
            reached = [found for found in self.candidates if found.key in fresh]
            self._each(replace(held, consult=True), reached, self._block)
        for held in own:
            if held.effect == "flag":
                self._each(held, [*self.candidates, *(gone for gone in entering if gone not in self.candidates)], _same)
        self._settle_swaps(swaps, own)

    def _show(self, held: Control, answer: Stored) -> None:
        """A check that a physician has answered holds nothing; the answer is evidence of what it would have held."""
        self.candidates = [
            replace(found, attached=(*found.attached, answer))
            if held.outcome is Outcome.MET and found.key in held.orders
            else found
            for found in self.candidates
        ]

    def _each(
        self, held: Control, reached: Sequence[Candidate], effect: Callable[[Control, Candidate], Candidate | None]
    ) -> bool:
        hit = [found for found in reached if not held.orders or found.key in held.orders]
        if hit and held.outcome is Outcome.CANNOT_TELL:
            self.unclear.add(held.rule)
        if not hit or held.outcome is not Outcome.MET:
            return False
        self.touched.add(held.rule)
        self.flags += held.flags
        for found in hit:
            self._note(held, found)
            changed = effect(held, found)
            if found in self.candidates:
                at = self.candidates.index(found)
                self.candidates[at : at + 1] = [] if changed is None else [changed]
        self.candidates = merged(self.candidates, self.ladder)
        return True

    def _swap(self, held: Control, found: Candidate) -> Candidate | None:
        if held.replacement is None:
            self._consult(held, found)
        self.removed[found.key] = held.rule
        notes = (*found.notes, held.text) if held.text else found.notes
        facts = found.facts + held.facts
        if held.replacement is None:
            return None
        return replace(found, key=held.replacement, instead_of=found.key, notes=notes, facts=facts)

    def _block(self, held: Control, found: Candidate) -> Candidate | None:
        if held.consult:
            self._consult(held, found)
        self.removed[found.key] = held.rule
        return None

    def _note(self, held: Control, found: Candidate) -> None:
        if held.orders and held.effect != "hold":
            self.concerns.append(Concern("contraindication", held.rule, found.key, held.facts, held.text))
        if held.consult and held.effect == "flag":
            self._consult(held, found)

    def _consult(self, held: Control, found: Candidate) -> None:
        self.flags.append(CONSULT)
        self.reviews.append(Review(CONSULT, found.priority, (*found.rules, held.rule), None, held.text))

    def _settle_swaps(self, swaps: Sequence[tuple[Control, bool]], own: Sequence[Control]) -> None:
        """A flag that only a swap sets is taken back where no swapped order is left."""
        for held, done in swaps:
            if done and held.replacement not in {found.key for found in self.candidates}:
                elsewhere = {flag for other in own if other.effect != "replace" for flag in other.flags}
                self.flags = [flag for flag in self.flags if flag not in held.flags or flag in elsewhere]


def _by_rule(controls: Sequence[Control]) -> Iterator[list[Control]]:
    rules = dict.fromkeys(held.rule for held in controls)
    for rule in sorted(rules, key=lambda rule: _FIRST.index(rule) if rule in _FIRST else len(_FIRST)):
        yield [held for held in controls if held.rule == rule]


def _hold(held: Control, found: Candidate) -> Candidate:
    blockers = tuple(dict.fromkeys((*found.blockers, *([held.blocker] if held.blocker else []))))
    return replace(found, blockers=blockers, facts=found.facts + held.facts)


def _same(held: Control, found: Candidate) -> Candidate:
    return replace(found, facts=found.facts + held.facts)
