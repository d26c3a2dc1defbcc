"""What ./dev up asks a cluster over HTTP: who leads, whether all boards agree, and whether every
claim of a record (cairn-load --record) that was acknowledged is still known."""

import concurrent.futures
import http.client
import json
import threading
import time

# Accepted, and kept for as long as the hunt; `pending` may have become one of the other two.
ACCEPTED = {"found", "pending"}
SETTLED = {"won", "lost"}
# Answers, but nothing was judged that could be lost.
NOT_JUDGED = {"unavailable", "full", "stale", "conflict"}

ANSWER_S = 5
PAUSE_S = 0.05


class Failure(Exception):
    pass


class Nodes:
    """Connections to nodes, kept, of one thread."""

    def __init__(self, urls):
        self.hosts = [url.removeprefix("http://").rstrip("/") for url in urls]
        self.kept = {}

    def get(self, at, path):
        """(status, value); None: no answer."""
        host = self.hosts[at % len(self.hosts)]
        connection = self.kept.get(host)
        if connection is None:
            connection = self.kept[host] = http.client.HTTPConnection(host, timeout=ANSWER_S)
        try:
            connection.request("GET", path)
            response = connection.getresponse()
            return response.status, json.loads(response.read())
        except (OSError, ValueError, http.client.HTTPException):
            connection.close()
            self.kept.pop(host, None)
            return None

    def close(self):
        for connection in self.kept.values():
            connection.close()


def wait_for(what, seconds, condition):
    until = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > until:
            raise Failure("gave up waiting for %s after %d s" % (what, seconds))
        time.sleep(PAUSE_S)


# --- A record ------------------------------------------------------------------------------------


def judge(record, answer):
    """What became of an acknowledged claim, by the answer for its receipt: kept, gone or lost; None:
    the node could not say."""
    outcome, status = record["result"]["outcome"], answer and answer[0]
    if status == 200:
        receipt = answer[1]
        same = receipt["outcome"] == outcome or (
            outcome == "pending" and receipt["outcome"] in SETTLED)
        return "kept" if same and receipt.get("hlc") == record["result"].get("hlc") else "lost"
    if status == 410:
        # It was judged, and the answer to what was not accepted is kept for a while only.
        return "lost" if outcome in ACCEPTED | SETTLED else "gone"
    return "lost" if status == 404 else None


def read_record(path):
    """(claims to ask for, how many lines there are, how many of them nobody knows the result of)"""
    asked, lines, unknown = [], 0, 0
    with open(path) as file:
        for line in file:
            record = json.loads(line)
            lines += 1
            outcome = record.get("result", {}).get("outcome", "unavailable")
            if outcome in NOT_JUDGED:
                unknown += outcome == "unavailable"
            else:
                asked.append(record)
    return asked, lines, unknown


def verify(path, hunt, urls, seconds=60, threads=4):
    """Asks for the receipt of each acknowledged claim, of another node each time."""
    asked, lines, unknown = read_record(path)
    counts = {"kept": 0, "gone": 0, "lost": 0}
    lost, lock, until = [], threading.Lock(), time.monotonic() + seconds

    def ask_some(first):
        nodes = Nodes(urls)
        for at in range(first, len(asked), threads):
            record = asked[at]
            target = "/v1/hunts/%s/players/%s/actions/%s" % (hunt, record["player"], record["seq"])
            turn, verdict = at // threads, None
            while verdict is None:
                if time.monotonic() > until:
                    raise Failure("gave up asking for %s" % target)
                verdict = judge(record, nodes.get(turn, target))
                turn += 1
                if verdict is None:
                    time.sleep(PAUSE_S)
            with lock:
                counts[verdict] += 1
                if verdict == "lost":
                    lost.append(record)
        nodes.close()

    with concurrent.futures.ThreadPoolExecutor(threads) as pool:
        for done in [pool.submit(ask_some, first) for first in range(threads)]:
            done.result()
    return dict(counts, claims=lines, acknowledged=len(asked), unknown=unknown, first_lost=lost[:3])


# --- Leaders and boards --------------------------------------------------------------------------


def view(nodes, at=0):
    """What a node says of the cluster; None: nothing."""
    answer = nodes.get(at, "/v1/cluster")
    return answer[1] if answer and answer[0] == 200 else None


def is_whole(cluster, members, voters):
    return (cluster and len(cluster["members"]) >= members and
            all(len(one["voters"]) >= voters and "leader" in one for one in cluster["ranges"]))


def led_by(cluster, name):
    return {one["range"] for one in cluster["ranges"] if one.get("leader") == name}


def wait_for_leaders(urls, name, ranges, since, seconds):
    """Until the first node knows of another leader for each of the ranges; how long that took, from
    `since` by the wall clock."""
    nodes = Nodes(urls)

    def led_by_others():
        cluster = view(nodes)
        return cluster and all(one.get("leader", name) != name
                               for one in cluster["ranges"] if one["range"] in ranges)

    wait_for("new leaders", seconds, led_by_others)
    nodes.close()
    return time.time() - since


def wait_for_boards(urls, hunt, after, seconds):
    """Until an epoch after the given one is complete on each node: its number, players and the
    digests that the nodes name, one of each kind."""
    nodes = Nodes(urls)

    def complete_everywhere():
        latest = [nodes.get(at, "/v1/epochs/latest") for at in range(len(urls))]
        if not all(one and one[0] == 200 for one in latest):
            return None
        epoch = min(int(one[1]["epoch"]) for one in latest)
        pages = [nodes.get(at, "/v1/epochs/%d" % epoch) for at in range(len(urls))]
        if epoch <= after or not all(one and one[0] == 200 and one[1]["state"] == "complete"
                                     for one in pages):
            return None
        return epoch, [next((here for here in one[1]["hunts"] if here["hunt"] == hunt), None)
                       for one in pages]

    epoch, boards = wait_for("an epoch that is complete on each node", seconds, complete_everywhere)
    nodes.close()
    return epoch, boards
