"""The fit job: from YAML to a workspace, and the results people want from a model."""
