"""JAX in double precision. Every file that computes a likelihood takes `jax` from here, so that the switch is set once."""

from __future__ import annotations

import jax
import jax.numpy as jnp

jax.config.update("jax_enable_x64", True)

__all__ = ["jax", "jnp"]
