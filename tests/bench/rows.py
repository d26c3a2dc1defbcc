"""The figures: what is measured, how, and against what. A row is measured several times, and the
table shows the median."""

import json
import os
import statistics
import subprocess

import redis_claims
import soak
from node import Failure, Node, run_json

# An attack puts this hunt last, and goes on this much longer than the good client.
ATTACK_HUNT = "bad-geo"
ATTACK_SPARE_S = 5

# What others took for the same on the same kind of machine, for the last column.
EARLIER = {
    "engine": "Rust 60 000, Redis 48 000, LuaJIT 970 000",
    "close": "Rust 11 ms, Lua 217-592 ms",
    "update": "Redis 6 us",
    "rank": "Redis 3 us",
    "single": "Redis, no HTTP: 28 600, pipelined 47 800",
    "open": "Redis 0.9 ms",
    "open99": "Redis 2.4 ms",
    "clicks": "Go 112 ms",
    "resident": "Rust 89 MB",
}


class Row:
    """A figure: its values as they were measured, which of them is shown (pick), its bound, and
    what stands beside it."""

    def __init__(self, key, title, unit, bound=None, earlier="", digits=1,
                 pick=statistics.median):
        self.key, self.title, self.unit = key, title, unit
        self.bound = bound  # (">=" or "<=", number)
        self.earlier, self.digits, self.pick = earlier, digits, pick
        self.values, self.missing, self.redis = [], "", ""

    def figure(self):
        return self.pick(self.values) if self.values else None

    def holds(self):
        """None: there is no bound, or no value."""
        if self.bound is None or not self.values:
            return None
        word, number = self.bound
        return self.figure() >= number if word == ">=" else self.figure() <= number

    def to_json(self):
        return {"key": self.key, "title": self.title, "unit": self.unit, "figure": self.figure(),
                "values": self.values, "bound": self.bound, "holds": self.holds(),
                "redis": self.redis, "earlier": self.earlier, "missing": self.missing}


ROWS = [
    Row("engine_100k", "engine, 100 000 players, 64 treasures", "claims/s", (">=", 5e6),
        EARLIER["engine"], 0),
    Row("engine_100k_allocations", "  allocations per claim", "", ("<=", 0), digits=3),
    Row("engine_1m", "engine, 1 000 000 players", "claims/s", (">=", 3e6), digits=0),
    Row("close_100k", "closing an epoch, 100 000 players", "ms", ("<=", 1.0), EARLIER["close"], 2),
    Row("close_1m", "closing an epoch, 1 000 000 players", "ms", ("<=", 8.0), digits=2),
    Row("update", "updating a score", "ns", ("<=", 30), EARLIER["update"]),
    Row("rank", "asking for a rank", "ns", ("<=", 150), EARLIER["rank"]),
    Row("player", "memory per player", "bytes", ("<=", 480), digits=0),
    Row("receipt", "memory per receipt", "bytes", ("<=", 48), digits=0),
    Row("single_protobuf", "single claims over HTTP, protobuf", "claims/s", (">=", 30000),
        EARLIER["single"], 0),
    Row("single_json", "single claims over HTTP, JSON", "claims/s", (">=", 30000), digits=0),
    Row("batch", "100 claims a request, protobuf + LZ4", "claims/s", (">=", 400000), digits=0),
    Row("open_p50", "20 000 single claims/s, open loop, p50", "ms", ("<=", 1.0), EARLIER["open"],
        2),
    Row("open_p99", "20 000 single claims/s, open loop, p99", "ms", ("<=", 3.0),
        EARLIER["open99"], 2),
    Row("clicks_p95", "20 000 players, a click each 500 ms, 10 a request, p95", "ms",
        ("<=", 10.0), EARLIER["clicks"], 2),
    Row("good_p99", "a good client's p99, 2 000 claims/s", "ms", digits=2),
    Row("attacked_p99", "  the same beside an attack with bad input", "ms", digits=2),
    Row("attacked_ratio", "  so many times as long", "", ("<=", 2), digits=2),
    Row("resident", "memory after a soak, 100 000 players, without receipts", "MB", ("<=", 89),
        EARLIER["resident"]),
    Row("growth", "  its growth in the second half", "MB", ("<=", 0.5)),
]
BY_KEY = {row.key: row for row in ROWS}


def add(key, value):
    BY_KEY[key].values.append(value)


def miss(keys, why):
    for key in keys:
        if not BY_KEY[key].values:
            BY_KEY[key].missing = why


class Bench:
    """One run of everything, at a scale (bench.py's SCALES)."""

    def __init__(self, bin_folder, out_folder, scale, say):
        self.bin, self.out, self.scale, self.say = bin_folder, out_folder, scale, say
        self.raw = []  # every report, as it came

    def note(self, what, report):
        self.raw.append({"what": what, "report": report})
        return report

    def parts(self):
        """(name, what measures it)"""
        return [("engine", self.engine), ("HTTP", self.http), ("attack", self.attacked),
                ("soak", lambda: self.soak(self.scale["soak_seconds"])), ("Redis", self.redis)]

    # The engine alone.

    def engine(self):
        program = os.path.join(self.bin, "cairn-bench")
        if not os.path.exists(program):
            miss([row.key for row in ROWS[:9]], "no cairn-bench")
            return
        for players, size in ((self.scale["engine_players"][0], "100k"),
                              (self.scale["engine_players"][1], "1m")):
            self.say(f"engine, {players} players")
            for _ in range(self.scale["runs"]):
                report = self.note("cairn-bench " + size, run_json(
                    [program, "--players", str(players), "--claims",
                     str(self.scale["engine_claims"]), "--json"], 300))
                add("engine_" + size, report["claims_per_s"])
                add("close_" + size, report["close_ms"])
                if size == "100k":
                    add("engine_100k_allocations",
                        report["allocations"] / self.scale["engine_claims"])
                    add("update", report["update_ns"])
                    add("rank", report["rank_ns"])
                    add("player", report["bytes_per_player"])
                    add("receipt", report["bytes_per_receipt"])

    # A node over HTTP.

    def load(self, node, what, **options):
        options.setdefault("seconds", self.scale["seconds"])
        self.say(what)
        return self.note(what, node.load(options))

    def http(self):
        players = self.scale["players"]
        with Node(self.bin, self.out, self.scale["epoch_ms"]) as node:
            for _ in range(self.scale["runs"]):
                for form in ("protobuf", "json"):
                    report = self.load(node, "single claims, " + form, rate=0, connections=50,
                                       players=players, format=form)
                    add("single_" + form, report["rate"])
                report = self.load(node, "100 claims a request", rate=0, connections=8, batch=100,
                                   players=5 * players, format="protobuf+lz4")
                add("batch", report["rate"])
                report = self.load(node, "open loop", rate=self.scale["open_rate"], connections=64,
                                   players=players, format="protobuf")
                add("open_p50", report["p50_ms"])
                add("open_p99", report["p99_ms"])
                report = self.load(node, "clicks", rate=2 * players, batch=10, connections=64,
                                   players=players, format="protobuf")
                add("clicks_p95", report["p95_ms"])

    # A good client beside a bad one.

    def beside_attack(self, node, program, options):
        """The good client's report; the attack lasts longer than it."""
        seconds = self.scale["seconds"] + ATTACK_SPARE_S
        words = [program, "--target", node.url, "--seconds", str(seconds), "--json"]
        with subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.DEVNULL) as attack:
            try:
                node.wait_until(lambda: ATTACK_HUNT in node.ask("GET", "/v1/hunts"), "the attack")
                report = self.load(node, "a good client beside a bad one", **options)
                if attack.poll() is not None:
                    raise Failure("the attack ended before its time")
                self.note("attack", json.loads(attack.communicate(timeout=60)[0]))
            finally:
                attack.kill()
        return report

    def attacked(self):
        program = os.path.join(self.bin, "cairn-attack")
        options = {"rate": self.scale["good_rate"], "connections": 16,
                   "players": self.scale["players"], "format": "json"}
        for _ in range(self.scale["runs"]):
            with Node(self.bin, self.out, min(1000, self.scale["epoch_ms"])) as node:
                good_ms = self.load(node, "a good client", **options)["p99_ms"]
                add("good_p99", good_ms)
                if os.path.exists(program):
                    attacked_ms = self.beside_attack(node, program, options)["p99_ms"]
                    add("attacked_p99", attacked_ms)
                    add("attacked_ratio", attacked_ms / good_ms)
        miss(["attacked_p99", "attacked_ratio"], "no cairn-attack")

    def soak(self, seconds):
        self.say(f"a soak of {seconds} s")
        found = self.note("soak", soak.run(self.bin, self.out, {
            "players": self.scale["soak_players"], "rate": self.scale["soak_rate"], "batch": 50,
            "seconds": seconds}))
        add("resident", found["without_receipts_mb"])
        add("growth", found["growth_mb"])

    # Redis beside it.

    def redis(self):
        if not redis_claims.is_there():
            self.say("no redis-server is installed: its column stays empty")
            return
        self.say("Redis")
        runs = self.note("redis", redis_claims.measure(self.out, self.scale["redis_claims"],
                                                       self.scale["runs"]))

        def middle(*path):
            values = runs
            for key in path:
                values = [value[key] for value in values]
            return statistics.median(values)

        single = f"{middle('single', 'rate'):,.0f}".replace(",", " ")
        pipelined = f"{middle('pipelined', 'rate'):,.0f}".replace(",", " ")
        BY_KEY["single_protobuf"].redis = f"{single}/s, pipelined {pipelined}/s"
        BY_KEY["engine_100k"].redis = f"{pipelined}/s"
        BY_KEY["update"].redis = f"{1000 * middle('update_us'):.0f} ns"
        BY_KEY["rank"].redis = f"{1000 * middle('rank_us'):.0f} ns"
