"""Which code, libraries and inputs a file came from."""

from __future__ import annotations

import platform
import subprocess
import sys
from importlib import metadata
from pathlib import Path
from typing import Any

from neyman._version import __version__

LIBRARIES = (
    *("numpy", "scipy", "pyarrow", "torch", "zuko", "jax", "numba", "iminuit", "scikit-learn", "onnxruntime"),
    *("eoshep", "pythia8mc", "fastjet"),
)


def versions() -> dict[str, str]:
    """Versions of neyman, Python and the libraries that results depend on; absent ones are left out."""
    found = {"neyman": __version__, "python": platform.python_version()}
    for name in LIBRARIES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def commit() -> str | None:
    """The git commit of a source checkout, with `+dirty` if it has changes; None for an installed package."""
    here = Path(__file__).resolve().parent
    try:
        if not _git("ls-files", Path(__file__).name, at=here):
            return None  # installed into an environment that lies inside another repository
        head = _git("rev-parse", "HEAD", at=here)
        dirty = _git("status", "--porcelain", "--untracked-files=no", at=here)
    except (OSError, subprocess.SubprocessError):
        return None
    return f"{head}+dirty" if dirty else head


def _git(*arguments: str, at: Path) -> str:
    done = subprocess.run(  # noqa: S603 - fixed arguments
        ["git", *arguments],  # noqa: S607 - whichever git the user has
        cwd=at, check=True, capture_output=True, text=True, timeout=10,
    )  # fmt: skip
    return done.stdout.strip()


def provenance() -> dict[str, Any]:
    """What a run folder and an artefact remember of the program that made them."""
    return {"command": sys.argv, "versions": versions(), "commit": commit(), "platform": platform.platform()}
