/* cluster/base/wide.h -- Products of two 64-bit numbers, in plain C: what distances and fixed
 * point need, and no more. */
#ifndef CAIRN_CLUSTER_BASE_WIDE_H
#define CAIRN_CLUSTER_BASE_WIDE_H

#include <stdbool.h>
#include <stdint.h>

/* An unsigned number of 128 bits. */
struct wide {
    uint64_t high, low;
};

static inline struct wide wide_multiply(uint64_t a, uint64_t b)
{
    const uint64_t a_low = a & UINT32_MAX, a_high = a >> 32;
    const uint64_t b_low = b & UINT32_MAX, b_high = b >> 32;
    const uint64_t low = a_low * b_low;
    const uint64_t cross = a_high * b_low + (low >> 32);
    const uint64_t middle = a_low * b_high + (cross & UINT32_MAX);
    return (struct wide){
        .high = a_high * b_high + (cross >> 32) + (middle >> 32),
        .low = middle << 32 | (low & UINT32_MAX),
    };
}

static inline struct wide wide_square(uint64_t a)
{
    return wide_multiply(a, a);
}

/* Modulo 2^128. */
static inline struct wide wide_add(struct wide a, struct wide b)
{
    const uint64_t low = a.low + b.low;
    return (struct wide){.high = a.high + b.high + (low < a.low), .low = low};
}

static inline bool wide_above(struct wide a, struct wide b)
{
    return a.high != b.high ? a.high > b.high : a.low > b.low;
}

/* The low 64 bits of a / 2^bits; bits from 1 to 63. */
static inline uint64_t wide_shift(struct wide a, unsigned bits)
{
    return a.high << (64 - bits) | a.low >> bits;
}

#endif
