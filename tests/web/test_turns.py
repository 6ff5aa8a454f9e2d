"""Bundles about the same wait for each other, and nobody else waits for them."""

import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from fhir_svc.errors import Unavailable
from fhir_svc.store import database
from fhir_svc.store import resources as stored
from fhir_svc.web import bundles, turns
from fhir_svc.web.turns import Turns
from tests.web.cast import MRN, house_on, intake_form, observation, patient, record, transaction

SEATS = 2


class Watched(Turns):
    """Turns that can be looked at."""

    def waiting(self):
        with self._changed:
            return sum(not self._is_free(one) for one in self._line)

    def is_full(self):
        free = self._seats.acquire(blocking=False)
        if free:
            self._seats.release()
        return not free


def eventually(met):
    """Wait for what another thread is about to do."""
    until = time.monotonic() + 120
    while not met():
        assert time.monotonic() < until
        time.sleep(0.01)


@pytest.fixture
def seats(monkeypatch):
    """Few seats, for Bundles and records."""
    made = Watched(SEATS)
    monkeypatch.setattr(turns, "TURNS", made)
    return made


def updates(turn, kind):
    entries = [("PUT", f"Observation/{name}", observation(id=name, note=[{"text": str(turn)}])) for name in "ab"]
    return "/fhir", transaction(*entries, kind=kind)


def pointer(turn):
    changed = observation(f"Patient?identifier={MRN}|12345", note=[{"text": str(turn)}])
    return "/fhir", transaction(("POST", "Observation", changed))


CROSSING = {
    "batch": lambda turn: updates(turn, "batch"),
    "transaction": lambda turn: updates(turn, "transaction"),
    "record": lambda turn: ("/fhir/$submit", record(observation(id="a", note=[{"text": str(turn)}]))),
    "conditional reference": pointer,
    "known person": lambda turn: ("/fhir", transaction(("POST", "Patient", patient(multipleBirthInteger=turn)))),
}


def held(tx, name):
    """Hold what one of these Bundles needs, as a slow one would."""
    if name == "conditional reference":
        stored.exclusive(tx, "north", "Patient?", "", f"identifier={MRN}|12345")
    elif name == "known person":
        stored.exclusive(tx, "north", "Patient.identifier", MRN, "12345")
    else:
        stored.put(tx, "north", observation(id="a"), patient="p1", ours=False)


@pytest.mark.postgres
@pytest.mark.parametrize("name", CROSSING)
def test_a_form_in_a_bundle_does_not_wait_for_bundles_that_wait_for_each_other(postgres_database, built, seats, name):
    house = house_on(postgres_database, built)
    house.call("PUT", "/fhir/Patient/p1", patient(id="p1"))
    many = SEATS + 2
    with ThreadPoolExecutor(many + 1) as pool:
        with house.database.transaction() as tx:
            held(tx, name)
            crossing = [CROSSING[name](turn) for turn in range(many)]
            waiting = [pool.submit(house.call, "POST", *one) for one in crossing]
            eventually(lambda: seats.waiting() == many - 1)
            form = intake_form("Patient/p2")
            for path, body in (
                ("/fhir", transaction(("POST", form["resourceType"], form))),
                ("/fhir/$submit", record(form)),
            ):
                assert pool.submit(house.call, "POST", path, body).result(120).status_code == 200
            assert not any(one.done() for one in waiting)
        assert [one.result().status_code for one in waiting] == [200] * many
    assert seats.waiting() == 0


def test_who_stands_behind_somebody_about_the_same_waits_and_nobody_else(seats):
    told = []

    def go(name, *names):
        with seats.seat() as seat, seats.turn([(one,) for one in names], seat):
            told.append(name)

    with ThreadPoolExecutor() as pool:
        with seats.seat() as seat, seats.turn([("a",)], seat):
            first = pool.submit(go, "first", "a", "b")
            eventually(lambda: seats.waiting() == 1)
            second = pool.submit(go, "second", "b", "c")
            eventually(lambda: seats.waiting() == 2)
            for other in (("d",), ()):
                pool.submit(go, "other", *other).result(120)
        for one in (first, second):
            one.result(120)
    assert told == ["other", "other", "first", "second"]


def test_what_fails_gives_its_seat_and_its_turn_back(seats):
    for _ in range(SEATS + 1):
        with pytest.raises(ZeroDivisionError), seats.seat() as seat, seats.turn([("a",)], seat):
            raise ZeroDivisionError
    assert seats.waiting() == 0


@pytest.mark.parametrize("keep", [False, True])
def test_who_waits_too_long_is_told_to_come_back(seats, monkeypatch, keep):
    monkeypatch.setattr(database, "PATIENCE", 0.01)
    with seats.seat() as seat, seats.turn([("a",)], seat):
        for _ in range(SEATS + 1):
            with pytest.raises(Unavailable) as told, seats.seat() as own, seats.turn([("a",)], own, keep=keep):
                raise AssertionError
            assert told.value.headers["Retry-After"] == "1"
    with seats.seat() as seat, seats.turn([("a",)], seat):
        assert seats.waiting() == 0


@pytest.mark.parametrize("keep", [False, True])
def test_who_waits_gives_its_seat_away_unless_it_is_large(seats, keep):
    def come():
        with seats.seat() as seat, seats.turn([("a",)], seat, keep=keep):
            pass

    with ThreadPoolExecutor() as pool:
        with seats.seat() as seat, seats.turn([("a",)], seat):
            waiting = [pool.submit(come) for _ in range(SEATS - 1)]
            eventually(lambda: seats.waiting() == SEATS - 1)
            assert seats.is_full() == keep
        for one in waiting:
            one.result(120)
    assert not seats.is_full()


def test_whose_turn_it_is_goes_on_though_those_behind_it_have_all_the_seats(seats):
    def come(keep):
        with seats.seat() as seat, seats.turn([("a",)], seat, keep=keep):
            pass

    with ThreadPoolExecutor() as pool:
        with seats.seat() as seat:
            with seats.turn([("a",)], seat):
                waiting = [pool.submit(come, keep=False)]
                eventually(lambda: seats.waiting() == 1)
                for number in range(1, SEATS):
                    waiting.append(pool.submit(come, keep=True))
                    eventually(lambda number=number: seats.waiting() == 1 + number)
                assert seats.is_full()
            for one in waiting:
                one.result(120)
        assert not seats.is_full()


def test_what_counts_as_large_is_what_is_kept_small_in_memory_while_it_waits(house, monkeypatch):
    kept = []

    class Noting(Turns):
        def turn(self, names, seat, *, keep=False):
            kept.append(keep)
            return super().turn(names, seat, keep=keep)

    monkeypatch.setattr(turns, "TURNS", Noting())
    for length in (10, bundles.LARGE):
        note = observation(note=[{"text": "x" * length}])
        assert house.call("POST", "/fhir", transaction(("POST", "Observation", note))).status_code == 200
    assert kept == [False, True]
