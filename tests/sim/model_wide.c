#include "tests/sim/model_wide.h"

#include "cluster/base/check.h"

struct model_wide model_wide_of(uint64_t value)
{
    return (struct model_wide){.limbs = {(uint32_t)(value & UINT32_MAX), (uint32_t)(value >> 32)}};
}

struct model_wide model_wide_add(struct model_wide a, struct model_wide b)
{
    struct model_wide sum;
    uint64_t carry = 0;
    for (unsigned i = 0; i < WIDE_LIMBS; i++) {
        carry += (uint64_t)a.limbs[i] + b.limbs[i];
        sum.limbs[i] = (uint32_t)(carry & UINT32_MAX);
        carry >>= 32;
    }
    CHECK(carry == 0);
    return sum;
}

struct model_wide model_wide_subtract(struct model_wide a, struct model_wide b)
{
    struct model_wide difference;
    uint64_t borrow = 0;
    for (unsigned i = 0; i < WIDE_LIMBS; i++) {
        const uint64_t taken = (uint64_t)b.limbs[i] + borrow;
        borrow = a.limbs[i] < taken;
        difference.limbs[i] = (uint32_t)(((borrow << 32) + a.limbs[i] - taken) & UINT32_MAX);
    }
    CHECK(borrow == 0);
    return difference;
}

struct model_wide model_wide_multiply(struct model_wide a, struct model_wide b)
{
    struct model_wide product = {{0}};
    for (unsigned i = 0; i < WIDE_LIMBS; i++) {
        uint64_t carry = 0;
        for (unsigned j = 0; i + j < WIDE_LIMBS; j++) {
            carry += (uint64_t)a.limbs[i] * b.limbs[j] + product.limbs[i + j];
            product.limbs[i + j] = (uint32_t)(carry & UINT32_MAX);
            carry >>= 32;
        }
        CHECK(carry == 0);
    }
    return product;
}

int model_wide_compare(struct model_wide a, struct model_wide b)
{
    for (unsigned i = WIDE_LIMBS; i-- > 0;)
        if (a.limbs[i] != b.limbs[i])
            return a.limbs[i] < b.limbs[i] ? -1 : 1;
    return 0;
}
