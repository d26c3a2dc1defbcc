#!/usr/bin/python3
"""What ./dev up concludes from a cluster's answers: a claim that is lost, or was changed, is said to
be; so are boards that differ. The cluster is made up here."""

import http.server
import json
import os
import sys
import tempfile
import threading
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
sys.dont_write_bytecode = True

import cluster

BUSY = (503, {})


class MadeUp:
    """Answers each path with what the test has put there; a list is answered one by one."""

    def __init__(self):
        answers = self.answers = {}

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                answer = answers.get(self.path, (404, {}))
                if isinstance(answer, list):
                    answer = answer.pop(0) if len(answer) > 1 else answer[0]
                body = json.dumps(answer[1]).encode()
                self.send_response(answer[0])
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = "http://127.0.0.1:%d" % self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()


def line(seq, outcome=None, hlc="7"):
    record = {"player": "p", "seq": seq}
    if outcome:
        record["result"] = {"outcome": outcome, "hlc": hlc}
    return record


class Records(unittest.TestCase):
    def setUp(self):
        self.made_up = MadeUp()
        self.addCleanup(self.made_up.close)

    def verify(self, *lines, seconds=30):
        with tempfile.NamedTemporaryFile("w", suffix=".record") as file:
            file.write("".join(json.dumps(one) + "\n" for one in lines))
            file.flush()
            return cluster.verify(file.name, "h", [self.made_up.url], seconds)

    def receipt(self, seq, answer):
        self.made_up.answers["/v1/hunts/h/players/p/actions/%d" % seq] = answer

    def test_what_is_there_as_it_was_is_kept(self):
        self.receipt(1, (200, {"outcome": "found", "hlc": "7"}))
        self.receipt(2, (200, {"outcome": "lost", "hlc": "7"}))
        found = self.verify(line(1, "found"), line(2, "pending"), line(3), line(4, "unavailable"))
        self.assertEqual((found["kept"], found["lost"], found["unknown"]), (2, 0, 2))
        self.assertEqual((found["claims"], found["acknowledged"]), (4, 2))

    def test_what_is_not_there_is_lost(self):
        self.assertEqual(self.verify(line(1, "nothing"))["lost"], 1)

    def test_another_stamp_is_a_loss(self):
        self.receipt(1, (200, {"outcome": "found", "hlc": "8"}))
        self.assertEqual(self.verify(line(1, "found"))["lost"], 1)

    def test_another_outcome_is_a_loss(self):
        self.receipt(1, (200, {"outcome": "nothing", "hlc": "7"}))
        self.assertEqual(self.verify(line(1, "found"))["lost"], 1)

    def test_only_what_found_nothing_may_be_gone(self):
        for seq in (1, 2, 3):
            self.receipt(seq, (410, {}))
        found = self.verify(line(1, "nothing"), line(2, "found"), line(3, "pending"))
        self.assertEqual((found["gone"], found["lost"]), (1, 2))

    def test_a_busy_node_is_asked_again(self):
        self.receipt(1, [BUSY, BUSY, (200, {"outcome": "found", "hlc": "7"})])
        self.assertEqual(self.verify(line(1, "found"))["kept"], 1)

    def test_no_answer_is_no_verdict(self):
        self.receipt(1, BUSY)
        with self.assertRaises(cluster.Failure):
            self.verify(line(1, "found"), seconds=0.2)


class Boards(unittest.TestCase):
    def test_the_boards_of_one_epoch_are_compared(self):
        nodes = [MadeUp(), MadeUp()]
        for node, newest, digest in zip(nodes, ("6", "7"), ("aa", "bb")):
            self.addCleanup(node.close)
            page = {"epoch": "6", "state": "complete", "hunts": [{"hunt": "h", "digest": digest}]}
            node.answers["/v1/epochs/latest"] = (200, {"epoch": newest})
            node.answers["/v1/epochs/6"] = (200, page)
        epoch, boards = cluster.wait_for_boards([one.url for one in nodes], "h", 5, 30)
        self.assertEqual((epoch, [board["digest"] for board in boards]), (6, ["aa", "bb"]))


class Leaders(unittest.TestCase):
    def test_a_range_without_a_leader_is_waited_for(self):
        def state(*leaders):
            return 200, {"ranges": [dict({"range": at}, **({"leader": name} if name else {}))
                                    for at, name in enumerate(leaders)]}
        node = MadeUp()
        self.addCleanup(node.close)
        node.answers["/v1/cluster"] = [state("n2", "n2"), state("n1", None), BUSY, state("n1", "n3")]
        cluster.wait_for_leaders([node.url], "n2", {0, 1}, 0, 30)
        self.assertEqual(node.answers["/v1/cluster"], [state("n1", "n3")])


if __name__ == "__main__":
    unittest.main()
