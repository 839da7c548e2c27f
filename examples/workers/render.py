"""Renders frames: python3 render.py [URL]. See README.md."""

import signal
import sys
import time

from tenax_worker import Failed, Worker


def render(task):
    frame = task.input["frame"]
    if frame < 0:
        raise Failed("bad_frame", f"there is no frame {frame}", final=True)
    time.sleep(0.2)
    return {"png": f"frame-{frame}.png", "by": "python"}


worker = Worker(sys.argv[1] if len(sys.argv) > 1 else "http://127.0.0.1:8362", {"render": render}, slots=4)
signal.signal(signal.SIGTERM, lambda *_: worker.stop())
signal.signal(signal.SIGINT, lambda *_: worker.stop())
worker.run()
