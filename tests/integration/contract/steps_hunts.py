"""The description itself, and hunts."""

import glob
import json
import os

import yaml

from asking import GZIP, HUNT, JSON, LAND, ORIGIN, SIMPLE, SLOW, SOURCE, TOKEN, YAML, expect, tag_of
from description import Fault
from mutants import mutants
from node import head_of, receive, wait_until


def the_description_is_the_file_of_the_repository(contract):
    with open(os.path.join(SOURCE, "node/openapi.yaml"), "rb") as file:
        expect(contract.text, file.read())
    answer = contract.get("/v1/openapi.yaml", headers=[GZIP])
    expect(answer.header("Content-Encoding"), "gzip")
    contract.get("/v1/openapi.yaml", 304, [GZIP, tag_of(answer)])


def the_hunts_that_come_with_it_are_as_described(contract):
    class Plain(yaml.SafeLoader):
        """Leaves times as they are written."""

    Plain.yaml_implicit_resolvers = {
        first: [(tag, pattern) for tag, pattern in resolvers if not tag.endswith("timestamp")]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }
    schema = {"$ref": "#/components/schemas/HuntFile"}
    files = glob.glob(os.path.join(SOURCE, "configs/hunts/*.yaml"))
    assert files
    for name in files:
        with open(name) as file:
            faults = contract.description.faults(schema, yaml.load(file, Plain))
        assert not faults, (name, faults)
    for text in (HUNT, LAND, SLOW):
        hunt = yaml.load(text, Plain)
        assert not contract.description.faults(schema, hunt)
        # And it would notice what the node refuses.
        for _, mutant in mutants(hunt):
            if contract.description.faults(schema, mutant):
                break
        else:
            raise Fault("no mutant of a hunt is refused")


# --- Hunts ----------------------------------------------------------------------------------------


def hunts_are_put(contract):
    contract.put(HUNT)
    contract.put(LAND)
    contract.put(SLOW)
    contract.put(SIMPLE % ("early", "opens_at: 2090-01-01T00:00:00Z\n"))
    contract.put(SIMPLE % ("over", "closes_at: 2020-01-01T00:00:00Z\n"))
    body = {"hunt": "simple", "plane": "flat",
            "treasures": [{"id": "a", "at": {"x": 0, "y": 0}, "radius": 1, "points": 1}]}
    body = json.dumps(body).encode()
    answer = contract.ask("PUT", "/v1/hunts/simple?dry_run=true", 200, [JSON], body)
    expect(answer.value, {"hunt": "simple", "dry_run": True})
    contract.refused("GET", "/v1/hunts/simple", 404, "unknown_hunt")
    contract.ask("PUT", "/v1/hunts/simple", 200, [JSON], body)


def bad_hunts_are_refused(contract):
    target = "/v1/hunts/bad"
    answer = contract.refused("PUT", target, 422, "invalid_hunt", [YAML],
                              b"hunt: bad\nplane: flat\ntreasures: [{ id: a, radius: 0 }]\n")
    assert len(answer.value["errors"]) >= 2, answer.value
    contract.refused("PUT", target, 422, "invalid_hunt", [JSON], b"{")
    # The small node takes larger bodies than a hunt file may be.
    contract.refused("PUT", target, 422, "too_large", [YAML, ("Authorization", "Bearer " + TOKEN)],
                     b"#" * ((1 << 20) + 1), contract.small)
    contract.refused("PUT", target, 422, "invalid_hunt", [YAML, ("Authorization", "Bearer " + TOKEN)],
                     b"#" * (1 << 20), contract.small)
    contract.refused("PUT", target, 415, "unsupported_type", [("Content-Type", "text/plain")], b"x")
    contract.refused("PUT", target, 415, "unsupported_coding", [YAML, ("Content-Encoding", "gzip")], b"x")
    contract.refused("PUT", target + "?dry_run=maybe", 400, "malformed", [YAML], b"x")
    contract.refused("PUT", target + "?force=true", 400, "unknown_field", [YAML], b"x")
    contract.refused("PUT", "/v1/hunts/Bad", 400, "malformed", [YAML], b"x")
    contract.refused("PUT", target, 403, "foreign_origin", [YAML, ("Origin", "null")], b"x")


def two_at_once_conflict(contract):
    """The decision takes a write to the disk; sooner or later the second comes in between."""
    body = (SIMPLE % ("simple", "")).encode()
    head = head_of("PUT", "/v1/hunts/simple", [YAML, ("Content-Length", str(len(body)))])

    def conflict():
        with contract.node.connect() as first, contract.node.connect() as second:
            first.sendall(head + body)
            second.sendall(head + body)
            answers = [receive(one, "PUT") for one in (first, second)]
        for answer in answers:
            contract.description.check("PUT", "/v1/hunts/simple", answer)
        return 409 in [answer.status for answer in answers]

    wait_until("a conflict", conflict)


def hunts_are_read(contract):
    answer = contract.get("/v1/hunts/quay")
    expect(answer.header("Content-Encoding"), None)
    answer = contract.get("/v1/hunts/quay", headers=[GZIP, ORIGIN])
    expect(answer.header("Content-Encoding"), "gzip")
    expect(answer.header("Access-Control-Allow-Origin"), ORIGIN[1])
    contract.get("/v1/hunts/quay", 304, [GZIP, tag_of(answer)])
    contract.get("/v1/hunts/land")
    contract.get("/v1/hunts/quay?version=1")
    contract.refused("GET", "/v1/hunts/quay?version=9", 404, "unknown_version")
    contract.refused("GET", "/v1/hunts/quay?version=0", 422, "out_of_range")
    contract.refused("GET", "/v1/hunts/quay", 403, "foreign_origin", [("Origin", "http://a.example")])
    for _ in range(17):
        contract.put(SIMPLE % ("simple", ""))
    contract.refused("GET", "/v1/hunts/simple?version=1", 410, "version_gone")
    answer = contract.get("/v1/hunts")
    assert {"quay", "land", "simple"} <= {one["hunt"] for one in answer.value["hunts"]}
    contract.get("/v1/hunts", 304, [tag_of(answer)])
    for number in range(4):
        contract.put(SIMPLE % ("x" * 60 + str(number), "title: %s\n" % ("t" * 100)))
    expect(contract.get("/v1/hunts", headers=[GZIP]).header("Content-Encoding"), "gzip")
