"""Pages of players, boards, awards, epochs, and the cluster."""

from asking import GZIP, SIMPLE, TOKEN, YAML, claim, expect, player, tag_of
from node import send, wait_until


def pages_tell_what_is_open(contract):
    target = "/v1/hunts/quay/players/" + player(1)
    answer = wait_until("a rank", lambda: (lambda one: "rank" in one.value and one)(contract.get(target)))
    assert answer.value["won"] == ["chest"] and answer.value["found"] == ["gate"], answer.value
    contract.get(target + "?consistent=true")
    other = "/v1/hunts/quay/players/" + player(2)
    wait_until("a reaction", lambda: contract.get(other).value["reactions"].get("\U0001F525"))
    contract.get("/v1/hunts/quay/players/" + player(99))
    assert "lat" in contract.get("/v1/hunts/land/players/" + player(99)).value["open"][0]
    contract.refused("GET", target + "?consistent=1", 400, "malformed")
    contract.refused("GET", "/v1/hunts/quay/players/1", 400, "malformed")
    contract.refused("GET", "/v1/hunts/none/players/" + player(1), 404, "unknown_hunt")
    unchanged(contract, target)


def unchanged(contract, target):
    """304 for what the client has. Epochs pass, and what is told changes with them; so both are
    asked for until they fall into one."""
    def same():
        first = contract.get(target)
        again = send(contract.node, "GET", target, [tag_of(first)])
        contract.description.check("GET", target, again)
        return again.status == 304 and again.header("ETag") == first.header("ETag")

    wait_until("the same answer twice", same)


def boards_are_read_page_by_page(contract):
    # So many that a page is worth compressing.
    contract.post("quay", [claim(number, 100, 0) for number in range(100, 130)])
    target = "/v1/hunts/quay/leaderboard"
    first = wait_until("a board of all", lambda: (
        lambda one: one.value["players"] >= 34 and one)(contract.get(target + "?limit=20")))
    epoch = first.value["epoch"]
    rest = contract.get(target + "?limit=1000&cursor=" + first.value["next_cursor"])
    expect(rest.value["epoch"], epoch)
    expect([one["rank"] for one in first.value["entries"] + rest.value["entries"]],
           list(range(1, len(first.value["entries"] + rest.value["entries"]) + 1)))
    assert "next_cursor" not in rest.value
    pinned = contract.get(target + "?epoch=" + epoch, headers=[GZIP])
    expect(pinned.header("Content-Encoding"), "gzip")
    expect(pinned.header("Cache-Control"), "public, max-age=31536000, immutable")
    contract.get(target + "?epoch=" + epoch, 304, [GZIP, tag_of(pinned)])
    contract.get("/v1/hunts/early/leaderboard")
    contract.refused("GET", target + "?limit=1001", 422, "out_of_range")
    contract.refused("GET", target + "?limit=0", 422, "out_of_range")
    contract.refused("GET", target + "?limit=x", 400, "malformed")
    contract.refused("GET", target + "?cursor=x", 400, "malformed")
    contract.refused("GET", target + "?epoch=99999999999999", 404, "unknown_epoch")
    contract.refused("GET", "/v1/hunts/none/leaderboard", 404, "unknown_hunt")
    old_epochs_are_gone(contract, epoch, first.value["next_cursor"])


def old_epochs_are_gone(contract, epoch, cursor):
    """The newest 16 are kept; a claim in each makes them pass one by one."""
    seqs = iter(range(1000, 100000))

    def gone():
        contract.outcome("quay", claim(6, next(seqs), 7000))
        answer = send(contract.node, "GET", "/v1/epochs/" + epoch)
        contract.description.check("GET", "/v1/epochs/" + epoch, answer)
        return answer.status == 410

    wait_until("the epoch to be gone", gone)
    target = "/v1/hunts/quay/leaderboard"
    contract.refused("GET", target + "?epoch=" + epoch, 410, "epoch_gone")
    contract.refused("GET", target + "?cursor=" + cursor, 410, "epoch_gone")


def neighbours_are_found(contract):
    target = "/v1/hunts/quay/leaderboard/around/" + player(1)
    expect(contract.get(target).value["rank"], 1)
    expect(contract.get(target + "?limit=1000", headers=[GZIP]).header("Content-Encoding"), "gzip")
    expect(contract.get(target.replace(player(1), player(99))).value["entries"], [])
    contract.refused("GET", target + "?limit=0", 422, "out_of_range")
    contract.refused("GET", target + "?limit=1001", 422, "out_of_range")
    contract.refused("GET", target.replace(player(1), "1"), 400, "malformed")
    contract.refused("GET", target.replace("quay", "none"), 404, "unknown_hunt")
    unchanged(contract, target)


def awards_are_told(contract):
    target = "/v1/hunts/quay/awards"
    winners = contract.get(target).value["awards"][0]["winners"]
    expect([one["player"] for one in winners], [player(1)])
    contract.put(SIMPLE.replace("points: 1", "points: 1, supply: 1000") % ("many", ""))
    contract.post("many", [claim(number, 1, 0) for number in range(1, 31)])
    many = "/v1/hunts/many/awards"
    wait_until("thirty winners", lambda: contract.get(many).value["awards"][0]["awarded"] == 30)
    expect(contract.get(many, headers=[GZIP]).header("Content-Encoding"), "gzip")
    first = contract.get(many + "?limit=29").value
    rest = contract.get(many + "?cursor=" + first["next_cursor"]).value
    expect([one["place"] for one in rest["awards"][0]["winners"]], [30])
    contract.refused("GET", target + "?limit=1001", 422, "out_of_range")
    contract.refused("GET", target + "?cursor=x", 400, "malformed")
    contract.refused("GET", "/v1/hunts/none/awards", 404, "unknown_hunt")
    unchanged(contract, target)


def epochs_are_told(contract):
    latest = contract.get("/v1/epochs/latest").value
    expect(latest["state"], "complete")
    assert latest["hunts"] and latest["summaries"], latest
    contract.get("/v1/epochs/" + latest["epoch"])
    wait_until("an open epoch", lambda: contract.get(
        "/v1/epochs/%d" % contract.epoch()).value["state"] == "open")
    contract.refused("GET", "/v1/epochs/99999999999999", 404, "unknown_epoch")
    contract.refused("GET", "/v1/epochs/newest", 400, "malformed")
    unchanged(contract, "/v1/epochs/latest")


def the_cluster_is_told(contract):
    cluster = contract.get("/v1/cluster").value
    expect([one["name"] for one in cluster["members"]], ["n1"])
    expect(cluster["ranges"][0]["from"], 0)
    expect(cluster["ranges"][-1]["to"], 65535)
    for method, target in (("POST", "/v1/cluster/nodes/%s/drain"), ("DELETE", "/v1/cluster/nodes/%s")):
        empty = b"" if method == "POST" else None
        contract.refused(method, target % "n1", 409, "only_node", body=empty)
        contract.refused(method, target % "n2", 404, "unknown_node", body=empty)
        contract.refused(method, target % "N1", 400, "malformed", body=empty)
        contract.refused(method, target % "n1", 403, "foreign_origin", [("Origin", "null")], empty)


def a_cluster_of_two_is_told_by_both(contract):
    """The founder holds the only replica of each range; the other one tells of ranges that it does
    not hold, and of no entry that it has applied."""
    first, second = contract.pair
    wait_until("both members", lambda: all(
        len(contract.get("/v1/cluster", node=node).value["members"]) == 2 for node in contract.pair))
    here, there = [contract.get("/v1/cluster", node=node).value for node in contract.pair]
    expect([here["node"], there["node"]], ["n1", "n2"])
    expect(here["map_version"], there["map_version"])
    for cluster in (here, there):
        expect([one["name"] for one in cluster["members"]], ["n1", "n2"])
        expect([one["replicas"] for one in cluster["members"]], [len(here["ranges"]), 0])
        expect([one["voters"] for one in cluster["ranges"]], [["n1"]] * len(here["ranges"]))
        expect([one["learners"] for one in cluster["ranges"]], [[]] * len(here["ranges"]))
    bounds = [[(one["from"], one["to"]) for one in cluster["ranges"]] for cluster in (here, there)]
    expect(bounds[0], bounds[1])
    expect({one["leader"] for one in here["ranges"]}, {"n1"})
    expect([one["leads"] for one in here["members"]], [len(here["ranges"]), 0])
    expect({one.get("leader", "n1") for one in there["ranges"]}, {"n1"})
    assert all("applied" in one for one in here["ranges"]), here
    assert not any("applied" in one for one in there["ranges"]), there
    for node in contract.pair:
        contract.refused("POST", "/v1/cluster/nodes/n2/drain", 501, "not_supported", body=b"", node=node)
        contract.refused("DELETE", "/v1/cluster/nodes/n2", 501, "not_supported", node=node)
        contract.refused("POST", "/v1/cluster/nodes/n3/drain", 404, "unknown_node", body=b"", node=node)


def a_node_without_replicas_serves_players(contract):
    """What it is asked for it gets from the node that knows."""
    first, second = contract.pair
    contract.put(SIMPLE % ("tiny", ""), second)
    wait_until("the hunt to be known", lambda: contract.get("/v1/hunts", node=second).value["hunts"])
    expect(contract.outcome("tiny", claim(1, 1, 0), node=second), "found")
    for node in contract.pair:
        page = contract.get("/v1/hunts/tiny/players/" + player(1), node=node).value
        expect((page["score"], page["found"], page["last_seq"]), ("1", ["a"], "1"))
        receipt = contract.get("/v1/hunts/tiny/players/%s/actions/1" % player(1), node=node).value
        expect(receipt["outcome"], "found")


def the_node_is_well(contract):
    contract.get("/healthz")
    contract.get("/readyz")
    contract.get("/metrics")
    expect(contract.get("/metrics", headers=[GZIP]).header("Content-Encoding"), "gzip")


def large_answers_are_gzipped_everywhere(contract):
    """A page of a player, too, when hints are long."""
    hunt = "hunt: wide\nplane: flat\ntreasures:\n"
    for number in range(20):
        hunt += "  - { id: t%d, at: { x: %d, y: 0 }, radius: 1, points: 1, hint: %s }\n" % (
            number, number * 10, "h" * 90)
    contract.put(hunt)
    target = "/v1/hunts/wide/players/" + player(1)
    wait_until("a page that is gzipped", lambda: contract.get(target, headers=[GZIP]).header(
        "Content-Encoding") == "gzip")


def the_token_guards_what_it_should(contract):
    right = [("Authorization", "Bearer " + TOKEN)]
    wrong = [("Authorization", "Bearer sesam")]
    cases = [("GET", "/v1/hunts/tiny", (), None, 200),
             ("PUT", "/v1/hunts/tiny", (YAML,), (SIMPLE % ("tiny", "")).encode(), 200),
             ("POST", "/v1/cluster/nodes/n1/drain", (), b"", 409),
             ("DELETE", "/v1/cluster/nodes/n1", (), None, 409)]
    for method, target, headers, body, status in cases:
        for token in ([], wrong):
            answer = contract.refused(method, target, 401, "unauthorized", [*headers, *token], body,
                                      contract.small)
            assert answer.header("WWW-Authenticate").startswith("Bearer")
        contract.ask(method, target, status, [*headers, *right], body, contract.small)
    contract.get("/v1/hunts", node=contract.small)
    contract.get("/v1/cluster", node=contract.small)
