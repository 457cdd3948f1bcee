"""Changes of the tables, in order; `upgrade` applies those that a database has not seen."""
