"""Nothing that is described is left over, and the description takes nothing else.

What is not provoked is named here, each with its reason."""

import glob
import os
import re

from asking import SOURCE, expect
from mutants import mutants

CODES_NOT_PROVOKED = {
    "full": "64 hunts, or 4096 treasures of one",
    "loopback_only": "needs another address than loopback: tests/unit/test_routes_remote.c",
    "no_leader": "a sole node leads from its start to its end",
    "disk_full": "the disk has room: tests/integration/test_disk_full.c",
    "no_memory": "memory does not run out here",
    "not_ready": "a node that says ready is",
    "not_settled": "needs a cursor from another node",
    "overloaded": "50 000 actions waiting: tests/unit/test_routes.c",
    "ranges_unavailable": "a sole node has all ranges",
    "unavailable": "a request that is not known to be judged: tests/unit/test_routes.c",
}
OUTCOMES_NOT_PROVOKED = {
    "unavailable": "as above",
}
STATUSES_NOT_PROVOKED = set()


def every_status_and_type_was_seen(contract):
    description = contract.description
    seen = {(name, status) for name, status, _, _ in description.seen}
    types = {(name, status, media) for name, status, media, _ in description.seen}
    codings = {(name, coding) for name, _, _, coding in description.seen}
    missing = []
    for operation in description.operations:
        for status, about in operation.about["responses"].items():
            about = description.resolve(about)
            if (operation.id, status) not in seen:
                missing.append((operation.id, status))
            for media in about.get("content", {}):
                if (operation.id, status, media) not in types:
                    missing.append((operation.id, status, media))
            coding = about.get("headers", {}).get("Content-Encoding")
            if coding and (operation.id, description.resolve(coding)["schema"]["const"]) not in codings:
                missing.append((operation.id, description.resolve(coding)["schema"]["const"]))
    missing = [one for one in missing if one not in STATUSES_NOT_PROVOKED]
    assert not missing, "described, and not seen: %s" % missing


def every_code_and_outcome_was_seen(contract):
    schemas = contract.description.root["components"]["schemas"]
    codes = set(schemas["Code"]["enum"])
    expect(sorted(codes - contract.description.codes), sorted(CODES_NOT_PROVOKED))
    outcomes = set(schemas["Outcome"]["enum"])
    expect(sorted(outcomes - contract.description.outcomes), sorted(OUTCOMES_NOT_PROVOKED))


def every_code_of_the_sources_is_described(contract):
    word = r'"([a-z_]+)"'
    found = set()
    for folder in ("node", "proto"):
        for name in glob.glob(os.path.join(SOURCE, folder, "*.c")):
            with open(name) as file:
                text = file.read()
            for one in re.finditer(r"\b4\d\d,\s*%s|\b50[13],\s*%s|\.code = %s" % (word, word, word), text):
                found.update(filter(None, one.groups()))
            for one in re.finditer(r"\? %s\s*: %s,\s*(?:parameter\.name|\"\")" % (word, word), text):
                found.update(one.groups())
    described = set(contract.description.root["components"]["schemas"]["Code"]["enum"])
    expect(sorted(found), sorted(described))


def nearly_right_answers_are_refused(contract):
    description = contract.description
    survivors, tried = [], 0
    for (name, status, _, _), (schema, value) in description.bodies.items():
        if not isinstance(value, dict):
            continue
        for what, mutant in mutants(value):
            tried += 1
            if not description.faults(schema, mutant):
                survivors.append("%s %s %s" % (name, status, what))
    assert tried > 1000, tried
    assert not survivors, "\n".join(survivors[:40])
    print("  %d mutants" % tried)
