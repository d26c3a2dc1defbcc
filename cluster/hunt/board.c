#include "cluster/hunt/board.h"

#include <stdlib.h>
#include <string.h>

#include "cluster/base/check.h"

/* The tree of counters. A leaf counts the players of 128 neighbouring scores; an inner node counts
 * those below each of its 64 children. Both are 512 bytes, so one pool serves them. The root is a
 * leaf at first, and gets a new root above it when a score does not fit; most hunts stay below
 * 2^19, which is three levels. Nodes are numbered from 1; 0 is no node. A node that counts nobody
 * is all zeros and goes back to the pool as it is. */
#define LEAF_BITS   7
#define FAN_BITS    6
#define LEAF_SCORES (UINT32_C(1) << LEAF_BITS)
#define FAN         (UINT32_C(1) << FAN_BITS)
#define CHUNK_BITS  6
#define CHUNK_NODES (UINT32_C(1) << CHUNK_BITS)

struct leaf {
    uint32_t players[LEAF_SCORES];
};

struct inner {
    uint32_t players[FAN];
    uint32_t child[FAN];
};

union node {
    struct leaf leaf;
    struct inner inner;
    uint32_t next_free; /* in the pool's list only */
};

struct pool {
    union node **chunks; /* nodes never move */
    uint32_t chunk_count, chunk_capacity;
    uint32_t used; /* numbers given out so far */
    uint32_t free; /* head of the list of nodes given back */
};

/* The top list's map from slot to position: four times as many places as candidates need. */
#define CANDIDATES_MAX (2 * BOARD_TOP)
#define INDEX_BITS     12
#define INDEX_PLACES   (UINT32_C(1) << INDEX_BITS)

_Static_assert(INDEX_PLACES >= 2 * CANDIDATES_MAX, "the map must stay half empty");

/* A board_entry of this range, packed. */
struct candidate {
    uint64_t hlc;
    uint32_t score;
    uint32_t slot;
    struct player_id player;
};

_Static_assert(BOARD_SCORE_MAX <= UINT32_MAX, "a candidate's score fits 32 bits");
_Static_assert(sizeof(struct candidate) == 32, "two candidates share a cache line");

struct board {
    uint32_t range;
    uint32_t players, buckets;
    uint32_t root;
    unsigned levels; /* of inner nodes above the leaves */
    struct pool pool;

    struct board_entry threshold; /* after a cut: who stands after it is no candidate */
    bool was_cut, sorted;
    uint32_t candidate_count;
    uint16_t order[CANDIDATES_MAX]; /* positions, the best first; when sorted */
    uint16_t index[INDEX_PLACES];   /* position + 1; 0: free */
    struct candidate candidates[CANDIDATES_MAX];
};

int board_entry_compare(const struct board_entry *a, const struct board_entry *b)
{
    if (a->score != b->score)
        return a->score > b->score ? -1 : 1;
    if (a->hlc != b->hlc)
        return a->hlc < b->hlc ? -1 : 1;
    if (a->range != b->range)
        return a->range < b->range ? -1 : 1;
    return player_id_compare(&a->player, &b->player);
}

static union node *node_at(const struct pool *pool, uint32_t number)
{
    return pool->chunks[number >> CHUNK_BITS] + (number & (CHUNK_NODES - 1));
}

static bool pool_grow(struct pool *pool)
{
    if (pool->chunk_count == pool->chunk_capacity) {
        const uint32_t capacity = pool->chunk_capacity > 0 ? 2 * pool->chunk_capacity : 16;
        union node **chunks = realloc(pool->chunks, capacity * sizeof *chunks);
        if (chunks == NULL)
            return false;
        pool->chunks = chunks;
        pool->chunk_capacity = capacity;
    }
    union node *chunk = calloc(CHUNK_NODES, sizeof *chunk);
    if (chunk == NULL)
        return false;
    pool->chunks[pool->chunk_count++] = chunk;
    return true;
}

/* A node of zeros. */
static uint32_t node_take(struct pool *pool)
{
    const uint32_t number = pool->free;
    if (number != 0) {
        union node *node = node_at(pool, number);
        pool->free = node->next_free;
        node->next_free = 0;
        return number;
    }
    if (pool->used + 1 >= pool->chunk_count << CHUNK_BITS) {
        const bool out_of_memory = !pool_grow(pool);
        CHECK(!out_of_memory);
    }
    return ++pool->used;
}

static void node_give_back(struct pool *pool, uint32_t number)
{
    node_at(pool, number)->next_free = pool->free;
    pool->free = number;
}

struct board *board_new(uint32_t range)
{
    struct board *board = calloc(1, sizeof *board);
    if (board == NULL)
        return NULL;
    board->range = range;
    board->sorted = true;
    if (!pool_grow(&board->pool)) {
        board_free(board);
        return NULL;
    }
    board->root = node_take(&board->pool);
    return board;
}

void board_free(struct board *board)
{
    if (board == NULL)
        return;
    for (uint32_t i = 0; i < board->pool.chunk_count; i++)
        free(board->pool.chunks[i]);
    free(board->pool.chunks);
    free(board);
}

/* Scores lie below 2^this in a tree of so many inner levels; one child of a node of that level
 * spans FAN_BITS less. */
static unsigned span_bits(unsigned levels)
{
    return LEAF_BITS + FAN_BITS * levels;
}

static uint32_t slot_at(uint64_t score, unsigned level)
{
    return (uint32_t)(score >> span_bits(level - 1)) & (FAN - 1);
}

static void grow_root(struct board *board)
{
    const uint32_t number = node_take(&board->pool);
    struct inner *root = &node_at(&board->pool, number)->inner;
    CHECK(board->players > 0);
    root->players[0] = board->players;
    root->child[0] = board->root;
    board->root = number;
    board->levels++;
}

static void grow_to_fit(struct board *board, uint64_t score)
{
    while (score >> span_bits(board->levels) != 0)
        grow_root(board);
}

/* A node and how many inner levels it has, itself included; 0: a leaf. */
struct spot {
    uint32_t number;
    unsigned level;
};

static void count_in(struct board *board, struct spot spot, uint64_t score)
{
    uint32_t number = spot.number;
    for (unsigned level = spot.level; level > 0; level--) {
        struct inner *inner = &node_at(&board->pool, number)->inner;
        const uint32_t slot = slot_at(score, level);
        if (inner->players[slot]++ == 0)
            inner->child[slot] = node_take(&board->pool);
        number = inner->child[slot];
    }
    uint32_t *players = &node_at(&board->pool, number)->leaf.players[score & (LEAF_SCORES - 1)];
    if ((*players)++ == 0)
        board->buckets++;
}

/* Gives back each node below the spot that counted only this player, after its last use. */
static void count_out(struct board *board, struct spot spot, uint64_t score)
{
    uint32_t number = spot.number;
    bool emptied = false;
    for (unsigned level = spot.level; level > 0; level--) {
        struct inner *inner = &node_at(&board->pool, number)->inner;
        const uint32_t slot = slot_at(score, level);
        const uint32_t child = inner->child[slot];
        CHECK(inner->players[slot] > 0);
        const bool empties = --inner->players[slot] == 0;
        if (empties)
            inner->child[slot] = 0;
        if (emptied)
            node_give_back(&board->pool, number);
        emptied = empties;
        number = child;
    }
    uint32_t *players = &node_at(&board->pool, number)->leaf.players[score & (LEAF_SCORES - 1)];
    CHECK(*players > 0);
    if (--*players == 0)
        board->buckets--;
    if (emptied)
        node_give_back(&board->pool, number);
}

/* The lowest node above both scores: no counter above it changes. */
static struct spot find_fork(const struct board *board, uint64_t before, uint64_t after)
{
    struct spot spot = {.number = board->root, .level = board->levels};
    while (spot.level > 0 && (before ^ after) >> span_bits(spot.level - 1) == 0) {
        const struct inner *inner = &node_at(&board->pool, spot.number)->inner;
        spot.number = inner->child[slot_at(before, spot.level)];
        CHECK(spot.number != 0);
        spot.level--;
    }
    return spot;
}

void board_join(struct board *board)
{
    CHECK(board->players < UINT32_MAX);
    count_in(board, (struct spot){.number = board->root, .level = board->levels}, 0);
    board->players++;
}

/* Where the map has the slot, or has room for it. */
static uint16_t *index_place(struct board *board, uint32_t slot)
{
    uint32_t place = (slot * UINT32_C(2654435769)) >> (32 - INDEX_BITS);
    while (board->index[place] != 0) {
        if (board->candidates[board->index[place] - 1].slot == slot)
            break;
        place = (place + 1) & (INDEX_PLACES - 1);
    }
    return &board->index[place];
}

/* Below zero: a stands before b. Both are of this range. */
static int compare_candidates(const struct candidate *a, const struct candidate *b)
{
    if (a->score != b->score)
        return a->score > b->score ? -1 : 1;
    if (a->hlc != b->hlc)
        return a->hlc < b->hlc ? -1 : 1;
    return player_id_compare(&a->player, &b->player);
}

/* Restores the heap of positions (the worst first) below `at`. */
static void sift_down(const struct candidate *candidates, uint16_t *heap, uint32_t at,
                      uint32_t count)
{
    const uint16_t moving = heap[at];
    for (;;) {
        uint32_t child = 2 * at + 1;
        if (child >= count)
            break;
        if (child + 1 < count &&
            compare_candidates(&candidates[heap[child + 1]], &candidates[heap[child]]) > 0)
            child++;
        if (compare_candidates(&candidates[heap[child]], &candidates[moving]) <= 0)
            break;
        heap[at] = heap[child];
        at = child;
    }
    heap[at] = moving;
}

static void sort_by_heap(const struct candidate *candidates, uint16_t *heap, uint32_t count)
{
    for (uint32_t i = count / 2; i-- > 0;)
        sift_down(candidates, heap, i, count);
    for (uint32_t last = count; last-- > 1;) {
        const uint16_t worst = heap[0];
        heap[0] = heap[last];
        heap[last] = worst;
        sift_down(candidates, heap, 0, last);
    }
}

static void sort_by_insertion(const struct candidate *candidates, uint16_t *order, uint32_t count)
{
    for (uint32_t i = 1; i < count; i++) {
        const uint16_t moving = order[i];
        uint32_t at = i;
        while (at > 0 && compare_candidates(&candidates[moving], &candidates[order[at - 1]]) < 0) {
            order[at] = order[at - 1];
            at--;
        }
        order[at] = moving;
    }
}

/* Of candidates that lie by falling score, those of one score by the rest of the order. Few share a
 * score, but players can bring it about that all do: then a sort that no order makes slow. */
#define FEW 32

static void sort_equals(struct board *board)
{
    const struct candidate *candidates = board->candidates;
    uint32_t first = 0;
    while (first < board->candidate_count) {
        const uint32_t score = candidates[board->order[first]].score;
        uint32_t end = first + 1;
        while (end < board->candidate_count && candidates[board->order[end]].score == score)
            end++;
        if (end - first <= FEW)
            sort_by_insertion(candidates, &board->order[first], end - first);
        else
            sort_by_heap(candidates, &board->order[first], end - first);
        first = end;
    }
}

/* One round of sorting by digits. A key is the distance from the best score, above the position. */
#define POSITION_BITS 16
#define DIGIT_BITS    11
#define DIGITS        (1U << DIGIT_BITS)

static void sort_by_digit(const uint64_t *keys, uint64_t *ret_sorted, uint32_t count,
                          unsigned shift)
{
    uint32_t starts[DIGITS] = {0};
    for (uint32_t i = 0; i < count; i++)
        starts[keys[i] >> shift & (DIGITS - 1)]++;
    uint32_t start = 0;
    for (uint32_t digit = 0; digit < DIGITS; digit++) {
        const uint32_t size = starts[digit];
        starts[digit] = start;
        start += size;
    }
    for (uint32_t i = 0; i < count; i++)
        ret_sorted[starts[keys[i] >> shift & (DIGITS - 1)]++] = keys[i];
}

static uint32_t best_score(const struct board *board)
{
    uint32_t best = 0;
    for (uint32_t i = 0; i < board->candidate_count; i++) {
        if (board->candidates[i].score > best)
            best = board->candidates[i].score;
    }
    return best;
}

/* Brings `order` up to date: by score in as many rounds as the span of the scores has digits,
 * mostly one or two, and then those of one score. */
static void sort_candidates(struct board *board)
{
    if (board->sorted)
        return;
    uint64_t rooms[2][CANDIDATES_MAX];
    uint64_t *keys = rooms[0], *spare = rooms[1];
    const uint32_t count = board->candidate_count, best = best_score(board);
    uint64_t highest = 0;
    for (uint32_t i = 0; i < count; i++) {
        keys[i] = (uint64_t)(best - board->candidates[i].score) << POSITION_BITS | i;
        highest = keys[i] > highest ? keys[i] : highest;
    }
    for (unsigned shift = POSITION_BITS; highest >> shift != 0; shift += DIGIT_BITS) {
        sort_by_digit(keys, spare, count, shift);
        uint64_t *sorted = spare;
        spare = keys;
        keys = sorted;
    }
    /* Every pass fills `spare`, which the analyzer cannot follow through the swap. */
    for (uint32_t i = 0; i < count; i++)
        board->order[i] = (uint16_t)keys[i]; /* NOLINT(clang-analyzer-core.uninitialized.Assign) */
    sort_equals(board);
    board->sorted = true;
}

static struct board_entry entry_of(const struct board *board, const struct candidate *candidate)
{
    return (struct board_entry){
        .score = candidate->score,
        .hlc = candidate->hlc,
        .range = board->range,
        .player = candidate->player,
    };
}

static void index_candidates(struct board *board)
{
    memset(board->index, 0, sizeof board->index);
    for (uint32_t i = 0; i < board->candidate_count; i++) {
        uint16_t *place = index_place(board, board->candidates[i].slot);
        CHECK(*place == 0);
        *place = (uint16_t)(i + 1);
    }
}

/* Back to the best BOARD_TOP; from now on nobody who stands after the last of them is entered. */
static void cut_candidates(struct board *board)
{
    CHECK(board->candidate_count > BOARD_TOP);
    sort_candidates(board);
    struct candidate best[BOARD_TOP];
    for (uint32_t i = 0; i < BOARD_TOP; i++) {
        best[i] = board->candidates[board->order[i]];
        board->order[i] = (uint16_t)i;
    }
    memcpy(board->candidates, best, sizeof best);
    board->candidate_count = BOARD_TOP;
    board->threshold = entry_of(board, &best[BOARD_TOP - 1]);
    board->was_cut = true;
    index_candidates(board);
}

static bool has_a_chance(const struct board *board, const struct candidate *candidate)
{
    if (!board->was_cut)
        return true;
    const struct board_entry entry = entry_of(board, candidate);
    return board_entry_compare(&entry, &board->threshold) < 0;
}

/* No candidate stands after the threshold, so whoever does is none and need not be looked up: the
 * common case. */
static void enter_candidate(struct board *board, const struct candidate *candidate)
{
    if (!has_a_chance(board, candidate))
        return;
    if (board->candidate_count == CANDIDATES_MAX && *index_place(board, candidate->slot) == 0) {
        cut_candidates(board);
        if (!has_a_chance(board, candidate))
            return;
    }
    uint16_t *place = index_place(board, candidate->slot);
    if (*place == 0) {
        CHECK(board->candidate_count < CANDIDATES_MAX);
        *place = (uint16_t)++board->candidate_count;
    }
    board->candidates[*place - 1] = *candidate;
    board->sorted = false;
}

void board_score(struct board *board, const struct board_change *change)
{
    CHECK(change->before >= 0);
    CHECK(change->after > change->before);
    CHECK(change->after <= BOARD_SCORE_MAX);
    CHECK(board->players > 0);
    const uint64_t before = (uint64_t)change->before, after = (uint64_t)change->after;
    grow_to_fit(board, after);
    const struct spot fork = find_fork(board, before, after);
    count_out(board, fork, before);
    count_in(board, fork, after);
    if (board->was_cut && change->after < board->threshold.score)
        return;
    const struct candidate candidate = {
        .hlc = change->hlc,
        .score = (uint32_t)after,
        .slot = change->slot,
        .player = change->player,
    };
    enter_candidate(board, &candidate);
}

uint64_t board_players(const struct board *board)
{
    return board->players;
}

uint64_t board_buckets(const struct board *board)
{
    return board->buckets;
}

/* The counters behind `slot`. Both go over all of them, whatever the slot: a fixed number of steps
 * without a branch is what compilers turn into vector instructions. */
static uint64_t sum_fan_behind(const struct inner *inner, uint32_t slot)
{
    uint32_t sum = 0;
    for (int32_t i = 0; i < (int32_t)FAN; i++)
        sum += inner->players[i] & (0 - (uint32_t)(i > (int32_t)slot));
    return sum;
}

static uint64_t sum_leaf_behind(const struct leaf *leaf, uint32_t slot)
{
    uint32_t sum = 0;
    for (int32_t i = 0; i < (int32_t)LEAF_SCORES; i++)
        sum += leaf->players[i] & (0 - (uint32_t)(i > (int32_t)slot));
    return sum;
}

uint64_t board_above(const struct board *board, int64_t score)
{
    if (score < 0)
        return board->players;
    const uint64_t wanted = (uint64_t)score;
    if (wanted >> span_bits(board->levels) != 0)
        return 0;
    uint64_t above = 0;
    uint32_t number = board->root;
    for (unsigned level = board->levels; level > 0; level--) {
        const struct inner *inner = &node_at(&board->pool, number)->inner;
        const uint32_t slot = slot_at(wanted, level);
        above += sum_fan_behind(inner, slot);
        number = inner->child[slot];
        if (number == 0)
            return above;
    }
    const struct leaf *leaf = &node_at(&board->pool, number)->leaf;
    return above + sum_leaf_behind(leaf, (uint32_t)wanted & (LEAF_SCORES - 1));
}

uint32_t board_top(struct board *board, struct board_entry entries[BOARD_TOP])
{
    sort_candidates(board);
    const uint32_t count = board->candidate_count < BOARD_TOP ? board->candidate_count : BOARD_TOP;
    for (uint32_t i = 0; i < count; i++)
        entries[i] = entry_of(board, &board->candidates[board->order[i]]);
    return count;
}

/* The first of the counters from `from` on that counts somebody, or `count`. */
static uint32_t first_occupied(const uint32_t *players, uint32_t from, uint32_t count)
{
    CHECK(count % 8 == 0);
    while (from % 8 != 0 && players[from] == 0)
        from++;
    if (from % 8 != 0)
        return from;
    for (; from < count; from += 8) {
        const uint32_t *p = players + from;
        if ((p[0] | p[1] | p[2] | p[3] | p[4] | p[5] | p[6] | p[7]) != 0)
            break;
    }
    while (from < count && players[from] == 0)
        from++;
    return from;
}

/* Goes down once from the root to the leaf of the first occupied score from *score on; it may have
 * such a score only before *score. Where the subtree that holds *score has nothing left, moves
 * *score behind that subtree and answers NULL. */
static const struct leaf *seek_leaf(const struct board *board, uint64_t *score)
{
    uint32_t number = board->root;
    for (unsigned level = board->levels; level > 0; level--) {
        const struct inner *inner = &node_at(&board->pool, number)->inner;
        const unsigned bits = span_bits(level - 1);
        const uint32_t slot = slot_at(*score, level);
        const uint32_t found = first_occupied(inner->players, slot, FAN);
        if (found != slot)
            *score = ((*score >> bits) + (found - slot)) << bits;
        if (found == FAN)
            return NULL;
        number = inner->child[found];
    }
    return &node_at(&board->pool, number)->leaf;
}

uint32_t board_buckets_after(const struct board *board, int64_t after, struct board_bucket *list,
                             uint32_t room)
{
    CHECK(after >= -1);
    uint64_t score = (uint64_t)(after + 1);
    uint32_t count = 0;
    while (count < room && score >> span_bits(board->levels) == 0) {
        const struct leaf *leaf = seek_leaf(board, &score);
        if (leaf == NULL)
            continue;
        const uint64_t base = score & ~(uint64_t)(LEAF_SCORES - 1);
        uint32_t slot = first_occupied(leaf->players, (uint32_t)(score - base), LEAF_SCORES);
        while (slot < LEAF_SCORES && count < room) {
            list[count++] = (struct board_bucket){.score = (int64_t)(base + slot),
                                                  .players = leaf->players[slot]};
            slot = first_occupied(leaf->players, slot + 1, LEAF_SCORES);
        }
        score = base + LEAF_SCORES;
    }
    return count;
}

uint64_t board_bytes(const struct board *board)
{
    const struct pool *pool = &board->pool;
    return sizeof *board + pool->chunk_capacity * sizeof *pool->chunks +
           (uint64_t)pool->chunk_count * CHUNK_NODES * sizeof(union node);
}
