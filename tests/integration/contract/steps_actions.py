"""Actions, in every type and coding, and their receipts."""

import json
import uuid

import lz4.frame

from asking import JSON, PROTOBUF, SIMPLE, TOKEN, claim, expect, now_ms, player, reaction
from node import wait_until


def every_outcome_is_told(contract):
    play = lambda *about: contract.outcome("quay", claim(*about))
    expect(play(1, 1, 0), "found")
    expect(play(1, 1, 1), "conflict")
    expect(play(1, 2, 0), "already")
    expect(play(1, 3, 7000), "nothing")
    expect(play(1, 4, 2000), "tap")
    expect(play(1, 5, 3000), "closed")
    expect(play(1, 6, 0, now_ms() + 3600000), "clock_skew")
    expect(play(1, 7, 0, now_ms() - 3600000), "expired")
    expect(contract.outcome("quay", reaction=reaction(1, 8, 2)), "reacted")
    expect(contract.outcome("quay", reaction=reaction(1, 9, 1)), "invalid")
    for seq in range(10, 27):
        expect(play(3, seq, 7000), "nothing")
    expect(play(3, 1, 7000), "stale")
    slow = [contract.outcome("slow", claim(1, seq, x)) for seq, x in
            enumerate([0, 1000000, 7000, 7000], 1)]
    expect(slow, ["found", "too_fast", "too_fast", "rate_limited"])
    expect(contract.outcome("early", claim(1, 1, 0)), "not_open")
    expect(contract.outcome("over", claim(1, 1, 0)), "ended")
    expect(contract.outcome("land", {"player": player(1), "seq": "1", "lat": 43.6942, "lon": 7.2712,
                                     "time_ms": 0}), "found")


def limited_treasures_are_won_and_lost(contract):
    expect(contract.outcome("quay", claim(1, 27, 1000)), "pending")
    expect(contract.outcome("quay", claim(2, 1, 1000)), "pending")
    receipt = "/v1/hunts/quay/players/%s/actions/%d"
    wait_until("the first to have won", lambda: contract.get(
        receipt % (player(1), 27)).value["outcome"] == "won")
    wait_until("the second to have lost", lambda: contract.get(
        receipt % (player(2), 1)).value["outcome"] == "lost")
    expect(contract.outcome("quay", claim(3, 27, 1000)), "sold_out")


def a_cluster_that_is_full_says_so(contract):
    """Room for one player, and a sixteenth: rounded up."""
    contract.put(SIMPLE % ("tiny", ""), contract.small, [("Authorization", "Bearer " + TOKEN)])
    outcomes = [contract.outcome("tiny", claim(number, 1, 0), node=contract.small)
                for number in range(1, 5)]
    expect(outcomes[0], "found")
    expect(outcomes[-1], "full")


def protobuf_of(messages, hunt, claims, reactions):
    request = messages.HuntRequest(hunt=hunt)
    for one in claims:
        request.claims.add(player=uuid.UUID(one["player"]).bytes, seq=one["seq"], x=one["x"],
                           y=one["y"], time_ms=one["time_ms"])
    for one in reactions:
        request.reactions.add(player=uuid.UUID(one["player"]).bytes, seq=one["seq"],
                              to=uuid.UUID(one["to"]).bytes, emoji=one["emoji"],
                              time_ms=one["time_ms"])
    return request.SerializeToString()


def all_types_and_codings_say_the_same(contract):
    claims = [claim(4, 1, 0), claim(4, 2, 7000), claim(4, 3, 2000)]
    reactions = [reaction(4, 4, 2)]
    first = contract.post("quay", claims, reactions)
    for target, hunt in (("/hunt", "quay"), ("/v1/hunts/quay/claims", "")):
        body = {"claims": claims, "reactions": reactions}
        if hunt:
            body["hunt"] = hunt
        bodies = [(JSON, json.dumps(body).encode()),
                  (PROTOBUF, protobuf_of(contract.messages, hunt, claims, reactions))]
        for media, plain in bodies:
            for sent in (None, "lz4"):
                for taken in (None, "lz4"):
                    headers = [media]
                    headers += [("Content-Encoding", sent)] if sent else []
                    headers += [("Accept-Encoding", taken)] if taken else []
                    data = lz4.frame.compress(plain) if sent else plain
                    answer = contract.ask("POST", target, 200, headers, data)
                    expect(answer.header("Content-Encoding"), taken)
                    expect(answer.header("Content-Type"), media[1])
                    results = [dict(one, replayed=False) for one in answer.value["results"]]
                    for one, other in zip(results, first):
                        for name in ("player", "seq", "outcome", "points", "hlc", "epoch", "range"):
                            expect(one[name], other[name])


def bad_actions_are_refused(contract):
    for target, named in (("/hunt", {"hunt": "quay"}), ("/v1/hunts/quay/claims", {})):
        def refused(status, code, headers=(JSON,), text=None, **members):
            body = json.dumps({**named, **members}).encode() if text is None else text
            return contract.refused("POST", target, status, code, headers, body)

        good = claim(5, 1, 0)
        expect(refused(400, "missing_field", claims=[{"player": player(5)}]).value["field"],
               "claims[0].seq")
        refused(400, "unknown_field", claims=[dict(good, z=1)])
        refused(400, "wrong_type", claims=[dict(good, x="1")])
        refused(400, "malformed", text=b"{")
        refused(400, "malformed", headers=[PROTOBUF], text=b"\xff")
        refused(400, "malformed", headers=[JSON, ("Content-Encoding", "lz4")], text=b"{}")
        refused(422, "out_of_range", claims=[dict(good, seq=0)])
        refused(422, "no_actions", claims=[])
        refused(422, "too_many_actions", claims=[good] * 1001)
        refused(422, "wrong_plane", claims=[{"player": player(5), "seq": 1, "lat": 0, "lon": 0,
                                             "time_ms": 0}])
        refused(415, "unsupported_type", headers=[("Content-Type", "text/plain")], text=b"{}")
        refused(415, "unsupported_coding", headers=[JSON, ("Content-Encoding", "br")], text=b"{}")
        bomb = lz4.frame.compress(b" " * (1 << 21))
        refused(413, "body_too_large", headers=[JSON, ("Content-Encoding", "lz4")], text=bomb)
        unknown = target.replace("quay", "none")
        body = json.dumps({**({"hunt": "none"} if named else {}), "claims": [good]}).encode()
        contract.refused("POST", unknown, 404, "unknown_hunt", [JSON], body)
    contract.refused("GET", "/v1/hunts/quay/players/%s/actions/1" % player(5), 404, "not_judged")


def receipts_are_kept(contract):
    target = "/v1/hunts/quay/players/%s/actions/" % player(3)
    expect(contract.get(target + "26").value["outcome"], "nothing")
    contract.refused("GET", target + "10", 410, "receipt_gone")
    contract.refused("GET", target + "999", 404, "not_judged")
    contract.refused("GET", target + "0", 422, "out_of_range")
    contract.refused("GET", target + "x", 400, "malformed")
    contract.refused("GET", target.replace("quay", "none") + "1", 404, "unknown_hunt")
