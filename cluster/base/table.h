/* cluster/base/table.h -- An index from 64-bit hashes to numbers, by open addressing.
 *
 * A cell holds the low 32 bits of the hash, the tag, and the number; the keys are the caller's, who
 * compares them for each number that the table offers. The upper bits of a tag say where its
 * probing begins, linearly: the cells of one hash lie side by side, so a lookup is one cache line,
 * nearly always. At most two thirds of the cells are used, and nothing is ever taken out. The order
 * of the cells is no part of any replicated state.
 *
 * The table begins small and doubles as it fills, so that an index for many players costs little
 * while there are few; a doubling reads and writes the cells once, in order, and never looks at the
 * keys. A replica that skipped a change of its log would diverge, so when there is no memory for a
 * doubling, the process aborts. One thread. */
#ifndef CAIRN_CLUSTER_BASE_TABLE_H
#define CAIRN_CLUSTER_BASE_TABLE_H

#include <stddef.h>
#include <stdint.h>

#include "cluster/base/status.h"

/* Asks for the cache line of an address that will be needed soon. */
#define PREFETCH(address) __builtin_prefetch(address)

#define TABLE_NONE UINT32_MAX

struct table_cell {
    uint32_t tag;
    uint32_t number_plus_1; /* 0: empty */
};

struct table {
    struct table_cell *cells; /* mask + 1 of them, a power of two */
    uint32_t mask;
    unsigned shift; /* of a tag, for the cell where its probing begins */
    uint32_t count;
    uint32_t capacity;
};

/* Room for `capacity` numbers, from 1 to 2^30. STATUS_NO_MEMORY. */
MUST_USE enum status table_init(struct table *table, uint32_t capacity);
void table_fini(struct table *table);

void table_prefetch(const struct table *table, uint64_t hash);

/* The numbers that may belong to a hash; until the next insertion:
 *
 *    struct table_probe probe = table_probe(table, hash);
 *    while ((number = table_next(table, &probe)) != TABLE_NONE) compare the key of number;
 */
struct table_probe {
    uint32_t at;
    uint32_t tag;
};
struct table_probe table_probe(const struct table *table, uint64_t hash);
uint32_t table_next(const struct table *table, struct table_probe *probe);

/* Enters a number (not TABLE_NONE); there must be room, and the same key must not be in. */
void table_insert(struct table *table, uint64_t hash, uint32_t number);

/* Bytes of memory at present, for the metrics. */
size_t table_bytes(const struct table *table);

#endif
