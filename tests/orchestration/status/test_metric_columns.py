from __future__ import annotations

from orchestration.status.metric_columns import beside, head, headlines


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


SOURCES = [
    *("fd/mnist-cnn", "fd/mnist-cnn_floor", "fd/mnist-cnn_n1024", "fd/mnist-cnn_n1024_floor"),
    *("fd/mnist-cnn_n1024_reconstruction", "fd/mnist-cnn_n1024_gaussian"),
    *("fd/mnist-cnn_n1024_mixture", "fd/mnist-cnn_n1024_decoder_share"),
    *("kid/mnist-cnn", "fd/mnist-cnn_floor_halves", "fd/cifar10-cnn_n1024"),
]


def test_a_distance_of_few_images_for_the_sake_of_sources_is_no_column() -> None:
    one = [name for name in SOURCES if "cifar" not in name]
    shown = ["fd/mnist-cnn", "fd/mnist-cnn_floor", "fd/mnist-cnn_n1024_decoder_share"]
    assert sorted(headlines(one)) == shown
    few = [name.replace("mnist-cnn_n1024", "digits-cnn_n360") for name in one if "_n1024" in name]
    assert "fd/digits-cnn_n360" in headlines(few)
    assert "fd/digits-cnn_n360_floor" in headlines(few)


def test_beside_a_distance_stands_where_it_comes_from() -> None:
    assert beside("fd/mnist-cnn", SOURCES) == [
        "fd/mnist-cnn_n1024",
        "fd/mnist-cnn_n1024_reconstruction",
        "fd/mnist-cnn_n1024_gaussian",
        "fd/mnist-cnn_n1024_mixture",
        "fd/mnist-cnn_n1024_decoder_share",
        "fd/mnist-cnn_floor",
        "fd/mnist-cnn_n1024_floor",
    ]
    assert beside("probe/accuracy", ["probe/accuracy", "probe/accuracy_paper"]) == []
    assert head("fd/mnist-cnn_n1024_mixture") == "FD mixture n=1024 ↓"
