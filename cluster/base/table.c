#include "cluster/base/table.h"

#include <stdlib.h>

#include "cluster/base/check.h"

enum status table_init(struct table *table, uint32_t capacity)
{
    CHECK(capacity > 0);
    CHECK(capacity <= UINT32_C(1) << 30);
    uint32_t cells = 4;
    while (cells < capacity + capacity / 2)
        cells *= 2;

    *table = (struct table){.mask = cells - 1, .capacity = capacity};
    table->cells = calloc(cells, sizeof *table->cells);
    return table->cells != NULL ? STATUS_OK : STATUS_NO_MEMORY;
}

void table_fini(struct table *table)
{
    free(table->cells);
    *table = (struct table){0};
}

/* The top bits of a player's hash say which range he belongs to and are nearly the same throughout
 * a range, so cells are chosen by the low bits, and tags cover the ones above. */
static uint32_t hash_tag(uint64_t hash)
{
    return (uint32_t)(hash >> 24);
}

void table_prefetch(const struct table *table, uint64_t hash)
{
    PREFETCH(&table->cells[(uint32_t)hash & table->mask]);
}

struct table_probe table_probe(const struct table *table, uint64_t hash)
{
    return (struct table_probe){.at = (uint32_t)hash & table->mask, .tag = hash_tag(hash)};
}

uint32_t table_next(const struct table *table, struct table_probe *probe)
{
    for (;;) {
        const struct table_cell cell = table->cells[probe->at];
        if (cell.number_plus_1 == 0)
            return TABLE_NONE;
        probe->at = (probe->at + 1) & table->mask;
        if (cell.tag == probe->tag)
            return cell.number_plus_1 - 1;
    }
}

void table_insert(struct table *table, uint64_t hash, uint32_t number)
{
    CHECK(table->count < table->capacity);
    CHECK(number != TABLE_NONE);
    uint32_t at = (uint32_t)hash & table->mask;
    while (table->cells[at].number_plus_1 != 0)
        at = (at + 1) & table->mask;
    table->cells[at] = (struct table_cell){.tag = hash_tag(hash), .number_plus_1 = number + 1};
    table->count++;
}

size_t table_bytes(const struct table *table)
{
    return ((size_t)table->mask + 1) * sizeof *table->cells;
}
