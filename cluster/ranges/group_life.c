#include <stdlib.h>
#include <string.h>

#include "cluster/base/check.h"
#include "cluster/ranges/group_internal.h"

struct group *group_new(const struct group_config *config)
{
    CHECK(config->replica > 0);
    CHECK(config->replica < RAFT_NUMBER_LIMIT);
    CHECK(config->tail_bytes_max > 0);
    struct group *group = calloc(1, sizeof *group);
    if (group == NULL)
        return NULL;
    group->config = *config;
    terms_init(&group->terms);
    tail_init(&group->tail, 1);
    outbox_init(&group->outbox);
    core_open(group);
    return group;
}

void group_free(struct group *group)
{
    if (group == NULL)
        return;
    core_close(group);
    terms_fini(&group->terms);
    tail_block_free(group->kept_block);
    tail_fini(&group->tail);
    outbox_fini(&group->outbox);
    free(group->writes);
    free(group);
}

bool group_enter(struct group *group, const struct group_turn *turn)
{
    CHECK(effects_room(turn->effects, GROUP_EFFECTS_MAX));
    CHECK(turn->ticket > 0);
    CHECK(turn->ticket >= group->turn_ticket);
    /* Another ticket is another turn: nobody looks at the last one's effects any more. */
    if (turn->ticket > group->turn_ticket) {
        group->turn_ticket = turn->ticket;
        tail_release(&group->tail);
    }
    if (turn->now_ms > group->now_ms)
        group->now_ms = turn->now_ms;
    group->effects_limit = turn->effects->count + GROUP_EFFECTS_MAX;
    return group->started && !group->broken;
}

void group_leave(struct group *group, const struct group_turn *turn)
{
    if (!group->broken)
        durable_report(group, turn);
    if (group->broken)
        return;
    apply_skip_internal(group);
    apply_evict(group);
    send_flush(group, turn);
    apply_read_log(group, turn);
    CHECK(group->applied <= group->commit);
    CHECK(turn->effects->count <= group->effects_limit);
}

void group_break(struct group *group, const struct group_turn *turn, const char *why)
{
    group->broken = true;
    outbox_clear(&group->outbox);
    if (!group_room(group, turn, 1))
        return;
    struct effect *effect = effects_add(turn->effects, EFFECT_NOTE);
    effect->group = group->config.group;
    effect->note.level = NOTE_ERROR;
    effect->note.text = why;
}

bool group_room(const struct group *group, const struct group_turn *turn, uint32_t n)
{
    return turn->effects->count + n <= group->effects_limit;
}

static int order_by_number(const void *a, const void *b)
{
    const struct replica *left = a, *right = b;
    return (left->number > right->number) - (left->number < right->number);
}

/* The first entries of a log, which libraft takes to be on disk already. Nothing leaves before they
 * are. */
static void write_founding(struct group *group, const struct group_turn *turn,
                           const struct log_entry *entries, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        uint8_t *block = tail_block(entries[i].bytes);
        CHECK(block != NULL);
        memcpy(block, entries[i].data, entries[i].bytes);
        const struct raft_entry entry = {
            .term = entries[i].term,
            .type = (enum raft_entry_type)entries[i].type,
            .buf = {.base = block, .len = entries[i].bytes},
            .batch = block,
        };
        durable_write_entries(group, turn, i + 1, &entry, 1);
    }
}

/* `founding`: the entries that the log begins with; NULL after a restart. */
static void start(struct group *group, const struct group_turn *turn, struct hard_state hard_state,
                  const struct log_entry *founding, uint32_t founding_count)
{
    group->started = true;
    const bool entered = group_enter(group, turn);
    CHECK(entered);
    const bool sole = replica_set_sole_voter(&group->replicas, group->config.replica);
    if (sole) {
        hard_state.term++;
        hard_state.vote = group->config.replica;
    }
    if (sole || founding != NULL)
        durable_write_state(group, turn, &hard_state);
    if (founding != NULL) {
        write_founding(group, turn, founding, founding_count);
    } else {
        tail_init(&group->tail, group->terms.last_index + 1);
        group->durable_index = group->terms.last_index;
        group->commit = group->base.index;
        group->applied = group->base.index;
    }
    core_start(group, turn, &hard_state);
    group_leave(group, turn);
}

void group_found(struct group *group, const struct group_turn *turn, const struct replica *replicas,
                 uint32_t count, const struct log_entry *command)
{
    CHECK(!group->started);
    CHECK(group->terms.last_index == 0);
    CHECK(command == NULL || (command->type == ENTRY_COMMAND && command->term == 1));
    struct replica_set set;
    CHECK(replica_set_make(&set, replicas, count) == STATUS_OK);
    CHECK(replica_set_voters(&set) > 0);
    qsort(set.list, set.count, sizeof set.list[0], order_by_number);

    uint8_t payload[REPLICA_SET_BYTES_MAX];
    struct log_entry entries[2] = {{
        .term = 1,
        .type = ENTRY_CHANGE,
        .data = payload,
        .bytes = replica_set_encode(&set, payload),
    }};
    const uint32_t written = command != NULL ? 2 : 1;
    if (command != NULL)
        entries[1] = *command;
    for (uint32_t i = 0; i < written; i++)
        CHECK(group_restore(group, &entries[i]) == STATUS_OK);
    terms_truncate(&group->terms, 1); /* not on disk: they are written like any other */
    start(group, turn, (struct hard_state){.term = 1}, entries, written);
}

static struct raft_entry *restored_slot(struct group *group)
{
    if (group->restored_count == group->restored_capacity) {
        const uint32_t capacity = group->restored_capacity == 0 ? 64 : group->restored_capacity * 2;
        struct raft_entry *restored =
            raft_realloc(group->restored, capacity * sizeof *group->restored);
        if (restored == NULL)
            return NULL;
        group->restored = restored;
        group->restored_capacity = capacity;
    }
    return &group->restored[group->restored_count];
}

enum status group_restore_base(struct group *group, const struct group_base *base)
{
    CHECK(!group->started);
    CHECK(base->index > 0);
    if (group->base.index > 0 || group->restored_count > 0)
        return STATUS_CORRUPT;
    group->base = *base;
    group->replicas = base->replicas;
    group->replicas_applied = base->replicas;
    group->replicas_applied_index = base->replicas_index;
    terms_begin(&group->terms, base->index, base->term);
    return STATUS_OK;
}

enum status group_restore_first(struct group *group, uint64_t first)
{
    CHECK(!group->started);
    if (group->restored_count > 0)
        return first == group->terms.last_index + 1 ? STATUS_OK : STATUS_CORRUPT;
    if (first == 0 || first > group->base.index + 1)
        return STATUS_CORRUPT;
    const bool at_base = first == group->base.index + 1;
    terms_begin(&group->terms, first - 1, at_base ? group->base.term : 0);
    return STATUS_OK;
}

enum status group_restore(struct group *group, const struct log_entry *entry)
{
    CHECK(!group->started);
    if (entry->term == 0 || entry->term >= RAFT_NUMBER_LIMIT ||
        entry->term < terms_last(&group->terms))
        return STATUS_CORRUPT;
    if (entry->type < ENTRY_COMMAND || entry->type > ENTRY_CHANGE)
        return STATUS_CORRUPT;
    if (group->terms.last_index == 0 && entry->type != ENTRY_CHANGE)
        return STATUS_CORRUPT;

    struct raft_entry *slot = restored_slot(group);
    if (slot == NULL)
        return STATUS_NO_MEMORY;
    *slot = (struct raft_entry){.term = entry->term, .type = (enum raft_entry_type)entry->type};
    if (entry->type == ENTRY_CHANGE) {
        if (replica_set_decode(&group->replicas, entry->data, entry->bytes) != STATUS_OK)
            return STATUS_CORRUPT;
        slot->batch = tail_block(entry->bytes);
        if (slot->batch == NULL)
            return STATUS_NO_MEMORY;
        memcpy(slot->batch, entry->data, entry->bytes);
        slot->buf = (struct raft_buffer){.base = slot->batch, .len = entry->bytes};
    }
    group->restored_count++;
    terms_append(&group->terms, entry->term);
    return STATUS_OK;
}

enum status group_start(struct group *group, const struct group_turn *turn,
                        const struct hard_state *hard_state)
{
    CHECK(!group->started);
    if (hard_state->term >= RAFT_NUMBER_LIMIT || hard_state->vote >= RAFT_NUMBER_LIMIT)
        return STATUS_CORRUPT;
    if (hard_state->term < terms_last(&group->terms))
        return STATUS_CORRUPT;
    if (hard_state->term == 0 && hard_state->vote != 0)
        return STATUS_CORRUPT;
    if (group->base.index > 0 && !group_has(group, group->base.index, group->base.term))
        return STATUS_CORRUPT;
    /* The base itself may be all that is known of the last term. */
    if (hard_state->term < group->base.term)
        return STATUS_CORRUPT;
    start(group, turn, *hard_state, NULL, 0);
    return STATUS_OK;
}

void group_stand_aside(struct group *group, bool aside)
{
    group->aside = aside;
}

/* libraft's time-out makes a follower a candidate, and a candidate ask again; it does nothing else
 * for either. */
static bool is_aside(const struct group *group)
{
    return group->aside && group->role != GROUP_LEADER;
}

static uint64_t deadline(const struct group *group)
{
    if (is_aside(group))
        return UINT64_MAX;
    return (core_deadline(group) + GROUP_GRID_MS - 1) / GROUP_GRID_MS * GROUP_GRID_MS;
}

uint64_t group_next_tick(const struct group *group)
{
    if (!group->started || group->broken)
        return UINT64_MAX;
    return group->sends_left ? group->now_ms : deadline(group);
}

void group_tick(struct group *group, const struct group_turn *turn)
{
    if (!group_enter(group, turn))
        return;
    /* Earlier than asked for, libraft would take its followers for unreachable. */
    if (group->now_ms >= deadline(group))
        core_timeout(group, turn);
    if (!group->broken)
        compact_more(group, turn);
    group_leave(group, turn);
}

enum group_role group_role(const struct group *group)
{
    return group->broken ? GROUP_FOLLOWER : group->role;
}

uint64_t group_term(const struct group *group)
{
    return core_term(group);
}

uint64_t group_applied(const struct group *group)
{
    return group->applied;
}

bool group_broken(const struct group *group)
{
    return group->broken;
}

uint64_t group_durable(const struct group *group)
{
    return group->durable_index;
}

uint64_t group_match(const struct group *group, uint64_t replica)
{
    return group_role(group) == GROUP_LEADER ? core_match(group, replica) : 0;
}

bool group_ready_to_lead(const struct group *group)
{
    return group_role(group) == GROUP_LEADER && group->applied >= group->elected_index;
}

uint64_t group_tail_bytes(const struct group *group)
{
    return tail_bytes(&group->tail);
}

uint64_t group_term_of(const struct group *group, uint64_t index)
{
    return terms_of(&group->terms, index);
}

static uint64_t known_leader(const struct group *group)
{
    if (group->broken || group->role == GROUP_CANDIDATE)
        return 0;
    if (group->role == GROUP_LEADER)
        return group->config.replica;
    /* A learner never gives its leader up by itself. */
    if (group->now_ms - group->leader_heard_ms > UINT64_C(2) * GROUP_ELECTION_MS)
        return 0;
    return group->leader_term == core_term(group) ? group->leader : 0;
}

uint64_t group_leader_node(const struct group *group)
{
    const struct replica *leader = replica_set_find(&group->replicas, known_leader(group));
    return leader != NULL ? leader->node : 0;
}

void group_view(const struct group *group, struct group_view *ret_view)
{
    *ret_view = (struct group_view){
        .role = group_role(group),
        .broken = group->broken,
        .transferring = group_role(group) == GROUP_LEADER && core_transferring(group),
        .term = core_term(group),
        .leader = known_leader(group),
        .last_index = group->terms.last_index,
        .commit_index = group->commit,
        .applied_index = group->applied,
        .durable_index = group->durable_index,
        .replica_count = group->replicas.count,
        .stranded = group_role(group) == GROUP_LEADER ? group->stranded : 0,
        .dropped = group->dropped,
        .overflowed = group->outbox.overflowed,
    };
    memcpy(ret_view->replicas, group->replicas.list, sizeof group->replicas.list);
    ret_view->leader_node = group_leader_node(group);
}
