#!/usr/bin/python3
"""Real answers of a real node, held against the description that it serves.

Every operation is asked for, every status that is described is provoked, and each answer must be as
described: status, headers, type, body. At the end nothing may be left over: no status, type, coding,
code or outcome that is described and was not seen, but for a few that steps_rest.py names, each with
its reason. And answers that are nearly right (mutants) must be refused, or the description would
judge nothing.
"""

import importlib
import os
import subprocess
import sys
import tempfile
import time
import traceback

SKIPPED = 77
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "contract"))
sys.dont_write_bytecode = True

try:
    import google.protobuf
    import jsonschema
    import lz4.frame
    import yaml
except ImportError as error:
    print("skipped: %s (./dev install brings it)" % error)
    sys.exit(SKIPPED)

import steps_actions
import steps_hunts
import steps_pages
import steps_paths
import steps_rest
from asking import SOURCE, TOKEN, Contract
from node import Node

STEPS = [
    steps_hunts.the_description_is_the_file_of_the_repository,
    steps_hunts.the_hunts_that_come_with_it_are_as_described,
    steps_hunts.hunts_are_put,
    steps_hunts.bad_hunts_are_refused,
    steps_hunts.two_at_once_conflict,
    steps_actions.every_outcome_is_told,
    steps_actions.limited_treasures_are_won_and_lost,
    steps_actions.a_cluster_that_is_full_says_so,
    steps_actions.all_types_and_codings_say_the_same,
    steps_actions.bad_actions_are_refused,
    steps_actions.receipts_are_kept,
    steps_pages.pages_tell_what_is_open,
    steps_pages.boards_are_read_page_by_page,
    steps_pages.neighbours_are_found,
    steps_pages.awards_are_told,
    steps_pages.epochs_are_told,
    steps_pages.the_cluster_is_told,
    steps_pages.a_cluster_of_two_is_told_by_both,
    steps_pages.a_node_without_replicas_serves_players,
    steps_pages.the_node_is_well,
    steps_hunts.hunts_are_read,
    steps_pages.large_answers_are_gzipped_everywhere,
    steps_pages.the_token_guards_what_it_should,
    steps_paths.broken_requests_are_refused_on_every_path,
    steps_paths.each_kind_of_malformed_http_has_its_code,
    steps_paths.slow_requests_are_given_up_on_every_path,
    steps_paths.a_crowded_node_says_so_on_every_path,
    steps_paths.head_is_like_get_without_the_body,
    steps_paths.other_methods_are_told_which_are_allowed,
    steps_rest.every_status_and_type_was_seen,
    steps_rest.every_code_and_outcome_was_seen,
    steps_rest.every_code_of_the_sources_is_described,
    steps_rest.nearly_right_answers_are_refused,
]


def compile_messages(folder):
    """What protoc makes of the schema that the description holds is the same as of this file."""
    subprocess.run(["protoc", "--proto_path=" + os.path.join(SOURCE, "proto"),
                    "--python_out=" + folder, "cairn.proto"], check=True)
    sys.path.insert(0, folder)
    return importlib.import_module("cairn_pb2")


def main():
    with tempfile.TemporaryDirectory() as folder, \
            Node(ranges=16) as node, \
            Node(ranges=1, players_max=1, request_ms=3000, body_bytes=1 << 21, token=TOKEN) as small, \
            Node(epoch_ms=600000, connections=3) as crowded, \
            Node(replicas=1) as first, \
            Node(name="n2", join=first.peer) as second:
        contract = Contract(node, small, crowded, (first, second), compile_messages(folder))
        for step in STEPS:
            began = time.monotonic()
            try:
                step(contract)
            except Exception:
                traceback.print_exc()
                print("FAILED %s" % step.__name__)
                return 1
            print("ok %s (%.1f s)" % (step.__name__, time.monotonic() - began), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
