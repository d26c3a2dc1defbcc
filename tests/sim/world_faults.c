/* What makes a world rough besides crashes, loss and slow disks: links that are cut, in one
 * direction or both, nodes cut off or stopped for a while, clocks that drift and jump, disks that
 * stall or are full, and nodes that join while all this goes on.
 *
 * It is drawn from a stream of chance of its own, so that a seed keeps its other draws. */
#include "cluster/base/check.h"
#include "tests/sim/world_internal.h"

#define JUMP_US_MAX 3000000

static uint32_t draw(struct rng *rng, uint32_t low, uint32_t high)
{
    return (uint32_t)rng_between(rng, low, high);
}

/* On average; 0: in this world it does not happen. */
static uint64_t draw_every(struct rng *rng)
{
    const bool happens = rng_chance(rng, 1, 2);
    const uint64_t every_us = UINT64_C(1000) * draw(rng, 500, 8000);
    return happens ? every_us : 0;
}

static void schedule(struct world *world, enum world_fault fault)
{
    struct world_rough *rough = &world->rough;
    const uint64_t every_us = rough->every_us[fault];
    rough->next_us[fault] =
        every_us == 0 ? UINT64_MAX : world->now_us + rng_between(&rough->rng, 1, 2 * every_us);
}

void faults_draw(struct world *world)
{
    struct world_rough *rough = &world->rough;
    rng_init(&rough->rng, world->options.seed * UINT64_C(0x9e3779b97f4a7c15) + 77);
    for (int fault = 0; fault < FAULTS; fault++) {
        rough->every_us[fault] = world->options.plain ? 0 : draw_every(&rough->rng);
        schedule(world, (enum world_fault)fault);
    }
    const bool grows = rng_chance(&rough->rng, 1, 3);
    rough->grows = grows && world->options.nodes > 1 && !world->options.plain;
    const bool drifts = rng_chance(&rough->rng, 1, 2) && !world->options.plain;
    for (uint32_t i = 0; i < world->options.nodes; i++) {
        struct node *node = &world->nodes[i];
        const uint32_t joins_ms = draw(&rough->rng, 100, 700 * world->options.seconds);
        const uint32_t drift_ppm = draw(&rough->rng, 0, 4000);
        if (rough->grows && i > 0)
            node->restart_us = UINT64_C(1000) * joins_ms;
        node->drift_ppm = drifts ? (int32_t)drift_ppm - 2000 : 0;
    }
}

int64_t faults_clock_us(const struct world *world, const struct node *node)
{
    const int64_t drift_us = (int64_t)(world->now_us / 1000000) * node->drift_ppm;
    /* In the calm no two are as far apart as keeps a node aside that stood there before. */
    if (world->calm)
        return node->clock_offset_us / 2;
    return node->clock_offset_us + drift_us + node->jump_us;
}

bool faults_cut(const struct world *world, uint32_t from, uint32_t to)
{
    return !world->calm && world->rough.cut_until_us[from][to] > world->now_us;
}

bool faults_paused(const struct world *world, const struct node *node)
{
    return !world->calm && node->paused_until_us > world->now_us;
}

static struct node *any_node(struct world *world)
{
    return &world->nodes[rng_below(&world->rough.rng, world->options.nodes)];
}

/* One direction, both, or everything of one node. */
static void cut_links(struct world *world)
{
    struct world_rough *rough = &world->rough;
    const uint32_t a = any_node(world)->number, b = any_node(world)->number;
    const uint64_t kind = rng_below(&rough->rng, 3);
    const uint64_t until_us = world->now_us + rng_between(&rough->rng, 50000, 4000000);
    world_trace(world, "n%u: links cut (%u, n%u) until %u ms", a + 1, (unsigned)kind, b + 1,
                (unsigned)(until_us / 1000));
    rough->cut_until_us[a][b] = until_us;
    if (kind == 0)
        return;
    rough->cut_until_us[b][a] = until_us;
    for (uint32_t i = 0; kind == 2 && i < world->options.nodes; i++) {
        rough->cut_until_us[a][i] = until_us;
        rough->cut_until_us[i][a] = until_us;
    }
}

static void pause(struct world *world)
{
    struct node *node = any_node(world);
    node->paused_until_us = world->now_us + rng_between(&world->rough.rng, 20000, 4000000);
    node->pause_loses = rng_chance(&world->rough.rng, 1, 2);
    world_trace(world, "n%u: paused until %u ms", node->number + 1,
                (unsigned)(node->paused_until_us / 1000));
}

/* It comes back with the next one, at the latest when the world calms down. */
static void jump(struct world *world)
{
    struct node *node = any_node(world);
    const uint64_t us = rng_between(&world->rough.rng, 1000, JUMP_US_MAX);
    const bool back = rng_chance(&world->rough.rng, 1, 2);
    node->jump_us = node->jump_us != 0 ? 0 : back ? -(int64_t)us : (int64_t)us;
    node->ran_off = true;
    world_trace(world, "n%u: clock off by %d ms", node->number + 1, (int)(node->jump_us / 1000));
}

static void stall(struct world *world)
{
    struct node *node = any_node(world);
    const uint64_t until_us = world->now_us + rng_between(&world->rough.rng, 20000, 3000000);
    if (node->disk_free_us < until_us)
        node->disk_free_us = until_us;
    world_trace(world, "n%u: disk stalls until %u ms", node->number + 1,
                (unsigned)(until_us / 1000));
}

static void fill(struct world *world)
{
    struct node *node = any_node(world);
    node->full_until_us = world->now_us + rng_between(&world->rough.rng, 500000, 10000000);
}

void faults_wake(struct world *world)
{
    static void (*const happen[FAULTS])(struct world *) = {
        [FAULT_CUT] = cut_links, [FAULT_PAUSE] = pause, [FAULT_JUMP] = jump,
        [FAULT_STALL] = stall,   [FAULT_FULL] = fill,
    };
    for (int fault = 0; fault < FAULTS; fault++) {
        if (world->now_us < world->rough.next_us[fault])
            continue;
        happen[fault](world);
        schedule(world, (enum world_fault)fault);
    }
}

uint64_t faults_next_us(const struct world *world)
{
    uint64_t next = UINT64_MAX;
    for (int fault = 0; fault < FAULTS; fault++) {
        if (world->rough.next_us[fault] < next)
            next = world->rough.next_us[fault];
    }
    return next;
}

/* Whoever has not joined yet does so now. */
void faults_end(struct world *world)
{
    for (uint32_t i = 0; i < world->options.nodes; i++) {
        struct node *node = &world->nodes[i];
        if (node->core == NULL && node->restart_us > world->now_us + 1000000)
            node->restart_us = world->now_us + 1000000;
    }
}
