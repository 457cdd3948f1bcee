r"""The angular distribution of B→K*(→Kπ)ℓℓ in the angles of LHCb.

\[ \frac{d^4\Gamma}{dq^2\,d\cos\theta_\ell\,d\cos\theta_K\,d\phi}
   = \frac{3}{8\pi} \sum_i J_i(q^2)\, f_i(\theta_\ell, \theta_K, \phi) \]

with the twelve \(f_i\) of Altmannshofer et al., arXiv:0811.1214, section 3, and LHCb, arXiv:1512.04442,
table 1. The \(J_i\) are those of EOS, 3/4 of Altmannshofer's, so that dΓ/dq² = 2 J1s + J1c − (2 J2s + J2c)/3.

Theory measures \(\theta_\ell\) and \(\phi\) the other way round than LHCb: \(\cos\theta_\ell \to
-\cos\theta_\ell\) and \(\phi \to -\phi\), so that J4, J6s, J6c, J7 and J9 change sign, and with them A_FB,
S4, S6s, S7 and S9. All J in this package have LHCb's signs; J3, J5, J8, and so P5', have the same in both.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

NAMES = ("1s", "1c", "2s", "2c", "3", "4", "5", "6s", "6c", "7", "8", "9")
"""The order of the J_i in every array of this package."""

LHCB_SIGNS = np.array([1.0, 1.0, 1.0, 1.0, 1.0, -1.0, 1.0, -1.0, -1.0, -1.0, 1.0, -1.0])
"""J_i in the angles of LHCb = sign × J_i in those of theory."""

RATE = np.array([2.0, 1.0, -2 / 3, -1 / 3, 0, 0, 0, 0, 0, 0, 0, 0])
"""dΓ/dq² = RATE · J: the integral of the density over the three angles."""

LONGITUDINAL = np.array([0.0, 1.0, 0, -1 / 3, 0, 0, 0, 0, 0, 0, 0, 0])
"""F_L dΓ/dq² = LONGITUDINAL · J: the part with a longitudinal K*."""


def angular_functions(
    cos_theta_l: Float[np.ndarray, " n"], cos_theta_K: Float[np.ndarray, " n"], phi: Float[np.ndarray, " n"]
) -> Float[np.ndarray, "n 12"]:
    """The functions f_i of LHCb's angles, with the factor 3/(8π), in the order of `NAMES`."""
    ck2, cl2 = cos_theta_K**2, cos_theta_l**2
    sk2, sl2 = 1 - ck2, 1 - cl2
    mixed = 2 * cos_theta_K * np.sqrt(sk2 * sl2)  # sin 2θK · sin θl
    cos, sin = np.cos(phi), np.sin(phi)
    cos_2l = 2 * cl2 - 1
    functions = (
        sk2,
        ck2,
        sk2 * cos_2l,
        ck2 * cos_2l,
        sk2 * sl2 * (2 * cos**2 - 1),
        mixed * 2 * cos_theta_l * cos,
        mixed * cos,
        sk2 * cos_theta_l,
        ck2 * cos_theta_l,
        mixed * sin,
        mixed * 2 * cos_theta_l * sin,
        sk2 * sl2 * 2 * sin * cos,
    )
    return np.stack(functions, axis=-1) * (3 / (8 * np.pi))
