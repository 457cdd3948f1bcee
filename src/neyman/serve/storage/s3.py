"""Objects on an S3 service, which is known from the settings alone."""

from __future__ import annotations

import contextlib
import functools
import os
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

from neyman.core.errors import ConfigError
from neyman.serve.settings import S3Storage
from neyman.serve.storage.protocol import StorageUnavailableError, Stream, storage_errors, writing_errors
from neyman.serve.storage.s3_delete import delete_object
from neyman.serve.storage.uri import ObjectURI

_ENVIRONMENT = {
    # Checksums that Amazon's own service alone understands; others refuse the request or lose its length.
    "AWS_REQUEST_CHECKSUM_CALCULATION": "when_required",
    "AWS_RESPONSE_CHECKSUM_VALIDATION": "when_required",
    "AWS_EC2_METADATA_DISABLED": "true",  # else the library asks a link-local address who it is
}


class S3Service:
    """A storage for many hosts.

    Args:
        settings: Where it is, and which environment variables hold the keys.

    Raises:
        ConfigError: If one of those is not set.
    """

    def __init__(self, settings: S3Storage) -> None:
        for name, value in _ENVIRONMENT.items():
            os.environ.setdefault(name, value)
        from pyarrow import fs

        access_key = _secret(settings.access_key_env, "access_key_env")
        secret_key = _secret(settings.secret_key_env, "secret_key_env")
        self._delete = functools.partial(delete_object, settings, access_key, secret_key)
        place = urlsplit(settings.endpoint or "https:")
        self._system: Any = fs.S3FileSystem(
            access_key=access_key,
            secret_key=secret_key,
            region=settings.region,
            scheme=place.scheme,
            endpoint_override=place.netloc or None,
            force_virtual_addressing=not settings.path_style,
            connect_timeout=settings.connect_seconds,
            request_timeout=settings.request_seconds,
            retry_strategy=fs.AwsStandardS3RetryStrategy(max_attempts=settings.retries + 1),
            background_writes=False,
            allow_delayed_open=True,
            allow_bucket_creation=False,
            allow_bucket_deletion=False,
        )

    def open_input(self, uri: ObjectURI) -> Stream:
        """As `Storage`: ranges of it are fetched when they are read."""
        with storage_errors(uri):
            return self._system.open_input_file(uri.path)

    def fingerprint(self, uri: ObjectURI) -> str:
        """As `Storage`: entity tag, length and time of the last change."""
        with storage_errors(uri), self._system.open_input_file(uri.path) as stream:
            found = stream.metadata()
        return " ".join(found.get(name, b"").decode() for name in ("ETag", "Content-Length", "Last-Modified"))

    @contextlib.contextmanager
    def write(self, uri: ObjectURI) -> Iterator[Stream]:
        """As `Storage`: one request, or an upload in parts that becomes an object with the last of them.

        The library completes also what was abandoned, so that is removed again. Do not rely on it: an object counts
        when the database names it.
        """
        with writing_errors(uri):
            stream = self._system.open_output_stream(uri.path)
            try:
                yield stream
            except BaseException:
                with contextlib.suppress(OSError, StorageUnavailableError):
                    stream.close()
                    self.delete(uri)
                raise
            stream.close()

    def exists(self, uri: ObjectURI) -> bool:
        """As `Storage`."""
        from pyarrow import fs

        with storage_errors(uri):
            return bool(self._system.get_file_info(uri.path).type == fs.FileType.File)

    def delete(self, uri: ObjectURI) -> None:
        """As `Storage`."""
        with writing_errors(uri):
            self._delete(uri)

    def clear(self, folder: ObjectURI, *, keep: ObjectURI | None) -> None:
        """As `Storage`; unfinished uploads are for the service's own rules to remove."""
        from pyarrow import fs

        kept = None if keep is None else keep.path
        with writing_errors(folder):
            found = self._system.get_file_info(fs.FileSelector(folder.path, recursive=True, allow_not_found=True))
            for each in found:
                if each.type == fs.FileType.File and each.path != kept:
                    bucket, _, key = each.path.partition("/")
                    self._delete(ObjectURI(bucket, key))


def _secret(name: str, setting: str) -> str:
    value = os.environ.get(name)
    if not value:
        raise ConfigError(
            f"the environment variable {name} is not set", where=f"storage.{setting}", expected="a key of the service"
        )
    return value
