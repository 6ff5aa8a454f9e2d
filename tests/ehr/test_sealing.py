"""What is sealed opens with its key, at its place, and nowhere else."""

import pytest

from fhir_svc.ehr import sealing
from fhir_svc.errors import Broken

KEY = "k" * 40
PLACE = ("north", "s1", "https://hooks.north.example/in")
VALUE = "Bearer \u00e4 SECRET"


def test_what_is_sealed_says_nothing_and_opens_at_its_place():
    kept = sealing.seal(VALUE, KEY, *PLACE)
    assert sealing.is_sealed(kept)
    assert "SECRET" not in kept
    assert sealing.unseal(kept, KEY, *PLACE) == VALUE
    assert sealing.seal(VALUE, KEY, *PLACE) != kept, "the same value twice is not to be seen as the same"


def test_what_an_earlier_release_kept_in_clear_is_read_as_it_is():
    assert not sealing.is_sealed("Bearer abc")
    assert sealing.unseal("Bearer abc", KEY, *PLACE) == "Bearer abc"


@pytest.mark.parametrize(
    ("key", "place"),
    [
        ("x" * 40, PLACE),
        (KEY, ("south", *PLACE[1:])),
        (KEY, ("north", "s2", PLACE[2])),
        (KEY, (*PLACE[:2], "https://hooks.evil.example/in")),
        (KEY, PLACE[:2]),
    ],
)
def test_it_opens_with_no_other_key_and_at_no_other_place(key, place):
    kept = sealing.seal(VALUE, KEY, *PLACE)
    with pytest.raises(Broken) as refused:
        sealing.unseal(kept, key, *place)
    assert refused.value.issues[0].error == "authorization-unreadable"


@pytest.mark.parametrize("spoil", [lambda one: one[:-2], lambda one: one[:-6] + "AAAAAA", lambda _: sealing.MARK])
def test_what_was_tampered_with_does_not_open(spoil):
    with pytest.raises(Broken):
        sealing.unseal(spoil(sealing.seal(VALUE, KEY, *PLACE)), KEY, *PLACE)
