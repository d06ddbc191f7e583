"""The report of a sweep of six seeds in a real browser: widths, colours, pointer, keys, print."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from pathlib import Path
from pkgutil import resolve_name
from typing import TYPE_CHECKING, Any

import pytest

from orchestration.engine.in_process import InProcessEngine
from orchestration.engine.worker import Worker
from orchestration.ledger.ledger import Ledger
from orchestration.ledger.paths import REPORT_PAGE
from orchestration.report.report_file import report_of
from orchestration.run.request import Request
from orchestration.run.runner import run_sweep
from orchestration.signals import ended_by_signals
from orchestration.spec.reading import load_spec
from orchestration.terminal.console import Console
from tests.orchestration.compare.conftest import Searches
from tests.orchestration.written import Written

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

DRAWINGS = (
    *("diagnostics.part.kl_bars_png", "probes.part.confusion_png", "maps.part.one_map"),
    *(f"pictures.part.{name}_png" for name in ("reconstructions", "samples", "curves")),
)
CHROMIUM = shutil.which("chromium")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="takes a chromium")
SPEC = """\
name: six
base: {data: {name: digits}, epochs: 2, architecture: {channels: [4, 8], latent_dim: 4}}
grid: {model: [vae, cvae]}
seeds: [0, 1, 2, 3, 4, 5]
baselines: [pca, pixels]
evaluation: {umap: {n: 200}, fd: false, probe_every: 1}
"""


def once(draw: Callable[..., bytes]) -> Callable[..., bytes]:
    """A drawing that all share: the first one."""
    drawn: list[bytes] = []

    def shared(*given: Any, **named: Any) -> bytes:
        drawn[:] = drawn or [draw(*given, **named)]
        return drawn[0]

    return shared


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory, empty_database: Path) -> Path:
    """The report that a run has written at its end; without Ray, which has no part in it."""
    folder = tmp_path_factory.mktemp("report")
    shutil.copy(empty_database, folder / "mlflow.db")
    (folder / "six.yaml").write_text(SPEC)

    def in_process(run: Any, _: object) -> Any:
        worker = Worker(run.data.sets, run.request.folder, threads=1, gpu=False)
        return nullcontext(InProcessEngine(worker))

    def laid_out(points: Any, *_: Any) -> Iterator[Any]:
        yield points[:, points.var(0).argsort()[-2:]]

    request = Request(load_spec(folder / "six.yaml", ()), folder, "by hand")
    with pytest.MonkeyPatch.context() as patch, ended_by_signals() as signals:
        patch.setattr("cvae_core.evaluation.maps.reducer.reduce", laid_out)
        for drawing in DRAWINGS:  # fourteen trials' take long, and the page shows those of two
            found = resolve_name(f"cvae_core.evaluation.{drawing}")
            patch.setattr(f"cvae_core.evaluation.{drawing}", once(found))
        assert run_sweep(request, Console(quiet=True), signals, in_process) == 0
    return folder / "six" / REPORT_PAGE


@pytest.fixture(scope="module")
def browser(report: Path) -> Iterator[Browser]:
    """After the run, which ends all processes below its own at its end."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-dev-shm-usage"]
        )
        yield chromium
        chromium.close()


def opened(browser: Browser, report: Path, width: int, scheme: Any) -> tuple[Page, list[str]]:
    """The page without a network, and all that it complains of."""
    context = browser.new_context(
        viewport={"width": width, "height": 900}, color_scheme=scheme, offline=True
    )
    page, errors = context.new_page(), list[str]()
    page.on("console", lambda message: errors.append(message.text))
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("requestfailed", lambda request: errors.append(request.url[:80]))
    page.goto(report.as_uri())
    return page, errors


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 820, 1600])
def test_it_fits_every_width_in_light_and_dark(
    browser: Browser, report: Path, width: int, scheme: str
) -> None:
    page, errors = opened(browser, report, width, scheme)
    assert errors == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    pictures = page.locator("img")
    assert pictures.count() == 6  # three of either side
    assert pictures.evaluate_all("all => all.every(i => i.complete && i.naturalWidth > 100)")
    dark = page.evaluate("getComputedStyle(document.body).backgroundColor") != "rgb(255, 255, 255)"
    assert dark == (scheme == "dark")
    assert page.locator(".answer").inner_text()
    page.context.close()


def test_pointer_and_keyboard_show_what_a_point_is_and_lead_to_its_row(
    browser: Browser, report: Path
) -> None:
    page, _ = opened(browser, report, 1600, "light")
    tip, points = page.locator("#tip"), page.locator("svg.chart a:has(.point)")
    assert points.count() == 13  # of one chart: reconstruction against the probe; PCA is the last
    assert tip.is_hidden()
    points.nth(3).hover()
    assert re.match(r"c?vae seed=\d: probe ↑ 0\.\d+, test MSE ↓ 0\.\d+$", tip.inner_text())
    points.last.hover()
    assert tip.inner_text().startswith("pca: probe")
    assert points.last.locator("path.baseline").count() == 1
    assert page.locator(".legend").inner_text().split()[:3] == ["vae", "cvae", "baselines"]
    page.mouse.move(1, 1)
    assert tip.is_hidden()
    page.keyboard.press("Tab")
    for _ in range(200):
        if page.evaluate("document.activeElement.matches('svg.chart a:has(.point)')"):
            break
        page.keyboard.press("Tab")
    focused = str(page.evaluate("document.activeElement.dataset.tip"))
    assert tip.inner_text() == focused
    page.keyboard.press("ArrowRight")
    focused, before = tip.inner_text(), focused
    assert focused != before
    page.keyboard.press("ArrowLeft")
    assert tip.inner_text() == before
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Tab")  # past the whole chart
    assert not page.evaluate("document.activeElement.matches('svg.chart a:has(.point)')")
    page.keyboard.press("Shift+Tab")
    assert tip.inner_text() == focused
    page.keyboard.press("Escape")
    assert tip.is_hidden()
    page.keyboard.press("Enter")
    row = page.locator("tr:target")
    assert row.locator("th").inner_text() == focused.partition(":")[0]
    assert row.bounding_box() is not None
    page.context.close()


def test_nothing_of_a_table_is_cut_in_print(browser: Browser, report: Path) -> None:
    page, _ = opened(browser, report, 1600, "light")
    page.emulate_media(media="print")
    page.set_viewport_size({"width": 688, "height": 1017})  # A4 less its margins, at 96 dpi
    outside = page.locator("table").evaluate_all(
        "all => all.filter(t => t.getBoundingClientRect().right > 688 + 1).length"
    )
    assert outside == 0
    assert len(page.pdf(format="A4", prefer_css_page_size=True)) > 10_000
    page.context.close()


@pytest.fixture(scope="module")
def search(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report of a search that was written by hand."""
    made = Searches(tmp_path_factory.mktemp("search") / "found")
    for model in ("vae", "cvae"):
        study = made.study(model, model=model)
        for number in range(12):
            made.trial(study, 0.8 + number**2 / 1e3)
        study.winner, study.end = study.asks[-1].key, "complete"
        for seed in range(3):
            made.trial(study, 0.9 + seed / 100, replicate=True, **study.asks[-1].params)
    file = made.ledger.folder.with_suffix(".html")
    file.write_text(report_of(made.read()))
    return file


@pytest.mark.parametrize("width", [390, 1600])
def test_the_charts_of_a_search_are_drawn_and_read(
    browser: Browser, search: Path, width: int
) -> None:
    page, errors = opened(browser, search, width, "dark")
    assert errors == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    charts = page.locator("svg.chart")
    titles = charts.evaluate_all("all => all.map(c => c.getAttribute('aria-label'))")
    assert titles == [
        "the best again with new seeds: val probe ↑",
        "best so far: val probe ↑ over trials",
        "best so far: val probe ↑ over CPU time",
        "importance of the parameters: val probe ↑",
        "val probe ↑ by β",
    ]
    outside = charts.evaluate_all(
        """all => all.flatMap(chart => {
            const outer = chart.getBoundingClientRect();
            return [...chart.querySelectorAll("text, path, rect")].filter(each => {
                const inner = each.getBoundingClientRect();
                return inner.left < outer.left - 1 || inner.right > outer.right + 1;
            }).map(each => each.outerHTML);
        })"""
    )
    assert outside == []
    bar, tip = page.locator("svg g:has(.bar)").first, page.locator("#tip")
    bar.focus()
    assert tip.inner_text() == "vae: β 100%"
    page.locator("svg a:has(.stroke)").nth(4).focus()
    assert tip.inner_text().startswith("cvae: best so far 0.921 at 12 trials")
    page.keyboard.press("Enter")
    assert page.locator("tr:target").count() == 1
    page.context.close()


ARMS: tuple[dict[str, Any], ...] = (
    {},
    {"augment": True},
    {"weights": {"reconstruction": 0.5}},
    {"augment": True, "weights": {"reconstruction": 0.5}},
)
LOOKS = "all => all.map(p => [getComputedStyle(p).stroke, getComputedStyle(p).strokeDasharray])"


@pytest.fixture(scope="module")
def arms(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report of eight families, a trial each."""
    made = Written(tmp_path_factory.mktemp("arms") / "arms")
    for model in ("vae", "cvae"):
        for arm in ARMS:
            made.trial(model=model, epochs=30, **arm)
    file = made.ledger.folder.with_suffix(".html")
    file.write_text(report_of(made.read()))
    return file


@pytest.mark.parametrize("media", ["screen", "print"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_lines_of_eight_families_are_told_apart_with_and_without_colours(
    browser: Browser, arms: Path, scheme: str, media: Any
) -> None:
    page, errors = opened(browser, arms, 1600, scheme)
    page.emulate_media(media=media)
    assert errors == []
    charts = page.locator("svg.chart")
    assert charts.count() == 3
    for number in range(3):
        looks = charts.nth(number).locator(".stroke").evaluate_all(LOOKS)
        dashes = [dash for _, dash in looks]
        assert len(looks) == len(set(dashes)) == 8
        assert len({colour for colour, _ in looks}) == 4
        # The legend shows whose lines they are.
        assert page.locator(".legend .stroke").evaluate_all(LOOKS) == looks
    page.context.close()


def test_the_run_ends_with_it_and_mlflow_has_it(report: Path) -> None:
    from mlflow import MlflowClient

    # Its run is at work while it writes it, and at its end.
    assert "finished: 14 finished" in report.read_text()
    ledger = Ledger.open(report.parents[2])
    client = MlflowClient(ledger.sweep.tracking_uri)
    files = client.list_artifacts(str(ledger.sweep.parent_run_id), "report")
    sizes = {file.path: file.file_size for file in files}
    assert sizes["report/report.html"] == report.stat().st_size
    assert "report/note.md" in sizes
