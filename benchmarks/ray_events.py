"""Milliseconds that Ray Tune takes to find the next event, by how many trials run at once.

    python benchmarks/ray_events.py

For every event Tune asks Ray for one of all results that are awaited, one for each trial that
runs. Here so many results are awaited that never come, and one that is there.
"""

from __future__ import annotations

import argparse
import os
import random
import statistics
import tempfile
import time

os.environ |= {"RAY_USAGE_STATS_ENABLED": "0", "RAY_AUTH_MODE": "disabled"}

import ray


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--trials", type=int, nargs="+", default=[64, 640, 6400])
    parser.add_argument("--events", type=int, default=30, help="of which the median")
    arguments = parser.parse_args()
    # Paths of sockets may not be long.
    with tempfile.TemporaryDirectory(prefix="ray-", dir="/tmp") as temporary:
        options = {"include_dashboard": False, "log_to_driver": False, "logging_level": "ERROR"}
        ray.init(num_cpus=1, _temp_dir=temporary, **options)
        try:
            for trials in arguments.trials:
                found = event_s(trials, arguments.events) * 1e3
                print(f"{trials:>7,} trials at once: {found:7.2f} ms for an event", flush=True)
        finally:
            ray.shutdown()


def event_s(trials: int, events: int) -> float:
    """Median seconds to find the one result that is there."""
    never = ray.remote(resources={"none": 1})(lambda: None)
    awaited = {never.remote() for _ in range(trials)}
    taken = []
    for _ in range(events):
        there = ray.put(None)
        began = time.perf_counter()
        futures = list(awaited | {there})  # as Tune does, at every step
        random.shuffle(futures)
        ready, _ = ray.wait(futures, num_returns=1, timeout=0.1)
        taken.append(time.perf_counter() - began)
        assert ready == [there]
    for each in awaited:
        ray.cancel(each, force=True)
    return statistics.median(taken)


if __name__ == "__main__":
    main()
