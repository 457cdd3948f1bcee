"""The storage that the settings ask for."""

from __future__ import annotations

from neyman.serve.settings import LocalStorage, S3Storage
from neyman.serve.storage.local import LocalFolder
from neyman.serve.storage.protocol import Storage


def open_storage(settings: LocalStorage | S3Storage) -> Storage:
    """A folder or a service.

    Raises:
        ConfigError: If a key of the service is not in the environment.
    """
    if isinstance(settings, LocalStorage):
        return LocalFolder(settings.root)
    from neyman.serve.storage.s3 import S3Service  # loading S3 takes half a second

    return S3Service(settings)
