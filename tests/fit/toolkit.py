"""A fit in the spelling of nsbi-common-utils, and its files, for tests."""

import copy

import numpy as np
import uproot
import yaml

SAMPLES = ("htautau", "ztautau", "ttbar")
EVENTS = 200

# As its users write it, but for ReferenceWeights.
TEXT = """\
General:
  Measurement: {Name: signal_strength, POI: mu_htautau, ParametersToFit: [mu_htautau, mu_ztautau, TES, JES]}
Samples:
  - Name: htautau
    Tree: tree_htautau
    SamplePath: ./saved/nominal.root
    Weight: weights
    UseAsReference: True
    UseAsBasis: True
  - Name: ztautau
    Tree: tree_ztautau
    SamplePath: ./saved/nominal.root
    Weight: weights
    UseAsReference: False
    UseAsBasis: True
  - Name: ttbar
    Tree: tree_ttbar
    SamplePath: ./saved/nominal.root
    Weight: weights
    UseAsReference: True
    UseAsBasis: True
NormFactors:
  - {Name: mu_htautau, Samples: htautau, Nominal: 1, Bounds: [0, 10]}
  - {Name: mu_ztautau, Samples: ztautau, Nominal: 1, Bounds: [0, 10]}
  - {Name: mu_ttbar, Samples: ttbar, Nominal: 1, Bounds: [0, 10]}
Systematics:
  - Name: JES
    Type: NormPlusShape
    Nominal: 0
    Samples: [htautau, ztautau, ttbar]
    Up:
      - {SampleName: htautau, Path: ./saved/JES_up.root, Tree: tree_htautau, Weight: weights}
      - {SampleName: ztautau, Path: ./saved/JES_up.root, Tree: tree_ztautau, Weight: weights}
      - {SampleName: ttbar, Path: ./saved/JES_up.root, Tree: tree_ttbar, Weight: weights}
    Dn:
      - {SampleName: htautau, Path: ./saved/JES_dn.root, Tree: tree_htautau, Weight: weights}
      - {SampleName: ztautau, Path: ./saved/JES_dn.root, Tree: tree_ztautau, Weight: weights}
      - {SampleName: ttbar, Path: ./saved/JES_dn.root, Tree: tree_ttbar, Weight: weights}
  - Name: TES
    Type: NormPlusShape
    Nominal: 0
    Samples: [htautau]
    Up:
      - {SampleName: htautau, Path: ./saved/TES_up.root, Tree: tree_htautau, Weight: weights}
    Dn:
      - {SampleName: htautau, Path: ./saved/TES_dn.root, Tree: tree_htautau, Weight: weights}
TrainingFeatures: [DER_mass_transverse_met_lep, log_DER_mass_vis]
TrainingFeaturesToStandardize: [log_DER_mass_vis]
Regions:
  - {Name: CR, Filter: presel_score<-1.0, Variable: presel_score, Type: binned, Binning: [-8.75, -4.0, -2.5, -1.0]}
  - Name: SR
    Filter: presel_score>=-1.0 & presel_score<=4.5
    Type: unbinned
    Variable: null
    Binning: null
    AsimovWeights: ./saved/asimov_weights.npy
    ReferenceWeights: ./saved/reference_weights.npy
    TrainedModels:
      - SampleName: htautau
        Nominal: {Models: ./models/htautau/, Ratios: ./saved/ratio_htautau.npy}
        Systematics:
          - {SystName: JES, ModelsUp: up/, ModelsDn: dn/, RatiosUp: ./saved/JES_up.npy, RatiosDn: ./saved/JES_dn.npy}
      - SampleName: ztautau
        Nominal: {Models: ./models/ztautau/, Ratios: ./saved/ratio_ztautau.npy}
        Systematics:
          - {SystName: JES, ModelsUp: up/, ModelsDn: dn/, RatiosUp: ./saved/JES_up.npy, RatiosDn: ./saved/JES_dn.npy}
      - SampleName: ttbar
        Nominal: {Ratios: ./saved/ratio_ttbar.npy}
        Systematics:
"""


def changed(*changes):
    """The config with values replaced, or added: pairs of a path and a value; `None` removes it."""
    data = copy.deepcopy(yaml.safe_load(TEXT))
    for (*parents, last), value in changes:
        node = data
        for part in parents:
            node = node[part]
        if value is None:
            del node[last]
        else:
            node[last] = value
    return data


def write_trees(path, trees):
    with uproot.recreate(path) as file:
        for name, columns in trees.items():
            file.mktree(name, {key: column.dtype for key, column in columns.items()})
            file[name].extend(columns)


def write_files(folder, rng):
    """Write all files that the config names, beside it as `fit.yml`.

    Returns:
        The columns of each tree, by file and sample, and the arrays by name.
    """
    saved = folder / "saved"
    saved.mkdir()
    (folder / "fit.yml").write_text(TEXT)
    trees = {}
    for name in ("nominal", "JES_up", "JES_dn", "TES_up", "TES_dn"):
        trees[name] = {
            sample: {"presel_score": rng.uniform(-8, 6, 400), "weights": rng.uniform(0.5, 1.5, 400)}
            for sample in SAMPLES
        }
        write_trees(saved / f"{name}.root", {f"tree_{sample}": each for sample, each in trees[name].items()})
    expected = sum(each["weights"][selected(each)].sum() for each in trees["nominal"].values())
    arrays = {"asimov_weights": rng.uniform(0.5, 1.5, EVENTS), "reference_weights": rng.uniform(0.5, 1.5, EVENTS)}
    arrays["asimov_weights"] *= expected / arrays["asimov_weights"].sum()
    for name in (*(f"ratio_{sample}" for sample in SAMPLES), "JES_up", "JES_dn"):
        ratio = rng.lognormal(0, 0.1, EVENTS)
        arrays[name] = ratio * arrays["reference_weights"].sum() / (arrays["reference_weights"] @ ratio)
    for name, array in arrays.items():
        np.save(saved / f"{name}.npy", array)
    return trees, arrays


def selected(columns):
    """Which events are in the signal region."""
    return (columns["presel_score"] >= -1) & (columns["presel_score"] <= 4.5)
