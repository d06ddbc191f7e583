from __future__ import annotations

from orchestration.status.metric_columns import head, headlines


def test_heads_say_what_tells_figures_apart() -> None:
    assert head("fd/digits-cnn_n360") == "FD n=360 ↓"
    assert head("probe/knn_accuracy_k5_projection") == "k-NN k=5 projection ↑"
    assert head("probe/knn_accuracy_cosine_k5") == "cosine k-NN k=5 ↑"
    assert head("val/iwae_k16_n200") == "val IWAE k=16 n=200 ↑"
    assert head("val/fd_mnist-cnn") == "val FD ↓"
    assert head("val/loss") == "val loss ↓"
    assert head("latent/kl") == "KL"
    assert head("nobody/knows") == "nobody/knows"


def test_no_two_columns_have_the_same_head() -> None:
    names = ["fid/inception", "fid/inception-0a1b2c3d", "probe/accuracy", "probe/accuracy_sample"]
    found = headlines([*names, *names])
    assert set(found) == set(names)
    titles = [title for title, _ in found.values()]
    assert len(set(titles)) == 4
    assert "FID ↓ fid/inception-0a1b2c3d" in titles


def test_validation_stands_in_where_there_is_no_test() -> None:
    assert list(headlines(["val/fd_digits-cnn", "val/elbo"])) == ["val/fd_digits-cnn", "val/elbo"]
    assert list(headlines(["val/elbo", "test/elbo"])) == ["test/elbo"]
