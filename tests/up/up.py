#!/usr/bin/python3
"""The part of ./dev up that asks and compares. Prints plain sentences; exit code 1 when what should
hold does not."""

import argparse
import sys

sys.dont_write_bytecode = True

import cluster
from cluster import Failure, Nodes


def say(text):
    print(text, flush=True)


def run_wait(arguments):
    """Until the cluster has all members and voters, and the node leads something."""
    nodes = Nodes(arguments.target)
    state = cluster.wait_for("%d members, and %d voters and a leader of each range" % (
        arguments.members, arguments.voters), arguments.seconds, lambda: (
            lambda one: one if cluster.is_whole(one, arguments.members, arguments.voters) and
            cluster.led_by(one, arguments.leader) else None)(cluster.view(nodes)))
    nodes.close()
    leads = ", ".join("%s %d" % (one["name"], one["leads"]) for one in state["members"])
    say("%d members; each of %d ranges has %d voters; leading: %s" % (
        len(state["members"]), len(state["ranges"]), arguments.voters, leads))
    return 0


def run_led(arguments):
    state = cluster.view(Nodes(arguments.target))
    print(",".join(str(one) for one in sorted(cluster.led_by(state, arguments.leader))) if state else "")
    return 0


def run_leaders(arguments):
    ranges = {int(one) for one in arguments.ranges.split(",") if one}
    took = cluster.wait_for_leaders(arguments.target, arguments.leader, ranges, arguments.since,
                                    arguments.seconds)
    say("%s led %d ranges: they were without a leader for %.1f s, then others had taken over" % (
        arguments.leader, len(ranges), took))
    return 0


def run_verify(arguments):
    found = cluster.verify(arguments.record, arguments.hunt, arguments.target)
    say("%(claims)d claims: %(acknowledged)d acknowledged, %(unknown)d without an answer" % found)
    say("asked for the receipt of each acknowledged one: %(lost)d lost; %(kept)d are as they were, "
        "%(gone)d found nothing and are no longer kept" % found)
    for record in found["first_lost"]:
        say("lost: %s" % record)
    return 1 if found["lost"] or not found["acknowledged"] else 0


def run_boards(arguments):
    epoch, boards = cluster.wait_for_boards(arguments.target, arguments.hunt, arguments.after,
                                                  arguments.seconds)
    digests = {board and board["digest"] for board in boards}
    if len(digests) == 1 and None not in digests:
        say("epoch %d is complete on all %d nodes: %d players, the same board everywhere (digest %s)" % (
            epoch, len(boards), boards[0]["players"], boards[0]["digest"]))
        return 0
    say("epoch %d: the nodes' boards DIFFER: %s" % (epoch, boards))
    return 1


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("what", choices=["wait", "led", "leaders", "verify", "boards"])
    parser.add_argument("--target", required=True, type=lambda text: text.split(","))
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--members", type=int, default=3)
    parser.add_argument("--voters", type=int, default=3)
    parser.add_argument("--leader", default="", help="a node's name")
    parser.add_argument("--ranges", default="", help="leaders: which")
    parser.add_argument("--since", type=float, default=0, help="leaders: when it was killed")
    parser.add_argument("--hunt", default="")
    parser.add_argument("--record", default="")
    parser.add_argument("--after", type=int, default=0, help="boards: a later epoch than this")
    arguments = parser.parse_args()
    try:
        return globals()["run_" + arguments.what](arguments)
    except Failure as failure:
        say(str(failure))
        return 1


if __name__ == "__main__":
    sys.exit(main())
