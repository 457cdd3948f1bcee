"""S3 as storage, on two independent servers."""

import pytest

from neyman.core.errors import ConfigError, DataError
from neyman.serve.settings import S3Storage
from neyman.serve.storage.opening import open_storage
from neyman.serve.storage.protocol import StorageUnavailableError
from neyman.serve.storage.uri import ObjectURI

from .servers import SECRET_KEY, free_port


def put(storage, uri, content=b"content"):
    with storage.write(uri) as out:
        out.write(content)


def get(storage, uri):
    with storage.open_input(uri) as stream:
        return stream.read()


@pytest.fixture
def storage(s3):
    return open_storage(s3.settings())


@pytest.fixture
def uri(request):
    return ObjectURI("events", f"{request.node.originalname}/a.bin")


@pytest.mark.parametrize("size", [0, 7, 12_000_000])  # at once, and in parts
def test_what_is_written_is_read(storage, uri, size):
    content = bytes(range(256)) * (size // 256 + 1)
    put(storage, uri, content[:size])
    assert storage.exists(uri)
    assert get(storage, uri) == content[:size]
    with storage.open_input(uri) as stream:
        stream.seek(size // 2)
        assert stream.read(3) == content[:size][size // 2 : size // 2 + 3]


def test_what_is_not_there(storage, uri, message):
    assert not storage.exists(uri)
    for action in (storage.open_input, storage.fingerprint):
        with pytest.raises(DataError) as error:
            action(uri)
        message(error, str(uri), "no such object")
    storage.delete(uri)
    storage.clear(ObjectURI("events", "nothing-here"), keep=None)


def test_a_bucket_that_is_not_there(storage):
    uri = ObjectURI("nobodys-bucket", "a.bin")
    with pytest.raises(DataError):
        storage.open_input(uri)
    with pytest.raises(StorageUnavailableError):  # ours to write to: the operator makes it
        put(storage, uri)


def test_fingerprints(storage, uri):
    put(storage, uri, b"one")
    first = storage.fingerprint(uri)
    assert storage.fingerprint(uri) == first
    put(storage, uri, b"two")
    assert storage.fingerprint(uri) != first


def test_a_failed_write_leaves_nothing(storage, uri):
    with pytest.raises(RuntimeError), storage.write(uri) as out:
        out.write(b"half" * 3_000_000)
        raise RuntimeError
    assert not storage.exists(uri)


def test_clearing(storage):
    kept, *others = (ObjectURI("results", key) for key in ("j1/2.bin", "j1/1.bin", "j1/1-1.bin"))
    elsewhere = ObjectURI("results", "j11/1.bin")
    for uri in (kept, elsewhere, *others):
        put(storage, uri)
    storage.clear(ObjectURI("results", "j1"), keep=kept)
    assert [storage.exists(uri) for uri in (kept, elsewhere, *others)] == [True, True, False, False]
    storage.delete(kept)
    assert not storage.exists(kept)


def test_deleting_writes_nothing(storage, s3):
    """The library would put an empty object in place of the folder."""
    uris = [ObjectURI("results", f"plain/{name}") for name in ("a b+c=d&e~.bin", "x(1),@$!'*:;.bin", "z.bin")]
    for uri in uris:
        put(storage, uri)
    for uri in uris[:2]:
        storage.delete(uri)
    assert [storage.exists(uri) for uri in uris] == [False, False, True]
    assert get(storage, uris[2]) == b"content"
    storage.delete(uris[2])
    assert storage._system.get_file_info("results/plain").type.name == "NotFound"


def test_the_signature_is_amazons():
    """That is botocore's."""
    from datetime import UTC, datetime

    from botocore.auth import S3SigV4Auth
    from botocore.awsrequest import AWSRequest
    from botocore.credentials import Credentials

    from neyman.serve.storage.s3_delete import _NOTHING, _signed

    moment = datetime(2013, 5, 24, tzinfo=UTC)
    keys = {"access_key": "AKEXAMPLE", "secret_key": SECRET_KEY}
    found = _signed("DELETE", "b.s3.example", "/a%20b", region="us-east-1", moment=moment, **keys)
    request = AWSRequest("DELETE", "https://b.s3.example/a%20b", headers={"x-amz-content-sha256": _NOTHING})
    request.context["timestamp"] = "20130524T000000Z"
    request.headers["X-Amz-Date"] = "20130524T000000Z"
    signer = S3SigV4Auth(Credentials("AKEXAMPLE", SECRET_KEY), "s3", "us-east-1")
    canonical = signer.canonical_request(request)
    expected = signer.signature(signer.string_to_sign(request, canonical), request)
    assert found["authorization"].endswith(f"Signature={expected}")


def test_a_wrong_secret_is_refused(rclone, monkeypatch, uri, message):
    monkeypatch.setenv("TEST_S3_ACCESS", "AKEXAMPLE")
    monkeypatch.setenv("TEST_S3_SECRET", "not-the-secret")
    storage = open_storage(rclone.settings())
    with pytest.raises(DataError) as error:
        storage.open_input(uri)
    message(error, "may not use it")
    with pytest.raises(StorageUnavailableError):
        put(storage, uri)


def test_a_service_that_is_away(moto, monkeypatch, uri, message):
    monkeypatch.setenv("TEST_S3_ACCESS", "AKEXAMPLE")
    monkeypatch.setenv("TEST_S3_SECRET", SECRET_KEY)
    storage = open_storage(moto.settings(endpoint=f"http://127.0.0.1:{free_port()}", connect_seconds=0.5, retries=0))
    for action in (storage.open_input, storage.fingerprint, storage.exists, storage.delete):
        with pytest.raises(StorageUnavailableError) as error:
            action(uri)
        message(error, str(uri))
        assert "127.0.0.1" not in str(error.value)
    with pytest.raises(StorageUnavailableError):
        put(storage, uri)


@pytest.mark.parametrize("name", ["TEST_S3_ACCESS", "TEST_S3_SECRET"])
def test_keys_come_from_the_environment(s3, monkeypatch, message, name):
    monkeypatch.delenv(name)
    with pytest.raises(ConfigError) as error:
        open_storage(s3.settings())
    message(error, name, "is not set")


def test_without_an_endpoint_it_is_amazons(monkeypatch):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET_KEY)
    storage = open_storage(S3Storage(region="eu-central-1", path_style=False))
    assert storage._system.region == "eu-central-1"
