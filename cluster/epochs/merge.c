#include "cluster/epochs/merge.h"

#include <stdlib.h>
#include <string.h>

#include "cluster/base/check.h"

/* What is kept of one range. Epochs below `open_from` were dropped or never expected: what comes of
 * them comes too late. */
struct shelf {
    uint64_t open_from;
    uint32_t count;
    struct summary *summaries[BOARDS_KEPT]; /* by rising epoch; no two overlap */
};

struct merge {
    uint32_t ranges;
    bool any_complete;
    uint64_t complete; /* the newest complete epoch */
    uint32_t board_count;
    struct global_board *boards[BOARDS_KEPT]; /* complete ones; the one made first goes first */
    struct global_board *partial;             /* the one made last; NULL: none */
    struct summary **gathered;                /* by range, while a board is made */
    struct shelf shelves[];
};

struct merge *merge_new(uint32_t ranges, uint64_t first_epoch)
{
    CHECK(ranges > 0);
    CHECK(ranges <= RANGES_MAX);
    struct merge *merge = calloc(1, sizeof *merge + ranges * sizeof merge->shelves[0]);
    if (merge == NULL)
        return NULL;
    merge->ranges = ranges;
    for (uint32_t range = 0; range < ranges; range++)
        merge->shelves[range].open_from = first_epoch;
    merge->gathered = calloc(ranges, sizeof(struct summary *));
    if (merge->gathered == NULL) {
        merge_free(merge);
        return NULL;
    }
    return merge;
}

void merge_free(struct merge *merge)
{
    if (merge == NULL)
        return;
    for (uint32_t range = 0; range < merge->ranges; range++) {
        struct shelf *shelf = &merge->shelves[range];
        for (uint32_t i = 0; i < shelf->count; i++)
            summary_release(shelf->summaries[i]);
    }
    for (uint32_t i = 0; i < merge->board_count; i++)
        global_board_release(merge->boards[i]);
    global_board_release(merge->partial);
    free(merge->gathered);
    free(merge);
}

/* The place of the first summary that ends at the epoch or later; the shelf's count: none does. */
static uint32_t shelf_find(const struct shelf *shelf, uint64_t epoch)
{
    uint32_t at = shelf->count;
    while (at > 0 && shelf->summaries[at - 1]->through >= epoch)
        at--;
    return at;
}

static bool shelf_covers(const struct shelf *shelf, uint32_t at, uint64_t epoch)
{
    return at < shelf->count && shelf->summaries[at]->from <= epoch;
}

struct summary *merge_summary(const struct merge *merge, uint64_t epoch, uint32_t range)
{
    CHECK(range < merge->ranges);
    const struct shelf *shelf = &merge->shelves[range];
    const uint32_t at = shelf_find(shelf, epoch);
    return shelf_covers(shelf, at, epoch) ? shelf->summaries[at] : NULL;
}

static bool same_content(const struct summary *a, const struct summary *b)
{
    return a->size == b->size && memcmp(a->bytes, b->bytes, a->size) == 0;
}

/* With no room left the oldest goes, which may be the new one itself. */
static void shelf_insert(struct shelf *shelf, uint32_t at, struct summary *summary)
{
    CHECK(at <= shelf->count);
    if (shelf->count == BOARDS_KEPT) {
        const struct summary *oldest = at == 0 ? summary : shelf->summaries[0];
        shelf->open_from = oldest->through + 1;
        if (at == 0)
            return;
        at--;
        summary_release(shelf->summaries[0]);
        shelf->count--;
        memmove(&shelf->summaries[0], &shelf->summaries[1],
                shelf->count * sizeof shelf->summaries[0]);
    }
    memmove(&shelf->summaries[at + 1], &shelf->summaries[at],
            (shelf->count - at) * sizeof shelf->summaries[0]);
    shelf->summaries[at] = summary_hold(summary);
    shelf->count++;
}

/* Lowers *epoch to the newest one, not above it, that the shelf covers. False: there is none. */
static bool shelf_lower(const struct shelf *shelf, uint64_t *epoch)
{
    const uint32_t at = shelf_find(shelf, *epoch);
    if (shelf_covers(shelf, at, *epoch))
        return true;
    if (at == 0)
        return false;
    *epoch = shelf->summaries[at - 1]->through;
    return true;
}

/* The newest epoch that all ranges cover. Each round lowers the candidate until one round finds
 * nothing to lower. */
static bool find_complete(const struct merge *merge, uint64_t *ret_epoch)
{
    uint64_t epoch = UINT64_MAX, before;
    do {
        before = epoch;
        for (uint32_t range = 0; range < merge->ranges; range++) {
            if (!shelf_lower(&merge->shelves[range], &epoch))
                return false;
        }
    } while (epoch != before);
    *ret_epoch = epoch;
    return true;
}

static bool too_old(const struct merge *merge, uint64_t epoch)
{
    return merge->any_complete && epoch < merge->complete && merge->complete - epoch >= BOARDS_KEPT;
}

static void drop_old_boards(struct merge *merge)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < merge->board_count; i++) {
        struct global_board *board = merge->boards[i];
        if (!too_old(merge, board->through))
            merge->boards[kept++] = board;
        else
            global_board_release(board);
    }
    merge->board_count = kept;
}

static void advance_complete(struct merge *merge)
{
    uint64_t epoch = 0;
    if (!find_complete(merge, &epoch) || (merge->any_complete && epoch <= merge->complete))
        return;
    merge->any_complete = true;
    merge->complete = epoch;
    drop_old_boards(merge);
}

static bool acceptable(const struct merge *merge, const struct summary *summary)
{
    if (summary->range >= merge->ranges)
        return false;
    /* So that the sums over all ranges fit the board's 32 bits. */
    for (uint32_t i = 0; i < summary->hunt_count; i++) {
        if (summary->hunts[i].players > UINT32_MAX / merge->ranges)
            return false;
    }
    return true;
}

enum status merge_add(struct merge *merge, struct summary *summary)
{
    if (!acceptable(merge, summary))
        return STATUS_INVALID;
    struct shelf *shelf = &merge->shelves[summary->range];
    if (summary->through < shelf->open_from)
        return STATUS_OK;
    const uint32_t at = shelf_find(shelf, summary->from);
    if (at < shelf->count && shelf->summaries[at]->from <= summary->through)
        return same_content(shelf->summaries[at], summary) ? STATUS_OK : STATUS_CONFLICT;
    shelf_insert(shelf, at, summary);
    advance_complete(merge);
    return STATUS_OK;
}

bool merge_complete(const struct merge *merge, uint64_t *ret_epoch)
{
    if (merge->any_complete)
        *ret_epoch = merge->complete;
    return merge->any_complete;
}

bool merge_newest(const struct merge *merge, uint64_t *ret_epoch)
{
    bool any = false;
    uint64_t newest = 0;
    for (uint32_t range = 0; range < merge->ranges; range++) {
        const struct shelf *shelf = &merge->shelves[range];
        if (shelf->count == 0)
            continue;
        const uint64_t through = shelf->summaries[shelf->count - 1]->through;
        newest = any && newest > through ? newest : through;
        any = true;
    }
    if (any)
        *ret_epoch = newest;
    return any;
}

uint32_t merge_missing(const struct merge *merge, uint64_t epoch, uint32_t missing[RANGES_MAX])
{
    uint32_t count = 0;
    for (uint32_t range = 0; range < merge->ranges; range++) {
        if (epoch >= merge->shelves[range].open_from && merge_summary(merge, epoch, range) == NULL)
            missing[count++] = range;
    }
    return count;
}

/* Summaries that cover the epoch, by range. False where one is gone for good: what could be made of
 * the others would call a range missing that once was in. */
static bool gather(struct merge *merge, uint64_t epoch, uint32_t *ret_count)
{
    *ret_count = 0;
    for (uint32_t range = 0; range < merge->ranges; range++) {
        struct summary *summary = merge_summary(merge, epoch, range);
        if (summary == NULL && epoch < merge->shelves[range].open_from)
            return false;
        merge->gathered[range] = summary;
        *ret_count += summary != NULL;
    }
    return *ret_count > 0;
}

static struct global_board *find_board(const struct merge *merge, uint64_t epoch)
{
    for (uint32_t i = 0; i < merge->board_count; i++) {
        struct global_board *board = merge->boards[i];
        if (board->from <= epoch && epoch <= board->through)
            return board;
    }
    return NULL;
}

static void keep_board(struct merge *merge, struct global_board *board)
{
    if (merge->board_count == BOARDS_KEPT) {
        global_board_release(merge->boards[0]);
        merge->board_count--;
        memmove(&merge->boards[0], &merge->boards[1],
                merge->board_count * sizeof(struct global_board *));
    }
    merge->boards[merge->board_count++] = global_board_hold(board);
}

/* The run of epochs that all of the gathered summaries cover. */
static void narrow_run(const struct merge *merge, struct global_input *input)
{
    input->from = 0;
    input->through = UINT64_MAX;
    for (uint32_t range = 0; range < merge->ranges; range++) {
        const struct summary *summary = merge->gathered[range];
        input->from = summary->from > input->from ? summary->from : input->from;
        input->through = summary->through < input->through ? summary->through : input->through;
    }
}

/* The partial board that was made last, while no further range has come in. */
static bool partial_fits(const struct merge *merge, const struct global_input *input,
                         uint32_t ranges_in)
{
    const struct global_board *partial = merge->partial;
    return partial != NULL && partial->from == input->from && partial->ranges_in == ranges_in;
}

static enum status make_board(struct merge *merge, struct global_input *input, uint32_t ranges_in,
                              struct global_board **ret_board)
{
    const bool complete = ranges_in == merge->ranges;
    if (complete) {
        narrow_run(merge, input);
    } else if (partial_fits(merge, input, ranges_in)) {
        *ret_board = global_board_hold(merge->partial);
        return STATUS_OK;
    }
    struct global_board *board;
    const enum status status = global_board_new(input, &board);
    if (status != STATUS_OK)
        return status;
    if (complete) {
        keep_board(merge, board);
    } else {
        global_board_release(merge->partial);
        merge->partial = global_board_hold(board);
    }
    *ret_board = board;
    return STATUS_OK;
}

enum status merge_board(struct merge *merge, uint64_t epoch, struct global_board **ret_board)
{
    if (too_old(merge, epoch))
        return STATUS_NOT_FOUND;
    struct global_board *found = find_board(merge, epoch);
    if (found != NULL) {
        *ret_board = global_board_hold(found);
        return STATUS_OK;
    }
    uint32_t ranges_in = 0;
    if (!gather(merge, epoch, &ranges_in))
        return STATUS_NOT_FOUND;
    struct global_input input = {
        .from = epoch,
        .through = epoch,
        .ranges = merge->ranges,
        .summaries = merge->gathered,
    };
    return make_board(merge, &input, ranges_in, ret_board);
}

uint64_t merge_bytes(const struct merge *merge)
{
    uint64_t bytes = sizeof *merge + merge->ranges * sizeof merge->shelves[0];
    for (uint32_t range = 0; range < merge->ranges; range++) {
        const struct shelf *shelf = &merge->shelves[range];
        for (uint32_t i = 0; i < shelf->count; i++)
            bytes += sizeof *shelf->summaries[i] + shelf->summaries[i]->size;
    }
    for (uint32_t i = 0; i < merge->board_count; i++)
        bytes += merge->boards[i]->bytes;
    return bytes + (merge->partial != NULL ? merge->partial->bytes : 0);
}
