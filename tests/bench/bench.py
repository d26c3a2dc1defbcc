"""All figures of Cairn, measured on this machine and printed as one table.

    bench.py --bin DIR --out DIR [full | quick | smoke | cluster | cluster-smoke | soak MINUTES]
             [--growth-max MB]

full, quick: everything, at two lengths. smoke: everything as short as it can be, to see that this
program works; the figures mean nothing. cluster, cluster-smoke: the same for three nodes. soak: only that, as long as is said; with --growth-max the
exit code is 1 when memory that no metric accounts for has grown by more.

DIR/results.json (of three nodes: DIR/cluster-results.json) gets all that was measured,
DIR/table.md or DIR/cluster-table.md the table. Exit code 1:
something could not be measured."""

import argparse
import json
import os
import platform
import sys
import time

import cluster
import rows
import soak
from node import Failure

SCALES = {
    "full": {"runs": 3, "seconds": 5, "players": 20000, "open_rate": 20000, "good_rate": 2000,
             "epoch_ms": 10000, "engine_players": (100000, 1000000), "engine_claims": 5000000,
             "redis_claims": 100000, "soak_players": 100000, "soak_rate": 20000,
             "soak_seconds": 120},
    "quick": {"runs": 1, "seconds": 3, "players": 20000, "open_rate": 20000, "good_rate": 2000,
              "epoch_ms": 1000, "engine_players": (100000, 1000000), "engine_claims": 2000000,
              "redis_claims": 50000, "soak_players": 100000, "soak_rate": 40000,
              "soak_seconds": 30},
    "smoke": {"runs": 1, "seconds": 1, "players": 200, "open_rate": 300, "good_rate": 100,
              "epoch_ms": 200, "engine_players": (1000, 2000), "engine_claims": 20000,
              "redis_claims": 2000, "soak_players": 200, "soak_rate": 500, "soak_seconds": 6},
}
HEADINGS = ("figure", "measured", "bound", "", "Redis, same run", "measured before")


def say(text):
    print(time.strftime("%H:%M:%S"), text, file=sys.stderr, flush=True)


def number(value, digits):
    return f"{value:,.{digits}f}".replace(",", " ")


def cells(row):
    measured = f"- ({row.missing})" if row.missing else "-"
    if row.values:
        measured = f"{number(row.figure(), row.digits)} {row.unit}".strip()
    bound = ""
    if row.bound is not None:
        word, limit = row.bound
        bound = ("at least " if word == ">=" else "at most ") + number(
            limit, 0 if limit == int(limit) else 1)
    verdict = {None: "", True: "holds", False: "MISSED"}[row.holds()]
    return (row.title, measured, bound, verdict, row.redis, row.earlier)


def without_empty(lines):
    """Without the columns that have a heading only; the one of the verdicts has none."""
    kept = [i for i in range(len(HEADINGS)) if any(line[i] for line in lines[1:])]
    return [[line[i] for i in kept] for line in lines]


def table(listed):
    lines = without_empty([HEADINGS] + [cells(row) for row in listed])
    widths = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))]
    right = (1, 2)

    def join(line):
        return "  ".join(text.rjust(width) if i in right else text.ljust(width)
                         for i, (text, width) in enumerate(zip(line, widths))).rstrip()

    rule = "  ".join("-" * width for width in widths)
    return "\n".join([join(lines[0]), rule] + [join(line) for line in lines[1:]])


def markdown(listed):
    """The same for README.md."""
    lines = without_empty([HEADINGS] + [cells(row) for row in listed])
    lines.insert(1, ["---", "--:", "--:", "---", "---", "---"][:len(lines[0])])
    return "\n".join("| " + " | ".join(text.strip() for text in line) + " |" for line in lines)


def machine():
    model = platform.machine()
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        for line in file:
            if line.startswith("model name"):
                model = line.split(":", 1)[1].strip()
                break
    return {"cpus": len(os.sched_getaffinity(0)), "model": model, "kernel": platform.release(),
            "load_before": os.getloadavg()[0]}


def measure_all(parts):
    """Each part by itself: what fails leaves its rows empty, and the others as they are."""
    failed = []
    for name, part in parts:
        try:
            part()
        except (Failure, OSError, ValueError, KeyError) as error:
            say(f"{name}: {error}")
            failed.append(name)
    return failed


def run_all(mode, bin_folder, out_folder):
    several = mode in cluster.SCALES
    scale = cluster.SCALES[mode] if several else SCALES[mode]
    kind = cluster.ClusterBench if several else rows.Bench
    listed = cluster.ROWS if several else rows.ROWS
    name = "cluster-" if several else ""
    about = machine()
    bench = kind(bin_folder, out_folder, scale, say)
    began = time.monotonic()
    failed = measure_all(bench.parts())
    results = os.path.join(out_folder, name + "results.json")
    with open(results, "w", encoding="utf-8") as file:
        json.dump({"mode": mode, "machine": about, "seconds": round(time.monotonic() - began),
                   "failed": failed, "rows": [row.to_json() for row in listed],
                   "raw": bench.raw}, file, indent=1)
    with open(os.path.join(out_folder, name + "table.md"), "w", encoding="utf-8") as file:
        file.write(markdown(listed) + "\n")
    print(f"\n{about['cpus']} x {about['model']}, Linux {about['kernel']}, "
          f"load {about['load_before']:.1f} before; medians of {scale['runs']}\n")
    print(table(listed))
    if about["load_before"] > about["cpus"] / 2:
        print("\nThe machine was busy with other things: these figures say little.")
    print(f"\nAll that was measured is in {results}")
    return 1 if failed else 0


def run_soak(arguments, minutes, out_folder):
    scale = SCALES["full"]
    plan = {"players": scale["soak_players"], "rate": scale["soak_rate"], "batch": 50,
            "seconds": round(minutes * 60)}
    if arguments.players:
        plan.update(players=arguments.players, rate=arguments.players // 2)
    found = soak.run(arguments.bin, out_folder, plan)
    print(json.dumps(found))
    grown = found["unexplained_growth_mb"]
    if arguments.growth_max is not None and grown > arguments.growth_max:
        say(f"memory that nobody accounts for grew by {grown:.2f} MB in the second half; "
            f"{out_folder}/soak.ndjson shows it")
        return 1
    return 0


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("mode", nargs="?", default="full", choices=[*SCALES, *cluster.SCALES, "soak"])
    parser.add_argument("minutes", nargs="?", type=float)
    parser.add_argument("--bin", required=True)
    parser.add_argument("--out", required=True)
    parser.add_argument("--players", type=int, help="of the soak")
    parser.add_argument("--growth-max", type=float, help="of the soak, in MB")
    arguments = parser.parse_args()
    if (arguments.minutes is not None) != (arguments.mode == "soak"):
        parser.error("soak, and only soak, takes its minutes")
    out_folder = os.path.abspath(arguments.out)
    os.makedirs(out_folder, exist_ok=True)
    try:
        if arguments.mode == "soak":
            return run_soak(arguments, arguments.minutes, out_folder)
        return run_all(arguments.mode, arguments.bin, out_folder)
    except Failure as failure:
        say(str(failure))
        return 1


if __name__ == "__main__":
    sys.exit(main())
