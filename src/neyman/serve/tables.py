"""The tables of the service. What is here is what `migrations/` makes; a test compares the two.

Times are seconds since 1970 by the clock of the database, which all workers share.
"""

from __future__ import annotations

import sqlalchemy as sa

metadata = sa.MetaData()

api_keys = sa.Table(
    "api_keys",
    metadata,
    sa.Column("id", sa.String(32), primary_key=True),
    sa.Column("name", sa.String(200), nullable=False),
    sa.Column("secret", sa.String(64), nullable=False),  # SHA-256 of the secret part, hexadecimal
    sa.Column("scopes", sa.String(200), nullable=False),  # separated by spaces
    sa.Column("created_at", sa.Float(53), nullable=False),
    sa.Column("revoked_at", sa.Float(53)),
)

jobs = sa.Table(
    "jobs",
    metadata,
    sa.Column("id", sa.String(32), primary_key=True),
    sa.Column("owner", sa.String(32), nullable=False),  # the key that submitted it
    sa.Column("model", sa.String(64), nullable=False),
    sa.Column("digest", sa.String(64), nullable=False),  # of the artefact
    sa.Column("events_file", sa.Text, nullable=False),
    sa.Column("status", sa.String(10), nullable=False),
    sa.Column("submitted_at", sa.Float(53), nullable=False),
    sa.Column("finished_at", sa.Float(53)),
    sa.Column("rows_done", sa.BigInteger, nullable=False, server_default="0"),
    sa.Column("rows_total", sa.BigInteger),
    sa.Column("results_file", sa.Text),
    sa.Column("error", sa.Text),
    # of the worker that has it:
    sa.Column("worker", sa.String(100)),
    sa.Column(
        "attempt", sa.Integer, nullable=False, server_default="0"
    ),  # counts claims: the token that fences zombies out
    sa.Column("lease_until", sa.Float(53)),
    sa.Column("tries", sa.Integer, nullable=False, server_default="0"),  # claims since there was progress
    sa.Column("not_before", sa.Float(53), nullable=False, server_default="0"),
    sa.Column("fingerprint", sa.Text),  # of the file of events, as the first attempt found it
    sa.Column("swept", sa.Boolean, nullable=False, server_default=sa.false()),  # of all but the results
    sa.Index("jobs_to_claim", "status", "submitted_at"),
    sa.Index("jobs_of_owner", "owner", "submitted_at"),
    sa.Index("jobs_to_sweep", "swept", "status"),
)

job_parts = sa.Table(
    "job_parts",
    metadata,
    sa.Column("job_id", sa.String(32), sa.ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("number", sa.Integer, primary_key=True),
    sa.Column("key", sa.Text, nullable=False),  # of the object that holds it
    sa.Column("rows", sa.BigInteger, nullable=False),
    sa.Column("checksum", sa.String(64), nullable=False),  # SHA-256 of the object
    sa.Column("recipe", sa.String(64), nullable=False),  # what else its numbers depend on
)

idempotency = sa.Table(
    "idempotency",
    metadata,
    sa.Column("owner", sa.String(32), primary_key=True),
    sa.Column("key", sa.String(200), primary_key=True),
    sa.Column("body_hash", sa.String(64), nullable=False),
    sa.Column("job_id", sa.String(32), sa.ForeignKey("jobs.id", ondelete="CASCADE"), nullable=False),
)
