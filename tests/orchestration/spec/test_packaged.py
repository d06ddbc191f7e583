"""Which file is meant where there is none of the name that was typed."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestration.errors import UserError
from orchestration.spec.packaged import find_sweep_file


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("digits_beta.yaml", "digits_beta.yaml"),
        ("./sweeps/digits_beta.yaml", "digits_beta.yaml"),
        ("best.yaml", "paper/best.yaml"),
        ("sweeps/paper/best.yaml", "paper/best.yaml"),
    ],
)
def test_a_packaged_file_is_found_from_anywhere(
    typed: str, meant: str, repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert find_sweep_file(Path(typed)) == repository / "sweeps" / meant
    own = tmp_path / typed
    own.parent.mkdir(parents=True, exist_ok=True)
    own.write_text("")
    assert find_sweep_file(Path(typed)) == Path(typed)


@pytest.mark.parametrize(
    ("typed", "advice"),
    [
        ("my/digits_beta.yaml", "did you mean sweeps/digits_beta.yaml, which comes with"),
        ("sweeps/best.yaml", "did you mean sweeps/paper/best.yaml"),
        ("digits_beta", "did you mean sweeps/digits_beta.yaml"),
        ("my/own", "did you mean my/own.yaml?"),
        ("another.yaml", r"use one of those .*sweeps/mnist_beta.yaml.*, sweeps/paper/best.yaml"),
    ],
)
def test_a_mistyped_path_takes_no_other_file(
    typed: str, advice: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "my").mkdir()
    (tmp_path / "my" / "own.yaml").write_text("")
    with pytest.raises(UserError, match=f"^{typed}: there is no such file; .*{advice}"):
        find_sweep_file(Path(typed))
