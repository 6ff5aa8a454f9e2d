"""Bytes are parsed strictly, and written back exactly."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fhir_svc.errors import Rejected, TooLarge
from fhir_svc.intake.parse import DEPTH_LIMIT, encode, read_json

LIMIT = 2 * 1024 * 1024

MALFORMED = [
    b"", b" ", b"{", b"}", b"[", b"]", b"{]", b"[}", b"null", b"1", b'"a"', b"[]", b"[1]", b"true",
    b'{"a":1,}', b'{,"a":1}', b'{"a":[1,]}', b'{"a":[,1]}', b'{"a" 1}', b'{"a":}', b'{"a"}', b"{a:1}", b"{'a':1}",
    b'{"a":1}x', b'{"a":1}{}', b'{"a":1}\n{"a":1}', b'// c\n{"a":1}', b'{"a":1 /* c */}', b'{"a":1} # c',
    b'{"a":True}', b'{"a":nul}', b'{"a":undefined}', b'{"a":01}', b'{"a":+1}', b'{"a":.5}', b'{"a":5.}', b'{"a":1e}',
    b'{"a":0x10}', b'{"a":--1}', b'{"a":1_000}', b'{"a":"x', b'{"a":"\\x41"}', b'{"a":"\\u00"}', b'{"a":"\\"}',
    b'{"a":"x\ty"}', b'{"a":"x\ny"}', b'{"a":NaN}', b'{"a":Infinity}', b'{"a":-Infinity}', b'\xc2\xa0{"a":1}', b"{1:2}",
    b'{"a":1;"b":2}', b'\\u007b"a":1}', b'{"a":"b" "c"}', b'{{"a":1}}', b'<Patient xmlns="http://hl7.org/fhir"/>',
]  # fmt: skip
REFUSED = [
    ('{"a":1,"a":2}', "structure", "json-duplicate-key"),
    ('{"a":{"b":[{"c":1,"d":2,"c":1}]}}', "structure", "json-duplicate-key"),
    ('{"a":1,"\\u0061":2}', "structure", "json-duplicate-key"),
    ('{"a\\"":1,"a\\u0022":2}', "structure", "json-duplicate-key"),
    ('{"a": "x:y", "a" : "\\\\"}', "structure", "json-duplicate-key"),
    ('{"a":"","a":"\\u0022\\u0022\\u0022\\u0022"}', "structure", "json-duplicate-key"),
    ('{"a":"\\"","a":"\\u0022\\\\\\"\\u0022\\u0022\\u0022"}', "structure", "json-duplicate-key"),
    ('{"a":1e400}', "value", "json-number"),
    ('{"a":-1E-400}', "value", "json-number"),
    ('{"a":1e99999999999999999999}', "value", "json-number"),
    ('{"a":' + "1" * 5000 + "}", "value", "json-number"),
    ('{"a":0.' + "1" * 5000 + "}", "value", "json-number"),
    ('{"a":"\\u0000"}', "value", "json-character"),
    ('{"a":"x\\u001F"}', "value", "json-character"),
    ('{"a":"\\b"}', "value", "json-character"),
    ('{"\\u0007":1}', "value", "json-character"),
    ('{"a":"\x00"}', "value", "json-character"),
    ('{"a":"\x1f"}', "value", "json-character"),
    ('{"a":"\\ud800"}', "value", "json-character"),
    ('{"a":"\\udc00\\ud800"}', "value", "json-character"),
    ('{"a":"\\ud800x"}', "value", "json-character"),
    ("[" * 100_000, "too-costly", "too-deep"),
    ('{"a":' * 5_000, "too-costly", "too-deep"),
    ('{"a":' * (DEPTH_LIMIT + 1) + "1" + "}" * (DEPTH_LIMIT + 1), "too-costly", "too-deep"),
    ('{"a":"' + "x" * (1024 * 1024 + 1) + '"}', "too-costly", "string-too-long"),
]


def _issue(raw: bytes) -> tuple[int, str, str]:
    with pytest.raises(Rejected) as refusal:
        read_json(raw, limit=LIMIT)
    assert len(refusal.value.issues) == 1
    return refusal.value.status, refusal.value.issues[0].code, refusal.value.issues[0].error


@pytest.mark.parametrize("raw", MALFORMED)
def test_what_is_no_strict_json_object_is_refused(raw):
    assert _issue(raw) == (400, "structure", "json-malformed")


@pytest.mark.parametrize(("text", "code", "error"), REFUSED, ids=range(len(REFUSED)))
def test_what_two_readers_could_read_differently_is_refused(text, code, error):
    assert _issue(text.encode()) == (400, code, error)


@pytest.mark.parametrize(
    "raw",
    [b'\xef\xbb\xbf{"a":1}', '{"a":1}'.encode("utf-16"), '{"a":1}'.encode("utf-16-le"), '{"a":1}'.encode("utf-16-be"),
     b'{"a":"\xff"}', b'{"a":"\xc3"}', b'{"a":"\xed\xa0\x80"}', '{"a":"é"}'.encode("latin-1"), b'{"a":"\xc0\xaf"}'],
)  # fmt: skip
def test_only_utf8_without_a_byte_order_mark_is_read(raw):
    assert _issue(raw) == (400, "structure", "json-encoding")


def test_a_body_beyond_the_callers_limit_is_refused_before_it_is_looked_at():
    with pytest.raises(TooLarge) as refusal:
        read_json(b"{" * 11, limit=10)
    assert (refusal.value.status, refusal.value.issues[0].code) == (413, "too-long")
    assert read_json(b'{"a": 123}', limit=10) == {"a": 123}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('{"a":"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[{{{"}', "[" * 53 + "{{{"),
        ('{"a":"\\\\u0000"}', "\\u0000"),
        ('{"a":"\\\\"}', "\\"),
        ('{"a":"\\\\\\""}', '\\"'),
        ('{"a":"b\\"c:\\"d"}', 'b"c:"d'),
        ('{"a":"\\ud83d\\ude00"}', "\N{GRINNING FACE}"),
        ('{"a":"a\\u007f\u2028"}', "a\x7f\u2028"),
        ('{"a":12345678901234567890}', 12345678901234567890),
        ('{"a":"%s"}' % ("1" * 200), "1" * 200),
        (' {"a" : "\\t\\r\\n" } ', "\t\r\n"),
    ],
)
def test_unusual_but_good_json_is_read(text, value):
    assert read_json(text.encode(), limit=LIMIT) == {"a": value}


def test_nesting_is_counted_without_what_stands_in_strings():
    text = '{"a":' * DEPTH_LIMIT + '"]}]}"' + "}" * DEPTH_LIMIT
    assert encode(read_json(text.encode(), limit=LIMIT)) == text.encode()


@pytest.mark.parametrize(
    "number", ["82.50", "0.10", "1E+2", "38.0000000000000000001", "-0.0", "7", "100000000000000000000"]
)
def test_decimals_keep_their_digits(number):
    body = read_json(b'{"value":%s}' % number.encode(), limit=LIMIT)
    assert encode(body) == b'{"value":%s}' % number.encode()
    assert isinstance(body["value"], Decimal | int)


def read_or_refusal(raw: bytes, *, limit: int) -> dict[str, Any] | Rejected:
    try:
        return read_json(raw, limit=limit)
    except Rejected as refusal:
        return refusal


CHARACTERS = st.sampled_from(['"', "\\", "[", "}", "a", "\n", "/"])
TEXTS = st.lists(st.tuples(CHARACTERS, st.booleans()), max_size=4)


def _string(text: list[tuple[str, bool]]) -> str:
    """A JSON string of these characters, of which some are written as \\uXXXX."""
    return '"' + "".join(f"\\u{ord(one):04x}" if escaped else json.dumps(one)[1:-1] for one, escaped in text) + '"'


@given(st.lists(st.tuples(TEXTS, TEXTS), max_size=4), st.integers(0, 3))
def test_a_member_named_twice_is_refused_however_names_and_values_are_written(members, depth):
    names = ["".join(one for one, _ in name) for name, _ in members]
    text = "{" + ",".join(f"{_string(name)}:{_string(value)}" for name, value in members) + "}"
    read = read_or_refusal(('{"in":[' * depth + text + "]}" * depth).encode(), limit=LIMIT)
    if len(set(names)) < len(names):
        assert isinstance(read, Rejected)
        assert read.issues[0].error == "json-duplicate-key"
    else:
        assert isinstance(read, dict)


@given(st.lists(TEXTS, min_size=1, max_size=6), st.integers(DEPTH_LIMIT - 1, DEPTH_LIMIT + 1))
def test_depth_is_counted_whatever_stands_in_strings(texts, depth):
    strings = ",".join(map(_string, texts))
    text = f'{{"a":{"[" * (depth - 2)}[{strings}],{strings}{"]" * (depth - 2)}}}'
    read = read_or_refusal(text.encode(), limit=LIMIT)
    assert isinstance(read, Rejected if depth > DEPTH_LIMIT else dict)


LEAVES = st.none() | st.booleans() | st.integers(-(2**31), 2**31) | st.text(max_size=20)
TREES = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner), max_leaves=8
)


@given(st.dictionaries(st.text(max_size=6), TREES, max_size=5), st.sampled_from([None, 1]), st.booleans())
def test_whatever_the_standard_library_writes_is_read_back_or_refused_for_a_character(tree, indent, ascii_only):
    text = json.dumps(tree, indent=indent, ensure_ascii=ascii_only)
    body = read_or_refusal(text.encode("utf-8", "surrogatepass"), limit=LIMIT)
    if isinstance(body, Rejected):
        assert body.issues[0].error == "json-character"
        assert any(name in text for name in ("\\b", "\\f", "\\u00"))
    else:
        assert body == tree


@given(st.binary(max_size=200))
def test_no_bytes_at_all_make_the_parser_fail_otherwise_than_by_refusing(raw):
    body = read_or_refusal(raw, limit=150)
    assert isinstance(body, dict) or body.status in {400, 413}


@given(st.text(alphabet='{}[]":,\\ \t\nu0123456789abcdefE+-.', max_size=60))
def test_what_is_accepted_means_the_same_to_the_standard_library(text):
    body = read_or_refusal(text.encode(), limit=LIMIT)
    if isinstance(body, Rejected):
        return
    pairs: list[list[str]] = []

    def keep(members: list[tuple[str, object]]) -> dict[str, object]:
        pairs.append([name for name, _ in members])
        return dict(members)

    assert json.loads(text, object_pairs_hook=keep, parse_float=Decimal) == body
    assert all(len(names) == len(set(names)) for names in pairs)
