#include "node/store_parts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>

static uint64_t property(struct store *store, const char *name)
{
    uint64_t value = 0;
    return rocksdb_property_int(store->db, name, &value) == 0 ? value : 0;
}

static uint64_t level0_files(struct store *store)
{
    char *text = rocksdb_property_value(store->db, "rocksdb.num-files-at-level0");
    const uint64_t files = text != NULL ? strtoull(text, NULL, 10) : 0;
    rocksdb_free(text);
    return files;
}

bool store_stall_us(const char *statistics, uint64_t *ret_us)
{
    static const char key[] = "\nCumulative stall: ";
    unsigned hours = 0;
    unsigned minutes = 0;
    unsigned seconds = 0;
    unsigned milliseconds = 0;
    const char *at = strstr(statistics, key);
    if (at == NULL || sscanf(at + sizeof key - 1, "%9u:%2u:%2u.%3u H:M:S", &hours, &minutes,
                             &seconds, &milliseconds) != 4)
        return false;
    *ret_us = ((uint64_t)hours * 3600 + minutes * UINT64_C(60) + seconds) * 1000000 +
              milliseconds * UINT64_C(1000);
    return true;
}

/* The C interface tells this number only in the page for people; counters of its own would cost
 * each write. */
static uint64_t stalled_us(struct store *store)
{
    uint64_t total_us = 0;
    char *text = rocksdb_property_value(store->db, "rocksdb.dbstats");
    if (text != NULL)
        (void)store_stall_us(text, &total_us);
    rocksdb_free(text);
    return total_us;
}

void store_measure(struct store *store, struct store_measures *ret_measures)
{
    struct store_measures measures = {0};
    (void)pthread_mutex_lock(&store->mutex);
    measures.backlog_bytes = store->queued.used + store->writing_bytes;
    measures.turns = store->turns;
    measures.writes = store->writes;
    measures.bytes = store->bytes;
    (void)pthread_mutex_unlock(&store->mutex);

    measures.memtable_bytes = property(store, "rocksdb.cur-size-all-mem-tables");
    measures.memtables = property(store, "rocksdb.num-immutable-mem-table");
    measures.level0_files = level0_files(store);
    measures.table_bytes = property(store, "rocksdb.total-sst-files-size");
    measures.table_memory_bytes = property(store, "rocksdb.estimate-table-readers-mem");
    measures.stalled = property(store, "rocksdb.is-write-stopped") != 0 ||
                       property(store, "rocksdb.actual-delayed-write-rate") != 0;
    measures.stalled_us = stalled_us(store);
    struct statvfs space;
    if (statvfs(store->path, &space) == 0)
        measures.disk_free_bytes = (uint64_t)space.f_bavail * space.f_frsize;
    *ret_measures = measures;
}
