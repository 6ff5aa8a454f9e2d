"""What an operator mistypes is refused in one clear line, with an exit status, and nothing is stored."""

import json

import pytest
from click.testing import CliRunner
from joserfc.jwk import ECKey, OctKey, RSAKey

from fhir_svc.cli import main
from fhir_svc.store import accounts, clients, tenants
from fhir_svc.store.audit import search

EC = ECKey.generate_key("P-384", {"kid": "k"})
RSA = RSAKey.generate_key(2048, {"kid": "r"})
PUBLIC = EC.as_dict(private=False)


@pytest.fixture
def file(tmp_path):
    """Writes a file and gives its path."""

    def write(content):
        path = tmp_path / "given"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return str(path)

    return write


def refused(console, *words, given=None):
    """The one line with which a command was refused; nothing may have been stored."""
    result = console.type(*words, given=given)
    assert result.exit_code != 0, result.output
    assert "Traceback" not in result.output
    assert isinstance(result.exception, SystemExit)
    with console.database.reading() as tx:
        assert [one.name for one in tenants.all_of(tx)] == ["north"]
        assert clients.all_of(tx) == []
        assert accounts.all_of(tx) == []
        assert search(tx, "north", [], count=5).entries == []
    return result.output.splitlines()[-1]


TENANT = {"name": "south", "--ehr": "https://ehr.south.example/fhir", "--timezone": "Europe/Rome"}


def words_of(given):
    words = [given["name"]]
    for option, value in given.items():
        words += [option, value] if option.startswith("-") else []
    return words


@pytest.mark.parametrize(
    ("option", "value"),
    [
        *(("name", name) for name in ("", " ", "no rth/../x", "..", "a/b", "a\nb", "x" * 65, "-x.", "naïve")),
        *(
            ("--ehr", url)
            for url in (
                "",
                "notaurl",
                "ftp://x.example/y",
                "file:///etc/passwd",
                "https://",
                "https:///fhir",
                "http://user:secret@ehr.south.example/fhir",
                "http://ehr.south.example/fhir?x=y",
                "https://user:secret@ehr.south.example/fhir",
                "https://ehr.south.example:port/fhir",
                "https://ehr.south.example:99999/fhir",
                "https://ehr south.example/fhir",
                "https://ehr.south.example/fhir?x=y",
                "https://ehr.south.example/fhir#x",
                "https://[::1/fhir",
                "javascript:alert(1)",
            )
        ),
        *(("--identifier-system", uri) for uri in ("", "mrn", "no scheme", "https://x.example/a b")),
        ("--timezone", "Europe/Nowhere"),
        ("--timezone", ""),
    ],
)
def test_a_tenant_that_could_never_work_is_not_added(console, option, value):
    words = words_of(TENANT | {option: value})
    assert refused(console, "tenant", "add", *(["--", words[0], *words[1:]] if value == "-x." else words))


def test_an_ehr_is_called_with_client_and_key_or_with_neither(console, file):
    key = file(EC.as_pem(private=True))
    assert "go together" in refused(console, "tenant", "add", *words_of(TENANT), "--ehr-key", key)
    assert "go together" in refused(console, "tenant", "add", *words_of(TENANT), "--ehr-client", "svc")


@pytest.mark.parametrize(
    "content",
    [
        "",
        "no key",
        b"\xff\xfe\x00",
        "{}",
        "{nonsense",
        EC.as_pem(private=False),
        ECKey.generate_key("P-256").as_pem(private=True),
        json.dumps(PUBLIC),
        json.dumps(OctKey.generate_key(256).as_dict(private=True)),
    ],
    ids=["empty", "text", "bytes", "an empty object", "no JSON", "public", "another curve", "public JWK", "symmetric"],
)
def test_a_file_without_a_private_key_is_not_taken_for_one(console, file, content):
    words = [*words_of(TENANT), "--ehr-client", "svc", "--ehr-key", file(content)]
    assert "--ehr-key" in refused(console, "tenant", "add", *words)


def test_a_key_file_that_is_not_there_is_told(console, tmp_path):
    words = [*words_of(TENANT), "--ehr-client", "svc", "--ehr-key", str(tmp_path / "none.pem")]
    assert "does not exist" in refused(console, "tenant", "add", *words)


@pytest.mark.parametrize(
    ("ehr", "kept"),
    [
        ("https://ehr.south.example/fhir/", "https://ehr.south.example/fhir"),
        ("https://ehr.south.example:8443/r4", "https://ehr.south.example:8443/r4"),
        ("http://127.0.0.1:9090/fhir", "http://127.0.0.1:9090/fhir"),
        ("http://ehr.south.example/https/fhir/", "http://ehr.south.example/https/fhir"),
        ("http://localhost:9090", "http://localhost:9090"),
        ("http://[::1]:9090/fhir", "http://[::1]:9090/fhir"),
    ],
)
@pytest.mark.parametrize("key", [EC, RSA], ids=["EC", "RSA"])
def test_a_tenant_that_can_work_is_added(console, file, ehr, kept, key):
    words = words_of(TENANT | {"--ehr": ehr, "--identifier-system": "urn:oid:1.2.3"})
    console.say("tenant", "add", *words, "--ehr-client", "svc", "--ehr-key", file(key.as_pem(private=True)))
    with console.database.reading() as tx:
        found = tenants.find(tx, "south")
    assert (found.ehr_base, found.ehr_client, found.identifier_systems) == (kept, "svc", ("urn:oid:1.2.3",))


KEYS = json.dumps({"keys": [PUBLIC]})


@pytest.mark.parametrize(
    "scope",
    [
        "",
        " ",
        "nonsense",
        "user/*.cruds",
        "patient/Patient.rs",
        "system/Bogus.rs",
        "system/Patient.sr",
        "system/Patient.",
        "system/*.cruds launch",
        "system/Observation.rs?category=vital-signs",
    ],
)
def test_a_scope_that_could_never_be_granted_is_refused(console, file, scope):
    assert refused(console, "client", "add", "one", "--tenant", "north", "--scope", scope, "--jwks", file(KEYS))


@pytest.mark.parametrize("name", ["", "s 7/..", "../x", "a\tb", "x" * 65])
def test_a_client_is_named_by_a_plain_id(console, file, name):
    words = ["--tenant", "north", "--scope", "system/*.cruds", "--jwks", file(KEYS)]
    assert "name" in refused(console, "client", "add", name, *words)


@pytest.mark.parametrize(
    "url",
    [
        "http://keys.example/jwks",
        "https://10.0.0.7/jwks",
        "https://169.254.169.254/jwks",
        "https://",
        "https://user:secret@keys.example/jwks",
        "ftp://keys.example/jwks",
        "file:///etc/passwd",
    ],
)
def test_a_key_set_that_is_never_fetched_is_refused(console, url):
    words = ["--tenant", "north", "--scope", "system/*.cruds", "--jwks", url]
    assert "public" in refused(console, "client", "add", "one", *words)


@pytest.mark.parametrize(
    "content",
    [
        "",
        "nonsense",
        "[]",
        "7",
        "{}",
        '{"keys": []}',
        '{"keys": [7]}',
        '{"keys": 7}',
        '{"keys": [{}]}',
        json.dumps(PUBLIC),
        json.dumps({"keys": [EC.as_dict(private=True)]}),
        json.dumps({"keys": [OctKey.generate_key(256, {"kid": "o"}).as_dict(private=True)]}),
        json.dumps({"keys": [{name: value for name, value in PUBLIC.items() if name != "kid"}]}),
        json.dumps({"keys": [ECKey.generate_key("P-256", {"kid": "p"}).as_dict(private=False)]}),
        json.dumps({"keys": [PUBLIC | {"use": "enc"}]}),
    ],
    ids=str.split("empty text list number object none seven no-list untyped bare private symmetric nameless P-256 enc"),
)
def test_a_key_set_with_which_nobody_can_prove_themselves_is_refused(console, file, content):
    words = ["--tenant", "north", "--scope", "system/*.cruds", "--jwks", file(content)]
    assert refused(console, "client", "add", "one", *words)


@pytest.mark.parametrize("endpoint", ["", "x", "http://app.example/hook", "file:///x"])
def test_an_endpoint_that_is_never_called_is_refused(console, file, endpoint):
    words = ["--tenant", "north", "--scope", "system/*.cruds", "--jwks", file(KEYS), "--endpoint", endpoint]
    assert "--endpoint" in refused(console, "client", "add", "one", *words)


@pytest.mark.parametrize(
    ("client", "scope"),
    [
        ("north-ehr", "system/*.cruds"),
        ("north_ehr.2", "system/Observation.rs  system/PlanDefinition.r"),
        ("app@north", "system/*.read system/Observation.write system/Subscription.cruds system/Task.*"),
    ],
)
@pytest.mark.parametrize("jwks", ["file", "https://keys.north.example:8443/jwks.json"])
def test_a_client_that_can_get_a_token_is_added(console, file, client, scope, jwks):
    others = {"keys": [PUBLIC, ECKey.generate_key("P-256", {"kid": "p"}).as_dict(private=False)]}
    given = file(json.dumps(others)) if jwks == "file" else jwks
    console.say("client", "add", client, "--tenant", "north", "--scope", scope, "--jwks", given)
    with console.database.reading() as tx:
        found = clients.find(tx, client)
    assert found.scope.split() == scope.split()
    assert (found.jwks_url, found.jwks) == ((None, others) if jwks == "file" else (jwks, None))


USER = ["--tenant", "north", "--role", "physician", "--practitioner", "1234", "--licence", "GMC-7"]


@pytest.mark.parametrize(
    "words",
    [
        ["", *USER],
        ["a b", *USER],
        ["../alice", *USER],
        ["alice", *USER, "--practitioner", "a/b"],
        ["alice", *USER, "--practitioner", ""],
        ["alice", *USER, "--licence", " "],
        ["alice", *USER, "--full-name", " "],
        ["alice", *USER, "--full-name", "Alice\nAdmin"],
        ["alice", *USER, "--tenant", "nowhere"],
    ],
)
def test_a_user_who_could_never_sign_is_not_added(console, words):
    assert refused(console, "user", "add", *words, given="a long enough password\n")


@pytest.mark.parametrize("password", ["", "\n", "short\n"])
def test_a_user_without_a_usable_password_is_not_added(console, password):
    assert refused(console, "user", "add", "alice", *USER, given=password)


def test_a_practitioner_may_be_named_by_reference(console):
    words = [*USER, "--practitioner", "Practitioner/1234"]
    console.say("user", "add", "alice", *words, given="a long enough password\n")
    with console.database.reading() as tx:
        assert accounts.by_username(tx, "alice").practitioner == "1234"


def test_what_has_ended_is_called_ended(console, file):
    console.say("user", "add", "carol", *USER, given="a long enough password\n")
    console.say("client", "add", "one", "--tenant", "north", "--scope", "system/*.rs", "--jwks", file(KEYS))
    for group, act, name, ended in (("user", "disable", "carol", "disabled"), ("client", "revoke", "one", "revoked")):
        console.say(group, act, name)
        again = console.type(group, act, name)
        assert (again.exit_code, f"is {ended} already" in again.output) == (1, True)
        assert console.type(group, act, "nobody").output.strip().endswith(("no such account.", "no such client."))


def test_the_chains_of_the_audit_are_counted_in_english(console):
    console.say("tenant", "set", "north", "--timezone", "Europe/Rome")
    assert console.say("audit", "verify") == "1 chain, 1 entry, nothing wrong\n"
    console.say("tenant", "add", *words_of(TENANT))
    assert console.say("audit", "verify") == "2 chains, 2 entries, nothing wrong\n"


COMMANDS = [
    ("db", "upgrade"),
    ("tenant", "list"),
    ("tenant", "show", "north"),
    ("client", "list"),
    ("user", "list"),
    ("audit", "verify"),
    ("criteria", "show", "R01"),
]


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
@pytest.mark.parametrize("name", ["FHIR_SVC_DATABSE_URL", "FHIR_SVC_BASE_URL_FILE", "FHIR_SVC_"])
def test_a_setting_that_is_none_is_refused_by_every_command_and_no_value_is_shown(console, monkeypatch, words, name):
    monkeypatch.setenv(name, "CANARY")
    said = refused(console, *words)
    assert said == f"Error: {name}: no such setting"


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_the_settings_of_the_roles_are_no_hindrance_to_a_command(console, monkeypatch, tmp_path, words):
    key = tmp_path / "key"
    key.write_text("k" * 48)
    monkeypatch.setenv("FHIR_SVC_AUDIT_KEY_FILE", str(key))
    monkeypatch.setenv("FHIR_SVC_LOG_LEVEL", "info")
    monkeypatch.setenv("FHIR_SERVICE", "somebody else's")
    console.say(*words)


def test_a_misspelt_setting_is_refused_before_any_table_is_made(monkeypatch, tmp_path):
    path = tmp_path / "new.db"
    monkeypatch.setenv("FHIR_SVC_DATABASE_URL", f"sqlite:///{path}")
    monkeypatch.setenv("FHIR_SVC_SIGNING_KYE", "CANARY")
    result = CliRunner().invoke(main, ["db", "upgrade"])
    assert result.exit_code == 1
    assert result.output == "Error: FHIR_SVC_SIGNING_KYE: no such setting\n"
    assert not path.exists()
