"""The terms of the objective, each a pure function."""

from cvae_core.losses.gaussian_kl import gaussian_kl
from cvae_core.losses.nt_xent import nt_xent
from cvae_core.losses.objective import Terms, objective
from cvae_core.losses.reconstruction import pixel_mse

__all__ = ["Terms", "gaussian_kl", "nt_xent", "objective", "pixel_mse"]
