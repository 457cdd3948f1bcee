import numpy as np
import torch

from neyman.anomaly.scores.autoencoder import Autoencoder
from neyman.learning.config import TrainingConfig

SHORT = TrainingConfig(epochs=4, steps_per_epoch=50, learning_rate=5e-3, averaging=0.9, weight_decay=0.0)


def test_finds_what_leaves_the_plane_that_it_learned():
    rng = np.random.default_rng(1)
    plane = rng.normal(size=(2, 8))
    x, test = ((rng.normal(size=(n, 2)) @ plane).astype(np.float32) for n in (800, 300))
    off = test + 0.7 * rng.normal(size=test.shape).astype(np.float32)
    score = Autoencoder(layers=(32, 2), training=SHORT).fit(x)
    inside, outside = (score.score_samples(events) for events in (test, off))
    assert np.median(outside) > 3 * np.median(inside)
    # A plane of principal components is what an autoencoder without activations would find.
    assert inside.mean() < 0.3 * test.var(axis=0).mean()


def test_leaves_the_random_numbers_of_torch_alone():
    before = torch.get_rng_state()
    x = np.random.default_rng(2).normal(size=(50, 3))
    Autoencoder(training=TrainingConfig(epochs=1, steps_per_epoch=2)).fit(x)
    assert torch.equal(before, torch.get_rng_state())
