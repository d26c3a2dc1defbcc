#include "chaos/bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "chaos/bench_hunt.h"
#include "chaos/bench_lookups.h"
#include "chaos/bench_players.h"
#include "chaos/bench_ranges.h"
#include "cluster/base/check.h"

/* Treasures that each player has found before the measuring begins. */
#define FOUND_BEFORE 2

/* Looks at the global board, and new scores, that are measured: as many as claims, at most these.
 */
#define LOOKUPS_MAX 1000000

struct bench {
    const struct bench_options *options;
    struct bench_report *report;
    struct bench_hunt hunt;
    struct bench_players players;
    struct bench_ranges ranges;
};

static void show(const struct bench *bench, const char *what, uint64_t percent)
{
    if (bench->options->shows_progress)
        (void)fprintf(stderr, "\r%-24s %3u %%", what, (unsigned)percent);
}

static void show_nothing(const struct bench *bench)
{
    if (bench->options->shows_progress)
        (void)fprintf(stderr, "\r%30s\r", "");
}

/* Of the process, at present. */
static uint64_t rss_bytes(void)
{
    unsigned long long pages = 0, resident = 0;
    FILE *file = fopen("/proc/self/statm", "re");
    if (file == NULL)
        return 0;
    if (fscanf(file, "%llu %llu", &pages, &resident) != 2) /* NOLINT(cert-err34-c) */
        resident = 0;
    (void)fclose(file);
    return resident * (uint64_t)sysconf(_SC_PAGESIZE);
}

/* One turn: the players from `from` on, by one way of claiming. */
static enum status claim_some(struct bench *bench, uint32_t from, uint32_t end,
                              struct action (*claim)(struct bench_players *, uint32_t))
{
    struct bench_turn turn = {.ns = 0};
    for (uint32_t number = from; number < end; number++)
        bench_ranges_gather(&bench->ranges, claim(&bench->players, number));
    bench->ranges.us++;
    return bench_ranges_apply(&bench->ranges, &turn);
}

/* The players from `from` on once, in turns. */
static enum status claim_all(struct bench *bench, const char *what, uint32_t from,
                             struct action (*claim)(struct bench_players *, uint32_t))
{
    const uint32_t count = bench->players.count;
    enum status status = STATUS_OK;
    while (from < count && status == STATUS_OK) {
        show(bench, what, UINT64_C(100) * from / count);
        const uint32_t end = count - from < BENCH_TURN_CLAIMS ? count : from + BENCH_TURN_CLAIMS;
        status = claim_some(bench, from, end, claim);
        from = end;
    }
    return status;
}

/* All players come, hitting nothing, and then find a few treasures each. Memory is measured from
 * the second turn on, as the first one takes what turns need. */
static enum status gather_players(struct bench *bench)
{
    const uint32_t count = bench->players.count;
    const uint32_t first = count > 2 * BENCH_TURN_CLAIMS ? BENCH_TURN_CLAIMS : 0;
    enum status status = claim_some(bench, 0, first, bench_players_miss);
    const uint64_t before = rss_bytes();
    if (status == STATUS_OK)
        status = claim_all(bench, "players come", first, bench_players_miss);
    const uint64_t after = rss_bytes();
    bench->report->rss_bytes_per_player = after > before ? (after - before) / (count - first) : 0;
    for (uint32_t i = 0; i < FOUND_BEFORE && status == STATUS_OK; i++)
        status = claim_all(bench, "players find", 0, bench_players_find);
    struct bench_close close;
    return status == STATUS_OK ? bench_ranges_close(&bench->ranges, &close) : status;
}

/* The claims of one epoch, its time spread over them. */
static enum status play_epoch(struct bench *bench, uint64_t claims, struct bench_turn *turn)
{
    const uint64_t start_us = bench->ranges.us;
    const uint64_t epoch_us = UINT64_C(1000) * bench->ranges.settings.epoch_ms;
    for (uint64_t done = 0; done < claims;) {
        const uint64_t left = claims - done;
        /* A turn is a small part of the epoch, and has no more than fits. */
        const uint64_t part = claims / 16 + 1;
        uint64_t count = part < BENCH_TURN_CLAIMS ? part : BENCH_TURN_CLAIMS;
        count = count < left ? count : left;
        bench->ranges.us = start_us + epoch_us / 16 * 15 * done / claims;
        for (uint64_t i = 0; i < count; i++)
            bench_ranges_gather(&bench->ranges, bench_players_play(&bench->players));
        const enum status status = bench_ranges_apply(&bench->ranges, turn);
        if (status != STATUS_OK)
            return status;
        done += count;
    }
    return STATUS_OK;
}

static int compare_numbers(const void *a, const void *b)
{
    const uint64_t one = *(const uint64_t *)a, other = *(const uint64_t *)b;
    return (one > other) - (one < other);
}

static uint64_t median(uint64_t *numbers, size_t count)
{
    qsort(numbers, count, sizeof *numbers, compare_numbers);
    return numbers[count / 2];
}

/* Closes quiet epochs until memory is as in a node that has run for a while: as many summaries are
 * kept as ever are, and a new one takes the place of an old one. */
static enum status settle_memory(struct bench *bench)
{
    enum status status = STATUS_OK;
    for (uint32_t i = 0; i <= BOARDS_KEPT && status == STATUS_OK; i++) {
        struct bench_close close;
        status = bench_ranges_close(&bench->ranges, &close);
    }
    return status;
}

static enum status play(struct bench *bench)
{
    struct bench_turn turn = {.ns = 0};
    const enum status settled = settle_memory(bench);
    if (settled != STATUS_OK)
        return settled;
    uint64_t close_ns[BENCH_EPOCHS], merge_ns[BENCH_EPOCHS], settle_ns[BENCH_EPOCHS];
    uint64_t left = bench->options->claims;
    for (uint32_t i = 0; i < BENCH_EPOCHS; i++) {
        show(bench, "claims are judged", UINT64_C(100) * i / BENCH_EPOCHS);
        const uint64_t claims = left / (BENCH_EPOCHS - i);
        left -= claims;
        enum status status = play_epoch(bench, claims, &turn);
        struct bench_close close;
        if (status == STATUS_OK)
            status = bench_ranges_close(&bench->ranges, &close);
        if (status != STATUS_OK)
            return status;
        close_ns[i] = close.close_ns;
        merge_ns[i] = close.merge_ns;
        settle_ns[i] = close.settle_ns;
        bench->report->summary_bytes = close.summary_bytes;
        bench->players.sold_out = bench_ranges_sold_out(&bench->ranges, &bench->hunt);
    }
    struct bench_report *report = bench->report;
    report->judged_ns = turn.ns;
    report->allocations = turn.allocations;
    for (int i = 0; i < OUTCOME_COUNT; i++)
        report->outcomes[i] = turn.outcomes[i];
    report->close_ns = median(close_ns, BENCH_EPOCHS);
    report->merge_ns = median(merge_ns, BENCH_EPOCHS);
    report->settle_ns = median(settle_ns, BENCH_EPOCHS);
    return STATUS_OK;
}

static void weigh(struct bench *bench)
{
    uint64_t bytes = 0, players = 0;
    for (uint32_t i = 0; i < BENCH_RANGES; i++) {
        const struct engine *engine = range_state_engine(bench->ranges.states[i]);
        bytes += (uint64_t)engine_bytes_per_player(engine) * engine_players(engine);
        players += engine_players(engine);
    }
    CHECK(players == bench->players.count);
    bench->report->bytes_per_player = (bytes + players - 1) / players;
    bench->report->bytes_per_receipt = engine_bytes_per_receipt();
    bench->report->rss_bytes = rss_bytes();
}

static enum status measure(struct bench *bench)
{
    enum status status = gather_players(bench);
    if (status == STATUS_OK)
        status = play(bench);
    if (status != STATUS_OK)
        return status;
    weigh(bench);
    show(bench, "boards are looked at", 0);
    const uint64_t claims = bench->options->claims;
    const uint32_t lookups = claims < LOOKUPS_MAX ? (uint32_t)claims : LOOKUPS_MAX;
    const uint64_t rank_ns = bench_lookups_rank(&bench->ranges, bench->players.count, lookups);
    uint64_t update_ns;
    status = bench_lookups_update(&bench->hunt, bench->players.count, lookups, &update_ns);
    if (status != STATUS_OK)
        return status;
    bench->report->rank_ps = 1000 * rank_ns / lookups;
    bench->report->update_ps = 1000 * update_ns / lookups;
    return STATUS_OK;
}

static enum status make(struct bench *bench)
{
    enum status status = bench_hunt_init(&bench->hunt, bench->options->treasures);
    if (status != STATUS_OK)
        return status;
    status = bench_players_init(&bench->players, &bench->hunt, bench->options->players);
    if (status != STATUS_OK)
        return status;
    return bench_ranges_init(&bench->ranges, &bench->hunt, bench->options->players);
}

enum status bench_run(const struct bench_options *options, struct bench_report *report)
{
    CHECK(options->players > 0);
    CHECK(options->players <= BENCH_PLAYERS_MAX);
    CHECK(options->claims >= BENCH_EPOCHS);
    struct bench *bench = calloc(1, sizeof *bench);
    if (bench == NULL)
        return STATUS_NO_MEMORY;
    *report = (struct bench_report){.players = options->players,
                                    .ranges = BENCH_RANGES,
                                    .claims = options->claims,
                                    .treasures = options->treasures};
    bench->options = options;
    bench->report = report;
    enum status status = make(bench);
    if (status == STATUS_OK)
        status = measure(bench);
    show_nothing(bench);
    bench_ranges_fini(&bench->ranges);
    bench_players_fini(&bench->players);
    bench_hunt_fini(&bench->hunt);
    free(bench);
    return status;
}
