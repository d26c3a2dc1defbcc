"""One cairnd under measurement, in a folder of its own, and what it says of itself."""

import json
import os
import select
import shutil
import signal
import subprocess
import tempfile
import time
import urllib.error
import urllib.request

READY_S = 60
ACTIVE_S = 60
STOP_S = 20

CONFIG = """\
node: {{ name: {name}, data: {folder}/data }}
http: {{ listen: '{http}' }}
peer: {{ listen: '{peer}' }}
cluster: {{ {cluster} }}
log: {{ level: {log} }}
"""

HUNT = "bench"
TREASURES = 64


class Failure(Exception):
    """A measurement that could not take place; the text is for people."""


def hunt_yaml():
    """64 treasures for everyone, as in the engine's own benchmark."""
    lines = [f"hunt: {HUNT}", "plane: flat", "treasures:"]
    for i in range(TREASURES):
        x, y = i % 8 * 1000, i // 8 * 1000
        lines.append(f"  - {{ id: t{i}, at: {{ x: {x}, y: {y} }}, radius: 100, points: {10 + i} }}")
    return "\n".join(lines) + "\n"


class Node:
    """with Node(bin, out) as node: a node that is ready, and in which the hunt is active.

    One of several: start() and close() without that, with join as the address of another."""

    def __init__(self, bin_folder, out_folder, epoch_ms=10000, name="n1", join=None):
        self.bin = bin_folder
        self.folder = tempfile.mkdtemp(prefix="node-", dir=out_folder)
        self.errors = os.path.join(self.folder, "err")
        self.name = name
        self.cluster = f"join: ['{join}']" if join else f"found: true, epoch_ms: {epoch_ms}"
        self.log = "info" if join else "warning"
        self.process = None
        self.http = "127.0.0.1:0"
        self.peer = "tcp://127.0.0.1:0"

    def __enter__(self):
        try:
            self.start()
            self.put_hunt()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(STOP_S)
            except subprocess.TimeoutExpired:
                self.process.kill()
        self._reap()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _reap(self):
        if self.process is not None:
            self.process.wait()
            self.process.stdout.close()
            self.process = None

    def kill(self):
        """Returns the time at which it was killed, in seconds of the wall clock."""
        at = time.time()
        self.process.kill()
        self._reap()
        return at

    def start(self):
        """Starts it, or starts it again at the same addresses."""
        path = os.path.join(self.folder, "n.yaml")
        with open(path, "w", encoding="utf-8") as file:
            file.write(CONFIG.format(folder=self.folder, name=self.name, http=self.http,
                                     peer=self.peer, cluster=self.cluster, log=self.log))
        with open(self.errors, "wb") as errors:
            self.process = subprocess.Popen(
                [os.path.join(self.bin, "cairnd"), "--config", path],
                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=errors)
        if not select.select([self.process.stdout], [], [], READY_S)[0]:
            raise Failure("the node is not ready: " + self.said())
        line = self.process.stdout.readline().decode()
        if not line.startswith("ready "):
            raise Failure(f"the node says '{line.strip()}': " + self.said())
        words = dict(word.split("=", 1) for word in line.split()[1:])
        self.http = words["http"]
        self.peer = words["peer"]

    def know(self, peers):
        """From its next start on it asks these for the cluster."""
        self.cluster = f"join: {peers}"

    @property
    def url(self):
        return "http://" + self.http

    def said(self):
        with open(self.errors, encoding="utf-8", errors="replace") as file:
            return file.read()[-2000:]

    def ask(self, method, target, body=None, kind="application/json"):
        request = urllib.request.Request(
            self.url + target, data=body, method=method,
            headers={"Content-Type": kind} if body is not None else {})
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.read().decode()

    def wait_until(self, condition, what):
        until = time.monotonic() + ACTIVE_S
        while not condition():
            if time.monotonic() > until:
                raise Failure(f"waited in vain for {what}: " + self.said())
            time.sleep(0.05)

    def _try_put(self):
        """The answer; None: not now, the cluster is just changing its leader."""
        try:
            return json.loads(self.ask("PUT", "/v1/hunts/" + HUNT, hunt_yaml().encode(),
                                       "application/yaml"))
        except urllib.error.HTTPError as error:
            if error.code != 503:
                raise
            return None

    def put_hunt(self):
        """Returns when it is active."""
        answers = []

        def is_put():
            answers.append(self._try_put())
            return answers[-1] is not None

        self.wait_until(is_put, "the hunt to be taken")
        active = int(answers[-1]["active_from_epoch"])
        self.wait_until(lambda: int(self.view()["epoch"]) >= active, "the hunt")

    def view(self):
        """The cluster as this node sees it."""
        return json.loads(self.ask("GET", "/v1/cluster"))

    def metrics(self):
        """The page of metrics as a dictionary from series to numbers."""
        page = {}
        for line in self.ask("GET", "/metrics").splitlines():
            if not line.startswith("#"):
                series, value = line.rsplit(" ", 1)
                page[series] = float(value)
        return page

    def load_command(self, options):
        """The arguments of cairn-load with options as {"rate": 0, ...}."""
        return load_command(self.bin, [self], options)

    def load(self, options):
        """Runs cairn-load; its report. A run with trouble is no measurement."""
        report = run_json(self.load_command(options), options["seconds"] + 60)
        check_report(report)
        return report


def load_command(bin_folder, nodes, options):
    """The arguments of cairn-load against all these nodes, with options as {"rate": 0, ...}."""
    words = [os.path.join(bin_folder, "cairn-load"), "--target",
             ",".join(node.url for node in nodes), "--hunt", HUNT, "--json"]
    for key, value in options.items():
        words += ["--" + key, str(value)]
    return words


def run_json(words, timeout_s):
    """What a program prints with --json."""
    done = subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, timeout=timeout_s,
                          check=False)
    name = os.path.basename(words[0])
    if done.returncode != 0:
        raise Failure(f"{name} failed ({done.returncode}): {done.stderr.decode()[-500:]}")
    try:
        return json.loads(done.stdout)
    except ValueError as error:
        raise Failure(f"{name} printed no JSON: {error}") from error


def check_report(report):
    if report["acknowledged"] == 0 or report.get("refused", 0) > 0:
        raise Failure("cairn-load: " + report.get("trouble", "nothing was acknowledged"))
