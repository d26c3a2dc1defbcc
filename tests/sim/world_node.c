/* One simulated node: its core, its clock, its disk, and what becomes of them in a crash. */
#include <stdlib.h>
#include <string.h>

#include "cluster/base/check.h"
#include "tests/sim/disk_snapshot.h"
#include "tests/sim/world_internal.h"

/* Entries given in one RESTORE. */
#define RESTORE_CHUNK 50

/* Monotonic time at the start; it must not be taken for "never". */
#define MONOTONIC_START_US 1000000

/* Between ticks at least this long, however eager the core is. */
#define TICK_US_MIN 1000

struct now node_now(const struct world *world, const struct node *node)
{
    return (struct now){
        .monotonic_us = MONOTONIC_START_US + world->now_us,
        .physical_us =
            (uint64_t)((int64_t)(WORLD_START_US + world->now_us) + faults_clock_us(world, node)),
        .uncertainty_us = 1000,
    };
}

static void must_step(struct world *world, struct node *node, const struct event *event)
{
    const struct now now = node_now(world, node);
    const enum status status = cluster_step(node->core, &now, event, &world->effects);
    if (status != STATUS_OK)
        world_fail(world, "node %u: step %d: %s", node->number, (int)event->kind,
                   status_name(status));
}

/* Which entries the core asked for; answered when the effects of its step are carried out. */
struct reads {
    struct {
        uint32_t group;
        uint64_t first, last;
        uint32_t bytes_max;
    } list[WORLD_RANGES_MAX + 1];
    uint32_t count;
};

static void note_read(struct reads *reads, const struct effect *effect)
{
    CHECK(reads->count < sizeof reads->list / sizeof reads->list[0]);
    reads->list[reads->count].group = effect->group;
    reads->list[reads->count].first = effect->read_log.first;
    reads->list[reads->count].last = effect->read_log.last;
    reads->list[reads->count].bytes_max = effect->read_log.bytes_max;
    reads->count++;
}

/* Its file is written beside the log, and takes its own time. */
static void store_snapshot(struct world *world, struct node *node, const struct effect *effect)
{
    const uint64_t done_us =
        world->now_us + rng_between(&world->rng, 50, 20 * (uint64_t)world->climate.sync_us_max);
    const bool rarely = !world->calm && rng_chance(&world->rng, 1, 20);
    const bool full = rarely || (!world->calm && node->full_until_us > world->now_us);
    disk_snapshot_add(&node->disk, effect, done_us, full);
    if (effect->kind == EFFECT_SNAPSHOT_COMMIT)
        check_snapshot(world, node, effect->group, effect->snapshot.index);
}

static void carry_out_one(struct world *world, struct node *node, const struct effect *effect,
                          struct reads *reads)
{
    switch (effect->kind) {
    case EFFECT_SEND:
        net_send(world, node, effect);
        break;
    case EFFECT_HARD_STATE:
    case EFFECT_APPEND:
    case EFFECT_TRUNCATE:
    case EFFECT_COMPACT:
        CHECK(effect->ticket == cluster_ticket(node->core));
        disk_add(&node->disk, effect);
        break;
    case EFFECT_SNAPSHOT_BEGIN:
    case EFFECT_SNAPSHOT_CHUNK:
    case EFFECT_SNAPSHOT_COMMIT:
    case EFFECT_SNAPSHOT_ABORT:
        store_snapshot(world, node, effect);
        break;
    case EFFECT_READ_LOG:
        note_read(reads, effect);
        break;
    case EFFECT_REPLY:
        for (uint32_t i = 0; i < effect->reply.count; i++)
            clients_replied(world, node, &effect->reply.replies[i]);
        break;
    case EFFECT_DEFINED:
        clients_defined(world, effect);
        break;
    case EFFECT_QUERIED:
        world->answer_copy = *effect->queried.reply;
        world->answer = &world->answer_copy;
        break;
    case EFFECT_PUBLISH:
        global_board_release(effect->publish.board);
        break;
    case EFFECT_DIAL:
        break; /* everybody reaches everybody */
    case EFFECT_NOTE:
        world_trace(world, "n%u: %s", node->number + 1, effect->note.text);
        if (effect->note.level == NOTE_ERROR)
            world_fail(world, "node %u: %s", node->number, effect->note.text);
        break;
    }
}

static void carry_out(struct world *world, struct node *node, struct reads *reads)
{
    for (uint32_t i = 0; i < world->effects.count; i++)
        carry_out_one(world, node, &world->effects.list[i], reads);
}

/* What was written this turn goes to the disk behind what is on its way already. */
static void end_turn(struct world *world, struct node *node)
{
    const struct world_climate *climate = &world->climate;
    uint64_t sync_us = rng_between(&world->rng, 50, climate->sync_us_max);
    if (!world->calm && rng_chance(&world->rng, climate->slow_sync_percent, 100))
        sync_us *= 50;
    const uint64_t begin = node->disk_free_us > world->now_us ? node->disk_free_us : world->now_us;
    if (disk_submit(&node->disk, cluster_ticket(node->core), begin + sync_us))
        node->disk_free_us = begin + sync_us;
    cluster_turn_end(node->core);
}

/* One event and everything that follows from it within the core. */
static void step_through(struct world *world, struct node *node, const struct event *event,
                         struct reads *reads)
{
    must_step(world, node, event);
    carry_out(world, node, reads);
    while (world->effects.more && !world->report->failed) {
        end_turn(world, node);
        const struct event go_on = {.kind = EVENT_CONTINUE};
        must_step(world, node, &go_on);
        carry_out(world, node, reads);
    }
}

static void answer_read(struct world *world, struct node *node, struct reads *reads)
{
    reads->count--;
    const uint32_t number = reads->list[reads->count].group;
    const uint64_t first = reads->list[reads->count].first;
    const uint64_t last = reads->list[reads->count].last;
    const struct disk_group *group = disk_find(&node->disk, number);
    CHECK(group != NULL);
    CHECK(first > group->compacted && first <= group->count);
    uint32_t count = 0;
    uint64_t bytes = 0;
    while (first + count <= group->count && first + count <= last) {
        bytes += group->entries[first - 1 + count].bytes;
        if (count > 0 && bytes > reads->list[reads->count].bytes_max)
            break;
        count++;
    }
    const struct event event = {
        .kind = EVENT_LOG_READ,
        .log_read = {.group = number,
                     .first = first,
                     .entries = &group->entries[first - 1],
                     .count = count},
    };
    step_through(world, node, &event, reads);
}

void node_event(struct world *world, struct node *node, const struct event *event)
{
    struct reads reads = {0};
    step_through(world, node, event, &reads);
    while (reads.count > 0 && !world->report->failed)
        answer_read(world, node, &reads);
    /* While a sync runs, actions gather; they go into the log when the disk is free. */
    const bool idle = disk_next_us(&node->disk) == UINT64_MAX;
    if (cluster_gathered(node->core) && idle && !world->report->failed) {
        const struct event flush = {.kind = EVENT_FLUSH};
        step_through(world, node, &flush, &reads);
        while (reads.count > 0 && !world->report->failed)
            answer_read(world, node, &reads);
    }
    end_turn(world, node);
    if (!world->report->failed)
        check_step(world, node);
}

/* False: it was refused. */
static bool restore_snapshot(struct world *world, struct node *node, const struct disk_group *group)
{
    if (group->snapshot_index == 0)
        return true;
    const struct disk_snapshot *snapshot =
        disk_snapshot_find(&node->disk, group->group, group->snapshot_index);
    CHECK(snapshot != NULL && snapshot->stored);
    world->report->restored++;
    uint32_t number = 0;
    for (uint32_t i = 0; i < snapshot->count && !world->report->failed; i++) {
        if (i == snapshot->count / 2 && world_lies(world, WORLD_DROP_CHUNK))
            continue;
        uint8_t *data = snapshot->chunks[i].data;
        if (i == snapshot->count / 2 && world_lies(world, WORLD_ALTER_CHUNK))
            data[snapshot->chunks[i].bytes / 2] ^= 1;
        const struct event event = {
            .kind = EVENT_RESTORE_SNAPSHOT,
            .restore_snapshot = {.group = group->group,
                                 .hard_state = group->hard_state,
                                 .index = snapshot->index,
                                 .term = snapshot->term,
                                 .chunk = number++,
                                 .last = i + 1 == snapshot->count,
                                 .data = data,
                                 .bytes = snapshot->chunks[i].bytes},
        };
        must_step(world, node, &event);
    }
    return !world->report->failed;
}

static void restore_group(struct world *world, struct node *node, const struct disk_group *group)
{
    if (!restore_snapshot(world, node, group))
        return;
    uint64_t first = group->compacted + 1;
    if (group->compacted + 1 < group->count && group->compacted == group->snapshot_index &&
        group->compacted > 0 && world_lies(world, WORLD_COMPACT_TOO_FAR))
        first++;
    do {
        const uint64_t left = group->count - (first - 1);
        const struct event event = {
            .kind = EVENT_RESTORE,
            .restore = {.group = group->group,
                        .hard_state = group->hard_state,
                        .first = first,
                        .entries = group->entries + (first - 1),
                        .count = left < RESTORE_CHUNK ? (uint32_t)left : RESTORE_CHUNK},
        };
        must_step(world, node, &event);
        first += event.restore.count;
    } while (first <= group->count && !world->report->failed);
}

/* Asks all others what the cluster is, and to be in it. */
static void join(struct world *world, struct node *node)
{
    uint64_t contacts[WORLD_NODES_MAX];
    uint32_t count = 0;
    for (uint32_t i = 0; i < world->options.nodes; i++) {
        if (i != node->number)
            contacts[count++] = world->nodes[i].id;
    }
    world->report->joins++;
    const struct event event = {.kind = EVENT_JOIN, .join = {.contacts = contacts, .count = count}};
    node_event(world, node, &event);
}

static void begin(struct world *world, struct node *node)
{
    if (world->rough.grows && node->number > 0) {
        join(world, node);
        return;
    }
    const struct event found = {
        .kind = EVENT_FOUND,
        .found = {.settings = &world->settings,
                  .members = world->members,
                  .count = world->rough.grows ? 1 : world->options.nodes},
    };
    node_event(world, node, &found);
}

void node_boot(struct world *world, struct node *node)
{
    node->boot++;
    net_links_changed(world, node->number);
    struct cluster_config config = {
        .node = node->id,
        .seed = rng_next(&world->rng),
        .tail_bytes_max = world->climate.tail_bytes_max,
        .snapshot_bytes = world->climate.snapshot_bytes,
        .spread_after_ms = world->climate.spread_after_ms,
        .self = world->members[node->number],
    };
    config.index_secret = config.seed * UINT64_C(0x9e3779b97f4a7c15);
    config.self.boot = node->boot;
    node->core = cluster_new(&config);
    CHECK(node->core != NULL);
    world_trace(world, "n%u: boot %llu", node->number + 1, (unsigned long long)node->boot);
    check_boot(node);

    if (node->disk.group_count == 0) {
        begin(world, node);
        return;
    }
    for (uint32_t i = 0; i < node->disk.group_count; i++)
        restore_group(world, node, &node->disk.groups[i]);
    if (world->report->failed)
        return;
    const struct event start = {.kind = EVENT_START};
    node_event(world, node, &start);
    if (disk_find(&node->disk, GROUP_SYSTEM) == NULL && !world->report->failed)
        join(world, node);
}

void node_crash(struct world *world, struct node *node)
{
    world_trace(world, "n%u: crash", node->number + 1);
    world->report->crashes++;
    disk_crash(&node->disk, &world->rng);
    for (uint32_t i = 0; i < node->disk.group_count; i++) {
        struct disk_group *group = &node->disk.groups[i];
        if (group->group != GROUP_SYSTEM && group->count > 2 &&
            group->count > group->snapshot_index && world_lies(world, WORLD_FORGET_SYNC))
            disk_forget(group);
    }
    cluster_free(node->core);
    node->core = NULL;
    net_links_changed(world, node->number);
    node->disk_free_us = 0;
    node->paused_until_us = 0;
    node->restart_us =
        world->now_us + rng_between(&world->rng, 1000, UINT64_C(1000) * world->climate.away_ms_max);
}

uint64_t node_next_us(const struct world *world, const struct node *node)
{
    if (node->core == NULL)
        return node->restart_us;
    if (faults_paused(world, node))
        return node->paused_until_us;
    const uint64_t write = disk_next_us(&node->disk);
    const uint64_t file = disk_snapshot_next_us(&node->disk);
    const uint64_t sync = write < file ? write : file;
    const uint64_t due = cluster_next_tick_us(node->core);
    uint64_t tick = due > MONOTONIC_START_US ? due - MONOTONIC_START_US : 0;
    if (tick < node->ticked_us + TICK_US_MIN)
        tick = node->ticked_us + TICK_US_MIN;
    return sync < tick ? sync : tick;
}

void node_wake(struct world *world, struct node *node)
{
    if (node->core == NULL) {
        if (world->now_us >= node->restart_us)
            node_boot(world, node);
        return;
    }
    if (faults_paused(world, node))
        return;
    const uint64_t ticket = disk_sync(&node->disk, world->now_us);
    if (ticket > 0) {
        const struct event event = {.kind = EVENT_PERSISTED, .ticket = ticket};
        node_event(world, node, &event);
    }
    struct event report;
    while (!world->report->failed && disk_snapshot_due(&node->disk, world->now_us, &report))
        node_event(world, node, &report);
    if (node_next_us(world, node) <= world->now_us && disk_next_us(&node->disk) > world->now_us &&
        !world->report->failed) {
        node->ticked_us = world->now_us;
        const struct event event = {.kind = EVENT_TICK};
        node_event(world, node, &event);
    }
}

const struct query_reply *node_ask(struct world *world, struct node *node, struct query query)
{
    world->answer = NULL;
    const struct event event = {.kind = EVENT_QUERY, .query = query};
    node_event(world, node, &event);
    return world->answer;
}
