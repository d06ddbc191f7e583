"""What Tune is handed on a cluster whose nodes die, without Tune."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from ray.tune.search import Searcher

from orchestration.engine import trial_actor
from orchestration.engine.job_searcher import JobSearcher
from orchestration.engine.listener import Listener
from orchestration.engine.nodes import Nodes
from orchestration.engine.placement import Placement
from orchestration.engine.queue import Queue
from orchestration.engine.ray_cluster import Cluster
from orchestration.engine.reports import EpochReport, ProgressReport, report_to_json
from orchestration.errors import UserError
from orchestration.ledger.ledger import Ledger
from orchestration.spec.sweep import Resources
from tests.orchestration.engine.test_lost_worker import DIED, UNREACHABLE
from tests.orchestration.engine.test_nodes import node

A = "host1 (10.0.0.1)"
EPOCH = {"epoch": 1, "metrics": {}, "images_per_s": 1.0, "epoch_s": 1.0, "at": 0.0}


class Hearing(Listener):
    """Keeps what is said of nodes."""

    def __init__(self) -> None:
        self.said: list[tuple[list[str], int]] = []

    def nodes_changed(self, changes: list[str], slots: int) -> None:
        self.said.append((changes, slots))


class Hosts:
    """A sweep on two hosts of two CPUs, as the searcher sees them."""

    def __init__(self, sweep: Any, clock: Any, folder: Path) -> None:
        self.listed = [node(1), node(2)]
        self.nodes = Nodes(lambda: self.listed, Resources(), None, clock)
        self.ledger: Ledger = sweep.open()
        self.queue: Queue = sweep.queue(self.ledger, slots=4, clock=clock)
        self.heard = Hearing()
        results = sweep.results(self.ledger, self.queue, self.heard)
        cluster = Cluster(4, local=False, nodes=self.nodes)
        placement = Placement(self.nodes)
        self.searcher = JobSearcher(self.queue, results, cluster, placement, folder)
        self._folder = folder
        self._clock = clock

    def hand_out(self, name: str, *, begun: bool = True) -> str:
        """Ids that the next job is kept from; what waits is due."""
        self._clock.sleep(60.0)
        config = self.searcher.suggest(name)
        if begun:
            self.searcher.begun(name)
        avoided: str = config["avoided"]
        return avoided

    def lose(self, *names: str, address: str = "10.0.0.1", text: str = DIED) -> None:
        """Their workers died there."""
        for name in names:
            file = self._folder / name
            file.write_text("Failure # 1\n" + text.replace("192.0.2.2", address))
            self.searcher.on_trial_complete(name, error=True)
            self.searcher.explain(SimpleNamespace(trial_id=name, error_file=str(file)))
        assert self.searcher.suggest("what waits is not due") is None


@pytest.fixture
def make_hosts(local_sweep: Callable[..., Any], clock: Any, tmp_path: Path) -> Callable[..., Hosts]:
    def make(**sections: Any) -> Hosts:
        sweep = local_sweep(retries=9, evaluation={"probe": False}, **sections)
        return Hosts(sweep, clock, tmp_path)

    return make


def test_a_trial_is_not_tried_on_one_node_for_the_third_time(
    make_hosts: Callable[..., Hosts],
) -> None:
    hosts = make_hosts()
    for number in ("one", "two"):
        assert hosts.hand_out(number) == ""
        hosts.lose(number)
    assert hosts.hand_out("three") == "id1"
    hosts.lose("three", address="10.0.0.2")
    assert hosts.hand_out("four") == ""
    (trial,) = Ledger.open(hosts.ledger.folder).trials.values()
    assert [attempt.worker for attempt in trial.attempts] == [
        *[{"host": "host1", "node": A}] * 2,
        {"host": "host2", "node": "host2 (10.0.0.2)"},
        {},
    ]


def test_what_waits_for_a_node_that_is_gone_is_handed_out_again(
    make_hosts: Callable[..., Hosts],
) -> None:
    hosts = make_hosts()
    for number in ("one", "two"):
        hosts.hand_out(number)
        hosts.lose(number)
    assert hosts.hand_out("three", begun=False) == "id1"
    assert not hosts.searcher.gives_up()
    hosts.listed[1] = node(2, alive=False)
    hosts.nodes.look(at_once=True)
    assert hosts.searcher.gives_up()
    (job,) = hosts.searcher.jobs.values()
    hosts.queue.put_back(job)
    assert hosts.hand_out("four") == ""
    assert hosts.searcher.jobs["four"] == job, "the same attempt"
    assert not hosts.searcher.gives_up(), "it is at work"


def test_a_node_on_which_all_dies_is_left_alone(make_hosts: Callable[..., Hosts]) -> None:
    hosts = make_hosts(grid={"beta": [0.1, 0.2, 0.3]})
    names = ("one", "two", "three")
    assert {hosts.hand_out(name) for name in names} == {""}
    hosts.lose(*names)
    line = f"node {A} is left alone for the rest of the run, for 3 trials in a row died there"
    assert hosts.heard.said == [([f"{line}: 2 trials at a time now"], 2)]
    assert hosts.queue.at_once == 2
    assert hosts.hand_out("four") == "id1"


def test_trials_that_died_with_their_node_are_not_held_against_it(
    make_hosts: Callable[..., Hosts],
) -> None:
    hosts = make_hosts(grid={"beta": [0.1, 0.2, 0.3]})
    names = ("one", "two", "three")
    for name in names:
        hosts.hand_out(name)
    hosts.listed[0] = node(1, alive=False)
    hosts.lose(*names)
    assert [said for said, _ in hosts.heard.said] == [[f"node {A} is gone: 2 trials at a time now"]]


def test_nor_are_those_that_cannot_be_reached(make_hosts: Callable[..., Hosts]) -> None:
    hosts = make_hosts(grid={"beta": [0.1, 0.2, 0.3]})
    names = ("one", "two", "three")
    report = report_to_json(EpochReport(final=False, epoch=EPOCH, worker={"pid": 1}))
    for name in names:
        hosts.hand_out(name)
        hosts.searcher.report(name, {"report": report, "node": "id1"})
    hosts.lose(*names, text=UNREACHABLE)
    assert hosts.heard.said == []
    for trial in Ledger.open(hosts.ledger.folder).trials.values():
        assert trial.error is not None
        assert trial.error.message == f"its process on node {A} cannot be reached (Socket closed)"


def test_an_attempt_is_noted_with_its_node(make_hosts: Callable[..., Hosts]) -> None:
    hosts = make_hosts()
    hosts.hand_out("one")
    word = report_to_json(ProgressReport(0.5, worker={"pid": 1}))
    assert not hosts.searcher.report("one", {"report": word, "node": "id1"})
    (key,) = hosts.ledger.trials
    attempt = Ledger.open(hosts.ledger.folder).trials[key].attempts[0]
    assert (attempt.worker, attempt.reached) == ({"pid": 1, "node": A}, None)
    report = report_to_json(EpochReport(final=False, epoch=EPOCH, worker={"pid": 1}))
    assert not hosts.searcher.report("one", {"report": report, "node": "id1"})
    attempt = Ledger.open(hosts.ledger.folder).trials[key].attempts[0]
    assert (attempt.worker, attempt.reached) == ({"pid": 1, "node": A}, 1)


def test_nothing_is_kept_of_a_job_that_has_come_to_its_end(
    make_hosts: Callable[..., Hosts], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Tune keeps what it was handed, and each trial's last report, until the sweep has ended."""
    hosts = make_hosts()
    handed = copy.deepcopy(hosts.searcher.suggest("one"))
    monkeypatch.setattr(
        trial_actor.ray, "get_runtime_context", lambda: SimpleNamespace(get_node_id=lambda: "id1")
    )
    assert handed["job"].job() == hosts.searcher.jobs["one"]
    (key,) = hosts.ledger.trials
    assert key.encode() in pickle.dumps(handed)
    actor = trial_actor.TrialActor(dict(handed))
    report = actor.train()
    assert "FailureReport" in report["report"], "there is no data"
    assert report["config"] == {}
    assert actor.reset_config(dict(handed))
    assert actor.train()["config"] == {}
    hosts.searcher.on_trial_complete("one")
    assert key.encode() not in pickle.dumps(handed)


def test_a_suggestion_that_is_not_allowed_ends_the_run_and_is_no_error_of_a_trial(
    make_hosts: Callable[..., Hosts], monkeypatch: pytest.MonkeyPatch
) -> None:
    hosts = make_hosts()
    hosts.hand_out("a")

    def refuse() -> None:
        raise UserError("search.space: not allowed")

    monkeypatch.setattr(hosts.queue, "next", refuse)
    assert hosts.searcher.suggest("b") == Searcher.FINISHED
    assert str(hosts.searcher._results.broken) == "search.space: not allowed"
    assert hosts.queue.closed, "and what is under way ends"
