"""The ground floor: errors, random streams, files, configs, run folders, artefacts, executors."""
