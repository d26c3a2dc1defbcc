/* Taking a snapshot that the group's leader sends, because our log ends before its begins.
 *
 * The chunks are read as they come, and go to the disk as those of a snapshot of our own; so one of
 * either kind is under way. The leader hears what is written, and goes on from there. When all is
 * stored, the state that was read takes the place of ours, and the group begins anew behind it, in
 * one write. Until then nothing of ours has changed: whatever fails, the snapshot is dropped. */
#include "cluster/base/check.h"
#include "cluster/cluster_internal.h"

/* A sender who is silent for so long is gone. He may have lost sight of us for a moment only. */
#define PATIENCE_MS 5000

static bool is_under_way(const struct cluster *cluster)
{
    return cluster->snapshot.phase != SNAPSHOT_IDLE && cluster->intake.node != 0;
}

void intake_clear(struct cluster *cluster)
{
    struct intake *intake = &cluster->intake;
    if (intake->node != 0)
        snapshot_reader_fini(&intake->reader);
    range_restore_free(intake->range);
    system_restore_free(intake->system);
    range_state_free(intake->range_state);
    system_state_free(intake->system_state);
    *intake = (struct intake){0};
}

/* --- Chunks ----------------------------------------------------------------------------------- */

static void tell_taken(struct cluster *cluster, const struct snapshot_message *message,
                       uint64_t node, uint32_t chunks)
{
    const struct group *group = groups_find(cluster, message->group);
    struct group_view view;
    group_view(group, &view);
    struct message *answer = arena_take(&cluster->arena, sizeof *answer);
    *answer = (struct message){
        .kind = MESSAGE_SNAPSHOT_TAKEN,
        .snapshot_taken = {.group = message->group,
                           .from = group_replica(group),
                           .to = view.leader,
                           .index = message->index,
                           .chunks = chunks},
    };
    struct effect *effect = effects_add(cluster->effects, EFFECT_SEND);
    effect->send.node = node;
    effect->send.message = answer;
}

void intake_written(struct cluster *cluster)
{
    const struct snapshot_task *task = &cluster->snapshot;
    if (task->phase != SNAPSHOT_RECEIVING)
        return;
    const struct snapshot_message about = {.group = task->group, .index = task->base.index};
    tell_taken(cluster, &about, cluster->intake.node, task->written);
}

static bool is_of_this(const struct cluster *cluster, uint64_t node,
                       const struct snapshot_message *message)
{
    const struct snapshot_task *task = &cluster->snapshot;
    return is_under_way(cluster) && task->group == message->group &&
           task->base.index == message->index && task->base.term == message->term &&
           cluster->intake.node == node && cluster->intake.raft_term == message->raft_term;
}

/* A newer one takes the place of one that its sender does not go on with. */
static bool begin(struct cluster *cluster, uint64_t node, const struct snapshot_message *message)
{
    struct snapshot_task *task = &cluster->snapshot;
    if (task->phase == SNAPSHOT_RECEIVING && task->group == message->group)
        snapshots_give_up(cluster, "another one comes");
    /* One that has started again knows the settings when its system group has committed something;
     * where that group's log is what it lacks, they come with the snapshot. */
    const bool settings =
        message->group == GROUP_SYSTEM || system_state_settings(cluster->system) != NULL;
    if (task->phase != SNAPSHOT_IDLE || cluster_now_ms(cluster) < task->retry_ms || !settings)
        return false;
    struct intake intake = {.node = node, .raft_term = message->raft_term};
    if (message->group == GROUP_SYSTEM)
        intake.system = system_restore_new(message->group);
    else
        intake.range = range_restore_new(message->group, cluster->config.index_secret);
    if (intake.system == NULL && intake.range == NULL)
        return false; /* as if it had been lost */
    snapshot_reader_init(&intake.reader);
    cluster->intake = intake;
    snapshots_receive(cluster, message);
    return true;
}

/* All chunks are there: what they are must be what was announced. */
static bool finish_reading(struct cluster *cluster)
{
    struct intake *intake = &cluster->intake;
    const struct settings *known = system_state_settings(cluster->system);
    struct settings settings;
    if (intake->system != NULL) {
        intake->system_state = system_restore_take(intake->system, &intake->base);
        if (intake->system_state == NULL || system_state_settings(intake->system_state) == NULL)
            return false;
        settings = *system_state_settings(intake->system_state);
    } else {
        intake->range_state = range_restore_take(intake->range, &settings, &intake->base);
        if (intake->range_state == NULL)
            return false;
    }
    const struct group_base *announced = &cluster->snapshot.base;
    return (known == NULL || settings_equal(known, &settings)) &&
           intake->base.index == announced->index && intake->base.term == announced->term;
}

static enum status read_chunk(struct cluster *cluster, const struct snapshot_message *message)
{
    struct intake *intake = &cluster->intake;
    struct snapshot_item item;
    enum status status = snapshot_take(&intake->reader, message->data, message->bytes, &item);
    if (status == STATUS_OK && item.whole)
        status = intake->system != NULL ? system_restore_item(intake->system, &item)
                                        : range_restore_item(intake->range, &item);
    if (status == STATUS_OK && item.ended != message->last)
        status = STATUS_CORRUPT;
    if (status == STATUS_OK && message->last && !finish_reading(cluster))
        status = STATUS_CORRUPT;
    return status;
}

static void take(struct cluster *cluster, const struct snapshot_message *message)
{
    const enum status status = read_chunk(cluster, message);
    if (status != STATUS_OK) {
        snapshots_give_up(cluster, status == STATUS_CORRUPT ? "damaged on the way" : "no memory");
        return;
    }
    cluster->intake.heard_ms = cluster_now_ms(cluster);
    snapshots_received_chunk(cluster, message);
}

void intake_received(struct cluster *cluster, uint64_t node, const struct snapshot_message *message)
{
    const struct group *group = groups_find(cluster, message->group);
    if (group == NULL || !cluster->started || cluster->stopping || message->from_node != node ||
        message->to != group_replica(group) || message->index >= RAFT_NUMBER_LIMIT ||
        !group_follows(group, node, message->raft_term) || !cluster_has_room(cluster))
        return;
    const struct group_base announced = {.index = message->index, .term = message->term};
    if (!group_lacks(group, &announced))
        return;
    const struct snapshot_task *task = &cluster->snapshot;
    if (!is_of_this(cluster, node, message)) {
        if (message->chunk > 0)
            tell_taken(cluster, message, node, 0);
        else if (begin(cluster, node, message))
            take(cluster, message);
        return;
    }
    /* What was said of those before may have been lost. */
    if (message->chunk < task->chunks && task->written > 0)
        tell_taken(cluster, message, node, task->written);
    if (task->phase == SNAPSHOT_RECEIVING && message->chunk == task->chunks &&
        task->chunks - task->written < SNAPSHOT_CHUNKS_AHEAD)
        take(cluster, message);
}

void intake_tick(struct cluster *cluster)
{
    const struct snapshot_task *task = &cluster->snapshot;
    if (task->phase != SNAPSHOT_RECEIVING)
        return;
    const struct intake *intake = &cluster->intake;
    const struct group *group = groups_find(cluster, task->group);
    const struct group_base announced = task->base;
    if (!group_lacks(group, &announced))
        snapshots_give_up(cluster, "the log has it by now");
    else if (group_term(group) != intake->raft_term)
        snapshots_give_up(cluster, "its sender's term is over");
    else if (cluster_now_ms(cluster) - intake->heard_ms >= PATIENCE_MS)
        snapshots_give_up(cluster, "its sender is silent");
}

/* --- Taking over ------------------------------------------------------------------------------ */

static enum status adopt_range(struct cluster *cluster, struct slot *slot)
{
    range_state_free(slot->state);
    slot->state = cluster->intake.range_state;
    cluster->intake.range_state = NULL;
    slot->learn_index = 0;
    hlc_restore(&cluster->hlc, range_state_last_hlc(slot->state));
    return epochs_adopted(cluster, slot);
}

bool intake_useful(const struct cluster *cluster)
{
    return group_lacks(groups_find(cluster, cluster->snapshot.group), &cluster->intake.base);
}

enum status intake_adopt(struct cluster *cluster)
{
    const uint32_t number = cluster->snapshot.group;
    const struct group_base base = cluster->intake.base;
    struct group *group = groups_find(cluster, number);
    stream_end_group(cluster, number);
    const struct group_turn turn = cluster_group_turn(cluster);
    group_adopt(group, &turn, &base);
    cluster_note(cluster, NOTE_INFO, "group %u goes on from its leader's snapshot at %llu", number,
                 (unsigned long long)base.index);
    if (number != GROUP_SYSTEM)
        return adopt_range(cluster, cluster->slots[number]);
    struct system_state *state = cluster->intake.system_state;
    cluster->intake.system_state = NULL;
    return join_restored(cluster, state, base.index);
}
