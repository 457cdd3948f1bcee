from __future__ import annotations

import pytest

from neyman.diagnostics.kolmogorov import kolmogorov_p_value


@pytest.mark.parametrize("n", [50, 100, 1000])
@pytest.mark.parametrize("p", [0.5, 0.05, 1e-3, 1e-4])
def test_close_to_the_exact_law(n, p):
    from scipy.stats import kstwo

    assert kolmogorov_p_value(float(kstwo.isf(p, n)), n) == pytest.approx(p, rel=0.06)
