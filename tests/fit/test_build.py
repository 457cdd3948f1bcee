import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pyhf
import pytest
import uproot
import yaml

from neyman.core.errors import ConfigError, DataError
from neyman.core.files import digest, sha256
from neyman.fit.build import build
from neyman.fit.build_result import BuildResult
from neyman.fit.config import FitConfig

# pyhf 0.7 validates with a part of jsonschema that is to go.
pytestmark = pytest.mark.filterwarnings("ignore:jsonschema.RefResolver is deprecated:DeprecationWarning")

EDGES = [500.0, 600.0, 800.0, 1200.0]


def events(rng, n, *, centre):
    """Columns in double precision, in which cabinetry, which computes as the file holds them, agrees."""
    m_jj = rng.normal(centre, 150, n)
    return {
        "m_jj": m_jj,
        "m_jj_up": m_jj * 1.03,
        "m_jj_down": m_jj * 0.98,
        "met": rng.exponential(100, n),
        "n_b": rng.integers(0, 4, n),
        "w_mc": rng.uniform(0.5, 1.5, n),
        "w_up": rng.uniform(0.6, 1.8, n),
    }


def write(path, columns, *, tree="events"):
    if path.suffix == ".parquet":
        pq.write_table(pa.table(columns), path)
        return
    with uproot.recreate(path) as file:
        file.mktree(tree, {name: column.dtype for name, column in columns.items()})
        file[tree].extend(columns)


@pytest.fixture
def files(tmp_path, rng):
    """The columns of `data`, `signal` and `ttbar`, each in a ROOT and in a Parquet file."""
    found = {
        "data": events(rng, 800, centre=750),
        "signal": events(rng, 2000, centre=900),
        "ttbar": events(rng, 3000, centre=700),
    }
    for name, columns in found.items():
        for ending in ("root", "parquet"):
            write(tmp_path / f"{name}.{ending}", columns)
    return found


def cabinetry_config(folder):
    return {
        "General": {
            "Measurement": "zprime",
            "POI": "mu",
            "InputPath": f"{folder}/{{SamplePath}}",
            "HistogramFolder": f"{folder}/histograms",
            "Fixed": [{"Name": "pdf", "Value": 0}, {"Name": "ttbar norm", "Value": 1.1}],
        },
        "Regions": [
            {"Name": "Signal region", "Variable": "m_jj", "Binning": EDGES, "Filter": "(n_b >= 2) & (met > 100)"},
            {"Name": "CR", "Variable": "met", "Binning": np.linspace(0, 300, 13).tolist(), "Filter": "n_b == 0"},
            {"Name": "one", "Variable": "m_jj", "Binning": [600, 1000], "Filter": "n_b == 1"},
        ],
        "Samples": [
            {"Name": "data", "Tree": "events", "SamplePath": "data.root", "Data": True},
            {"Name": "signal", "Tree": "events", "SamplePath": "signal.root", "Weight": "w_mc * 0.02"},
            {
                "Name": "ttbar",
                "Tree": "events",
                "SamplePath": ["ttbar.root", "signal.root"],
                "Weight": "0.2",
                "DisableStaterror": True,
                "Regions": ["Signal region", "CR"],
            },
        ],
        "NormFactors": [
            {"Name": "mu", "Samples": "signal", "Nominal": 1, "Bounds": [0, 8]},
            {"Name": "ttbar norm", "Samples": ["ttbar"], "Regions": "CR"},
        ],
        "Systematics": [
            {
                "Name": "lumi",
                "Type": "Normalization",
                "Up": {"Normalization": 0.02},
                "Down": {"Normalization": -0.02},
            },
            {
                "Name": "jes",
                "Type": "NormPlusShape",
                "Samples": "ttbar",
                "Regions": "Signal region",
                "Up": {"Variable": "m_jj_up"},
                "Down": {"Variable": "m_jj_down"},
            },
            {
                "Name": "weights",
                "Type": "NormPlusShape",
                "Samples": ["signal"],
                "ModifierName": "btag",
                "Up": {"Weight": "w_up * 0.02", "SamplePath": "signal.root"},
                "Down": {"Symmetrize": True},
            },
            {
                "Name": "pdf",
                "Type": "NormPlusShape",
                "Up": {"Weight": "0.05 * w_up", "Tree": "events"},
                "Down": {"Weight": "0.05 * w_mc", "Filter": "n_b >= 0"},
                "Samples": "signal",
                "Regions": ["CR", "one"],
                "Smoothing": {"Algorithm": "353QH, twice", "Regions": "CR", "Samples": ["signal"]},
            },
        ],
    }


def simple(**changes):
    """A small config with Parquet input; sections are replaced."""
    sections = {
        "General": {"Measurement": "m", "POI": "mu", "InputPath": "{Sample}.parquet"},
        "Regions": [{"Name": "SR", "Variable": "m_jj", "Binning": EDGES}],
        "Samples": [{"Name": "data", "Data": True}, {"Name": "ttbar"}],
        "NormFactors": [{"Name": "mu"}],
    }
    return FitConfig.model_validate(sections | changes)


def shape(**changes):
    """A config with one systematic of yield and shape."""
    both = {"Name": "jes", "Type": "NormPlusShape", "Up": {"Variable": "m_jj_up"}, "Down": {"Variable": "m_jj_down"}}
    return simple(Systematics=[both | changes])


def modifiers(workspace, *, channel=0, sample=0):
    found = workspace["channels"][channel]["samples"][sample]["modifiers"]
    return {(each["name"], each["type"]): each["data"] for each in found}


def assert_same(ours, theirs, place="$"):
    assert type(ours) is type(theirs) or isinstance(ours, int | float), place
    if isinstance(ours, dict):
        assert sorted(ours) == sorted(theirs), place
        for key in ours:
            assert_same(ours[key], theirs[key], f"{place}.{key}")
    elif isinstance(ours, list):
        assert len(ours) == len(theirs), place
        for number, pair in enumerate(zip(ours, theirs, strict=True)):
            assert_same(*pair, f"{place}[{number}]")
    elif isinstance(ours, float):
        assert ours == pytest.approx(theirs, rel=1e-12, abs=1e-12), place
    else:
        assert ours == theirs, place


def test_the_workspace_is_that_of_cabinetry(tmp_path, files):
    import cabinetry

    config = cabinetry_config(tmp_path)
    cabinetry.templates.build(config, method="uproot")
    cabinetry.templates.postprocess(config)
    theirs = cabinetry.workspace.build(config)
    (tmp_path / "fit.yml").write_text(yaml.safe_dump(config))
    ours, _ = build(FitConfig.load(tmp_path / "fit.yml"), base=tmp_path)
    assert_same(ours, theirs)


def test_the_bins_are_those_of_numpy(tmp_path, files):
    config = FitConfig.model_validate(cabinetry_config(tmp_path))
    workspace, result = build(config, base=tmp_path)
    data, signal = files["data"], files["signal"]
    selected = (data["n_b"] >= 2) & (data["met"] > 100)
    expected = np.histogram(data["m_jj"][selected], EDGES)[0]
    assert workspace["observations"][0] == {"name": "Signal region", "data": expected.tolist()}
    selected = (signal["n_b"] >= 2) & (signal["met"] > 100)
    weights = signal["w_mc"][selected] * 0.02
    expected = np.histogram(signal["m_jj"][selected], EDGES, weights=weights)[0]
    squares = np.histogram(signal["m_jj"][selected], EDGES, weights=weights**2)[0]
    sample = workspace["channels"][0]["samples"][0]
    np.testing.assert_allclose(sample["data"], expected, rtol=1e-12)
    staterror = modifiers(workspace)["staterror_Signal-region", "staterror"]
    np.testing.assert_allclose(staterror, np.sqrt(squares), rtol=1e-12)
    found = next(each for each in result.yields if (each.region, each.sample) == ("Signal region", "signal"))
    assert found.total == pytest.approx(expected.sum(), rel=1e-12)
    assert found.uncertainty == pytest.approx(np.sqrt(squares.sum()), rel=1e-12)
    assert found.entries == np.histogram(signal["m_jj"][selected], EDGES)[0].sum()


def test_pyhf_reads_the_workspace(tmp_path, files):
    workspace, _ = build(FitConfig.model_validate(cabinetry_config(tmp_path)), base=tmp_path)
    assert json.loads(json.dumps(workspace, allow_nan=False)) == workspace
    model = pyhf.Workspace(workspace).model()
    assert model.config.poi_name == "mu"
    assert set(model.config.parameters) == {
        "mu", "ttbar norm", "lumi", "jes", "btag", "pdf",
        "staterror_Signal-region", "staterror_CR", "staterror_one",
    }  # fmt: skip


def test_parquet_and_root_give_the_same_bits(tmp_path, files):
    found = [
        build(
            simple(General={"Measurement": "m", "InputPath": f"{{Sample}}.{ending}", "Tree": "events"}), base=tmp_path
        )
        for ending in ("root", "parquet")
    ]
    assert found[0][0] == found[1][0]
    assert found[0][1].workspace == found[1][1].workspace


def test_the_record(tmp_path, files):
    config = shape(Smoothing={"Algorithm": "running"}, Down={"OneSided": True})
    workspace, result = build(config, base=tmp_path)
    assert result.workspace == digest(workspace)
    assert {each.path: each.sha256 for each in result.files} == {
        str(tmp_path / name): sha256(tmp_path / name) for name in ("data.parquet", "ttbar.parquet")
    }
    assert [(each.systematic, each.region, each.sample, each.how) for each in result.smoothed] == [
        ("jes", "SR", "ttbar", "running")
    ]
    assert [each.how for each in result.symmetrised] == ["one-sided"]
    assert result.warnings == ()
    assert FitConfig.model_validate(result.config) == config
    result.save(tmp_path / "record.json")
    assert BuildResult.load(tmp_path / "record.json") == result


def test_a_one_sided_systematic_leaves_the_other_side_nominal(tmp_path, files):
    workspace, _ = build(shape(Up={"OneSided": True}), base=tmp_path)
    nominal = workspace["channels"][0]["samples"][0]["data"]
    found = modifiers(workspace)
    down = np.histogram(files["ttbar"]["m_jj_down"], EDGES)[0]
    assert found["jes", "normsys"] == {"hi": 1.0, "lo": pytest.approx(down.sum() / sum(nominal), rel=1e-14)}
    assert found["jes", "histosys"]["hi_data"] == nominal
    np.testing.assert_allclose(found["jes", "histosys"]["lo_data"], down * sum(nominal) / down.sum(), rtol=1e-14)


@pytest.mark.parametrize("own", ["Up", "Down"])
def test_either_side_can_be_mirrored(tmp_path, files, own):
    other = "Down" if own == "Up" else "Up"
    workspace, result = build(shape(**{other: {"Symmetrize": True}}), base=tmp_path)
    nominal = np.array(workspace["channels"][0]["samples"][0]["data"])
    norm, shapes = (modifiers(workspace)["jes", kind] for kind in ("normsys", "histosys"))
    varied = np.histogram(files["ttbar"][f"m_jj_{own.lower()}"], EDGES)[0]
    assert norm["hi" if own == "Up" else "lo"] == pytest.approx(varied.sum() / nominal.sum())
    assert norm["hi"] + norm["lo"] == pytest.approx(2)
    np.testing.assert_allclose(np.add(shapes["hi_data"], shapes["lo_data"]), 2 * nominal)
    assert [each.how for each in result.symmetrised] == ["mirrored"]


def test_pruning_leaves_out_and_records_what_is_small(tmp_path, files):
    general = {"Measurement": "m", "InputPath": "{Sample}.parquet"}
    full, _ = build(shape(), base=tmp_path)
    norm = max(abs(value - 1) for value in modifiers(full)["jes", "normsys"].values())
    nominal = np.array(full["channels"][0]["samples"][0]["data"])
    shapes = modifiers(full)["jes", "histosys"].values()
    size = max(np.max(np.abs(np.array(varied) / nominal - 1)) for varied in shapes)
    assert 0 < norm < 0.9
    assert 0 < size < 0.9
    for limits, kept in [
        ({"Norm": norm * 1.01}, {"histosys"}),
        ({"Shape": size * 1.01}, {"normsys"}),
        ({"Norm": norm * 0.99, "Shape": size * 0.99}, {"normsys", "histosys"}),
        ({"Norm": 0.9, "Shape": 0.9}, set()),
    ]:
        systematics = shape().model_dump()["Systematics"]
        pruning = simple(General=general | {"Pruning": limits}, Systematics=systematics)
        workspace, result = build(pruning, base=tmp_path)
        assert {kind for name, kind in modifiers(workspace) if name == "jes"} == kept
        sizes = {each.part: each.size for each in result.pruned}
        expected = {"norm": norm, "shape": size}
        left = [part for part, kind in (("norm", "normsys"), ("shape", "histosys")) if kind not in kept]
        assert sizes == pytest.approx({part: expected[part] for part in left})
        pyhf.Workspace(workspace).model(poi_name=None)


def test_a_systematic_that_is_pruned_everywhere_may_be_fixed(tmp_path, files):
    general = {
        "Measurement": "m",
        "InputPath": "{Sample}.parquet",
        "Pruning": {"Norm": 0.5, "Shape": 0.9},
        "Fixed": [{"Name": "jes", "Value": 0}],
    }
    workspace, _ = build(simple(General=general, Systematics=shape().model_dump()["Systematics"]), base=tmp_path)
    assert [each["name"] for each in workspace["measurements"][0]["config"]["parameters"]] == ["mu"]
    pyhf.Workspace(workspace).model(poi_name=None)


def test_several_measurements(tmp_path, files):
    measurements = [{"Name": "free", "POI": "mu"}, {"Name": "held", "Fixed": [{"Name": "mu", "Value": 2}]}]
    general = {"InputPath": "{Sample}.parquet"}
    workspace, _ = build(simple(General=general, Measurement=measurements), base=tmp_path)
    assert workspace["measurements"] == [
        {"name": "free", "config": {"poi": "mu", "parameters": [{"name": "mu"}]}},
        {"name": "held", "config": {"poi": "", "parameters": [{"name": "mu", "inits": [2.0], "fixed": True}]}},
    ]
    assert pyhf.Workspace(workspace).model(measurement_name="held").config.suggested_fixed() == [True] + 3 * [False]


def test_weighted_data(tmp_path, files):
    samples = [{"Name": "data", "Data": True, "Weight": "w_mc"}, {"Name": "ttbar"}]
    workspace, result = build(simple(Samples=samples), base=tmp_path)
    expected = np.histogram(files["data"]["m_jj"], EDGES, weights=files["data"]["w_mc"])[0]
    np.testing.assert_allclose(workspace["observations"][0]["data"], expected, rtol=1e-12)
    assert result.warnings == ("region 'SR': the data are weighted; the likelihood takes them for Poisson counts",)


def narrow(tmp_path, weights):
    """Simulation with one event in each bin but the last, which has none, and these weights."""
    write(tmp_path / "data.parquet", {"m_jj": np.array([550.0, 1000.0])})
    write(tmp_path / "ttbar.parquet", {"m_jj": np.array([550.0, 700.0]), "w": np.array(weights, float)})
    return [{"Name": "data", "Data": True}, {"Name": "ttbar", "Weight": "w"}]


def test_empty_bins_are_zero_with_uncertainty_zero(tmp_path):
    workspace, result = build(simple(Samples=narrow(tmp_path, [2, 3])), base=tmp_path)
    assert workspace["channels"][0]["samples"][0]["data"] == [2, 3, 0]
    assert modifiers(workspace)["staterror_SR", "staterror"] == [2, 3, 0]
    assert result.warnings == ("region 'SR': data but no expectation in bins [2]",)


def test_negative_bins(tmp_path, message):
    samples = narrow(tmp_path, [-2, 3])
    general = {"Measurement": "m", "InputPath": "{Sample}.parquet"}
    with pytest.raises(DataError) as error:
        build(simple(Samples=samples), base=tmp_path)
    message(error, "ttbar in SR: bin 0 is -2", "Samples.1", "NegativeBins: clip or keep")
    keep, result = build(simple(Samples=samples, General=general | {"NegativeBins": "keep"}), base=tmp_path)
    assert keep["channels"][0]["samples"][0]["data"] == [-2, 3, 0]
    assert "ttbar in SR: negative in bins [0]" in result.warnings
    clip, _ = build(simple(Samples=samples, General=general | {"NegativeBins": "clip"}), base=tmp_path)
    assert clip["channels"][0]["samples"][0]["data"] == [0, 3, 0]
    assert modifiers(clip)["staterror_SR", "staterror"] == [2, 3, 0]


@pytest.mark.parametrize("negative_bins", ["keep", "clip"])
def test_a_yield_that_is_not_positive(tmp_path, message, negative_bins):
    general = {"Measurement": "m", "InputPath": "{Sample}.parquet", "NegativeBins": negative_bins}
    with pytest.raises(DataError) as error:
        build(simple(General=general, Samples=narrow(tmp_path, [-3, -1])), base=tmp_path)
    message(error, "ttbar in SR: the yield is ", "a positive yield")


def test_an_empty_selection(tmp_path, files, message):
    regions = [{"Name": "SR", "Variable": "m_jj", "Binning": EDGES, "Filter": "met > 1e9"}]
    with pytest.raises(DataError) as error:
        build(simple(Regions=regions), base=tmp_path)
    message(error, "ttbar in SR: no events in any bin", "Samples.1", "leave that out of its Regions")
    with pytest.raises(DataError) as error:
        build(shape(Up={"Filter": "n_b > 9"}), base=tmp_path)
    message(error, "ttbar in SR, jes Up: no events", "Systematics.0.Up")


def test_no_data_is_a_result(tmp_path, files):
    samples = [{"Name": "data", "Data": True, "Filter": "met > 1e9"}, {"Name": "ttbar"}]
    workspace, result = build(simple(Samples=samples), base=tmp_path)
    assert workspace["observations"][0]["data"] == [0, 0, 0]
    assert result.warnings == ("region 'SR': no data",)


def test_negative_data(tmp_path, files, message):
    samples = [{"Name": "data", "Data": True, "Weight": "-w_mc"}, {"Name": "ttbar"}]
    with pytest.raises(DataError) as error:
        build(simple(Samples=samples), base=tmp_path)
    message(error, "data in SR: bin 0 is -", "data that are not negative")


def test_a_mirror_image_that_is_negative_is_suspicious(tmp_path):
    write(tmp_path / "data.parquet", {"m_jj": np.array([550.0])})
    write(tmp_path / "ttbar.parquet", {"m_jj": np.array([550.0, 700.0, 700.0]), "w": np.array([3.0, 0.2, 0.2])})
    jes = {"Name": "jes", "Type": "NormPlusShape", "Up": {"Weight": "w"}, "Down": {"Symmetrize": True}}
    workspace, result = build(simple(Systematics=[jes]), base=tmp_path)
    assert modifiers(workspace)["jes", "histosys"]["lo_data"][0] < 0
    assert result.warnings == ("ttbar in SR: jes makes a bin negative",)


def test_both_sides_up_is_suspicious(tmp_path, files):
    lumi = {"Name": "lumi", "Type": "Normalization", "Up": {"Normalization": 0.02}, "Down": {"Normalization": 0.02}}
    workspace, result = build(simple(Systematics=[lumi]), base=tmp_path)
    assert modifiers(workspace)["lumi", "normsys"] == {"hi": 1.02, "lo": 1.02}
    assert result.warnings == ("systematic 'lumi': Up and Down change the yield in the same direction",)


def test_a_fixed_systematic_is_fixed_by_its_parameter(tmp_path, files):
    general = {"Measurement": "m", "InputPath": "{Sample}.parquet", "Fixed": [{"Name": "lumi", "Value": 0.5}]}
    lumi = {"Name": "lumi", "Type": "Normalization", "Up": {"Normalization": 0.02}, "Down": {"Symmetrize": True}}
    workspace, _ = build(simple(General=general, Systematics=[lumi | {"ModifierName": "luminosity"}]), base=tmp_path)
    parameters = workspace["measurements"][0]["config"]["parameters"]
    assert parameters == [{"name": "mu"}, {"name": "luminosity", "inits": [0.5], "fixed": True}]


def test_errors_name_the_line_of_the_config(tmp_path, files, message):
    (tmp_path / "fit.yml").write_text("""\
General: {Measurement: m, POI: mu, InputPath: "{Sample}.parquet"}
Regions:
  - Name: SR
    Variable: m_jj
    Binning: [500, 1200]
    Filter: mett > 100
Samples:
  - {Name: data, Data: true}
  - {Name: ttbar}
NormFactors: [{Name: mu}]
""")
    with pytest.raises(ConfigError) as error:
        build(FitConfig.load(tmp_path / "fit.yml"), base=tmp_path)
    message(error, "fit.yml:6: Regions.0.Filter: no column 'mett'", "did you mean 'met'?")
