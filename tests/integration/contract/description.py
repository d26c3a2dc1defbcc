"""The served description, as a judge of answers.

An answer is right when its status is described for the operation, its headers and its type are
those of that status, and its body is valid against the schema. What is not described is wrong.
"""

import gzip
import json
import re
import uuid

import jsonschema
import lz4.frame
import yaml

# Headers that say something about the interface: one of them that is not described is a fault.
TELLING = [
    "Accept-Encoding", "Allow", "Cache-Control", "Content-Encoding", "ETag", "Retry-After", "Vary",
    "WWW-Authenticate",
]


class Fault(AssertionError):
    """An answer is not as described."""


def unique_members(pairs):
    members = dict(pairs)
    if len(members) != len(pairs):
        raise Fault("a member is there twice: %s" % [key for key, _ in pairs])
    return members


def read_json(text):
    return json.loads(text, object_pairs_hook=unique_members)


class Operation:
    def __init__(self, path, method, about):
        self.path, self.method, self.about = path, method, about
        self.id = about["operationId"]
        self.pattern = re.compile(re.sub(r"\{[^}]*\}", "[^/]+", path.replace(".", r"\.")) + "$")


class Description:
    def __init__(self, text, messages):
        """`messages`: the module that protoc made of the protobuf schema."""
        self.root = yaml.safe_load(text)
        self.messages = messages
        self.operations = [
            Operation(path, method, about)
            for path, item in self.root["paths"].items()
            for method, about in item.items()
        ]
        self.seen = set()    # (operation id, status, type, coding)
        self.bodies = {}     # the same: (schema, body), one of each
        self.codes = set()
        self.outcomes = set()

    def find(self, method, target):
        """A HEAD is answered like a GET. A plain path comes before one with parameters."""
        path = target.split("?")[0]
        wanted = "get" if method == "HEAD" else method.lower()
        found = [one for one in self.operations if one.method == wanted and one.pattern.match(path)]
        if not found:
            raise Fault("%s %s is not described" % (method, target))
        return min(found, key=lambda one: one.path.count("{"))

    def resolve(self, about):
        while "$ref" in about:
            found = self.root
            for step in about["$ref"][2:].split("/"):
                found = found[step]
            about = found
        return about

    def faults(self, schema, value):
        judge = jsonschema.Draft202012Validator(
            {"allOf": [schema], "components": self.root["components"]})
        return ["%s: %s" % ("/".join(map(str, one.absolute_path)), one.message[:300])
                for one in judge.iter_errors(value)]

    def check(self, method, target, answer):
        operation = self.find(method, target)
        about = operation.about["responses"].get(str(answer.status))
        place = "%s %s -> %d" % (method, target, answer.status)
        if about is None:
            raise Fault("%s: the status is not described\n%s" % (place, answer.body[:500]))
        self.check_response(place, operation.id, self.resolve(about), answer, method == "HEAD")

    def check_response(self, place, name, about, answer, bodiless=False):
        self.check_headers(place, about.get("headers", {}), answer)
        content = about.get("content")
        media = (answer.header("Content-Type") or "").split(";")[0]
        if content is None:
            if answer.body or media:
                raise Fault("%s: it has a body" % place)
        elif media not in content:
            raise Fault("%s: its type is '%s'" % (place, media))
        coding = answer.header("Content-Encoding") or "identity"
        key = (name, str(answer.status), media, coding)
        if bodiless:
            if answer.body:
                raise Fault("%s: it has a body" % place)
        elif content is not None:
            self.check_body(place, key, content[media]["schema"], answer)
        self.seen.add(key)

    def check_headers(self, place, described, answer):
        for name, about in described.items():
            about = self.resolve(about)
            value = answer.header(name)
            if value is None and about.get("required"):
                raise Fault("%s: it has no %s" % (place, name))
            faults = self.faults(about["schema"], value) if value is not None else []
            if faults:
                raise Fault("%s: %s: %s" % (place, name, faults))
        for name in TELLING:
            if answer.header(name) is not None and name not in described:
                raise Fault("%s: %s is not described" % (place, name))

    def check_body(self, place, key, schema, answer):
        _, status, media, coding = key
        body = answer.body
        if coding == "gzip":
            body = gzip.decompress(body)
        elif coding == "lz4":
            body = lz4.frame.decompress(body)
        if media == "application/x-protobuf":
            value = self.read_results(body)
            schema = {"$ref": "#/components/schemas/HuntReply"}
        elif media.endswith("json"):
            value = read_json(body)
        else:
            value = body.decode()
        faults = self.faults(schema, value)
        if faults:
            raise Fault("%s: %s\n%s" % (place, "\n".join(faults), str(value)[:1000]))
        if media == "application/problem+json":
            if str(value["status"]) != status:
                raise Fault("%s: the problem is of status %s" % (place, value["status"]))
            self.codes.add(value["code"])
        if isinstance(value, dict):
            results = value.get("results", [value])
            self.outcomes.update(one["outcome"] for one in results if "outcome" in one)
        self.bodies.setdefault(key, (schema, value))
        answer.value = value

    def read_results(self, body):
        """A HuntReply as JSON would have it, by the rule of the schema: what does not apply is
        absent, and so zero or empty here."""
        reply = self.messages.HuntReply.FromString(body)
        if reply.SerializeToString(deterministic=True) != body or not reply.results:
            raise Fault("it is no HuntReply as a codec would write it")
        return {"results": [self.read_result(one) for one in reply.results]}

    def read_result(self, one):
        outcome = self.messages.Outcome.Name(one.outcome).lower()
        value = {
            "player": str(uuid.UUID(bytes=one.player)),
            "seq": str(one.seq),
            "outcome": outcome,
            "points": one.points,
            "state": "final" if one.final else "pending",
            "replayed": one.replayed,
        }
        if one.treasure:
            value["treasure"] = one.treasure
        if outcome not in ("full", "unavailable"):
            value.update(score=str(one.score), epoch=str(one.epoch), hlc=str(one.hlc), range=one.range)
        for name in ("log_index", "final_epoch"):
            if getattr(one, name):
                value[name] = str(getattr(one, name))
        if one.definition_version:
            value["definition_version"] = one.definition_version
        return value
