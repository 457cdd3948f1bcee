"""JAX in double precision. Every file that computes a likelihood takes `jax` from here: the switch is set once."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Integer

jax.config.update("jax_enable_x64", True)  # type: ignore[no-untyped-call]  # noqa: FBT003 - its signature

# Arrays of either library: NumPy's when a model is built or a fit is over, JAX's in between.
Floats = Float[Array, "..."] | Float[np.ndarray, "..."]
Ints = Integer[Array, "..."] | Integer[np.ndarray, "..."]
Bools = Bool[Array, "..."] | Bool[np.ndarray, "..."]

__all__ = ["Bools", "Floats", "Ints", "jax", "jnp"]
