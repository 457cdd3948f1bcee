"""pyhf as an oracle: −2 ln L of a workspace, its derivatives by JAX, and minima polished with them."""

from __future__ import annotations

import contextlib
import warnings
from functools import cached_property

import jax
import numpy as np
import pyhf
from pyhf.optimize.opt_minuit import minuit_optimizer
from scipy.optimize import minimize

# As in neyman.likelihood.compilation: these functions are compiled once and called a few hundred times.
QUICK = {"xla_backend_optimization_level": 0, "xla_cpu_use_fusion_emitters": False}
MANY = 40
"""Parameters above which a Hessian takes much longer than a gradient."""


@contextlib.contextmanager
def backend(name, optimizer=None):
    """pyhf computes with this backend, and with the one before afterwards: it is global state."""
    before, before_optimizer = pyhf.get_backend()
    pyhf.set_backend(name, optimizer, precision="64b")
    try:
        yield
    finally:
        pyhf.set_backend(before, before_optimizer, precision="64b")


def precise():
    """NumPy with a Minuit that is asked for more than physics needs: its default stops at 1e-4 of −2 ln L."""
    return backend("numpy", minuit_optimizer(tolerance=1e-5, strategy=2))


class Oracle:
    """What pyhf makes of a workspace.

    Args:
        spec: The workspace.
        codes: `histosys` and `normsys`, as `Model.build` takes them.
    """

    def __init__(self, spec, codes):
        settings = {kind: {"interpcode": code} for kind, code in codes.items()}
        self.workspace = pyhf.Workspace(spec, validate=False)
        name = spec["measurements"][0]["name"]
        with backend("numpy"), warnings.catch_warnings():
            # jsonschema has deprecated what pyhf validates measurements with
            warnings.filterwarnings("ignore", "jsonschema.RefResolver", DeprecationWarning)
            self.model = self.workspace.model(measurement_name=name, modifier_settings=settings, validate=False)
        config = self.model.config
        self.bounds = np.array(config.suggested_bounds(), float)
        self.fixed = np.array(config.suggested_fixed(), bool)
        self.inits = np.array(config.suggested_init(), float)
        self.data = np.array(self.workspace.data(self.model), float)
        self.names = tuple(config.par_names)

    @cached_property
    def derivatives(self):
        """The function of parameters and data that gives −2 ln L, its gradient and its Hessian."""

        def both(theta, data):
            value, gradient = jax.value_and_grad(self._twice_nll)(theta, data)
            return gradient, (value, gradient)

        def all_three(theta, data):
            hessian, (value, gradient) = jax.jacfwd(both, has_aux=True)(theta, data)
            return value, gradient, hessian

        return _compiled(all_three)

    @cached_property
    def slope(self):
        """The same without the Hessian."""
        return _compiled(jax.value_and_grad(self._twice_nll))

    def _twice_nll(self, theta, data):
        return -2 * self.model.logpdf(theta, data)[0]

    def value(self, theta, data):
        """−2 ln L by NumPy."""
        with backend("numpy"), np.errstate(all="ignore"):
            return -2 * float(self.model.logpdf(np.asarray(theta), np.asarray(data))[0])

    def minimise(self, data, *, held=None):
        """Parameters and −2 ln L at the minimum: L-BFGS-B with exact gradients, then Newton with exact Hessians."""
        start, fixed = self.inits.copy(), self.fixed.copy()
        for index, value in (held or {}).items():
            start[index], fixed[index] = value, True
        # where a rate is zero, JAX's derivatives of it are not numbers
        low = np.where(fixed, start, np.where(self.bounds[:, 0] == 0, 1e-10, self.bounds[:, 0]))
        high = np.where(fixed, start, self.bounds[:, 1])
        quick = self.slope if len(start) > MANY else self.derivatives

        def goal(theta):
            value, gradient = quick(theta, data)[:2]
            return (value, gradient) if np.isfinite(value) else (1e10, np.zeros(len(theta)))

        options = {"maxiter": 2000, "maxfun": 5000, "ftol": 1e-15, "gtol": 1e-8, "maxcor": 30}
        bounds = list(zip(low, high, strict=True))
        theta = minimize(goal, np.clip(start, low, high), jac=True, method="L-BFGS-B", bounds=bounds, options=options).x
        best, gradient, hessian = self.derivatives(theta, data)
        for _ in range(5):
            at_low, at_high = (theta - low < 1e-6) & (gradient > 0), (high - theta < 1e-6) & (gradient < 0)
            free = ~fixed & ~at_low & ~at_high
            trial = np.where(at_low, low, np.where(at_high, high, theta))
            if np.isfinite(hessian).all():
                trial[free] -= np.linalg.lstsq(hessian[np.ix_(free, free)], gradient[free])[0]
            trial = np.clip(trial, low, high)
            found = self.derivatives(trial, data)
            if not found[0] < best:
                break
            theta, (best, gradient, hessian) = trial, found
        return theta, float(best)


def _compiled(function):
    """The function with pyhf's JAX backend, in NumPy arrays."""

    def traced(theta, data):
        with backend("jax"):  # inside the trace: pyhf's tables become constants of the compiled function
            return function(theta, data)

    compiled = jax.jit(traced, compiler_options=QUICK)
    return lambda theta, data: [np.asarray(each) for each in compiled(np.asarray(theta), np.asarray(data))]
