"""People log in, stay as long as they may, and guessing is slow."""

from datetime import timedelta

import pytest

from fhir_svc.auth import accounts
from fhir_svc.auth.accounts import hash_password, wait
from fhir_svc.auth.actor import Role
from fhir_svc.auth.sessions import COOKIE, PLAIN_COOKIE
from fhir_svc.errors import Unprocessable
from fhir_svc.store import accounts as rows
from fhir_svc.store import audit
from tests.web.cast import codes
from tests.web.drafting import PASSWORD, set_passwords

PAGE = {"Accept": "text/html"}
MINUTE = 60_000


@pytest.fixture
def door(house):
    accounts._UNKNOWN._failures.clear()  # of this process: other tests guess too
    set_passwords(house.database, "alice", "bob", "ada")
    return house


def log_in(house, username="alice", password=PASSWORD, *, browser=None, headers=None, **more):
    fields = {"username": username, "password": password} | more
    return (browser or house.app.test_client()).post(
        "/login", data=fields, headers=PAGE if headers is None else headers
    )


def cookie_of(answer):
    return next(header for name, header in answer.headers if name == "Set-Cookie")


@pytest.mark.parametrize(("who", "page"), [("alice", "/inbox"), ("ada", "/queue")])
def test_each_role_lands_on_its_own_page(door, who, page):
    browser = door.app.test_client()
    answer = log_in(door, who, browser=browser)
    assert (answer.status_code, answer.headers["Location"]) == (303, page)
    assert browser.get(page, headers=PAGE).status_code == 200


def test_json_is_taken_as_well_as_a_form(door):
    browser = door.app.test_client()
    answer = browser.post("/login", json={"username": "alice", "password": PASSWORD})
    assert (answer.status_code, answer.json) == (200, {"name": "Alice", "role": "physician"})
    assert browser.post("/login/confirm", json={"password": PASSWORD}).status_code == 200
    assert browser.get("/fhir/Task").status_code == 200


def test_the_cookie_is_for_this_host_and_no_script(door):
    cookie = cookie_of(log_in(door))
    assert cookie.startswith(f"{PLAIN_COOKIE}=")
    assert {"HttpOnly", "SameSite=Strict", "Path=/"} <= set(cookie.split("; "))
    assert "Domain" not in cookie


def test_off_loopback_the_cookie_needs_tls(door):
    answer = door.app.test_client().post(
        "/login", data={"username": "alice", "password": PASSWORD}, headers=PAGE | {"Host": "clinic.example"}
    )
    cookie = cookie_of(answer)
    assert cookie.startswith(f"{COOKIE}=")
    assert {"Secure", "HttpOnly", "SameSite=Strict", "Path=/"} <= set(cookie.split("; "))


def test_the_store_holds_no_session_secret_and_no_password(door):
    secret = cookie_of(log_in(door)).partition("=")[2].partition(";")[0]
    content = door.database.url.database and b"".join(
        path.read_bytes() for path in __import__("pathlib").Path(door.database.url.database).parent.glob("*.db*")
    )
    assert secret.encode() not in content
    assert PASSWORD.encode() not in content


def test_a_login_gives_a_new_session_and_ends_the_one_it_came_with(door):
    browser = door.app.test_client()
    browser.set_cookie(PLAIN_COOKIE, "planted-by-somebody-else", domain="localhost")
    first = cookie_of(log_in(door, browser=browser))
    assert "planted" not in first
    second = cookie_of(log_in(door, browser=browser))
    assert first != second
    other = door.app.test_client()
    other.set_cookie(PLAIN_COOKIE, first.partition("=")[2].partition(";")[0], domain="localhost")
    assert other.get("/fhir/Task").status_code == 401


@pytest.mark.parametrize("column", ["seen", "created"])
def test_a_session_ends_after_rest_and_after_half_a_day(door, column):
    browser = door.app.test_client()
    log_in(door, browser=browser)
    longest = {"seen": 15, "created": 12 * 60}[column]
    for minutes, status in ((longest - 1, 200), (2, 401)):
        with door.database.transaction() as tx:
            tx.exec_driver_sql(f"UPDATE sessions SET {column} = {column} - {minutes * MINUTE}")  # noqa: S608
        if status == 401 and column == "seen":
            with door.database.transaction() as tx:
                tx.exec_driver_sql(f"UPDATE sessions SET seen = seen - {longest * MINUTE}")  # noqa: S608
        assert browser.get("/fhir/Task").status_code == status
    answer = browser.get("/inbox", headers=PAGE)
    assert (answer.status_code, answer.headers["Location"]) == (303, "/login?next=/inbox")


def test_logging_out_ends_the_session_for_everybody_who_has_its_cookie(door):
    browser = door.app.test_client()
    cookie = cookie_of(log_in(door, browser=browser)).partition("=")[2].partition(";")[0]
    assert browser.post("/logout", headers=PAGE).status_code == 200
    other = door.app.test_client()
    other.set_cookie(PLAIN_COOKIE, cookie, domain="localhost")
    assert other.get("/fhir/Task").status_code == 401


def test_a_disabled_account_is_out_at_once_and_stays_out(door):
    browser = door.app.test_client()
    log_in(door, browser=browser)
    with door.database.transaction() as tx:
        rows.disable(tx, "alice")
    assert browser.get("/fhir/Task").status_code == 401
    assert log_in(door).status_code == 401


@pytest.mark.parametrize(
    ("username", "password"), [("alice", "wrong"), ("nobody", PASSWORD), ("", ""), ("alice", "x" * 5000)]
)
def test_wrong_names_and_wrong_passwords_look_alike(door, username, password):
    answer = log_in(door, username, password, headers={})
    assert (answer.status_code, codes(answer)) == (401, ["login-failed"])
    assert "Set-Cookie" not in answer.headers
    page = log_in(door, username, password)
    assert page.status_code == 401
    assert b"The user name or the password is not right." in page.data


@pytest.fixture
def unhurried(monkeypatch):
    """Waits that no machine is slow enough to miss: 60 times as long."""
    monkeypatch.setattr(accounts, "wait", lambda failures: 60 * wait(failures))


@pytest.mark.parametrize("username", ["bob", "a-name-that-nobody-has"])
def test_guessing_is_slowed_down_whether_the_name_is_known_or_not(door, unhurried, username):
    answers = [log_in(door, username, f"guess {attempt}", headers={}) for attempt in range(6)]
    assert [answer.status_code for answer in answers] == [401] * 5 + [429]
    assert int(answers[-1].headers["Retry-After"]) >= 1
    if username == "bob":
        assert log_in(door, username, headers={}).status_code == 429  # the right one has to wait too


def test_the_wait_doubles_and_ends(door):
    assert [wait(failures).total_seconds() for failures in (5, 6, 10)] == [1, 2, 32]
    assert wait(500) == timedelta(minutes=15)
    for _ in range(5):
        log_in(door, "bob", "wrong", headers={})
    with door.database.transaction() as tx:
        tx.exec_driver_sql("UPDATE accounts SET last_failure = last_failure - 1000 WHERE username = 'bob'")
    assert log_in(door, "bob").status_code == 303
    with door.database.reading() as tx:
        assert rows.by_username(tx, "bob").failures == 0


def test_confirming_with_a_wrong_password_confirms_nothing_and_counts(door, unhurried):
    browser = door.app.test_client()
    log_in(door, browser=browser)
    for _ in range(5):
        assert browser.post("/login/confirm", json={"password": "wrong"}).status_code == 401
    assert browser.post("/login/confirm", json={"password": "wrong"}).status_code == 429
    with door.database.reading() as tx:
        assert tx.exec_driver_sql("SELECT count(*) FROM sessions WHERE confirmed IS NOT NULL").scalar_one() == 0


def test_confirming_needs_a_session(door):
    assert door.app.test_client().post("/login/confirm", json={"password": PASSWORD}).status_code == 401
    answer = door.call("POST", "/login/confirm", {"password": PASSWORD}, headers={"Content-Type": "application/json"})
    assert answer.status_code == 403  # a system has no password


@pytest.mark.parametrize(
    "headers", [{"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}, {"Origin": "null"}]
)
@pytest.mark.parametrize("path", ["/login", "/login/confirm", "/logout"])
def test_a_foreign_page_logs_nobody_in_or_out(door, path, headers):
    browser = door.app.test_client()
    log_in(door, browser=browser)
    assert browser.post(path, data={"username": "bob", "password": PASSWORD}, headers=headers).status_code == 403
    assert browser.get("/fhir/Task").status_code == 200


@pytest.mark.parametrize(
    "target", ["https://evil.example", "//evil.example", "/\\evil.example", "javascript:alert(1)", "/login"]
)
def test_signing_in_leads_nowhere_else(door, target):
    assert log_in(door, next=target).headers["Location"] == "/inbox"


def test_logins_and_refusals_are_audited(door):
    browser = door.app.test_client()
    log_in(door, browser=browser, password="wrong")
    log_in(door, browser=browser)
    browser.post("/login/confirm", json={"password": PASSWORD})
    browser.post("/logout")
    with door.database.reading() as tx:
        found = audit.search(tx, "north", [], count=50).entries
    told = [(each.content["subtype"][0]["code"], each.content["outcome"]) for each in reversed(found)]
    assert told == [("110122", "4"), ("110122", "0"), ("confirm", "0"), ("110123", "0")]


# -- accounts


@pytest.mark.parametrize("password", ["", "short", "eleven char", "x" * 1025])
def test_a_weak_or_absurd_password_is_not_kept(password):
    with pytest.raises(Unprocessable):
        hash_password(password)


def test_passwords_are_kept_as_argon2id():
    assert hash_password(PASSWORD).startswith("$argon2id$")
    assert hash_password(PASSWORD) != hash_password(PASSWORD)


@pytest.mark.parametrize(
    ("role", "practitioner", "licence", "error"),
    [
        (Role.SYSTEM, None, None, "role-unknown"),
        (Role.PHYSICIAN, None, "L1", "no-licence"),
        (Role.PHYSICIAN, "pr", None, "no-licence"),
    ],
)
def test_nobody_becomes_what_they_are_not(door, role, practitioner, licence, error):
    with pytest.raises(Unprocessable) as refused, door.database.transaction() as tx:
        accounts.add(
            tx,
            username="eve",
            name="Eve",
            tenant="north",
            role=role,
            password=PASSWORD,
            practitioner=practitioner,
            licence=licence,
        )
    assert refused.value.issues[0].error == error


def test_an_added_physician_can_log_in(door):
    with door.database.transaction() as tx:
        accounts.add(
            tx,
            username="dan",
            name="Dan",
            tenant="north",
            role=Role.PHYSICIAN,
            password=PASSWORD,
            practitioner="pr-dan",
            licence="L9",
        )
    assert log_in(door, "dan").status_code == 303
