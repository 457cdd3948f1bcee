"""From a config with an unbinned region to a workspace."""

import json
import shutil

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

from neyman.core.errors import ConfigError, DataError, InputError
from neyman.core.files import sha256
from neyman.fit.build import build, build_file
from neyman.fit.config import FitConfig
from neyman.likelihood.workspace import Workspace

from .toolkit import EVENTS, SAMPLES, TEXT, changed, selected, write_files, write_trees

SR = ("Regions", 1)
MODELS = (*SR, "TrainedModels")


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    folder = tmp_path_factory.mktemp("toolkit")
    return folder, write_files(folder, np.random.default_rng(4))


@pytest.fixture
def files(tmp_path, written):
    """What the files hold; they are in the folder of the test."""
    folder, columns = written
    shutil.copytree(folder, tmp_path, dirs_exist_ok=True)
    return columns


def built(tmp_path, *changes):
    """The workspace of a changed config, and the record."""
    return build(FitConfig.model_validate(changed(*changes)), base=tmp_path, out=tmp_path / "ws.json")


def refused(tmp_path, text=TEXT):
    """The error of a config in a file."""
    (tmp_path / "fit.yml").write_text(text)
    with pytest.raises(InputError) as error:
        build_file(tmp_path / "fit.yml", tmp_path / "ws.json")
    return error


def line(words):
    """Where the config says something, as errors name it."""
    (found,) = (number for number, each in enumerate(TEXT.splitlines(), 1) if words in each)
    return f"fit.yml:{found}: "


def sample(workspace, name):
    return next(each for each in workspace["channels"][1]["samples"] if each["name"] == name)


def modifiers(workspace, name):
    return {(each["name"], each["type"]): each["data"] for each in sample(workspace, name)["modifiers"]}


def read(tmp_path, reference):
    assert sha256(tmp_path / reference["path"]) == reference["sha256"]
    array = np.load(tmp_path / reference["path"])
    assert array.dtype == np.float64
    return array


def test_the_workspace_is_one(tmp_path, files):
    record = build_file(tmp_path / "fit.yml", tmp_path / "ws.json")
    workspace = Workspace.load(tmp_path / "ws.json")
    assert workspace.channels == ("CR", "SR")
    assert workspace.samples == SAMPLES
    assert workspace.digest == record.workspace
    arrays = workspace.arrays()["SR"]
    assert len(arrays.observed_weights) == len(arrays.reference_weights) == EVENTS
    shapes = [f"{name}.JES.{side}" for name in SAMPLES[:2] for side in ("up", "down")]
    names = {f"SR.{name}.npy" for name in ("weights", "reference_weights", *SAMPLES, *shapes)}
    assert {path.name for path in (tmp_path / "ws_arrays").iterdir()} == names


def test_yields_are_sums_of_weights(tmp_path, files):
    trees, _ = files
    workspace, record = built(tmp_path)
    for name in SAMPLES:
        both = {side: trees[side][name] for side in trees}
        sums = {side: each["weights"][selected(each)].sum() for side, each in both.items()}
        assert sample(workspace, name)["yield"] == pytest.approx(sums["nominal"], rel=1e-12)
        kind = "normsys" if name == "ttbar" else "normplusshape"
        jes = modifiers(workspace, name)["JES", kind]
        assert jes["hi"] == pytest.approx(sums["JES_up"] / sums["nominal"], rel=1e-12)
        assert jes["lo"] == pytest.approx(sums["JES_dn"] / sums["nominal"], rel=1e-12)
        assert set(jes) == (
            {"hi", "lo"} if name == "ttbar" else {"hi", "lo", "hi_log_ratio", "lo_log_ratio", "relative_to"}
        )
        found = next(each for each in record.yields if (each.region, each.sample) == ("SR", name))
        assert found.total == pytest.approx(sums["nominal"], rel=1e-12)
        assert found.entries == selected(both["nominal"]).sum()
    tes = modifiers(workspace, "htautau")["TES", "normsys"]  # it has no ratios, and so it changes the yield alone
    assert tes["hi"] == pytest.approx(
        trees["TES_up"]["htautau"]["weights"][selected(trees["TES_up"]["htautau"])].sum()
        / sample(workspace, "htautau")["yield"]
    )
    assert ("TES", "normsys") not in modifiers(workspace, "ttbar")
    assert ("mu_htautau", "normfactor") in modifiers(workspace, "htautau")


def test_arrays_are_logarithms(tmp_path, files):
    _, arrays = files
    workspace, _ = built(tmp_path)
    channel = workspace["channels"][1]
    np.testing.assert_array_equal(read(tmp_path, channel["observed"]["weights"]), arrays["asimov_weights"])
    np.testing.assert_array_equal(read(tmp_path, channel["reference"]["weights"]), arrays["reference_weights"])
    for name in SAMPLES:
        log_ratio = sample(workspace, name)["log_ratio"]
        assert log_ratio["observed"] == log_ratio["reference"]
        np.testing.assert_array_equal(read(tmp_path, log_ratio["observed"]), np.log(arrays[f"ratio_{name}"]))
    jes = modifiers(workspace, "ztautau")["JES", "normplusshape"]
    assert jes["relative_to"] == "nominal"
    for key, side in (("hi_log_ratio", "JES_up"), ("lo_log_ratio", "JES_dn")):
        for events in ("observed", "reference"):
            np.testing.assert_array_equal(read(tmp_path, jes[key][events]), np.log(arrays[side]))


def test_no_staterror_and_no_histogram_in_an_unbinned_region(tmp_path, files):
    workspace, _ = built(tmp_path)
    kinds = [{each["type"] for each in item["modifiers"]} for item in workspace["channels"][1]["samples"]]
    assert set().union(*kinds) == {"normfactor", "normsys", "normplusshape"}
    assert {each["type"] for each in workspace["channels"][0]["samples"][0]["modifiers"]} == {
        "normfactor", "normsys", "histosys", "staterror",
    }  # fmt: skip


def test_without_data_binned_regions_observe_what_is_expected(tmp_path, files):
    workspace, record = built(tmp_path)
    total = np.sum([each["data"] for each in workspace["channels"][0]["samples"]], axis=0)
    assert workspace["observations"] == [{"name": "CR", "data": total.tolist()}]
    assert record.warnings == ("no sample of data: what is observed in CR is what is expected (Asimov data)",)


def test_data_are_those_of_binned_regions(tmp_path, files, rng):
    write_trees(tmp_path / "data.root", {"tree": {"presel_score": np.array([-5.0, -3, -3, 0, 1])}})
    data = {"Name": "data", "Data": True, "SamplePath": "data.root", "Tree": "tree"}
    workspace, record = built(tmp_path, (("Samples",), [*changed()["Samples"], data]))
    assert workspace["observations"] == [{"name": "CR", "data": [1.0, 2.0, 0.0]}]
    assert record.warnings == ("region 'SR': its events are those of AsimovWeights, not of 'data'",)
    only = data | {"Regions": "CR"}
    workspace, record = built(tmp_path, (("Samples",), [*changed()["Samples"], only]))
    assert workspace["observations"] == [{"name": "CR", "data": [1.0, 2.0, 0.0]}]
    assert record.warnings == ()


def test_parameters_that_are_not_to_be_fitted_are_fixed(tmp_path, files):
    workspace, _ = built(tmp_path, (("General", "Measurement", "ParametersToFit"), ["mu_ztautau", "TES"]))
    (measurement,) = workspace["measurements"]
    found = {each["name"]: each for each in measurement["config"]["parameters"]}
    assert measurement["name"] == "signal_strength"
    assert measurement["config"]["poi"] == "mu_htautau"
    assert {name for name, each in found.items() if each.get("fixed")} == {"mu_ttbar", "JES"}  # the POI is always free
    assert found["mu_ttbar"] == {"name": "mu_ttbar", "inits": [1.0], "bounds": [[0.0, 10.0]], "fixed": True}
    assert found["JES"] == {"name": "JES", "inits": [0.0], "fixed": True}
    workspace, _ = built(tmp_path, (("General", "Measurement", "ParametersToFit"), None))
    assert not any(each.get("fixed") for each in workspace["measurements"][0]["config"]["parameters"])


def test_a_systematic_may_start_elsewhere(tmp_path, files):
    workspace, _ = built(tmp_path, (("Systematics", 0, "Nominal"), 0.5))
    assert {"name": "JES", "inits": [0.5]} in workspace["measurements"][0]["config"]["parameters"]


def test_without_normalisation(tmp_path, files):
    changes = [((*SR, "Normalise"), False), ((*SR, "ReferenceWeights"), None)]
    workspace, record = built(tmp_path, *changes)
    channel = workspace["channels"][1]
    assert channel["normalise"] is False
    assert "reference" not in channel
    assert set(sample(workspace, "htautau")["log_ratio"]) == {"observed"}
    assert set(modifiers(workspace, "htautau")["JES", "normplusshape"]["hi_log_ratio"]) == {"observed"}
    assert (
        "region 'SR': densities under systematics are not normalised; fits can end in a wrong minimum"
        in record.warnings
    )
    Workspace.from_dict(workspace, folder=tmp_path)


def test_a_column_of_a_parquet_file(tmp_path, files):
    _, arrays = files
    pq.write_table(pa.table({"w": arrays["asimov_weights"], "h": arrays["ratio_htautau"]}), tmp_path / "sr.parquet")
    workspace, record = built(
        tmp_path,
        ((*SR, "AsimovWeights"), {"Path": "sr.parquet", "Column": "w"}),
        ((*MODELS, 0, "Nominal", "Ratios"), {"Path": "sr.parquet", "Column": "h"}),
    )
    expected, _ = built(tmp_path)
    assert workspace == expected
    assert str(tmp_path / "sr.parquet") in {each.path for each in record.files}


def test_the_record_names_all_files(tmp_path, files):
    _, record = built(tmp_path)
    assert {each.path: each.sha256 for each in record.files} == {
        str(path): sha256(path) for path in (tmp_path / "saved").iterdir()
    }
    assert FitConfig.model_validate(record.config) == FitConfig.model_validate(changed())


def test_pruning(tmp_path, files):
    shapes, _ = built(tmp_path, (("General", "Pruning"), {"Norm": 0.9}))
    jes = modifiers(shapes, "htautau")["JES", "normplusshape"]
    assert (jes["hi"], jes["lo"], "hi_log_ratio" in jes) == (1.0, 1.0, True)
    norms, record = built(tmp_path, (("General", "Pruning"), {"Shape": 0.99}))
    assert set(modifiers(norms, "htautau")["JES", "normsys"]) == {"hi", "lo"}
    _, arrays = files
    size = max(np.abs(arrays[name] - 1).max() for name in ("JES_up", "JES_dn"))
    (found,) = (
        each for each in record.pruned if (each.region, each.sample) == ("SR", "htautau") and each.part == "shape"
    )
    assert found.size == pytest.approx(size)


def test_names_of_files_are_plain_and_different(tmp_path, files):
    text = TEXT.replace("htautau", "'h/../tau'").replace("ztautau", "'h_.._tau'")
    for label in ("./saved/ratio_", "tree_", "./models/", "mu_"):
        for old, new in (("'h/../tau'", "htautau"), ("'h_.._tau'", "ztautau")):
            text = text.replace(label + old, label + new)
    (tmp_path / "fit.yml").write_text(text)
    build_file(tmp_path / "fit.yml", tmp_path / "ws.json")
    assert Workspace.load(tmp_path / "ws.json").samples == ("h/../tau", "h_.._tau", "ttbar")
    found = {path.name for path in (tmp_path / "ws_arrays").iterdir()}
    assert {"SR.h____tau.npy", "SR.h____tau.2.npy"} <= found
    first, second = (np.load(tmp_path / "ws_arrays" / f"SR.h____tau{number}.npy") for number in ("", ".2"))
    assert not np.array_equal(first, second)


def test_what_is_there_already_stays(tmp_path, files):
    (tmp_path / "ws_arrays").mkdir()
    (tmp_path / "ws_arrays" / "mine.txt").write_text("kept")
    built(tmp_path)
    assert (tmp_path / "ws_arrays" / "mine.txt").read_text() == "kept"


def test_nothing_is_written_for_a_config_that_fails(tmp_path, files):
    refused(tmp_path, TEXT.replace("Filter: presel_score>=-1.0 &", "Filter: presel_score>=100 &"))
    assert not (tmp_path / "ws_arrays").exists()


def test_weights_that_do_not_agree_with_the_yields(tmp_path, files):
    _, arrays = files
    np.save(tmp_path / "saved" / "asimov_weights.npy", 2 * arrays["asimov_weights"])
    np.save(tmp_path / "saved" / "ratio_ttbar.npy", 1.5 * arrays["ratio_ttbar"])
    _, record = built(tmp_path)
    _, total, integral = record.warnings
    assert total.startswith("region 'SR': AsimovWeights sum to ")
    assert integral.startswith("region 'SR': the density of ttbar integrates to 1.5 ± ")


def test_where_it_is_written_has_to_be_known(tmp_path, files, message):
    with pytest.raises(InputError) as error:
        build(FitConfig.model_validate(changed()), base=tmp_path)
    message(error, "an unbinned region, whose arrays are written beside the workspace")


def test_without_reference_nothing_is_normalised(tmp_path, files, message):
    error = refused(tmp_path, TEXT.replace("    ReferenceWeights: ./saved/reference_weights.npy\n", ""))
    message(error, line("- Name: SR") + "Regions.1: no ReferenceWeights in the unbinned region 'SR'")
    message(error, "do not integrate to one", "a wrong minimum", "`Normalise: false`")
    assert error.type is ConfigError


@pytest.mark.parametrize(
    ("value", "words"),
    [(0.0, "ratio 0 "), (-0.5, "ratio -0.5 "), (np.nan, "NaN"), (np.inf, "inf")],
)
def test_ratios_are_positive_and_finite(tmp_path, files, message, value, words):
    _, arrays = files
    np.save(tmp_path / "saved" / "JES_dn.npy", np.where(np.arange(EVENTS) == 7, value, arrays["JES_dn"]))
    error = refused(tmp_path)
    message(error, "Regions.1.TrainedModels.0.Systematics.0.RatiosDn", "event 7", "JES_dn.npy", words)
    assert error.type is DataError


def test_logarithms_are_not_ratios(tmp_path, files, message):
    _, arrays = files
    np.save(tmp_path / "saved" / "ratio_ttbar.npy", np.log(arrays["ratio_ttbar"]))
    message(refused(tmp_path), "Nominal.Ratios", "positive ratios of densities, not their logarithms")


def test_arrays_of_other_lengths(tmp_path, files, message):
    _, arrays = files
    np.save(tmp_path / "saved" / "ratio_ttbar.npy", arrays["ratio_ttbar"][:-1])
    message(
        refused(tmp_path), line("ratio_ttbar"), "199 events in ", "ratio_ttbar.npy, but 200 in ", "asimov_weights.npy"
    )


def test_weights_that_sum_to_nothing(tmp_path, files, message):
    np.save(tmp_path / "saved" / "reference_weights.npy", np.zeros(EVENTS))
    message(refused(tmp_path), "ReferenceWeights: the weights in ", "sum to 0", "a positive sum")


@pytest.mark.parametrize("name", ["asimov_weights.npy", "nominal.root"])
def test_a_pointer_of_git_lfs(tmp_path, files, message, name):
    (tmp_path / "saved" / name).write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n")
    message(refused(tmp_path), name, "a git-LFS pointer, not the file itself", "try: run git lfs pull")


def test_a_file_that_is_not_there(tmp_path, files, message):
    (tmp_path / "saved" / "ratio_ttbar.npy").unlink()
    message(
        refused(tmp_path),
        line("ratio_ttbar") + "Regions.1.TrainedModels.2.Nominal.Ratios",
        "ratio_ttbar.npy",
        "no such file",
    )


@pytest.mark.parametrize("keep", [True, False])
def test_an_interference_has_a_negative_yield(tmp_path, files, message, keep):
    changes = [(("Samples", 2, "Weight"), "-0.1 * weights")]
    changes += [(("Systematics", 0, side, 2, "Weight"), "-0.1 * weights") for side in ("Up", "Dn")]
    changes += [(("Regions", 0, "Filter"), "presel_score < -1")]
    if keep:
        workspace, _ = built(
            tmp_path, *changes, (("General", "NegativeBins"), "keep"), (("Samples", 2, "Regions"), "SR")
        )
        assert sample(workspace, "ttbar")["yield"] < 0
        assert modifiers(workspace, "ttbar")["JES", "normsys"]["hi"] > 0
    else:
        with pytest.raises(DataError) as error:
            built(tmp_path, *changes, (("Samples", 2, "Regions"), "SR"))
        message(error, "ttbar in SR: the yield is -", "NegativeBins: keep")


def test_an_expectation_that_is_negative_is_no_observation(tmp_path, files, message):
    weight = "where(presel_score > -4, 3 * weights, -weights)"
    changes = [(("Samples", number, "Weight"), weight) for number in range(3)]
    with pytest.raises(DataError) as error:
        built(tmp_path, *changes, (("General", "NegativeBins"), "keep"))
    message(error, "Regions.0: -", "events are expected in bin 0 of 'CR'")


def test_a_region_without_events(tmp_path, files, message):
    error = refused(tmp_path, TEXT.replace("Filter: presel_score>=-1.0 &", "Filter: presel_score>=100 &"))
    message(error, "htautau in SR: no events in any bin")


def test_the_document_is_plain(tmp_path, files):
    workspace, _ = built(tmp_path)
    assert json.loads(json.dumps(workspace, allow_nan=False)) == workspace
    assert yaml.safe_load(TEXT) == changed()
