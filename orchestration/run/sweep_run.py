"""One run of a sweep, from an open ledger to a sweep at rest."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import dataclass, field

from orchestration import store
from orchestration.engine.engine import Engine, Idle
from orchestration.engine.jobs import Job
from orchestration.engine.queue import Queue
from orchestration.engine.results import Results
from orchestration.engine.retention import Retention
from orchestration.errors import INTERRUPTED, StorageError
from orchestration.ledger.ledger import Ledger
from orchestration.ledger.paths import CHECKPOINT_NOW, LEFT_PACK, RAY_LOG
from orchestration.ledger.processes import ProcessRecord, recorded
from orchestration.ledger.recovery import recover, remove_unfinished
from orchestration.plan.plan import Plan
from orchestration.plan.shared_map_tasks import missing
from orchestration.report.report_file import note_results
from orchestration.run.end import end, ended_early, say_behind
from orchestration.run.finished_trials import FinishedTrials
from orchestration.run.foreseen import planned_draft
from orchestration.run.interruption import interrupted_text, may_end_within
from orchestration.run.left_to_do import is_complete, is_done_without_engine
from orchestration.run.preparation import SweepData
from orchestration.run.request import Request
from orchestration.run.reuse import Reuse
from orchestration.run.start import (
    enter_plan,
    new_ledger,
    note_code,
    note_tracking,
    say_new_plan,
    say_new_rhythm,
)
from orchestration.run.summary import say_summary
from orchestration.signals import GRACE_S, InterruptHandler, ReceivedSignals, uninterrupted
from orchestration.status.live.board import Board
from orchestration.status.live.plain_view import PlainView
from orchestration.status.live.table_view import TableView
from orchestration.terminal.console import Console
from orchestration.tracking.place import Place
from orchestration.tracking.syncer import Syncer, up_to_date
from orchestration.tracking.thread import TrackingThread
from orchestration.words import count

TRACKING_END_S = 120.0
INTERRUPTED_END_S = 30.0
CUT_OFF_S = 5.0

StartEngine = Callable[["SweepRun", ProcessRecord], AbstractContextManager[Engine]]
"""Has an engine up for as long as a run works; the record is of the processes that it starts."""


@dataclass
class SweepRun:
    """A run of a sweep whose lock is held, and which has something to do."""

    request: Request
    console: Console
    signals: ReceivedSignals
    place: Place
    """Where MLflow is."""
    plan: Plan
    data: SweepData
    ledger: Ledger
    finished: FinishedTrials | None = field(default=None, init=False)
    """What may be taken over; None: nothing may."""
    reuse: Reuse | None = field(default=None, init=False)
    """Once the plan is entered."""
    results: Results | None = field(default=None, init=False)
    """Once there is an engine."""
    up: bool = field(default=False, init=False)
    """Whether there has been an engine."""
    worked: bool = field(default=False, init=False)
    """Whether the work has come to its end, by itself or by a signal."""
    interrupted: bool = field(default=False, init=False)
    """Whether a signal has come that wants an end."""
    hurried: bool = field(default=False, init=False)
    """Whether it was interrupted, and is to end at once."""
    unended: list[Job] = field(default_factory=list, init=False)
    """Jobs that came to no end."""

    def carry_out(self, start_engine: StartEngine) -> int:
        """Work off what is left to do; the exit code. No engine is started that nothing needs."""
        with (
            recorded(self.request.folder) as processes,
            self._up(start_engine, processes) as engine,
        ):
            self.up = True
            try:
                tracking = self._open()
            except StorageError as error:
                if not self.ledger.is_begun:
                    raise
                return ended_early(error, self.request, self.ledger, self.console)
            try:
                self._work(engine)
                if not self.hurried:  # else the command that continues does it
                    note_results(self.ledger)
                end(self.ledger)
                self._catch_up(tracking)
            except Exception as error:
                with suppress(StorageError):
                    end(self.ledger)  # which MLflow is told
                tracking.finish(INTERRUPTED_END_S)
                return ended_early(error, self.request, self.ledger, self.console)
            except BaseException:  # a signal before the first job, or after the last one
                with uninterrupted():
                    self._cut_off(tracking)
                if not self.worked:
                    raise
                self.interrupted = True
        return self._say_end()

    def _up(
        self, start_engine: StartEngine, processes: ProcessRecord
    ) -> AbstractContextManager[Engine]:
        """The engine; an idle one where everything is there, or was trained before."""
        request = self.request
        draft, self.finished = planned_draft(
            request, self.plan, self.ledger, self.data.fingerprints
        )
        if is_done_without_engine(request, self.plan, draft, self.finished):
            return nullcontext(Idle())
        return start_engine(self, processes)

    def _open(self) -> TrackingThread:
        """Note the plan in force, and have MLflow follow the ledger."""
        request, console, opened = self.request, self.console, None
        if not self.ledger.is_begun:  # later MLflow may be down
            with console.busy("connecting MLflow"):
                try:
                    opened = self.place.open(request.spec.name)
                finally:
                    # SQLAlchemy swallows what is raised in a rollback, and fails afterwards.
                    self.signals.check()
            self.ledger = new_ledger(request, self.data.fingerprints)
        ledger = self.ledger
        ledger.sweep.images |= self.data.images
        say_new_plan(ledger, self.plan, console, takes_over=self.finished is not None)
        if request.wish is None:
            say_new_rhythm(ledger, self.plan, request.spec.evaluation, console)
        note_code(ledger.sweep)
        enter_plan(ledger, request, self.plan, self.data.fingerprints)
        self.reuse = Reuse(ledger, self.finished)
        self.reuse.take_over_planned()
        self.reuse.say(console)
        if request.wish is not None:
            ledger.forget_missing(missing(ledger, request.spec.evaluation, request.wish))
        lost = recover(ledger)
        if lost:
            then = "continue" if request.wish is None else "stay so: resume continues them"
            console.line(f"{len(lost)} trials were cut off and {then}")
        ledger.sweep.outcome = "running"
        note_tracking(ledger, self.place.uri)
        syncer = Syncer(self.place, ledger, opened)
        tracking = TrackingThread(syncer, console.warning, console.line)
        tracking.start()
        return tracking

    def _work(self, engine: Engine) -> None:
        """Work the queue off.

        Raises:
            StorageError: something could not be written down.
        """
        spec, wish, console = self.request.spec, self.request.wish, self.console
        ledger = self.ledger
        retention = Retention(spec, console.warning)
        if wish is None:
            retention.make_room(ledger)  # less may be allowed now, because the disk was full

        def take_over(key: str) -> bool:
            taken = self.reuse is not None and self.reuse.take_over(key)
            if taken:
                view.taken_over(ledger.trials[key])
            return taken

        queue = Queue(spec, self.plan, ledger, wish, slots=engine.slots, take_over=take_over)
        board = Board(ledger, engine.slots, spec.evaluation, wish, pack=spec.resources.pack)
        view = TableView(console, board, spec.name) if console.live else PlainView(console, board)
        results = self.results = Results(spec, ledger, queue, view, retention)
        self.worked = queue.done
        if self.worked:
            return

        def worthwhile(seconds: float) -> bool:
            return may_end_within(seconds, queue, board)

        def stop() -> None:
            results.stop()
            view.stopping(at_once=not worthwhile(GRACE_S))

        if not isinstance(engine, Idle):
            each = count(spec.resources.threads, "thread")
            why = f" ({self.request.why_threads})" if self.request.why_threads else ""
            most = spec.resources.pack
            what = "trial" if most == 1 else "pack"
            of_many = "" if most == 1 else f" of up to {most} trials"
            console.line(f"{count(engine.slots, what)}{of_many} at a time, {each} each{why}")
        folder = ledger.folder
        store.remove(folder / CHECKPOINT_NOW)  # of a run that was killed when it was to stop
        store.remove_folder(folder / LEFT_PACK)
        self.signals.check()
        log, handler = folder / RAY_LOG, InterruptHandler(stop, worthwhile)
        with console.others_to(log), view.shown(), handler as interrupt:
            engine.work(queue, results)
        self.worked, self.interrupted = True, interrupt.seen
        self.unended = [*results.cut_off, *queue.at_work]
        # Where nothing is left to do all the same, no other command would draw anything.
        self.hurried = interrupt.hurried and not is_complete(self.request, ledger)
        if self.reuse is not None:
            self.reuse.say(console)
        with suppress(StorageError):  # else what is written next says why, and the next run does it
            store.remove(folder / CHECKPOINT_NOW)
            store.remove_folder(folder / LEFT_PACK)
            remove_unfinished(ledger)
        if results.broken is not None:
            raise results.broken

    def _catch_up(self, tracking: TrackingThread) -> None:
        """Wait for MLflow as long as that is worth it."""
        patience_s = INTERRUPTED_END_S if self.interrupted else TRACKING_END_S
        with self.console.busy("MLflow is catching up", plain=False):
            told = tracking.finish(CUT_OFF_S if self.hurried else patience_s)
        if not told:
            say_behind(self.ledger, self.console)

    def _cut_off(self, tracking: TrackingThread) -> None:
        """Bring a sweep to rest that is not given the time to end by itself."""
        with suppress(StorageError):
            if self.ledger.sweep.outcome == "running":
                end(self.ledger)
        if not tracking.finish(CUT_OFF_S) or not up_to_date(self.ledger):
            say_behind(self.ledger, self.console)

    def _say_end(self) -> int:
        """Print what came of it; the exit code."""
        self.console.quiet = False
        code = say_summary(self.ledger, self.console)
        if not self.interrupted:
            return code
        trains = self.request.wish is None
        self.console.line(interrupted_text(self.ledger, self.unended, trains=trains))
        self.console.line(self.request.command)
        return INTERRUPTED
