#include "cluster/base/table.h"

#include <stdbool.h>
#include <stdlib.h>

#include "cluster/base/check.h"

/* What a table begins with, unless its capacity needs less: 4 KB. */
#define FIRST_BITS 9

/* Whether 2^bits cells leave a third free. */
static bool has_room_for(unsigned bits, uint32_t count)
{
    return 3 * (uint64_t)count <= UINT64_C(2) << bits;
}

static enum status make_cells(struct table *table, unsigned bits)
{
    struct table_cell *cells = calloc((size_t)1 << bits, sizeof *cells);
    if (cells == NULL)
        return STATUS_NO_MEMORY;
    table->cells = cells;
    table->mask = (uint32_t)((UINT64_C(1) << bits) - 1);
    table->shift = 32 - bits;
    return STATUS_OK;
}

enum status table_init(struct table *table, uint32_t capacity)
{
    CHECK(capacity > 0);
    CHECK(capacity <= UINT32_C(1) << 30);
    unsigned bits = 2;
    while (bits < FIRST_BITS && !has_room_for(bits, capacity))
        bits++;
    *table = (struct table){.capacity = capacity};
    return make_cells(table, bits);
}

void table_fini(struct table *table)
{
    free(table->cells);
    *table = (struct table){0};
}

static uint32_t hash_tag(uint64_t hash)
{
    return (uint32_t)hash;
}

void table_prefetch(const struct table *table, uint64_t hash)
{
    PREFETCH(&table->cells[hash_tag(hash) >> table->shift]);
}

struct table_probe table_probe(const struct table *table, uint64_t hash)
{
    const uint32_t tag = hash_tag(hash);
    return (struct table_probe){.at = tag >> table->shift, .tag = tag};
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

static void enter(struct table *table, struct table_cell cell)
{
    uint32_t at = cell.tag >> table->shift;
    while (table->cells[at].number_plus_1 != 0)
        at = (at + 1) & table->mask;
    table->cells[at] = cell;
}

static void grow(struct table *table)
{
    CHECK(table->shift > 0);
    struct table grown = *table;
    const bool out_of_memory = make_cells(&grown, 32 - table->shift + 1) != STATUS_OK;
    CHECK(!out_of_memory);
    for (uint32_t i = 0; i <= table->mask; i++) {
        if (table->cells[i].number_plus_1 != 0)
            enter(&grown, table->cells[i]);
    }
    free(table->cells);
    *table = grown;
}

void table_insert(struct table *table, uint64_t hash, uint32_t number)
{
    CHECK(table->count < table->capacity);
    CHECK(number != TABLE_NONE);
    if (!has_room_for(32 - table->shift, table->count + 1))
        grow(table);
    enter(table, (struct table_cell){.tag = hash_tag(hash), .number_plus_1 = number + 1});
    table->count++;
}

size_t table_bytes(const struct table *table)
{
    return ((size_t)table->mask + 1) * sizeof *table->cells;
}
