/* tests/fuzz/fuzz.h -- What the fuzz targets share.
 *
 * A target is one file, fuzz_NAME.c, that defines LLVMFuzzerTestOneInput, and one line of
 * tests/CMakeLists.txt. It takes bytes from anywhere, and beyond not crashing it CHECKs what must
 * hold: what was read can be written and read again, canonical forms have one form, limits are
 * kept. In the preset `fuzz` libFuzzer makes the bytes; in every other build replay.c gives it the
 * seeds and whatever was ever found, so that no finding comes back.
 *
 * Seeds: tests/fuzz/corpus/NAME (texts, and inputs that once failed), and what seeds.c writes for
 * binary formats. A dictionary, where it helps: tests/fuzz/NAME.dict. */
#ifndef CAIRN_TESTS_FUZZ_FUZZ_H
#define CAIRN_TESTS_FUZZ_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "cluster/base/check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Numbers off the front of the input; zeros when it is used up. */
struct fuzz_input {
    const uint8_t *data;
    size_t left;
};

static inline uint8_t fuzz_u8(struct fuzz_input *input)
{
    if (input->left == 0)
        return 0;
    input->left--;
    return *input->data++;
}

static inline uint16_t fuzz_u16(struct fuzz_input *input)
{
    const uint8_t low = fuzz_u8(input);
    return (uint16_t)(low | fuzz_u8(input) << 8);
}

static inline uint64_t fuzz_u64(struct fuzz_input *input)
{
    uint64_t value = 0;
    for (unsigned i = 0; i < 8; i++)
        value |= (uint64_t)fuzz_u8(input) << (8 * i);
    return value;
}

/* As many of the next `wanted` bytes as there are, in a heap block of just that size, so that a
 * sanitizer sees a read past their end. The caller frees it; never NULL. */
static inline uint8_t *fuzz_bytes(struct fuzz_input *input, size_t wanted, size_t *ret_bytes)
{
    const size_t bytes = wanted < input->left ? wanted : input->left;
    uint8_t *copy = malloc(bytes > 0 ? bytes : 1);
    CHECK(copy != NULL);
    if (bytes > 0)
        memcpy(copy, input->data, bytes);
    input->data += bytes;
    input->left -= bytes;
    *ret_bytes = bytes;
    return copy;
}

#endif
