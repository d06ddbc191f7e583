import time
from tests.cluster.test_sweeps import *


def test_long(cluster):
    other = cluster.add()
    file = cluster.write(LONG.replace("epochs: 80", "epochs: 250"))
    process = cluster.start(cluster.head, "run", str(file), "--address", cluster.address)
    wait_until(lambda: other.name in hosts_of(cluster.trials()), "epoch on the second host")
    t = time.monotonic()
    cluster.network.cut(other)
    while time.monotonic() - t < 110:
        time.sleep(1)
    cluster.network.restore(other)
    print("restored", time.time(), flush=True)
    code = process.wait(300)
    time.sleep(15)
    print(
        code,
        [p.info for p in other.processes() if 0],
        [" ".join(p.cmdline())[:80] for p in other.processes()],
    )
    assert 0
