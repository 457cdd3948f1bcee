"""Configs that cannot be used: told with their line, before anything is computed or written."""

import pytest

PRIOR = "prior: {C9: [3, 5]}\n"

CONFIGS = {
    "a misspelt key": ("priors: {C9: [3, 5]}\n", ["c.yaml:1: priors: unknown key", "did you mean 'prior'?"]),
    "a misspelt key inside": (
        PRIOR + "simulator:\n  q2: [1, 8]\n  flavor: B0\n",
        ["c.yaml:4: simulator.flavor: unknown key", "did you mean 'flavour'?"],
    ),
    "a key in the wrong place": (PRIOR + "training: {epochs: 3}\n", ["c.yaml:2: training.epochs", "flow, statistic"]),
    "a wrong type": (PRIOR + "seed: one\n", ["c.yaml:2: seed: found 'one'", "a valid integer"]),
    "one number for two": (PRIOR + "events: 200\n", ["c.yaml:2: events: found 200", "a list, as [1, 2]"]),
    "three for two": ("prior: {C9: [3, 4, 5]}\n", ["c.yaml:1: prior.C9", "at most 2 values, not 3"]),
    "one for two": ("prior: {C9: [3]}\n", ["c.yaml:1: prior.C9.1: found [3]", "2 values at least"]),
    "a name for a mapping": (PRIOR + "simulator: EOS\n", ["c.yaml:2: simulator: found 'EOS'", "a mapping"]),
    "no prior": ("seed: 1\n", ["prior: missing"]),
    "an empty file": ("", ["the file is empty"]),
    "no YAML": (PRIOR + "\tseed: 1\n", ["c.yaml:2: not valid YAML"]),
    "a key twice": (PRIOR + "seed: 1\nseed: 2\n", ["c.yaml:3: key 'seed' stands twice, first in line 2"]),
    "a prior upside down": ("prior: {C9: [5, 3]}\n", ["c.yaml:1: prior: found {'C9': [5, 3]}", "low below high"]),
    "a prior of no width": ("prior: {C9: [3, 3]}\n", ["c.yaml:1: prior", "low below high"]),
    "a prior without end": ("prior: {C9: [3, .inf]}\n", ["c.yaml:1: prior.C9.1: found inf", "a finite number"]),
    "another parameter": ("prior: {C10: [3, 5]}\n", ["c.yaml:1: prior: found {'C10'", "bounds for C9"]),
    "one parameter too many": ("prior: {C9: [3, 5], C10: [3, 5]}\n", ["c.yaml:1: prior", "bounds for C9"]),
    "sizes upside down": (PRIOR + "events: [200, 100]\n", ["c.yaml:2: events", "[smallest, largest]"]),
    "sets of nothing": (PRIOR + "events: [0, 100]\n", ["c.yaml:2: events", "at least 1"]),
    "a negative seed": (PRIOR + "seed: -1\n", ["c.yaml:2: seed: found -1", "greater than or equal to 0"]),
    "a window outside phase space": (
        PRIOR + "simulator: {q2: [1, 30]}\n",
        ["c.yaml:2: simulator", "[1, 30]", "inside [0.0446545, 19.2203] GeV²"],
    ),
    "a window in MeV²": (PRIOR + "simulator: {q2: [1e6, 8e6]}\n", ["c.yaml:2: simulator", "divide MeV² by 1e6"]),
    "a window upside down": (PRIOR + "simulator: {q2: [8, 1]}\n", ["c.yaml:2: simulator", "low below high"]),
    "large recoil in the charmonia": (
        PRIOR + "simulator: {q2: [1, 12]}\n",
        ["c.yaml:2: simulator", "q2 below 9 GeV² for tag BFS2004", "GP2004"],
    ),
    "low recoil at large recoil": (
        PRIOR + "simulator: {q2: [1, 8], tag: GP2004}\n",
        ["c.yaml:2: simulator", "q2 above 14 GeV² for tag GP2004"],
    ),
    "a bad tag": (PRIOR + "simulator: {tag: BSF2004}\n", ["c.yaml:2: simulator.tag", "did you mean 'BFS2004'?"]),
    "a bad flavour": (PRIOR + "simulator: {flavour: B0_bar}\n", ["simulator.flavour", "did you mean 'B0bar'?"]),
    "a chain of both flavours": (PRIOR + "simulator: {method: mcmc}\n", ["c.yaml:2: simulator", "flavour B0 or B0bar"]),
    "an unknown estimator": (PRIOR + "estimator: score\n", ["c.yaml:2: estimator.kind", "did you mean 'scores'?"]),
}


@pytest.mark.parametrize("what", CONFIGS)
def test_what_cannot_be(what, neyman, refused, tmp_path):
    text, parts = CONFIGS[what]
    (tmp_path / "c.yaml").write_text(text)
    for command in ("simulate", "train", "run"):
        refused(neyman("posterior", command, tmp_path / "c.yaml", "--out", tmp_path / "out"), *parts)
    assert [file.name for file in tmp_path.iterdir()] == ["c.yaml"]


def test_scores_of_a_simulator_without_a_density(neyman, refused, tmp_path):
    text = PRIOR + "estimator: scores\nsimulator: {method: mcmc, flavour: B0}\n"
    (tmp_path / "c.yaml").write_text(text)
    done = neyman("posterior", "train", tmp_path / "c.yaml", "--out", tmp_path / "out")
    refused(done, "density is not known", "estimator: set_encoder")
    assert [file.name for file in tmp_path.iterdir()] == ["c.yaml"]


def test_no_file_a_folder_and_files_of_another_kind(neyman, refused, tiny_run, tmp_path):
    for file, part in [
        (tmp_path / "none.yaml", "none.yaml: no such config file"),
        (tmp_path, "not a text file"),
        (tiny_run, "not a text file"),
        (tiny_run / "observed.parquet", "not a text file"),
        (tiny_run / "artefact" / "manifest.json", "unknown key"),
    ]:
        refused(neyman("posterior", "train", file, "--out", tmp_path / "out"), part)
    assert not any(tmp_path.iterdir())


def test_numbers_as_physicists_write_them(neyman, tmp_path):
    """YAML 1.1 takes 1e3 for text."""
    (tmp_path / "c.yaml").write_text(PRIOR + "events: [1e1, 2.5e1]\nseed: 1E2\n")
    done = neyman("posterior", "simulate", tmp_path / "c.yaml", "--out", tmp_path / "out", "--sets", 1)
    assert done.out.endswith("1 sets of 25 events\n"), done.err


@pytest.mark.parametrize(
    ("command", "parts"),
    [
        (["simulate", "C", "--out", "o", "--sets", "0"], ["--sets"]),
        (["simulate", "C", "--out", "o", "--events", "0"], ["--events"]),
        (["simulate", "C", "--out", "o", "--seed", "-1"], ["--seed"]),
        (["simulate", "C", "--out", "o", "--workers", "0"], ["--workers"]),
        (["simulate", "C", "--out", "o", "--sets", "many"], ["--sets"]),
        (["simulate", "C"], ["--out"]),
        (["train", "C", "--output", "o"], ["--output"]),
        (["run", "C", "--out", "o", "--sets", "10"], ["--sets"]),
        (["trian", "C", "--out", "o"], ["trian", "train"]),
        (["check", "A", "--size", "0"], ["--size"]),
        (["infer", "A", "--observed", "f", "--method", "mcmc"], ["--method", "flow", "exact"]),
    ],
)
def test_options_that_cannot_be(command, parts, neyman, refused):
    refused(neyman("posterior", *command), *parts)
