#include "tests/sim/group_world.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cluster/base/arena.h"
#include "cluster/base/check.h"

#define STORY_BYTES 65536

void group_world_init(struct group_world *world, uint64_t seed)
{
    *world = (struct group_world){.seed = seed, .delay_ms_max = 2, .telling = true};
    rng_init(&world->rng, seed);
    witness_init(&world->witness, seed);
    arena_init(&world->arena);
    world->effects = calloc(1, sizeof *world->effects);
    world->story = calloc(1, STORY_BYTES);
    CHECK(world->effects != NULL);
    CHECK(world->story != NULL);
    for (uint64_t i = 0; i < WORLD_NODES; i++) {
        group_disk_init(&world->nodes[i].disk);
        world->nodes[i].tail_bytes_max = TAIL_BYTES_MAX;
    }
}

static void free_packet(struct packet *packet)
{
    if (packet->message.type != GROUP_APPEND)
        return;
    for (uint32_t i = 0; i < packet->message.append.count; i++)
        free((void *)(uintptr_t)packet->message.append.entries[i].data);
    free((void *)(uintptr_t)packet->message.append.entries);
}

void group_world_fini(struct group_world *world)
{
    for (uint64_t i = 0; i < WORLD_NODES; i++) {
        group_free(world->nodes[i].group);
        group_disk_fini(&world->nodes[i].disk);
    }
    for (size_t i = 0; i < world->packet_count; i++)
        free_packet(&world->packets[i]);
    free(world->packets);
    witness_fini(&world->witness);
    arena_fini(&world->arena);
    free(world->effects);
    free(world->story);
}

PRINTF_LIKE(2, 3)
static void tell(struct group_world *world, const char *format, ...)
{
    if (!world->telling || world->story_used + 200 > STORY_BYTES)
        return;
    char *at = world->story + world->story_used;
    int used = snprintf(at, 100, "[%5" PRIu64 "] ", world->now_ms);
    va_list list;
    va_start(list, format);
    used += vsnprintf(at + used, 99, format, list);
    va_end(list);
    at[used++] = '\n';
    at[used] = 0;
    world->story_used += (size_t)used;
}

const char *group_world_story(const struct group_world *world)
{
    return world->story;
}

/* --- Network -------------------------------------------------------------------------------------
 */

static struct log_entry *copy_entries(const struct log_entry *entries, uint32_t count)
{
    struct log_entry *copies = malloc((count > 0 ? count : 1) * sizeof *copies);
    CHECK(copies != NULL);
    for (uint32_t i = 0; i < count; i++) {
        uint8_t *data = malloc(entries[i].bytes);
        CHECK(data != NULL);
        memcpy(data, entries[i].data, entries[i].bytes);
        copies[i] = entries[i];
        copies[i].data = data;
    }
    return copies;
}

static void trim(const struct group_world *world, struct group_message *message)
{
    if (message->type != GROUP_APPEND || world->trim_after == 0)
        return;
    const uint64_t previous = message->append.previous_index;
    while (message->append.count > 0 && previous + message->append.count > world->trim_after)
        message->append.count--;
}

static void post(struct group_world *world, uint64_t node, const struct group_message *message)
{
    if (world->packet_count == world->packet_capacity) {
        world->packet_capacity = world->packet_capacity * 2 + 64;
        world->packets = realloc(world->packets, world->packet_capacity * sizeof *world->packets);
        CHECK(world->packets != NULL);
    }
    struct packet *packet = &world->packets[world->packet_count++];
    *packet = (struct packet){
        .due_ms = world->now_ms + rng_between(&world->rng, 1, world->delay_ms_max),
        .order = world->packet_order++,
        .to_node = node,
        .message = *message,
    };
    trim(world, &packet->message);
    if (message->type == GROUP_APPEND)
        packet->message.append.entries =
            copy_entries(message->append.entries, packet->message.append.count);
}

static void send(struct group_world *world, uint64_t from, uint64_t to,
                 const struct group_message *message)
{
    CHECK(to < WORLD_NODES);
    if (message->type == GROUP_APPEND) {
        world->sent_entries += message->append.count;
        uint64_t bytes = 0;
        for (uint32_t i = 0; i < message->append.count; i++) {
            bytes += message->append.entries[i].bytes;
            witness_entry(&world->witness, message->append.previous_index + 1 + i,
                          &message->append.entries[i]);
        }
        CHECK(message->append.count <= 1 || bytes <= GROUP_APPEND_BYTES_MAX);
    }
    if (message->type == GROUP_VOTE && world->only_candidate != 0 && world->only_candidate != from)
        return;
    if (world->cut[from][to] || rng_chance(&world->rng, world->loss_percent, 100))
        return;
    post(world, to, message);
    if (rng_chance(&world->rng, world->duplicate_percent, 100))
        post(world, to, message);
}

/* --- A node's turn -------------------------------------------------------------------------------
 */

static struct group_turn turn_of(struct group_world *world, struct group_world_node *node)
{
    world->effects->count = 0;
    return (struct group_turn){
        .now_ms = world->now_ms,
        .ticket = node->ticket,
        .effects = world->effects,
        .arena = &world->arena,
    };
}

static void start_read(struct group_world *world, struct group_world_node *node,
                       const struct effect *effect)
{
    struct group_disk_read *read = &node->disk.read;
    /* What is asked for is on disk: nothing else can be read back. */
    CHECK(effect->read_log.first >= 1);
    CHECK(effect->read_log.last >= effect->read_log.first);
    CHECK(effect->read_log.last <= node->disk.durable.count);
    CHECK(!read->waiting);
    world->log_reads++;
    *read = (struct group_disk_read){
        .waiting = true,
        .first = effect->read_log.first,
        .last = effect->read_log.last,
        .bytes_max = effect->read_log.bytes_max,
        .due_ms = world->now_ms + rng_between(&world->rng, 1, node->disk.sync_ms_max),
    };
}

/* The disks of how many of the voters hold this entry? */
static bool majority_has(const struct group_world *world, const struct group_world_node *node,
                         uint64_t index, uint64_t term)
{
    struct group_view view;
    group_view(node->group, &view);
    uint32_t voters = 0, have = 0;
    for (uint32_t i = 0; i < view.replica_count; i++) {
        if (view.replicas[i].role != REPLICA_VOTER)
            continue;
        voters++;
        const struct log_entry *entry =
            group_disk_entry(&world->nodes[view.replicas[i].node].disk, index);
        if (entry != NULL && entry->term == term)
            have++;
    }
    return have * 2 > voters;
}

/* The first to know that something is committed is the leader, in whose configuration it was. */
static void watch_commits(struct group_world *world, const struct group_world_node *node)
{
    struct group_view view;
    group_view(node->group, &view);
    for (; world->committed < view.commit_index; world->committed++) {
        const uint64_t index = world->committed + 1;
        /* The founding entry is agreed on beforehand. */
        witness_check(&world->witness,
                      index == 1 ||
                          majority_has(world, node, index, group_term_of(node->group, index)),
                      "what is committed is on the disks of a majority");
    }
}

static void carry_out(struct group_world *world, struct group_world_node *node)
{
    watch_commits(world, node);
    CHECK(world->effects->count <= GROUP_EFFECTS_MAX);
    if (world->effects->count > world->effects_most)
        world->effects_most = world->effects->count;
    for (uint32_t i = 0; i < world->effects->count; i++) {
        const struct effect *effect = &world->effects->list[i];
        switch (effect->kind) {
        case EFFECT_APPEND:
        case EFFECT_HARD_STATE:
        case EFFECT_TRUNCATE:
        case EFFECT_COMPACT:
            group_disk_write(&node->disk, effect);
            break;
        case EFFECT_SEND:
            send(world, (uint64_t)(node - world->nodes), effect->send.node,
                 &effect->send.message->group);
            break;
        case EFFECT_READ_LOG:
            start_read(world, node, effect);
            break;
        case EFFECT_NOTE:
            tell(world, "%d: %s", (int)(node - world->nodes), effect->note.text);
            break;
        default:
            UNREACHABLE();
        }
    }
}

static void apply_one(struct group_world *world, struct group_world_node *node, uint64_t index,
                      const struct log_entry *entry)
{
    witness_applied(&world->witness, index, group_term_of(node->group, index), entry);
}

static void apply(struct group_world *world, struct group_world_node *node)
{
    uint64_t index;
    struct log_entry entry;
    for (;;) {
        struct group_turn turn = turn_of(world, node);
        const bool expected = group_has_committed(node->group);
        const bool found = group_next_committed(node->group, &turn, &index, &entry);
        CHECK(found == expected);
        if (!found) {
            carry_out(world, node);
            break;
        }
        while (++node->applied < index)
            apply_one(world, node, node->applied, NULL);
        witness_check(&world->witness, node->applied == index, "each is applied once, in order");
        CHECK(entry.term == group_term_of(node->group, index));
        apply_one(world, node, index, &entry);
        memcpy(&node->last_value, entry.data, 8);
        carry_out(world, node);
    }
    while (node->applied < group_applied(node->group)) {
        node->applied++;
        apply_one(world, node, node->applied, NULL);
    }
}

static void observe(struct group_world *world, struct group_world_node *node)
{
    const uint64_t number = (uint64_t)(node - world->nodes);
    struct group_view view;
    group_view(node->group, &view);
    witness_check(&world->witness, !view.broken, "no replica breaks");
    witness_check(&world->witness, view.term >= node->seen_term, "terms never fall");
    node->seen_term = view.term;
    const bool leads = view.role == GROUP_LEADER;
    if (leads)
        witness_leader(&world->witness, view.term, number);
    if (leads && !node->was_leader) {
        tell(world, "%" PRIu64 " leads in term %" PRIu64, number, view.term);
        for (uint64_t i = group_base_index(node->group) + 1; i <= world->witness.applied_count; i++)
            witness_check(&world->witness,
                          group_term_of(node->group, i) == witness_applied_term(&world->witness, i),
                          "a new leader has everything that was applied");
    }
    if (!leads && node->was_leader)
        tell(world, "%" PRIu64 " leads no more, term %" PRIu64, number, view.term);
    node->was_leader = leads;
}

static void end_turn(struct group_world *world, struct group_world_node *node)
{
    apply(world, node);
    observe(world, node);
    struct group_disk *disk = &node->disk;
    if (disk->write_count > 0 && disk->sync_due_ms == 0) {
        disk->sync_due_ms =
            world->now_ms + rng_between(&world->rng, disk->sync_ms_min, disk->sync_ms_max);
        disk->sync_ticket = node->ticket;
    }
    arena_reset(&world->arena, 0);
    node->ticket++;
}

static bool deliver(struct group_world *world, struct group_world_node *node)
{
    bool any = false;
    const uint64_t number = (uint64_t)(node - world->nodes);
    for (size_t i = 0; i < world->packet_count;) {
        struct packet packet = world->packets[i];
        if (packet.to_node != number || packet.due_ms > world->now_ms) {
            i++;
            continue;
        }
        world->packets[i] = world->packets[--world->packet_count];
        world->packets[world->packet_count] = (struct packet){0};
        if (!world->cut[packet.message.from_node][number] || packet.message.from_node == 0) {
            struct group_turn turn = turn_of(world, node);
            group_receive(node->group, &turn, &packet.message);
            carry_out(world, node);
            any = true;
        }
        free_packet(&packet);
    }
    return any;
}

/* What was neither sent nor synced may well come back as something else. */
static void sync_upto(struct group_world *world, struct group_disk *disk, uint64_t ticket)
{
    for (uint32_t i = 0; i < disk->write_count; i++) {
        const struct effect *effect = &disk->writes[i].effect;
        if (effect->ticket > ticket || effect->kind != EFFECT_APPEND)
            continue;
        for (uint32_t k = 0; k < effect->append.count; k++)
            witness_entry(&world->witness, effect->append.first + k, &disk->writes[i].entries[k]);
    }
    group_disk_sync(disk, ticket);
}

static bool finish_sync(struct group_world *world, struct group_world_node *node)
{
    struct group_disk *disk = &node->disk;
    if (disk->held || disk->sync_due_ms == 0 || disk->sync_due_ms > world->now_ms)
        return false;
    disk->sync_due_ms = 0;
    sync_upto(world, disk, disk->sync_ticket);
    struct group_turn turn = turn_of(world, node);
    group_persisted(node->group, &turn, disk->sync_ticket);
    carry_out(world, node);
    return true;
}

static bool finish_read(struct group_world *world, struct group_world_node *node)
{
    struct group_disk_read *read = &node->disk.read;
    if (!read->waiting || read->due_ms > world->now_ms)
        return false;
    read->waiting = false;
    uint32_t count = 0;
    uint64_t bytes = 0;
    while (read->first + count <= read->last && read->first + count <= node->disk.durable.count) {
        bytes += group_disk_entry(&node->disk, read->first + count)->bytes;
        if (count > 0 && bytes > read->bytes_max)
            break;
        count++;
    }
    struct log_entry *entries =
        copy_entries(count > 0 ? group_disk_entry(&node->disk, read->first) : NULL, count);
    struct group_turn turn = turn_of(world, node);
    group_log_read(node->group, &turn, read->first, entries, count);
    for (uint32_t i = 0; i < count; i++)
        free((void *)(uintptr_t)entries[i].data);
    free(entries);
    carry_out(world, node);
    return true;
}

static void step_node(struct group_world *world, struct group_world_node *node)
{
    bool busy = finish_sync(world, node);
    busy |= finish_read(world, node);
    busy |= deliver(world, node);
    if (group_next_tick(node->group) <= world->now_ms) {
        struct group_turn turn = turn_of(world, node);
        group_tick(node->group, &turn);
        carry_out(world, node);
        busy = true;
    }
    if (busy)
        end_turn(world, node);
}

void group_world_run(struct group_world *world, uint64_t ms)
{
    for (uint64_t i = 0; i < ms; i++) {
        world->now_ms++;
        for (uint64_t n = 1; n < WORLD_NODES; n++) {
            if (world->nodes[n].group != NULL)
                step_node(world, &world->nodes[n]);
        }
    }
}

bool group_world_run_until(struct group_world *world, bool (*done)(struct group_world *world),
                           uint64_t ms)
{
    for (uint64_t i = 0; i < ms; i++) {
        if (done(world))
            return true;
        group_world_run(world, 1);
    }
    return done(world);
}

/* --- Lives ---------------------------------------------------------------------------------------
 */

static struct group_world_node *begin_life(struct group_world *world, uint64_t number)
{
    CHECK(number > 0);
    CHECK(number < WORLD_NODES);
    struct group_world_node *node = &world->nodes[number];
    CHECK(node->group == NULL);
    const struct group_config config = {
        .group = WORLD_GROUP,
        .replica = number,
        .seed = (uint32_t)rng_next(&world->rng),
        .tail_bytes_max = node->tail_bytes_max,
    };
    node->group = group_new(&config);
    CHECK(node->group != NULL);
    node->ticket++;
    node->applied = 0;
    node->was_leader = false;
    return node;
}

void group_world_found(struct group_world *world, uint32_t voters)
{
    struct replica replicas[WORLD_NODES];
    for (uint32_t i = 0; i < voters; i++)
        replicas[i] = (struct replica){.number = i + 1, .node = i + 1, .role = REPLICA_VOTER};
    for (uint32_t i = 0; i < voters; i++) {
        struct group_world_node *node = begin_life(world, i + 1);
        struct group_turn turn = turn_of(world, node);
        group_found(node->group, &turn, replicas, voters, NULL);
        carry_out(world, node);
        end_turn(world, node);
    }
}

void group_world_join(struct group_world *world, uint64_t number)
{
    struct group_world_node *node = begin_life(world, number);
    struct group_turn turn = turn_of(world, node);
    const struct hard_state nothing = {0};
    CHECK(group_start(node->group, &turn, &nothing) == STATUS_OK);
    carry_out(world, node);
    end_turn(world, node);
}

static void stop(struct group_world *world, uint64_t number)
{
    struct group_world_node *node = &world->nodes[number];
    CHECK(node->group != NULL);
    group_disk_lose(&node->disk);
    group_free(node->group);
    node->group = NULL;
    node->seen_term = node->disk.durable.hard_state.term;
    tell(world, "%" PRIu64 " is killed", number);
}

void group_world_crash_losing(struct group_world *world, uint64_t number)
{
    stop(world, number);
}

void group_world_crash(struct group_world *world, uint64_t number)
{
    struct group_disk *disk = &world->nodes[number].disk;
    /* A sync may have finished without anybody having been told. */
    if (disk->write_count > 0 && rng_chance(&world->rng, 1, 2)) {
        const uint64_t some = rng_below(&world->rng, disk->write_count);
        sync_upto(world, disk, disk->writes[some].effect.ticket);
    }
    stop(world, number);
}

void group_world_restart(struct group_world *world, uint64_t number)
{
    struct group_world_node *node = begin_life(world, number);
    const struct group_disk_log *log = &node->disk.durable;
    CHECK(!log->compacted); /* nobody keeps the snapshots here */
    for (uint64_t i = 0; i < log->count; i++)
        CHECK(group_restore(node->group, &log->entries[i]) == STATUS_OK);
    struct group_turn turn = turn_of(world, node);
    CHECK(group_start(node->group, &turn, &log->hard_state) == STATUS_OK);
    tell(world, "%" PRIu64 " starts again with %" PRIu64 " entries", number, log->count);
    carry_out(world, node);
    end_turn(world, node);
}

void group_world_cut(struct group_world *world, uint64_t a, uint64_t b, bool cut)
{
    world->cut[a][b] = cut;
    world->cut[b][a] = cut;
}

void group_world_isolate(struct group_world *world, uint64_t node, bool cut)
{
    for (uint64_t i = 1; i < WORLD_NODES; i++) {
        if (i != node)
            group_world_cut(world, node, i, cut);
    }
}

/* --- What tests do -------------------------------------------------------------------------------
 */

struct group_view group_world_view(const struct group_world *world, uint64_t node)
{
    struct group_view view = {0};
    if (world->nodes[node].group != NULL)
        group_view(world->nodes[node].group, &view);
    return view;
}

uint64_t group_world_leader(const struct group_world *world)
{
    uint64_t leader = 0, term = 0;
    for (uint64_t i = 1; i < WORLD_NODES; i++) {
        const struct group_view view = group_world_view(world, i);
        if (view.role == GROUP_LEADER && view.term > term) {
            leader = i;
            term = view.term;
        }
    }
    return leader;
}

static bool somebody_is_ready(struct group_world *world)
{
    const uint64_t leader = group_world_leader(world);
    return leader != 0 && group_ready_to_lead(world->nodes[leader].group);
}

uint64_t group_world_await_leader(struct group_world *world)
{
    return group_world_run_until(world, somebody_is_ready, 10000) ? group_world_leader(world) : 0;
}

void group_world_elect(struct group_world *world, uint64_t node)
{
    world->only_candidate = node;
    for (int i = 0; i < 10000 && group_world_view(world, node).role != GROUP_LEADER; i++)
        group_world_run(world, 1);
    witness_check(&world->witness, group_world_view(world, node).role == GROUP_LEADER,
                  "this node can be elected");
}

bool group_world_all_applied(struct group_world *world)
{
    const uint64_t leader = group_world_leader(world);
    if (leader == 0)
        return false;
    const struct group_view lead = group_world_view(world, leader);
    for (uint32_t i = 0; i < lead.replica_count; i++) {
        const struct group *group = world->nodes[lead.replicas[i].node].group;
        if (group != NULL && group_applied(group) != lead.last_index)
            return false;
    }
    return true;
}

enum status group_world_submit(struct group_world *world, uint64_t number, uint64_t value,
                               uint32_t bytes)
{
    struct group_world_node *node = &world->nodes[number];
    uint8_t *block = group_block(bytes);
    CHECK(block != NULL);
    memset(block, (int)(value & 0xff), bytes);
    memcpy(block, &value, 8);
    struct group_turn turn = turn_of(world, node);
    uint64_t index = 0;
    const enum status status = group_submit(node->group, &turn, block, bytes, &index);
    CHECK(status != STATUS_OK || index == group_world_view(world, number).last_index);
    carry_out(world, node);
    end_turn(world, node);
    return status;
}

void group_world_compact(struct group_world *world, uint64_t number)
{
    struct group_world_node *node = &world->nodes[number];
    struct group_base base;
    group_snapshot_point(node->group, &base);
    struct group_turn turn = turn_of(world, node);
    group_compact(node->group, &turn, &base);
    carry_out(world, node);
    end_turn(world, node);
}

enum status group_world_change(struct group_world *world, uint64_t number,
                               const struct replica *replicas, uint32_t count)
{
    struct group_world_node *node = &world->nodes[number];
    struct group_turn turn = turn_of(world, node);
    const enum status status = group_change(node->group, &turn, replicas, count);
    carry_out(world, node);
    end_turn(world, node);
    return status;
}

enum status group_world_transfer(struct group_world *world, uint64_t number, uint64_t to)
{
    struct group_world_node *node = &world->nodes[number];
    struct group_turn turn = turn_of(world, node);
    const enum status status = group_transfer(node->group, &turn, to);
    carry_out(world, node);
    end_turn(world, node);
    return status;
}

void group_world_inject(struct group_world *world, uint64_t number,
                        const struct group_message *message)
{
    struct group_world_node *node = &world->nodes[number];
    struct group_turn turn = turn_of(world, node);
    group_receive(node->group, &turn, message);
    carry_out(world, node);
    end_turn(world, node);
}
