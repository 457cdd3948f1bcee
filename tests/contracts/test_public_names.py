"""The public names. One that goes breaks somebody's script: deprecate it before."""

import importlib
import os
import subprocess
import sys

import pytest

import neyman

NAMES = {
    "neyman": [
        "BToKstarMuMu",
        "Events",
        "PosteriorConfig",
        "TrainedPosterior",
        "UniformPrior",
        "Workspace",
        "__version__",
        "check",
        "infer",
        "train_posterior",
    ],
    "neyman.diagnostics": [
        "CoverageCurve",
        "EcdfCurve",
        "Estimate",
        "RocCurve",
        "UniformityTest",
        "auroc",
        "average_precision",
        "best_improvement",
        "binomial_interval",
        "central_coverage",
        "cumulative",
        "displacement_quantiles",
        "ecdf_band",
        "efficiency_at",
        "hpd_coverage",
        "kl_divergence",
        "moments",
        "normalise",
        "poisson_interval",
        "quantiles",
        "rank_ecdf",
        "rank_uniformity",
        "ranks",
        "roc_curve",
        "tarp",
    ],
    "neyman.abcd": [
        "CLs",
        "Loss",
        "REGIONS",
        "Templates",
        "cls",
        "loss_and_gradients",
        "significance",
        "to_workspace",
        "upper_limit",
    ],
    "neyman.anomaly": [
        "AnomalyConfig",
        "EnergyModel",
        "Scorer",
        "TrainedAnomaly",
        "export",
        "train_anomaly",
    ],
    "neyman.calibration": [
        "CalibrationConfig",
        "Correction",
        "Sample",
        "TrainedCalibration",
        "apply_to_file",
        "train_calibration",
    ],
    "neyman.events": ["Column", "Events", "Schema", "read_parquet", "write_parquet"],
    "neyman.likelihood.workspace": [
        "Inspection",
        "Patch",
        "PatchSet",
        "Workspace",
        "combine",
        "describe",
        "inspect",
        "prune",
        "rename",
        "sorted_workspace",
    ],
    "neyman.plots": [
        "Expectation",
        "figure_bytes",
        "plot_coverage",
        "plot_events",
        "plot_loss",
        "plot_posterior",
        "plot_ranks",
        "plot_width_scaling",
        "plot_widths",
        "save_figure",
    ],
    "neyman.report": ["Check", "Headline", "Page", "Section", "Table", "render", "save_page"],
    "neyman.simulation.eos": ["BToKstarMuMu", "BToKstarMuMuMarkovChain"],
}

# Names that documents and scripts take from where they live.
AT_HOME = [
    ("neyman.abcd.config", "AbcdConfig"),
    ("neyman.abcd.torch", "CLsLoss"),
    ("neyman.abcd.torch", "expected_loss"),
    ("neyman.abcd.trained", "train_abcd"),
    ("neyman.fit.blinding", "blind"),
    ("neyman.fit.blinding", "hidden_regions"),
    ("neyman.fit.build", "build"),
    ("neyman.fit.config", "FitConfig"),
    ("neyman.fit.hiding", "hide"),
    ("neyman.likelihood.construction", "neyman_construction"),
    ("neyman.likelihood.fitting", "fit"),
    ("neyman.likelihood.generation", "generated"),
    ("neyman.likelihood.goodness", "goodness_of_fit"),
    ("neyman.likelihood.hypotheses", "hypothesis_test"),
    ("neyman.likelihood.hypotheses", "significance"),
    ("neyman.likelihood.impacts", "impacts"),
    ("neyman.likelihood.limits", "upper_limit"),
    ("neyman.likelihood.model", "Model"),
    ("neyman.likelihood.profile", "contour"),
    ("neyman.likelihood.profile", "intervals"),
    ("neyman.likelihood.profile", "scan"),
    ("neyman.likelihood.toys", "goodness_of_fit_with_toys"),
    ("neyman.likelihood.toys", "hypothesis_test_with_toys"),
    ("neyman.likelihood.toys", "toys"),
    ("neyman.likelihood.workspace.arrays", "array_reference"),
    ("neyman.likelihood.workspace.arrays", "read_array"),
    ("neyman.posterior.checking", "check"),
    ("neyman.posterior.config", "PosteriorConfig"),
    ("neyman.posterior.estimators", "ExactGrid"),
    ("neyman.posterior.inference", "infer"),
    ("neyman.posterior.trained", "TrainedPosterior"),
    ("neyman.posterior.trained", "train_on"),
    ("neyman.posterior.trained", "train_posterior"),
    ("neyman.report.posterior", "posterior_page"),
    ("neyman.simulation.datasets", "generate"),
    ("neyman.simulation.prior", "UniformPrior"),
    ("neyman.simulation.reading", "Dataset"),
    ("neyman.simulation.toys", "GaussianToy"),
]


@pytest.mark.parametrize("module", NAMES)
def test_exactly_these_names(module):
    found = importlib.import_module(module)
    assert sorted(found.__all__) == NAMES[module]
    assert all(getattr(found, name) is not None for name in NAMES[module])


@pytest.mark.parametrize(("module", "name"), AT_HOME)
def test_names_where_they_live(module, name):
    assert getattr(importlib.import_module(module), name).__module__ == module


@pytest.mark.parametrize("name", sorted(set(NAMES["neyman"]) - {"__version__"}))
def test_the_short_way_leads_to_the_same_thing(name):
    short = getattr(neyman, name)
    assert short is getattr(importlib.import_module(short.__module__), name)
    assert name in dir(neyman)


def test_what_there_is_not():
    with pytest.raises(AttributeError, match="module 'neyman' has no attribute 'posteriors'"):
        _ = neyman.posteriors


def test_each_short_name_works_first_and_loads_no_more_than_it_needs():
    code = """
import sys
import neyman
from neyman import Events, UniformPrior
assert "numpy" in sys.modules and "torch" not in sys.modules
from neyman.simulation.eos import BToKstarMuMu
assert BToKstarMuMu is neyman.BToKstarMuMu
assert "torch" not in sys.modules and "eos" not in sys.modules
from neyman import PosteriorConfig
assert "torch" not in sys.modules
"""
    clean = {key: value for key, value in os.environ.items() if not key.startswith("COV")}
    subprocess.run([sys.executable, "-c", code], check=True, env=clean, timeout=120)


def test_paths_may_be_text(tiny_run, tmp_path):
    from neyman.events import read_parquet, write_parquet
    from neyman.posterior.results import RunResult
    from neyman.simulation.datasets import generate
    from neyman.simulation.reading import Dataset
    from neyman.simulation.toys import GaussianToy

    config = neyman.PosteriorConfig.load(str(tiny_run.parent / "tiny.yaml"))
    trained = neyman.TrainedPosterior.load(str(tiny_run / "artefact")).save(str(tmp_path / "copy"))
    assert trained.config.events == config.events
    events = read_parquet(str(tiny_run / "observed.parquet"), trained.schema)
    write_parquet(str(tmp_path / "copy.parquet"), events)
    assert (tmp_path / "copy.parquet").read_bytes() == (tiny_run / "observed.parquet").read_bytes()
    RunResult.load(str(tiny_run / "results.json")).save(str(tmp_path / "copy.json"))
    assert (tmp_path / "copy.json").read_bytes() == (tiny_run / "results.json").read_bytes()
    prior = neyman.UniformPrior({"mu": (0, 1)})
    generate(GaussianToy(), prior, sets=2, events=3, seed=1, out=str(tmp_path / "data"))
    assert len(Dataset.open(str(tmp_path / "data"))) == 2
