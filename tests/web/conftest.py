"""The web as its callers meet it: a real database, the whole app, and the cast that calls it."""

import pytest

from fhir_svc.app import create_app
from fhir_svc.store.database import Database
from fhir_svc.web.services import build
from tests.web.cast import furnish, house_on, make_house, make_settings, prepare
from tests.web.drafting import Ward


@pytest.fixture(scope="session")
def template(tmp_path_factory):
    """A prepared SQLite file, copied for each test: migrating takes longer than copying."""
    path = tmp_path_factory.mktemp("web") / "template.db"
    database = Database(f"sqlite:///{path}")
    prepare(database)
    database.dispose()  # the last connection brings everything into the one file
    return path


@pytest.fixture(scope="session")
def built(template):
    """The services, built once: compiling schema and knowledge takes longer than a test."""
    return build(make_settings(f"sqlite:///{template}"))


@pytest.fixture(scope="session")
def _app(template, built):
    """The app of one test after the other: making its table of routes takes longer than a test."""
    return create_app(make_settings(f"sqlite:///{template}"), built=built)


@pytest.fixture
def house(template, built, _app, tmp_path):
    """A house of its own for a test."""
    found = furnish(template, built, tmp_path, _app)
    yield found
    found.close()


@pytest.fixture(scope="module")
def shared_house(template, built, tmp_path_factory):
    """One house for tests that store nothing or don't mind what others stored."""
    found = make_house(template, built, tmp_path_factory.mktemp("house"))
    yield found
    found.close()


@pytest.fixture
def postgres_house(postgres_database, built):
    """A house on PostgreSQL, where requests run at the same time."""
    return house_on(postgres_database, built)


@pytest.fixture
def ward(house):
    """A house that has received one patient and a form."""
    found = Ward(house)
    found.receive()
    return found
