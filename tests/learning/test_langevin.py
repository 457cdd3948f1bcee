import numpy as np
import pytest
import torch

from neyman.core.errors import InputError
from neyman.learning.energy import EnergyNetwork
from neyman.learning.langevin import annealed_langevin

pytestmark = pytest.mark.usefixtures("seeded")


def told_apart(a, b):
    """The area under the ROC curve of boosted trees that tell a from b, on the half that they were not fitted on."""
    ensemble = pytest.importorskip("sklearn.ensemble")
    from sklearn.metrics import roc_auc_score

    half = len(a) // 2
    labels = np.repeat([1, 0], half)
    trees = ensemble.HistGradientBoostingClassifier(max_iter=40, max_leaf_nodes=8, random_state=1)
    trees.fit(np.concatenate([a[:half], b[:half]]), labels)
    return roc_auc_score(labels, trees.predict_proba(np.concatenate([a[half:], b[half:]]))[:, 1])


LIMIT = 0.5 + 3.3 * np.sqrt(1 / (6 * 1500))  # 3.3 standard deviations of the area for halves of 1500 events


def truth(density, sigma, rng):
    x = density.sample(3000, rng)
    return (x + sigma * torch.from_numpy(rng.standard_normal(x.shape, dtype=np.float32))).numpy()


def test_samples_of_a_trained_network_pass_for_the_mixture(learned, rng):
    density, network = learned
    samples = annealed_langevin(network, 3000, torch.Generator().manual_seed(1), steps=10).numpy()
    assert told_apart(samples, truth(density, 0.4, rng)) < LIMIT


def test_exact_energies_give_exact_samples_in_more_dimensions(exact_energy, mixture, rng):
    density = mixture(6)
    network = exact_energy(density, np.geomspace(0.2, 3.0, 10).tolist())
    samples = annealed_langevin(network, 3000, torch.Generator().manual_seed(2), steps=10).numpy()
    assert told_apart(samples, truth(density, 0.2, rng)) < LIMIT


def test_samples_of_another_density_are_told_apart(learned, rng):
    density, network = learned
    normal = EnergyNetwork(2, tuple(network.sigmas.tolist()))  # what an untrained network believes
    samples = annealed_langevin(normal, 3000, torch.Generator().manual_seed(1), steps=10).numpy()
    assert np.cov(samples.T) == pytest.approx((1 + 0.4**2) * np.eye(2), abs=0.1)
    assert told_apart(samples, truth(density, 0.4, rng)) > 0.6


def test_the_same_generator_gives_the_same_samples():
    network = EnergyNetwork(3, (0.3, 1.0))
    one, two = (annealed_langevin(network, 5, torch.Generator().manual_seed(4), steps=2) for _ in range(2))
    torch.testing.assert_close(one, two)


@pytest.mark.parametrize("bad", [{"n": 0}, {"steps": 0}, {"step": 0.0}, {"step": float("nan")}])
def test_nothing_to_do(bad):
    arguments = {"n": 3, "steps": 2, **bad}
    with pytest.raises(InputError):
        annealed_langevin(EnergyNetwork(2, (1.0,)), generator=torch.Generator(), **arguments)
