/* cluster/base/table.h -- An index from 64-bit hashes to numbers, by open addressing.
 *
 * A cell holds 32 bits of the hash and the number; the keys are the caller's, who compares them for
 * each number that the table offers. Linear probing: the cells of one hash lie side by side, so a
 * lookup is one cache line, nearly always. The capacity is fixed when it is made, at most two
 * thirds of the cells are used, and nothing is ever taken out. The order of the cells is no part of
 * any replicated state. One thread. */
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
    struct table_cell *cells;
    uint32_t mask;
    uint32_t count;
    uint32_t capacity;
};

/* Room for `capacity` numbers, from 1 to 2^30. STATUS_NO_MEMORY. */
MUST_USE enum status table_init(struct table *table, uint32_t capacity);
void table_fini(struct table *table);

void table_prefetch(const struct table *table, uint64_t hash);

/* The numbers that may belong to a hash:
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

/* Bytes of memory, for the metrics. */
size_t table_bytes(const struct table *table);

#endif
