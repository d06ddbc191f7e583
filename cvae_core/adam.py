"""Adam and AdamW without the compiler.

PyTorch wraps methods of its optimisers to keep its compiler out of them, and imports the compiler
for it: as long as importing PyTorch itself, and 70 MB, in every process that trains. Nothing is
compiled here.
"""

from __future__ import annotations

import inspect

import torch
from torch.optim import Optimizer


class _NoCompiler(Optimizer):
    add_param_group = inspect.unwrap(Optimizer.add_param_group)
    load_state_dict = inspect.unwrap(Optimizer.load_state_dict)
    state_dict = inspect.unwrap(Optimizer.state_dict)
    zero_grad = inspect.unwrap(Optimizer.zero_grad)


class Adam(_NoCompiler, torch.optim.Adam):
    """PyTorch's Adam, bit for bit, that does not import ``torch._dynamo``."""

    step = torch.no_grad()(inspect.unwrap(torch.optim.Adam.step))


class AdamW(_NoCompiler, torch.optim.AdamW):
    """The same of AdamW."""

    step = torch.no_grad()(inspect.unwrap(torch.optim.AdamW.step))
