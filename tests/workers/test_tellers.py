"""Whoever hangs, fails or is slow holds up nobody else, and each row is told once at a time."""

import threading

import pytest

from tests.workers.conftest import until
from workers import tellers as module
from workers.tellers import MOST_DOUBTFUL, MOST_OF_ONE, THREADS, Tellers


class Telling:
    """What is told: `begun` in its order; rows whose name starts with `h` hang until they are let go."""

    def __init__(self):
        self.begun, self.ended = [], []
        self.go = threading.Event()
        self.tellers = Tellers(self)

    def __call__(self, row):
        self.begun.append(row)
        if row.startswith("h"):
            self.go.wait(60)
        if row.startswith("bug"):
            raise ValueError(row)
        self.ended.append(row)

    def take(self, *rows, of, failed=False):
        for row in rows:
            self.tellers.take(row, of, failed=failed)


@pytest.fixture
def telling():
    found = Telling()
    yield found
    found.go.set()
    found.tellers.close(60)


def hanging(many, name="h"):
    return [f"{name}{number}" for number in range(many)]


def test_sixty_that_hang_take_two_threads_and_another_is_told_at_once(telling):
    telling.take(*hanging(60), of="one")
    telling.take("a", "b", of="another")
    until(lambda: set(telling.ended) == {"a", "b"})
    until(lambda: set(telling.begun) == {"h0", "h1", "a", "b"})
    assert MOST_OF_ONE == 2


def test_all_who_failed_share_half_of_the_threads(telling):
    for number in range(THREADS * 2):
        telling.take(f"h{number}", of=number, failed=True)
    telling.take("a", of="another")
    until(lambda: telling.ended == ["a"])
    until(lambda: len(telling.begun) == MOST_DOUBTFUL + 1)


def test_what_never_failed_goes_before_what_failed_of_the_same_subscriber(telling):
    telling.take(*hanging(3), of="one", failed=True)
    telling.take("a", "b", of="one")
    until(lambda: set(telling.ended) == {"a", "b"})
    until(lambda: set(telling.begun) == {"h0", "a", "b"})


def test_whoever_was_slow_gets_one_thread_until_it_is_quick_again(telling, monkeypatch):
    monkeypatch.setattr(module, "SLOW", 0.0)
    telling.take("a", of="one")
    until(lambda: not telling.tellers.knows("a"))
    telling.take("h0", "h1", of="one")
    telling.take("b", of="another")
    until(lambda: "b" in telling.ended)
    assert "h1" not in telling.begun
    monkeypatch.setattr(module, "SLOW", 60.0)
    telling.go.set()
    until(lambda: "h1" in telling.ended)
    telling.go.clear()
    telling.take("h2", "h3", of="one")
    until(lambda: {"h2", "h3"} <= set(telling.begun))


def test_everything_is_told_in_the_end_and_subscribers_take_turns(telling):
    for one in "xyz":
        telling.take(*hanging(10, f"h{one}"), of=one, failed=True)
    telling.take(*hanging(20, "hw"), of="w")
    telling.go.set()
    until(lambda: len(telling.ended) == 50)
    assert len(set(telling.ended)) == 50


def test_a_row_that_is_said_again_is_told_once_and_again_when_it_ended(telling):
    telling.take("h0", "h1", "h2", "h2", of="one")
    telling.take("h0", of="one")
    assert telling.tellers.knows("h2")
    telling.go.set()
    until(lambda: len(telling.ended) == 3)
    until(lambda: not telling.tellers.knows("h0"))
    telling.take("h0", of="one")
    until(lambda: telling.ended.count("h0") == 2)


def test_a_failure_of_the_service_itself_costs_no_thread(telling, capfd):
    telling.take(*[f"bug{number}" for number in range(THREADS * 2)], of="one")
    telling.take("a", of="one")
    until(lambda: telling.ended == ["a"])
    assert "ValueError" in "".join(capfd.readouterr())


def test_what_is_under_way_ends_and_nothing_more_begins_when_it_closes(telling):
    telling.take(*hanging(4), of="one")
    closing = threading.Thread(target=telling.tellers.close, args=(60,))
    closing.start()
    until(lambda: telling.tellers._closed)
    telling.go.set()
    closing.join(60)
    telling.take("late", of="another")
    assert set(telling.begun) == set(telling.ended) == {"h0", "h1"}
