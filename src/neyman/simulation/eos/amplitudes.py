"""Angular coefficients from EOS (eoshep, van Dyk et al., arXiv:2111.15428): the only file that asks EOS for them."""

from __future__ import annotations

import contextlib
import functools
import threading
from collections.abc import Iterator
from importlib import metadata
from importlib.util import find_spec
from typing import Any

import numpy as np
from jaxtyping import Float

from neyman.core.errors import ConfigError, require
from neyman.simulation.eos.angles import LHCB_SIGNS, NAMES

TAGS = ("BFS2004", "GP2004", "GvDV2020", "Naive")
LEPTONS = ("mu", "e")
FLAVOURS = ("average", "B0", "B0bar")
MASSES = {"mu": 0.105658, "e": 0.000510999}  # GeV, as EOS has them
Q2_MAX = (5.27965 - 0.89555) ** 2  # (m_B − m_K*)², GeV², with the masses of EOS

_WILSON = {"C9": "Re{c9}"}
CONJUGATE = {"B0bar": ("false",), "B0": ("true",), "average": ("false", "true")}  # a B̄ holds the b quark
_lock = threading.Lock()


def eos_version() -> str:
    """The version of eoshep that is installed, without loading it: that takes seconds, and the cache needs no more.

    Raises:
        MissingDependencyError: If it is not.
    """
    if find_spec("eos") is None:
        require("eos", job="posterior")
    return metadata.version("eoshep")


@functools.cache
def load_eos() -> Any:  # noqa: ANN401 - EOS has no types
    """EOS, without what importing it does to matplotlib: it asks for LaTeX and other fonts in every later figure.

    Raises:
        MissingDependencyError: If it is not installed.
    """
    with require("matplotlib", job="posterior").rc_context():  # EOS imports matplotlib anyway
        return require("eos", job="posterior")


@functools.cache
def _defaults() -> Any:  # noqa: ANN401 - EOS has no types
    """EOS's parameters at their defaults; reading them takes up to seconds, so once in a process."""
    return load_eos().Parameters()


@contextlib.contextmanager
def eos_parameters(
    theta: Float[np.ndarray, " d"] | None, parameters: tuple[str, ...], lepton: str
) -> Iterator[tuple[Any, list[Any]]]:
    """EOS's parameters with Wilson coefficients at θ, and these coefficients; back at their defaults afterwards.

    The parameters are shared by the process and are not for two threads at once.
    """
    with _lock:
        values = _defaults()
        wilson = [values[wilson_name(name, lepton)] for name in parameters]
        before = [value.evaluate() for value in wilson]
        try:
            for value, new in zip(wilson, before if theta is None else theta, strict=True):
                value.set(float(new))
            yield values, wilson
        finally:
            for value, old in zip(wilson, before, strict=True):
                value.set(old)


def eos_options(tag: str, lepton: str, conjugate: str) -> Any:  # noqa: ANN401 - EOS has no types
    """The options of EOS; only its model WET has Wilson coefficients that can be changed."""
    eos = load_eos()
    return eos.Options(l=lepton, q="d", model="WET", tag=tag, **{"cp-conjugate": conjugate})


def wilson_name(parameter: str, lepton: str) -> str:
    """What EOS calls a Wilson coefficient of b→sℓℓ; electrons have coefficients of their own."""
    return f"b->s{lepton}{lepton}::{_WILSON[parameter]}"


def standard_model(parameters: tuple[str, ...], lepton: str) -> Float[np.ndarray, " d"]:
    """The Standard-Model values of Wilson coefficients, at the scale of 4.2 GeV."""
    with eos_parameters(None, parameters, lepton) as (_, wilson):
        return np.array([value.evaluate() for value in wilson])


def angular_coefficients(
    q2: Float[np.ndarray, " n"],
    theta: Float[np.ndarray, "p d"],
    *,
    parameters: tuple[str, ...],
    tag: str,
    lepton: str,
    flavour: str,
) -> Float[np.ndarray, "p n 12"]:
    """J_i(q²) in GeV⁻¹ (dΓ/dq² has that unit), with LHCb's signs, for each row of θ.

    The flavour `average` is half the sum of J_i for B̄⁰ and its CP conjugate for B⁰, as in the S_i of
    arXiv:0811.1214.

    Raises:
        ConfigError: If EOS cannot evaluate this tag at such q².
    """
    eos = load_eos()
    out = np.zeros((len(theta), len(q2), len(NAMES)))
    kinematics = eos.Kinematics(q2=float(q2[0]))
    with eos_parameters(None, parameters, lepton) as (values, wilson):
        try:
            for conjugate in CONJUGATE[flavour]:
                options = eos_options(tag, lepton, conjugate)
                coefficients = [
                    eos.Observable.make(f"B->K^*ll::J_{name}(q2)", values, kinematics, options) for name in NAMES
                ]
                for p, row in enumerate(theta):
                    for value, new in zip(wilson, row, strict=True):
                        value.set(float(new))
                    for n, at in enumerate(q2):
                        kinematics["q2"].set(float(at))
                        out[p, n] += [coefficient.evaluate() for coefficient in coefficients]
        except RuntimeError as error:
            raise ConfigError(
                f"EOS: {str(error).splitlines()[0][:150]}",
                where=f"tag {tag}, q² = {kinematics['q2'].evaluate():.4g} GeV²",
                hint="BFS2004 is for q² below 8 GeV², GP2004 for q² above 14 GeV²",
            ) from error
    return np.asarray(out * LHCB_SIGNS / len(CONJUGATE[flavour]))
