"""`neyman doctor`: what is installed, and what is missing for which job."""

from __future__ import annotations

import typer

_REPORT = ("matplotlib", "mplhep", "jinja2")
NEEDS = {
    "posterior": ("eos", "torch", "zuko", *_REPORT),
    "fit": ("jax", "numba", "iminuit", "awkward", "hist", "jsonpatch", "uproot", *_REPORT),
    "abcd": ("jax", "torch", "pythia8mc", "uproot", *_REPORT),
    "calibration": ("torch", "zuko", "numba", "sklearn", "uproot", "awkward", "pythia8mc", *_REPORT),
    "anomaly": (
        *("torch", "onnx", "onnxruntime", "sklearn", "h5py", "uproot", "awkward", "pythia8mc", "fastjet"),
        *_REPORT,
    ),
    "serve": (
        "onnxruntime",
        "sqlalchemy",
        "alembic",
        "msgspec",
        "uvicorn",
        "httptools",
        "prometheus_client",
        "psycopg",
    ),
}


def doctor() -> None:
    """Show versions, and what is missing for which job."""
    from importlib.util import find_spec

    from neyman.core.cache import cache_directory
    from neyman.core.executors import usable_cores
    from neyman.core.provenance import versions

    for name, version in versions().items():
        typer.echo(f"{name:12} {version}")
    typer.echo(f"{'cores':12} {usable_cores()}")
    typer.echo(f"{'cache':12} {cache_directory()}")
    for job, modules in NEEDS.items():
        missing = [module for module in modules if find_spec(module) is None]
        state = f"missing {', '.join(missing)}: pip install 'neyman[{job}]'" if missing else "ready"
        typer.echo(f"{job:12} {state}")
