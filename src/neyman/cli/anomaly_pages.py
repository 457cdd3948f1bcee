"""The step behind `neyman anomaly explore`."""

from __future__ import annotations

from pathlib import Path

from neyman.core.errors import ConfigError


def explore_step(source: str, *, rows: int, out: Path) -> str:
    """Look at a table and write the page."""
    from neyman.anomaly.exploring import explore, read_evenly
    from neyman.events.tables import TableFile
    from neyman.report.anomaly_exploration import exploration_page
    from neyman.report.page import save_page

    if out.suffix not in (".html", ".htm"):
        raise ConfigError(f"a name that ends in '{out.suffix}'", where=str(out), expected=".html")
    file = TableFile.open(source, job="anomaly")
    found = explore(read_evenly(file, rows), rows=file.rows, where=str(file))
    save_page(exploration_page(found, str(file)), out)
    return "\n".join(
        [*found.remarks, f"{out}: {len(found.features)} columns, {found.looked_at:,} of {found.rows:,} rows"]
    )
