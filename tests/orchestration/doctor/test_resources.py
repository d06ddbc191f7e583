"""Disk, memory, CPUs and threads."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import joblib
import pytest
import torch

from cvae_core.config import TrialConfig
from orchestration.doctor.checkpoints import (
    check_budget,
    checkpoint_bytes,
    checkpoints_bytes,
)
from orchestration.doctor.disk import check_disk
from orchestration.doctor.memory import (
    check_memory,
    check_models,
    check_shared_memory,
    step_bytes,
)
from orchestration.doctor.processors import check_bfloat16, check_cpus, check_gpus, check_load
from orchestration.doctor.subject import Subject
from orchestration.doctor.threads import check_thread_variables, check_threads
from orchestration.ledger.checkpoints import number_kept
from orchestration.ledger.documents import Sweep, Trial
from orchestration.ledger.ledger import Ledger
from orchestration.plan.memory import memory_limits
from orchestration.plan.plan import make_plan
from orchestration.spec.sweep import SweepSpec

pytestmark = pytest.mark.slow

Make = Callable[..., Subject]


@pytest.mark.parametrize(
    "checkpoints",
    [{}, {"every_epochs": 2}, {"every_epochs": 1, "keep": 2}, {"every_epochs": 3, "keep": 1}],
)
def test_the_estimate_is_what_a_real_sweep_leaves(
    local_sweep: Callable[..., object], subject: Make, checkpoints: dict[str, object]
) -> None:
    base = {"epochs": 5, "selection": {"epoch": "best"}}
    sweep = local_sweep(
        base=base,
        grid={"model": ["vae", "cvae"]},
        checkpoints={"min_interval_s": 0} | checkpoints,
        evaluation={"probe_every": 0},  # what is judged needs no spare checkpoint any more
    )
    sweep.run()  # type: ignore[attr-defined]
    written = [path.stat().st_size for path in sweep.folder.rglob("*.pt")]  # type: ignore[attr-defined]
    spec = sweep.spec  # type: ignore[attr-defined]
    assert len(written) == 2 * number_kept(5, spec.checkpoints)
    asked = Subject(storage=Path("elsewhere"), spec=spec, max_concurrent=1)
    config = list(sweep.plan.trials.values())[1]  # type: ignore[attr-defined]
    on_the_way = checkpoint_bytes(config, (1, 28, 28))
    assert checkpoints_bytes(asked) - on_the_way == pytest.approx(sum(written), rel=0.02)
    done = Subject(storage=sweep.folder.parent, spec=spec)  # type: ignore[attr-defined]
    assert sweep.folder.name != spec.name  # type: ignore[attr-defined]
    sweep.folder.rename(sweep.folder.parent / spec.name)  # type: ignore[attr-defined]
    assert checkpoints_bytes(done) == 0


def test_a_checkpoint_is_measured_at_its_largest() -> None:
    """With the best epoch's weights, whatever they are chosen by, and all weights trained."""
    best = {"selection": {"epoch": "best"}}
    largest = checkpoint_bytes(TrialConfig.from_settings(best), (1, 28, 28))
    for settings in (
        {"selection": {"epoch": "best", "metric": "val/probe_accuracy"}},
        best | {"stages": [{"epochs": 1, "weights": {"reconstruction": 0}}, {"epochs": 1}]},
    ):
        config = TrialConfig.from_settings({"model": "cvae", "epochs": 2} | settings)
        assert checkpoint_bytes(config, (1, 28, 28)) >= largest


FOLDER = ("data.name=folder", "data.path=album", "data.image_size=28", "seeds=[0,1,2]")


def write_ledger(asked: Subject, content: str, ended: int) -> None:
    """As ``run`` would, of a folder whose images have this hash."""
    assert asked.spec is not None
    plan = make_plan(asked.spec, lambda _: content)
    folder = asked.storage / asked.spec.name
    if Ledger.exists(folder):
        ledger = Ledger.open(folder)
        ledger.sweep.plan = list(plan.trials)
        ledger.save_sweep()
    else:
        sweep = Sweep(name="small", sweep_id="1", created=0.0, spec={}, plan=list(plan.trials))
        ledger = Ledger.create(folder, sweep)
    for number, (key, config) in enumerate(plan.trials.items()):
        state = "finished" if number < ended else "pending"
        ledger.save(Trial(key=key, config=config.to_settings(), state=state))


def test_a_disk_budget_is_all_that_is_needed(load: Callable[..., SweepSpec], subject: Make) -> None:
    text = "name: a\nbaselines: false\nbase: {epochs: 10}\ngrid: {beta: [1, 2, 3]}\n"
    text += "checkpoints: {every_epochs: 1%s}"
    free = checkpoints_bytes(subject(spec=load(text % ""), max_concurrent=1))
    size = free / 31  # of each of three trials ten, and one on the way
    for budget, kept_at_all in ((40, 30), (20, 20), (3, 6)):  # the last and the best stay anyway
        asked = subject(spec=load(text % f", max_gb: {budget * size / 1e9}"), max_concurrent=1)
        assert checkpoints_bytes(asked) == pytest.approx((kept_at_all + 1) * size, rel=0.01)
        [finding] = check_budget(asked)
        assert finding.status == ("ok" if budget > 6 else "warning")
    assert "checkpoints.max_gb" in finding.advice
    assert check_budget(subject(spec=load("name: a"))) == []
    assert check_budget(subject()) == []


def test_finished_trials_of_a_folder_need_no_more(subject: Make) -> None:
    asked = subject(*FOLDER, max_concurrent=1)
    all_three = checkpoints_bytes(asked)  # three trials, and one checkpoint on the way
    write_ledger(asked, "a" * 64, ended=2)
    assert checkpoints_bytes(asked) * 2 == all_three
    write_ledger(asked, "a" * 64, ended=3)
    assert checkpoints_bytes(asked) == 0


def test_finished_trials_of_other_images_do_not_count(subject: Make) -> None:
    asked = subject(*FOLDER, max_concurrent=1)
    all_three = checkpoints_bytes(asked)
    write_ledger(asked, "a" * 64, ended=3)
    write_ledger(asked, "b" * 64, ended=0)
    assert checkpoints_bytes(asked) == all_three
    pinned = subject(*FOLDER, f"data.content={'a' * 64}", max_concurrent=1)
    assert checkpoints_bytes(pinned) == 0


def test_gpus_bound_how_many_trials_run_at_a_time(
    subject: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(joblib, "cpu_count", lambda: 8)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda _: "made up")
    asked = subject("seeds=[0,1,2,3,4,5,6,7,8]", "resources.gpu=0.5")
    assert asked.slots == 4
    assert ": 4 trials at a time" in check_cpus(asked)[0].found
    assert subject("seeds=[0,1]", "resources.gpu=0.5").slots == 2
    many = subject("seeds=[0,1,2,3,4,5,6,7,8]", "resources.gpu=0.5", max_concurrent=5)
    assert "fewer than --max-concurrent 5" in check_cpus(many)[0].found


def test_a_small_disk_is_a_problem(subject: Make, mount: Callable[[str], Path]) -> None:
    folder = mount("size=20m")
    findings = check_disk(subject(storage=folder / "runs"))
    statuses = [(f.status, f"sweeps ({folder / 'runs'})" in f.found) for f in findings]
    assert ("problem", True) in statuses
    assert len(findings) >= 2
    bad = next(f for f in findings if f.status == "problem")
    assert "--storage" in str(bad.advice)


def test_more_checkpoints_than_the_disk_holds(subject: Make) -> None:
    asked = subject("epochs=1000000000", "checkpoints.every_epochs=1")
    assert any(f.status == "problem" for f in check_disk(asked))
    few = check_disk(subject("epochs=1000000000"))
    assert next(f.found.partition(" needs up to ")[2] for f in few).endswith(("kB", "MB"))


def test_copies_for_mlflow_are_counted(subject: Make) -> None:
    many = ("epochs=1000", "checkpoints.every_epochs=1")  # some hundred MB

    def needed(uri: str | None) -> float:
        found = check_disk(subject(*many, tracking_uri=uri))[0].found
        number, unit = found.partition(" needs up to ")[2].split()
        return float(number) * {"MB": 1, "GB": 1000}[unit]

    assert needed(None) == pytest.approx(2 * needed("http://127.0.0.1:5000"), rel=0.1)


def test_shared_memory(subject: Make, mount: Callable[[str], Path], tmp_path: Path) -> None:
    assert check_shared_memory(subject(), tmp_path / "none")[0].status == "warning"
    small = check_shared_memory(subject(), mount("size=64m"))[0]
    assert small.status == "warning"
    assert "67.1 MB free of 67.1 MB" in small.found
    assert "--shm-size=1g" in str(small.advice)
    assert check_shared_memory(subject(), mount("size=101m"))[0].status == "ok"
    mnist = subject("data.name=mnist")  # 1.25 × 54.9 MB + 64 MiB
    assert check_shared_memory(mnist, mount("size=120m"))[0].status == "warning"
    assert "135.7 MB" in check_shared_memory(mnist)[0].found


def write_group(folder: Path, **files: object) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (folder / name.replace("__", ".")).write_text(f"{content}\n")


def test_limits_of_a_container(tmp_path: Path) -> None:
    membership = tmp_path / "cgroup"
    membership.write_text("0::/outer/inner\n")
    root = tmp_path / "v2"
    write_group(root / "outer" / "inner", memory__max="max", memory__current=5)
    write_group(
        root / "outer",
        memory__max=1000,
        memory__current=700,
        memory__stat="anon 500\ninactive_file 200",
    )
    assert list(memory_limits(root, membership)) == [(1000, 500)]
    membership.write_text("5:cpu:/x\n4:memory:/x\n0::/\n")
    write_group(
        tmp_path / "v1" / "memory",
        memory__limit_in_bytes=2000,
        memory__usage_in_bytes=100,
        memory__stat="cache 1\ntotal_inactive_file 30",
    )
    assert list(memory_limits(tmp_path / "v1", membership)) == [(2000, 70)]
    assert list(memory_limits(tmp_path / "none", tmp_path / "none")) == []


def test_memory(subject: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "trial" in check_memory(subject())[0].found
    limits = "orchestration.doctor.memory.memory_limits"
    monkeypatch.setattr(limits, lambda: iter([(2**30, 2**20)]))
    small = check_memory(subject())[0]
    assert small.status == "problem"
    assert "this container's limit" in small.found
    monkeypatch.setattr(limits, lambda: iter([(2**33, 2**33 - 2**30)]))
    assert check_memory(subject())[0].status == "warning"


def test_the_probe_of_raw_pixels_is_counted(subject: Make) -> None:
    def gigabytes(*overrides: str) -> float:
        asked = subject("data.name=cifar10", "seeds=[0,1]", *overrides, max_concurrent=2)
        found = check_memory(asked)[0].found
        number, unit = found.partition("; about ")[2].split()[:2]
        return float(number) * {"MB": 1e-3, "GB": 1}[unit]

    without, beside = gigabytes(), gigabytes("baselines=[pixels]")
    assert beside - without == pytest.approx((12 * 60_000 * 3072 + 24 * 3072**2) / 1e9, abs=0.1)
    assert gigabytes("baselines=[pixels]", "evaluation.probe=false") == without


def test_models_that_no_memory_holds(subject: Make) -> None:
    assert check_models(subject()) == []
    asked = subject("architecture.latent_dim=1000000000000")
    (finding,) = check_models(asked)
    assert finding.status == "problem"
    # 1,568 units: twice to the latents and once back, each number four times, four bytes each.
    assert "need at least 75.3 PB of memory in training" in finding.found
    assert "latent_dim (now 1000000000000)" in finding.found
    assert checkpoints_bytes(asked) == pytest.approx(2 * 3 * 4 * 3 * 1568 * 1e12, rel=0.01)
    assert check_disk(asked)[0].status != "ok"
    (memory,) = check_memory(asked)
    assert "PB" not in memory.found, "the rest is told of as well"
    large = check_memory(subject("architecture.latent_dim=20000"))[0].found
    assert large.rpartition("about ")[2] > memory.found.rpartition("about ")[2]


def test_more_cpus_than_there_are(subject: Make) -> None:
    there = len(os.sched_getaffinity(0))
    bad = check_cpus(subject("resources.cpu=10000"))[0]
    assert bad.status == "problem"
    assert "10,000" in bad.found
    assert int(str(bad.advice).rpartition("=")[2].rstrip("`.")) <= there
    good = check_cpus(subject())[0]
    assert good.status == "ok"
    assert "1 trial at a time" in good.found  # the plan has one
    many = check_cpus(subject("seeds=[0,1,2,3]", "resources.cpu=1", max_concurrent=1))[0]
    assert "1 trial at a time" in many.found
    auto = check_cpus(subject("resources.cpu=auto"))[0]
    assert auto.found.endswith(
        "1 trial at a time or fewer with more threads each, as the sweep chooses when it begins"
    )


def test_load(subject: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.getloadavg", lambda: (0.0, 0.0, 0.0))
    assert check_load(subject())[0].status == "ok"
    with monkeypatch.context() as patch:
        patch.setattr("os.cpu_count", lambda: 16)
        patch.setattr("os.getloadavg", lambda: (12.0, 0.0, 0.0))
        patch.setattr(Subject, "cpus", 16)
        (wide,) = check_load(subject("resources.cpu=2"))
        assert "`--max-concurrent 2`" in str(wide.advice), "four CPUs are free"
    monkeypatch.setattr("os.getloadavg", lambda: (1000.0, 0.0, 0.0))
    busy = check_load(subject())[0]
    assert busy.status == "warning"
    assert "`--max-concurrent 1`" in str(busy.advice)


def test_bfloat16(subject: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told = tmp_path / "cpuinfo"
    monkeypatch.setattr("orchestration.machine.CPU_INFO", told)
    asking = "precision=bfloat16"
    for flags, found in (("fpu avx512_bf16 amx_bf16", "amx_bf16; "), ("fpu avx512f", "no instr")):
        told.write_text(f"model name\t: a processor\nflags\t\t: {flags}\n")
        for asked in (subject(), subject(sweep=False)):
            (finding,) = check_bfloat16(asked)
            assert finding.status == "ok"
            assert found in finding.found
    (finding,) = check_bfloat16(subject(asking))
    assert finding.status == "warning"
    assert "`--set precision=float32`" in str(finding.advice)
    told.write_text("flags : avx512_bf16\n")
    assert check_bfloat16(subject(asking))[0].status == "ok"
    assert check_bfloat16(subject(asking, "resources.gpu=1")) == []


def test_gpus(subject: Make) -> None:
    assert check_gpus(subject())[0].status == "ok"
    asked = check_gpus(subject("resources.gpu=1"))[0]
    assert asked.status == ("ok" if torch.cuda.is_available() else "problem")


def test_thread_variables(subject: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    monkeypatch.setenv("NUMBA_NUM_THREADS", "1")
    finding = check_thread_variables(subject())[0]
    assert finding.status == "ok"
    assert "OMP_NUM_THREADS=7; harmless" in finding.found
    assert "NUMBA" not in finding.found


@pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="needs two CPUs")
@pytest.mark.program
def test_threads_in_force(subject: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """And trials that would share a CPU."""
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    monkeypatch.setenv("OMP_PROC_BIND", "true")
    Path("torch.py").write_text("raise SystemExit('not a library')")  # in the working directory
    finding = check_threads(subject())[0]
    assert finding.found.startswith("1 per trial, in force in blas, numba, openmp, torch; but ")
    assert finding.status == "warning"
    assert "`unset OMP_PROC_BIND`" in str(finding.advice)


DEAF = """
import sys, types
sys.modules["numba"] = numba = types.ModuleType("numba")
numba.set_num_threads, numba.get_num_threads = lambda count: None, lambda: 7
numba.config = types.SimpleNamespace(reload_config=lambda: None, NUMBA_NUM_THREADS=7)
"""


@pytest.mark.program
def test_libraries_that_do_not_obey(
    subject: Make, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "sitecustomize.py").write_text(DEAF)
    path = os.environ.get("PYTHONPATH", "")
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}:{path}")
    finding = check_threads(subject())[0]
    assert finding.status == "problem"
    assert "'numba': 7" in finding.found


@pytest.mark.parametrize(
    ("settings", "size", "measured"),
    [
        ({"batch_size": 128}, 128, 446e6),
        ({"batch_size": 128, "model": "cvae"}, 128, 731e6),
        ({"batch_size": 64}, 224, 514e6),
        ({"batch_size": 128, "architecture": {"blocks": "residual"}}, 128, 961e6),
        ({"batch_size": 256, "model": "cvae"}, 32, 120e6),
    ],
)
def test_feature_maps_take_about_what_they_do(
    settings: dict[str, Any], size: int, measured: float
) -> None:
    """Measured as the process's peak over a first step, less its parameters: of colour images."""
    config = TrialConfig.from_settings({"data": {"name": "cifar10"}, **settings})
    assert 0.65 < step_bytes(config, (3, size, size)) / measured < 1.55
