"""What a Triton server is given."""

import hashlib
import re
import sys
import types
from dataclasses import dataclass

import numpy as np
import pytest

from neyman.anomaly.runtime import Scorer
from neyman.core.errors import ArtefactError, InputError
from neyman.serve.triton_repository import MODEL, triton_name, write_repository


@pytest.fixture(scope="module")
def repository(artefact, tmp_path_factory):
    out = tmp_path_factory.mktemp("triton") / "repository"
    (folder,) = write_repository({"anomaly": artefact}, out)
    return folder


def test_the_graphs_are_those_of_the_artefact(repository, artefact):
    assert sorted(path.name for path in (repository / "1").iterdir()) == ["model.onnx", "model.py", "score.onnx"]
    for name in ("model.onnx", "score.onnx"):
        assert (repository / "1" / name).read_bytes() == (artefact / name).read_bytes()


def test_a_folder_is_named_after_what_is_in_it(repository, artefact):
    digest = Scorer.open(artefact).digest
    assert repository.name == triton_name("anomaly", digest) == f"anomaly-{digest[:12]}"
    config = (repository / "config.pbtxt").read_text()
    assert f'name: "{repository.name}"' in config
    assert digest in config


def test_the_config_describes_the_graph(repository, artefact):
    config, scorer = (repository / "config.pbtxt").read_text(), Scorer.open(artefact)
    tensors = re.findall(r'name: "(\w+)" data_type: (\w+) dims: \[(\d+)\]', config)
    assert tensors == [
        ("features", "TYPE_FP64", str(len(scorer.names))),
        ("score", "TYPE_FP64", "1"),
        ("score_vector", "TYPE_FP32", str(scorer.preparation.width)),
    ]
    assert config.count("{") == config.count("}")


def test_to_write_again_changes_nothing_and_keeps_others(artefact, tmp_path):
    def digests():
        return {path: hashlib.sha256(path.read_bytes()).hexdigest() for path in tmp_path.rglob("*") if path.is_file()}

    (tmp_path / "older-0123456789ab").mkdir()
    (tmp_path / "older-0123456789ab" / "config.pbtxt").write_text("its own")
    first = write_repository({"a": artefact, "b": artefact}, tmp_path)
    before = digests()
    assert len(before) == 9
    assert write_repository({"a": artefact, "b": artefact}, tmp_path) == first
    assert digests() == before


def test_an_artefact_that_is_none(tmp_path, message):
    with pytest.raises(ArtefactError):
        write_repository({"a": tmp_path / "nothing"}, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_file_in_the_way(artefact, tmp_path, message):
    (tmp_path / "out").write_text("")
    with pytest.raises(InputError) as error:
        write_repository({"a": artefact}, tmp_path / "out")
    message(error, "a file is in the way")


@dataclass
class Tensor:
    name: str
    array: np.ndarray

    def as_numpy(self):
        return self.array


@dataclass
class Request:
    x: np.ndarray
    names: tuple

    def requested_output_names(self):
        return list(self.names)


@pytest.fixture
def model(repository, monkeypatch):
    """The model as Triton makes it, with stand-ins for what Triton's module gives."""
    stub = types.ModuleType("triton_python_backend_utils")
    stub.Tensor, stub.InferenceResponse = Tensor, list
    stub.get_input_tensor_by_name = lambda request, name: Tensor(name, request.x)
    monkeypatch.setitem(sys.modules, stub.__name__, stub)
    space = {"__name__": "model"}
    exec(compile(MODEL, "model.py", "exec"), space)
    made = space["TritonPythonModel"]()
    made.initialize({"model_repository": str(repository), "model_version": "1"})
    return made


def test_requests_that_wait_together_get_their_own_rows(model, artefact, background):
    scorer, x = Scorer.open(artefact), background(12, 3)
    parts, wanted = (x[:1], x[1:6], x[6:]), (("score",), ("score_vector", "score"), ("score",))
    answers = model.execute([Request(*each) for each in zip(parts, wanted, strict=True)])
    assert [[tensor.name for tensor in each] for each in answers] == [list(names) for names in wanted]
    for part, tensors in zip(parts, answers, strict=True):
        found = {tensor.name: tensor.array for tensor in tensors}
        assert found["score"].shape == (len(part), 1)
        np.testing.assert_allclose(found["score"][:, 0], scorer.score(part), rtol=1e-5)
        if "score_vector" in found:
            np.testing.assert_allclose(found["score_vector"], scorer.score_vector(part), atol=1e-4)
