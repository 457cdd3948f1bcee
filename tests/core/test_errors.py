import pickle

import pytest

from neyman.core.errors import (
    MAX_LINES,
    ArtefactError,
    ConfigError,
    DataError,
    InputError,
    MissingDependencyError,
    NeymanError,
    NumericsError,
    require,
)

ALL = [NeymanError, InputError, ConfigError, DataError, ArtefactError, MissingDependencyError, NumericsError]


def test_the_message_names_place_finding_expectation_and_remedy():
    error = DataError("found -1", where="a.yaml:3: n", expected="above 0", hint="n: 1")
    assert str(error) == "a.yaml:3: n: found -1\n  expected: above 0\n  try: n: 1"


def test_a_message_has_at_most_five_lines():
    assert len(str(NeymanError("x\n" * 30, expected="y\n" * 30, hint="z")).splitlines()) == MAX_LINES


@pytest.mark.parametrize("kind", ALL)
def test_errors_survive_the_way_back_from_a_worker_process(kind):
    error = pickle.loads(pickle.dumps(kind("found", expected="expected", where="where", hint="hint")))
    assert type(error) is kind
    assert str(error) == "where: found\n  expected: expected\n  try: hint"


@pytest.mark.parametrize("kind", [ConfigError, DataError, ArtefactError, MissingDependencyError])
def test_what_the_user_can_mend_is_an_input_error(kind):
    assert issubclass(kind, InputError)
    assert not issubclass(NumericsError, InputError)


def test_a_missing_extra_says_how_to_install_it(message):
    with pytest.raises(MissingDependencyError) as error:
        require("no_such_library_at_all", job="posterior")
    message(error, "posterior needs no_such_library_at_all", "pip install 'neyman[posterior]'")


def test_an_import_that_fails_inside_the_library_is_not_hidden(tmp_path, monkeypatch):
    (tmp_path / "library_with_a_broken_import.py").write_text("import no_such_library_at_all\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ModuleNotFoundError, match="no_such_library_at_all"):
        require("library_with_a_broken_import", job="posterior")
    assert require("json", job="posterior").dumps(1) == "1"
