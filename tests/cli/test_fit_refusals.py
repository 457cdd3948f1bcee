"""What cannot be used is refused in a few lines, and leaves no file behind."""

import json
from pathlib import Path

import pytest

WS = Path(__file__).parent / "fit_workspace.json"

OF_A_MODEL = [
    (["bestfit", "--poi", "mus"], ["no parameter of interest 'mus'", "did you mean 'mu'?"]),
    (["bestfit", "--measurement", "othr"], ["no measurement 'othr'", "did you mean 'other'?"]),
    (["bestfit", "--fix", "jess=1"], ["no parameter 'jess'", "did you mean 'jes'?"]),
    (["bestfit", "--fix", "jes"], ["--fix: found 'jes'", "name=value"]),
    (["bestfit", "--fix", "jes=one"], ["--fix: found 'jes=one'", "a number"]),
    (["bestfit", "--fix", "jes=nan"], ["--fix jes: found nan"]),
    (["bestfit", "--fix", "jes=inf"], ["--fix jes: found inf"]),
    (["bestfit", "--fix", "jes=1", "--fix", "jes=2"], ["'jes' twice"]),
    (["bestfit", "--interpolation", "normsys=code4p"], ["'code4p'", "code1, code4", "did you mean 'code4'?"]),
    (["bestfit", "--interpolation", "histosy=code0"], ["'histosy'", "did you mean 'histosys'?"]),
    (["bestfit", "--interpolation", ""], ["--interpolation: found ''"]),
    (["bestfit", "--patch", "missing.json"], ["missing.json: no such file"]),
    (["bestfit", "--minimiser", "simplex"], ["'simplex' is not one of 'newton', 'minuit'"]),
    (["cls", "--poi-value", "nan"], ["--poi-value"]),
    (["cls", "--poi-value", "inf"], ["--poi-value: found inf"]),
    (["cls", "--poi-value", "-1"], ["--poi-value"]),
    (["cls", "--fix", "mu=1"], ["parameter of interest 'mu' is fixed"]),
    (["limit", "--level", "1.5"], ["level 1.5", "between 0 and 1"]),
    (["limit", "--level", "nan"], ["level nan"]),
    (["scan", "--range", "3", "0"], ["--range: found 3 to 0"]),
    (["scan", "--range", "1", "1"], ["--range: found 1 to 1"]),
    (["scan", "--range", "nan", "1"], ["--range: found nan"]),
    (["scan", "--range", "0", "inf"], ["--range: found inf"]),
    (["scan", "--points", "1"], ["--points"]),
    (["scan", "--parameter", "nu"], ["no parameter 'nu'"]),
    (["scan", "--parameter", "k", "--fix", "k=1"], ["'k' is fixed"]),
    (["contour", "--parameters", "mu", "mu"], ["no contour of 'mu' and 'mu'"]),
    (["contour", "--parameters", "mu", "kk"], ["no parameter 'kk'"]),
    (["impacts", "--group", "JES=jess*"], ["--group JES: no parameter 'jess*'"]),
    (["impacts", "--group", "jes"], ["--group: found 'jes'"]),
    (["neyman", "--range", "3", "0"], ["--range: found 3 to 0"]),
    (["neyman", "--range", "0", "nan"], ["--range: found nan"]),
    (["neyman", "--range", "-1", "3"], ["within the parameter's bounds, 0 to 10"]),
    (["neyman", "--range", "3", "5"], ["holds the best value"]),
    (["neyman", "--points", "1"], ["--points"]),
    (["neyman", "--toys", "0"], ["--toys"]),
    (["neyman", "--parameter", "nu"], ["no parameter 'nu'"]),
    (["neyman", "--fix", "mu=1"], ["'mu' is fixed"]),
    (["toys", "--at", "mu=nan"], ["--at mu: found nan"]),
    (["toys", "--at", "nu=1"], ["no parameter 'nu'"]),
    (["toys", "--toys", "0"], ["--toys"]),
    (["gof", "--toys", "0"], ["--toys"]),
]


@pytest.mark.parametrize(("words", "parts"), OF_A_MODEL, ids=" ".join)
def test_of_a_model(neyman, refused, words, parts):
    command, *options = words
    refused(neyman("fit", command, WS, "--json", *options), *parts)


def test_files_that_are_no_workspace(neyman, refused, tmp_path):
    refused(neyman("fit", "bestfit", tmp_path / "ws.json"), "ws.json: no such file")
    refused(neyman("fit", "bestfit", tmp_path), "cannot be read")
    (tmp_path / "ws.json").write_text('{"channels": [')
    refused(neyman("fit", "limit", tmp_path / "ws.json"), "ws.json:1: not JSON")
    workspace = json.loads(WS.read_text())
    workspace["channels"][0]["samples"][1]["data"][2] = float("nan")
    (tmp_path / "ws.json").write_text(json.dumps(workspace))
    refused(neyman("fit", "inspect", tmp_path / "ws.json"), "$.channels[0].samples[1].data[2]")


def test_patches_that_do_not_apply(neyman, refused, tmp_path):
    (tmp_path / "patch.json").write_text('[{"op": "remove", "path": "/channels/7"}]')
    out = tmp_path / "out.json"
    for words in (["bestfit", WS], ["patch", WS, "--out", out]):
        refused(neyman("fit", *words, "--patch", tmp_path / "patch.json"), "patch.json", "no entry 7")
    (tmp_path / "patch.json").write_text('[{"op": "replace", "path": "/measurements/0/config/poi", "value": "nu"}]')
    refused(neyman("fit", "patch", WS, "--out", out, "--patch", tmp_path / "patch.json"), "no parameter 'nu'")
    assert not out.exists()


OF_WORKSPACES = [
    (["prune", WS, "--channel", "SRR"], ["no channel 'SRR'", "did you mean 'SR'?"]),
    (["prune", WS, "--modifier", "mu"], ["'mu'"]),
    (["rename", WS, "--channel", "SR"], ["--channel: found 'SR'"]),
    (["rename", WS, "--channel", "SR=CR"], ["'CR'"]),
    (["combine", WS, WS], ["both workspaces have"]),
    (["combine", WS, WS, "--join", "inner"], ["'inner' is not one of"]),
    (["asimov", WS, "--at", "nu=1"], ["no parameter 'nu'"]),
    (["asimov", WS, "--at", "jes=1"], ["'jes' is away from its auxiliary data"]),
    (["sort", WS.with_name("missing.json")], ["no such file"]),
    (["build", WS.with_name("missing.yaml")], ["no such config file"]),
]


@pytest.mark.parametrize(("words", "parts"), OF_WORKSPACES, ids=lambda each: str(each[0]))
def test_of_workspaces(neyman, refused, tmp_path, words, parts):
    refused(neyman("fit", *words, "--out", tmp_path / "out.json"), *parts)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_is_not_replaced_by_a_workspace(neyman, refused, tmp_path):
    refused(neyman("fit", "sort", WS, "--out", tmp_path), "a folder is there")
    assert list(tmp_path.iterdir()) == []


def test_what_blinding_refuses(neyman, refused, tmp_path):
    path = tmp_path / "ws.json"
    path.write_text(WS.read_text())
    refused(neyman("fit", "blind", path, "--poi", "nu"), "no parameter 'nu'")
    refused(neyman("fit", "blind", path, "--region", "SRR"), "no region 'SRR'", "did you mean 'SR'?")
    assert [each.name for each in tmp_path.iterdir()] == ["ws.json"]
    (tmp_path / "ws.json.blinding.json").write_text("{}")
    refused(neyman("fit", "bestfit", path), "ws.json.blinding.json: $.parameters", "not a Blinding")
    refused(neyman("fit", "bestfit", path, "--unblind"), "ws.json.blinding.json")
