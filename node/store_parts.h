/* node/store_parts.h -- What the files of the store share. Not for others. */
#ifndef CAIRN_NODE_STORE_PARTS_H
#define CAIRN_NODE_STORE_PARTS_H

#include <pthread.h>
#include <rocksdb/c.h>

#include "node/store.h"

/* Turns as a list of operations, in their order. Its memory is taken once; pages that were never
 * needed cost nothing. */
struct store_buffer {
    uint8_t *data;
    size_t used;
    size_t capacity;
    uint64_t ticket; /* of the newest turn */
    uint64_t turns;
    bool overflowed; /* an operation did not fit: the turn is incomplete */
};

struct store {
    char *path;
    int lock_fd; /* keeps others out; -1: none */
    rocksdb_t *db;
    rocksdb_env_t *env;
    rocksdb_options_t *options;
    rocksdb_cache_t *cache;
    rocksdb_block_based_table_options_t *table_options;
    rocksdb_readoptions_t *get_options;
    rocksdb_writeoptions_t *write_options;
    void (*completed)(void *context, uint64_t ticket, enum status status);
    void *context;

    struct store_buffer building; /* the thinking thread's */
    struct store_buffer writing;  /* the log thread's */
    rocksdb_writebatch_t *batch;  /* the log thread's */
    uint64_t write_number;        /* of the newest write; the log thread's */

    /* The mutex guards what follows. */
    pthread_mutex_t mutex;
    pthread_cond_t wake; /* for the log thread: turns wait, or stopping */
    pthread_cond_t idle; /* for store_drain: nothing waits or is under way, or dead */
    struct store_buffer queued;
    size_t writing_bytes; /* under way */
    uint64_t taken;       /* ever submitted */
    uint64_t turns;
    uint64_t writes;
    uint64_t bytes;
    bool busy; /* a write, or the call of `completed` behind it, is under way */
    bool dead;
    bool stopping;

    bool started;
    pthread_t thread;
};

/* Start the log thread; the database is open. STATUS_IO: no thread. */
MUST_USE enum status store_log_start(struct store *store);
/* Let it write what was submitted, and end. */
void store_log_stop(struct store *store);

/* How long writes were stalled, as RocksDB's statistics for people ("rocksdb.dbstats") say it.
 * False: they do not, and *ret_us is unchanged. */
bool store_stall_us(const char *statistics, uint64_t *ret_us);

/* `error` may be NULL. */
void store_explain(struct store_error *error, const char *format, ...) PRINTF_LIKE(2, 3);

/* What RocksDB says, as a status; frees the message. STATUS_OK when there is none. */
enum status store_rocksdb_status(char *message, const char *doing, struct store_error *error);

#endif
