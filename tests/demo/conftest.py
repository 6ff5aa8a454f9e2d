"""A sandbox EHR on loopback."""

import pytest

from tests import sandbox


@pytest.fixture
def base(tmp_path):
    with sandbox.running(tmp_path) as ehr:
        yield ehr.base
