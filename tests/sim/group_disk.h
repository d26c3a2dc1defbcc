/* tests/sim/group_disk.h -- A disk that forgets what was not synced, for one replica's log.
 *
 * Writes gather under their tickets; a sync takes whole tickets, in order, and nothing else. */
#ifndef CAIRN_TESTS_SIM_GROUP_DISK_H
#define CAIRN_TESTS_SIM_GROUP_DISK_H

#include <stdbool.h>
#include <stdint.h>

#include "cluster/values/effects.h"

struct group_disk_log {
    struct log_entry *entries; /* entries[i] has index i + 1; the data is ours */
    uint64_t count, capacity;
    struct hard_state hard_state;
    bool compacted; /* the group has dropped some of it; here it stays */
};

struct group_disk_write {
    struct effect effect;      /* HARD_STATE, TRUNCATE, APPEND or COMPACT */
    struct log_entry *entries; /* copies */
};

struct group_disk_read {
    bool waiting;
    uint64_t first, last, due_ms;
    uint32_t bytes_max;
};

struct group_disk {
    struct group_disk_log durable;
    struct group_disk_write *writes;
    uint32_t write_count, write_capacity;
    uint64_t sync_due_ms; /* while writes wait */
    uint64_t sync_ticket; /* what that sync takes */
    uint32_t sync_ms_min, sync_ms_max;
    bool held; /* syncs nothing */
    struct group_disk_read read;
};

void group_disk_init(struct group_disk *disk);
void group_disk_fini(struct group_disk *disk);

/* Takes a HARD_STATE, TRUNCATE, APPEND or COMPACT. */
void group_disk_write(struct group_disk *disk, const struct effect *effect);

/* Everything up to the ticket reaches the disk. */
void group_disk_sync(struct group_disk *disk, uint64_t ticket);

/* Everything not synced is gone. */
void group_disk_lose(struct group_disk *disk);

/* NULL: not on disk. */
const struct log_entry *group_disk_entry(const struct group_disk *disk, uint64_t index);

#endif
