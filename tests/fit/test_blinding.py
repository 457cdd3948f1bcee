import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from neyman.core.errors import InputError
from neyman.core.files import digest
from neyman.fit.blinding import (
    BlindedParameter,
    Blinding,
    blind,
    carry,
    hidden_regions,
    load_mark,
    mark_path,
    record_opening,
)


@pytest.fixture
def workspace(tmp_path):
    return tmp_path / "ws.json"


def test_the_mark_comes_back(workspace):
    made = blind(workspace, digest_of="abc", errors={"mu": 0.5}, regions=["SR"])
    assert load_mark(workspace) == made
    assert mark_path(workspace) == workspace.parent / "ws.json.blinding.json"
    assert hidden_regions(str(workspace)) == ("SR",)


def test_offsets_depend_on_workspace_and_name_and_on_nothing_else(workspace, tmp_path):
    first = blind(workspace, digest_of="abc", errors={"mu": 0.5, "nu": 0.5})
    again = blind(tmp_path / "copy.json", digest_of="abc", errors={"nu": 0.5})
    other = blind(tmp_path / "other.json", digest_of="abd", errors={"mu": 0.5})
    assert first.offset("nu") == again.offset("nu")
    assert len({first.offset("mu"), first.offset("nu"), other.offset("mu")}) == 3
    assert first.offset("alpha") == 0


def test_offsets_are_uniform():
    offsets = [BlindedParameter(seed=digest([str(i), "mu"]), scale=2.0).offset for i in range(4000)]
    counts, _ = np.histogram(offsets, bins=10, range=(-2, 2))
    assert counts.sum() == 4000
    assert ((counts - 400) ** 2 / 400).sum() < 27.9  # χ² of 9 degrees of freedom, p = 1e-3


@given(st.text(), st.floats(min_value=1e-6, max_value=1e6))
def test_offsets_are_within_their_scale(name, scale):
    assert abs(BlindedParameter(seed=digest(["w", name]), scale=scale).offset) <= scale


@pytest.mark.parametrize("error", [0.0, -1.0, float("nan"), float("inf")])
def test_errors_must_be_positive(workspace, error, message):
    with pytest.raises(InputError) as caught:
        blind(workspace, digest_of="abc", errors={"mu": error})
    message(caught, "of 'mu'", "a positive number")
    assert not mark_path(workspace).exists()


def test_nothing_to_blind(workspace, message):
    with pytest.raises(InputError) as caught:
        blind(workspace, digest_of="abc", errors={})
    message(caught, "nothing to blind")


def test_what_is_blinded_stays_so(workspace):
    first = blind(workspace, digest_of="abc", errors={"mu": 0.5}, regions=["SR"])
    record_opening(workspace, command="limit", digest_of="abc")
    second = blind(workspace, digest_of="changed", errors={"mu": 7.0, "nu": 1.0}, regions=["CR", "SR"])
    assert second.parameters["mu"] == first.parameters["mu"]
    assert second.regions == ("SR", "CR")
    assert [each.command for each in second.openings] == ["limit"]


def test_openings_add_up(workspace, monkeypatch):
    blind(workspace, digest_of="abc", errors={"mu": 0.5})
    monkeypatch.setattr("getpass.getuser", lambda: "jerzy")
    record_opening(workspace, command="limit", digest_of="abc")

    def nameless():
        raise OSError("no such user")

    monkeypatch.setattr("getpass.getuser", nameless)
    record_opening(workspace, command="bestfit", digest_of="abd")
    first, second = load_mark(workspace).openings
    assert (first.who, first.command, first.workspace) == ("jerzy", "limit", "abc")
    assert (second.who, second.command, second.workspace) == ("unknown", "bestfit", "abd")
    assert first.when <= second.when


def test_no_mark(workspace, tmp_path):
    assert load_mark(workspace) is None
    assert hidden_regions(workspace) == ()
    record_opening(workspace, command="limit", digest_of="abc")
    carry([workspace], tmp_path / "out.json")
    assert list(tmp_path.iterdir()) == []


def test_a_link_does_not_lead_around_the_mark(workspace, tmp_path):
    workspace.write_text("{}")
    blind(workspace, digest_of="abc", errors={"mu": 0.5})
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "link.json").symlink_to(workspace)
    assert load_mark(tmp_path / "elsewhere" / "link.json") == load_mark(workspace)


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("", "not JSON"),
        ("[]", "not a Blinding"),
        ('{"regions": []}', "$.parameters"),
        ('{"parameters": {"mu": {"seed": "00", "scale": 1}}, "regions": []}', "$.parameters.mu.seed"),
        ('{"parameters": {"mu": {"seed": "SEED", "scale": null}}, "regions": []}', "$.parameters.mu.scale"),
        ('{"parameters": {"mu": {"seed": "SEED", "scale": -1}}, "regions": []}', "$.parameters.mu.scale"),
        ('{"parameters": {"mu": {"seed": "SEED", "scale": NaN}}, "regions": []}', "$.parameters.mu.scale"),
    ],
)
def test_a_broken_mark_is_no_way_in(workspace, message, text, part):
    mark_path(workspace).write_text(text.replace("SEED", 64 * "0"))
    for look in (
        load_mark,
        hidden_regions,
        lambda path: record_opening(path, command="limit", digest_of="abc"),
        lambda path: carry([path], path.with_name("out.json")),
    ):
        with pytest.raises(InputError) as caught:
            look(workspace)
        message(caught, "ws.json.blinding.json", part)
    assert not mark_path(workspace.with_name("out.json")).exists()


def test_marks_go_along_with_new_names(workspace, tmp_path):
    one = blind(workspace, digest_of="abc", errors={"mu": 0.5}, regions=["SR", "VR"])
    two = blind(tmp_path / "two.json", digest_of="abd", errors={"nu": 0.5}, regions=["SR2"])
    carry([workspace, tmp_path / "two.json"], tmp_path / "out.json", parameters={"mu": "k"}, regions={"SR": "signal"})
    found = load_mark(tmp_path / "out.json")
    assert found.parameters == {"k": one.parameters["mu"], "nu": two.parameters["nu"]}
    assert found.regions == ("signal", "VR", "SR2")
    assert json.loads(mark_path(tmp_path / "out.json").read_text())["openings"] == []


def test_a_mark_without_parameters_hides_regions_only(workspace):
    assert blind(workspace, digest_of="abc", errors={}, regions=["SR"]) == Blinding(parameters={}, regions=("SR",))
