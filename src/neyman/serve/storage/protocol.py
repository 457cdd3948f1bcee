"""What a storage does, whichever it is."""

from __future__ import annotations

import contextlib
import errno
from collections.abc import Iterator
from typing import Any, Protocol, runtime_checkable

from neyman.core.errors import DataError, NeymanError
from neyman.serve.storage.uri import ObjectURI

Stream = Any
"""A `pyarrow.NativeFile`, which has no types."""


class StorageUnavailableError(NeymanError):
    """The storage cannot be used just now; the same may succeed later."""


@runtime_checkable
class Storage(Protocol):
    """Objects by address.

    All methods raise `DataError` for what is wrong with an object, and `StorageUnavailableError` for what time can
    heal; neither has a path in its text.
    """

    def open_input(self, uri: ObjectURI) -> Stream:
        """The object as a file that can be read in any order; to be closed."""

    def fingerprint(self, uri: ObjectURI) -> str:
        """What changes whenever the object does."""

    def write(self, uri: ObjectURI) -> contextlib.AbstractContextManager[Stream]:
        """A file to write to, which becomes the object when the block succeeds; until then there is none."""

    def exists(self, uri: ObjectURI) -> bool:
        """Whether there is such an object."""

    def delete(self, uri: ObjectURI) -> None:
        """Remove an object; one that is not there is none."""

    def clear(self, folder: ObjectURI, *, keep: ObjectURI | None) -> None:
        """Remove all objects below a folder but one, and what unfinished writes have left there."""


@contextlib.contextmanager
def storage_errors(uri: ObjectURI) -> Iterator[None]:
    """Tell apart what is wrong with an object from what is wrong with the storage.

    Libraries raise `OSError` for both, and for damaged Parquet; only of the storage's own do the system or the service
    give a number or a name.

    Raises:
        DataError: If there is no such object, or it may not be read.
        StorageUnavailableError: If the storage is away, full or slow.
    """
    try:
        yield
    except (FileNotFoundError, IsADirectoryError, NotADirectoryError):
        raise DataError("no such object", where=str(uri)) from None
    except PermissionError as error:
        raise DataError("this service may not use it", where=str(uri)) from error
    except OSError as error:
        if error.errno == errno.ENAMETOOLONG:  # S3 takes longer names than folders do; no wait makes them shorter
            raise DataError("no such object", where=str(uri)) from None
        text = str(error)
        if "ACCESS_DENIED" in text or "HTTP status 403" in text:
            raise DataError("this service may not use it", where=str(uri)) from error
        if "NO_SUCH_BUCKET" in text or "HTTP status 404" in text:
            raise DataError("no such object", where=str(uri)) from error
        if error.errno is not None or "AWS Error" in text:
            raise StorageUnavailableError("the storage cannot be used just now", where=str(uri)) from error
        raise


@contextlib.contextmanager
def writing_errors(uri: ObjectURI) -> Iterator[None]:
    """What fails while this service writes is for its operator to mend, whatever it is.

    Raises:
        StorageUnavailableError: If the storage is away or full, or refuses.
    """
    try:
        yield
    except OSError as error:
        raise StorageUnavailableError(f"cannot be written: {type(error).__name__}", where=str(uri)) from error
