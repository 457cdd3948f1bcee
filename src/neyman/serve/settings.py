"""The settings of the service and its workers: embedded parts by default, real ones by one file.

    settings = Settings.load("serve.yaml")
    settings = Settings(models={"dimuon": "runs/dimuon/model"})     # all else has a default

Secrets stay out of the file: an S3 key is named by its environment variable, and PostgreSQL's password may come from
`PGPASSWORD` or `~/.pgpass`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from neyman.core.config import Config, load_config
from neyman.serve.storage.uri import ObjectURI, Places, is_bucket, is_prefix

_SQLITE = "sqlite:///"
_SERVER = r"^https?://([A-Za-z0-9.\-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?/?$"

Seconds = Annotated[float, Field(gt=0, le=1e8)]
"""Three years are as good as for ever, and no clock of the system stumbles over them."""

ModelName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$")]


class Place(Config):
    """A bucket, or what lies below a prefix in it.

    Attributes:
        bucket: Its name; with local storage, a folder of this name in the root.
        prefix: Folders in it, as `run3/muons`; empty for the whole bucket.
    """

    bucket: str
    prefix: str = ""

    @field_validator("bucket")
    @classmethod
    def _a_bucket(cls, name: str) -> str:
        if not is_bucket(name):
            raise ValueError("a name of a bucket: 3 to 63 of a-z, 0-9, '-' and '.'")
        return name

    @field_validator("prefix")
    @classmethod
    def _folders(cls, text: str) -> str:
        if not is_prefix(text):
            raise ValueError("folders in the bucket, as run3/muons, without a slash at either end")
        return text

    def object(self, key: str) -> ObjectURI:
        """The address of an object in this place.

        Examples:
            >>> str(Place(bucket="results", prefix="v1").object("3fa9/1.parquet"))
            's3://results/v1/3fa9/1.parquet'
        """
        return ObjectURI(self.bucket, f"{self.prefix}/{key}".lstrip("/"))

    def overlaps(self, other: Place) -> bool:
        """Whether an object can be in both.

        Examples:
            >>> Place(bucket="events", prefix="run3").overlaps(Place(bucket="events", prefix="run3/muons"))
            True
            >>> Place(bucket="events", prefix="run3").overlaps(Place(bucket="events", prefix="run33"))
            False
        """
        ours, theirs = f"{self.prefix}/".lstrip("/"), f"{other.prefix}/".lstrip("/")
        return self.bucket == other.bucket and (ours.startswith(theirs) or theirs.startswith(ours))


class LocalStorage(Config):
    """Objects as files: `s3://bucket/key` is `root/bucket/key`, on one host.

    Attributes:
        kind: `local`.
        root: The folder.
    """

    kind: Literal["local"] = "local"
    root: Path = Path("neyman-serve/storage")


class S3Storage(Config):
    """An S3 service. It is known from here alone: no request can say where to connect.

    Attributes:
        kind: `s3`.
        endpoint: `https://host:port` of a service that is not Amazon's; None for Amazon's.
        region: Its region.
        access_key_env: Environment variable that holds the access key.
        secret_key_env: Environment variable that holds the secret key.
        path_style: Put the bucket into the path instead of the host name, as most services other than Amazon's want.
        connect_seconds: Give up connecting after so long.
        request_seconds: Give up a request that stands still for so long.
        retries: How often a request that failed is sent again, before the job waits for a better time.
    """

    kind: Literal["s3"] = "s3"
    endpoint: str | None = Field(default=None, pattern=_SERVER)
    region: str = "us-east-1"
    access_key_env: str = Field(default="AWS_ACCESS_KEY_ID", min_length=1)
    secret_key_env: str = Field(default="AWS_SECRET_ACCESS_KEY", min_length=1)
    path_style: bool = True
    connect_seconds: Seconds = 3.0
    request_seconds: Seconds = 20.0
    retries: int = Field(default=5, ge=0, le=100)


class Embedded(Config):
    """Models inside the server, by ONNX Runtime.

    Attributes:
        kind: `embedded`.
        threads: Of one call; one is fastest for small requests.
    """

    kind: Literal["embedded"] = "embedded"
    threads: int = Field(default=1, ge=1, le=256)


class Triton(Config):
    """Models on a Triton server, which has the repository that `neyman serve triton` writes.

    Attributes:
        kind: `triton`.
        url: Its HTTP address, on a network that only this service can reach.
        timeout_seconds: Give up a request after so long.
    """

    kind: Literal["triton"] = "triton"
    url: str = Field(default="http://127.0.0.1:8000", pattern=_SERVER)
    timeout_seconds: Seconds = 10.0


class Cache(Config):
    """Recently scored events, so that the same event is not computed twice.

    Attributes:
        kind: `memory` of each server, `redis` for all of them, or `none`.
        events: How many events `memory` keeps.
        url: `redis://host:6379/0`, for `redis`; the rate limits are then shared there, too.
        ttl_seconds: How long `redis` keeps an event.
    """

    kind: Literal["memory", "redis", "none"] = "memory"
    events: int = Field(default=100_000, ge=1)
    url: str | None = Field(default=None, pattern=r"^(redis|rediss|unix)://", repr=False)
    ttl_seconds: Seconds = 3600.0

    @model_validator(mode="after")
    def _redis_has_an_address(self) -> Cache:
        if (self.kind == "redis") != (self.url is not None):
            raise ValueError("a url for kind 'redis', and for no other")
        return self


class Archive(Config):
    """Events that were scored online, kept in Parquet by day.

    Attributes:
        enabled: Whether to keep them.
        place: Where.
        rows_per_file: Begin another file after so many events.
        seconds: Write what there is after so long.
    """

    enabled: bool = False
    place: Place = Place(bucket="archive")
    rows_per_file: int = Field(default=100_000, ge=1)
    seconds: Seconds = 60.0


class Limits(Config):
    """What one caller can ask for.

    Attributes:
        body_bytes: Size of a request.
        rows: Events in one request.
        requests_per_second: Sustained requests of one key.
        burst: Requests of one key at once, after a rest.
        batch_rows: Events in a file.
        row_group_rows: Events in one row group of a file.
        row_group_bytes: Size of the scored columns of one row group, uncompressed.
    """

    body_bytes: int = Field(default=8 * 2**20, ge=1024)
    rows: int = Field(default=10_000, ge=1)
    requests_per_second: float = Field(default=500.0, ge=1e-4)
    burst: int = Field(default=1000, ge=1, le=10**9)
    batch_rows: int = Field(default=100_000_000, ge=1)
    row_group_rows: int = Field(default=2**21, ge=1)
    row_group_bytes: int = Field(default=2**30, ge=1024)


class Flags(Config):
    """What a flag promises: P(false-positive rate > fpr) ≤ delta.

    Attributes:
        fpr: The false-positive rate α.
        delta: Probability δ, over calibration samples, that the true rate is above it.
    """

    fpr: float = Field(default=1e-3, gt=0, lt=1)
    delta: float = Field(default=0.05, gt=0, lt=1)


class JobSettings(Config):
    """How files are scored in the background.

    Attributes:
        workers: Processes that the server starts for it; 0 if `neyman serve worker` runs elsewhere.
        lease_seconds: A worker that is silent for so long has lost its job to another.
        heartbeat_seconds: How often a worker says that it is alive.
        poll_seconds: How often an idle worker looks for jobs.
        max_attempts: A job that ends so many workers without progress has failed.
        part_rows: Events after which progress is saved; what was done since is done again after a crash.
        keep_days: Remove a job, its results and its idempotency key so long after it has ended; None keeps them.
    """

    workers: int = Field(default=1, ge=0, le=256)
    lease_seconds: Seconds = 30.0
    heartbeat_seconds: Seconds = 5.0
    poll_seconds: Seconds = 0.5
    max_attempts: int = Field(default=5, ge=1)
    part_rows: int = Field(default=250_000, ge=1)
    keep_days: float | None = Field(default=None, gt=0, le=1e5)

    @model_validator(mode="after")
    def _beats_within_the_lease(self) -> JobSettings:
        if not 2 * self.heartbeat_seconds <= self.lease_seconds:
            raise ValueError(
                f"heartbeat_seconds of at most half of lease_seconds, not {self.heartbeat_seconds:g}"
                f" of {self.lease_seconds:g}: one may come late"
            )
        return self


class Settings(Config):
    """The settings of `neyman serve`; relative paths are relative to the settings file.

    Attributes:
        host: Address to listen on; the default can be reached from this computer alone.
        port: Port to listen on; 0 for any that is free.
        models: Folders of trained artefacts by name.
        default_model: The model of requests that name none; None for the only one.
        database: `sqlite:///FILE` on a local disk, or `postgresql://USER@HOST/NAME`.
        storage: Where files of events are read and results are written.
        read: Places that files of events may be in; all others are refused.
        results: The place that results are written to.
        backend: What computes scores.
        cache: Recently scored events.
        archive: Events that were scored online.
        limits: What one caller can ask for.
        flags: Which events are flagged.
        jobs: How files are scored.
    """

    host: str = Field(default="127.0.0.1", pattern=r"^[A-Za-z0-9.:_%-]+$")  # empty would be every address there is
    port: int = Field(default=8800, ge=0, le=65535)
    models: dict[ModelName, Path] = Field(min_length=1)
    default_model: str | None = None
    database: str = Field(
        default="sqlite:///neyman-serve/serve.sqlite", pattern=r"^(sqlite:///.|postgresql(\+psycopg)?://)", repr=False
    )
    storage: LocalStorage | S3Storage = Field(default=LocalStorage(), discriminator="kind")
    read: tuple[Place, ...] = Field(default=(Place(bucket="events"),), min_length=1)
    results: Place = Place(bucket="results")
    backend: Embedded | Triton = Field(default=Embedded(), discriminator="kind")
    cache: Cache = Cache()
    archive: Archive = Archive()
    limits: Limits = Limits()
    flags: Flags = Flags()
    jobs: JobSettings = JobSettings()

    @model_validator(mode="after")
    def _a_default_that_is_there(self) -> Settings:
        if self.default_model is not None and self.default_model not in self.models:
            raise ValueError(f"default_model one of {', '.join(self.models)}, not '{self.default_model}'")
        return self

    @model_validator(mode="after")
    def _nobody_reads_what_belongs_to_others(self) -> Settings:
        for name, place in (("results", self.results), ("archive", self.archive.place)):
            if any(place.overlaps(each) for each in self.read):
                raise ValueError(f"a place of {name} apart from those of read: callers could read each other's events")
        if self.results.overlaps(self.archive.place):
            raise ValueError("places of results and archive apart from each other")
        return self

    @property
    def readable(self) -> Places:
        """The places that files of events may be in."""
        return Places(tuple((place.bucket, place.prefix) for place in self.read))

    def model_name(self, name: str | None) -> str | None:
        """The model that a request means: the one it names, else the default; None if there is no such model.

        Examples:
            >>> settings = Settings(models={"dimuon": "model"})
            >>> settings.model_name(None), settings.model_name("dimuon"), settings.model_name("dijet")
            ('dimuon', 'dimuon', None)
        """
        if name is None:
            return self.default_model or (next(iter(self.models)) if len(self.models) == 1 else None)
        return name if name in self.models else None

    @classmethod
    def load(cls, path: Path | str) -> Settings:
        """Read a YAML file of settings; relative paths in it become relative to the working directory.

        Raises:
            ConfigError: If it does not fit, with the line.
        """
        path = Path(path)
        return load_config(path, cls).beside(path.parent)

    def beside(self, folder: Path) -> Settings:
        """The same settings, with relative paths below a folder.

        Examples:
            >>> Settings(models={"dimuon": "model"}).beside(Path("/srv")).database
            'sqlite:////srv/neyman-serve/serve.sqlite'
        """
        database, storage = self.database, self.storage
        if database.startswith(_SQLITE):
            database = _SQLITE + str(folder / database.removeprefix(_SQLITE))
        if isinstance(storage, LocalStorage):
            storage = storage.model_copy(update={"root": folder / storage.root})
        models = {name: folder / model for name, model in self.models.items()}
        return self.model_copy(update={"models": models, "database": database, "storage": storage})
