"""The servers are fixtures of all tests of the service."""

from .servers import (  # noqa: F401
    database,
    moto,
    postgres,
    postgres_server,
    rclone,
    redis,
    redis_server,
    s3,
)
