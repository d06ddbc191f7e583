"""The examples in the losses' docstrings run, and give what they say."""

from __future__ import annotations

import doctest
import importlib

import pytest


@pytest.mark.parametrize("name", ["gaussian_kl", "nt_xent", "objective", "reconstruction"])
def test_an_example_gives_what_it_says(name: str) -> None:
    module = importlib.import_module(f"cvae_core.losses.{name}")
    failed, attempted = doctest.testmod(module)
    assert attempted > 0
    assert failed == 0
