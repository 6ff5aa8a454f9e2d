"""A worker that hangs is ended; one that is idle, busy or without a broker is not."""

import tempfile
import time

import pytest
from redis import Redis

from fhir_svc.store import work
from workers import watchdog
from workers.equipment import equip
from workers.slots import take_name
from workers.watchdog import Signs, Watchdog


@pytest.mark.parametrize(
    ("signs", "hung"),
    [
        (Signs(up=60, idle=60, oldest_due=60, waiting=3), True),
        (Signs(up=10, idle=60, oldest_due=60, waiting=3), False),
        (Signs(up=60, idle=10, oldest_due=60, waiting=3), False),
        (Signs(up=60, idle=60, oldest_due=10, waiting=3), False),
        (Signs(up=60, idle=60, oldest_due=60, waiting=0), False),
    ],
)
def test_only_work_in_reach_and_no_progress_together_are_a_hang(signs, hung):
    assert signs.hung is hung


def test_due_rows_and_messages_that_nobody_takes_end_the_process(store, equipment, valkey, monkeypatch):
    monkeypatch.setattr(watchdog, "PATIENCE", 0.2)
    ended = []
    dog = Watchdog(equipment, valkey.url, ("evaluate",), end=lambda: ended.append(1))
    store.submit("g1")
    broker = Redis.from_url(valkey.url)
    broker.rpush("evaluate", "x")
    broker.close()
    dog.released()
    time.sleep(0.3)
    dog.watch()
    assert ended == [1]
    with store.database.reading() as tx:
        assert [(one.worker, one.role) for one in work.workers(tx)] == [("tester", "worker")]


def test_work_of_other_queues_is_no_business_of_this_worker(store, equipment, valkey):
    store.submit("g1")
    assert Watchdog(equipment, valkey.url, ("write_back",)).look().oldest_due == 0


def test_without_a_broker_nothing_is_said_of_the_worker(store, equipment, valkey):
    dog = Watchdog(equipment, valkey.url, ("evaluate",))
    valkey.kill()
    assert dog.look() is None


def test_two_workers_never_share_a_name_and_a_name_comes_back(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))  # other runs of these tests take names too
    with take_name("test-lane") as first, take_name("test-lane") as second:
        assert first != second
    with take_name("test-lane") as again:
        assert again == first


@pytest.mark.parametrize(
    ("found", "said"), [("{", "shadow-unusable"), (None, "shadow-unusable"), ("good", None), ("unset", None)]
)
def test_a_worker_reports_that_the_criteria_to_be_tried_out_can_not_be_loaded(
    settings, store, valkey, tmp_path, found, said
):
    folder = tmp_path / "profiles"
    if found == "{":
        (folder / "PlanDefinition").mkdir(parents=True)
        (folder / "PlanDefinition" / "lbp-lss.json").write_text(found)
    tried = settings.profiles_dir if found == "good" else None if found == "unset" else folder
    worker = equip(settings.model_copy(update={"shadow_profiles_dir": tried}), "tester")
    Watchdog(worker, valkey.url, ("evaluate",)).look()
    with store.database.reading() as tx:
        assert [one.trouble for one in work.workers(tx)] == [said]
