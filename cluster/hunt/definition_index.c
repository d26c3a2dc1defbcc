#include "cluster/hunt/definition_index.h"

#include <stdlib.h>
#include <string.h>

#include "cluster/base/check.h"

void name_index_init(struct name_index *index)
{
    CHECK(index != NULL);
    index->count = 0;
}

void name_index_add(struct name_index *index, const struct name *name, uint16_t place)
{
    CHECK(index->count < TREASURE_NUMBERS_MAX);
    CHECK(place != NAME_INDEX_NONE);
    index->entries[index->count++] = (struct name_index_entry){.name = name, .place = place};
}

/* No two entries are equal, so the order does not depend on how qsort works. */
static int compare_entries(const void *left, const void *right)
{
    const struct name_index_entry *a = left;
    const struct name_index_entry *b = right;
    const int order = strcmp(a->name->text, b->name->text);
    return order != 0 ? order : (a->place > b->place) - (a->place < b->place);
}

void name_index_sort(struct name_index *index)
{
    CHECK(index->count <= TREASURE_NUMBERS_MAX);
    qsort(index->entries, index->count, sizeof index->entries[0], compare_entries);
}

uint16_t name_index_find(const struct name_index *index, const struct name *name)
{
    CHECK(name != NULL);
    uint32_t low = 0;
    uint32_t high = index->count;
    while (low < high) {
        const uint32_t middle = low + (high - low) / 2;
        if (strcmp(index->entries[middle].name->text, name->text) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == index->count || !name_equal(index->entries[low].name, name))
        return NAME_INDEX_NONE;
    return index->entries[low].place;
}
