"""Adam without the compiler."""

from __future__ import annotations

import inspect

import torch
from torch.optim import Optimizer


class Adam(torch.optim.Adam):
    """PyTorch's Adam, bit for bit, that does not import ``torch._dynamo``.

    PyTorch wraps these methods to keep its compiler out of them, and imports the compiler for it:
    as long as importing PyTorch itself, in every process that trains. Nothing is compiled here.
    """

    add_param_group = inspect.unwrap(Optimizer.add_param_group)
    load_state_dict = inspect.unwrap(Optimizer.load_state_dict)
    state_dict = inspect.unwrap(Optimizer.state_dict)
    zero_grad = inspect.unwrap(Optimizer.zero_grad)
    step = torch.no_grad()(inspect.unwrap(torch.optim.Adam.step))
