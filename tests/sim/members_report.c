#include "tests/sim/members_report.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "cluster/base/check.h"
#include "tests/sim/members_world.h"

#define MS     UINT64_C(1000)
#define SECOND UINT64_C(1000000)

/* Every node keeps links to all others up to this many; above it connects when it must. */
#define LINKS_MAX 64

/* Times that each thing is done with one seed, and what is waited for it at most. */
#define ROUNDS      5
#define PATIENCE_US (60 * SECOND)

#define SAMPLES_MAX 10000

/* How long something took, each time. */
struct times {
    uint32_t count;
    uint64_t us[SAMPLES_MAX];
};

struct figures {
    struct times cold, refused, silent, join, heal;
    uint64_t idle_us, messages, bytes; /* of all nodes while they idled */
    uint64_t digest;
};

static void add_time(struct times *times, uint64_t us)
{
    if (times->count < SAMPLES_MAX)
        times->us[times->count++] = us;
}

static int compare(const void *a, const void *b)
{
    const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

static double ms_at(struct times *times, uint32_t percent)
{
    CHECK(times->count > 0);
    qsort(times->us, times->count, sizeof times->us[0], compare);
    const uint32_t place = (times->count - 1) * percent / 100;
    return (double)times->us[place] / 1000;
}

static void tell(const struct members_report_options *options, uint64_t seed, const char *what)
{
    if (!options->json && isatty(STDERR_FILENO))
        (void)fprintf(stderr, "\r\033[Kseed %llu: %s", (unsigned long long)seed, what);
}

static uint32_t any_node(struct members_world *world)
{
    return (uint32_t)rng_below(&world->rng, world->options.nodes);
}

static void idle(struct members_world *world, uint32_t seconds, struct figures *figures)
{
    members_world_run(world, 10 * SECOND);
    for (uint32_t i = 0; i < world->count; i++)
        world->nodes[i].messages = world->nodes[i].bytes = 0;
    members_world_run(world, seconds * SECOND);
    figures->idle_us += seconds * SECOND;
    for (uint32_t i = 0; i < world->count; i++) {
        figures->messages += world->nodes[i].messages;
        figures->bytes += world->nodes[i].bytes;
    }
}

static void kill_one(struct members_world *world, bool refuses, struct times *times)
{
    const uint32_t node = any_node(world);
    members_world_run(world, rng_between(&world->rng, SECOND, 2 * SECOND));
    members_world_kill(world, node, refuses);
    add_time(times, members_world_until(world, node, LIVENESS_FAILED, PATIENCE_US));
    members_world_start(world, node, CONTACT_NONE);
    (void)members_world_until_agreed(world, PATIENCE_US);
}

/* One more node comes, by the address of any other, and dies again. */
static void join_one(struct members_world *world, struct times *times)
{
    const uint32_t node = world->options.nodes;
    members_world_run(world, rng_between(&world->rng, SECOND, 2 * SECOND));
    members_world_start(world, node, any_node(world));
    add_time(times, members_world_until(world, node, LIVENESS_ALIVE, PATIENCE_US));
    (void)members_world_until_agreed(world, PATIENCE_US);
    members_world_kill(world, node, true);
    (void)members_world_until(world, node, LIVENESS_FAILED, PATIENCE_US);
}

static void part(struct members_world *world, struct times *times)
{
    const uint32_t half = world->options.nodes / 2;
    for (uint32_t i = 0; i < world->options.nodes; i++) {
        for (uint32_t j = 0; j < world->options.nodes; j++) {
            if ((i < half) != (j < half))
                members_world_cut(world, i, j, WORLD_CUT);
        }
    }
    members_world_run(world, 30 * SECOND);
    members_world_heal(world);
    add_time(times, members_world_until_agreed(world, PATIENCE_US));
}

static void measure(const struct members_report_options *options, uint64_t seed,
                    struct figures *figures)
{
    const struct members_world_options wish = {
        .seed = seed,
        .nodes = options->nodes,
        .capacity = options->nodes + 1,
        .links = options->nodes <= LINKS_MAX,
        .delay_us_min = 100,
        .delay_us_max = 1000,
    };
    struct members_world *world = members_world_new(&wish);
    tell(options, seed, "all start at once");
    members_world_start_all(world);
    add_time(&figures->cold, members_world_until_agreed(world, PATIENCE_US));
    tell(options, seed, "all idle");
    idle(world, options->seconds, figures);
    for (uint32_t i = 0; i < ROUNDS; i++) {
        tell(options, seed, "kill -9");
        kill_one(world, true, &figures->refused);
        tell(options, seed, "silence");
        kill_one(world, false, &figures->silent);
        tell(options, seed, "join");
        join_one(world, &figures->join);
    }
    tell(options, seed, "two halves");
    part(world, &figures->heal);
    figures->digest ^= world->digest;
    members_world_free(world);
}

static void print_text(const struct members_report_options *options, struct figures *figures)
{
    const double node_seconds = (double)figures->idle_us / 1e6 * options->nodes;
    (void)printf("%u members, %llu seed%s from %llu, 0.1 to 1 ms one way, %s\n", options->nodes,
                 (unsigned long long)options->seeds, options->seeds == 1 ? "" : "s",
                 (unsigned long long)options->seed,
                 options->nodes <= LINKS_MAX ? "links between all" : "connecting when needed");
    (void)printf("  idle: %.1f messages/s and %.0f bytes/s sent by each (envelopes not counted)\n",
                 (double)figures->messages / node_seconds, (double)figures->bytes / node_seconds);
    struct {
        const char *what;
        struct times *times;
    } const lines[] = {
        {"all start at once, views agree", &figures->cold},
        {"kill -9 known to all", &figures->refused},
        {"silence known to all", &figures->silent},
        {"join known to all", &figures->join},
        {"30 s in two halves, views agree", &figures->heal},
    };
    for (uint32_t i = 0; i < sizeof lines / sizeof lines[0]; i++)
        (void)printf("  %-32s median %.0f ms, worst %.0f ms (of %u)\n", lines[i].what,
                     ms_at(lines[i].times, 50), ms_at(lines[i].times, 100), lines[i].times->count);
    (void)printf("  digest %016llx\n", (unsigned long long)figures->digest);
}

static void print_times(const char *name, struct times *times)
{
    (void)printf(", \"%s\": {\"median\": %.1f, \"worst\": %.1f, \"count\": %u}", name,
                 ms_at(times, 50), ms_at(times, 100), times->count);
}

static void print_json(const struct members_report_options *options, struct figures *figures)
{
    const double node_seconds = (double)figures->idle_us / 1e6 * options->nodes;
    (void)printf("{\"members\": %u, \"seed\": %llu, \"seeds\": %llu, \"seconds\": %u, "
                 "\"links\": %s, \"idle_messages_per_s\": %.2f, \"idle_bytes_per_s\": %.1f",
                 options->nodes, (unsigned long long)options->seed,
                 (unsigned long long)options->seeds, options->seconds,
                 options->nodes <= LINKS_MAX ? "true" : "false",
                 (double)figures->messages / node_seconds, (double)figures->bytes / node_seconds);
    print_times("start_ms", &figures->cold);
    print_times("refused_ms", &figures->refused);
    print_times("silent_ms", &figures->silent);
    print_times("join_ms", &figures->join);
    print_times("heal_ms", &figures->heal);
    (void)printf(", \"digest\": \"%016llx\"}\n", (unsigned long long)figures->digest);
}

void members_report(const struct members_report_options *options)
{
    CHECK(options->nodes >= 2);
    CHECK(options->nodes <= MEMBERS_REPORT_NODES_MAX);
    struct figures *figures = calloc(1, sizeof *figures);
    CHECK(figures != NULL);
    for (uint64_t i = 0; i < options->seeds; i++)
        measure(options, options->seed + i, figures);
    tell(options, options->seed, "\r\033[K");
    if (options->json)
        print_json(options, figures);
    else
        print_text(options, figures);
    free(figures);
}
