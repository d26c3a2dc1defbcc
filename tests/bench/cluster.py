"""The figures of a cluster of three nodes on this machine. What is acknowledged is on the disks of
two of them."""

import json
import os
import subprocess
import threading
import time

from node import Failure, check_report, load_command, run_json
from rows import Row
from trio import Trio, answered_again_ms, read_record

SCALES = {
    "cluster": {"runs": 3, "seconds": 5, "players": 20000, "many": 100000, "rate": 8000,
                "fill_s": 10, "epochs": 60, "epoch_ms": 1000, "idle_s": 10, "kills": 10,
                "clusters": 3},
    "cluster-smoke": {"runs": 1, "seconds": 1, "players": 300, "many": 2000, "rate": 100,
                      "fill_s": 1, "epochs": 3, "epoch_ms": 1000, "idle_s": 1, "kills": 1,
                      "clusters": 1},
}

# Under what load leaders are killed: few enough claims that the held ones leave connections free.
KILL_LOAD = {"rate": 600, "connections": 500, "players": 5000, "format": "protobuf", "seconds": 4}
KILL_AFTER_S = 1.5
KILL_SEEN_S = 2
KILL_LOOK_S = 0.01

# The claims that the boundaries are measured under.
BOUNDARY_RATE = 5000
BOUNDARY_BATCH = 50
# Read when this much of an epoch is over: boards that are later than that count as so late.
BOUNDARY_PART = 0.8


def quantile_99(values):
    return sorted(values)[max(0, -(-99 * len(values) // 100) - 1)]


ROWS = [
    Row("known", "kill -9 of a node known to all others", "ms", ("<=", 500), "serf 5 800 ms", 0),
    Row("failover", "claims of a killed leader's ranges answered again", "ms", ("<=", 1000),
        "Redis Cluster 4 100 ms", 0),
    Row("failover_worst", "  the worst range", "ms", ("<=", 2000), "Redis Cluster 20 000 ms", 0,
        pick=max),
    Row("join", "a join known to all", "ms", ("<=", 300), digits=0),
    Row("boundary", "end of an epoch to its board on all nodes, 100 000 players", "ms",
        ("<=", 100)),
    Row("boundary_99", "  the 99th of 100", "ms", ("<=", 500), pick=quantile_99),
    Row("single", "single claims over HTTP to all three", "claims/s", (">=", 8000),
        "Redis Cluster 3+3, WAIT 1: 35 900", 0),
    Row("single_p99", "  99 % of 8 000 a second answered within", "ms", ("<=", 50)),
    Row("batch", "100 claims a request, protobuf + LZ4", "claims/s", (">=", 100000),
        "Redis Cluster, pipelined: 45 700", 0),
    Row("idle_cpu", "an idle node", "% of a core", ("<=", 3)),
    Row("idle_memory", "  its memory", "MB", ("<=", 60), digits=0),
]
BY_KEY = {row.key: row for row in ROWS}


def add(key, value):
    BY_KEY[key].values.append(value)


class Spell:
    """The processor time of processes from now on, in seconds."""

    def __init__(self, nodes):
        self.pids = [node.process.pid for node in nodes]
        self.began = time.monotonic()
        self.before = [self._used(pid) for pid in self.pids]

    @staticmethod
    def _used(pid):
        """All threads', in nanoseconds: the kernel's ticks are too coarse for an idle node."""
        used = 0
        for thread in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{thread}/schedstat", encoding="ascii") as file:
                used += int(file.read().split()[0])
        return used

    def percent(self):
        """Of a core, each process."""
        seconds = time.monotonic() - self.began
        return [(self._used(pid) - before) / 1e7 / seconds
                for pid, before in zip(self.pids, self.before)]


class Background:
    """with Background(words): a program that runs meanwhile."""

    def __init__(self, words):
        self.words = words
        self.process = None

    def __enter__(self):
        self.process = subprocess.Popen(self.words, stdin=subprocess.DEVNULL,
                                        stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
        self.process.communicate()

    def report(self, timeout_s):
        try:
            text, error = self.process.communicate(timeout=timeout_s)
        except subprocess.TimeoutExpired as late:
            raise Failure(f"{self.words[0]} does not end") from late
        if self.process.returncode != 0:
            raise Failure(f"{self.words[0]}: {error.decode()[-500:]}")
        report = json.loads(text)
        check_report(report)
        return report


class Watch:
    """Asks one node how a member is, until it has failed there."""

    def __init__(self, node, name, until_s):
        self.node, self.name, self.until = node, name, time.time() + until_s
        self.seen_at = None
        self.thread = threading.Thread(target=self._run)
        self.thread.start()

    def _run(self):
        while self.seen_at is None and time.time() < self.until:
            try:
                members = self.node.view()["members"]
            except (OSError, ValueError):
                members = []
            if any(one["name"] == self.name and one["state"] == "failed" for one in members):
                self.seen_at = time.time()
            else:
                time.sleep(KILL_LOOK_S)


class ClusterBench:
    """One run of everything, at a scale."""

    def __init__(self, bin_folder, out_folder, scale, say):
        self.bin, self.out, self.scale, self.say = bin_folder, out_folder, scale, say
        self.raw = []  # every report, as it came

    def note(self, what, report):
        self.raw.append({"what": what, "report": report})
        return report

    def load(self, trio, what, **options):
        options.setdefault("seconds", self.scale["seconds"])
        self.say(what)
        report = self.note(what, run_json(load_command(self.bin, trio.nodes, options),
                                          options["seconds"] + 60))
        check_report(report)
        return report

    def quiet(self):
        """What a new cluster costs before anybody plays."""
        for _ in range(self.scale["clusters"]):
            self.say("a new cluster, idle")
            with Trio(self.bin, self.out, self.scale["epoch_ms"]) as trio:
                for taken_ms in trio.joins_ms:
                    add("join", taken_ms)
                spell = Spell(trio.nodes)
                time.sleep(self.scale["idle_s"])
                add("idle_cpu", max(spell.percent()))
                add("idle_memory", max(node.metrics()["cairn_resident_bytes"]
                                       for node in trio.nodes) / 1e6)

    def claims(self, trio):
        players = self.scale["players"]
        for _ in range(self.scale["runs"]):
            add("single", self.load(trio, "single claims", rate=0, connections=96,
                                    players=players, format="protobuf")["rate"])
            add("single_p99", self.load(trio, "open loop", rate=self.scale["rate"],
                                        connections=96, players=players,
                                        format="protobuf")["p99_ms"])
            add("batch", self.load(trio, "100 claims a request", rate=0, connections=12, batch=100,
                                   players=5 * players, format="protobuf+lz4")["rate"])

    def boundaries(self, trio):
        many, epochs = self.scale["many"], self.scale["epochs"]
        epoch_s = self.scale["epoch_ms"] / 1000
        seed = 7
        self.load(trio, f"{many} players come", rate=0, connections=12, batch=100, players=many,
                  format="protobuf+lz4", seed=seed, seconds=self.scale["fill_s"])
        self.say(f"{epochs} ends of epochs")
        seconds = round((epochs + 3) * epoch_s)
        options = {"rate": min(BOUNDARY_RATE, many), "connections": 12, "batch": BOUNDARY_BATCH,
                   "players": many, "format": "protobuf+lz4", "seed": seed, "seconds": seconds}
        with Background(load_command(self.bin, trio.nodes, options)) as load:
            self._wait_for_claims(trio)
            before = self._completions(trio, epoch_s)
            for _ in range(epochs):
                after = self._completions(trio, epoch_s)
                latest_ms = max(self._late_ms(old, new, epoch_s)
                                for old, new in zip(before, after))
                add("boundary", latest_ms)
                add("boundary_99", latest_ms)
                before = after
            self.note("boundaries", load.report(seconds + 60))

    @staticmethod
    def _wait_for_claims(trio):
        """Before the load claims it asks how far each player is, which is no part of this."""
        def receipts():
            return trio.nodes[0].metrics()["cairn_receipts"]

        before = receipts()
        trio.nodes[0].wait_until(lambda: receipts() > before, "claims")

    @staticmethod
    def _completions(trio, epoch_s):
        """Each node's seconds and number of boards that became complete, late in an epoch."""
        until_s = (BOUNDARY_PART - time.time() / epoch_s) % 1 * epoch_s
        time.sleep(until_s if until_s > epoch_s / 10 else until_s + epoch_s)
        pages = [node.metrics() for node in trio.nodes]
        return [(page["cairn_epoch_completion_seconds_sum"],
                 page["cairn_epoch_completion_seconds_count"]) for page in pages]

    @staticmethod
    def _late_ms(before, after, epoch_s):
        if after[1] == before[1]:
            return 1000 * BOUNDARY_PART * epoch_s
        return 1000 * (after[0] - before[0])

    def kill_once(self, trio):
        victim = trio.busiest()
        others = [node for node in trio.nodes if node is not victim]
        record = os.path.join(self.out, "kill.ndjson")
        words = load_command(self.bin, others, {**KILL_LOAD, "record": record})
        with Background(words) as load:
            time.sleep(KILL_AFTER_S)
            watches = [Watch(node, victim.name, KILL_SEEN_S) for node in others]
            ranges = trio.led_by(victim)
            killed_at = victim.kill()
            for watch in watches:
                watch.thread.join()
            self.note("kill", load.report(60))
        again = self.note("answered again", answered_again_ms(read_record(record), killed_at,
                                                              ranges))
        os.unlink(record)
        for after_ms in again:
            add("failover", after_ms)
            add("failover_worst", after_ms)
        seen = [watch.seen_at for watch in watches]
        if all(seen):
            add("known", 1000 * (max(seen) - killed_at))
        else:
            BY_KEY["known"].missing = "the nodes did not tell"
        trio.restart(victim)

    def kills(self, trio):
        for _ in range(self.scale["kills"]):
            self.say("a leader is killed")
            self.kill_once(trio)

    def with_new(self, part):
        """Runs a part in a cluster of its own."""
        with Trio(self.bin, self.out, self.scale["epoch_ms"]) as trio:
            part(trio)

    def parts(self):
        return [("a quiet cluster", self.quiet)] + [
            (name, lambda part=part: self.with_new(part))
            for name, part in (("claims", self.claims), ("boundaries", self.boundaries),
                               ("kills", self.kills))]
