"""Delete one object of an S3 service, and do nothing else.

pyarrow deletes, too, but then writes an empty object that stands for the folder. That leaves one behind for every
job, and services that keep files (`rclone serve s3`) lose sight of the other objects in the folder.
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import http.client
from datetime import UTC, datetime
from urllib.parse import quote, urlsplit

from neyman.serve.settings import S3Storage
from neyman.serve.storage.protocol import StorageUnavailableError
from neyman.serve.storage.uri import ObjectURI

_NOTHING = hashlib.sha256(b"").hexdigest()


def delete_object(settings: S3Storage, access_key: str, secret_key: str, uri: ObjectURI) -> None:
    """Delete an object; one that is not there is none.

    Args:
        settings: Where the service is.
        access_key: Who asks.
        secret_key: Signs the request.
        uri: The object.

    Raises:
        StorageUnavailableError: If the service refuses, or answers what is no HTTP.
        OSError: If it cannot be reached.
    """
    parts = urlsplit(settings.endpoint or f"https://s3.{settings.region}.amazonaws.com")
    host, path = parts.netloc, f"/{quote(uri.key, safe='/~')}"
    if settings.path_style:
        path = f"/{uri.bucket}{path}"
    else:
        host = f"{uri.bucket}.{host}"
    keys = {"access_key": access_key, "secret_key": secret_key}
    headers = _signed("DELETE", host, path, region=settings.region, moment=datetime.now(UTC), **keys)
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    try:
        with contextlib.closing(kind(host, timeout=settings.request_seconds)) as connection:
            connection.request("DELETE", path, headers=headers)
            answer = connection.getresponse()
            answer.read()
    except http.client.HTTPException as error:
        raise StorageUnavailableError(f"no answer: {type(error).__name__}", where=str(uri)) from error
    if answer.status not in (200, 204, 404):
        raise StorageUnavailableError(f"cannot be deleted: HTTP status {answer.status}", where=str(uri))


def _signed(
    method: str, host: str, path: str, *, region: str, access_key: str, secret_key: str, moment: datetime
) -> dict[str, str]:
    """The headers of a request without query and body, by Amazon's Signature Version 4."""
    time, day = moment.strftime("%Y%m%dT%H%M%SZ"), moment.strftime("%Y%m%d")
    headers = {"host": host, "x-amz-content-sha256": _NOTHING, "x-amz-date": time}
    names = ";".join(headers)
    lines = [f"{name}:{value}" for name, value in headers.items()]
    canonical = "\n".join([method, path, "", *lines, "", names, _NOTHING])
    scope = f"{day}/{region}/s3/aws4_request"
    key = f"AWS4{secret_key}".encode()
    for part in scope.split("/"):
        key = _mac(key, part)
    text = "\n".join(["AWS4-HMAC-SHA256", time, scope, hashlib.sha256(canonical.encode()).hexdigest()])
    credential = f"Credential={access_key}/{scope}, SignedHeaders={names}, Signature={_mac(key, text).hex()}"
    return headers | {"authorization": f"AWS4-HMAC-SHA256 {credential}"}


def _mac(key: bytes, text: str) -> bytes:
    return hmac.digest(key, text.encode(), "sha256")
