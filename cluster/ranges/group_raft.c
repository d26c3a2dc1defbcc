#include <string.h>

#include "cluster/base/check.h"
#include "cluster/ranges/group_internal.h"

/* libraft's 32 would leave a link idle while small entries are on their way. */
#define INFLIGHT_MAX GROUP_APPEND_ENTRIES_MAX

/* What libraft's own messages carry (its message.h): results below 2 lack fields that we fill. */
#define VOTE_VERSION   2
#define RESULT_VERSION 2

_Static_assert((int)ENTRY_COMMAND == (int)RAFT_COMMAND, "stored numbers");
_Static_assert((int)ENTRY_BARRIER == (int)RAFT_BARRIER, "stored numbers");
_Static_assert((int)ENTRY_CHANGE == (int)RAFT_CHANGE, "stored numbers");
_Static_assert((int)REPLICA_LEARNER == (int)RAFT_STANDBY, "stored numbers");
_Static_assert((int)REPLICA_VOTER == (int)RAFT_VOTER, "stored numbers");

void core_open(struct group *group)
{
    char address[REPLICA_ADDRESS_BYTES];
    replica_address_format(address, group->config.replica, 0);
    CHECK(raft_init(&group->raft, NULL, NULL, group->config.replica, address) == 0);
    /* It formats every trace line even when nobody reads it. */
    group->raft.tracer = NULL;
    raft_seed(&group->raft, group->config.seed);
    raft_set_election_timeout(&group->raft, GROUP_ELECTION_MS);
    raft_set_heartbeat_timeout(&group->raft, GROUP_HEARTBEAT_MS);
    raft_set_pre_vote(&group->raft, true);
    raft_set_max_inflight_entries(&group->raft, INFLIGHT_MAX);
}

static void free_restored(struct group *group)
{
    for (uint32_t i = 0; i < group->restored_count; i++)
        raft_free(group->restored[i].batch);
    raft_free(group->restored);
    group->restored = NULL;
    group->restored_count = group->restored_capacity = 0;
}

void core_close(struct group *group)
{
    free_restored(group);
    raft_close(&group->raft, NULL);
    memset(&group->raft, 0, sizeof group->raft);
}

static enum group_role role_of(struct raft *raft)
{
    switch (raft_state(raft)) {
    case RAFT_LEADER:
        return GROUP_LEADER;
    case RAFT_CANDIDATE:
        return GROUP_CANDIDATE;
    default:
        return GROUP_FOLLOWER;
    }
}

/* libraft's configuration is the only one; this is a copy in our words. Every CHANGE was decoded by
 * us before libraft saw it, so its addresses are ours. */
static void copy_configuration(struct group *group)
{
    const struct raft_configuration *from = &group->raft.configuration;
    struct replica_set *to = &group->replicas;
    CHECK(from->n <= REPLICA_SET_MAX);
    *to = (struct replica_set){.count = from->n};
    for (uint32_t i = 0; i < from->n; i++) {
        const struct raft_server *server = &from->servers[i];
        struct replica *replica = &to->list[i];
        const enum status status = replica_address_parse(server->address, strlen(server->address),
                                                         &replica->number, &replica->node);
        CHECK(status == STATUS_OK);
        CHECK(replica->number == server->id);
        replica->role = server->role == RAFT_VOTER ? REPLICA_VOTER : REPLICA_LEARNER;
    }
}

/* --- Messages between libraft's form and ours ----------------------------------------------------
 */

static void translate_vote_result(const struct group *group,
                                  const struct raft_request_vote_result *result,
                                  struct group_message *message)
{
    message->type = GROUP_VOTE_RESULT;
    message->term = result->term;
    message->vote_result.granted = result->vote_granted;
    message->vote_result.pre_vote = result->pre_vote;
    /* A refused pre-vote echoes the candidate's term. With a newer one it learns better. */
    if (result->pre_vote && !result->vote_granted && core_term(group) > result->term)
        message->term = core_term(group);
}

static bool translate(const struct group *group, const struct raft_message *raft,
                      struct group_message *message)
{
    *message = (struct group_message){
        .group = group->config.group,
        .from = group->config.replica,
        .from_node = send_own_node(group),
        .to = raft->server_id,
    };
    switch (raft->type) {
    case RAFT_APPEND_ENTRIES:
        message->type = GROUP_APPEND;
        message->term = raft->append_entries.term;
        message->append.previous_index = raft->append_entries.prev_log_index;
        message->append.previous_term = raft->append_entries.prev_log_term;
        message->append.commit = raft->append_entries.leader_commit;
        message->append.count = raft->append_entries.n_entries;
        return true;
    case RAFT_APPEND_ENTRIES_RESULT:
        message->type = GROUP_APPEND_RESULT;
        message->term = raft->append_entries_result.term;
        message->append_result.rejected = raft->append_entries_result.rejected;
        message->append_result.last_index = raft->append_entries_result.last_log_index;
        return true;
    case RAFT_REQUEST_VOTE:
        message->type = GROUP_VOTE;
        message->term = raft->request_vote.term;
        message->vote.last_index = raft->request_vote.last_log_index;
        message->vote.last_term = raft->request_vote.last_log_term;
        message->vote.disrupt_leader = raft->request_vote.disrupt_leader;
        message->vote.pre_vote = raft->request_vote.pre_vote;
        return true;
    case RAFT_REQUEST_VOTE_RESULT:
        translate_vote_result(group, &raft->request_vote_result, message);
        return true;
    case RAFT_TIMEOUT_NOW:
        message->type = GROUP_TIMEOUT_NOW;
        message->term = raft->timeout_now.term;
        message->timeout_now.last_index = raft->timeout_now.last_log_index;
        message->timeout_now.last_term = raft->timeout_now.last_log_term;
        return true;
    default:
        return false; /* InstallSnapshot: see absorb_messages */
    }
}

static void translate_back(const struct group_message *message, struct raft_message *raft)
{
    switch (message->type) {
    case GROUP_APPEND_RESULT:
        raft->type = RAFT_APPEND_ENTRIES_RESULT;
        raft->append_entries_result = (struct raft_append_entries_result){
            .version = RESULT_VERSION,
            .term = message->term,
            .rejected = message->append_result.rejected,
            .last_log_index = message->append_result.last_index,
        };
        return;
    case GROUP_VOTE:
        raft->type = RAFT_REQUEST_VOTE;
        raft->request_vote = (struct raft_request_vote){
            .version = VOTE_VERSION,
            .term = message->term,
            .candidate_id = message->from,
            .last_log_index = message->vote.last_index,
            .last_log_term = message->vote.last_term,
            .disrupt_leader = message->vote.disrupt_leader,
            .pre_vote = message->vote.pre_vote,
        };
        return;
    case GROUP_VOTE_RESULT:
        raft->type = RAFT_REQUEST_VOTE_RESULT;
        raft->request_vote_result = (struct raft_request_vote_result){
            .version = RESULT_VERSION,
            .term = message->term,
            .vote_granted = message->vote_result.granted,
            .pre_vote = message->vote_result.pre_vote,
        };
        return;
    case GROUP_TIMEOUT_NOW:
        raft->type = RAFT_TIMEOUT_NOW;
        raft->timeout_now = (struct raft_timeout_now){
            .term = message->term,
            .last_log_index = message->timeout_now.last_index,
            .last_log_term = message->timeout_now.last_term,
        };
        return;
    case GROUP_APPEND:
        break;
    }
    UNREACHABLE();
}

/* --- One step ------------------------------------------------------------------------------------
 */

static void absorb_messages(struct group *group, const struct raft_update *update)
{
    for (unsigned i = 0; i < update->messages.n; i++) {
        const struct raft_message *raft = &update->messages.batch[i];
        uint64_t number, node;
        struct group_message message;
        /* What it needs is gone, and is not sent from here. */
        if (raft->type == RAFT_INSTALL_SNAPSHOT)
            group->stranded = raft->server_id;
        if (replica_address_parse(raft->server_address, strlen(raft->server_address), &number,
                                  &node) == STATUS_OK &&
            translate(group, raft, &message))
            send_hold(group, &message, node);
    }
}

static bool changes_configuration(const struct group *group, const struct raft_update *update)
{
    if (update->entries.index <= group->terms.last_index)
        return true; /* what is truncated may have been a CHANGE */
    for (unsigned i = 0; i < update->entries.n; i++) {
        if (update->entries.batch[i].type == RAFT_CHANGE)
            return true;
    }
    return false;
}

/* What libraft wants done, in the order in which it must become durable: term and vote, entries;
 * messages last, for they wait for both. */
static void absorb(struct group *group, const struct group_turn *turn,
                   const struct raft_update *update)
{
    group->role = role_of(&group->raft);
    if (update->flags & ((RAFT_UPDATE_CURRENT_TERM) | (RAFT_UPDATE_VOTED_FOR))) {
        const struct hard_state hard_state = {
            .term = raft_current_term(&group->raft),
            .vote = raft_voted_for(&group->raft),
        };
        durable_write_state(group, turn, &hard_state);
    }
    if (update->flags & (RAFT_UPDATE_ENTRIES)) {
        const bool changes = changes_configuration(group, update);
        durable_write_entries(group, turn, update->entries.index, update->entries.batch,
                              update->entries.n);
        if (changes)
            copy_configuration(group);
    }
    if ((update->flags & (RAFT_UPDATE_STATE)) && group->role == GROUP_LEADER) {
        group->elected_index = group->terms.last_index;
        group->elected_ms = group->now_ms;
        group->stranded = 0;
    }
    if (update->flags & (RAFT_UPDATE_MESSAGES))
        absorb_messages(group, update);
    const uint64_t commit = raft_commit_index(&group->raft);
    CHECK(commit >= group->commit);
    CHECK(commit <= group->terms.last_index);
    group->commit = commit;
}

/* Returns libraft's code. Whatever is not one of its three polite refusals leaves it in a state
 * that nobody defined. */
static int step(struct group *group, const struct group_turn *turn, struct raft_event *event)
{
    struct raft_update update = {0};
    event->time = group->now_ms;
    event->capacity = UINT16_MAX; /* room on disk is the store's business */
    const int code = raft_step(&group->raft, event, &update);
    if (code == 0)
        absorb(group, turn, &update);
    else if (code != RAFT_NOTLEADER && code != RAFT_NOSPACE && code != RAFT_CANTCHANGE)
        group_break(group, turn, raft_strerror(code));
    return code;
}

/* A step, and the confirmation of a CHANGE that it has committed. */
static int step_and_confirm(struct group *group, const struct group_turn *turn,
                            struct raft_event *event)
{
    const int code = step(group, turn, event);
    const uint64_t change = core_open_change(group);
    if (!group->broken && change != 0 && change <= group->commit)
        core_confirm_change(group, turn);
    return code;
}

/* libraft takes it over. */
static void make_configuration(const struct replica_set *set, struct raft_configuration *made)
{
    raft_configuration_init(made);
    for (uint32_t i = 0; i < set->count; i++) {
        char address[REPLICA_ADDRESS_BYTES];
        replica_address_format(address, set->list[i].number, set->list[i].node);
        const bool added =
            raft_configuration_add(made, set->list[i].number, address, (int)set->list[i].role) == 0;
        CHECK(added);
    }
}

static void make_metadata(const struct group_base *base, struct raft_snapshot_metadata *made)
{
    *made = (struct raft_snapshot_metadata){
        .index = base->index,
        .term = base->term,
        .configuration_index = base->replicas_index,
    };
    make_configuration(&base->replicas, &made->configuration);
}

void core_start(struct group *group, const struct group_turn *turn,
                const struct hard_state *hard_state)
{
    struct raft_event event = {
        .type = RAFT_START,
        .start = {.term = hard_state->term,
                  .voted_for = hard_state->vote,
                  .start_index = group->terms.base + 1,
                  .entries = group->restored,
                  .n_entries = group->restored_count},
    };
    struct raft_snapshot_metadata metadata;
    if (group->base.index > 0) {
        make_metadata(&group->base, &metadata);
        event.start.metadata = &metadata;
    }
    const int code = step_and_confirm(group, turn, &event);
    if (code != 0) {
        /* libraft has freed them. */
        group->restored = NULL;
        group->restored_count = 0;
    }
    free_restored(group);
    copy_configuration(group);
}

void core_timeout(struct group *group, const struct group_turn *turn)
{
    struct raft_event event = {.type = RAFT_TIMEOUT};
    (void)step_and_confirm(group, turn, &event);
}

void core_persisted(struct group *group, const struct group_turn *turn, uint64_t index)
{
    CHECK(index > core_stored(group));
    CHECK(index <= group->terms.last_index);
    struct raft_event event = {.type = RAFT_PERSISTED_ENTRIES, .persisted_entries.index = index};
    (void)step_and_confirm(group, turn, &event);
}

void core_compact(struct group *group, const struct group_turn *turn, uint64_t through)
{
    CHECK(through <= group->base.index);
    struct raft_event event = {
        .type = RAFT_SNAPSHOT,
        .snapshot.trailing = (unsigned)(group->base.index - through),
    };
    CHECK(event.snapshot.trailing == group->base.index - through);
    make_metadata(&group->base, &event.snapshot.metadata);
    (void)step(group, turn, &event);
}

void core_confirm_change(struct group *group, const struct group_turn *turn)
{
    struct raft_event event = {
        .type = RAFT_CONFIGURATION,
        .configuration.index = core_open_change(group),
    };
    /* libraft takes the copy over and frees it. */
    struct raft_configuration *copy = &event.configuration.conf;
    raft_configuration_init(copy);
    for (unsigned i = 0; i < group->raft.configuration.n; i++) {
        const struct raft_server *server = &group->raft.configuration.servers[i];
        CHECK(raft_configuration_add(copy, server->id, server->address, server->role) == 0);
    }
    (void)step(group, turn, &event);
}

static void step_message(struct group *group, const struct group_turn *turn,
                         struct raft_message *raft, uint64_t from, uint64_t node)
{
    char address[REPLICA_ADDRESS_BYTES];
    replica_address_format(address, from, node);
    raft->server_id = from;
    raft->server_address = address;
    struct raft_event event = {.type = RAFT_RECEIVE, .receive.message = raft};
    (void)step_and_confirm(group, turn, &event);
    raft->server_address = NULL;
}

void core_receive(struct group *group, const struct group_turn *turn,
                  const struct group_message *message, uint64_t node)
{
    struct raft_message raft = {0};
    translate_back(message, &raft);
    step_message(group, turn, &raft, message->from, node);
}

/* A candidate asks only those that are voters in its configuration, which may be newer than ours:
 * where it is, a sole voter that died while it made us a voter needs our vote to lead again. Who
 * counts the votes keeps Raft safe, not who gives them (Ongaro, 2014, section 4.1). libraft refuses
 * as a learner. It also refuses for ever while it has a leader, whom only the time-outs of a voter
 * make it give up: those of a learner, or of whoever stands aside, never do. */
void core_vote(struct group *group, const struct group_turn *turn,
               const struct group_message *message, uint64_t node)
{
    struct raft_server *own = NULL;
    for (unsigned i = 0; i < group->raft.configuration.n; i++) {
        if (group->raft.configuration.servers[i].id == group->config.replica)
            own = &group->raft.configuration.servers[i];
    }
    const bool votes = own == NULL || own->role == RAFT_VOTER;
    struct group_message asked = *message;
    if ((!votes || group->aside) && group->now_ms - group->leader_heard_ms >= GROUP_ELECTION_MS)
        asked.vote.disrupt_leader = true;
    if (votes) {
        core_receive(group, turn, &asked, node);
        return;
    }
    const int role = own->role;
    own->role = RAFT_VOTER;
    core_receive(group, turn, &asked, node);
    own->role = role; /* a vote changes no configuration */
}

/* libraft frees the block, unless it hands it back with the update. */
static struct raft_entry *copy_entries(const struct group_turn *turn,
                                       const struct group_message *message)
{
    const uint32_t count = message->append.count;
    size_t bytes = 0;
    for (uint32_t i = 0; i < count; i++)
        bytes += message->append.entries[i].bytes;
    uint8_t *block = tail_block(bytes);
    if (block == NULL)
        return NULL;
    struct raft_entry *copies = arena_take(turn->arena, count * sizeof *copies);
    size_t at = 0;
    for (uint32_t i = 0; i < count; i++) {
        const struct log_entry *entry = &message->append.entries[i];
        memcpy(block + at, entry->data, entry->bytes);
        copies[i] = (struct raft_entry){
            .term = entry->term,
            .type = (enum raft_entry_type)entry->type,
            .buf = {.base = block + at, .len = entry->bytes},
            .batch = block,
        };
        at += entry->bytes;
    }
    return copies;
}

void core_append(struct group *group, const struct group_turn *turn,
                 const struct group_message *message, uint64_t node)
{
    struct raft_message raft = {
        .type = RAFT_APPEND_ENTRIES,
        .append_entries = {.term = message->term,
                           .prev_log_index = message->append.previous_index,
                           .prev_log_term = message->append.previous_term,
                           .leader_commit = message->append.commit,
                           .n_entries = message->append.count},
    };
    if (message->append.count > 0) {
        raft.append_entries.entries = copy_entries(turn, message);
        if (raft.append_entries.entries == NULL)
            return; /* as if it had been lost */
    }
    step_message(group, turn, &raft, message->from, node);
}

enum status core_submit(struct group *group, const struct group_turn *turn, enum entry_type type,
                        uint8_t *block, uint32_t bytes)
{
    struct raft_entry entry = {
        .term = raft_current_term(&group->raft),
        .type = (enum raft_entry_type)type,
        .buf = {.base = block, .len = bytes},
        .batch = block,
    };
    struct raft_event event = {.type = RAFT_SUBMIT, .submit = {.entries = &entry, .n = 1}};
    const int code = step_and_confirm(group, turn, &event);
    if (code == 0)
        return STATUS_OK;
    tail_block_free(block);
    return code == RAFT_CANTCHANGE ? STATUS_CONFLICT : STATUS_NOT_LEADER;
}

enum status core_transfer(struct group *group, const struct group_turn *turn, uint64_t replica)
{
    struct raft_event event = {.type = RAFT_TRANSFER, .transfer.server_id = replica};
    return step_and_confirm(group, turn, &event) == 0 ? STATUS_OK : STATUS_NOT_LEADER;
}

uint64_t core_deadline(const struct group *group)
{
    return raft_timeout(&group->raft);
}

uint64_t core_term(const struct group *group)
{
    return raft_current_term(&group->raft);
}

uint64_t core_vote_given(const struct group *group)
{
    return raft_voted_for(&group->raft);
}

uint64_t core_stored(const struct group *group)
{
    return group->raft.last_stored;
}

uint64_t core_match(const struct group *group, uint64_t replica)
{
    raft_index index = 0;
    return raft_match_index(&group->raft, replica, &index) == 0 ? index : 0;
}

bool core_transferring(const struct group *group)
{
    return raft_transferee(&group->raft) != 0;
}

uint64_t core_open_change(const struct group *group)
{
    return group->raft.configuration_uncommitted_index;
}
