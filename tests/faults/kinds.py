"""The sweeps that are disturbed: small, with every kind of write, epochs of a fraction of a second.

With two workers a grid is the same in any order; what searches and schedulers say depends on the
order in which results come, so these have one worker.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

_HEAD = """\
name: faults
baselines: false
base:
  data: {name: digits}
  epochs: 6
  batch_size: 64
  learning_rate: 3e-3
  architecture: {channels: [4, 8], latent_dim: 4}
checkpoints: {min_interval_s: 0, every_epochs: 3, keep: 1}
retries: 10
"""
_UNEVALUATED = (
    "{probe_every: 2, probe: false, diagnostics: false, pictures: false, umap: false, fd: false}"
)
_SPACE = """\
  space:
    beta: {log: [1.0e-8, 1.0e-1]}
    lambda: {log: [1.0e-3, 10.0]}
    tau: {range: [0.05, 1.0], step: 0.05}
  objectives: [{metric: val/probe_accuracy, direction: maximize}]
"""


@dataclass(frozen=True)
class Kind:
    """A sweep file, and how it is run."""

    name: str
    spec: str
    workers: int

    @property
    def arguments(self) -> tuple[str, ...]:
        return ("run", "sweep.yaml", "--max-concurrent", str(self.workers))

    @property
    def shorter(self) -> Kind:
        """The same with fewer epochs, and fewer trials of a scheduled search, for few kills."""
        spec = self.spec.replace("epochs: 6", "epochs: 4").replace("trials: 4", "trials: 3")
        return replace(self, spec=spec)


_GRID = f"""\
{_HEAD}grid:
  model: [vae, cvae]
  beta: [1.0e-4, 1.0e-3]
evaluation: {{probe_every: 3, umap: false, fd: false, diagnostics: false}}
"""
_ASHA = f"""\
{_HEAD}grid:
  model: [vae, cvae]
  beta: [1.0e-8, 1.0e-4, 1.0e-2, 1.0]
scheduler: {{name: asha, grace_epochs: 2, reduction: 2, seed: 1}}
evaluation: {_UNEVALUATED}
"""
_SEARCH = f"""\
{_HEAD}grid: {{model: [cvae]}}
search:
  trials: 5
  startup: 2
{_SPACE}evaluation: {_UNEVALUATED}
"""
_BOTH = f"""\
{_HEAD}grid: {{model: [vae, cvae]}}
search:
  trials: 4
  startup: 2
  replicates: 1
{_SPACE}scheduler: {{name: asha, metric: val/probe_accuracy, grace_epochs: 2, reduction: 2}}
evaluation: {_UNEVALUATED}
"""
KINDS = (
    Kind("grid", _GRID, workers=2),
    Kind("scheduler", _ASHA, workers=1),
    Kind("search", _SEARCH, workers=1),
    Kind("search+scheduler", _BOTH, workers=1),
)


def kind_of(seed: int) -> Kind:
    """A seed says which kind of sweep is disturbed, so that it alone repeats one."""
    return KINDS[seed % len(KINDS)]
