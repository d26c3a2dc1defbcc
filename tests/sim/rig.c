#include "tests/sim/rig.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cluster/base/check.h"
#include "cluster/clock/hlc.h"
#include "tests/sim/disk_snapshot.h"
#include "tests/sim/mail.h"

#define STEP_US       1000
#define LATE_US       5000
#define MONOTONIC_US  1000000
#define SETTLE_MS_MAX 10000
#define FIRST_NODE_ID 500
#define REDIAL_US     100000

struct rig_letter {
    struct rig_letter *next; /* in the order of sending */
    uint64_t sent_us, stamp, boot, to_boot;
    uint32_t from, to;
    struct mail mail;
};

static struct now now_of(const struct rig *rig, uint32_t node)
{
    return (struct now){
        .monotonic_us = MONOTONIC_US + rig->now_us,
        .physical_us =
            (uint64_t)((int64_t)(RIG_START_US + rig->now_us) + rig->nodes[node].offset_us),
        .uncertainty_us = 500,
    };
}

uint64_t rig_epoch(const struct rig *rig)
{
    return epoch_of(hlc_from_us(RIG_START_US + rig->now_us), rig->settings.epoch_ms);
}

/* Whether it is a summary that nobody has asked for, and such ones are lost. */
static bool is_lost_push(struct rig *rig, uint32_t from, uint32_t to, const struct message *message)
{
    if (message->kind == MESSAGE_PULL)
        rig->pulls[to][from]++;
    if (message->kind != MESSAGE_SUMMARY)
        return false;
    if (rig->pulls[from][to] == 0)
        return rig->pushes_lost;
    rig->pulls[from][to]--;
    return false;
}

static uint32_t find_node(const struct rig *rig, uint64_t id)
{
    uint32_t node = 0;
    while (rig->members[node].id != id)
        node++;
    CHECK(node < rig->count);
    return node;
}

static void dial(struct rig *rig, uint32_t from, uint64_t id, const char *address)
{
    char *dialled = rig->nodes[from].dialled[find_node(rig, id)];
    CHECK(strlen(address) <= ADDRESS_LENGTH_MAX);
    memcpy(dialled, address, strlen(address) + 1);
}

static bool reaches(const struct rig *rig, uint32_t from, uint32_t to)
{
    return from == to || strcmp(rig->nodes[from].dialled[to], rig->members[to].peer) == 0;
}

static void put_letter(struct rig *rig, uint32_t from, uint32_t to, const struct message *message,
                       enum rig_fate fate)
{
    struct rig_letter *letter = calloc(1, sizeof *letter);
    CHECK(letter != NULL);
    *letter = (struct rig_letter){
        .sent_us = rig->now_us + (fate == RIG_LATE ? LATE_US : 0),
        .stamp = rig->effects.stamp,
        .boot = rig->nodes[from].boot,
        .to_boot = rig->nodes[from].heard[to],
        .from = from,
        .to = to,
    };
    mail_init(&letter->mail, message);
    if (fate == RIG_DAMAGED) {
        CHECK(letter->mail.message.kind == MESSAGE_SNAPSHOT);
        const struct snapshot_message *snapshot = &letter->mail.message.snapshot;
        ((uint8_t *)(uintptr_t)snapshot->data)[snapshot->bytes - 1] ^= 1;
    }
    struct rig_letter **link = &rig->letters;
    while (*link != NULL && (*link)->sent_us <= letter->sent_us)
        link = &(*link)->next;
    letter->next = *link;
    *link = letter;
}

/* Heartbeats wait behind bulk. */
static void count_chunk(struct rig *rig, const struct message *message)
{
    if (message->kind != MESSAGE_SNAPSHOT || message->snapshot.to == 0)
        return;
    rig->chunks++;
    rig->turn_chunks++;
    CHECK(rig->turn_chunks <= 1);
}

static void post(struct rig *rig, uint32_t from, const struct effect *effect)
{
    const struct message *message = effect->send.message;
    if (message->kind == MESSAGE_GROUP && message->group.group == rig->silent_group)
        return;
    if (message->kind == MESSAGE_LEARNED && message->learned.range == rig->silent_group)
        return;
    count_chunk(rig, message);
    const uint32_t to = find_node(rig, effect->send.node);
    if (rig->nodes[from].mute || rig->nodes[to].deaf || !reaches(rig, from, to))
        return;
    if (message->kind == MESSAGE_GROUP && message->group.group == rig->nodes[to].deaf_to)
        return;
    if (is_lost_push(rig, from, to, message))
        return;
    const enum rig_fate fate = rig->fate != NULL ? rig->fate(message) : RIG_ARRIVES;
    if (fate != RIG_LOST)
        put_letter(rig, from, to, message, fate);
    if (fate == RIG_TWICE)
        put_letter(rig, from, to, message, RIG_LATE);
}

/* P1, at the moment of the acknowledgement. */
static void check_durable(const struct rig *rig, const struct result *result)
{
    if (!outcome_accepted(result->outcome))
        return;
    uint32_t disks = 0;
    for (uint32_t i = 0; i < rig->count; i++) {
        const struct disk_group *group = disk_find(&rig->nodes[i].disk, result->range);
        disks += group != NULL && group->count >= result->log_index;
    }
    /* By the leader's configuration; where nobody leads now, by the least that there can be. */
    const uint32_t leader = rig_leader(rig, result->range);
    const uint32_t voters =
        leader != RIG_NOBODY ? cluster_voters(rig->nodes[leader].core, result->range) : 1;
    CHECK(disks > voters / 2);
}

static void take_replies(struct rig *rig, const struct effect *effect)
{
    for (uint32_t i = 0; i < effect->reply.count; i++) {
        CHECK(rig->reply_count < RIG_REPLIES_MAX);
        check_durable(rig, &effect->reply.replies[i].result);
        rig->replies[rig->reply_count++] = effect->reply.replies[i];
    }
}

static void take_defined(struct rig *rig, const struct effect *effect)
{
    rig->defined_count++;
    rig->defined = (struct rig_defined){
        .token = effect->defined.token,
        .status = effect->defined.status,
        .version = effect->defined.version,
        .active_from_epoch = effect->defined.active_from_epoch,
        .missing_count = effect->defined.missing_count,
    };
    for (uint32_t i = 0; i < effect->defined.missing_count; i++)
        rig->defined.missing[i] = effect->defined.missing[i];
}

static void take_note(struct rig *rig, uint32_t node, const struct effect *effect)
{
    if (effect->note.level == NOTE_WARNING && strstr(effect->note.text, "clock") != NULL)
        rig->nodes[node].clock_notes++;
    if (effect->note.level != NOTE_ERROR)
        return;
    rig->error_count++;
    (void)snprintf(rig->error, sizeof rig->error, "%s", effect->note.text);
}

static void answer_read(struct rig *rig, uint32_t node, const struct effect *effect)
{
    const struct disk_group *group = disk_find(&rig->nodes[node].disk, effect->group);
    CHECK(group != NULL);
    CHECK(effect->read_log.first > group->compacted && effect->read_log.first <= group->count);
    const uint64_t last =
        effect->read_log.last < group->count ? effect->read_log.last : group->count;
    const struct event event = {
        .kind = EVENT_LOG_READ,
        .log_read = {.group = effect->group,
                     .first = effect->read_log.first,
                     .entries = &group->entries[effect->read_log.first - 1],
                     .count = (uint32_t)(last - effect->read_log.first + 1)},
    };
    rig_event(rig, node, &event);
}

static void carry_out(struct rig *rig, uint32_t node, const struct effect *effect)
{
    switch (effect->kind) {
    case EFFECT_SEND:
        post(rig, node, effect);
        break;
    case EFFECT_HARD_STATE:
    case EFFECT_APPEND:
    case EFFECT_TRUNCATE:
    case EFFECT_COMPACT:
        disk_add(&rig->nodes[node].disk, effect);
        break;
    case EFFECT_SNAPSHOT_BEGIN:
    case EFFECT_SNAPSHOT_CHUNK:
    case EFFECT_SNAPSHOT_COMMIT:
    case EFFECT_SNAPSHOT_ABORT:
        disk_snapshot_add(&rig->nodes[node].disk, effect, rig->now_us + STEP_US,
                          rig->nodes[node].full);
        break;
    case EFFECT_REPLY:
        take_replies(rig, effect);
        break;
    case EFFECT_DEFINED:
        take_defined(rig, effect);
        break;
    case EFFECT_QUERIED:
        rig->answer = *effect->queried.reply;
        rig->answer_token = effect->queried.token;
        rig->answer_count++;
        break;
    case EFFECT_PUBLISH:
        global_board_release(effect->publish.board);
        break;
    case EFFECT_NOTE:
        take_note(rig, node, effect);
        break;
    case EFFECT_DIAL:
        dial(rig, node, effect->dial.node, effect->dial.address);
        break;
    case EFFECT_READ_LOG:
        break;
    }
}

static void end_turn(struct rig *rig, uint32_t node)
{
    struct rig_node *it = &rig->nodes[node];
    (void)disk_submit(&it->disk, cluster_ticket(it->core), rig->now_us + STEP_US);
    cluster_turn_end(it->core);
    rig->turn_chunks = 0;
}

/* One step and its effects; what it wants to read is noted, to be answered after the turn. */
static void step(struct rig *rig, uint32_t node, const struct event *event,
                 struct effect *ret_reads, uint32_t *reads)
{
    struct rig_node *it = &rig->nodes[node];
    struct event next = *event;
    do {
        if (next.kind == EVENT_CONTINUE) {
            end_turn(rig, node);
            it->continued++;
        }
        const struct now now = now_of(rig, node);
        CHECK(cluster_step(it->core, &now, &next, &rig->effects) == STATUS_OK);
        for (uint32_t i = 0; i < rig->effects.count; i++) {
            const struct effect *effect = &rig->effects.list[i];
            carry_out(rig, node, effect);
            if (effect->kind == EFFECT_READ_LOG) {
                CHECK(*reads < RANGES_MAX);
                ret_reads[(*reads)++] = *effect;
            }
        }
        next = (struct event){.kind = EVENT_CONTINUE};
    } while (rig->effects.more);
}

void rig_event(struct rig *rig, uint32_t node, const struct event *event)
{
    struct rig_node *it = &rig->nodes[node];
    struct effect *reads = calloc(RANGES_MAX, sizeof *reads);
    CHECK(reads != NULL);
    uint32_t count = 0;
    step(rig, node, event, reads, &count);
    if (cluster_gathered(it->core) && disk_next_us(&it->disk) == UINT64_MAX) {
        const struct event flush = {.kind = EVENT_FLUSH};
        step(rig, node, &flush, reads, &count);
    }
    end_turn(rig, node);
    for (uint32_t i = 0; i < count; i++)
        answer_read(rig, node, &reads[i]);
    free(reads);
}

static void boot(struct rig *rig, uint32_t node)
{
    struct rig_node *it = &rig->nodes[node];
    it->boot++;
    memset(it->dialled, 0, sizeof it->dialled);
    memset(it->linked, 0, sizeof it->linked);
    memset(it->heard, 0, sizeof it->heard);
    struct cluster_config config = {
        .node = rig->members[node].id,
        .seed = 7 * it->boot + node,
        .index_secret = 11 * it->boot + node,
        .tail_bytes_max = TAIL_BYTES_MAX,
        .snapshot_bytes = rig->snapshot_bytes,
        .spread_after_ms = rig->spread_after_ms,
        .self = rig->members[node],
    };
    config.self.boot = it->boot;
    it->core = cluster_new(&config);
    CHECK(it->core != NULL);
}

void rig_init(struct rig *rig, uint32_t nodes, uint32_t ranges, uint32_t epoch_ms)
{
    rig_init_taking(rig, nodes, ranges, epoch_ms, 0);
}

static void lay_out(struct rig *rig, uint32_t nodes, uint32_t ranges, uint32_t epoch_ms,
                    uint32_t snapshot_bytes)
{
    CHECK(nodes >= 1 && nodes <= RIG_NODES_MAX);
    memset(rig, 0, sizeof *rig);
    rig->count = nodes;
    rig->snapshot_bytes = snapshot_bytes;
    rig->silent_group = RIG_NO_GROUP;
    rig->settings = (struct settings){
        .cluster_id = 1,
        .first_epoch = epoch_of(hlc_from_us(RIG_START_US), epoch_ms),
        .ranges = ranges,
        .replicas = nodes,
        .epoch_ms = epoch_ms,
        .players_max = 64 * ranges,
    };
    for (uint32_t i = 0; i < nodes; i++) {
        struct member *member = &rig->members[i];
        member->id = FIRST_NODE_ID + i;
        member->boot = 1;
        const char name[3] = {'n', (char)('1' + (int)i), '\0'};
        CHECK(name_set(&member->name, name, 2) == STATUS_OK);
        (void)snprintf(member->peer, sizeof member->peer, "tcp://n%u:1", (unsigned)(i + 1));
    }
    for (uint32_t i = 0; i < nodes; i++) {
        rig->nodes[i].deaf_to = RIG_NO_GROUP;
        rig->nodes[i].off = true;
        disk_init(&rig->nodes[i].disk);
    }
}

static void found(struct rig *rig, uint32_t founders)
{
    const struct event event = {
        .kind = EVENT_FOUND,
        .found = {.settings = &rig->settings, .members = rig->members, .count = founders},
    };
    for (uint32_t i = 0; i < founders; i++) {
        boot(rig, i);
        rig->nodes[i].off = false;
        rig_event(rig, i, &event);
    }
}

void rig_init_taking(struct rig *rig, uint32_t nodes, uint32_t ranges, uint32_t epoch_ms,
                     uint32_t snapshot_bytes)
{
    lay_out(rig, nodes, ranges, epoch_ms, snapshot_bytes);
    found(rig, nodes);
}

void rig_init_alone(struct rig *rig, uint32_t nodes, uint32_t replicas, uint32_t ranges,
                    uint32_t epoch_ms)
{
    lay_out(rig, nodes, ranges, epoch_ms, 0);
    rig->settings.replicas = replicas;
    rig->spread_after_ms = SPREAD_AFTER_MS;
    found(rig, 1);
}

void rig_join(struct rig *rig, uint32_t node, uint32_t contact)
{
    CHECK(rig->nodes[node].off);
    cluster_free(rig->nodes[node].core);
    boot(rig, node);
    rig->nodes[node].off = false;
    dial(rig, node, rig->members[contact].id, rig->members[contact].peer);
    const struct event event = {
        .kind = EVENT_JOIN,
        .join = {.contacts = &rig->members[contact].id, .count = 1},
    };
    rig_event(rig, node, &event);
}

static void letter_free(struct rig_letter *letter)
{
    mail_fini(&letter->mail);
    free(letter);
}

void rig_fini(struct rig *rig)
{
    while (rig->letters != NULL) {
        struct rig_letter *letter = rig->letters;
        rig->letters = letter->next;
        letter_free(letter);
    }
    for (uint32_t i = 0; i < rig->count; i++) {
        cluster_free(rig->nodes[i].core);
        disk_fini(&rig->nodes[i].disk);
    }
}

/* Every message names the life of the receiver that the sender has heard; one for another life is
 * lost, unless it may be a first contact. */
static bool is_taken(struct rig *rig, const struct rig_letter *letter)
{
    struct rig_node *to = &rig->nodes[letter->to];
    if (to->heard[letter->from] < letter->boot)
        to->heard[letter->from] = letter->boot;
    return letter->from == letter->to || letter->to_boot == to->boot ||
           message_is_first_contact(letter->mail.message.kind);
}

static void deliver(struct rig *rig)
{
    while (rig->letters != NULL && rig->letters->sent_us < rig->now_us) {
        struct rig_letter *letter = rig->letters;
        rig->letters = letter->next;
        const struct event event = {
            .kind = EVENT_MESSAGE,
            .received = {.node = rig->members[letter->from].id,
                         .boot = letter->boot,
                         .stamp = letter->stamp,
                         .message = &letter->mail.message},
        };
        const struct rig_node *to = &rig->nodes[letter->to];
        if (!to->deaf && !to->off && !rig->nodes[letter->from].mute && is_taken(rig, letter))
            rig_event(rig, letter->to, &event);
        letter_free(letter);
    }
}

static void wake(struct rig *rig, uint32_t node)
{
    struct rig_node *it = &rig->nodes[node];
    const uint64_t ticket = it->stuck ? 0 : disk_sync(&it->disk, rig->now_us);
    if (ticket > 0) {
        const struct event event = {.kind = EVENT_PERSISTED, .ticket = ticket};
        rig_event(rig, node, &event);
    }
    struct event report;
    while (!it->stuck && disk_snapshot_due(&it->disk, rig->now_us, &report))
        rig_event(rig, node, &report);
    if (cluster_next_tick_us(it->core) <= MONOTONIC_US + rig->now_us) {
        const struct event event = {.kind = EVENT_TICK};
        rig_event(rig, node, &event);
    }
}

static void link_event(struct rig *rig, uint32_t from, uint32_t to, enum members_link what)
{
    const struct event event = {
        .kind = EVENT_LINK,
        .link = {.node = rig->members[to].id, .what = what},
    };
    rig_event(rig, from, &event);
}

/* What the transport notices: a node that went, refused connections, one that is back. A deaf one
 * is silent. */
static void watch_link(struct rig *rig, uint32_t from, uint32_t to)
{
    struct rig_node *it = &rig->nodes[from];
    const struct rig_node *other = &rig->nodes[to];
    if (other->deaf || other->mute || it->deaf || it->mute || it->dialled[to][0] == '\0')
        return;
    const uint64_t present = other->off || !reaches(rig, from, to) ? 0 : other->boot;
    if (it->linked[to] != 0 && it->linked[to] != present) {
        it->linked[to] = 0;
        it->redial_us[to] = rig->now_us;
        link_event(rig, from, to, MEMBERS_LINK_DOWN);
    }
    if (it->linked[to] != 0 || rig->now_us < it->redial_us[to])
        return;
    it->redial_us[to] = rig->now_us + REDIAL_US;
    it->linked[to] = present;
    if (present != 0) /* a link begins with a message that tells the sender's life */
        rig->nodes[to].heard[from] = it->boot;
    link_event(rig, from, to, present != 0 ? MEMBERS_LINK_UP : MEMBERS_LINK_REFUSED);
}

static void watch_links(struct rig *rig)
{
    for (uint32_t from = 0; from < rig->count; from++) {
        for (uint32_t to = 0; to < rig->count; to++) {
            if (from != to && !rig->nodes[from].off)
                watch_link(rig, from, to);
        }
    }
}

void rig_run(struct rig *rig, uint32_t ms)
{
    for (uint32_t i = 0; i < ms; i++) {
        rig->now_us += STEP_US;
        deliver(rig);
        watch_links(rig);
        for (uint32_t node = 0; node < rig->count; node++) {
            if (!rig->nodes[node].off)
                wake(rig, node);
        }
    }
}

uint32_t rig_leader(const struct rig *rig, uint32_t group)
{
    uint32_t leader = RIG_NOBODY;
    uint64_t newest = 0;
    for (uint32_t i = 0; i < rig->count; i++) {
        uint64_t term;
        if (!rig->nodes[i].off && cluster_leads(rig->nodes[i].core, group, &term) &&
            term > newest) {
            newest = term;
            leader = i;
        }
    }
    return leader;
}

static bool settled(const struct rig *rig)
{
    for (uint32_t i = 0; i < rig->count; i++) {
        const char *reason;
        if (!rig->nodes[i].off && !cluster_ready(rig->nodes[i].core, &reason))
            return false;
    }
    for (uint32_t range = 0; range < rig->settings.ranges; range++) {
        if (rig_leader(rig, range) == RIG_NOBODY)
            return false;
    }
    return rig_leader(rig, GROUP_SYSTEM) != RIG_NOBODY;
}

void rig_settle(struct rig *rig)
{
    for (uint32_t ms = 0; !settled(rig); ms += 10) {
        CHECK(ms < SETTLE_MS_MAX);
        rig_run(rig, 10);
    }
}

void rig_off(struct rig *rig, uint32_t node)
{
    disk_lose(&rig->nodes[node].disk);
    rig->nodes[node].off = true;
}

static void restore_snapshot(struct rig *rig, uint32_t node, const struct disk_group *group)
{
    if (group->snapshot_index == 0)
        return;
    const struct disk_snapshot *snapshot =
        disk_snapshot_find(&rig->nodes[node].disk, group->group, group->snapshot_index);
    CHECK(snapshot != NULL);
    for (uint32_t i = 0; i < snapshot->count; i++) {
        const struct event event = {
            .kind = EVENT_RESTORE_SNAPSHOT,
            .restore_snapshot = {.group = group->group,
                                 .hard_state = group->hard_state,
                                 .index = snapshot->index,
                                 .term = snapshot->term,
                                 .chunk = i,
                                 .last = i + 1 == snapshot->count,
                                 .data = snapshot->chunks[i].data,
                                 .bytes = snapshot->chunks[i].bytes},
        };
        rig_event(rig, node, &event);
    }
}

/* One without a replica of the system group has to ask what the cluster is. */
static void ask_others(struct rig *rig, uint32_t node)
{
    uint64_t contacts[RIG_NODES_MAX];
    uint32_t count = 0;
    for (uint32_t i = 0; i < rig->count; i++) {
        if (i == node)
            continue;
        dial(rig, node, rig->members[i].id, rig->members[i].peer);
        contacts[count++] = rig->members[i].id;
    }
    const struct event event = {.kind = EVENT_JOIN, .join = {.contacts = contacts, .count = count}};
    rig_event(rig, node, &event);
}

void rig_restart(struct rig *rig, uint32_t node)
{
    struct rig_node *it = &rig->nodes[node];
    rig_off(rig, node);
    cluster_free(it->core);
    boot(rig, node);
    it->off = false;
    for (uint32_t i = 0; i < it->disk.group_count; i++) {
        const struct disk_group *group = &it->disk.groups[i];
        restore_snapshot(rig, node, group);
        const struct event event = {
            .kind = EVENT_RESTORE,
            .restore = {.group = group->group,
                        .hard_state = group->hard_state,
                        .first = group->compacted + 1,
                        .entries = group->entries + group->compacted,
                        .count = (uint32_t)(group->count - group->compacted)},
        };
        rig_event(rig, node, &event);
    }
    const struct event start = {.kind = EVENT_START};
    rig_event(rig, node, &start);
    if (disk_find(&it->disk, GROUP_SYSTEM) == NULL)
        ask_others(rig, node);
}

void rig_move(struct rig *rig, uint32_t node)
{
    struct member *member = &rig->members[node];
    (void)snprintf(member->peer, sizeof member->peer, "tcp://n%u:%llu", (unsigned)(node + 1),
                   (unsigned long long)(1 + rig->nodes[node].boot));
}

void rig_restart_taking(struct rig *rig, uint32_t node, uint32_t snapshot_bytes)
{
    rig->snapshot_bytes = snapshot_bytes;
    rig_run(rig, 100); /* what founded it must be on disk */
    rig_restart(rig, node);
}

void rig_send(struct rig *rig, uint32_t node, uint64_t token, const struct action *actions,
              uint32_t count)
{
    const struct event event = {
        .kind = EVENT_ACTIONS,
        .actions = {.token = token, .list = actions, .count = count},
    };
    rig_event(rig, node, &event);
}

void rig_define(struct rig *rig, uint32_t node, uint64_t token, const struct definition *definition)
{
    const struct event event = {
        .kind = EVENT_DEFINE,
        .define = {.token = token, .definition = definition},
    };
    rig_event(rig, node, &event);
}

void rig_ask(struct rig *rig, uint32_t node, const struct query *query)
{
    const struct event event = {.kind = EVENT_QUERY, .query = *query};
    rig_event(rig, node, &event);
}

const struct result *rig_result(const struct rig *rig, uint64_t token, uint32_t place)
{
    for (uint32_t i = rig->reply_count; i-- > 0;) {
        if (rig->replies[i].token == token && rig->replies[i].place == place)
            return &rig->replies[i].result;
    }
    return NULL;
}
