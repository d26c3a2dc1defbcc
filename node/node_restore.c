/* What is stored goes to the core entry by entry, as the store reads it: nothing is gathered, and
 * the size of the log does not matter. */
#include <string.h>

#include "cluster/values/record.h"
#include "node/node_parts.h"

struct restoring {
    struct node *node;
    struct now now;
    struct store_group group;
    uint32_t groups;
    uint64_t entries;
    const char *why; /* what the core did not like; NULL: it was the store that failed */
    struct store_error error;
};

static enum status step_restore(struct restoring *restoring, uint64_t first,
                                const struct log_entry *entries, uint32_t count)
{
    const struct store_group *group = &restoring->group;
    const struct event event = {
        .kind = EVENT_RESTORE,
        .restore =
            {
                .group = group->group,
                .hard_state = {.term = group->term, .vote = group->vote, .replica = group->replica},
                .first = first,
                .entries = entries,
                .count = count,
            },
    };
    struct node *node = restoring->node;
    const enum status status = cluster_step(node->cluster, &restoring->now, &event, node->effects);
    if (status != STATUS_OK)
        restoring->why = "the core refuses it";
    return status;
}

/* Records carry the time of their making. */
static void note_stamp(struct node *node, const struct store_entry *entry)
{
    struct record record;
    if (entry->type == ENTRY_COMMAND &&
        record_decode(&record, entry->data, entry->bytes) == STATUS_OK &&
        record.stamp > node->last_stamp)
        node->last_stamp = record.stamp;
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
    note_stamp(restoring->node, stored);
    restoring->entries++;
    return step_restore(restoring, index, &entry, 1);
}

/* A group is told of even when it has no entries: its term and vote count. */
static enum status restore_group(void *context, const struct store_group *group)
{
    struct restoring *restoring = context;
    restoring->group = *group;
    restoring->groups++;
    const enum status status = step_restore(restoring, group->compacted_through + 1, NULL, 0);
    if (status != STATUS_OK)
        return status;
    return store_restore(restoring->node->store, group, &restoring->error, restore_entry,
                         restoring);
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
                             log_text("why", restoring.why != NULL ? restoring.why
                                                                   : restoring.error.text)));
        *ret_exit_code = status == STATUS_NO_MEMORY ? EXIT_FAILED : EXIT_DISK;
        return status;
    }
    if (restoring.groups > 0)
        log_write(LOG_LEVEL_INFO, "read the log",
                  LOG_FIELDS(log_number("groups", restoring.groups),
                             log_number("entries", restoring.entries)));
    *ret_groups = restoring.groups;
    return STATUS_OK;
}
