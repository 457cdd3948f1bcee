"""What every simulator does. A new one joins by one line in SIMULATORS."""

from dataclasses import dataclass, field

import numpy as np
import pytest

from neyman.core.errors import DataError
from neyman.events.events import Events
from neyman.simulation.eos import BToKstarMuMu, BToKstarMuMuMarkovChain
from neyman.simulation.protocol import Simulator, TractableSimulator
from neyman.simulation.rebuild import rebuild
from neyman.simulation.toys import GaussianToy


@dataclass(frozen=True)
class Case:
    make: object
    theta: dict
    infinite: dict = field(default_factory=dict)  # a finite box that holds all probability, for unbounded columns


SIMULATORS = {
    "gaussian": Case(lambda: GaussianToy(sigma=0.5), {"mu": 1.3}, {"x": (-4.0, 6.0)}),
    "eos": Case(BToKstarMuMu, {"C9": 3.5}),
    "eos-electrons": Case(lambda: BToKstarMuMu(q2=(1.1, 6), tag="GP2004", lepton="e", flavour="B0"), {"C9": 5.0}),
    "eos-chain": Case(lambda: BToKstarMuMuMarkovChain(tag="GP2004", stride=1, pre_N=100, preruns=1), {"C9": 4.0}),
}


@pytest.fixture(scope="module", params=SIMULATORS)
def case(request):
    return SIMULATORS[request.param]


@pytest.fixture(scope="module")
def simulator(case):
    return case.make()


@pytest.fixture
def tractable(simulator):
    if not isinstance(simulator, TractableSimulator):
        pytest.skip("its density is not known")
    return simulator


def test_it_is_a_simulator(simulator):
    assert isinstance(simulator, Simulator)
    assert simulator.parameters
    assert simulator.schema.names


def test_events_have_the_schema_and_cannot_be_changed(simulator, case):
    theta = dict(case.theta)
    events = simulator.simulate(theta, 7, 1)
    assert len(events) == 7
    assert events.schema == simulator.schema
    assert theta == case.theta
    with pytest.raises(ValueError, match="read-only"):
        events[simulator.schema.names[0]][0] = 0.0


def test_same_seed_same_events(simulator, case):
    first, second = (simulator.simulate(case.theta, 5, 3).matrix for _ in range(2))
    np.testing.assert_array_equal(first, second)
    np.testing.assert_array_equal(first, simulator.simulate(case.theta, 5, np.random.default_rng(3)).matrix)
    assert (first != simulator.simulate(case.theta, 5, 4).matrix).any()


def test_sets_have_one_row_of_theta_each(simulator, case, rng):
    theta = np.array([list(case.theta.values())] * 3)
    before = theta.copy()
    sets = simulator.simulate_sets(theta, 4, rng)
    assert sets.shape == (3, 4, len(simulator.schema.columns))
    assert sets.dtype == np.float64
    np.testing.assert_array_equal(theta, before)
    for i, column in enumerate(simulator.schema.columns):
        simulator.schema.check(column.name, sets[:, :, i].ravel())


@pytest.mark.parametrize("n", [0, -3, 2.5, True])
def test_numbers_of_events_that_are_none(simulator, case, n):
    with pytest.raises((DataError, TypeError), match=r"n_events"):
        simulator.simulate(case.theta, n, 1)


def test_bad_theta(simulator, case, message, rng):
    name = simulator.parameters[0]
    with pytest.raises(DataError) as error:
        simulator.simulate({}, 5, 1)
    message(error, name, "expected")
    with pytest.raises(DataError) as error:
        simulator.simulate({**case.theta, name.lower() + "x": 1.0}, 5, 1)
    message(error, "unknown parameter")
    for bad in (np.nan, np.inf):
        with pytest.raises(DataError) as error:
            simulator.simulate({**case.theta, name: bad}, 5, 1)
        message(error, name, "finite")
    with pytest.raises(DataError) as error:
        simulator.simulate_sets(np.full((2, len(simulator.parameters)), np.nan), 5, rng)
    message(error, name, "row 0")
    with pytest.raises(DataError):
        simulator.simulate_sets(np.zeros((2, len(simulator.parameters) + 1)), 5, rng)
    with pytest.raises(DataError):
        simulator.simulate(case.theta, 5, -1)


def test_it_can_be_rebuilt_from_its_config(simulator, case):
    again = rebuild(simulator.config())
    assert again.config() == simulator.config()
    np.testing.assert_array_equal(again.simulate(case.theta, 3, 1).matrix, simulator.simulate(case.theta, 3, 1).matrix)


def test_the_density_is_normalised(tractable, case, rng):
    columns = tractable.schema.columns
    boxes = np.array([case.infinite.get(column.name, (column.low, column.high)) for column in columns])
    points = rng.uniform(boxes[:, 0], boxes[:, 1], size=(100_000, len(columns)))
    events = Events.from_matrix(points, tractable.schema)
    values = np.exp(tractable.log_prob(case.theta, events)) * np.prod(boxes[:, 1] - boxes[:, 0])
    assert values.mean() == pytest.approx(1, abs=5 * values.std() / len(values) ** 0.5)


def test_the_density_is_that_of_the_events(tractable, case):
    """E[p(x|θ')/p(x|θ)] = 1 for events at θ."""
    events = tractable.simulate(case.theta, 50_000, 2)
    near = {name: value + 0.3 for name, value in case.theta.items()}
    ratio = np.exp(tractable.log_prob(near, events) - tractable.log_prob(case.theta, events))
    assert ratio.mean() == pytest.approx(1, abs=5 * ratio.std() / len(ratio) ** 0.5)


def test_the_score_is_the_derivative(tractable, case):
    events = tractable.simulate(case.theta, 500, 3)
    score = tractable.score(case.theta, events)
    assert score.shape == (500, len(tractable.parameters))
    for i, name in enumerate(tractable.parameters):
        high, low = ({**case.theta, name: case.theta[name] + step} for step in (1e-4, -1e-4))
        slope = (tractable.log_prob(high, events) - tractable.log_prob(low, events)) / 2e-4
        np.testing.assert_allclose(score[:, i], slope, rtol=1e-5, atol=1e-6)


def test_the_information_is_the_covariance_of_the_score(tractable, case):
    score = tractable.score(case.theta, tractable.simulate(case.theta, 100_000, 4))
    information = tractable.fisher_matrix(case.theta)
    assert information.shape == (len(tractable.parameters),) * 2
    for i in range(len(tractable.parameters)):
        squares = score[:, i] ** 2
        error = squares.std() / len(score) ** 0.5
        assert squares.mean() == pytest.approx(information[i, i], abs=5 * error)
        assert abs(score[:, i].mean()) < 5 * score[:, i].std() / len(score) ** 0.5


@pytest.mark.parametrize("n", [1, 8, 203])
def test_the_likelihood_on_a_grid_is_the_sum_of_log_densities(tractable, case, n):
    events = tractable.simulate(case.theta, n, 5)
    points = [{name: value + step for name, value in case.theta.items()} for step in (-1.0, 0.0, 0.7)]
    grid = np.array([list(point.values()) for point in points])
    expected = [tractable.log_prob(point, events).sum() for point in points]
    np.testing.assert_allclose(tractable.log_likelihood_grid(grid, events.matrix), expected, rtol=1e-10)
