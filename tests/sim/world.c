#include "tests/sim/world.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cluster/base/check.h"
#include "cluster/base/hash.h"
#include "cluster/clock/hlc.h"
#include "cluster/ranges/range_state.h"
#include "tests/sim/world_internal.h"
#include "tests/sim/world_play.h"

/* After the faults, every request must be answered within this time, and another epoch must be
 * complete on every node. */
#define CALM_US_MAX UINT64_C(60000000)

void world_fail(struct world *world, const char *format, ...)
{
    if (world->report->failed)
        return;
    world->report->failed = true;
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(world->report->failure, sizeof world->report->failure, format, arguments);
    va_end(arguments);
}

void world_trace(const struct world *world, const char *format, ...)
{
    if (!world->options.trace)
        return;
    (void)fprintf(stderr, "[%10.3f] ", (double)world->now_us / 1000.0);
    va_list arguments;
    va_start(arguments, format);
    (void)vfprintf(stderr, format, arguments);
    va_end(arguments);
    (void)fputc('\n', stderr);
}

void world_fold(struct world *world, uint64_t value)
{
    world->report->digest = hash_chain(world->report->digest, &value, sizeof value);
}

static uint32_t draw(struct rng *rng, uint32_t low, uint32_t high)
{
    return (uint32_t)rng_between(rng, low, high);
}

/* Some seeds are quiet, some are rough in one way only, some in all. One draw a statement: within
 * an initializer their order would be the compiler's choice. */
static void draw_climate(struct world *world)
{
    struct rng *rng = &world->rng;
    struct world_climate *climate = &world->climate;
    climate->ranges = draw(rng, 2, WORLD_RANGES_MAX);
    climate->epoch_ms = rng_chance(rng, 1, 3) ? draw(rng, 100, 400) : draw(rng, 1000, 5000);
    climate->players_max = 4000;
    climate->tail_bytes_max = rng_chance(rng, 1, 2) ? draw(rng, 1000, 20000) : TAIL_BYTES_MAX;
    climate->snapshot_bytes =
        rng_chance(rng, 3, 4) ? draw(rng, 500, 20000) : (uint32_t)SNAPSHOT_LOG_BYTES;
    climate->sync_us_max = draw(rng, 100, 3000);
    climate->slow_sync_percent = rng_chance(rng, 1, 3) ? draw(rng, 1, 10) : 0;
    climate->delay_us_max = draw(rng, 200, 5000);
    climate->loss_percent = rng_chance(rng, 1, 2) ? draw(rng, 1, 10) : 0;
    climate->duplicate_percent = rng_chance(rng, 1, 2) ? draw(rng, 1, 10) : 0;
    climate->reply_loss_percent = rng_chance(rng, 1, 2) ? draw(rng, 1, 20) : 0;
    climate->crash_every_ms = rng_chance(rng, 3, 4) ? draw(rng, 1000, 8000) : 0;
    climate->request_every_us = draw(rng, 5000, 60000);
    climate->redefine_every_ms = draw(rng, 2000, 10000);
    climate->spread_after_ms = 1 + climate->request_every_us % 3000;
    climate->clock_offset_us_max = rng_chance(rng, 1, 2) ? 100000 : 0;
    climate->away_ms_max = rng_chance(rng, 1, 2) ? 3000 : draw(rng, 3000, 12000);
    climate->features = (uint32_t)rng_next(rng) & GENERATE_ALL & ~GENERATE_GEO;
}

static void found_members(struct world *world)
{
    for (uint32_t i = 0; i < world->options.nodes; i++) {
        struct member *member = &world->members[i];
        member->id = 1000 + i;
        member->boot = 1;
        char name[8];
        const int length = snprintf(name, sizeof name, "n%u", (unsigned)(i + 1));
        CHECK(name_set(&member->name, name, (size_t)length) == STATUS_OK);
        (void)snprintf(member->http, sizeof member->http, "10.0.0.%u:80", (unsigned)(i + 1));
        (void)snprintf(member->peer, sizeof member->peer, "tcp://10.0.0.%u:90", (unsigned)(i + 1));
    }
    world->settings = (struct settings){
        .cluster_id = rng_next(&world->rng) | 1,
        .ranges = world->climate.ranges,
        .replicas = world->options.nodes,
        .epoch_ms = world->climate.epoch_ms,
        .replace_after_ms = 30000,
        .players_max = world->climate.players_max,
    };
    world->settings.first_epoch = epoch_of(hlc_from_us(WORLD_START_US), world->settings.epoch_ms);
}

static void start(struct world *world)
{
    draw_climate(world);
    found_members(world);
    faults_draw(world);
    for (uint32_t i = 0; i < world->options.nodes; i++) {
        struct node *node = &world->nodes[i];
        const uint64_t spread = (uint64_t)world->climate.clock_offset_us_max;
        node->number = i;
        node->id = world->members[i].id;
        node->clock_offset_us = (int64_t)rng_below(&world->rng, 2 * spread + 1) - (int64_t)spread;
        disk_init(&node->disk);
        if (node->restart_us == 0)
            node_boot(world, node);
    }
    clients_start(world);
}

static void maybe_crash(struct world *world)
{
    if (world->now_us < world->next_crash_us)
        return;
    const uint64_t every = UINT64_C(1000) * world->climate.crash_every_ms;
    world->next_crash_us =
        every == 0 ? UINT64_MAX : world->now_us + rng_between(&world->rng, 1, 2 * every);
    if (world->now_us == 0 || every == 0)
        return;
    struct node *node = &world->nodes[rng_below(&world->rng, world->options.nodes)];
    if (node->core != NULL)
        node_crash(world, node);
}

static uint64_t earliest(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static uint64_t next_moment(const struct world *world)
{
    uint64_t next = earliest(net_next_us(world), clients_next_us(world));
    if (!world->calm)
        next = earliest(next, earliest(world->next_crash_us, faults_next_us(world)));
    next = earliest(next, net_next_link_us(world));
    for (uint32_t i = 0; i < world->options.nodes; i++)
        next = earliest(next, node_next_us(world, &world->nodes[i]));
    return next;
}

/* Everything that is due at the next moment. */
static void advance(struct world *world)
{
    const uint64_t next = next_moment(world);
    CHECK(next != UINT64_MAX);
    if (next > world->now_us)
        world->now_us = next;
    if (!world->calm) {
        maybe_crash(world);
        faults_wake(world);
    }
    net_links(world);
    net_deliver(world);
    clients_wake(world);
    for (uint32_t i = 0; i < world->options.nodes; i++)
        node_wake(world, &world->nodes[i]);
}

static bool boards_complete(struct world *world, uint64_t epoch)
{
    for (uint32_t i = 0; i < world->options.nodes; i++) {
        const struct merge *merge =
            world->nodes[i].core != NULL ? cluster_merge(world->nodes[i].core) : NULL;
        uint64_t complete;
        if (merge == NULL || !merge_complete(merge, &complete) || complete < epoch)
            return false;
        for (uint32_t range = 0; range < world->settings.ranges; range++) {
            const struct range_state *state = cluster_range_state(world->nodes[i].core, range);
            if (state == NULL || range_state_settle_next(state) <= epoch ||
                cluster_voters(world->nodes[i].core, range) != world->options.nodes)
                return false;
        }
    }
    return true;
}

static uint64_t present_epoch(const struct world *world)
{
    return epoch_of(hlc_from_us(WORLD_START_US + world->now_us), world->settings.epoch_ms);
}

/* By one that answers: who was elected just now has yet to commit something. */
static bool all_served(const struct world *world)
{
    for (uint32_t range = 0; range < world->settings.ranges; range++) {
        uint32_t leaders = 0;
        for (uint32_t i = 0; i < world->options.nodes; i++)
            leaders += world->nodes[i].core != NULL && cluster_serves(world->nodes[i].core, range);
        if (leaders != 1)
            return false;
    }
    return true;
}

static bool converged(struct world *world, uint64_t epoch)
{
    return boards_complete(world, epoch) && play_can_read_all(world) && all_served(world);
}

/* The faults are over: everything that was asked is answered, and an epoch that began afterwards
 * is complete everywhere. */
static void calm_down(struct world *world)
{
    world->calm = true;
    faults_end(world);
    const uint64_t until = world->now_us + CALM_US_MAX;
    while (!world->report->failed && !clients_quiet(world)) {
        if (world->now_us > until) {
            world_fail(world, "liveness: a request is not answered %llu ms after the last fault",
                       (unsigned long long)(CALM_US_MAX / 1000));
            return;
        }
        advance(world);
    }
    const uint64_t epoch = present_epoch(world);
    const uint64_t more = world->now_us + CALM_US_MAX;
    while (!world->report->failed && !converged(world, epoch)) {
        if (world->now_us > more) {
            world_fail(world, "liveness: epoch %llu is not complete and settled on every node",
                       (unsigned long long)epoch);
            return;
        }
        advance(world);
    }
}

static void finish(struct world *world)
{
    for (uint32_t i = 0; i < world->options.nodes; i++) {
        cluster_free(world->nodes[i].core);
        world->report->adopted += world->nodes[i].disk.adopted;
        disk_fini(&world->nodes[i].disk);
    }
    clients_free(world);
    net_clear(world);
    for (uint32_t i = 0; i < WORLD_RANGES_MAX; i++)
        free(world->digests[i]);
    snapshots_free_seen(world);
    archive_free(world);
    free(world->acknowledgements);
    free(world);
}

void world_run(const struct world_options *options, struct world_report *ret_report)
{
    CHECK(options->nodes >= 1 && options->nodes <= WORLD_NODES_MAX && options->nodes % 2 == 1);
    *ret_report = (struct world_report){0};
    struct world *world = calloc(1, sizeof *world);
    CHECK(world != NULL);
    world->options = *options;
    world->report = ret_report;
    rng_init(&world->rng, options->seed);

    start(world);
    const uint64_t end = UINT64_C(1000000) * options->seconds;
    while (!ret_report->failed && world->now_us < end)
        advance(world);
    if (!ret_report->failed)
        calm_down(world);
    if (!ret_report->failed)
        check_end(world);
    finish(world);
}
