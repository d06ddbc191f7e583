from __future__ import annotations

import torch

from cvae_core.losses import objective

RECONSTRUCTION, KL, CONTRASTIVE = (torch.tensor(x) for x in (0.0625, 12.0, 4.0))


def test_adds_up_the_weighted_terms_and_reports_them_unweighted() -> None:
    terms = objective(RECONSTRUCTION, KL, CONTRASTIVE, beta=0.5, lambda_=0.25)
    assert terms.loss.item() == 0.0625 + 6.0 + 1.0
    assert terms[1:] == (RECONSTRUCTION, KL, CONTRASTIVE)


def test_of_a_vae_has_no_contrastive_term() -> None:
    terms = objective(RECONSTRUCTION, KL, None, beta=0.5, lambda_=0.25)
    assert terms.loss.item() == 6.0625
    assert terms.contrastive is None
    assert terms.detach().contrastive is None


def test_with_lambda_zero_adds_an_exact_zero() -> None:
    x = torch.tensor(0.1234567, requires_grad=True)
    with_branch = objective(x, 3 * x, 7 * x, beta=1e-3, lambda_=0.0).loss
    without = objective(x, 3 * x, None, beta=1e-3, lambda_=0.0).loss
    assert torch.equal(with_branch, without)
    (a,), (b,) = torch.autograd.grad(with_branch, x), torch.autograd.grad(without, x)
    assert torch.equal(a, b)


def test_detached_terms_keep_no_graph() -> None:
    x = torch.tensor(1.0, requires_grad=True)
    detached = objective(x, x, x, beta=1.0, lambda_=1.0).detach()
    assert not any(term.requires_grad for term in detached if term is not None)
