"""Jobs and reports come out of JSON as they went in."""

from __future__ import annotations

import copy
import pickle
from typing import get_args

import pytest

from orchestration.engine.jobs import (
    Assignment,
    EvaluateJob,
    Job,
    JobHandle,
    PackJob,
    SharedMapJob,
    TrainJob,
    job_from_json,
    job_to_json,
)
from orchestration.engine.reports import (
    AbsentReport,
    EpochReport,
    EvaluationReport,
    FailureReport,
    PackReport,
    ProgressReport,
    Report,
    report_from_json,
    report_to_json,
)

REF = {"epoch": 2, "path": "checkpoints/k/a001-e00002.pt", "sha256": "0"}
JOBS: list[Job] = [
    TrainJob(
        key="k",
        config={"beta": 0.1},
        attempt=2,
        checkpoints=[REF],
        probe_every=5,
        fd_every=0,
        fd_settings={"n": 100},
        decision_epochs=[1, 2],
        decision_metric="val/loss",
        every_epochs=None,
        min_interval_s=5.0,
    ),
    EvaluateJob(
        key="k",
        config={"beta": 0.1},
        attempt=1,
        checkpoint=REF,
        part="probe",
        entry="probe@2",
        settings={"split": "validation"},
        label="vae",
        epochs=[],
    ),
    SharedMapJob("umap", "shared_umap", {"split": "test"}, [{"key": "k", "checkpoint": REF}]),
]
PACK = PackJob([job for job in JOBS if isinstance(job, TrainJob)])
REPORTS: list[Report] = [
    ProgressReport(share=1 / 3),
    EpochReport(final=True, from_epoch=1, epoch={"metrics": {"val/loss": 0.1 + 0.2}}),
    EvaluationReport(metrics={"probe/accuracy": 2 / 3}, notes=["N is 100"], seconds=1.5),
    AbsentReport("there are no weights"),
    FailureReport("error", "KeyError: 'x'", traceback="Traceback", worker={"pid": 1}),
    PackReport({"k": ProgressReport(share=1 / 3), "l": FailureReport("diverged", "in epoch 1")}),
]


@pytest.mark.parametrize("job", [*JOBS, PACK], ids=lambda job: type(job).__name__)
def test_jobs(job: Assignment) -> None:
    assert job_from_json(job_to_json(job)) == job


def test_a_job_is_released_wherever_its_handle_was_copied_to() -> None:
    handle = JobHandle(JOBS[0])
    copied = copy.deepcopy({"nested": {"job": handle}})["nested"]["job"]
    elsewhere = pickle.loads(pickle.dumps(copied))
    handle.release()
    assert elsewhere.job() == JOBS[0], "as a worker has it"
    assert copied is handle
    assert JOBS[0].key not in str(handle)


@pytest.mark.parametrize("report", REPORTS, ids=lambda report: type(report).__name__)
def test_reports(report: Report) -> None:
    assert report_from_json(report_to_json(report)) == report


def test_all_types_are_tried() -> None:
    assert {type(job) for job in [*JOBS, PACK]} == set(get_args(Assignment))
    assert {type(report) for report in REPORTS} == set(get_args(Report))


def test_where_their_files_go() -> None:
    assert [job.failure_log for job in JOBS] == [
        *("logs/k-a2.txt", "logs/k-a1-probe@2.txt", "logs/shared_umap.txt")
    ]
    assert [job.artifacts for job in JOBS if not isinstance(job, TrainJob)] == [
        "artifacts/k/probe@2",
        "artifacts/shared_umap",
    ]
