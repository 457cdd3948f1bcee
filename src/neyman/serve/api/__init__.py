"""The HTTP interface of the service, version 1."""
