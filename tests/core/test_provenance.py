import json
import subprocess

import numpy as np
import pytest

from neyman import __version__
from neyman.core import provenance


def test_versions_of_what_is_installed():
    versions = provenance.versions()
    assert versions["neyman"] == __version__
    assert versions["numpy"] == np.__version__
    assert json.loads(json.dumps(provenance.provenance()))["versions"] == versions


@pytest.mark.parametrize(("status", "commit"), [("", "abc"), (" M a.py", "abc+dirty")])
def test_the_commit(monkeypatch, status, commit):
    monkeypatch.setattr(
        provenance, "_git", lambda *words, at: {"ls-files": "x", "rev-parse": "abc", "status": status}[words[0]]
    )
    assert provenance.commit() == commit


def test_an_environment_inside_another_repository_has_no_commit(monkeypatch):
    monkeypatch.setattr(provenance, "_git", lambda *words, at: "" if words[0] == "ls-files" else "abc")
    assert provenance.commit() is None


@pytest.mark.parametrize(
    "error", [FileNotFoundError(), subprocess.CalledProcessError(128, "git"), subprocess.TimeoutExpired("git", 10)]
)
def test_without_git_there_is_no_commit(monkeypatch, error):
    def fails(*_, at):
        raise error

    monkeypatch.setattr(provenance, "_git", fails)
    assert provenance.commit() is None
