#include "cluster/epochs/ledgers.h"

#include <stdlib.h>
#include <string.h>

#include "cluster/base/check.h"
#include "cluster/base/hash.h"

/* Ranges settle an epoch or a few apart, so digests are compared over this many. */
#define VOICES_KEPT 64

/* Epochs that are known: the ledger is the first one's, the others are empty. */
struct run {
    struct run *previous, *next;
    uint64_t from, through;
    struct ledger *ledger; /* NULL: the first one is empty too */
    uint64_t digest;       /* of the ledger's canonical bytes */
    size_t bytes;          /* of the budget */
};

/* What is known of one range: runs that rise and do not overlap. One that has no ledger never
 * follows another without a gap: it is part of it. */
struct shelf {
    struct run *first, *last;
    bool any, settled_any; /* as the newest summary says */
    uint64_t newest, settled_through;
};

/* A range said what it came to, having settled through this epoch. */
struct voice {
    uint64_t epoch, digest;
    uint32_t range;
};

struct ledgers {
    uint32_t ranges;
    uint64_t floor; /* nothing before it is kept */
    size_t budget, bytes;
    struct voice voices[VOICES_KEPT]; /* by rising epoch */
    uint32_t voice_count;
    struct ledgers_settled differing; /* only what is said of two that differ */
    struct shelf shelves[];
};

struct ledgers *ledgers_new(uint32_t ranges, uint64_t first_epoch, size_t budget_bytes)
{
    CHECK(ranges > 0);
    CHECK(ranges <= RANGES_MAX);
    struct ledgers *ledgers = calloc(1, sizeof *ledgers + ranges * sizeof ledgers->shelves[0]);
    if (ledgers == NULL)
        return NULL;
    ledgers->ranges = ranges;
    ledgers->floor = first_epoch;
    ledgers->budget = budget_bytes;
    return ledgers;
}

static void shelf_remove(struct ledgers *ledgers, struct shelf *shelf, struct run *run)
{
    *(run->previous != NULL ? &run->previous->next : &shelf->first) = run->next;
    *(run->next != NULL ? &run->next->previous : &shelf->last) = run->previous;
    CHECK(ledgers->bytes >= run->bytes);
    ledgers->bytes -= run->bytes;
    free(run->ledger);
    free(run);
}

static void shelf_remove_first(struct ledgers *ledgers, struct shelf *shelf)
{
    CHECK(shelf->first->previous == NULL);
    shelf_remove(ledgers, shelf, shelf->first);
}

static void shelf_remove_last(struct ledgers *ledgers, struct shelf *shelf)
{
    CHECK(shelf->last->next == NULL);
    shelf_remove(ledgers, shelf, shelf->last);
}

void ledgers_free(struct ledgers *ledgers)
{
    if (ledgers == NULL)
        return;
    for (uint32_t range = 0; range < ledgers->ranges; range++) {
        while (ledgers->shelves[range].first != NULL)
            shelf_remove_first(ledgers, &ledgers->shelves[range]);
    }
    CHECK(ledgers->bytes == 0);
    free(ledgers);
}

/* The last run that begins at the epoch or before; NULL: none does. What comes in is nearly always
 * the newest. */
static struct run *shelf_at(const struct shelf *shelf, uint64_t epoch)
{
    struct run *run = shelf->last;
    while (run != NULL && run->from > epoch)
        run = run->previous;
    return run;
}

/* What a summary adds: the part of its run that is not dropped. */
struct addition {
    uint64_t from, through;
    bool ledger; /* of `from`; else all is empty */
    uint64_t digest;
    size_t bytes;
};

static struct addition addition_of(const struct ledgers *ledgers, const struct summary *summary)
{
    struct addition addition = {
        .from = summary->from > ledgers->floor ? summary->from : ledgers->floor,
        .through = summary->through,
        .bytes = sizeof(struct run),
    };
    addition.ledger = summary->ledger_hunts > 0 && addition.from == summary->from;
    if (addition.ledger) {
        addition.digest = hash_bytes(summary->bytes + SUMMARY_HEADER_BYTES, summary->ledger_bytes);
        addition.bytes += summary->ledger_memory;
    }
    return addition;
}

/* Whether a run that begins at the addition's beginning or before says all of it, in the same way.
 */
static bool run_says(const struct run *run, const struct addition *addition)
{
    if (run->through < addition->through)
        return false;
    if (run->ledger == NULL || run->from < addition->from)
        return !addition->ledger;
    return addition->ledger && run->digest == addition->digest;
}

/* Makes room by giving up the newest runs that begin after the epoch; all or nothing. */
static bool make_room(struct ledgers *ledgers, size_t bytes, uint64_t epoch)
{
    CHECK(ledgers->bytes <= ledgers->budget);
    size_t possible = ledgers->budget - ledgers->bytes;
    if (possible >= bytes)
        return true;
    for (uint32_t range = 0; range < ledgers->ranges; range++) {
        const struct run *run = ledgers->shelves[range].last;
        for (; run != NULL && run->from > epoch; run = run->previous)
            possible += run->bytes;
    }
    if (possible < bytes)
        return false;
    while (ledgers->budget - ledgers->bytes < bytes) {
        struct shelf *newest = NULL;
        for (uint32_t range = 0; range < ledgers->ranges; range++) {
            struct shelf *shelf = &ledgers->shelves[range];
            if (shelf->last != NULL && (newest == NULL || shelf->last->from > newest->last->from))
                newest = shelf;
        }
        CHECK(newest != NULL);
        CHECK(newest->last->from > epoch);
        shelf_remove_last(ledgers, newest);
    }
    return true;
}

/* A run without a ledger that follows `run` without a gap becomes part of it. */
static void join_next(struct ledgers *ledgers, struct shelf *shelf, struct run *run)
{
    struct run *next = run->next;
    if (next == NULL || next->ledger != NULL || next->from != run->through + 1)
        return;
    run->through = next->through;
    shelf_remove(ledgers, shelf, next);
}

static enum status shelf_insert(struct ledgers *ledgers, const struct summary *summary,
                                const struct addition *addition)
{
    struct run *run = malloc(sizeof *run);
    if (run == NULL)
        return STATUS_NO_MEMORY;
    *run = (struct run){
        .from = addition->from,
        .through = addition->through,
        .digest = addition->digest,
        .bytes = addition->bytes,
    };
    const enum status status = addition->ledger ? summary_ledger(summary, &run->ledger) : STATUS_OK;
    if (status != STATUS_OK) {
        free(run);
        return status;
    }
    struct shelf *shelf = &ledgers->shelves[summary->range];
    run->previous = shelf_at(shelf, run->from);
    run->next = run->previous != NULL ? run->previous->next : shelf->first;
    *(run->previous != NULL ? &run->previous->next : &shelf->first) = run;
    *(run->next != NULL ? &run->next->previous : &shelf->last) = run;
    ledgers->bytes += run->bytes;
    join_next(ledgers, shelf, run);
    return STATUS_OK;
}

/* Takes epochs that are not known in. What has no ledger and follows a run without a gap becomes
 * part of it. */
static enum status shelf_put(struct ledgers *ledgers, const struct summary *summary,
                             const struct addition *addition)
{
    struct shelf *shelf = &ledgers->shelves[summary->range];
    struct run *before = shelf_at(shelf, addition->from);
    if (!addition->ledger && before != NULL && before->through + 1 == addition->from) {
        before->through = addition->through;
        join_next(ledgers, shelf, before);
        return STATUS_OK;
    }
    if (!make_room(ledgers, addition->bytes, addition->from))
        return STATUS_FULL;
    return shelf_insert(ledgers, summary, addition);
}

static enum status shelf_add(struct ledgers *ledgers, const struct summary *summary)
{
    const struct addition addition = addition_of(ledgers, summary);
    struct shelf *shelf = &ledgers->shelves[summary->range];
    const struct run *before = shelf_at(shelf, addition.from);
    if (before != NULL && before->through >= addition.from)
        return run_says(before, &addition) ? STATUS_OK : STATUS_CONFLICT;
    const struct run *after = before != NULL ? before->next : shelf->first;
    if (after != NULL && after->from <= addition.through)
        return STATUS_CONFLICT;
    return shelf_put(ledgers, summary, &addition);
}

/* Where what is known from this epoch on begins; UINT64_MAX: nothing is. */
static uint64_t known_from(const struct shelf *shelf, uint64_t epoch)
{
    const struct run *run = shelf->first;
    while (run != NULL && run->through < epoch)
        run = run->next;
    return run != NULL ? run->from : UINT64_MAX;
}

/* Whether what is known of these epochs, of which the first may have this ledger, says the same. */
static bool shelf_agrees(const struct shelf *shelf, const struct addition *addition)
{
    for (const struct run *run = shelf->first; run != NULL; run = run->next) {
        if (run->through < addition->from || run->from > addition->through)
            continue;
        const bool same_first = run->from == addition->from;
        const bool has = run->ledger != NULL && run->from >= addition->from;
        if (has && !(same_first && addition->ledger && run->digest == addition->digest))
            return false;
        if (addition->ledger && run->from <= addition->from && !has)
            return false;
    }
    return true;
}

static enum status shelf_fill(struct ledgers *ledgers, const struct summary *summary)
{
    struct shelf *shelf = &ledgers->shelves[summary->range];
    struct addition addition = addition_of(ledgers, summary);
    if (!shelf_agrees(shelf, &addition))
        return STATUS_CONFLICT;
    const uint64_t through = addition.through;
    enum status status = STATUS_OK;
    while (addition.from <= through && status == STATUS_OK) {
        const uint64_t known = known_from(shelf, addition.from);
        if (known > addition.from) {
            addition.through = known <= through ? known - 1 : through;
            status = shelf_put(ledgers, summary, &addition);
        }
        addition.from = ledgers_unknown(ledgers, summary->range, addition.from);
        addition.ledger = false;
        addition.digest = 0;
        addition.bytes = sizeof(struct run);
    }
    return status;
}

enum status ledgers_fill(struct ledgers *ledgers, const struct summary *summary)
{
    if (summary->range >= ledgers->ranges)
        return STATUS_INVALID;
    return summary->through < ledgers->floor ? STATUS_OK : shelf_fill(ledgers, summary);
}

static void hear_voice(struct ledgers *ledgers, const struct summary *summary)
{
    const uint64_t epoch = summary->settled_through;
    uint32_t at = ledgers->voice_count;
    while (at > 0 && ledgers->voices[at - 1].epoch > epoch)
        at--;
    struct voice *voice = at > 0 ? &ledgers->voices[at - 1] : NULL;
    if (voice != NULL && voice->epoch == epoch) {
        if (voice->digest == summary->settled_digest || ledgers->differing.differs)
            return;
        ledgers->differing = (struct ledgers_settled){
            .differs = true, .range = summary->range, .other = voice->range, .epoch = epoch};
        return;
    }
    if (ledgers->voice_count == VOICES_KEPT) {
        if (at == 0)
            return;
        at--;
        ledgers->voice_count--;
        memmove(&ledgers->voices[0], &ledgers->voices[1], at * sizeof ledgers->voices[0]);
    } else {
        memmove(&ledgers->voices[at + 1], &ledgers->voices[at],
                (ledgers->voice_count - at) * sizeof ledgers->voices[0]);
    }
    ledgers->voices[at] =
        (struct voice){.epoch = epoch, .digest = summary->settled_digest, .range = summary->range};
    ledgers->voice_count++;
}

static void hear(struct ledgers *ledgers, const struct summary *summary)
{
    if (summary->settled_any)
        hear_voice(ledgers, summary);
    struct shelf *shelf = &ledgers->shelves[summary->range];
    if (shelf->any && summary->through <= shelf->newest)
        return;
    shelf->any = true;
    shelf->newest = summary->through;
    shelf->settled_any = summary->settled_any;
    shelf->settled_through = summary->settled_through;
}

enum status ledgers_add(struct ledgers *ledgers, const struct summary *summary)
{
    if (summary->range >= ledgers->ranges)
        return STATUS_INVALID;
    const enum status status =
        summary->through < ledgers->floor ? STATUS_OK : shelf_add(ledgers, summary);
    /* What it says of settling counts even where the ledger finds no room. */
    if (status == STATUS_OK || status == STATUS_FULL)
        hear(ledgers, summary);
    return status;
}

/* Upwards, from the oldest: settling asks for those. */
static const struct run *shelf_covering(const struct shelf *shelf, uint64_t epoch)
{
    const struct run *run = shelf->first;
    while (run != NULL && run->through < epoch)
        run = run->next;
    return run != NULL && run->from <= epoch ? run : NULL;
}

uint64_t ledgers_unknown(const struct ledgers *ledgers, uint32_t range, uint64_t from)
{
    CHECK(range < ledgers->ranges);
    const struct run *run = shelf_covering(&ledgers->shelves[range], from);
    while (run != NULL && run->from <= from) {
        from = run->through + 1;
        run = run->next;
    }
    return from;
}

bool ledgers_have_all(const struct ledgers *ledgers, uint64_t from, uint64_t *ret_through)
{
    uint64_t unknown = UINT64_MAX;
    for (uint32_t range = 0; range < ledgers->ranges; range++) {
        const uint64_t next = ledgers_unknown(ledgers, range, from);
        if (next == from)
            return false;
        unknown = next < unknown ? next : unknown;
    }
    CHECK(unknown > from);
    *ret_through = unknown - 1;
    return true;
}

const struct ledger *ledgers_get(const struct ledgers *ledgers, uint64_t epoch, uint32_t range)
{
    CHECK(range < ledgers->ranges);
    const struct run *run = shelf_covering(&ledgers->shelves[range], epoch);
    return run != NULL && run->from == epoch ? run->ledger : NULL;
}

static int order_of_ledgers(const void *left, const void *right)
{
    const struct settle_ledger *a = left, *b = right;
    if (a->epoch != b->epoch)
        return a->epoch < b->epoch ? -1 : 1;
    return (a->range > b->range) - (a->range < b->range);
}

/* Counts the ledgers of the epochs; fills the list in where there is one. */
static uint32_t list_ledgers(const struct ledgers *ledgers, uint64_t from, uint64_t through,
                             struct settle_ledger *list)
{
    uint32_t count = 0;
    for (uint32_t range = 0; range < ledgers->ranges; range++) {
        const struct run *run = ledgers->shelves[range].first;
        for (; run != NULL && run->from <= through; run = run->next) {
            if (run->from < from || run->ledger == NULL)
                continue;
            if (list != NULL)
                list[count] = (struct settle_ledger){.epoch = run->from,
                                                     .range = range,
                                                     .digest = run->digest,
                                                     .ledger = run->ledger};
            count++;
        }
    }
    return count;
}

enum status ledgers_gather(const struct ledgers *ledgers, uint64_t from, uint64_t through,
                           struct settle_ledger **ret_list, uint32_t *ret_count)
{
    CHECK(from <= through);
    const uint32_t count = list_ledgers(ledgers, from, through, NULL);
    /* One more than needed, as malloc(0) may answer NULL. */
    struct settle_ledger *list = malloc((count + (size_t)1) * sizeof *list);
    if (list == NULL)
        return STATUS_NO_MEMORY;
    list_ledgers(ledgers, from, through, list);
    if (count > 0)
        qsort(list, count, sizeof *list, order_of_ledgers);
    *ret_list = list;
    *ret_count = count;
    return STATUS_OK;
}

/* The part of the run from the epoch on, which is empty. */
static void run_cut(struct ledgers *ledgers, struct run *run, uint64_t epoch)
{
    CHECK(run->from < epoch);
    CHECK(run->through >= epoch);
    run->from = epoch;
    free(run->ledger);
    run->ledger = NULL;
    CHECK(ledgers->bytes >= run->bytes - sizeof *run);
    ledgers->bytes -= run->bytes - sizeof *run;
    run->bytes = sizeof *run;
}

void ledgers_drop_before(struct ledgers *ledgers, uint64_t epoch)
{
    if (epoch <= ledgers->floor)
        return;
    ledgers->floor = epoch;
    for (uint32_t range = 0; range < ledgers->ranges; range++) {
        struct shelf *shelf = &ledgers->shelves[range];
        while (shelf->first != NULL && shelf->first->through < epoch)
            shelf_remove_first(ledgers, shelf);
        if (shelf->first != NULL && shelf->first->from < epoch)
            run_cut(ledgers, shelf->first, epoch);
    }
}

void ledgers_settled(const struct ledgers *ledgers, struct ledgers_settled *ret_settled)
{
    uint64_t next = UINT64_MAX;
    for (uint32_t range = 0; range < ledgers->ranges; range++) {
        const struct shelf *shelf = &ledgers->shelves[range];
        const uint64_t own = shelf->settled_any ? shelf->settled_through + 1 : 0;
        next = own < next ? own : next;
    }
    *ret_settled = ledgers->differing;
    ret_settled->next = next;
}

size_t ledgers_bytes(const struct ledgers *ledgers)
{
    return ledgers->bytes;
}
