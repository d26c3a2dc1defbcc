#include "chaos/bench_lookups.h"

#include <stdlib.h>

#include "chaos/bench_players.h"
#include "cluster/base/check.h"
#include "cluster/base/rng.h"

/* So many are made up at a time, outside of what is measured. */
#define LOT 4096

#define SEED UINT64_C(20270606)

struct question {
    int64_t score;
    struct player_id player;
};

static void ask(const struct bench_ranges *ranges, uint32_t number, struct question *question)
{
    question->player = bench_players_id(number);
    const uint32_t range = bench_ranges_of(&question->player);
    struct board_entry place;
    const bool known = engine_place(range_state_engine(ranges->states[range]), BENCH_HUNT,
                                    &question->player, &place);
    CHECK(known);
    question->score = place.score;
}

uint64_t bench_lookups_rank(const struct bench_ranges *ranges, uint32_t players, uint32_t count)
{
    static struct question questions[LOT];
    struct rng rng;
    rng_init(&rng, SEED);
    uint64_t ns = 0, best = UINT64_MAX;
    for (uint32_t done = 0; done < count;) {
        const uint32_t lot = count - done < LOT ? count - done : LOT;
        for (uint32_t i = 0; i < lot; i++)
            ask(ranges, (uint32_t)rng_below(&rng, players), &questions[i]);
        const uint64_t started = bench_clock_ns();
        for (uint32_t i = 0; i < lot; i++) {
            const uint64_t rank = global_board_rank(ranges->board, BENCH_HUNT, questions[i].score,
                                                    &questions[i].player);
            best = rank < best ? rank : best;
        }
        ns += bench_clock_ns() - started;
        done += lot;
    }
    CHECK(best > 0);
    CHECK(best <= players);
    return ns;
}

/* A player as the boards see him. */
struct scorer {
    int64_t score;
    uint32_t slot;
    uint32_t range;
};

struct boards {
    struct board *list[BENCH_RANGES];
    struct scorer *scorers;
    uint32_t count;
    uint64_t hlc;
    struct rng rng;
};

static void boards_fini(struct boards *boards)
{
    for (uint32_t i = 0; i < BENCH_RANGES; i++)
        board_free(boards->list[i]);
    free(boards->scorers);
}

static enum status boards_init(struct boards *boards, uint32_t players)
{
    *boards = (struct boards){.count = players, .hlc = 1};
    rng_init(&boards->rng, SEED);
    boards->scorers = calloc(players, sizeof boards->scorers[0]);
    bool made = boards->scorers != NULL;
    for (uint32_t i = 0; i < BENCH_RANGES; i++) {
        boards->list[i] = board_new(i);
        made = made && boards->list[i] != NULL;
    }
    if (!made) {
        boards_fini(boards);
        return STATUS_NO_MEMORY;
    }
    for (uint32_t i = 0; i < players; i++) {
        const struct player_id id = bench_players_id(i);
        struct scorer *scorer = &boards->scorers[i];
        scorer->range = bench_ranges_of(&id);
        scorer->slot = (uint32_t)board_players(boards->list[scorer->range]);
        board_join(boards->list[scorer->range]);
    }
    return STATUS_OK;
}

static void make_change(struct boards *boards, const struct bench_hunt *hunt, uint32_t number,
                        struct board_change *change)
{
    const struct definition *definition = hunt->definition;
    const uint64_t treasure = rng_below(&boards->rng, definition->treasure_count);
    struct scorer *scorer = &boards->scorers[number];
    change->slot = scorer->slot;
    change->player = bench_players_id(number);
    change->before = scorer->score;
    change->after = scorer->score + definition->treasures[treasure].points;
    change->hlc = boards->hlc++;
    scorer->score = change->after;
}

static void warm_up(struct boards *boards, const struct bench_hunt *hunt)
{
    for (uint32_t i = 0; i < 2 * boards->count; i++) {
        const uint32_t number = i % boards->count;
        struct board_change change;
        make_change(boards, hunt, number, &change);
        board_score(boards->list[boards->scorers[number].range], &change);
    }
}

enum status bench_lookups_update(const struct bench_hunt *hunt, uint32_t players, uint32_t count,
                                 uint64_t *ret_ns)
{
    static struct board_change changes[LOT];
    static struct board *of[LOT];
    struct boards boards;
    const enum status status = boards_init(&boards, players);
    if (status != STATUS_OK)
        return status;
    warm_up(&boards, hunt);
    uint64_t ns = 0;
    for (uint32_t done = 0; done < count;) {
        const uint32_t lot = count - done < LOT ? count - done : LOT;
        for (uint32_t i = 0; i < lot; i++) {
            const uint32_t number = (uint32_t)rng_below(&boards.rng, players);
            make_change(&boards, hunt, number, &changes[i]);
            of[i] = boards.list[boards.scorers[number].range];
        }
        const uint64_t started = bench_clock_ns();
        for (uint32_t i = 0; i < lot; i++)
            board_score(of[i], &changes[i]);
        ns += bench_clock_ns() - started;
        done += lot;
    }
    boards_fini(&boards);
    *ret_ns = ns;
    return STATUS_OK;
}
