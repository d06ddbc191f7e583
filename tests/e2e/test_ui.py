"""The installed ``cvae-sweep ui``: MLflow's own pages, over HTTP and in a real browser."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import psutil
import pytest

from cvae_core.config import TrialConfig
from cvae_core.evaluation.maps.map_files import one_map
from cvae_core.training.checkpoint import sha256
from orchestration import store
from orchestration.ledger.documents import ArtifactRef, Attempt, Epoch, Evaluated, Sweep, Trial
from orchestration.ledger.ledger import Ledger
from orchestration.tracking.addresses import check_can_listen
from orchestration.tracking.config import MlflowConfig

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

COMMAND = Path(sys.executable).with_name("cvae-sweep")
CHROMIUM = Path("/usr/bin/chromium")
ARGUMENTS = [
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
]
# Without these MLflow opens its pages for language models, and a panel beside them.
SETTINGS = """
localStorage.setItem("mlflow.workflowType_v1", '"machine_learning"');
localStorage.setItem("mlflow.assistant.fab.autoOpenedOnFirstLoad_v1", "true");
localStorage.setItem("mlflow.assistant.panelOpen_v1", "false");
"""
PICTURES = (("umap", "umap.png"), ("pictures", "reconstructions.png"))
PATIENCE_S = 90.0
FAMILIES = {"vae": "vae β=0.001", "cvae": "cvae β=0.001 λ=0.1 τ=0.5"}
NAMES = [f"{name} seed={seed}" for seed in (0, 1) for name in FAMILIES.values()]
EPOCHS = 3
USUAL_ERRORS = ("users/current", "ResizeObserver loop")
"""What MLflow's own pages say in any case."""


class Ui:
    """A ``cvae-sweep ui`` of its own, with all processes that it ever had."""

    def __init__(self, folder: Path, *arguments: str) -> None:
        temporary = folder / "temporary"
        temporary.mkdir(exist_ok=True)
        environment = {k: v for k, v in os.environ.items() if not k.startswith("MLFLOW")}
        self.log = folder / "out.txt"
        with self.log.open("wb") as out:
            self.process = subprocess.Popen(
                [str(COMMAND), "ui", *arguments],
                cwd=folder,
                env={**environment, "TMPDIR": str(temporary)},
                stdout=out,
                stderr=subprocess.PIPE,
                text=True,
                start_new_session=True,
            )
        self.temporary = temporary
        self.family: list[psutil.Process] = []

    def printed(self, text: str) -> str:
        """Wait until it has printed this; all that it has printed."""
        until = time.monotonic() + PATIENCE_S
        while text not in self.log.read_text():
            assert self.process.poll() is None, self.process.communicate()[1]
            assert time.monotonic() < until, self.log.read_text()
            time.sleep(0.05)
        self.family = psutil.Process(self.process.pid).children(recursive=True)
        return self.log.read_text()

    def end(self) -> tuple[int, str]:
        """Exit code and standard error; none of its processes and files is to be left."""
        err = self.process.communicate(timeout=30)[1]
        assert psutil.wait_procs(self.family, timeout=15)[1] == []
        assert list(self.temporary.iterdir()) == []
        return self.process.returncode, err

    def kill(self) -> None:
        for process in (*self.family, self.process):
            try:
                process.kill()
            except psutil.Error:
                continue
        self.process.communicate()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def get(url: str, body: Any = None, headers: dict[str, str] | None = None) -> Any:
    data = None if body is None else json.dumps(body).encode()
    headers = {"Content-Type": "application/json", **(headers or {})}
    request = urllib.request.Request(url, data, headers)
    with urllib.request.urlopen(request, timeout=20) as answer:
        text = answer.read().decode()
    return json.loads(text) if text.startswith("{") else text


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, empty_database: Path) -> Path:
    """A working directory whose storage folder holds a sweep of four trials, also in MLflow.

    It holds a file as well that is named like MLflow.
    """
    from orchestration.report.report_file import note_results
    from orchestration.tracking.tracker import Tracker

    folder = tmp_path_factory.mktemp("ui")
    (folder / "mlflow.py").write_text("raise ImportError('the one that lies here')")
    storage, uri = folder / "runs", f"sqlite:///{folder}/runs/mlflow.db"
    storage.mkdir()
    shutil.copy(empty_database, storage / "mlflow.db")
    sweep = Sweep(name="two", sweep_id="1", created=1e9, spec={}, plan=list("abcd"))
    sweep.tracking_uri, sweep.data = uri, {"digits": "f" * 64}
    ledger = Ledger.create(storage / "two", sweep)
    tracker = Tracker(uri, MlflowConfig(), storage)
    sweep.experiment, sweep.experiment_id = tracker.connect("two")
    tracker.sync_parent(ledger)
    made = [(seed, model) for seed in (0, 1) for model in FAMILIES]
    for key, (seed, model) in zip(sweep.plan, made, strict=True):
        ledger.save(finished_trial(ledger.folder, key, model=model, seed=seed))
        tracker.sync_trial(ledger, key)
    note_results(ledger)
    tracker.sync_parent(ledger)
    ledger.save_sweep()
    return folder


def finished_trial(folder: Path, key: str, **settings: Any) -> Trial:
    """A trial with curves, a probe, and pictures of its end and of each checkpoint."""
    points = np.random.default_rng(0).normal(size=(50, 2)).astype(np.float32)
    config = TrialConfig.from_settings({"beta": 1e-3, "epochs": EPOCHS, **settings})
    trial = Trial(key=key, config=config.to_settings(), state="finished")
    trial.attempts = [Attempt(number=1, from_epoch=0, began=1e9, ended=1e9 + EPOCHS)]
    trial.epochs = [
        Epoch(epoch=n, metrics={"val/loss": 1 / n}, images_per_s=9, epoch_s=1, at=1e9 + n)
        for n in range(1, EPOCHS + 1)
    ]
    files = [*PICTURES, *((f"pictures@{n}", PICTURES[1][1]) for n in range(1, EPOCHS + 1))]
    for entry, name in files:
        path = f"artifacts/{key}/{entry}/{name}"
        picture = one_map(points, np.arange(50) % 10, [str(n) for n in range(10)], entry)
        store.write_bytes(folder / path, picture)
        ref = ArtifactRef(path=path, sha256=sha256(picture), bytes=len(picture))
        trial.evaluations[entry] = Evaluated(state="finished", artifacts=[ref])
    found = {"probe/accuracy": 0.9, "test/reconstruction_mse": 0.1}
    trial.evaluations["probe"] = Evaluated(state="finished", metrics=found)
    return trial


@pytest.fixture(scope="module")
def start(folder: Path) -> Iterator[Callable[..., Ui]]:
    started: list[Ui] = []

    def make(*arguments: str) -> Ui:
        started.append(Ui(folder, *arguments))
        return started[-1]

    yield make
    for ui in started:
        ui.kill()


@pytest.fixture(scope="module")
def served(start: Callable[..., Ui]) -> tuple[Ui, int, str]:
    """One that serves, its port and what it printed."""
    port = free_port()
    ui = start("--port", str(port))
    return ui, port, ui.printed("Ctrl-C")


def test_the_pages_are_served(served: tuple[Ui, int, str], folder: Path) -> None:
    ui, port, out = served
    assert len(ui.family) == 2, "MLflow's process and its server's"
    for host in ("127.0.0.1", "localhost"):
        url = f"http://{host}:{port}"
        assert get(f"{url}/health") == "OK"
        found = get(f"{url}/api/2.0/mlflow/experiments/search", {"max_results": 10})
        (two,) = (e for e in found["experiments"] if e["name"] == "two")
        runs = get(
            f"{url}/ajax-api/2.0/mlflow/runs/search", {"experiment_ids": [two["experiment_id"]]}
        )
        assert {run["info"]["run_name"] for run in runs["runs"]} == {"two", *NAMES}
    assert f"http://127.0.0.1:{port}/#/experiments/{two['experiment_id']}/runs" in out
    assert "warning" not in out
    assert {path.name for path in folder.iterdir()} == {"mlflow.py", "runs", "out.txt", "temporary"}


def test_a_taken_port(served: tuple[Ui, int, str], start: Callable[..., Ui], folder: Path) -> None:
    _, port, _ = served
    arguments = [str(COMMAND), "ui", "--port", str(port)]
    done = subprocess.run(arguments, cwd=folder, capture_output=True, text=True, timeout=30)
    assert (done.returncode, done.stdout) == (2, "")
    assert f"http://127.0.0.1:{port} may be the address that you want" in done.stderr
    offered = re.search(r"--port (\d+) .*MLFLOW_PORT=\1$", done.stderr.strip())
    assert offered
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", int(offered[1])))


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    if not CHROMIUM.exists():
        pytest.skip(f"needs Debian's chromium as {CHROMIUM}: apt-get install chromium")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A page on which, at the end, nothing may have gone wrong."""
    context = browser.new_context(viewport={"width": 1400, "height": 900})
    context.add_init_script(SETTINGS)
    page, errors = context.new_page(), []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on(
        "console",
        lambda said: (
            errors.append(f"{said.text} {said.location['url']}") if said.type == "error" else None
        ),
    )
    yield page
    context.close()
    assert [each for each in errors if not any(usual in each for usual in USUAL_ERRORS)] == []


def printed_page(out: str, which: str) -> str:
    (address,) = re.findall(rf"http\S+/runs\S*{which}\S*", out)
    return str(address)


def test_the_printed_page_shows_the_runs(served: tuple[Ui, int, str], page: Page) -> None:
    """All trials at once with their data, and the sweep's own run."""
    _, _, out = served
    page.goto(printed_page(out, "orderByKey"), wait_until="domcontentloaded")
    table = page.get_by_role("treegrid").or_(page.get_by_role("grid")).first
    table.get_by_text("two", exact=True).first.wait_for(timeout=60_000)
    for name in NAMES:
        table.get_by_text(name, exact=True).first.wait_for(timeout=20_000)
    table.get_by_text("digits (ffffffffffff-train-").nth(3).wait_for(timeout=20_000)


def test_the_saved_view_opens_with_curves_over_the_seeds(
    served: tuple[Ui, int, str], page: Page
) -> None:
    """Without anything set: a line for each family, and its seeds around it."""
    _, _, out = served
    page.goto(printed_page(out, "viewStateShareKey=curves"), wait_until="domcontentloaded")
    charts = page.get_by_test_id("experiment-view-compare-runs-chart-area")
    for family in FAMILIES:
        page.get_by_text(f"Group: {family}", exact=True).wait_for(timeout=60_000)
        charts.get_by_text(f"{family} (val/loss)", exact=True).wait_for(timeout=20_000)
    curves = charts.locator(".js-plotly-plot").first
    curves.locator(".scatterlayer .trace").nth(2 * len(FAMILIES) - 1).wait_for(timeout=20_000)
    for section in ("By epoch", "At the end"):
        charts.get_by_text(section).first.wait_for(timeout=20_000)
    for title in ("probe/accuracy", "test/reconstruction_mse vs. probe/accuracy"):
        charts.get_by_text(title, exact=True).first.scroll_into_view_if_needed(timeout=20_000)
    assert charts.get_by_text("train/", exact=False).count() == 0


def test_the_image_grid_shows_reconstructions_by_epoch(
    served: tuple[Ui, int, str], page: Page
) -> None:
    """Those of one seed, with their names, and a slider over the checkpoints."""
    _, _, out = served
    address = printed_page(out, "viewStateShareKey=curves").replace("=curves", "=pictures")
    page.goto(address, wait_until="domcontentloaded")
    charts = page.get_by_test_id("experiment-view-compare-runs-chart-area")
    for name in FAMILIES.values():
        charts.get_by_text(f"{name} seed=0").first.wait_for(timeout=60_000)
    assert charts.get_by_text("seed=1").count() == 0

    def shown(epoch: int) -> None:
        pictures = charts.locator(f"img[src*='reconstructions%2Bstep%2B{epoch}%2B']")
        second = pictures.nth(1)
        second.wait_for(timeout=20_000)
        loaded = "picture => picture.naturalWidth > 100"
        page.wait_for_function(loaded, arg=second.element_handle(), timeout=20_000)

    shown(EPOCHS)
    charts.get_by_role("slider").first.focus()
    page.keyboard.press("ArrowLeft")
    shown(EPOCHS - 1)


def test_the_compare_page_shows_names(
    served: tuple[Ui, int, str], page: Page, folder: Path
) -> None:
    _, port, _ = served
    ledger = Ledger.open(folder / "runs" / "two")
    runs = json.dumps([ledger.trials[key].run_id for key in "ab"])
    where = f"#/compare-runs?runs={runs}&experiments={json.dumps([ledger.sweep.experiment_id])}"
    page.goto(f"http://127.0.0.1:{port}/{where}", wait_until="domcontentloaded")
    page.get_by_text("Comparing 2 Runs from 1 Experiment").wait_for(timeout=60_000)
    for name in NAMES[:2]:
        page.get_by_text(name, exact=True).first.wait_for(timeout=20_000)


def test_the_sweeps_page_shows_the_comparison_as_a_table(
    served: tuple[Ui, int, str], page: Page, folder: Path
) -> None:
    _, port, _ = served
    sweep = Ledger.open(folder / "runs" / "two").sweep
    run = f"experiments/{sweep.experiment_id}/runs/{sweep.parent_run_id}"
    address = f"http://127.0.0.1:{port}/#/{run}/artifacts/report/comparison.json"
    page.goto(address, wait_until="domcontentloaded")
    page.get_by_role("columnheader", name="probe ↑").wait_for(timeout=60_000)
    page.get_by_role("cell", name="cvae", exact=True).wait_for(timeout=20_000)


def test_a_trials_page_shows_its_pictures(
    served: tuple[Ui, int, str], page: Page, folder: Path
) -> None:
    """Its map, which stands for them all; reconstructions are in the image grid above."""
    _, port, _ = served
    entry, name = PICTURES[0]
    ledger = Ledger.open(folder / "runs" / "two")
    run = f"experiments/{ledger.sweep.experiment_id}/runs/{ledger.trials['a'].run_id}"
    page.goto(
        f"http://127.0.0.1:{port}/#/{run}/artifacts/{entry}/{name}", wait_until="domcontentloaded"
    )
    picture = page.locator("img[src^='blob:']").first
    picture.wait_for(timeout=60_000)
    page.wait_for_function(
        "document.querySelector(\"img[src^='blob:']\").naturalWidth > 100", timeout=20_000
    )


def test_ctrl_c_ends_it_and_all_its_processes(served: tuple[Ui, int, str]) -> None:
    ui, port, _ = served
    began = time.monotonic()
    ui.process.send_signal(signal.SIGINT)
    assert ui.end() == (0, "")
    assert time.monotonic() - began < 10
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port), timeout=5).close()
    check_can_listen("127.0.0.1", port)  # also right after the browser's connections


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_ended_while_it_starts(start: Callable[..., Ui], number: int) -> None:
    ui = start("--port", str(free_port()))
    ui.printed("starting MLflow on sqlite:")
    until = time.monotonic() + PATIENCE_S
    while not ui.family and time.monotonic() < until:
        ui.printed("starting")
    ui.process.send_signal(number)
    assert ui.end() == (0, "")


def test_a_server_that_ends_by_itself(start: Callable[..., Ui]) -> None:
    """The process above is killed; the one that serves would live on."""
    ui = start("--port", str(free_port()))
    ui.printed("Ctrl-C")
    ui.family[0].kill()
    code, err = ui.end()
    assert code == 1
    assert err.startswith("error: MLflow ended by itself")
    assert "Uvicorn running" in err


def test_what_is_no_database(start: Callable[..., Ui], folder: Path) -> None:
    database = folder / "runs" / "broken.db"
    database.write_text("this is no database, and MLflow will say so")
    ui = start("--tracking-uri", f"sqlite:///{database}", "--port", str(free_port()))
    code, err = ui.end()
    assert code == 2
    assert "file is not a database" in err
    assert "move it away" in err


@pytest.fixture(scope="module")
def open_to_all(start: Callable[..., Ui]) -> tuple[Ui, int, str]:
    port = free_port()
    ui = start("--host", "0.0.0.0", "--port", str(port))
    return ui, port, ui.printed("Ctrl-C")


def test_open_to_the_network(open_to_all: tuple[Ui, int, str]) -> None:
    """The page works under this machine's names, and no other site may use it."""
    _, port, out = open_to_all
    assert "warning: on 0.0.0.0 anybody" in out
    url = f"http://127.0.0.1:{port}/ajax-api/2.0/mlflow/runs/search"
    body = {"experiment_ids": ["1"]}

    def asked(host: str, origin: str) -> int:
        headers = {"Host": f"{host}:{port}", "Origin": f"http://{origin}:{port}"}
        try:
            get(url, body, headers)
        except urllib.error.HTTPError as error:
            return error.code
        return 200

    name = socket.gethostname()
    assert [asked(host, host) for host in (name, "localhost", "127.0.0.1")] == [200] * 3
    assert asked("elsewhere.example", "elsewhere.example") == 403
    assert asked(name, "elsewhere.example") == 403


def test_a_second_ctrl_c_does_not_wait(open_to_all: tuple[Ui, int, str]) -> None:
    """The server is stopped, so that it cannot end when it is asked to."""
    ui, _, _ = open_to_all
    for process in ui.family:
        process.suspend()
    began = time.monotonic()
    ui.process.send_signal(signal.SIGINT)
    ui.printed("ending MLflow")
    ui.process.send_signal(signal.SIGINT)
    assert ui.end() == (0, "")
    assert time.monotonic() - began < 4, "the grace period is five seconds"
