"""What a marked workspace shows, and what its mark remembers."""

import json
from pathlib import Path

import pytest

from neyman.fit.blinding import hidden_regions, load_mark, mark_path

WS = Path(__file__).parent / "fit_workspace.json"


@pytest.fixture
def path(tmp_path, neyman):
    """A workspace whose parameter of interest and signal region are blinded."""
    (tmp_path / "ws.json").write_text(WS.read_text())
    done = neyman("fit", "blind", tmp_path / "ws.json", "--region", "SR")
    assert (done.code, done.err) == (0, "")
    assert done.out == f"{tmp_path / 'ws.json.blinding.json'}: mu, data of SR blinded\n"
    return tmp_path / "ws.json"


@pytest.fixture
def fit(neyman):
    def call(command, ws, *arguments):
        done = neyman("fit", command, ws, "--json", *arguments)
        assert done.code == 0, done.err
        return json.loads(done.out)

    return call


@pytest.fixture
def offset(path):
    found = load_mark(path).offset("mu")
    assert abs(found) > 0.05
    return found


def test_bestfit_is_shifted_and_nothing_else(fit, path, offset):
    blinded, open_ = fit("bestfit", path), fit("bestfit", WS)
    assert blinded.pop("blinded")
    assert not open_.pop("blinded")
    assert blinded["parameters"]["mu"].pop("value") == pytest.approx(open_["parameters"]["mu"].pop("value") + offset)
    assert blinded == open_


def test_a_construction_is_what_is_expected(neyman, fit, path, tmp_path):
    """Nothing of it depends on the data, nor on the offset, which critical values near a bound would tell."""
    options = ("--points", 3, "--toys", 10)
    blinded = fit("neyman", path, *options)
    assert blinded["best"] == pytest.approx(1, abs=1e-4)
    changed = json.loads(WS.read_text())
    for each in changed["observations"]:
        each["data"] = [2 * count for count in each["data"]]
    path.write_text(json.dumps(changed))
    assert fit("neyman", path, *options) == {**blinded, "workspace": fit("bestfit", path)["workspace"]}
    assert "of what is expected at initial values" in neyman("fit", "neyman", path, *options).out
    other = fit("neyman", path, "--parameter", "k", *options)
    assert not other["blinded"]


def test_the_offset_is_of_the_size_of_expected_errors_whatever_the_data(neyman, fit, path, tmp_path):
    scale = load_mark(path).parameters["mu"].scale
    neyman("fit", "asimov", WS, "--out", tmp_path / "asimov.json")
    assert scale == pytest.approx(3 * fit("bestfit", tmp_path / "asimov.json")["parameters"]["mu"]["error"], rel=1e-5)


def test_shifts_between_fits_stay_visible(fit, path):
    shown = [fit("bestfit", path, *options)["parameters"]["mu"]["value"] for options in ([], ["--fix", "jes=1"])]
    true = [fit("bestfit", WS, *options)["parameters"]["mu"]["value"] for options in ([], ["--fix", "jes=1"])]
    assert abs(true[1] - true[0]) > 0.01
    assert shown[1] - shown[0] == pytest.approx(true[1] - true[0], abs=1e-9)


def test_only_expectations_are_shown(fit, path):
    for command, observed in (
        ("cls", ["cls_obs", "clsb_obs", "clb_obs", "q_obs"]),
        ("limit", ["obs"]),
        ("significance", ["q0", "p_value", "observed"]),
    ):
        blinded, open_ = fit(command, path), fit(command, WS)
        assert blinded["blinded"]
        assert [blinded[key] for key in observed] == [None] * len(observed)
        assert None not in [open_[key] for key in observed]
        for key in ("cls_exp", "exp", "expected"):
            assert blinded.get(key) == open_.get(key)
    assert fit("limit", path)["scan"] == []  # its values crowd about the observed limit


def test_scan_is_shifted_with_its_range(fit, path, offset):
    open_ = fit("scan", WS, "--range", 0, 3, "--points", 4)
    blinded = fit("scan", path, "--range", offset, 3 + offset, "--points", 4)
    assert blinded["values"] == pytest.approx([value + offset for value in open_["values"]])
    assert blinded["delta_twice_nll"] == pytest.approx(open_["delta_twice_nll"], abs=1e-7)
    assert blinded["best"] == pytest.approx(open_["best"] + offset)
    for name in ("interval_68", "interval_95"):
        for end in ("lower", "upper"):
            assert blinded[name][end] == pytest.approx(open_[name][end] + offset, abs=1e-4)


def test_no_axis_ends_where_a_bound_is(fit, path, offset):
    """It would end at zero plus the offset."""
    assert fit("scan", WS, "--points", 3)["values"][0] == 0
    assert fit("contour", WS, "--parameters", "mu", "k", "--points", 3)["x"][0] == 0
    found = fit("scan", path, "--points", 3)["values"]
    assert found[0] < offset - 0.1
    assert found[1] - found[0] == pytest.approx(found[2] - found[1])
    contour = fit("contour", path, "--parameters", "k", "mu", "--points", 3)
    assert contour["y"][0] < offset - 0.1
    assert contour["x"] == fit("contour", WS, "--parameters", "k", "mu", "--points", 3)["x"]
    assert contour["blinded"]


def test_impacts_keep_their_sizes(fit, path, offset):
    blinded, open_ = fit("impacts", path), fit("impacts", WS)
    assert blinded["value"] == pytest.approx(open_["value"] + offset)
    assert blinded["impacts"] == open_["impacts"]
    other = fit("impacts", path, "--poi", "k")
    assert other["value"] == fit("impacts", WS, "--poi", "k")["value"]
    (mu,) = [each for each in other["impacts"] if each["name"] == "mu"]
    assert mu["value"] == pytest.approx(open_["value"] + offset)


def test_what_says_nothing_of_the_parameter_is_shown(fit, path):
    assert fit("gof", path) == fit("gof", WS)
    assert fit("toys", path, "--toys", 5) == fit("toys", WS, "--toys", 5)
    assert fit("scan", path, "--parameter", "k", "--points", 3) == fit("scan", WS, "--parameter", "k", "--points", 3)


def test_messages_do_not_tell(neyman, refused, path, offset):
    for words in (["bestfit", "--fix", "mu=1"], ["limit", "--fix", "mu=0"]):
        refused(neyman("fit", words[0], path, *words[1:]), "'mu' is blinded", "--unblind")
    done = neyman("fit", "scan", path, "--range", 2, 1)
    refused(done, "--range: found 2 to 1")


def test_a_bound_is_not_told(fit, path):
    workspace = json.loads(WS.read_text())
    workspace["observations"][0]["data"] = [38.0, 18.0, 18.0]
    path.write_text(json.dumps(workspace))
    found = fit("bestfit", path)
    assert (found["at_bounds"], found["message"]) == ([], "minimum found")
    opened = fit("bestfit", path, "--unblind")
    assert opened["at_bounds"] == ["mu"]
    assert "mu at a bound" in opened["message"]


def test_a_new_build_keeps_the_offset(fit, path, offset):
    workspace = json.loads(WS.read_text())
    workspace["channels"][0]["samples"][1]["data"][0] += 1
    path.write_text(json.dumps(workspace))
    blinded = fit("bestfit", path)["parameters"]["mu"]["value"]
    assert blinded == pytest.approx(fit("bestfit", path, "--unblind")["parameters"]["mu"]["value"] + offset)


def test_unblind_shows_all_and_is_recorded(fit, neyman, path):
    assert fit("limit", path, "--unblind") == fit("limit", WS)
    assert "(--unblind" not in neyman("fit", "bestfit", path, "--unblind").out
    fit("inspect", path, "--unblind")
    openings = load_mark(path).openings
    assert [each.command for each in openings] == ["neyman fit limit", "neyman fit bestfit", "neyman fit inspect"]
    assert {each.workspace for each in openings} == {fit("limit", WS)["workspace"]}
    assert all(each.who and each.when.endswith("+00:00") for each in openings)
    assert fit("limit", path)["obs"] is None  # until the next time


def test_unblind_of_what_was_never_blinded(fit, tmp_path):
    (tmp_path / "ws.json").write_text(WS.read_text())
    assert fit("bestfit", tmp_path / "ws.json", "--unblind") == fit("bestfit", WS)
    assert [each.name for each in tmp_path.iterdir()] == ["ws.json"]


def test_nothing_is_shown_if_it_cannot_be_recorded(neyman, path):
    mark_path(path).unlink()
    mark_path(path).mkdir()
    done = neyman("fit", "bestfit", path, "--unblind")
    assert done.code == 2
    assert done.out == ""


def test_text_says_that_it_is_blinded(neyman, path):
    assert neyman("fit", "bestfit", path).out.splitlines()[-1] == "blinded: mu (--unblind shows it, and is recorded)"
    assert neyman("fit", "limit", path).out.splitlines()[1].split() == ["observed", "-"]


def test_data_of_hidden_regions(neyman, fit, path):
    assert hidden_regions(path) == ("SR",)
    assert [each["observed"] for each in fit("inspect", path)["channels"]] == [None, 115.0]
    out = neyman("fit", "inspect", path).out
    assert "118" not in out
    assert "blinded: data of SR" in out


def test_workspaces_made_of_a_blinded_one_are_blinded(neyman, fit, path, tmp_path, offset):
    out = tmp_path / "out.json"
    for words in (
        ["sort", path],
        ["prune", path, "--modifier", "eff"],
        ["patch", path, "--patch", tmp_path / "patch.json"],
        ["combine", WS, path, "--join", "outer"],
    ):
        (tmp_path / "patch.json").write_text('[{"op": "test", "path": "/version", "value": "1.0.0"}]')
        assert neyman("fit", *words, "--out", out).code == 0
        assert load_mark(out).offset("mu") == offset
        assert hidden_regions(out) == ("SR",)
        mark_path(out).unlink()
    done = neyman("fit", "rename", path, "--out", out, "--modifier", "mu=strength", "--channel", "SR=signal")
    assert done.code == 0
    assert load_mark(out).offset("strength") == offset
    assert hidden_regions(out) == ("signal",)
    assert fit("limit", out)["obs"] is None


def test_blinding_again_adds(neyman, path, offset):
    done = neyman("fit", "blind", path, "--poi", "mu", "--poi", "k", "--region", "CR")
    assert done.code == 0
    mark = load_mark(path)
    assert set(mark.parameters) == {"mu", "k"}
    assert mark.offset("mu") == offset != mark.offset("k")
    assert mark.regions == ("SR", "CR")


def test_a_fixed_parameter_cannot_be_blinded(neyman, refused, tmp_path):
    workspace = json.loads(WS.read_text())
    workspace["measurements"][0]["config"]["parameters"][0]["fixed"] = True
    (tmp_path / "ws.json").write_text(json.dumps(workspace))
    refused(neyman("fit", "blind", tmp_path / "ws.json"), "expected error 0.0 of 'mu'", "is the parameter free")
