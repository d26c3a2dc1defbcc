"""One cairnd under measurement, in a folder of its own, and what it says of itself."""

import json
import os
import select
import shutil
import signal
import subprocess
import tempfile
import time
import urllib.request

READY_S = 60
ACTIVE_S = 60
STOP_S = 20

CONFIG = """\
node: {{ name: n1, data: {folder}/data }}
http: {{ listen: '127.0.0.1:0' }}
peer: {{ listen: 'tcp://127.0.0.1:0' }}
cluster: {{ found: true, epoch_ms: {epoch_ms} }}
log: {{ level: warning }}
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
    """with Node(bin, out) as node: a node that is ready, and in which the hunt is active."""

    def __init__(self, bin_folder, out_folder, epoch_ms=10000):
        self.bin = bin_folder
        self.folder = tempfile.mkdtemp(prefix="node-", dir=out_folder)
        self.epoch_ms = epoch_ms
        self.process = None
        self.url = None

    def __enter__(self):
        try:
            self._start()
            self._put_hunt()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(STOP_S)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        if self.process is not None:
            self.process.stdout.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _start(self):
        path = os.path.join(self.folder, "n.yaml")
        with open(path, "w", encoding="utf-8") as file:
            file.write(CONFIG.format(folder=self.folder, epoch_ms=self.epoch_ms))
        self.errors = os.path.join(self.folder, "err")
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
        self.url = "http://" + words["http"]

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

    def _put_hunt(self):
        put = json.loads(self.ask("PUT", "/v1/hunts/" + HUNT, hunt_yaml().encode(),
                                  "application/yaml"))
        active = int(put["active_from_epoch"])
        self.wait_until(
            lambda: int(json.loads(self.ask("GET", "/v1/cluster"))["epoch"]) >= active, "the hunt")

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
        words = [os.path.join(self.bin, "cairn-load"), "--target", self.url, "--hunt", HUNT,
                 "--json"]
        for key, value in options.items():
            words += ["--" + key, str(value)]
        return words

    def load(self, options):
        """Runs cairn-load; its report. A run with trouble is no measurement."""
        report = run_json(self.load_command(options), options["seconds"] + 60)
        check_report(report)
        return report


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
