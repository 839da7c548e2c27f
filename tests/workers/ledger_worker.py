"""A worker that writes down what it does: ledger_worker.py URL LEDGER NAME SLOTS LEASE TYPE..."""

import os
import signal
import sys
import time
import zlib
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / "examples" / "workers"))
from tenax_worker import Failed, Worker  # noqa: E402  pylint: disable=wrong-import-position

url, ledger_path, name, slots, lease, *types = sys.argv[1:]
ledger = os.open(ledger_path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)


def write(what, task):
    os.write(ledger, f"{what} {task.idempotency_key} {task.attempt} {name}\n".encode())


def do(task):
    write("begin", task)
    time.sleep(task.input["ms"] / 1000)
    if task.attempt == 1 and zlib.crc32(task.idempotency_key.encode()) % 10 == 0:
        write("fail", task)
        raise Failed("flaky", "the first time")
    write("end", task)
    return {"ms": task.input["ms"], "by": name}


worker = Worker(url, dict.fromkeys(types, do), name=name, slots=int(slots), lease=float(lease), log=lambda line: None)
signal.signal(signal.SIGTERM, lambda *_: worker.stop())
worker.run()
