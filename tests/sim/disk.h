/* tests/sim/disk.h -- A simulated node's disk: what was synced, and what is on its way.
 *
 * Turns become durable in order. A crash keeps those that were synced, and of the others as many
 * from the front as chance says: written, but not yet reported. A turn is whole or not there at
 * all, as a write batch of the real store is.
 *
 * Snapshots are files beside the log (disk_snapshot.h): one is durable when it is stored, and
 * counts when a turn's COMPACT names it. What is compacted is not given to the node any more, but
 * stays here: the independent model reads whole logs. */
#ifndef CAIRN_TESTS_SIM_DISK_H
#define CAIRN_TESTS_SIM_DISK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cluster/base/rng.h"
#include "cluster/values/effects.h"
#include "cluster/values/log_entry.h"

struct disk_group {
    uint32_t group;
    struct hard_state hard_state;
    struct log_entry *entries; /* index 1 is entries[0]; the data are the disk's; those before the
                                * snapshot of another replica are empty, unless they were here */
    uint32_t count, room;
    uint64_t compacted;      /* the node has no entry up to this one */
    uint64_t snapshot_index; /* of the snapshot that counts; 0: none */
};

struct disk_snapshot;

struct disk_turn;

struct disk {
    struct disk_group *groups;
    uint32_t group_count;
    struct disk_turn *first, **end; /* not durable yet */
    struct disk_turn *open;         /* being gathered */
    size_t turn_bytes_max;          /* of entries, in the largest turn so far */
    uint32_t adopted;               /* snapshots of other replicas that a log began behind */
    struct disk_snapshot *snapshots;
};

void disk_init(struct disk *disk);
void disk_fini(struct disk *disk);

/* HARD_STATE, APPEND, TRUNCATE or COMPACT of the present turn; the data are copied. */
void disk_add(struct disk *disk, const struct effect *effect);

/* The turn is over: what was added becomes durable at `done_us`. False: nothing was added. */
bool disk_submit(struct disk *disk, uint64_t ticket, uint64_t done_us);

/* When the next turn becomes durable; UINT64_MAX: nothing is on its way. */
uint64_t disk_next_us(const struct disk *disk);

/* Makes everything durable that is due; the highest ticket of it, 0: nothing was due. */
uint64_t disk_sync(struct disk *disk, uint64_t now_us);

void disk_crash(struct disk *disk, struct rng *rng);

/* A crash that keeps what was synced and nothing else. */
void disk_lose(struct disk *disk);

/* Loses a group's last entry, although it was synced: what no disk may do. */
void disk_forget(struct disk_group *group);

/* NULL: never heard of. */
struct disk_group *disk_find(const struct disk *disk, uint32_t group);

#endif
