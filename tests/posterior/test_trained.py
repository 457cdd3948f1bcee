"""Trained posteriors on disk: they come back as they were, or not at all."""

import hashlib
import json
import pickle
import shutil

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from neyman.core.errors import ArtefactError
from neyman.core.files import digest
from neyman.posterior.estimators import FlowEstimator
from neyman.posterior.trained import TrainedPosterior, train_on
from neyman.simulation.datasets import generate

KINDS = ["scores", "set_encoder"]
FILES = ["manifest.json", "weights.safetensors", "validation.safetensors", "card.md"]


@pytest.fixture(scope="module")
def saved(straight, tmp_path_factory):
    """Both kinds on disk."""
    folder = tmp_path_factory.mktemp("artefacts")
    for kind, trained in straight.items():
        trained.save(folder / kind)
    return folder


@pytest.fixture
def copy(saved, tmp_path):
    """One that a test may damage."""
    return shutil.copytree(saved / "set_encoder", tmp_path / "copy")


def answers(estimator, toy):
    rng = np.random.default_rng(1)
    sets = list(toy.simulate_sets(np.zeros((3, 1)), 40, rng))
    theta = rng.uniform(-1, 1, size=(3, 50, 1))
    return estimator.log_prob(theta, sets), estimator.sample(sets, 50, rng)


@pytest.mark.parametrize("kind", KINDS)
def test_what_comes_back_answers_the_same(straight, saved, toy, kind):
    loaded = TrainedPosterior.load(saved / kind)
    for mine, other in zip(answers(straight[kind].estimator, toy), answers(loaded.estimator, toy), strict=True):
        np.testing.assert_array_equal(mine, other)


@pytest.mark.parametrize("kind", KINDS)
def test_everything_else_comes_back_too(straight, saved, kind):
    trained, loaded = straight[kind], TrainedPosterior.load(saved / kind)
    assert loaded.config == trained.config
    assert loaded.schema == trained.schema
    assert loaded.prior.config() == trained.prior.config()
    assert loaded.simulator.config() == loaded.simulator_config == trained.simulator_config
    assert loaded.histories == trained.histories
    assert loaded.cpu_seconds == trained.cpu_seconds


def test_the_digest_names_what_is_on_disk(straight, saved, tmp_path):
    first = TrainedPosterior.load(saved / "scores")
    again = straight["scores"].save(tmp_path / "again")
    assert straight["scores"].digest == ""
    assert first.digest == again.digest == first.save(tmp_path / "copy").digest
    assert first.digest != TrainedPosterior.load(saved / "set_encoder").digest
    assert first.digest == hashlib.sha256((saved / "scores" / "manifest.json").read_bytes()).hexdigest()


def test_it_is_four_plain_files(saved):
    assert sorted(file.name for file in (saved / "scores").iterdir()) == sorted(FILES)
    card = (saved / "scores" / "card.md").read_text()
    for part in ("mu", "20 to 200 independent events", "GaussianToy", "-1 < mu < 1", "`scores`", "Not for"):
        assert part in card
    for name in FILES:
        with pytest.raises((pickle.UnpicklingError, ValueError, EOFError, IndexError, KeyError, ImportError)):
            pickle.loads((saved / "scores" / name).read_bytes())


def test_it_may_be_replaced(copy, straight):
    assert straight["scores"].save(copy).config.estimator.kind == "scores"


def test_it_says_which_data_it_was_trained_on(toy, prior, small_config, tmp_path):
    data = generate(toy, prior, sets=100, events=30, seed=5, out=tmp_path / "data")
    saved = train_on(toy, prior, small_config(events=[10, 30]), data=data).save(tmp_path / "a")
    assert json.loads((tmp_path / "a" / "manifest.json").read_text())["inputs"]["data"] == data.digest
    assert saved.inputs == {"data": data.digest}
    assert saved.save(tmp_path / "b").digest == saved.digest


def refused(path, message, *parts):
    with pytest.raises(ArtefactError) as error:
        TrainedPosterior.load(path)
    message(error, str(path), *parts)


@pytest.mark.parametrize("name", FILES[1:])
@pytest.mark.parametrize("place", [0.1, 0.5, 0.9])
def test_a_flipped_bit_is_seen(copy, message, name, place):
    content = bytearray((copy / name).read_bytes())
    content[int(place * len(content))] ^= 1
    (copy / name).write_bytes(content)
    refused(copy, message, name, "changed since it was written")


@pytest.mark.parametrize("name", FILES)
def test_a_missing_file_is_missed(copy, message, name):
    (copy / name).unlink()
    refused(copy, message, name)


class Bomb:
    def __reduce__(self):
        return pytest.fail, ("a pickle was loaded",)


def edit(path, change):
    manifest = json.loads((path / "manifest.json").read_text())
    change(manifest)
    (path / "manifest.json").write_text(json.dumps(manifest))


def rehash(path, name):
    """Make the manifest agree with a file that was changed on purpose."""
    sha = hashlib.sha256((path / name).read_bytes()).hexdigest()
    edit(path, lambda manifest: manifest["files"].update({name: sha}))


@pytest.mark.parametrize("name", ["weights.safetensors", "validation.safetensors"])
def test_a_pickle_under_another_name_is_not_loaded(copy, message, name):
    (copy / name).write_bytes(pickle.dumps(Bomb()))
    refused(copy, message, name, "changed")
    rehash(copy, name)
    refused(copy, message, name, "never a pickle")


def test_an_artefact_of_another_job(copy, message):
    edit(copy, lambda manifest: manifest.update(kind="calibration"))
    refused(copy, message, "calibration", "posterior")


EDITS = {
    "larger sets": lambda m: m["config"]["estimation"]["events"].__setitem__(1, 100_000),
    "another prior": lambda m: m["config"]["prior"]["bounds"]["mu"].__setitem__(1, 2.0),
    "another parameter": lambda m: m["config"]["prior"].update(bounds={"nu": [-1.0, 1.0]}),
    "another simulator": lambda m: m["config"]["simulator"].update(sigma=2.0),
    "another seed": lambda m: m["config"]["estimation"].update(seed=2),
    "another network": lambda m: m["config"]["estimation"]["estimator"].update(transforms=2),
    "another kind": lambda m: m["config"]["estimation"]["estimator"].update(kind="scores"),
    "an unknown option": lambda m: m["config"]["estimation"].update(colour="blue"),
    "no prior": lambda m: m["config"].pop("prior"),
    "another column": lambda m: m["events"][0].update(name="y"),
    "a narrower column": lambda m: m["events"][0].update(low=-1.0),
    "more columns": lambda m: m["events"].append({**m["events"][0], "name": "y"}),
}


@pytest.mark.parametrize("name", EDITS)
def test_an_edited_manifest_is_refused(copy, message, name):
    edit(copy, EDITS[name])
    refused(copy, message, "manifest.json", "not those that it was trained with")


@pytest.mark.parametrize("name", ["another network", "another kind", "an unknown option", "no prior", "more columns"])
def test_a_config_that_does_not_fit_is_refused_also_with_the_right_hash(copy, message, name):
    def change(manifest):
        EDITS[name](manifest)
        manifest["inputs"]["config"] = digest({"config": manifest["config"], "events": manifest["events"]})

    edit(copy, change)
    refused(copy, message, "does not fit")


@pytest.mark.parametrize("simulator", [{"kind": "Toy"}, {"kind": "GaussianToy", "sigma": "wide"}, {}, "toy"])
def test_scores_of_an_unknown_simulator_are_refused(saved, tmp_path, message, simulator):
    path = shutil.copytree(saved / "scores", tmp_path / "copy")

    def change(manifest):
        manifest["config"]["simulator"] = simulator
        manifest["inputs"]["config"] = digest({"config": manifest["config"], "events": manifest["events"]})

    edit(path, change)
    refused(path, message, "does not fit")


def change_arrays(path, name, change):
    arrays = {key: value.copy() for key, value in load_file(path / name).items()}
    change(arrays)
    save_file(arrays, path / name)
    rehash(path, name)


def test_other_answers_than_expected_are_refused(copy, message):
    """Whoever changes outputs and hash is found out by the network itself."""
    change_arrays(
        copy, "validation.safetensors", lambda arrays: np.add(arrays["log_prob"], 0.01, out=arrays["log_prob"])
    )
    refused(copy, message, "log-densities", "0.01", "train it again")


def test_other_weights_than_expected_are_refused(copy, message):
    def change(arrays):
        name = next(name for name in arrays if name.endswith("shortcut.bias"))
        arrays[name] += 0.01

    change_arrays(copy, "weights.safetensors", change)
    refused(copy, message, "log-densities")


@pytest.mark.parametrize("missing", ["theta", "events", "log_prob"])
def test_validation_without_an_array(copy, message, missing):
    change_arrays(copy, "validation.safetensors", lambda arrays: arrays.pop(missing))
    refused(copy, message, missing)


@pytest.mark.parametrize("start", ["flow/", "network/", "normaliser/mean"])
def test_weights_without_an_array(copy, message, start):
    def change(arrays):
        del arrays[next(name for name in arrays if name.startswith(start))]

    change_arrays(copy, "weights.safetensors", change)
    refused(copy, message, "does not fit")


def test_weights_of_another_shape(copy, message):
    def change(arrays):
        name = next(name for name in arrays if name.endswith("shortcut.weight"))
        arrays[name] = arrays[name][:, :-1].copy()

    change_arrays(copy, "weights.safetensors", change)
    refused(copy, message, "does not fit")


@pytest.mark.parametrize("metrics", [{}, {"histories": {"flow": {"epochs": 3}}, "cpu_seconds": 1.0}, {"histories": []}])
def test_metrics_of_another_version(copy, message, metrics):
    edit(copy, lambda manifest: manifest.update(metrics=metrics))
    refused(copy, message, "does not fit")


def test_what_is_not_there(tmp_path, message):
    refused(tmp_path / "none", message)
    refused(tmp_path, message)


def test_loading_gives_a_flow(saved):
    for kind in KINDS:
        assert isinstance(TrainedPosterior.load(saved / kind).estimator, FlowEstimator)
