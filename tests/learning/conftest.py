import pytest
import torch


@pytest.fixture
def seeded():
    """Networks take their initial weights from torch's global generator: seed it, and put it back afterwards."""
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(1)
        yield
