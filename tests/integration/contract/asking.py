"""Asking the nodes, each answer held against the description on the way."""

import json
import os
import re
import time
import uuid

from description import Description, Fault
from node import send, wait_until

SOURCE = os.environ.get("CAIRN_SOURCE", ".")

TOKEN = "sesame"
ORIGIN = ("Origin", "https://play.example")
GZIP = ("Accept-Encoding", "gzip")
JSON = ("Content-Type", "application/json")
YAML = ("Content-Type", "application/yaml")
PROTOBUF = ("Content-Type", "application/x-protobuf")

HUNT = """
hunt: quay
title: Quay
plane: flat
claim_ttl_ms: 60000
clock_tolerance_ms: 5000
rate: { claims: 1000, per_ms: 1000 }
reactions: ["\U0001F525"]
opens_at: 2020-01-01T00:00:00.5Z
closes_at: 2090-01-01T00:00:00Z
treasures:
  - { id: gate, at: { x: 0, y: 0 }, radius: 10, points: 10, hint: Here, shown: true }
  - { id: chest, at: { x: 1000, y: 0 }, radius: 10, points: 100, supply: 1 }
  - { id: knock, at: { x: 2000, y: 0 }, radius: 10, points: 5, taps: { count: 2, within_ms: 3600000 } }
  - { id: shut, at: { x: 3000, y: 0 }, radius: 10, points: 5,
      window: { from: 2020-01-01T00:00:00Z, to: 2021-01-01T00:00:00Z } }
  - { id: catch, at: { x: 4000, y: 0 }, radius: 10, points: 50, requires: [gate],
      decay: { per_ms: 60000, points: 5, floor: 20 } }
  - { id: hall, at: { x: 5000, y: 0 }, radius: 10, points: 5, shown: true, unlock: { reactions: 1 } }
"""

LAND = """
hunt: land
plane: geo
treasures:
  - { id: port, at: { lat: 43.6942, lon: 7.2712 }, radius: 50, points: 10, shown: true }
"""

SLOW = """
hunt: slow
plane: flat
max_speed: 1
rate: { claims: 3, per_ms: 3600000 }
treasures:
  - { id: near, at: { x: 0, y: 0 }, radius: 10, points: 10 }
  - { id: far, at: { x: 1000000, y: 0 }, radius: 10, points: 10 }
"""

SIMPLE = "hunt: %s\nplane: flat\n%streasures: [{ id: a, at: { x: 0, y: 0 }, radius: 1, points: 1 }]\n"


class Contract:
    """The nodes, the description of the first, and what the steps share."""

    def __init__(self, node, small, crowded, pair, messages):
        self.node, self.small, self.crowded, self.messages = node, small, crowded, messages
        self.pair = pair
        answer = send(node, "GET", "/v1/openapi.yaml")
        assert answer.status == 200, answer.status
        self.text = answer.body
        self.description = Description(answer.body, messages)
        self.description.check("GET", "/v1/openapi.yaml", answer)

    def ask(self, method, target, status, headers=(), body=None, node=None):
        answer = send(node or self.node, method, target, headers, body)
        self.description.check(method, target, answer)
        if answer.status != status:
            raise Fault("%s %s -> %d, not %d\n%s" % (method, target, answer.status, status,
                                                     answer.body[:500]))
        return answer

    def get(self, target, status=200, headers=(), node=None):
        return self.ask("GET", target, status, headers, node=node)

    def refused(self, method, target, status, code, headers=(), body=None, node=None):
        answer = self.ask(method, target, status, headers, body, node)
        assert answer.value["code"] == code, answer.value
        return answer

    def put(self, text, node=None, headers=()):
        """Puts a hunt, and waits until it counts."""
        name = re.search(r"hunt: (\S+)", text).group(1)
        answer = self.ask("PUT", "/v1/hunts/" + name, 200, [YAML, *headers], text.encode(), node)
        active = int(answer.value["active_from_epoch"])
        wait_until("epoch %d" % active, lambda: self.epoch(node) >= active)

    def epoch(self, node=None):
        return int(self.get("/v1/cluster", node=node).value["epoch"])

    def post(self, hunt, claims=(), reactions=(), node=None):
        """As JSON; the results. What is sent is as described, too."""
        body = {"hunt": hunt}
        if claims:
            body["claims"] = list(claims)
        if reactions:
            body["reactions"] = list(reactions)
        faults = self.description.faults({"$ref": "#/components/schemas/HuntRequest"}, body)
        assert not faults, faults
        return self.ask("POST", "/hunt", 200, [JSON], json.dumps(body).encode(), node).value["results"]

    def outcome(self, hunt, claim=None, reaction=None, node=None):
        results = self.post(hunt, [claim] if claim else [], [reaction] if reaction else [], node)
        return results[0]["outcome"]


def player(number):
    return str(uuid.UUID(int=number))


def now_ms():
    return int(time.time() * 1000)


def claim(number, seq, x, time_ms=None):
    return {"player": player(number), "seq": seq, "x": x, "y": 0,
            "time_ms": now_ms() if time_ms is None else time_ms}


def reaction(number, seq, to, emoji="\U0001F525"):
    return {"player": player(number), "seq": seq, "to": player(to), "emoji": emoji,
            "time_ms": now_ms()}


def expect(found, expected):
    assert found == expected, "%s, not %s" % (found, expected)


def tag_of(answer):
    return ("If-None-Match", answer.header("ETag"))
