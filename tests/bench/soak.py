"""A soak: players who go on claiming, and the node's memory meanwhile.

Memory has parts that must grow or swing: 48 bytes for each receipt of an accepted claim, which is
kept as long as the hunt, and RocksDB's memtables, which fill up to 8 MiB and are written out. What
is left is compared between the third and the fourth quarter of the time: everybody has come by
then, and the boards of the newest 16 epochs are there, so it must not grow any more."""

import json
import os
import statistics
import subprocess
import time

from node import Failure, Node, check_report

RECEIPT_BYTES = 48
SAMPLE_S = 0.5
KEPT = {
    "resident": "cairn_resident_bytes",
    "heap": "cairn_heap_used_bytes",
    "mapped": "cairn_heap_mapped_bytes",
    "receipts": "cairn_receipts",
    "players": "cairn_players",
    "memtables": "cairn_store_memtable_bytes",
    "tables": "cairn_store_table_memory_bytes",
    "boards": "cairn_boards_bytes",
    "turn": "cairn_turn_memory_bytes",
    "tails": "cairn_log_tail_bytes",
    "ledgers": "cairn_ledgers_bytes",
    "allocations": "cairn_heap_allocations_total",
    "descriptors": "cairn_descriptors_open",
}
ACCOUNTED = ("tables", "boards", "tails", "ledgers", "turn")


def without_receipts(sample):
    return sample["resident"] - RECEIPT_BYTES * sample["receipts"]


def steady(sample):
    return without_receipts(sample) - sample["memtables"]


def unexplained(sample):
    """What no part of the node says that it holds: a leak would be here."""
    return steady(sample) - sum(sample[name] for name in ACCOUNTED)


def sample_of(node, began):
    page = node.metrics()
    sample = {name: page.get(series, 0) for name, series in KEPT.items()}
    sample["s"] = round(time.monotonic() - began, 2)
    return sample


def watch(node, options):
    """Runs the load and looks at the node meanwhile."""
    samples = []
    began = time.monotonic()
    with subprocess.Popen(node.load_command(options), stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE) as load:
        try:
            while load.poll() is None:
                samples.append(sample_of(node, began))
                if time.monotonic() - began > 2 * options["seconds"] + 120:
                    raise Failure("cairn-load does not end")
                time.sleep(SAMPLE_S)
        finally:
            if load.poll() is None:
                load.kill()
        text, error = load.communicate()
    if load.returncode != 0:
        raise Failure("cairn-load: " + error.decode()[-500:])
    report = json.loads(text)
    check_report(report)
    return report, samples


def quarter(samples, nth, size):
    """The middle of what was measured in that quarter of the time."""
    count = len(samples)
    part = samples[count * nth // 4:count * (nth + 1) // 4]
    return statistics.median(map(size, part))


def judge(samples):
    if len(samples) < 8:
        raise Failure(f"only {len(samples)} looks at the node: too short a soak")

    def growth_mb(size):
        return (quarter(samples, 3, size) - quarter(samples, 2, size)) / 1e6

    return {"without_receipts_mb": quarter(samples, 3, without_receipts) / 1e6,
            "growth_mb": growth_mb(steady),
            "unexplained_growth_mb": growth_mb(unexplained),
            "resident_mb": samples[-1]["resident"] / 1e6,
            "players": samples[-1]["players"],
            "receipts": samples[-1]["receipts"],
            "descriptors": samples[-1]["descriptors"]}


def epoch_ms(seconds):
    """Sixteen epochs are over in the first quarter."""
    return max(200, min(10000, seconds * 1000 // 80))


def run(bin_folder, out_folder, plan):
    """plan: players, rate, batch, seconds. In the first half each player is to have a dozen turns,
    so that nobody is new in the second."""
    options = {"players": plan["players"], "rate": plan["rate"], "batch": plan["batch"],
               "seconds": plan["seconds"], "format": "protobuf+lz4"}
    with Node(bin_folder, out_folder, epoch_ms(plan["seconds"])) as node:
        report, samples = watch(node, options)
    found = judge(samples)
    found["claims_per_s"] = report["rate"]
    found["p99_ms"] = report["p99_ms"]
    with open(os.path.join(out_folder, "soak.ndjson"), "w", encoding="utf-8") as file:
        for sample in samples:
            file.write(json.dumps(sample) + "\n")
    return found
