from __future__ import annotations

import threading
from typing import NamedTuple

import pytest
import torch
from torch import Tensor

from cvae_core.training.packs.transfer import ahead, sent


class Some(NamedTuple):
    numbers: Tensor
    others: tuple[Tensor, ...]
    none: None
    words: list[int]


def test_everything_arrives_as_it_was() -> None:
    value = Some(
        torch.arange(7).to(torch.int64),
        (torch.rand(3, 5).T, torch.zeros(0), torch.tensor([True, False, True]), torch.rand(())),
        None,
        [1, 2],
    )
    found = sent([value, value._replace(others=())], torch.device("cpu"))
    assert isinstance(found, list)
    assert isinstance(found[0], Some)
    torch.testing.assert_close(list(found[0].others), list(value.others), rtol=0, atol=0)
    assert [tensor.dtype for tensor in found[0].others] == [t.dtype for t in value.others]
    for each in found:
        assert torch.equal(each.numbers, value.numbers)
        assert (each.none, each.words) == (None, [1, 2])
    # One piece of memory.
    parts = [found[0].numbers, *found[0].others, found[1].numbers]
    assert len({part.untyped_storage().data_ptr() for part in parts}) == 1


@pytest.mark.parametrize("threaded", [False, True])
def test_parts_are_made_in_order(threaded: bool) -> None:
    made: list[tuple[int, bool]] = []

    def make(part: int) -> int:
        made.append((part, threading.current_thread() is threading.main_thread()))
        return part * part

    assert list(ahead(range(4), make, threaded=threaded)) == [0, 1, 4, 9]
    assert made == [(part, not threaded) for part in range(4)]


def test_the_next_part_is_made_while_one_is_in_use() -> None:
    begun = threading.Event()

    def make(part: int) -> int:
        if part == 1:
            begun.set()
        return part

    parts = ahead(range(2), make, threaded=True)
    assert next(parts) == 0
    assert begun.wait(10)
    assert list(parts) == [1]


def test_an_error_in_the_thread_is_raised_where_its_part_is_asked_for() -> None:
    with pytest.raises(ZeroDivisionError):
        list(ahead([1, 0], lambda part: 1 // part, threaded=True))
