import numpy as np
import pytest
from scipy import stats

from neyman.diagnostics.autocorrelation import integrated_autocorrelation_time
from neyman.simulation.eos import BToKstarMuMu
from neyman.simulation.eos.angles import RATE, angular_functions
from neyman.simulation.eos.sampling import CHUNK

C9 = {"C9": 3.4}
CASES = {
    "average": {},
    "low q²": {"q2": (0.1, 2.0), "tag": "Naive", "flavour": "B0"},
    "low recoil": {"q2": (15.0, 19.0), "tag": "GP2004", "flavour": "B0bar"},
    "electrons": {"q2": (1.1, 6.0), "tag": "GP2004", "lepton": "e", "flavour": "B0"},
}


@pytest.fixture(scope="module", params=CASES)
def decay(request):
    return BToKstarMuMu(**CASES[request.param])


def quadrature(decay, in_q2=32, in_angles=14):
    """Points and weights, fine enough for products of the density with the moments below."""
    low, high = decay.schema["q2"].low, decay.schema["q2"].high
    x, w = np.polynomial.legendre.leggauss(in_q2)
    c, wc = np.polynomial.legendre.leggauss(in_angles)
    phi = np.linspace(-np.pi, np.pi, 16, endpoint=False)
    axes = (0.5 * (low + high) + 0.5 * (high - low) * x, c, c, phi)
    weights = (0.5 * (high - low) * w, wc, wc, np.full(16, 2 * np.pi / 16))
    points = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 4)
    return points, np.einsum("i,j,k,l->ijkl", *weights).ravel()


def density(decay, points, theta=C9):
    monomials = decay.table.monomials(np.array([[theta["C9"]]]))[0]
    return decay.terms(points) @ monomials / (decay.rate_terms @ monomials)


def moments(points):
    q2, angles = points[:, 0], angular_functions(*points[:, 1:].T)
    return np.concatenate([np.stack([q2, q2**2], axis=1), angles, q2[:, None] * angles], axis=1)


def test_the_density_is_normalised_and_positive(decay):
    points, weights = quadrature(decay)
    for c9 in (-2.0, 0.0, 3.4, 4.27, 9.0):
        p = density(decay, points, {"C9": c9})
        assert p @ weights == pytest.approx(1, abs=2e-7)
        assert p.min() > 0


def test_no_part_of_the_mixture_is_negative(decay):
    """Every B-spline carries a density of its own; where that is negative, what is drawn differs from the density."""
    rng = np.random.default_rng(1)
    functions = angular_functions(rng.uniform(-1, 1, 5_000), rng.uniform(-1, 1, 5_000), rng.uniform(-4, 4, 5_000))
    for c9 in (-2.0, 0.0, 3.4, 4.27, 9.0):
        values = np.einsum("kmi,m->ki", decay.table.factors, decay.table.monomials(np.array([[c9]]))[0])
        relative = values @ functions.T * (8 * np.pi) / (values @ RATE)[:, None]
        assert np.maximum(-relative, 0).mean(axis=1).max() < 1e-6


def test_moments_are_those_of_the_density(decay):
    points, weights = quadrature(decay)
    expected = (density(decay, points) * weights) @ moments(points)
    found = moments(decay.simulate(C9, 200_000, 1).matrix)
    error = found.std(axis=0) / len(found) ** 0.5
    used = error > 0
    pulls = (found.mean(axis=0) - expected)[used] / error[used]
    assert np.abs(pulls).max() < 4.5, pulls.round(1)
    # Jointly, with their correlations:
    covariance = np.cov(found[:, used].T) / len(found)
    difference = (found.mean(axis=0) - expected)[used]
    rank = np.linalg.matrix_rank(covariance, rtol=1e-10, hermitian=True)
    chi2 = difference @ np.linalg.pinv(covariance, rtol=1e-10, hermitian=True) @ difference
    assert stats.chi2.sf(chi2, rank) > 1e-3


def test_each_variable_has_its_distribution(decay):
    """Against the distribution functions that follow from the density by integration."""
    events = decay.simulate(C9, 50_000, 2).matrix
    points, weights = quadrature(decay)
    p = density(decay, points) * weights
    for i in (1, 2, 3):
        # The marginal densities are polynomials of second order in cosines, and of second order in e^{iφ}.
        powers = [np.ones(len(points)), *(points[:, i] ** n for n in (1, 2, 3, 4))]
        if i == 3:
            phi = points[:, 3]
            coefficients = [p @ f(n * phi) / np.pi for n in (1, 2) for f in (np.cos, np.sin)]
            x = np.linspace(-np.pi, np.pi, 2_001)
            marginal = 1 / (2 * np.pi) + sum(
                c * f(n * x)
                for c, (n, f) in zip(coefficients, [(n, f) for n in (1, 2) for f in (np.cos, np.sin)], strict=True)
            )
        else:
            x = np.linspace(-1, 1, 2_001)
            design = np.array([[2 / (m + n + 1) * ((m + n) % 2 == 0) for n in range(3)] for m in range(3)])
            marginal = np.polynomial.polynomial.polyval(x, np.linalg.solve(design, [p @ powers[n] for n in range(3)]))
        cdf = np.concatenate([[0], np.cumsum(0.5 * (marginal[1:] + marginal[:-1]) * np.diff(x))])
        assert cdf[-1] == pytest.approx(1, abs=1e-5)
        result = stats.kstest(events[:, i], lambda v, x=x, cdf=cdf: np.interp(v, x, cdf / cdf[-1]))
        assert result.pvalue > 1e-3, decay.schema.names[i]
    low, high = decay.schema["q2"].low, decay.schema["q2"].high
    grid = np.linspace(low, high, 400)
    rate = decay.angular_coefficients(grid, C9) @ RATE
    cdf = np.concatenate([[0], np.cumsum(0.5 * (rate[1:] + rate[:-1]))])
    assert stats.kstest(events[:, 0], lambda v: np.interp(v, grid, cdf / cdf[-1])).pvalue > 1e-3


def test_events_are_independent_and_none_is_repeated(decay):
    matrix = decay.simulate(C9, 20_000, 3).matrix
    assert len(np.unique(matrix, axis=0)) == len(matrix)
    for column in matrix.T:
        assert integrated_autocorrelation_time(column) == pytest.approx(1, abs=0.1)


def test_sets_are_distributed_like_single_ones(decay, rng):
    theta = np.tile([[3.4], [4.4]], (200, 1))
    sets = decay.simulate_sets(theta, 50, rng)
    for parity, c9 in enumerate((3.4, 4.4)):
        single = decay.simulate({"C9": c9}, 10_000, 4).matrix
        for i in range(4):
            assert stats.ks_2samp(sets[parity::2, :, i].ravel(), single[:, i]).pvalue > 1e-3
    # Rows of θ are not mixed up: the mean score of a set at another θ has its sign.
    sets = decay.simulate_sets(np.array([[1.0], [8.0]]), 5_000, rng)
    assert sets[0].mean() != sets[1].mean()
    values = [decay.log_likelihood_grid(np.array([[1.0], [8.0]]), one) for one in sets]
    assert values[0][0] > values[0][1]
    assert values[1][1] > values[1][0]


@pytest.mark.parametrize(("sets", "n"), [(1, CHUNK + 3), (3, CHUNK // 2 + 1), (5, CHUNK // 3), (1, 2 * CHUNK)])
def test_chunks_leave_no_event_out(decay, sets, n, rng):
    drawn = decay.simulate_sets(np.full((sets, 1), 4.0), n, rng)
    assert drawn.shape == (sets, n, 4)
    assert len(np.unique(drawn.reshape(-1, 4), axis=0)) == sets * n
