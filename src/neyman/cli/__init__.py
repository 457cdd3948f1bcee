"""The command line: one file a job, nothing heavy imported before a command runs."""
