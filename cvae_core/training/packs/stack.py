"""Weights of several models of one shape in one tensor, and Adam on it."""

from __future__ import annotations

import copy
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.func import functional_call, vmap
from torch.nn.utils import parameters_to_vector

from cvae_core.config import TrialConfig
from cvae_core.models import VAE
from cvae_core.training.packs.steps import Rates
from cvae_core.training.terms import Inputs, Weights, terms_of
from cvae_core.training.training import Training

MOMENTS = ("exp_avg", "exp_avg_sq")
"""As PyTorch's Adam calls them."""


class Objective(nn.Module):
    """The terms of a batch that a trial has, as what a module is called for."""

    def __init__(self, model: VAE, config: TrialConfig) -> None:
        super().__init__()
        self.model, self._config = model, config

    def forward(self, inputs: Inputs, weights: Weights) -> tuple[Tensor, ...]:
        terms = terms_of(self.model, inputs, self._config, weights)
        return tuple(term for term in terms if term is not None)


class Stack:
    """The weights of K trials and Adam's moments of them: matrices (K, P) with a row a trial.

    The trials' own models and optimisers become views of the rows, so that they follow every step
    without a copy. A trial that enters another stack leaves this one.

    Args:
        trainings: the trials, of one shape.
        device: where they train.
    """

    def __init__(self, trainings: Sequence[Training], device: torch.device) -> None:
        first = trainings[0]
        self._trainings = trainings
        self._objective = Objective(copy.deepcopy(first.model).to("meta"), first.config)
        limits = [training.config.clip_norm or torch.inf for training in trainings]
        self._limits = torch.tensor(limits, dtype=torch.float64).to(device)
        settings = first.optimizer.defaults
        self._betas, self._epsilon = settings["betas"], settings["eps"]
        # What the objective does not reach gets no gradient, and Adam passes it over.
        decodes = first.config.decodes
        named = [dict(training.model.named_parameters()) for training in trainings]
        trained = [name for name in named[0] if decodes or not name.startswith("decoder.")]
        self._fixed = {
            f"model.{name}": torch.stack([parameters[name].detach() for parameters in named])
            for name in named[0]
            if name not in trained
        }
        self._rows = [[parameters[name] for name in trained] for parameters in named]
        self._steps = [self._entered(row) for row in range(len(trainings))]
        self._weights = torch.stack([parameters_to_vector(own).detach() for own in self._rows])
        self._moments = [self._stacked(moment) for moment in MOMENTS]
        self._leaves = self._bind(trained)

    def forget(self, row: int) -> None:
        """Have a trial's Adam know nothing of the gradients before."""
        self._steps[row] = 0
        for matrix in self._moments:
            matrix[row].zero_()

    def steps(self, row: int) -> int:
        """Steps that a trial's Adam has taken."""
        return self._steps[row]

    def terms(self, inputs: Inputs, weights: Weights, *, training: bool) -> Tensor:
        """The terms of every trial, (K, terms), the loss first.

        Args:
            inputs: (K, B, C, H, W) and (K, B, D).
            weights: (K,) each.
            training: the mode in which the models are.
        """
        self._objective.train(training)

        def of_one(parameters: dict[str, Tensor], *given: object) -> tuple[Tensor, ...]:
            found: tuple[Tensor, ...] = functional_call(self._objective, parameters, given)
            return found

        return torch.stack(vmap(of_one)(self._leaves | self._fixed, inputs, weights), dim=1)

    def step(self, losses: Tensor, rates: Rates) -> Tensor:
        """Clip each trial's gradients by their own global norm and take a step of Adam.

        Args:
            losses: (K,), of the present weights.
            rates: of this step.

        Returns:
            The norms before clipping, float64 (K,); squares are added in float64 as in ``clip``.
        """
        # No trial's loss depends on another's weights, so the gradient of the sum is that of each.
        parts = torch.autograd.grad(losses.sum(), list(self._leaves.values()))
        gradients = torch.cat([part.flatten(1) for part in parts], dim=1)
        norms: Tensor = torch.linalg.vector_norm(gradients, dim=1, dtype=torch.float64)
        scale = (self._limits / (norms + 1e-6)).clamp(max=1.0).to(gradients.dtype)
        gradients.mul_(scale[:, None])
        (first, second), (mean, square) = self._betas, self._moments
        mean.lerp_(gradients, 1 - first)
        square.mul_(second).addcmul_(gradients, gradients, value=1 - second)
        change = mean * rates.size
        self._weights.sub_(change.div_(square.sqrt().div_(rates.root).add_(self._epsilon)))
        return norms

    def close(self, steps: int, learning_rates: Sequence[float]) -> None:
        """Have the trials' optimisers know how many steps more were taken, and at which rate."""
        for row, (training, rate) in enumerate(zip(self._trainings, learning_rates, strict=True)):
            self._steps[row] += steps
            for parameter in self._rows[row]:
                training.optimizer.state[parameter]["step"].fill_(self._steps[row])
            for group in training.optimizer.param_groups:
                group["lr"] = rate

    def _entered(self, row: int) -> int:
        """See to it that a trial's optimiser has a state; returns the steps that it has taken."""
        state, parameters = self._trainings[row].optimizer.state, self._rows[row]
        for parameter in parameters:
            if not state[parameter]:
                state[parameter] = {"step": torch.zeros((), device=parameter.device)} | {
                    moment: torch.zeros_like(parameter) for moment in MOMENTS
                }
        return int(state[parameters[0]]["step"])

    def _stacked(self, moment: str) -> Tensor:
        states = [training.optimizer.state for training in self._trainings]
        pairs = zip(states, self._rows, strict=True)
        return torch.stack([parameters_to_vector([s[p][moment] for p in own]) for s, own in pairs])

    def _bind(self, trained: Sequence[str]) -> dict[str, Tensor]:
        """Make views of the matrices: of all trials for the objective, of each for its model."""
        leaves, begin = {}, 0
        for number, name in enumerate(trained):
            like = self._rows[0][number]
            part = slice(begin, begin + like.numel())
            begin = part.stop
            whole = self._weights[:, part].unflatten(1, like.shape)
            leaves[f"model.{name}"] = whole.detach().requires_grad_()
            for row, (training, own) in enumerate(zip(self._trainings, self._rows, strict=True)):
                own[number].data = self._weights[row, part].view(like.shape)
                for moment, matrix in zip(MOMENTS, self._moments, strict=True):
                    state = training.optimizer.state[own[number]]
                    state[moment] = matrix[row, part].view(like.shape)
        return leaves
