"""Objects as files below one folder: `s3://bucket/key` is `root/bucket/key`."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from neyman.core.errors import DataError
from neyman.core.files import replacing
from neyman.serve.storage.protocol import Stream, storage_errors, writing_errors
from neyman.serve.storage.uri import ObjectURI


class LocalFolder:
    """A storage on one host.

    Args:
        root: The folder; buckets are folders in it.
    """

    def __init__(self, root: Path) -> None:
        self._root = root.resolve()

    def open_input(self, uri: ObjectURI) -> Stream:
        """As `Storage`. Not mapped into memory: a file that is cut short meanwhile would kill the process."""
        import pyarrow as pa

        with storage_errors(uri):
            return pa.OSFile(str(self._file(uri)), "rb")

    def fingerprint(self, uri: ObjectURI) -> str:
        """As `Storage`: inode, size and time of the last change."""
        with storage_errors(uri):
            found = self._file(uri).stat()
        return f"{found.st_ino}-{found.st_size}-{found.st_mtime_ns}"

    @contextlib.contextmanager
    def write(self, uri: ObjectURI) -> Iterator[Stream]:
        """As `Storage`: a temporary file that is synced and renamed, in folders that are synced, too.

        Else a database that was synced could name an object whose name was lost with the power.
        """
        import pyarrow as pa

        path = self._path(uri)
        with writing_errors(uri):
            path.parent.mkdir(parents=True, exist_ok=True)
            with replacing(path) as temporary, pa.OSFile(str(temporary), "wb") as stream:
                yield stream
            for folder in (path.parent, *path.parent.parents):
                if folder.is_relative_to(self._root):
                    _sync(folder)

    def exists(self, uri: ObjectURI) -> bool:
        """As `Storage`."""
        with storage_errors(uri):
            return self._path(uri).is_file()

    def delete(self, uri: ObjectURI) -> None:
        """As `Storage`."""
        with writing_errors(uri):
            self._path(uri).unlink(missing_ok=True)

    def clear(self, folder: ObjectURI, *, keep: ObjectURI | None) -> None:
        """As `Storage`."""
        kept = None if keep is None else self._path(keep)
        with writing_errors(folder):
            for path in self._path(folder).rglob("*"):
                if path.is_file() and path != kept:
                    path.unlink(missing_ok=True)  # another worker may do the same
            if kept is None:
                with contextlib.suppress(OSError):  # it may be gone, or in use again
                    self._path(folder).rmdir()

    def _path(self, uri: ObjectURI) -> Path:
        path = (self._root / uri.bucket / uri.key).resolve()
        if not path.is_relative_to(self._root / uri.bucket):  # a link out of it
            raise DataError("no such object", where=str(uri))
        return path

    def _file(self, uri: ObjectURI) -> Path:
        path = self._path(uri)
        if not path.is_file():
            raise DataError("no such object", where=str(uri))
        return path


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
