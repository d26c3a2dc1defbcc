/* cluster/base/bytes.h -- Little-endian writing and reading of canonical layouts, with bounds.
 *
 * A writer that runs out of room and a reader that runs past the end remember it; one check at the
 * end (`writer_ok`, `reader_ok`) covers the whole record. A bad reader gives zeros. */
#ifndef CAIRN_CLUSTER_BASE_BYTES_H
#define CAIRN_CLUSTER_BASE_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct writer {
    uint8_t *data; /* the caller's */
    size_t capacity;
    size_t used;
    bool overflowed;
};

void writer_init(struct writer *writer, void *data, size_t capacity);
bool writer_ok(const struct writer *writer);
void put_u8(struct writer *writer, uint8_t value);
void put_u16(struct writer *writer, uint16_t value);
void put_u32(struct writer *writer, uint32_t value);
void put_u64(struct writer *writer, uint64_t value);
void put_i32(struct writer *writer, int32_t value);
void put_i64(struct writer *writer, int64_t value);
void put_bytes(struct writer *writer, const void *data, size_t size);
/* Zeros up to the next multiple of `alignment` (a power of two). */
void put_padding(struct writer *writer, size_t alignment);
/* LEB128: seven bits a byte, low ones first. */
void put_varint(struct writer *writer, uint64_t value);

struct reader {
    const uint8_t *data; /* the caller's */
    size_t size;
    size_t at;
    bool failed;
};

void reader_init(struct reader *reader, const void *data, size_t size);
bool reader_ok(const struct reader *reader);
/* True when all was read, exactly. */
bool reader_done(const struct reader *reader);
size_t reader_left(const struct reader *reader);
uint8_t take_u8(struct reader *reader);
uint16_t take_u16(struct reader *reader);
uint32_t take_u32(struct reader *reader);
uint64_t take_u64(struct reader *reader);
int32_t take_i32(struct reader *reader);
int64_t take_i64(struct reader *reader);
/* Points into the data; NULL when there is less. A size of 0 gives a valid pointer. */
const uint8_t *take_bytes(struct reader *reader, size_t size);
/* Fails unless the bytes up to the next multiple of `alignment` are zeros. */
void take_padding(struct reader *reader, size_t alignment);
/* Fails on more than ten bytes and on forms that are longer than needed. */
uint64_t take_varint(struct reader *reader);

#endif
