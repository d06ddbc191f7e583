"""What the next steps need, made ahead and sent to a device at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import torch
from torch import Tensor

ALIGNED = 16
P = TypeVar("P")
T = TypeVar("T")


def ahead(parts: Sequence[P], make: Callable[[P], T], *, threaded: bool) -> Iterator[T]:
    """What is made of each part; in a thread, the next one is made while one is in use."""
    if not threaded:
        yield from map(make, parts)
        return
    with ThreadPoolExecutor(1) as pool:
        coming = pool.submit(make, parts[0])
        for part in parts[1:]:
            made, coming = coming.result(), pool.submit(make, part)
            yield made
        yield coming.result()


def sent(values: T, device: torch.device) -> T:
    """Nested tuples and lists with all their tensors on a device, sent as one piece of memory.

    Nobody waits for it: the memory is pinned, and what is started later on the device comes after.
    """
    tensors = list(_tensors_in(values))
    places, end = [], 0
    for tensor in tensors:
        places.append(end)
        end += -(-tensor.nbytes // ALIGNED) * ALIGNED
    buffer = torch.empty(end, dtype=torch.uint8, pin_memory=device.type == "cuda")
    for tensor, place in zip(tensors, places, strict=True):
        _part(buffer, place, tensor).copy_(tensor)
    there = buffer.to(device, non_blocking=True)
    arrived = (_part(there, *each) for each in zip(places, tensors, strict=True))
    replaced: T = _replaced(values, arrived)
    return replaced


def _part(buffer: Tensor, place: int, like: Tensor) -> Tensor:
    return buffer[place : place + like.nbytes].view(like.dtype).view(like.shape)


def _tensors_in(value: Any) -> Iterator[Tensor]:
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, (tuple, list)):
        for own in value:
            yield from _tensors_in(own)


def _replaced(value: Any, tensors: Iterator[Tensor]) -> Any:
    """The same with other tensors, in the order in which ``_tensors_in`` comes to them."""
    if isinstance(value, Tensor):
        return next(tensors)
    if isinstance(value, (tuple, list)):
        own = [_replaced(each, tensors) for each in value]
        return type(value)(*own) if hasattr(value, "_fields") else type(value)(own)
    return value
