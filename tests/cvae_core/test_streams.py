from __future__ import annotations

import torch

from cvae_core.streams import TRAINING, VALIDATION, Streams, derive_seed, stream, torch_seeded


def numbers(generator: torch.Generator) -> torch.Tensor:
    return torch.rand(8, generator=generator)


def test_derived_seeds_never_change() -> None:
    # A change here would change every result without a change of configuration.
    assert derive_seed(0, "weights") == 133441691874178746
    assert derive_seed(2**63 - 1, "views") == 428931397705006597


def test_purposes_and_seeds_have_streams_of_their_own() -> None:
    purposes = (*TRAINING, *VALIDATION, "weights", "projection", "split")
    seeds = {derive_seed(seed, purpose) for seed in range(100) for purpose in purposes}
    assert len(seeds) == 100 * len(purposes)
    assert all(0 <= seed < 2**63 for seed in seeds)


def test_drawing_from_one_stream_shifts_no_other() -> None:
    streams = Streams(3, TRAINING)
    numbers(streams["views"])
    assert torch.equal(numbers(streams["noise"]), numbers(stream(3, "noise")))


def test_go_on_from_a_stored_state() -> None:
    streams, other = Streams(3, TRAINING), Streams(4, TRAINING)
    numbers(streams["noise"])
    state = streams.state_dict()
    expected = {name: numbers(streams[name]) for name in TRAINING}
    other.load_state_dict(state)
    assert all(torch.equal(numbers(other[name]), expected[name]) for name in TRAINING)


def test_seeding_pytorch_itself_is_undone() -> None:
    before = torch.get_rng_state()
    with torch_seeded(1, "weights"):
        first = torch.rand(4)
    assert torch.equal(torch.get_rng_state(), before)
    with torch_seeded(1, "weights"):
        assert torch.equal(torch.rand(4), first)
