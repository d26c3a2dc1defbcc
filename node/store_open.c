#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cluster/base/check.h"
#include "node/store_format.h"
#include "node/store_parts.h"
#include "node/store_recovery.h"

#define CACHE_BYTES      (UINT32_C(4) << 20) /* reads are rare: what followers lack, and restarts */
#define OPEN_FILES_MAX   256
#define MEMTABLES_MAX    3
#define JOBS_MAX         2
#define LEVEL0_COMPACT   16 /* tables of level 0 overlap: each holds all groups */
#define LEVEL0_SLOW      64
#define LEVEL0_STOP      96
#define TABLE_SYNC_BYTES (UINT64_C(1) << 20) /* more at once would keep the log's syncs waiting */
#define LEVEL1_MEMTABLES 16
#define INFO_LOG_BYTES   (UINT32_C(1) << 20)
#define INFO_LOGS_MAX    2
#define INFO_LOG_WARN    2 /* rocksdb::InfoLogLevel::WARN_LEVEL */
#define MANIFEST_BYTES   (UINT32_C(4) << 20)
#define OWN_LOCK_NAME    "cairn.lock"

/* --- The directory ------------------------------------------------------------------------------
 */

static enum status io_failure(const struct store *store, const char *doing,
                              struct store_error *error)
{
    store_explain(error, "%s: %s: %s", store->path, doing, strerror(errno));
    return STATUS_IO;
}

/* A new directory's name is durable only when the directory above it is. */
static enum status sync_parent(const struct store *store, struct store_error *error)
{
    char above[PATH_MAX];
    const int length = snprintf(above, sizeof above, "%s/..", store->path);
    if (length < 0 || (size_t)length >= sizeof above)
        return STATUS_TOO_LARGE;
    const int fd = open(above, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    const bool failed = fd < 0 || fsync(fd) != 0;
    const enum status status =
        failed ? io_failure(store, "its parent directory", error) : STATUS_OK;
    if (fd >= 0)
        (void)close(fd);
    return status;
}

static enum status make_directory(const struct store *store, struct store_error *error)
{
    /* Synced even if it was there: whoever made it may have died before its own sync. */
    if (mkdir(store->path, 0750) == 0 || errno == EEXIST)
        return sync_parent(store, error);
    return io_failure(store, "making the directory", error);
}

/* RocksDB has a lock of its own, but takes it only after we have read, and perhaps cut, its logs.
 */
static enum status lock_directory(struct store *store, struct store_error *error)
{
    char name[PATH_MAX];
    const int length = snprintf(name, sizeof name, "%s/%s", store->path, OWN_LOCK_NAME);
    if (length < 0 || (size_t)length >= sizeof name)
        return STATUS_TOO_LARGE;
    store->lock_fd = open(name, O_RDWR | O_CREAT | O_CLOEXEC, 0640);
    if (store->lock_fd < 0)
        return io_failure(store, "its lock", error);
    if (flock(store->lock_fd, LOCK_EX | LOCK_NB) == 0)
        return STATUS_OK;
    if (errno != EWOULDBLOCK)
        return io_failure(store, "its lock", error);
    store_explain(error, "%s is in use by another process", store->path);
    return STATUS_CONFLICT;
}

/* --- RocksDB ------------------------------------------------------------------------------------
 */

/* One column family, so that one log holds everything in one order. */
static void set_options(struct store *store, size_t memtable_bytes)
{
    rocksdb_options_t *options = rocksdb_options_create();
    store->options = options;
    /* Compaction can wait, and claims cannot: it has what processor time is left. When it falls far
     * behind, writes are slowed down, and it catches up. */
    store->env = rocksdb_create_default_env();
    rocksdb_env_lower_thread_pool_cpu_priority(store->env);
    rocksdb_options_set_env(options, store->env);
    rocksdb_options_set_create_if_missing(options, 1);
    rocksdb_options_set_paranoid_checks(options, 1);
    /* store_recovery.c has judged the logs; what it let stand is wanted to the last byte. */
    rocksdb_options_set_wal_recovery_mode(options, rocksdb_absolute_consistency_recovery);
    /* The judging relies on fresh files (a log that is used again holds old records) and on one
     * write call before each sync. */
    rocksdb_options_set_recycle_log_file_num(options, 0);
    rocksdb_options_set_manual_wal_flush(options, 0);

    rocksdb_options_set_write_buffer_size(options, memtable_bytes);
    rocksdb_options_set_max_write_buffer_number(options, MEMTABLES_MAX);
    rocksdb_options_set_max_background_jobs(options, JOBS_MAX);
    rocksdb_options_set_max_open_files(options, OPEN_FILES_MAX);
    rocksdb_options_set_max_file_opening_threads(options, 1);

    /* Entries live for a snapshot's time and are compact already: few, large, plain tables. */
    rocksdb_options_set_compression(options, rocksdb_no_compression);
    rocksdb_options_set_level0_file_num_compaction_trigger(options, LEVEL0_COMPACT);
    rocksdb_options_set_level0_slowdown_writes_trigger(options, LEVEL0_SLOW);
    rocksdb_options_set_level0_stop_writes_trigger(options, LEVEL0_STOP);
    rocksdb_options_set_max_bytes_for_level_base(options,
                                                 LEVEL1_MEMTABLES * (uint64_t)memtable_bytes);
    rocksdb_options_set_target_file_size_base(options, 2 * (uint64_t)memtable_bytes);
    rocksdb_options_set_bytes_per_sync(options, TABLE_SYNC_BYTES);

    rocksdb_options_set_info_log_level(options, INFO_LOG_WARN);
    rocksdb_options_set_max_log_file_size(options, INFO_LOG_BYTES);
    rocksdb_options_set_keep_log_file_num(options, INFO_LOGS_MAX);
    rocksdb_options_set_max_manifest_file_size(options, MANIFEST_BYTES);
    rocksdb_options_set_stats_dump_period_sec(options, 0);
    rocksdb_options_set_stats_persist_period_sec(options, 0);

    store->cache = rocksdb_cache_create_lru(CACHE_BYTES);
    store->table_options = rocksdb_block_based_options_create();
    rocksdb_block_based_options_set_block_cache(store->table_options, store->cache);
    rocksdb_options_set_block_based_table_factory(options, store->table_options);

    store->get_options = rocksdb_readoptions_create();
    store->write_options = rocksdb_writeoptions_create();
    rocksdb_writeoptions_set_sync(store->write_options, 1);
}

/* The number of the newest write that the database knows of; 0: none. */
static enum status read_marker(struct store *store, uint64_t *ret_number, struct store_error *error)
{
    const struct store_key key = store_key_marker();
    char *message = NULL;
    size_t size = 0;
    char *value = rocksdb_get(store->db, store->get_options, (const char *)key.bytes, key.size,
                              &size, &message);
    enum status status = store_rocksdb_status(message, store->path, error);
    if (status == STATUS_OK && value == NULL) {
        *ret_number = 0;
    } else if (status == STATUS_OK) {
        uint8_t marker[STORE_MARKER_BYTES] = {0};
        if (size == sizeof marker)
            memcpy(marker, value, size);
        status = store_marker_read(ret_number, marker);
        if (status != STATUS_OK)
            store_explain(error, "%s: the marker of the newest write is damaged", store->path);
    }
    if (value != NULL)
        rocksdb_free(value);
    return status;
}

static enum status open_database(struct store *store, struct store_error *error)
{
    struct store_verdict verdict;
    enum status status = store_recovery_judge(store->path, &verdict, error);
    if (status != STATUS_OK)
        return status;
    char *message = NULL;
    store->db = rocksdb_open(store->options, store->path, &message);
    status = store_rocksdb_status(message, "opening the log store", error);
    if (status != STATUS_OK)
        return status;
    status = read_marker(store, &store->write_number, error);
    if (status == STATUS_OK && store->write_number < verdict.last_write) {
        store_explain(error,
                      "%s: the log holds write %" PRIu64 ", the database only %" PRIu64
                      ": rebuild this node from its peers under a new id",
                      store->path, verdict.last_write, store->write_number);
        status = STATUS_CORRUPT;
    }
    return status;
}

/* --- Open and close -----------------------------------------------------------------------------
 */

static bool buffer_init(struct store_buffer *buffer, size_t capacity)
{
    buffer->data = malloc(capacity);
    buffer->capacity = capacity;
    return buffer->data != NULL;
}

static struct store *store_new(const struct store_settings *settings)
{
    struct store *store = calloc(1, sizeof *store);
    if (store == NULL)
        return NULL;
    const size_t capacity =
        settings->backlog_bytes_max != 0 ? settings->backlog_bytes_max : STORE_BACKLOG_BYTES;
    store->lock_fd = -1;
    store->completed = settings->completed;
    store->context = settings->context;
    (void)pthread_mutex_init(&store->mutex, NULL);
    (void)pthread_cond_init(&store->wake, NULL);
    (void)pthread_cond_init(&store->idle, NULL);
    store->path = strdup(settings->path);
    store->batch = rocksdb_writebatch_create();
    const bool made = buffer_init(&store->building, capacity) &&
                      buffer_init(&store->queued, capacity) &&
                      buffer_init(&store->writing, capacity) && store->path != NULL;
    if (!made) {
        store_close(store);
        return NULL;
    }
    set_options(store,
                settings->memtable_bytes != 0 ? settings->memtable_bytes : STORE_MEMTABLE_BYTES);
    return store;
}

enum status store_open(struct store **ret_store, const struct store_settings *settings,
                       struct store_error *error)
{
    CHECK(settings->path != NULL);
    CHECK(settings->completed != NULL);
    struct store *store = store_new(settings);
    if (store == NULL)
        return STATUS_NO_MEMORY;

    /* RocksDB's threads and ours inherit this: signals are for the main thread. */
    sigset_t all;
    sigset_t before;
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    enum status status = make_directory(store, error);
    if (status == STATUS_OK)
        status = lock_directory(store, error);
    if (status == STATUS_OK)
        status = open_database(store, error);
    if (status == STATUS_OK)
        status = store_log_start(store);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);

    if (status != STATUS_OK) {
        store_close(store);
        return status;
    }
    *ret_store = store;
    return STATUS_OK;
}

static void close_database(struct store *store)
{
    if (store->db != NULL)
        rocksdb_close(store->db);
    if (store->write_options != NULL)
        rocksdb_writeoptions_destroy(store->write_options);
    if (store->get_options != NULL)
        rocksdb_readoptions_destroy(store->get_options);
    if (store->options != NULL)
        rocksdb_options_destroy(store->options);
    if (store->env != NULL)
        rocksdb_env_destroy(store->env);
    if (store->table_options != NULL)
        rocksdb_block_based_options_destroy(store->table_options);
    if (store->cache != NULL)
        rocksdb_cache_destroy(store->cache);
    rocksdb_writebatch_destroy(store->batch);
}

void store_close(struct store *store)
{
    if (store == NULL)
        return;
    store_log_stop(store);
    close_database(store);
    if (store->lock_fd >= 0)
        (void)close(store->lock_fd);
    (void)pthread_cond_destroy(&store->idle);
    (void)pthread_cond_destroy(&store->wake);
    (void)pthread_mutex_destroy(&store->mutex);
    free(store->building.data);
    free(store->queued.data);
    free(store->writing.data);
    free(store->path);
    free(store);
}

/* --- Space --------------------------------------------------------------------------------------
 */

void store_reclaim(struct store *store, uint32_t group, uint64_t through_index)
{
    const struct store_key first = store_key_entry(group, 0);
    const struct store_key last = store_key_entry(group, through_index);
    char *message = NULL;
    rocksdb_delete_file_in_range(store->db, (const char *)first.bytes, first.size,
                                 (const char *)last.bytes, last.size, &message);
    if (message != NULL)
        rocksdb_free(message); /* it is tried again with the next compaction */
}
