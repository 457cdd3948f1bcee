"""Densities in one observable that are known in closed form, integrals over them, and events drawn from them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache

import numpy as np
from scipy.optimize import brentq
from scipy.special import logsumexp, ndtr

LOW, HIGH = 0.0, 10.0


@cache
def quadrature(count=320):
    """Points and weights of Gauss and Legendre: what is smooth is integrated to all digits."""
    points, weights = np.polynomial.legendre.leggauss(count)
    half = (HIGH - LOW) / 2
    return LOW + half * (points + 1), half * weights


@dataclass(frozen=True)
class Gaussian:
    """A normal density, cut off at the ends of the range."""

    mean: float
    width: float

    def log_pdf(self, x):
        inside = ndtr((HIGH - self.mean) / self.width) - ndtr((LOW - self.mean) / self.width)
        return -0.5 * ((x - self.mean) / self.width) ** 2 - np.log(np.sqrt(2 * np.pi) * self.width * inside)

    def varied(self, what, by):
        if what == "mean":
            return replace(self, mean=self.mean + by * self.width)
        return replace(self, width=self.width * {"width": np.exp(by)}[what])


@dataclass(frozen=True)
class Exponential:
    """exp(−x / scale)."""

    scale: float

    def log_pdf(self, x):
        return -x / self.scale - np.log(self.scale * (np.exp(-LOW / self.scale) - np.exp(-HIGH / self.scale)))

    def varied(self, what, by):
        return replace(self, scale=self.scale * {"slope": np.exp(by)}[what])


@dataclass(frozen=True)
class Power:
    """(x + offset)^−exponent."""

    offset: float
    exponent: float

    def log_pdf(self, x):
        low, high = ((end + self.offset) ** (1 - self.exponent) for end in (LOW, HIGH))
        return -self.exponent * np.log(x + self.offset) - np.log((low - high) / (self.exponent - 1))

    def varied(self, what, by):
        name = {"slope": "exponent", "offset": "offset"}[what]
        return replace(self, **{name: getattr(self, name) * np.exp(by)})


@dataclass(frozen=True)
class Mixture:
    """A sum of densities, as pairs of fractions and densities."""

    parts: tuple

    def log_pdf(self, x):
        return logsumexp([np.log(fraction) + density.log_pdf(x) for fraction, density in self.parts], axis=0)


@cache
def distance(density, what, size):
    """By how much to move a number of the density for ln p(x|+1)/p(x|0) to be this large.

    Args:
        density: The density.
        what: The number.
        size: Root mean square of the logarithm over the density; negative to move the number down.
    """
    x, weights = quadrature()
    nominal, sign = density.log_pdf(x), np.sign(size)

    def excess(by):
        away = density.varied(what, sign * by).log_pdf(x) - nominal
        return np.sqrt(np.sum(weights * np.exp(nominal) * away**2)) - abs(size)

    return float(sign * brentq(excess, 0.0, 0.5, xtol=1e-15)) if size else 0.0


def sampler(density):
    """Draw from a density, normalised or not, by its distribution function: `sampler(density)(rng, count)`."""
    edges = np.linspace(LOW, HIGH, 20001)
    values = density(edges)
    below = np.concatenate([[0.0], np.cumsum((values[1:] + values[:-1]) / 2)])
    return lambda rng, count: np.interp(rng.uniform(0, below[-1], count), below, edges)
