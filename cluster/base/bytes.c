#include "cluster/base/bytes.h"

#include <string.h>

#include "cluster/base/check.h"

#define VARINT_BYTES_MAX 10

void writer_init(struct writer *writer, void *data, size_t capacity)
{
    CHECK(data != NULL || capacity == 0);
    *writer = (struct writer){.data = data, .capacity = capacity};
}

bool writer_ok(const struct writer *writer)
{
    return !writer->overflowed;
}

static uint8_t *writer_room(struct writer *writer, size_t size)
{
    if (writer->overflowed || size > writer->capacity - writer->used) {
        writer->overflowed = true;
        return NULL;
    }
    uint8_t *place = writer->data + writer->used;
    writer->used += size;
    return place;
}

static void put_little_endian(struct writer *writer, uint64_t value, size_t size)
{
    uint8_t *place = writer_room(writer, size);
    if (place == NULL)
        return;
    for (size_t i = 0; i < size; i++)
        place[i] = (uint8_t)(value >> (8 * i));
}

void put_u8(struct writer *writer, uint8_t value)
{
    put_little_endian(writer, value, 1);
}

void put_u16(struct writer *writer, uint16_t value)
{
    put_little_endian(writer, value, 2);
}

void put_u32(struct writer *writer, uint32_t value)
{
    put_little_endian(writer, value, 4);
}

void put_u64(struct writer *writer, uint64_t value)
{
    put_little_endian(writer, value, 8);
}

void put_i32(struct writer *writer, int32_t value)
{
    put_u32(writer, (uint32_t)value);
}

void put_i64(struct writer *writer, int64_t value)
{
    put_u64(writer, (uint64_t)value);
}

void put_bytes(struct writer *writer, const void *data, size_t size)
{
    uint8_t *place = writer_room(writer, size);
    if (place != NULL && size > 0)
        memcpy(place, data, size);
}

void put_padding(struct writer *writer, size_t alignment)
{
    CHECK(alignment > 0);
    const size_t size = (alignment - writer->used % alignment) % alignment;
    uint8_t *place = writer_room(writer, size);
    if (place != NULL && size > 0)
        memset(place, 0, size);
}

static size_t encode_varint(uint8_t *place, uint64_t value)
{
    size_t count = 0;
    for (; value >= 0x80; value >>= 7)
        place[count++] = (uint8_t)(value | 0x80);
    place[count++] = (uint8_t)value;
    return count;
}

void put_varint(struct writer *writer, uint64_t value)
{
    /* Nearly always there is room for the longest one. */
    if (!writer->overflowed && writer->capacity - writer->used >= VARINT_BYTES_MAX) {
        writer->used += encode_varint(writer->data + writer->used, value);
        return;
    }
    uint8_t bytes[VARINT_BYTES_MAX];
    put_bytes(writer, bytes, encode_varint(bytes, value));
}

void reader_init(struct reader *reader, const void *data, size_t size)
{
    CHECK(data != NULL || size == 0);
    /* An empty record still needs a place that a pointer may point to. */
    static const uint8_t nothing[1];
    *reader = (struct reader){.data = data != NULL ? data : nothing, .size = size};
}

bool reader_ok(const struct reader *reader)
{
    return !reader->failed;
}

bool reader_done(const struct reader *reader)
{
    return !reader->failed && reader->at == reader->size;
}

size_t reader_left(const struct reader *reader)
{
    return reader->failed ? 0 : reader->size - reader->at;
}

const uint8_t *take_bytes(struct reader *reader, size_t size)
{
    if (reader->failed || size > reader->size - reader->at) {
        reader->failed = true;
        return NULL;
    }
    const uint8_t *place = reader->data + reader->at;
    reader->at += size;
    return place;
}

static uint64_t take_little_endian(struct reader *reader, size_t size)
{
    const uint8_t *place = take_bytes(reader, size);
    if (place == NULL)
        return 0;
    uint64_t value = 0;
    for (size_t i = 0; i < size; i++)
        value |= (uint64_t)place[i] << (8 * i);
    return value;
}

uint8_t take_u8(struct reader *reader)
{
    return (uint8_t)take_little_endian(reader, 1);
}

uint16_t take_u16(struct reader *reader)
{
    return (uint16_t)take_little_endian(reader, 2);
}

uint32_t take_u32(struct reader *reader)
{
    return (uint32_t)take_little_endian(reader, 4);
}

uint64_t take_u64(struct reader *reader)
{
    return take_little_endian(reader, 8);
}

int32_t take_i32(struct reader *reader)
{
    return (int32_t)take_u32(reader);
}

int64_t take_i64(struct reader *reader)
{
    return (int64_t)take_u64(reader);
}

void take_padding(struct reader *reader, size_t alignment)
{
    CHECK(alignment > 0);
    const size_t size = (alignment - reader->at % alignment) % alignment;
    const uint8_t *place = take_bytes(reader, size);
    for (size_t i = 0; place != NULL && i < size; i++) {
        if (place[i] != 0)
            reader->failed = true;
    }
}

uint64_t take_varint(struct reader *reader)
{
    uint64_t value = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
        const uint8_t byte = take_u8(reader);
        if (reader->failed)
            return 0;
        /* The tenth byte holds one bit only. */
        if (shift == 63 && byte > 1)
            break;
        value |= (uint64_t)(byte & 0x7f) << shift;
        if ((byte & 0x80) == 0) {
            if (byte == 0 && shift > 0)
                break;
            return value;
        }
    }
    reader->failed = true;
    return 0;
}
