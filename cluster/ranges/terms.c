#include "cluster/ranges/terms.h"

#include <stdlib.h>
#include <string.h>

#include "cluster/base/check.h"

void terms_init(struct terms *terms)
{
    *terms = (struct terms){0};
}

void terms_fini(struct terms *terms)
{
    free(terms->runs);
    terms_init(terms);
}

static void grow(struct terms *terms)
{
    const uint32_t capacity = terms->capacity == 0 ? 8 : terms->capacity * 2;
    struct term_run *runs = realloc(terms->runs, capacity * sizeof *runs);
    CHECK(runs != NULL);
    terms->runs = runs;
    terms->capacity = capacity;
}

void terms_begin(struct terms *terms, uint64_t base, uint64_t base_term)
{
    terms->count = 0;
    terms->base = base;
    terms->base_term = base_term;
    terms->last_index = base;
}

void terms_drop(struct terms *terms, uint64_t base, uint64_t base_term)
{
    CHECK(base >= terms->base);
    CHECK(base <= terms->last_index);
    CHECK(base < terms->last_index || base_term > 0);
    uint32_t gone = 0;
    while (gone + 1 < terms->count && terms->runs[gone + 1].first <= base + 1)
        gone++;
    if (base == terms->last_index)
        gone = terms->count;
    terms->count -= gone;
    if (gone > 0)
        memmove(&terms->runs[0], &terms->runs[gone], terms->count * sizeof terms->runs[0]);
    terms->base = base;
    terms->base_term = base_term;
}

void terms_append(struct terms *terms, uint64_t term)
{
    const uint64_t last = terms_last(terms);
    CHECK(term > 0);
    CHECK(term >= last);
    terms->last_index++;
    if (term == last && terms->count > 0)
        return;
    if (terms->count == terms->capacity)
        grow(terms);
    terms->runs[terms->count++] = (struct term_run){terms->last_index, term};
}

void terms_truncate(struct terms *terms, uint64_t from)
{
    CHECK(from > terms->base);
    if (from > terms->last_index)
        return;
    terms->last_index = from - 1;
    while (terms->count > 0 && terms->runs[terms->count - 1].first >= from)
        terms->count--;
}

uint64_t terms_of(const struct terms *terms, uint64_t index)
{
    if (index == 0 || index < terms->base || index > terms->last_index)
        return 0;
    if (index == terms->base)
        return terms->base_term;
    /* The last run that begins at or before the index. */
    uint32_t low = 0, high = terms->count - 1;
    while (low < high) {
        const uint32_t middle = high - (high - low) / 2;
        if (terms->runs[middle].first <= index)
            low = middle;
        else
            high = middle - 1;
    }
    return terms->runs[low].term;
}

uint64_t terms_last(const struct terms *terms)
{
    return terms->count > 0 ? terms->runs[terms->count - 1].term : terms->base_term;
}
