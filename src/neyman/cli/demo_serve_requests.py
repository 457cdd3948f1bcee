"""The requests of `neyman demo serve`, as lines for a shell that work as they stand, with their answers."""

from __future__ import annotations

import json
import os
import subprocess
import time
from typing import Any

import numpy as np
import typer
from jaxtyping import Float

from neyman.core.errors import NeymanError

EVENTS = "events.parquet"
SHOWN = 600  # characters of an answer
PATIENCE = 60.0  # seconds for a job of some thousand events
_KEY, _JSON = '-H "Authorization: Bearer $KEY"', "-H 'Content-Type: application/json'"


def ask_everything(url: str, token: str, events: Float[np.ndarray, "n d"]) -> str:
    """Show each line and what comes back.

    Args:
        url: Of the service.
        token: A key for `score` and `batch`.
        events: Of which all are scored, and the last is explained.

    Returns:
        The results file of the job.

    Raises:
        NeymanError: If an answer is an error, or the job does not end well.
    """
    rows = [[float(f"{value:.6g}") for value in event] for event in events]
    api = f"{url}/api/v1"
    typer.echo(f"\nKEY={token}")
    _ask(f"curl -sS {url}/health", token)
    _ask(f"curl -sS {_KEY} {api}/models", token)
    _ask(f"curl -sS {_KEY} {_JSON} {api}/score -d {_quoted({'events': rows})}", token)
    _ask(f"curl -sS {_KEY} {_JSON} {api}/explain -d {_quoted({'event': rows[-1]})}", token)
    body = _quoted({"events_file": f"s3://events/{EVENTS}"})
    job = _ask(f"curl -sS {_KEY} {_JSON} {api}/score/batch -d {body}", token)
    return _wait(f"curl -sS {_KEY} {api}/score/batch/{job['job_id']}", token)


def _quoted(body: dict[str, Any]) -> str:
    return f"'{json.dumps(body)}'"


def _ask(line: str, token: str) -> dict[str, Any]:
    typer.echo(f"\n$ {line}")
    answer = _answer(line, token)
    _show(answer)
    return answer


def _wait(line: str, token: str) -> str:
    """Ask until the job has ended, and show the last answer; where its results are."""
    typer.echo(f"\n$ {line}")
    give_up = time.monotonic() + PATIENCE
    while (job := _answer(line, token))["status"] in ("queued", "running"):
        if time.monotonic() > give_up:
            raise NeymanError(f"the job is {job['status']} after {PATIENCE:g} s", where=line, expected="done")
        time.sleep(0.1)
    _show(job)
    if job["status"] != "done":
        raise NeymanError(f"the job is {job['status']}", where=line, expected="done")
    return str(job["results_file"])


def _answer(line: str, token: str) -> dict[str, Any]:
    try:
        done = subprocess.run(  # noqa: S602 - our own lines, which a reader is to type just so
            f"{line} --fail-with-body",
            shell=True,
            env=os.environ | {"KEY": token, "no_proxy": "*", "NO_PROXY": "*"},  # a proxy has another 127.0.0.1
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise NeymanError(f"no answer within {PATIENCE:g} s", where=line[:200]) from None
    if done.returncode:
        raise NeymanError(f"{done.stderr.strip()} {done.stdout.strip()}"[:300], where=line[:200], expected="an answer")
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def _show(answer: dict[str, Any]) -> None:
    text = json.dumps(answer, ensure_ascii=False)
    typer.echo(text if len(text) <= SHOWN else text[:SHOWN] + " …")
