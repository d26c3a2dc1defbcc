"""The same claims, judged by a script in Redis, for the column beside ours: the player's numbers
are kept to answer a retry (the 16 newest, as Cairn does), the treasure is looked up, a find is
kept, and a score is added to the board. One instance, on a Unix socket, appendfsync always: what
is acknowledged is on disk, as with Cairn. It has no limited treasures, epochs, receipts or rules of
a hunt to look after."""

import csv
import os
import shutil
import subprocess
import tempfile
import time

from node import Failure

CONNECTIONS = 50
PIPELINED = 16
WAIT_S = 20

# redis-benchmark sends random numbers below 100 000: a player out of 10 000, his number for the
# claim, and a place. 60 % of the places are empty, 30 % a treasure that most have, 10 % others.
RANDOM = 100000
TREASURES = 64
CLAIM = """
local player = 'p:' .. (tonumber(ARGV[1]) % 10000)
local seq = 's' .. ARGV[2]
local before = redis.call('HGET', player, seq)
if before then return before end
local place = tonumber(ARGV[3])
local kind = place % 10
local outcome = 'nothing'
if kind >= 6 then
    local number = kind < 9 and 0 or 1 + math.floor(place / 10) % 63
    local points = redis.call('HGET', 'treasures', number)
    if redis.call('HSETNX', player, 't' .. number, 1) == 1 then
        outcome = 'found:' .. redis.call('ZINCRBY', 'board', points, player)
    else
        outcome = 'already'
    end
end
local slot = 'w' .. redis.call('HINCRBY', player, 'n', 1) % 16
local oldest = redis.call('HGET', player, slot)
if oldest then redis.call('HDEL', player, oldest) end
redis.call('HSET', player, slot, seq, seq, outcome)
return outcome
"""

RANK = """
for i = 1, ARGV[1] do redis.call('{command}', 'scores', {arguments}) end
"""


def is_there():
    return all(shutil.which(name) for name in ("redis-server", "redis-cli", "redis-benchmark"))


class Redis:
    """with Redis(out) as redis: a server of our own."""

    def __init__(self, out_folder):
        self.folder = tempfile.mkdtemp(prefix="redis-", dir=out_folder)
        # A socket's path has room for about a hundred bytes only.
        self.sockets = tempfile.mkdtemp(prefix="cairn-redis-")
        self.socket = os.path.join(self.sockets, "s")
        self.server = None

    def __enter__(self):
        try:
            self.server = subprocess.Popen(
                ["redis-server", "--port", "0", "--unixsocket", self.socket, "--save", "",
                 "--appendonly", "yes", "--appendfsync", "always", "--dir", self.folder],
                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            until = time.monotonic() + WAIT_S
            while not os.path.exists(self.socket) or self.call("PING", check=False) != "PONG":
                if time.monotonic() > until or self.server.poll() is not None:
                    raise Failure("redis-server does not start")
                time.sleep(0.05)
            self._prepare()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        if self.server is not None and self.server.poll() is None:
            self.server.terminate()
            try:
                self.server.wait(WAIT_S)
            except subprocess.TimeoutExpired:
                self.server.kill()
                self.server.wait()
        shutil.rmtree(self.folder, ignore_errors=True)
        shutil.rmtree(self.sockets, ignore_errors=True)

    def call(self, *words, check=True):
        done = subprocess.run(["redis-cli", "-s", self.socket, *map(str, words)],
                              capture_output=True, timeout=120, check=False)
        text = done.stdout.decode().strip()
        if check and (done.returncode != 0 or text.startswith("ERR")):
            raise Failure(f"redis-cli: {text} {done.stderr.decode().strip()}")
        return text

    def _prepare(self):
        treasures = [word for i in range(TREASURES) for word in (i, 10 + i)]
        self.call("HSET", "treasures", *treasures)
        self.script = self.call("SCRIPT", "LOAD", CLAIM)

    def claims(self, count, pipelined):
        """Runs so many claims: claims a second, and quantiles in milliseconds."""
        words = ["redis-benchmark", "-s", self.socket, "-c", CONNECTIONS, "-n", count,
                 "-P", PIPELINED if pipelined else 1, "-r", RANDOM, "--csv",
                 "EVALSHA", self.script, 0, "__rand_int__", "__rand_int__", "__rand_int__"]
        done = subprocess.run(list(map(str, words)), capture_output=True, timeout=180, check=False)
        rows = [row for row in csv.reader(done.stdout.decode().splitlines()) if len(row) > 2]
        if done.returncode != 0 or len(rows) != 2:
            raise Failure("redis-benchmark: " + done.stderr.decode()[-500:])
        row = dict(zip(rows[0], rows[1]))
        return {"rate": float(row["rps"]), "p50_ms": float(row["p50_latency_ms"]),
                "p95_ms": float(row["p95_latency_ms"]), "p99_ms": float(row["p99_latency_ms"])}

    def _each_us(self, command, arguments, count):
        script = RANK.format(command=command, arguments=arguments)
        began = time.monotonic()
        self.call("EVAL", script, 0, count)
        return (time.monotonic() - began) * 1e6 / count

    def scores(self, players, count):
        """Microseconds for a score's update and for a rank, without the log and the network."""
        self.call("CONFIG", "SET", "appendonly", "no")
        fill = "for i = 1, ARGV[1] do redis.call('ZADD', 'scores', i * 7919 % 100000, i) end"
        self.call("EVAL", fill, 0, players)
        member = f"math.random(1, {players})"
        return {"update_us": self._each_us("ZINCRBY", f"10, {member}", count),
                "rank_us": self._each_us("ZREVRANK", member, count)}


def measure(out_folder, claims, runs):
    """All of it; a list of one dictionary for each run."""
    found = []
    with Redis(out_folder) as redis:
        for _ in range(runs):
            found.append({"single": redis.claims(claims, False),
                          "pipelined": redis.claims(claims, True)})
        scores = [redis.scores(100000, 100000) for _ in range(runs)]
    for run, score in zip(found, scores):
        run.update(score)
    return found
