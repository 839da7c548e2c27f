"""A worker for a tenax server (docs/server.md, "Workers"). Python 3.9, the standard library only.

    from tenax_worker import Failed, Worker

    def charge(task):
        if task.input["amount"] < 0:
            raise Failed("bad_amount", "less than nothing", final=True)
        return {"receipt": pay(task.input, key=task.idempotency_key)}

    Worker("http://127.0.0.1:8362", {"charge_card": charge}, slots=8).run()

A function gets a task and returns its result, anything that JSON has. It raises Failed to say how
it failed; any other exception is a failure, too, whose class is the exception's. It is called on
a thread of its own. While it works, heartbeats hold its lease; if that is lost all the same (the
workflow was cancelled, or the server could not be reached for too long), task.lost is set and the
result counts for nothing. A task is made again after a crash: use task.idempotency_key where an
effect must not happen twice.
"""

import http.client
import json
import os
import random
import socket
import ssl
import threading
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timezone
from urllib.parse import urlsplit


class Failed(Exception):
    """How a task failed. `retry_after` in seconds, instead of the policy's delay; `final`: not
    tried again."""

    def __init__(self, error_class, message="", retry_after=None, final=False):
        super().__init__(message)
        self.word = {"outcome": "fail", "error_class": error_class, "message": message}
        if final:
            self.word["final"] = True
        elif retry_after is not None:
            self.word["retry_after_ms"] = round(retry_after * 1000)


class NotNow(Exception):
    """The task is to be done later, by anybody; that spends no attempt. `until`: a datetime with
    its time zone."""

    def __init__(self, until):
        super().__init__(str(until))
        utc = until.astimezone(timezone.utc)
        self.word = {"outcome": "defer", "until": utc.isoformat(timespec="milliseconds").replace("+00:00", "Z")}


class Task:
    def __init__(self, told):
        self.workflow_id = told["workflow_id"]
        self.action = told["action"]
        self.type = told["type"]
        self.attempt = told["attempt"]
        self.delivery = told["delivery"]
        self.idempotency_key = told["idempotency_key"]
        self.input = told.get("input", told.get("input_text"))
        self.lost = threading.Event()  # nobody waits for the result any more
        self.progress = ""  # sent with the next heartbeat
        self._token = told["token"]


class Refused(Exception):
    """The server's answer to what it does not do: an application/problem+json document."""

    def __init__(self, status, problem):
        super().__init__(f"{status} {problem.get('code', '')}: {problem.get('detail', '')}")
        self.status = status
        self.code = problem.get("code", "")


class _Unix(http.client.HTTPConnection):
    def __init__(self, path, timeout):
        super().__init__("localhost", timeout=timeout)
        self._path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


class _Server:
    """One connection, made again when it breaks. For one thread."""

    def __init__(self, url, token, timeout):
        self._url = url
        self._timeout = timeout
        self._headers = {"Content-Type": "application/json"}
        if token:
            self._headers["Authorization"] = "Bearer " + token
        self._connection = None

    def close(self):
        connection, self._connection = self._connection, None
        if connection:
            connection.close()

    def _connect(self):
        at = urlsplit(self._url)
        if at.scheme == "unix":
            return _Unix(at.path, self._timeout)
        if at.scheme == "https":
            return http.client.HTTPSConnection(
                at.hostname, at.port or 443, timeout=self._timeout, context=ssl.create_default_context()
            )
        return http.client.HTTPConnection(at.hostname, at.port or 80, timeout=self._timeout)

    def post(self, path, body):
        """The answer's document. Raises Refused; OSError or HTTPException if there was none."""
        if not self._connection:
            self._connection = self._connect()
        connection = self._connection
        try:
            connection.request("POST", path, json.dumps(body).encode(), self._headers)
            answer = connection.getresponse()
            document = json.loads(answer.read())
        except (OSError, http.client.HTTPException, ValueError) as e:
            self.close()
            raise ConnectionError(f"no answer: {e}") from e
        if answer.status != 200:
            raise Refused(answer.status, document)
        return document


def _is_passing(e):
    """Whether the same again may help."""
    return not isinstance(e, Refused) or e.status in (429, 503)


class Worker:
    """`url`: http://HOST:PORT, https://HOST:PORT or unix:/PATH/api.sock. `types`: a function of
    each action type. `slots`: how many tasks are worked on at once. `lease`: seconds after which a
    worker that is not heard of has lost its tasks. `token`: as of `tenax token create`, with the
    scope work; default: the environment's TENAX_TOKEN. `log`: a function of one line of text."""

    def __init__(self, url, types, name=None, slots=1, lease=30.0, token=None, log=print):
        self._types = dict(types)
        self._name = name or f"{socket.gethostname()}-{os.getpid()}"
        self._slots = slots
        self._lease = lease
        self._log = log
        self._stopping = threading.Event()
        self._running = {}  # by token
        self._changed = threading.Condition()
        token = token or os.environ.get("TENAX_TOKEN")
        self._make = lambda timeout: _Server(url, token, timeout)

    def stop(self):
        """No more tasks; `run` returns when those that are worked on have ended. From any thread,
        and from a signal handler."""
        self._stopping.set()

    def run(self):
        """Works until `stop`. Raises Refused if the server will never give it a task."""
        beats = threading.Thread(target=self._beat, daemon=True)
        beats.start()
        poll_wait = 5.0  # `stop` waits for that
        server = self._make(poll_wait + 30)
        with ThreadPoolExecutor(self._slots) as threads:
            try:
                while not self._stopping.is_set():
                    for task in self._poll(server, poll_wait):
                        with self._changed:
                            self._running[task._token] = task
                        threads.submit(self._work, task)
            finally:
                self._stopping.set()
                server.close()
        beats.join()

    def _poll(self, server, wait):
        with self._changed:
            if not self._changed.wait_for(lambda: len(self._running) < self._slots, timeout=1):
                return []
            free = self._slots - len(self._running)
        ask = {
            "worker": self._name,
            "types": list(self._types),
            "max": free,
            "wait_ms": round(wait * 1000),
            "lease_ms": round(self._lease * 1000),
            # Whoever repeats a poll that had no answer gets the same tasks.
            "poll_id": uuid.uuid4().hex,
        }
        return [Task(told) for told in self._insist(server, "/v1/workers/poll", ask, self._lease)["tasks"]]

    def _insist(self, server, path, body, seconds):
        """Asks until there is an answer: nothing happens twice. At most for so long once the
        worker stops."""
        pause = 0.1
        end = None
        while True:
            try:
                return server.post(path, body)
            except (Refused, ConnectionError) as e:
                if not _is_passing(e):
                    raise
                if self._stopping.is_set():
                    end = end or time.monotonic() + seconds
                    if time.monotonic() > end:
                        return {"tasks": []}
                self._log(f"{path}: {e}; again soon")
                time.sleep(random.uniform(0, pause))
                pause = min(2 * pause, 5.0)

    def _work(self, task):
        try:
            word = {"outcome": "complete", "result": self._types[task.type](task)}
            json.dumps(word)
        except (Failed, NotNow) as e:
            word = e.word
        except BaseException as e:  # pylint: disable=broad-except
            word = {"outcome": "fail", "error_class": type(e).__name__, "message": str(e)}
        server = self._make(30)
        try:
            if not task.lost.is_set():
                self._end(server, task, word)
        except Refused as e:
            self._log(f"{task.workflow_id} {task.action}: {e}")
        finally:
            server.close()
            with self._changed:
                del self._running[task._token]
                self._changed.notify()

    def _end(self, server, task, word):
        end = {"token": task._token, "who": self._name}
        try:
            self._insist(server, "/v1/attempts/end", {**end, **word}, self._lease)
        except Refused as e:
            if e.status not in (400, 413):
                raise
            # Nobody would see why: the result is too large, say, or no JSON.
            bad = {"outcome": "fail", "error_class": "bad_result", "message": str(e), "final": True}
            self._insist(server, "/v1/attempts/end", {**end, **bad}, self._lease)

    def _beat(self):
        server = self._make(self._lease / 3)
        while True:
            self._stopping.wait(self._lease / 3)
            if self._stopping.is_set():
                time.sleep(min(self._lease / 3, 0.5))
            with self._changed:
                tasks = list(self._running.values())
            if not tasks and self._stopping.is_set():
                server.close()
                return
            for some in (tasks[i : i + 1000] for i in range(0, len(tasks), 1000)):
                try:
                    answers = server.post(
                        "/v1/attempts/heartbeat", [{"token": t._token, "progress": t.progress} for t in some]
                    )
                except (Refused, ConnectionError) as e:
                    self._log(f"heartbeat: {e}")
                    continue
                for task, answer in zip(some, answers):
                    if answer["status"] == 409:
                        task.lost.set()
