from __future__ import annotations

from uuid import UUID

from fhir_svc.store.ids import new_id


def test_later_ids_sort_after_earlier_ones_and_differ():
    made = [new_id() for _ in range(1_000)]
    assert len(set(made)) == len(made)
    assert sorted(made, key=lambda one: one[:19]) == made
    assert all(str(UUID(one)) == one and UUID(one).version == 4 for one in made)
