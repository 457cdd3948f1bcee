"""Addresses of objects: `s3://bucket/key`, and nothing else that an address can be.

Parsed once and strictly: libraries that take addresses connect wherever a query, a fragment or another scheme says, and
read local files. What this accepts has one meaning, for every storage.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from neyman.core.errors import InputError

MAX_KEY = 1024
"""Characters of a key; S3 allows as many bytes."""

_LABEL = r"[a-z0-9](?:[a-z0-9-]*[a-z0-9])?"
_BUCKET = re.compile(rf"(?!\d+\.\d+\.\d+\.\d+\Z)(?=.{{3,63}}\Z){_LABEL}(?:\.{_LABEL})*")
_SEGMENT = r"[A-Za-z0-9_=+,@&$!'()*:;~-][A-Za-z0-9_=+,@&$!'()*:;~. -]*"  # none is hidden, `.` or `..`
_KEY = re.compile(rf"(?=.{{1,{MAX_KEY}}}\Z){_SEGMENT}(?:/{_SEGMENT})*")


@dataclass(frozen=True, order=True)
class ObjectURI:
    """The address of an object.

    Attributes:
        bucket: Name of the bucket.
        key: Name of the object in it, with slashes.
    """

    bucket: str
    key: str

    def __str__(self) -> str:
        return f"s3://{self.bucket}/{self.key}"

    @property
    def path(self) -> str:
        """Bucket and key, as file systems want them."""
        return f"{self.bucket}/{self.key}"


def parse_uri(text: str) -> ObjectURI:
    """An address out of a request.

    Raises:
        InputError: If it is anything else than `s3://bucket/key` in plain characters.

    Examples:
        >>> parse_uri("s3://events/run3/muons.parquet")
        ObjectURI(bucket='events', key='run3/muons.parquet')
        >>> parse_uri("s3://events/../muons.parquet")
        Traceback (most recent call last):
        ...
        neyman.core.errors.InputError: a key that is not plain: '../muons.parquet'
          expected: s3://bucket/key: letters, digits and -_.=+,@&$!'()*:;~ between single slashes
    """
    scheme, separator, rest = text.partition("://")
    if scheme != "s3" or not separator:
        raise InputError(f"an address of another kind: {_shown(text)}", expected="s3://bucket/key")
    bucket, _, key = rest.partition("/")
    if not is_bucket(bucket):
        raise InputError(f"no name of a bucket: {_shown(bucket)}", expected="s3://bucket/key")
    if not _KEY.fullmatch(key):
        raise InputError(
            f"a key that is not plain: {_shown(key)}" if key else "no key",
            expected="s3://bucket/key: letters, digits and -_.=+,@&$!'()*:;~ between single slashes",
        )
    return ObjectURI(bucket, key)


def is_bucket(name: str) -> bool:
    """Whether S3 would have a bucket of this name; an IP address is none.

    Examples:
        >>> [is_bucket(name) for name in ("run3-events", "169.254.169.254", "Events", "a..b", "ab")]
        [True, False, False, False, False]
    """
    return bool(_BUCKET.fullmatch(name))


def is_prefix(text: str) -> bool:
    """Whether it names folders of a bucket, without a slash at either end; empty for the whole bucket.

    Examples:
        >>> [is_prefix(text) for text in ("", "run3/muons", "run3/", "/run3", "../run3")]
        [True, True, False, False, False]
    """
    return not text or bool(_KEY.fullmatch(text))


@dataclass(frozen=True)
class Places:
    """Where files may be: buckets with the prefix that keys in them must have.

    Attributes:
        places: Pairs of bucket and prefix.
    """

    places: tuple[tuple[str, str], ...]

    def allow(self, uri: ObjectURI) -> None:
        """Refuse what lies outside.

        Raises:
            InputError: Without naming the places: they are not the caller's business.

        Examples:
            >>> Places((("events", "run3"),)).allow(parse_uri("s3://events/run3/muons.parquet"))
            >>> Places((("events", "run3"),)).allow(parse_uri("s3://events/run33/muons.parquet"))
            Traceback (most recent call last):
            ...
            neyman.core.errors.InputError: not in a place that this service reads: 's3://events/run33/muons.parquet'
              expected: a bucket and a prefix that its operator has allowed
        """
        for bucket, prefix in self.places:
            if uri.bucket == bucket and (not prefix or uri.key.startswith(f"{prefix}/")):
                return
        raise InputError(
            f"not in a place that this service reads: {_shown(str(uri))}",
            expected="a bucket and a prefix that its operator has allowed",
        )


def _shown(text: str) -> str:
    shown = repr(text)
    return shown if len(shown) <= 80 else shown[:77] + "..."
