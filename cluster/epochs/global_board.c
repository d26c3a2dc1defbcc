#include "cluster/epochs/global_board.h"

#include <stdlib.h>
#include <string.h>

#include "cluster/base/check.h"
#include "cluster/base/hash.h"

_Static_assert(GLOBAL_PLACES >= 2 * BOARD_TOP, "the map of players must stay half empty");
_Static_assert(BOARD_SCORE_MAX <= UINT32_MAX, "scores are kept in 32 bits");

/* A digest over numbers that is the same on every machine: they are hashed as little-endian bytes,
 * a block at a time, each block's digest being the seed of the next. */
struct digest {
    uint64_t value;
    size_t used;
    uint8_t block[4096];
};

static void digest_flush(struct digest *digest)
{
    digest->value = hash_chain(digest->value, digest->block, digest->used);
    digest->used = 0;
}

/* Written out so that compilers make one store of it: a million buckets pass here. */
static void digest_u64(struct digest *digest, uint64_t value)
{
    CHECK(digest->used + 8 <= sizeof digest->block);
    uint8_t *place = digest->block + digest->used;
    place[0] = (uint8_t)value;
    place[1] = (uint8_t)(value >> 8);
    place[2] = (uint8_t)(value >> 16);
    place[3] = (uint8_t)(value >> 24);
    place[4] = (uint8_t)(value >> 32);
    place[5] = (uint8_t)(value >> 40);
    place[6] = (uint8_t)(value >> 48);
    place[7] = (uint8_t)(value >> 56);
    digest->used += 8;
    if (digest->used == sizeof digest->block)
        digest_flush(digest);
}

static void digest_player(struct digest *digest, const struct player_id *player)
{
    for (unsigned half = 0; half < 2; half++) {
        uint64_t value = 0;
        for (unsigned i = 0; i < 8; i++)
            value |= (uint64_t)player->bytes[8 * half + i] << (8 * i);
        digest_u64(digest, value);
    }
}

static uint64_t hunt_digest(const struct global_hunt *hunt)
{
    struct digest digest = {.value = 0};
    digest_u64(&digest, hunt->hunt);
    digest_u64(&digest, (uint64_t)hunt->ties);
    digest_u64(&digest, hunt->players);
    digest_u64(&digest, hunt->bucket_count);
    for (uint32_t i = 0; i < hunt->bucket_count; i++)
        digest_u64(&digest, (uint64_t)hunt->scores[i] << 32 | hunt->above[i]);
    digest_u64(&digest, hunt->entry_count);
    for (uint32_t i = 0; i < hunt->entry_count; i++) {
        const struct global_entry *entry = &hunt->entries[i];
        digest_u64(&digest, entry->rank);
        digest_u64(&digest, (uint64_t)entry->entry.score);
        digest_u64(&digest, entry->entry.hlc);
        digest_u64(&digest, entry->entry.range);
        digest_player(&digest, &entry->entry.player);
    }
    digest_flush(&digest);
    return digest.value;
}

static uint64_t board_digest(const struct global_board *board)
{
    struct digest digest = {.value = 0};
    digest_u64(&digest, board->ranges);
    digest_u64(&digest, board->ranges_in);
    for (uint32_t i = 0; i < board->ranges - board->ranges_in; i++)
        digest_u64(&digest, board->missing[i]);
    for (uint32_t i = 0; i < board->hunt_count; i++) {
        digest_u64(&digest, board->hunts[i].hunt);
        digest_u64(&digest, board->hunts[i].digest);
    }
    digest_flush(&digest);
    return digest.value;
}

/* Sorts by the upper 32 bits, the score: three rounds of eleven bits, which for the histograms of
 * many ranges takes less time than any merge by comparison. `spare` is as long as `pairs`; answers
 * which of the two holds the result. */
#define DIGIT_BITS 11
#define DIGITS     (1U << DIGIT_BITS)

static uint64_t *sort_pairs(uint64_t *pairs, uint64_t *spare, size_t count)
{
    for (unsigned shift = 32; shift < 64; shift += DIGIT_BITS) {
        size_t starts[DIGITS] = {0};
        for (size_t i = 0; i < count; i++)
            starts[(pairs[i] >> shift) & (DIGITS - 1)]++;
        size_t start = 0;
        for (unsigned digit = 0; digit < DIGITS; digit++) {
            const size_t size = starts[digit];
            starts[digit] = start;
            start += size;
        }
        for (size_t i = 0; i < count; i++)
            spare[starts[(pairs[i] >> shift) & (DIGITS - 1)]++] = pairs[i];
        uint64_t *sorted = spare;
        spare = pairs;
        pairs = sorted;
    }
    return pairs;
}

/* What the ranges have of a hunt, all together. */
struct sizes {
    size_t buckets, entries;
};

static struct sizes add_sizes(const struct global_input *input, uint16_t number)
{
    struct sizes sizes = {.buckets = 0};
    for (uint32_t range = 0; range < input->ranges; range++) {
        const struct summary *summary = input->summaries[range];
        const struct summary_hunt *part = summary != NULL ? summary_hunt(summary, number) : NULL;
        if (part == NULL)
            continue;
        sizes.buckets += part->buckets;
        sizes.entries += part->entries;
    }
    return sizes;
}

/* All buckets of the ranges as score << 32 | players. */
static void gather_pairs(const struct global_input *input, uint16_t number, uint64_t *pairs)
{
    size_t count = 0;
    for (uint32_t range = 0; range < input->ranges; range++) {
        const struct summary *summary = input->summaries[range];
        const struct summary_hunt *part = summary != NULL ? summary_hunt(summary, number) : NULL;
        if (part == NULL)
            continue;
        struct summary_cursor cursor;
        struct board_bucket bucket;
        summary_buckets(&cursor, summary, part);
        while (summary_next_bucket(&cursor, &bucket))
            pairs[count++] = (uint64_t)bucket.score << 32 | bucket.players;
    }
}

/* Adds up the pairs of one score, in place. */
static uint32_t combine_pairs(uint64_t *pairs, size_t count)
{
    size_t combined = 0;
    for (size_t i = 0; i < count; i++) {
        if (combined > 0 && pairs[combined - 1] >> 32 == pairs[i] >> 32)
            pairs[combined - 1] += pairs[i] & UINT32_MAX;
        else
            pairs[combined++] = pairs[i];
    }
    CHECK(combined <= UINT32_MAX);
    return (uint32_t)combined;
}

static bool fill_histogram(struct global_hunt *hunt, const uint64_t *pairs, uint32_t count)
{
    hunt->scores = malloc(count * sizeof *hunt->scores + 1);
    hunt->above = malloc(count * sizeof *hunt->above + 1);
    if (hunt->scores == NULL || hunt->above == NULL)
        return false;
    hunt->bucket_count = count;
    uint64_t above = 0;
    for (uint32_t i = count; i-- > 0;) {
        hunt->scores[i] = (uint32_t)(pairs[i] >> 32);
        hunt->above[i] = (uint32_t)above;
        above += pairs[i] & UINT32_MAX;
    }
    CHECK(above <= UINT32_MAX);
    hunt->players = above;
    return true;
}

static bool merge_histograms(const struct global_input *input, struct global_hunt *hunt,
                             size_t count)
{
    uint64_t *pairs = calloc(2 * count + 1, sizeof *pairs);
    if (pairs == NULL)
        return false;
    gather_pairs(input, hunt->hunt, pairs);
    uint64_t *sorted = sort_pairs(pairs, pairs + count, count);
    const bool filled = fill_histogram(hunt, sorted, combine_pairs(sorted, count));
    free(pairs);
    return filled;
}

/* One range's top list on its way into the merged one. */
struct lane {
    struct summary_cursor cursor;
    struct board_entry entry;
};

/* Restores the heap (the best first) below `at`. */
static void sift_down(struct lane *heap, uint32_t at, uint32_t count)
{
    const struct lane moving = heap[at];
    for (;;) {
        uint32_t child = 2 * at + 1;
        if (child >= count)
            break;
        if (child + 1 < count &&
            board_entry_compare(&heap[child + 1].entry, &heap[child].entry) < 0)
            child++;
        if (board_entry_compare(&heap[child].entry, &moving.entry) >= 0)
            break;
        heap[at] = heap[child];
        at = child;
    }
    heap[at] = moving;
}

static uint32_t open_lanes(const struct global_input *input, uint16_t number, struct lane *lanes)
{
    uint32_t count = 0;
    for (uint32_t range = 0; range < input->ranges; range++) {
        const struct summary *summary = input->summaries[range];
        const struct summary_hunt *part = summary != NULL ? summary_hunt(summary, number) : NULL;
        if (part == NULL)
            continue;
        summary_entries(&lanes[count].cursor, summary, part);
        if (summary_next_entry(&lanes[count].cursor, &lanes[count].entry))
            count++;
    }
    for (uint32_t i = count / 2; i-- > 0;)
        sift_down(lanes, i, count);
    return count;
}

static void place_player(struct global_hunt *hunt, const struct player_id *player, uint32_t at)
{
    uint64_t place = hash_player(player) % GLOBAL_PLACES;
    while (hunt->places[place] != 0)
        place = (place + 1) % GLOBAL_PLACES;
    hunt->places[place] = (uint16_t)(at + 1);
}

static void add_entry(struct global_hunt *hunt, const struct board_entry *entry)
{
    const uint32_t at = hunt->entry_count++;
    uint64_t rank = at + UINT64_C(1);
    if (hunt->ties == TIES_SHARED && at > 0 && hunt->entries[at - 1].entry.score == entry->score)
        rank = hunt->entries[at - 1].rank;
    hunt->entries[at] = (struct global_entry){.rank = rank, .entry = *entry};
    place_player(hunt, &entry->player, at);
}

static bool merge_entries(const struct global_input *input, struct global_hunt *hunt, size_t room)
{
    struct lane *lanes = malloc(input->ranges * sizeof *lanes);
    hunt->entries = calloc(room + 1, sizeof *hunt->entries);
    if (lanes == NULL || hunt->entries == NULL) {
        free(lanes);
        return false;
    }
    uint32_t count = open_lanes(input, hunt->hunt, lanes);
    while (count > 0 && hunt->entry_count < room) {
        add_entry(hunt, &lanes[0].entry);
        if (!summary_next_entry(&lanes[0].cursor, &lanes[0].entry))
            lanes[0] = lanes[--count];
        if (count > 0)
            sift_down(lanes, 0, count);
    }
    free(lanes);
    return true;
}

/* As the ranges that have the hunt say. False: they do not all say the same. */
static bool find_ties(const struct global_input *input, uint16_t number, enum ties *ret_ties)
{
    const struct summary_hunt *first = NULL;
    for (uint32_t range = 0; range < input->ranges; range++) {
        const struct summary *summary = input->summaries[range];
        const struct summary_hunt *part = summary != NULL ? summary_hunt(summary, number) : NULL;
        if (part == NULL)
            continue;
        if (first == NULL)
            first = part;
        if (part->ties != first->ties)
            return false;
    }
    CHECK(first != NULL);
    *ret_ties = first->ties;
    return true;
}

/* Which hunts any of the summaries has; there are 65536 numbers. */
struct hunt_set {
    uint64_t bits[65536 / 64];
};

static uint32_t find_hunts(const struct global_input *input, struct hunt_set *set)
{
    memset(set, 0, sizeof *set);
    uint32_t count = 0;
    for (uint32_t range = 0; range < input->ranges; range++) {
        const struct summary *summary = input->summaries[range];
        for (uint32_t i = 0; summary != NULL && i < summary->hunt_count; i++) {
            const uint16_t number = summary->hunts[i].hunt;
            const uint64_t bit = UINT64_C(1) << (number % 64);
            count += (set->bits[number / 64] & bit) == 0;
            set->bits[number / 64] |= bit;
        }
    }
    return count;
}

static enum status merge_hunt(const struct global_input *input, struct global_board *board,
                              uint16_t number)
{
    struct global_hunt *hunt = &board->hunts[board->hunt_count++];
    hunt->hunt = number;
    if (!find_ties(input, number, &hunt->ties))
        return STATUS_CORRUPT;
    const struct sizes sizes = add_sizes(input, number);
    const size_t room = sizes.entries < BOARD_TOP ? sizes.entries : BOARD_TOP;
    if (!merge_histograms(input, hunt, sizes.buckets) || !merge_entries(input, hunt, room))
        return STATUS_NO_MEMORY;
    hunt->digest = hunt_digest(hunt);
    board->bytes += sizeof *hunt + room * sizeof *hunt->entries +
                    hunt->bucket_count * (sizeof *hunt->scores + sizeof *hunt->above);
    return STATUS_OK;
}

static enum status merge_hunts(const struct global_input *input, struct global_board *board)
{
    struct hunt_set set;
    const uint32_t count = find_hunts(input, &set);
    board->hunts = calloc(count + 1, sizeof *board->hunts);
    if (board->hunts == NULL)
        return STATUS_NO_MEMORY;
    for (uint32_t number = 0; number < 65536; number++) {
        if ((set.bits[number / 64] >> (number % 64) & 1) == 0)
            continue;
        const enum status status = merge_hunt(input, board, (uint16_t)number);
        if (status != STATUS_OK)
            return status;
    }
    return STATUS_OK;
}

static bool list_ranges(const struct global_input *input, struct global_board *board)
{
    board->missing = calloc(input->ranges, sizeof *board->missing);
    board->summaries = calloc(input->ranges, sizeof *board->summaries);
    if (board->missing == NULL || board->summaries == NULL)
        return false;
    uint32_t missing = 0;
    for (uint32_t range = 0; range < input->ranges; range++) {
        const struct summary *summary = input->summaries[range];
        if (summary == NULL) {
            board->missing[missing++] = range;
            continue;
        }
        CHECK(summary->range == range);
        board->summaries[board->ranges_in++] = (struct global_summary){
            .range = range, .bytes = summary->size, .digest = summary->digest};
    }
    board->complete = missing == 0;
    board->bytes =
        sizeof *board + input->ranges * (sizeof *board->missing + sizeof *board->summaries);
    return true;
}

static void board_destroy(struct global_board *board)
{
    for (uint32_t i = 0; i < board->hunt_count; i++) {
        free(board->hunts[i].scores);
        free(board->hunts[i].above);
        free(board->hunts[i].entries);
    }
    free(board->hunts);
    free(board->missing);
    free(board->summaries);
    free(board);
}

enum status global_board_new(const struct global_input *input, struct global_board **ret_board)
{
    CHECK(input->ranges > 0);
    CHECK(input->ranges <= RANGES_MAX);
    CHECK(input->from <= input->through);
    struct global_board *board = calloc(1, sizeof *board);
    if (board == NULL)
        return STATUS_NO_MEMORY;
    atomic_init(&board->references, 1);
    board->from = input->from;
    board->through = input->through;
    board->ranges = input->ranges;
    const enum status status =
        list_ranges(input, board) ? merge_hunts(input, board) : STATUS_NO_MEMORY;
    if (status != STATUS_OK) {
        board_destroy(board);
        return status;
    }
    board->digest = board_digest(board);
    *ret_board = board;
    return STATUS_OK;
}

struct global_board *global_board_hold(struct global_board *board)
{
    const unsigned before = atomic_fetch_add_explicit(&board->references, 1, memory_order_relaxed);
    CHECK(before > 0);
    return board;
}

void global_board_release(struct global_board *board)
{
    if (board == NULL)
        return;
    const unsigned before = atomic_fetch_sub_explicit(&board->references, 1, memory_order_acq_rel);
    CHECK(before > 0);
    if (before == 1)
        board_destroy(board);
}

const struct global_hunt *global_board_hunt(const struct global_board *board, uint16_t hunt)
{
    for (uint32_t i = 0; i < board->hunt_count; i++) {
        if (board->hunts[i].hunt == hunt)
            return &board->hunts[i];
    }
    return NULL;
}

const struct global_entry *global_hunt_entry(const struct global_hunt *hunt,
                                             const struct player_id *player)
{
    uint64_t place = hash_player(player) % GLOBAL_PLACES;
    for (; hunt->places[place] != 0; place = (place + 1) % GLOBAL_PLACES) {
        const struct global_entry *entry = &hunt->entries[hunt->places[place] - 1];
        if (player_id_equal(&entry->entry.player, player))
            return entry;
    }
    return NULL;
}

uint64_t global_hunt_above(const struct global_hunt *hunt, int64_t score)
{
    uint32_t low = 0, high = hunt->bucket_count; /* the first bucket of a higher score */
    while (low < high) {
        const uint32_t middle = low + (high - low) / 2;
        if ((int64_t)hunt->scores[middle] > score)
            high = middle;
        else
            low = middle + 1;
    }
    if (low == 0)
        return hunt->players;
    return hunt->above[low - 1];
}

uint64_t global_board_rank(const struct global_board *board, uint16_t hunt, int64_t score,
                           const struct player_id *player)
{
    const struct global_hunt *found = global_board_hunt(board, hunt);
    if (found == NULL)
        return 0;
    const struct global_entry *entry = player != NULL ? global_hunt_entry(found, player) : NULL;
    return entry != NULL ? entry->rank : global_hunt_above(found, score) + 1;
}
