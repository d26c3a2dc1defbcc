#include "cluster/base/cut.h"

#include <stdlib.h>
#include <string.h>

#include "cluster/base/check.h"

/* A block is about so large. What changes is about to be in the cache, what lies beside it is not:
 * with larger blocks a batch of thousands that all lie in different ones takes several times as
 * long as without a snapshot. */
#define BLOCK_BYTES 512

static uint32_t bits_for(uint32_t element_bytes)
{
    uint32_t bits = 0;
    while (bits < 12 && (size_t)element_bytes << (bits + 1) <= BLOCK_BYTES)
        bits++;
    return bits;
}

enum status cut_begin(struct cut *cut, const void *list, uint32_t element_bytes, uint32_t first,
                      uint32_t end)
{
    CHECK(cut->copies == NULL);
    CHECK(first <= end);
    CHECK(element_bytes > 0);
    struct cut begun = {
        .next = first,
        .left = end - first,
        .list = list,
        .element_bytes = element_bytes,
        .block_bits = bits_for(element_bytes),
    };
    if (begun.left > 0) {
        begun.first_block = first >> begun.block_bits;
        begun.block_count = ((end - 1) >> begun.block_bits) - begun.first_block + 1;
        begun.copies = calloc(begun.block_count, sizeof begun.copies[0]);
        if (begun.copies == NULL)
            return STATUS_NO_MEMORY;
    }
    *cut = begun;
    return STATUS_OK;
}

static uint32_t block_of(const struct cut *cut, uint32_t number)
{
    return (number >> cut->block_bits) - cut->first_block;
}

void cut_end(struct cut *cut)
{
    /* Those that were read are gone already. */
    const uint32_t first = cut->left > 0 ? block_of(cut, cut->next) : cut->block_count;
    for (uint32_t block = first; block < cut->block_count; block++)
        free(cut->copies[block]);
    free(cut->copies);
    *cut = (struct cut){0};
}

void cut_copy(struct cut *cut, uint32_t number)
{
    const uint32_t block = block_of(cut, number);
    CHECK(block < cut->block_count);
    if (cut->copies[block] != NULL)
        return;
    /* The array may end within its last block. */
    const uint32_t from = (block + cut->first_block) << cut->block_bits;
    const uint32_t end = cut->next + cut->left;
    const uint32_t whole = UINT32_C(1) << cut->block_bits;
    const size_t count = end - from < whole ? end - from : whole;
    uint8_t *copy = malloc(count * cut->element_bytes);
    if (copy == NULL) {
        cut->failed = true;
        return;
    }
    memcpy(copy, cut->list + (size_t)from * cut->element_bytes, count * cut->element_bytes);
    cut->copies[block] = copy;
}

const void *cut_at(const struct cut *cut, uint32_t number)
{
    CHECK(number - cut->next < cut->left);
    const uint8_t *copy = cut->copies[block_of(cut, number)];
    if (copy == NULL)
        return cut->list + (size_t)number * cut->element_bytes;
    const uint32_t within = number & ((UINT32_C(1) << cut->block_bits) - 1);
    return copy + (size_t)within * cut->element_bytes;
}

void cut_read(struct cut *cut, uint32_t n)
{
    CHECK(n <= cut->left);
    if (n == 0)
        return;
    const uint32_t last = cut->left - n > 0 ? block_of(cut, cut->next + n) : cut->block_count;
    for (uint32_t block = block_of(cut, cut->next); block < last; block++) {
        free(cut->copies[block]);
        cut->copies[block] = NULL;
    }
    cut->next += n;
    cut->left -= n;
}
