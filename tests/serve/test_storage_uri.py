"""An address is s3://bucket/key, or it is refused."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from neyman.core.errors import InputError
from neyman.serve.storage.uri import MAX_KEY, ObjectURI, Places, parse_uri


@pytest.mark.parametrize(
    ("text", "bucket", "key"),
    [
        ("s3://events/a.parquet", "events", "a.parquet"),
        ("s3://run-3.events/2026/day=07/a b.parquet", "run-3.events", "2026/day=07/a b.parquet"),
        ("s3://abc/~x,(1)+@&$!'*:;", "abc", "~x,(1)+@&$!'*:;"),
        ("s3://events/" + "k" * MAX_KEY, "events", "k" * MAX_KEY),
    ],
)
def test_addresses(text, bucket, key):
    assert parse_uri(text) == ObjectURI(bucket, key)
    assert str(parse_uri(text)) == text


@pytest.mark.parametrize(
    "text",
    [
        "", "s3:", "s3://", "s3:///", "s3://events", "s3://events/", "/etc/passwd", "events/a.parquet",
        "file:///etc/passwd", "gs://events/a", "http://events/a", "S3://events/a", " s3://events/a", "s3a://events/a",
        "simplecache::file:///etc/passwd", "s3://events/a?endpoint_override=127.0.0.1:9", "s3://events/a#x",
        "s3://user:pw@events/a", "s3://key@events/a", "s3://events:80/a", "s3://events/../a", "s3://events/a/../b",
        "s3://events/..", "s3://events/.", "s3://events/./a", "s3://events/%2e%2e/a", "s3://events/a%00",
        "s3://events/a\0", "s3://events//a", "s3://events/a//b", "s3://events/a/", "s3://events/\\a", "s3://events/a\\b",
        "s3://events/a\n", "s3://events/a\r\nHost: x", "s3://events\n/a", "s3://events/.hidden", "s3://events/a/.b",
        "s3://169.254.169.254/latest", "s3://127.0.0.1/a", "s3://[::1]/a", "s3://2130706433.1.1.1/a",
        "s3://Events/a", "s3://ev_ents/a", "s3://ab/a", "s3://a..b/a", "s3://-events/a", "s3://events-/a",
        "s3://" + "e" * 64 + "/a", "s3://events/" + "k" * (MAX_KEY + 1), "s3://events/muoné", "s3://évents/a",
        "s3://events/\u202ea", "s3://events/a\u0000b", "s3://events/ a", "s3://events/\ta", "s3://events/a|b",
        "s3://events/<a>", 's3://events/"a"', "s3://events/{a}", "s3://events/a^b", "s3://events/a`b",
    ],
)  # fmt: skip
def test_what_is_none(text, message):
    with pytest.raises(InputError) as error:
        parse_uri(text)
    message(error, "s3://bucket/key")
    assert max(map(len, str(error.value).splitlines())) < 150  # a long one is not echoed


@given(st.text(max_size=60))
@example("events/a")
def test_whatever_is_accepted_is_plain(text):
    for candidate in (text, f"s3://{text}", f"s3://events/{text}"):
        try:
            uri = parse_uri(candidate)
        except InputError:
            continue
        assert str(uri) == candidate
        assert candidate.isascii()
        assert candidate.isprintable()
        assert not set(candidate) & set("?#%\\")
        assert all(part and not part.startswith(".") for part in uri.key.split("/"))
        assert "@" not in uri.bucket


@pytest.mark.parametrize(
    ("text", "allowed"),
    [
        ("s3://events/a", True),
        ("s3://shared/run3/a", True),
        ("s3://shared/run3/muons/a", True),
        ("s3://shared/run3", False),
        ("s3://shared/run33/a", False),
        ("s3://shared/a", False),
        ("s3://shared/run2/run3/a", False),
        ("s3://other/a", False),
        ("s3://results/a", False),
    ],
)
def test_places(text, allowed, message):
    places = Places((("events", ""), ("shared", "run3")))
    if allowed:
        places.allow(parse_uri(text))
        return
    with pytest.raises(InputError) as error:
        places.allow(parse_uri(text))
    message(error, "not in a place that this service reads")
    assert "shared" not in str(error.value).replace(text, "")  # the places are not the caller's business
