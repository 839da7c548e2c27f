"""Workers of three languages do the real traces while they and the node are killed, frozen, and
their answers are lost on the way; what they did is then compared with what the node says.

Half of the actions, type `once`, are at_most_once: of them nothing may be done again that has not
failed by its worker's own word. With --self-test they are not, and the check must find that.
"""

import argparse
import collections
import http.client
import json
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

HERE = Path(__file__).parent
LEASE_S = 1.5


def log(text):
    print(text, flush=True)


class Node:
    """`tenax serve`, killed and started again on the same port and directory."""

    def __init__(self, program, directory, options):
        self.program = program
        self.directory = directory
        self.options = options
        self.port = 0
        self.kills = 0
        self.start()

    def start(self):
        self.process = subprocess.Popen(
            [self.program, "--data-dir", self.directory, "--output", "json", "serve"]
            + ["--listen", f"127.0.0.1:{self.port}", *self.options],
            stdout=subprocess.PIPE,
            text=True,
        )
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"the node does not start: {self.process.wait()}")
        self.port = int(json.loads(line)["listening"][0].rsplit(":", 1)[1])

    def kill(self):
        self.process.kill()
        self.process.wait()
        self.kills += 1
        self.start()

    def stop(self):
        self.process.terminate()
        return self.process.wait(30)

    def ask(self, method, path, body=None, kind="application/json"):
        """The status and the document; None if there was no answer."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        try:
            connection.request(method, path, body, {"Content-Type": kind} if body else {})
            answer = connection.getresponse()
            text = answer.read().decode()
            return answer.status, [json.loads(l) for l in text.splitlines()] if "ndjson" in kind else json.loads(text)
        except (OSError, http.client.HTTPException, ValueError):
            return None
        finally:
            connection.close()


class LossyProxy:
    """Passes requests on, and now and then loses an answer, whole or from its middle on."""

    def __init__(self, node, rng):
        self.node = node
        self.rng = rng
        self.lost = 0
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=200)
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            client, _ = self.listener.accept()
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client):
        try:
            server = socket.create_connection(("127.0.0.1", self.node.port))
        except OSError:
            client.close()
            return
        threading.Thread(target=self._pass, args=(client, server, False), daemon=True).start()
        self._pass(server, client, True)

    def _pass(self, source, target, loses):
        try:
            while data := source.recv(65536):
                if loses and self.rng.random() < 0.03:
                    self.lost += 1
                    target.sendall(data[: self.rng.randrange(len(data))])
                    break
                target.sendall(data)
        except OSError:
            pass
        for s in (source, target):
            try:
                s.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            s.close()


class Fleet:
    def __init__(self, commands):
        self.commands = commands
        self.processes = {}
        for name in commands:
            self.start(name)
        self.kills = 0
        self.freezes = 0

    def start(self, name):
        self.processes[name] = subprocess.Popen(self.commands[name])

    def kill(self, name):
        self.processes[name].kill()
        self.processes[name].wait()
        self.kills += 1
        self.start(name)

    def freeze(self, name, seconds):
        self.freezes += 1
        process = self.processes[name]
        process.send_signal(signal.SIGSTOP)
        threading.Timer(seconds, lambda: process.poll() is None and process.send_signal(signal.SIGCONT)).start()

    def stop(self):
        """The names of those that do not end by themselves."""
        for p in self.processes.values():
            p.send_signal(signal.SIGCONT)
            p.terminate()
        stuck = []
        for name, p in self.processes.items():
            try:
                p.wait(30)
            except subprocess.TimeoutExpired:
                stuck.append(name)
                p.kill()
                p.wait()
        return stuck

    def dead(self):
        return [name for name, p in self.processes.items() if p.poll() is not None]


def specs_of(folder, rng):
    """Each trace (WfFormat 1.5) as a workflow whose actions are for workers; made ones without."""
    if folder and folder.is_dir():
        for file in sorted(folder.glob("*.json")):
            tasks = json.loads(file.read_text())["workflow"]["specification"]["tasks"]
            keys = {t["id"]: f"a{n}" for n, t in enumerate(tasks)}
            actions = [(keys[t["id"]], [keys[p] for p in t.get("parents", [])]) for t in tasks]
            yield file.stem[:100], actions
    else:
        log("workers: the traces are not here: made ones instead")
        for n in range(12):
            yield f"made-{n}", [(f"a{i}", [f"a{rng.randrange(i)}"] if i > 3 else []) for i in range(100)]


def spec_text(name, actions, rng):
    return json.dumps(
        {
            "id": name,
            "name": name,
            "actions": [
                {"key": key, "type": rng.choice(["once", "step"]), "depends_on": after, "input": {"ms": rng.randrange(20)}}
                for key, after in actions
            ],
        }
    )


class Run:
    def __init__(self, args):
        self.args = args
        self.rng = random.Random(args.seed)
        self.directory = Path(tempfile.mkdtemp(prefix="tenax-workers-"))
        self.ledger = self.directory / "ledger"
        self.findings = []

    def find(self, what):
        self.findings.append(what)
        log(f"VIOLATION {what}")

    def commands(self, port):
        url = f"http://127.0.0.1:{port}"
        programs = {"python": [sys.executable, str(HERE / "ledger_worker.py")], "cpp": [self.args.cpp_worker]}
        if shutil.which("node"):
            programs["node"] = ["node", str(HERE / "ledger_worker.mjs")]
        else:
            log("workers: SKIPPED: node is not here, so no worker in JavaScript")
        return {
            f"{language}-{n}": [*program, url, str(self.ledger), f"{language}-{n}", "4", str(LEASE_S), "once", "step"]
            for language, program in programs.items()
            for n in range(2)
        }

    def submit(self, node):
        self.keys = {}
        for name, actions in specs_of(self.args.traces, self.rng):
            self.keys[name] = [key for key, _ in actions]
            text = spec_text(name, actions, self.rng)
            while True:
                told = node.ask("POST", "/v1/workflows", text)
                if told and told[0] in (200, 201):
                    break
                if told and told[0] not in (429, 503):
                    raise RuntimeError(f"{name}: {told}")
        log(f"{len(self.keys)} workflows, {sum(map(len, self.keys.values()))} actions")

    def decide(self, node):
        """For what is in doubt: never again."""
        told = node.ask("GET", "/v1/workflows?waiting=decision")
        for w in told[1]["workflows"] if told and told[0] == 200 else []:
            shown = node.ask("GET", f"/v1/workflows/{w['id']}")
            if not shown or shown[0] != 200:
                continue
            for a in shown[1]["actions"]:
                if a.get("waiting") == "decision":
                    node.ask("POST", f"/v1/workflows/{w['id']}/actions/{a['key']}/resolve", '{"decision":"skip"}')

    def open_ones(self, node):
        told = node.ask("GET", "/v1/workflows:count?open")
        return told[1]["count"] if told and told[0] == 200 else None

    def disturb(self, node, fleet):
        victim = self.rng.choice(list(fleet.commands))
        what = self.rng.choices(["worker", "freeze", "node", "nothing"], [4, 2, 2, 2])[0]
        if what == "worker":
            fleet.kill(victim)
        elif what == "freeze":
            fleet.freeze(victim, 2 * LEASE_S)
        elif what == "node":
            node.kill()

    def work(self, node, fleet):
        end = time.monotonic() + self.args.seconds
        give_up = end + 120
        while self.open_ones(node) != 0:
            now = time.monotonic()
            if now > give_up:
                self.find(f"{self.open_ones(node)} workflows do not end")
                return
            if now < end:
                self.disturb(node, fleet)
            self.decide(node)
            for name in fleet.dead():
                self.find(f"worker {name} ended by itself")
                fleet.start(name)
            time.sleep(self.rng.uniform(0.1, 0.5))

    def check(self, node):
        begun = collections.Counter()
        failed = collections.Counter()
        ended = collections.defaultdict(set)
        by = collections.Counter()
        for line in self.ledger.read_text().splitlines():
            what, key, _, name = line.split(" ")
            if what == "begin":
                begun[key] += 1
                by[name.split("-")[0]] += 1
            elif what == "fail":
                failed[key] += 1
            else:
                ended[key].add(name)
        skipped = repeated = 0
        for workflow, keys in self.keys.items():
            told = node.ask("GET", f"/v1/workflows/{workflow}")[1]
            if told["workflow"]["status"] != "completed":
                self.find(f"{workflow} is {told['workflow']['status']}")
            for action in told["actions"]:
                key = f"{workflow}/{action['key']}"
                again = begun[key] - 1 - failed[key]
                if action["type"] == "once" and again > 0:
                    self.find(f"{key} was done {again} times too often")
                elif again > 0:
                    repeated += again
                if action["status"] == "skipped" and action["type"] == "once":
                    skipped += 1
                elif action["status"] != "completed":
                    self.find(f"{key} is {action['status']}")
                elif action["result"]["by"] not in ended[key]:
                    self.find(f"{key} was completed by {action['result']['by']}, who did not do it")
            if sorted(a["key"] for a in told["actions"]) != sorted(keys):
                self.find(f"{workflow} has other actions")
        log(
            f"workers: seed {self.args.seed}, {sum(begun.values())} tasks begun ({dict(by)}), {repeated} repeated, "
            f"{skipped} left in doubt"
        )

    def run(self):
        node = Node(self.args.tenax, str(self.directory / "data"), self.options())
        proxy = LossyProxy(node, random.Random(self.args.seed + 1))
        fleet = Fleet(self.commands(proxy.port))
        try:
            self.submit(node)
            self.work(node, fleet)
            self.check(node)
            stuck = fleet.stop()
            if stuck:
                self.find(f"workers do not stop: {stuck}")
            if node.stop() != 0:
                self.find("the node did not stop cleanly")
            verified = subprocess.run([self.args.tenax, "--data-dir", node.directory, "verify"], capture_output=True, text=True)
            if verified.returncode != 0:
                self.find(f"verify: {verified.stdout}{verified.stderr}")
        finally:
            fleet.stop()
            node.process.kill()
        log(
            f"workers: {fleet.kills} workers and {node.kills} nodes killed, {fleet.freezes} workers frozen, "
            f"{proxy.lost} answers lost; {len(self.findings)} violations"
        )
        if not self.findings or self.args.self_test:
            shutil.rmtree(self.directory)
        else:
            log(f"data: {self.directory}")
        return 1 if self.findings else 0

    def options(self):
        once = [] if self.args.self_test else ["--at-most-once", "once"]
        return ["--max-attempts", "50", *once]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tenax", required=True)
    parser.add_argument("--cpp-worker", required=True)
    parser.add_argument("--traces", type=Path)
    parser.add_argument("--seconds", type=float, default=20, help="of disturbance")
    parser.add_argument("--seed", type=int, default=int(os.environ.get("TENAX_SEED", "1")))
    parser.add_argument("--self-test", action="store_true", help="find what is done too often")
    args = parser.parse_args()
    code = Run(args).run()
    if not args.self_test:
        return code
    log(f"self-test, at_most_once switched off: {'violations found' if code else 'FAILED: nothing found'}")
    return 0 if code else 1


if __name__ == "__main__":
    sys.exit(main())
