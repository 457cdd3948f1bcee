"""Ask a service which events are unlike background, and why; then have it score the same file as a job.

neyman demo serve                # says KEY=… and where it is
KEY=ny_… python examples/serve.py http://127.0.0.1:8800 neyman-demo/serve/storage/events/events.parquet
"""

import os
import sys
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from neyman.serve.client import Client

SHOWN = 3


def main(url: str, key: str, file: Path) -> None:
    """Score a file whose folder is the bucket `events` of the service."""
    with Client(url, key) as client:
        model = next(model for model in client.models() if model.default)
        table = pq.read_table(file, columns=model.columns)
        x = np.stack([table[name].to_numpy() for name in model.columns], axis=1)

        found = client.score(x)
        flagged = "nothing promised" if found.flags is None else f"{np.mean(found.flags):.2%} flagged"
        print(f"{model.name}, {model.score} of {len(model.columns)} columns: {len(x):,} events, {flagged}")
        for row in np.argsort(-found.scores)[:SHOWN]:
            columns = client.explain(x[row]).feature_attribution
            strongest = sorted(columns, key=lambda name: -abs(columns[name]))[:SHOWN]
            why = ", ".join(f"{name} {columns[name]:+.1f} σ" for name in strongest)
            print(f"row {row}: score {found.scores[row]:.3g}, p-value {found.p_values[row]:.2g}: {why}")

        # The same key for the same file: however often this runs, it is one job.
        once = f"{file.name}-{file.stat().st_mtime_ns}-{model.digest[:12]}"
        job = client.wait(client.submit(f"s3://events/{file.name}", idempotency_key=once), timeout=600, poll=0.2)
        print(f"job {job.job_id}: {job.status}, {job.progress.rows_done:,} events, {job.results_file}")


if __name__ == "__main__":
    main(sys.argv[1], os.environ["KEY"], Path(sys.argv[2]))
