"""A real Triton server computes what is computed here, and is missed when it is away."""

import threading

import numpy as np
import pytest

from neyman.anomaly.runtime import Scorer
from neyman.core.errors import DataError
from neyman.serve.backend import BackendError, backends
from neyman.serve.kserve import ModelServer
from neyman.serve.settings import Flags, Settings, Triton
from neyman.serve.triton import TritonBackend
from neyman.serve.triton_repository import triton_name, write_repository

from .triton_server import free_port, triton, triton_url  # noqa: F401 - a fixture


@pytest.fixture(scope="module")
def scorer(artefact):
    return Scorer.open(artefact)


@pytest.fixture
def backend(artefact, triton_url):  # noqa: F811
    settings = Settings(models={"anomaly": artefact}, backend=Triton(url=triton_url), flags=Flags(fpr=0.02, delta=0.05))
    return backends(settings)["anomaly"]


def test_it_is_the_same_model(backend, scorer):
    assert backend.alive()
    assert (backend.names, backend.digest, backend.score_name) == (scorer.names, scorer.digest, scorer.score_name)


@pytest.mark.parametrize("n", [1, 2, 255, 256, 257, 1000])
def test_scores_p_values_and_flags(backend, scorer, background, n):
    x = background(n, 4)
    found, expected = backend.score(x), scorer.score(x)
    np.testing.assert_allclose(found.scores, expected, rtol=1e-5)
    ranks = np.abs(found.p_values - scorer.p_values(expected)) * (len(scorer.calibration) + 1)
    assert ranks.max() < 1.5
    cut = scorer.threshold(0.02)
    clear = np.abs(expected - cut) > 1e-5 * abs(cut)
    assert (found.flags == (expected > cut))[clear].all()


def test_attribution(backend, scorer, background):
    x = background(20, 6)
    np.testing.assert_allclose(backend.attribution(x), scorer.attribution(x), atol=1e-4)


def test_float32_events(backend, scorer, background):
    x = background(5, 7).astype(np.float32)
    np.testing.assert_allclose(backend.scores(x), scorer.score(x), rtol=1e-5)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_what_is_no_number_is_not_sent(backend, background, message, bad):
    x = background(4, 8)
    x[2, 1] = bad
    with pytest.raises(DataError) as error:
        backend.score(x)
    message(error, "column 'pt'", "row 2")


@pytest.mark.parametrize("shape", [(3, 6), (3, 8), (0, 7)])
def test_another_shape_is_not_sent(backend, shape, message):
    with pytest.raises(DataError) as error:
        backend.scores(np.ones(shape))
    message(error, "expected")


def test_many_at_once(backend, scorer, background):
    """Triton puts requests that wait together into one batch; each gets its own rows."""
    x, found = background(320, 9), {}
    expected = scorer.score(x)

    def ask(at):
        for row in range(at * 40, at * 40 + 40):
            found[row] = backend.scores(x[row : row + 1])[0]

    threads = [threading.Thread(target=ask, args=(at,)) for at in range(8)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    np.testing.assert_allclose([found[row] for row in range(320)], expected, rtol=1e-5)


def test_another_artefact_is_not_found(backend, trained, tmp_path, triton_url, background):  # noqa: F811
    """The server has a model of that name, and it is another: no scores are better than wrong ones."""
    from dataclasses import replace

    other = replace(trained, config=trained.config.model_copy(update={"seed": 99}))
    other.save(tmp_path / "other")
    settings = Settings(models={"anomaly": tmp_path / "other"}, backend=Triton(url=triton_url))
    found = backends(settings)["anomaly"]
    assert found.digest != backend.digest
    assert not found.alive()
    with pytest.raises(BackendError, match="404"):
        found.scores(background(1, 1))


def test_an_artefact_that_triton_does_not_have(artefact, triton_url, background):  # noqa: F811
    found = TritonBackend.open("elsewhere", artefact, ModelServer(triton_url, timeout=5), fpr=1e-3, delta=0.05)
    assert not found.alive()
    with pytest.raises(BackendError, match="unknown model"):
        found.score(background(1, 1))


def test_flags_that_cannot_be_promised(artefact, triton_url, background):  # noqa: F811
    found = TritonBackend.open("anomaly", artefact, ModelServer(triton_url, timeout=5), fpr=1e-6, delta=0.05)
    assert found.score(background(3, 1)).flags is None


def test_a_server_that_restarts(artefact, scorer, background, tmp_path):
    """It need not be there when the service starts, and kept connections do not outlive it."""
    write_repository({"anomaly": artefact}, tmp_path / "repository")
    port, x = free_port(), background(2, 2)
    server = ModelServer(f"http://127.0.0.1:{port}", timeout=5)
    backend = TritonBackend.open("anomaly", artefact, server, fpr=1e-3, delta=0.05)
    assert not backend.alive()
    for _ in range(2):
        with triton(tmp_path / "repository", tmp_path / "log", port):
            assert backend.alive()
            np.testing.assert_allclose(backend.scores(x), scorer.score(x), rtol=1e-5)
        assert not backend.alive()
        with pytest.raises(BackendError, match="cannot be reached"):
            backend.scores(x)


def test_triton_itself_refuses_another_width(triton_url, scorer):  # noqa: F811
    server = ModelServer(triton_url, timeout=5)
    with pytest.raises(BackendError, match="400"):
        server.infer(triton_name("anomaly", scorer.digest), {"features": np.ones((1, 6))}, ["score"])
