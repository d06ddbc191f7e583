"""Declarations of the parts hold what is there."""

from __future__ import annotations

import dataclasses
import importlib
import inspect
import re

import pytest

from cvae_core.evaluation.metrics import METRICS
from cvae_core.evaluation.part import Part, Seconds
from cvae_core.evaluation.parts import PARTS


@pytest.mark.parametrize("part", PARTS.values(), ids=list(PARTS))
def test_a_part_declares_what_is_there(part: Part) -> None:
    assert inspect.isgeneratorfunction(importlib.import_module(part.module).evaluate)
    assert set(part.paths) <= {field.name for field in dataclasses.fields(part.settings)}
    assert all(field.metadata["doc"] for field in dataclasses.fields(part.settings))


def test_every_place_in_a_metrics_name_says_what_may_stand_there() -> None:
    for metric in METRICS:
        assert re.findall("<.*?>", metric.name) == list(metric.places)


def test_every_metric_is_declared_once() -> None:
    names = [metric.name for metric in METRICS]
    assert len(names) == len(set(names))


def test_seconds_grow_with_the_images() -> None:
    assert Seconds(2.0, 0.5).of(3_000) == 3.5
    assert Seconds().of(3_000) == 0
