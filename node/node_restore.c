/* What is stored goes to the core piece by piece, as it is read: of each group its snapshot, chunk
 * by chunk, and then what is left of its log, entry by entry. Nothing is gathered, so the size does
 * not matter. */
#include "node/node_parts.h"

struct restoring {
    struct node *node;
    struct now now;
    struct store_group group;
    uint32_t groups, snapshots;
    uint64_t entries, snapshot_bytes;
    const char *why; /* what the core did not like; NULL: it was the store that failed */
    struct store_error error;
    struct snapshots_error snapshot_error; /* "": it was not a snapshot that failed */
};

static struct hard_state hard_state_of(const struct store_group *group)
{
    return (struct hard_state){.term = group->term, .vote = group->vote, .replica = group->replica};
}

static enum status step_event(struct restoring *restoring, const struct event *event)
{
    struct node *node = restoring->node;
    const enum status status = cluster_step(node->cluster, &restoring->now, event, node->effects);
    if (status != STATUS_OK)
        restoring->why = "the core refuses it";
    return status;
}

static enum status step_restore(struct restoring *restoring, uint64_t first,
                                const struct log_entry *entries, uint32_t count)
{
    const struct store_group *group = &restoring->group;
    const struct event event = {
        .kind = EVENT_RESTORE,
        .restore =
            {
                .group = group->group,
                .hard_state = hard_state_of(group),
                .first = first,
                .entries = entries,
                .count = count,
            },
    };
    return step_event(restoring, &event);
}

static enum status restore_entry(void *context, uint64_t index, const struct store_entry *stored)
{
    struct restoring *restoring = context;
    if (stored->type < ENTRY_COMMAND || stored->type > ENTRY_CHANGE) {
        restoring->why = "an entry is of no known type";
        return STATUS_CORRUPT;
    }
    const struct log_entry entry = {
        .term = stored->term,
        .type = (enum entry_type)stored->type,
        .data = stored->data,
        .bytes = (uint32_t)stored->bytes,
    };
    restoring->entries++;
    return step_restore(restoring, index, &entry, 1);
}

static enum status restore_chunk(void *context, uint32_t chunk, bool last, const uint8_t *data,
                                 uint32_t bytes)
{
    struct restoring *restoring = context;
    const struct store_group *group = &restoring->group;
    const struct event event = {
        .kind = EVENT_RESTORE_SNAPSHOT,
        .restore_snapshot =
            {
                .group = group->group,
                .hard_state = hard_state_of(group),
                .index = group->snapshot.index,
                .term = group->snapshot.term,
                .chunk = chunk,
                .last = last,
                .data = data,
                .bytes = bytes,
            },
    };
    return step_event(restoring, &event);
}

static enum status restore_snapshot(struct restoring *restoring)
{
    const struct store_group *group = &restoring->group;
    struct node *node = restoring->node;
    if (group->snapshot.index == 0)
        return STATUS_OK;
    const struct snapshot_id id = {
        .cluster = node->identity.cluster,
        .node = node->identity.node,
        .group = group->group,
        .index = group->snapshot.index,
        .term = group->snapshot.term,
    };
    const struct snapshot_sum sum = {
        .file_bytes = group->snapshot.bytes,
        .digest = group->snapshot.digest,
    };
    restoring->snapshots++;
    restoring->snapshot_bytes += group->snapshot.bytes;
    node_snapshots_restored(node, group);
    return snapshots_read(node->snapshots, &id, &sum, &restoring->snapshot_error, restore_chunk,
                          restoring);
}

/* A group is told of even when it has no entries: its term and vote count. */
static enum status restore_group(void *context, const struct store_group *group)
{
    struct restoring *restoring = context;
    restoring->group = *group;
    restoring->groups++;
    enum status status = restore_snapshot(restoring);
    if (status == STATUS_OK)
        status = step_restore(restoring, group->compacted_through + 1, NULL, 0);
    if (status != STATUS_OK)
        return status;
    return store_restore(restoring->node->store, group, &restoring->error, restore_entry,
                         restoring);
}

static const char *why_not(const struct restoring *restoring)
{
    if (restoring->why != NULL)
        return restoring->why;
    const char *snapshot = restoring->snapshot_error.text;
    return snapshot[0] != '\0' ? snapshot : restoring->error.text;
}

enum status restore_groups(struct node *node, uint32_t *ret_groups, int *ret_exit_code)
{
    struct clock_reading reading;
    clock_read(&node->clock, &reading);
    struct restoring restoring = {.node = node, .now = clock_advance(&node->clock, &reading)};
    const enum status status =
        store_each_group(node->store, &restoring.error, restore_group, &restoring);
    if (status != STATUS_OK) {
        log_write(LOG_LEVEL_ERROR, "what is stored cannot be restored",
                  LOG_FIELDS(log_text("data", node->config->node.data),
                             log_number("group", restoring.group.group),
                             log_text("status", status_name(status)),
                             log_text("why", why_not(&restoring))));
        *ret_exit_code = status == STATUS_NO_MEMORY ? EXIT_FAILED : EXIT_DISK;
        return status;
    }
    if (restoring.groups > 0)
        log_write(LOG_LEVEL_INFO, "read snapshots and log",
                  LOG_FIELDS(log_number("groups", restoring.groups),
                             log_number("snapshots", restoring.snapshots),
                             log_number("snapshot_bytes", restoring.snapshot_bytes),
                             log_number("entries", restoring.entries),
                             log_number("took_ms",
                                        (node_now(node).monotonic_us - restoring.now.monotonic_us) /
                                            1000)));
    *ret_groups = restoring.groups;
    return STATUS_OK;
}
