/* tests/sim/disk_snapshot.h -- The snapshots on a simulated node's disk.
 *
 * Chunks gather in a file that nobody may rely on; COMMIT makes it durable some time later, and
 * says so (STORED), or finds no room. In a crash everything that was not stored is gone, and so is
 * what was stored and not named by a COMPACT that is durable: a start drops it. */
#ifndef CAIRN_TESTS_SIM_DISK_SNAPSHOT_H
#define CAIRN_TESTS_SIM_DISK_SNAPSHOT_H

#include "cluster/cluster.h"
#include "tests/sim/disk.h"

struct disk_chunk {
    uint8_t *data;
    uint32_t bytes;
};

struct disk_snapshot {
    struct disk_snapshot *next;
    uint32_t group;
    uint64_t index, term;
    struct disk_chunk *chunks;
    uint32_t count, room;
    uint32_t written; /* chunks that were reported */
    bool committed, stored;
    bool full;        /* it will not find room */
    uint64_t done_us; /* when the next report is due */
};

/* BEGIN, CHUNK, COMMIT or ABORT; what it asks for is done at `done_us`, and finds no room when
 * `full`. */
void disk_snapshot_add(struct disk *disk, const struct effect *effect, uint64_t done_us, bool full);

/* When the next report is due; UINT64_MAX: none is. */
uint64_t disk_snapshot_next_us(const struct disk *disk);

/* The report that is due, WRITTEN or STORED; false: none is. */
bool disk_snapshot_due(struct disk *disk, uint64_t now_us, struct event *ret_event);

/* NULL: there is none. */
struct disk_snapshot *disk_snapshot_find(const struct disk *disk, uint32_t group, uint64_t index);
bool disk_snapshot_stored(const struct disk *disk, uint32_t group, uint64_t index);

/* Drops those of a group that are older; what a crash leaves; all. */
void disk_snapshots_before(struct disk *disk, uint32_t group, uint64_t index);
void disk_snapshots_crash(struct disk *disk);
void disk_snapshots_clear(struct disk *disk);

#endif
