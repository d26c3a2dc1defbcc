"""Answers that are nearly right. A description that takes one of them would not notice the same
fault in the node."""

import copy

# Members that an answer may do without; hunt and version only below the top.
OPTIONAL = {
    "field", "retryable", "missing_ranges", "errors", "line",             # problems
    "treasure", "definition_version", "log_index",                         # depend on the outcome
    "rank", "rank_epoch", "settled_through_epoch", "hint", "supply_left",  # players
    "reactions_missing", "x", "y", "lat", "lon", "radius",
    "digest", "next_cursor", "hlc", "supply",                              # boards
    "title", "opens_at", "closes_at", "rate", "window", "taps", "unlock", "decay",  # hunts
    "hunt", "version", "clock_offset_us", "leader", "term", "applied",     # the cluster
}

# Whose members have names of the players' own choice.
FREE = {"reactions"}


def objects(value, path=()):
    """Paths of all objects in the value, itself included."""
    if isinstance(value, dict):
        yield path
        for key, member in value.items():
            if key not in FREE or not isinstance(member, dict):
                yield from objects(member, path + (key,))
    elif isinstance(value, list):
        for at, item in enumerate(value[:2]):
            yield from objects(item, path + (at,))


def at(value, path):
    for step in path:
        value = value[step]
    return value


def other_type(value):
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return str(value)
    if isinstance(value, str):
        return int(value) if value.isdigit() else 7
    return "text"


def changed(value, path, change):
    mutant = copy.deepcopy(value)
    change(at(mutant, path))
    return mutant


def mutants(value):
    """Pairs of what was done and what came of it."""
    for path in objects(value):
        place = "/".join(map(str, path))
        yield place + ": a member more", changed(value, path, lambda o: o.update(zzz=1))
        for key in at(value, path):
            def rename(o, key=key):
                o[key + "x"] = o.pop(key)

            def retype(o, key=key):
                o[key] = other_type(o[key])

            yield "%s/%s renamed" % (place, key), changed(value, path, rename)
            yield "%s/%s of another type" % (place, key), changed(value, path, retype)
            if key not in OPTIONAL or (key in ("hunt", "version") and not path):
                yield "%s/%s missing" % (place, key), changed(value, path, lambda o: o.pop(key))
