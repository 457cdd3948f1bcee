"""Templates come out of the packed array as they went in; what cannot be packed, or was not fitted, is named."""

import itertools

import numpy as np
import pytest

from neyman.abcd.arrays import Given, check_converged, check_strength, pack, unpack
from neyman.core.errors import DataError, InputError, NumericsError

BACKGROUND = np.array([[400.0, 52, 4000, 500], [80, 9, 900, 100], [2, 0.5, 30, 5]])
SIGNAL = np.array([[2.0, 10, 1, 3], [1, 6, 0.2, 1], [3, 1, 0.5, 4]])
MORE = {"delta": np.array([0.2, -0.1, 0.5]), "variance": 0.1 * BACKGROUND, "observed": np.round(BACKGROUND) + 1}
PACKED = pack(BACKGROUND, SIGNAL)[0]


@pytest.mark.parametrize("names", [names for n in range(4) for names in itertools.combinations(MORE, n)], ids="-".join)
def test_what_was_packed_comes_out(names):
    packed, given = pack(BACKGROUND, SIGNAL, **{name: MORE[name] for name in names})
    assert given == Given(*(name in names for name in ("delta", "variance", "observed")))
    rows = unpack(packed, given)
    for name, array in {"background": BACKGROUND, "signal": SIGNAL, **MORE}.items():
        found = getattr(rows, name)
        if name in MORE and name not in names:
            assert found is None
        else:
            assert found.T.tolist() == array.tolist()


@pytest.mark.parametrize(
    ("change", "parts"),
    [
        ({"signal": SIGNAL[:2]}, ["signal of shape (2, 4)", "(3, 4)"]),
        ({"background": BACKGROUND[:0], "signal": SIGNAL[:0]}, ["background of shape (0, 4)"]),
        ({"signal": SIGNAL.T}, ["signal of shape (4, 3)", "regions A, B, C, D last"]),
        ({"delta": MORE["delta"][:, None]}, ["delta of shape (3, 1)", "(3,)"]),
        ({"observed": MORE["observed"] * [[1], [1], [np.nan]]}, ["observed in region A: nan in bin 2", "finite"]),
        ({"delta": np.array([0.0, -np.inf, 0])}, ["delta: -inf in bin 1"]),
        ({"background": np.full((3, 4), 1e308)}, ["sum is not finite"]),
    ],
)
@pytest.mark.filterwarnings("ignore:overflow")
def test_arrays_that_cannot_be_packed(change, parts, message):
    with pytest.raises(DataError) as error:
        pack(**({"background": BACKGROUND, "signal": SIGNAL} | change))
    message(error, *parts)


@pytest.mark.parametrize("mu", [-1e-9, np.nan, np.inf])
def test_strengths_that_are_none(mu, message):
    check_strength(0.0)
    with pytest.raises(InputError) as error:
        check_strength(mu)
    message(error, f"{mu:g}", "zero or above")


@pytest.mark.parametrize("distance", [2e-7, np.nan, np.inf])
def test_a_bin_whose_fit_found_no_minimum_is_named(distance, message):
    check_converged(np.full(3, 1e-7), PACKED)
    with pytest.raises(NumericsError) as error:
        check_converged(np.array([0.0, distance, 0.0]), PACKED)
    message(error, "bin 1: the fit found no minimum", "(80, 9, 900, 100)", "(1, 6, 0.2, 1)", "neighbour")


def test_if_no_bin_is_at_its_minimum_it_is_what_they_share(message):
    with pytest.raises(NumericsError) as error:
        check_converged(np.full(3, np.nan), PACKED)
    message(error, "what 3 bins share", "bin 2, background (2, 0.5, 30, 5)", "merge bins")
    with pytest.raises(NumericsError, match="bin 0: the fit found no minimum"):
        check_converged(np.array([1.0]), PACKED[:, :1])
