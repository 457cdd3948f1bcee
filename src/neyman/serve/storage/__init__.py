"""Where files of events are read and results are written: a local folder or S3, under the same URIs."""
