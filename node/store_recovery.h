/* node/store_recovery.h -- Is everything acknowledged still in the write-ahead log? Judged before
 * RocksDB opens the database, because RocksDB drops what it cannot read, and then the file. */
#ifndef CAIRN_NODE_STORE_RECOVERY_H
#define CAIRN_NODE_STORE_RECOVERY_H

#include <stdint.h>

#include "cluster/base/status.h"
#include "node/store.h"

struct store_verdict {
    uint64_t last_write; /* the number of the newest write in the logs; 0: there is none */
    uint64_t torn_bytes; /* of an unfinished write, cut off; 0: there was none */
};

/* Judge the database in this directory, which the caller has locked and nobody has open; an empty
 * directory is fine. A torn end is cut off, so that RocksDB may insist on every byte of the rest.
 * STATUS_CORRUPT: acknowledged writes may be damaged; nothing was changed. STATUS_IO,
 * STATUS_NO_MEMORY, STATUS_TOO_LARGE: more log files than RocksDB would leave. */
MUST_USE enum status store_recovery_judge(const char *path, struct store_verdict *ret_verdict,
                                          struct store_error *error);

#endif
