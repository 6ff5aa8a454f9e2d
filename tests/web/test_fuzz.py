"""Whatever is sent, nobody gets a server error, a page instead of FHIR, or silence."""

from hypothesis import HealthCheck, given, settings

from tests.web.cast import make_house
from tests.web.fuzzing import asks, fault
from tests.web.hospital import Hospital


def test_no_request_breaks_the_service(template, built, tmp_path):
    house = make_house(template, built, tmp_path, rate_burst="1e9")
    hospital = Hospital(house)
    hospital.fill()
    statuses = set()

    @settings(max_examples=400, deadline=None, suppress_health_check=list(HealthCheck))
    @given(asks(hospital.rules()))
    def breaks_nothing(ask):
        answer = hospital.ask(ask)
        statuses.add(answer.status)
        assert fault(ask, answer) is None, answer.body[:300]

    breaks_nothing()
    house.close()
    assert {200, 201, 400, 401, 403, 404, 405, 415, 422} <= statuses  # it is no walk along the first fence
