"""Settings: every mistake is found when they are read, and nothing that is relative depends on where one stands."""

import json
from pathlib import Path

import pytest
from pydantic import ValidationError

from neyman.core.errors import ConfigError
from neyman.serve.settings import LocalStorage, Place, S3Storage, Settings, Triton

FULL = """\
host: 0.0.0.0
port: 80
models: {dimuon: models/dimuon, dijet: /srv/dijet}
default_model: dimuon
database: postgresql://neyman@db/neyman
storage: {kind: s3, endpoint: "https://s3.cern.example:9000", region: eu, path_style: true}
read: [{bucket: events, prefix: run3/muons}, {bucket: shared}]
results: {bucket: events, prefix: scored}
backend: {kind: triton, url: "http://triton:8000"}
cache: {kind: redis, url: "redis://:password@cache:6379/0", ttl_seconds: 60}
archive: {enabled: true, place: {bucket: archive}, rows_per_file: 1000, seconds: 5}
limits: {body_bytes: 1048576, rows: 100, requests_per_second: 10, burst: 20}
flags: {fpr: 1e-4, delta: 0.01}
jobs: {workers: 0, lease_seconds: 10, heartbeat_seconds: 2, max_attempts: 3}
"""


@pytest.fixture
def load(tmp_path):
    def read(text):
        (tmp_path / "serve.yaml").write_text(text)
        return Settings.load(tmp_path / "serve.yaml")

    return read


def test_one_model_is_enough(load, tmp_path):
    settings = load("models: {dimuon: model}\n")
    assert settings.models == {"dimuon": tmp_path / "model"}
    assert settings.database == f"sqlite:///{tmp_path}/neyman-serve/serve.sqlite"
    assert settings.storage == LocalStorage(root=tmp_path / "neyman-serve/storage")
    assert settings.host == "127.0.0.1"  # nobody else can reach it
    assert settings.model_name(None) == "dimuon"


def test_all_settings(load, tmp_path):
    settings = load(FULL)
    assert settings.models == {"dimuon": tmp_path / "models/dimuon", "dijet": Path("/srv/dijet")}
    assert settings.database == "postgresql://neyman@db/neyman"
    assert isinstance(settings.storage, S3Storage)
    assert settings.storage.endpoint == "https://s3.cern.example:9000"
    assert settings.read == (Place(bucket="events", prefix="run3/muons"), Place(bucket="shared"))
    assert isinstance(settings.backend, Triton)
    assert settings.flags.fpr == 1e-4


def test_they_survive_the_way_to_another_process(load):
    settings = load(FULL)
    assert Settings.model_validate_json(settings.model_dump_json()) == settings


def test_secrets_are_not_shown(load):
    assert "password" not in repr(load(FULL))
    assert "hunter2" not in repr(load("models: {m: m}\ndatabase: postgresql://u:hunter2@db/n\n"))


def test_an_absolute_database_stays_where_it_is(load):
    assert load("models: {m: m}\ndatabase: sqlite:////srv/a.sqlite\n").database == "sqlite:////srv/a.sqlite"


def test_which_model(load):
    two = load("models: {a: x, b: y}\n")
    assert (two.model_name(None), two.model_name("b"), two.model_name("c")) == (None, "b", None)
    assert load("models: {a: x, b: y}\ndefault_model: b\n").model_name(None) == "b"


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("models: {}\n", ["models"]),
        ("{}\n", ["models", "missing"]),
        ("models: {'../a': x}\n", ["models"]),
        ("models: {'a\\n': x}\n", ["not valid YAML|models"]),
        ("models: {m: m}\nprot: 80\n", ["serve.yaml:2", "prot", "did you mean 'port'?"]),
        ("models: {m: m}\nport: 70000\n", ["port", "70000"]),
        ("models: {m: m}\ndefault_model: n\n", ["default_model one of m, not 'n'"]),
        ("models: {m: m}\ndatabase: mysql://host/name\n", ["serve.yaml:2", "database"]),
        ("models: {m: m}\ndatabase: 'sqlite:///'\n", ["serve.yaml:2", "database"]),
        ("models: {m: m}\nread: []\n", ["read"]),
        ("models: {m: m}\nread: [{bucket: Events}]\n", ["read", "a name of a bucket"]),
        ("models: {m: m}\nread: [{bucket: 10.0.0.1}]\n", ["read", "a name of a bucket"]),
        ("models: {m: m}\nread: [{bucket: events, prefix: /run3}]\n", ["prefix", "without a slash"]),
        ("models: {m: m}\nread: [{bucket: events, prefix: ../x}]\n", ["prefix", "folders in the bucket"]),
        ("models: {m: m}\nresults: {bucket: events, prefix: out}\n", ["read each other's events"]),
        ("models: {m: m}\narchive: {place: {bucket: events}}\n", ["read each other's events"]),
        ("models: {m: m}\narchive: {place: {bucket: results, prefix: a}}\n", ["apart from each other"]),
        ("models: {m: m}\nstorage: {kind: ftp}\n", ["storage", "ftp"]),
        ("models: {m: m}\nstorage: {kind: s3, endpoint: 's3.example'}\n", ["storage.s3.endpoint"]),
        ("models: {m: m}\nstorage: {kind: s3, endpoint: 'http://user:pw@host'}\n", ["storage.s3.endpoint"]),
        ("models: {m: m}\nstorage: {kind: s3, endpoint: 'http://host?x=1'}\n", ["storage.s3.endpoint"]),
        ("models: {m: m}\nstorage: {kind: s3, endpoint: 'http://host:port'}\n", ["storage.s3.endpoint"]),
        ("models: {m: m}\nbackend: {kind: triton, url: 'http://host:port'}\n", ["backend.triton.url"]),
        ("models: {m: m}\nbackend: {kind: triton, url: 'http://:::'}\n", ["backend.triton.url"]),
        ("models: {m: m}\ncache: {kind: redis}\n", ["cache", "a url for kind 'redis'"]),
        ("models: {m: m}\ncache: {url: 'redis://h'}\n", ["cache", "a url for kind 'redis'"]),
        ("models: {m: m}\nflags: {fpr: 1}\n", ["flags.fpr"]),
        ("models: {m: m}\nflags: {fpr: .nan}\n", ["flags.fpr"]),
        ("models: {m: m}\njobs: {lease_seconds: .inf}\n", ["jobs.lease_seconds"]),
        ("models: {m: m}\njobs: {lease_seconds: 8}\n", ["heartbeat_seconds of at most half"]),
        ("models: {m: m}\nlimits: {rows: 0}\n", ["limits.rows"]),
        ("models: {m: m}\nlimits: {requests_per_second: 1e-300}\n", ["limits.requests_per_second"]),
        ("models: {m: m}\nlimits: {burst: 1000000000000}\n", ["limits.burst"]),
        ("models: {m: m}\nhost: ''\n", ["host"]),  # which a socket takes for every address of this computer
        ('models: {m: m}\nhost: "a\\0b"\n', ["host"]),
        ("models: {m: m}\njobs: {poll_seconds: 1e12}\n", ["jobs.poll_seconds"]),  # no thread can wait so long
        ("models: {m: m}\narchive: {seconds: 1e12}\n", ["archive.seconds"]),
        ("models: {m: m}\ncache: {ttl_seconds: 1e20}\n", ["cache.ttl_seconds"]),
    ],
)
def test_mistakes(load, message, text, parts):
    with pytest.raises(ConfigError) as error:
        load(text)
    message(error, *[part for part in parts if "|" not in part])


def test_every_setting_is_described():
    schema = Settings.model_json_schema()
    for name, model in {"Settings": schema, **schema["$defs"]}.items():
        for key, value in model.get("properties", {}).items():
            assert value.get("description"), f"{name}.{key}"
    assert json.loads((Path(__file__).parents[2] / "docs" / "schema" / "serve.json").read_text()) == schema


def test_they_cannot_be_changed(load):
    settings = load("models: {m: m}\n")
    with pytest.raises(ValidationError):
        settings.port = 1
