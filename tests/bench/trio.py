"""Three nodes of one cluster under measurement, all on this machine: n1 founds it, the others
join by its address."""

import datetime
import json
import re
import time

from node import Failure, Node

WHOLE_S = 60
LOOK_S = 0.005
JOINING = re.compile(r"^(\S+) \S+ joining a cluster", re.MULTILINE)


class Trio:
    """with Trio(bin, out, epoch_ms) as trio: each range has three voters and the hunt is active."""

    def __init__(self, bin_folder, out_folder, epoch_ms):
        self.bin, self.out = bin_folder, out_folder
        self.nodes = [Node(bin_folder, out_folder, epoch_ms)]
        self.joins_ms = []  # how long it took until all knew of a join

    def __enter__(self):
        try:
            self.nodes[0].start()
            self._join("n2")
            self._join("n3")
            for node in self.nodes:
                node.know([other.peer for other in self.nodes if other is not node])
            self.wait_whole()
            self.wait_spread()
            self.nodes[0].put_hunt()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        for node in self.nodes:
            node.close()

    def _join(self, name):
        """From the moment at which a node begins to join until all list it as a member."""
        node = Node(self.bin, self.out, name=name, join=self.nodes[0].peer)
        self.nodes.append(node)
        node.start()
        missing = list(self.nodes)
        until = time.monotonic() + WHOLE_S
        while missing:
            missing = [one for one in missing if not self._lists(one, name)]
            known = time.time()
            if missing and time.monotonic() > until:
                raise Failure(f"not all nodes know {name}: " + node.said())
            if missing:
                time.sleep(LOOK_S)
        began = JOINING.search(node.said())
        if began is None:
            raise Failure(f"{name} does not say when it began to join: " + node.said())
        began = datetime.datetime.fromisoformat(began[1].replace("Z", "+00:00"))
        self.joins_ms.append(1000 * (known - began.timestamp()))

    @staticmethod
    def _lists(node, name):
        return any(member["name"] == name for member in node.view()["members"])

    def wait_whole(self):
        """Until all nodes see a leader and three voters in each range."""
        def whole(node):
            ranges = node.view()["ranges"]
            return ranges and all(len(one["voters"]) == 3 and "leader" in one for one in ranges)

        for node in self.nodes:
            node.wait_until(lambda one=node: whole(one), "three voters in each range")

    def wait_spread(self):
        """Until each node leads about a third of the ranges."""
        def spread():
            view = self.nodes[0].view()
            return all(member["leads"] >= len(view["ranges"]) // 3 for member in view["members"])

        self.nodes[0].wait_until(spread, "leaders on all nodes")

    def led_by(self, node):
        """The ranges that the node leads."""
        return [one["range"] for one in node.view()["ranges"] if one.get("leader") == node.name]

    def busiest(self):
        """The node that leads the most ranges."""
        return max(self.nodes, key=lambda node: len(self.led_by(node)))

    def restart(self, node):
        node.start()
        self.wait_whole()


def read_record(path):
    """The claims of a file that cairn-load wrote."""
    with open(path, encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def answered_again_ms(record, killed_at, ranges):
    """For each range: when the first claim was answered that was sent after the kill."""
    killed_us = killed_at * 1e6
    first = {}
    for claim in record:
        if claim["invoked_us"] <= killed_us or "result" not in claim:
            continue
        number = claim["result"]["range"]
        after_ms = (claim["returned_us"] - killed_us) / 1000
        first[number] = min(after_ms, first.get(number, after_ms))
    silent = [number for number in ranges if number not in first]
    if silent:
        raise Failure(f"after the kill no claim of these ranges was answered: {silent}")
    return [first[number] for number in ranges]
