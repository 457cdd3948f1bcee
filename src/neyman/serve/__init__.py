"""The scoring service: events over HTTP and in files, jobs that survive their workers."""
