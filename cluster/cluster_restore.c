/* What was stored comes back: for each group the chunks of its snapshot, then its entries; and when
 * the settings are known the ranges get their states. */
#include <stdlib.h>

#include "cluster/base/check.h"
#include "cluster/cluster_internal.h"

static bool number_ok(uint32_t group)
{
    return group == GROUP_SYSTEM || group < RANGES_MAX;
}

static enum status find_or_add(struct cluster *cluster, uint32_t number,
                               const struct hard_state *hard_state)
{
    if (!number_ok(number))
        return STATUS_CORRUPT;
    if (groups_find(cluster, number) != NULL)
        return STATUS_OK;
    if (hard_state->replica == 0 || hard_state->replica >= RAFT_NUMBER_LIMIT)
        return STATUS_CORRUPT;
    return groups_add(cluster, number, hard_state->replica);
}

static void note_hard_state(struct cluster *cluster, uint32_t group,
                            const struct hard_state *hard_state)
{
    if (group == GROUP_SYSTEM)
        cluster->system_hard_state = *hard_state;
    else
        cluster->slots[group]->hard_state = *hard_state;
}

static void note_stamp(struct cluster *cluster, uint64_t stamp)
{
    if (stamp > cluster->restored_stamp)
        cluster->restored_stamp = stamp;
}

/* ---- Snapshots. */

static void end_restoring(struct snapshot_restore *restoring)
{
    snapshot_reader_fini(&restoring->reader);
    range_restore_free(restoring->range);
    system_restore_free(restoring->system);
    *restoring = (struct snapshot_restore){0};
}

void restore_free(struct cluster *cluster)
{
    end_restoring(&cluster->restoring);
}

static enum status begin_restoring(struct cluster *cluster, const struct restored_chunk *chunk)
{
    struct snapshot_restore *restoring = &cluster->restoring;
    if (restoring->active || groups_find(cluster, chunk->group) != NULL)
        return STATUS_CORRUPT;
    restoring->active = true;
    restoring->group = chunk->group;
    snapshot_reader_init(&restoring->reader);
    if (chunk->group == GROUP_SYSTEM)
        restoring->system = system_restore_new(chunk->group);
    else
        restoring->range = range_restore_new(chunk->group, cluster->config.index_secret);
    const bool made = restoring->system != NULL || restoring->range != NULL;
    return made ? STATUS_OK : STATUS_NO_MEMORY;
}

static enum status agree_on_settings(struct cluster *cluster, const struct settings *settings)
{
    if (cluster->restored_settings.ranges == 0)
        cluster->restored_settings = *settings;
    return settings_equal(&cluster->restored_settings, settings) ? STATUS_OK : STATUS_CORRUPT;
}

/* The whole snapshot was read: its state, and the group's base. */
static enum status finish_restoring(struct cluster *cluster, const struct restored_chunk *chunk)
{
    struct snapshot_restore *restoring = &cluster->restoring;
    struct group_base base;
    struct settings settings;
    const enum status added = find_or_add(cluster, chunk->group, &chunk->hard_state);
    if (added != STATUS_OK)
        return added;
    if (restoring->system != NULL) {
        system_state_free(cluster->system);
        cluster->system = system_restore_take(restoring->system, &base);
        settings = *system_state_settings(cluster->system);
        cluster->system_snapshot.bytes = restoring->bytes;
    } else {
        struct slot *slot = cluster->slots[chunk->group];
        slot->restored = range_restore_take(restoring->range, &settings, &base);
        slot->snapshot.bytes = restoring->bytes;
        note_stamp(cluster, range_state_last_hlc(slot->restored));
    }
    end_restoring(restoring);
    if (base.index != chunk->index || base.term != chunk->term)
        return STATUS_CORRUPT;
    note_hard_state(cluster, chunk->group, &chunk->hard_state);
    const enum status agreed = agree_on_settings(cluster, &settings);
    if (agreed != STATUS_OK)
        return agreed;
    return group_restore_base(groups_find(cluster, chunk->group), &base);
}

enum status restore_snapshot(struct cluster *cluster, const struct restored_chunk *chunk)
{
    CHECK(!cluster->started);
    struct snapshot_restore *restoring = &cluster->restoring;
    if (!number_ok(chunk->group))
        return STATUS_CORRUPT;
    if (chunk->chunk == 0) {
        const enum status status = begin_restoring(cluster, chunk);
        if (status != STATUS_OK)
            return status;
    }
    if (!restoring->active || restoring->group != chunk->group ||
        restoring->reader.chunks != chunk->chunk)
        return STATUS_CORRUPT;
    restoring->bytes += chunk->bytes;
    struct snapshot_item item;
    enum status status = snapshot_take(&restoring->reader, chunk->data, chunk->bytes, &item);
    if (status == STATUS_OK && item.whole)
        status = restoring->system != NULL ? system_restore_item(restoring->system, &item)
                                           : range_restore_item(restoring->range, &item);
    if (status == STATUS_OK && item.ended != chunk->last)
        status = STATUS_CORRUPT;
    if (status != STATUS_OK || !chunk->last)
        return status;
    return finish_restoring(cluster, chunk);
}

/* ---- Entries. */

enum status restore_group(struct cluster *cluster, const struct restored_group *restored)
{
    CHECK(!cluster->started);
    if (cluster->restoring.active)
        return STATUS_CORRUPT;
    enum status status = find_or_add(cluster, restored->group, &restored->hard_state);
    if (status != STATUS_OK)
        return status;
    struct group *group = groups_find(cluster, restored->group);
    if (restored->count > 0)
        status = group_restore_first(group, restored->first);
    for (uint32_t i = 0; i < restored->count && status == STATUS_OK; i++) {
        const struct log_entry *entry = &restored->entries[i];
        struct record record;
        if (entry->type == ENTRY_COMMAND &&
            record_decode(&record, entry->data, entry->bytes) == STATUS_OK) {
            note_stamp(cluster, record.stamp);
            if (restored->group == GROUP_SYSTEM)
                known_note(cluster, &record);
        }
        status = group_restore(group, entry);
    }
    note_hard_state(cluster, restored->group, &restored->hard_state);
    return status;
}

uint64_t cluster_restored_stamp(const struct cluster *cluster)
{
    return cluster->restored_stamp;
}

/* ---- States. */

static enum status give_state(struct cluster *cluster, struct slot *slot)
{
    const struct settings *settings = system_state_settings(cluster->system);
    if (slot->range >= settings->ranges)
        return STATUS_CORRUPT;
    CHECK(slot->state == NULL);
    if (slot->restored != NULL) {
        slot->state = slot->restored;
        slot->restored = NULL;
        hlc_restore(&cluster->hlc, range_state_last_hlc(slot->state));
        return STATUS_OK;
    }
    slot->state = range_state_new(settings, slot->range, cluster->config.index_secret);
    return slot->state != NULL ? STATUS_OK : STATUS_NO_MEMORY;
}

enum status restore_states(struct cluster *cluster)
{
    enum status status = agree_on_settings(cluster, system_state_settings(cluster->system));
    for (uint32_t i = 0; i < cluster->slot_count && status == STATUS_OK; i++) {
        if (cluster->slots[i] != NULL)
            status = give_state(cluster, cluster->slots[i]);
    }
    if (status == STATUS_OK)
        status = epochs_begin(cluster);
    if (status == STATUS_OK)
        status = settle_begin(cluster);
    return status == STATUS_OK ? epochs_restored(cluster) : status;
}
