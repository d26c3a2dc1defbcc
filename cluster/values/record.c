#include "cluster/values/record.h"

#include <string.h>

#include "cluster/base/bytes.h"
#include "cluster/base/check.h"

#define RECORD_ALIGNMENT 8

enum {
    HAS_HUNT = 1,  /* hunt u16, zero u16, version u32 */
    HAS_EPOCH = 2, /* epoch u64 */
    HAS_BODY = 4,  /* the rest */
    HAS_COUNT = 8, /* `count` may be above zero */
};

/* What the body of each kind holds, in this order; 0: no such kind. */
static unsigned record_parts(unsigned kind)
{
    switch (kind) {
    case RECORD_ACTIONS:
        return HAS_BODY | HAS_COUNT;
    case RECORD_CLOSE:
        return HAS_EPOCH;
    case RECORD_LEARN:
        return HAS_HUNT | HAS_BODY;
    case RECORD_RESOLVE:
    case RECORD_ACTIVATE:
        return HAS_HUNT | HAS_EPOCH;
    case RECORD_CANCEL:
        return HAS_HUNT;
    case RECORD_FOUND:
    case RECORD_DEFINE:
    case RECORD_MEMBER:
    case RECORD_JOIN:
    case RECORD_PLACE:
    case RECORD_BARRIER:
    case RECORD_SETTLE:
        return HAS_BODY;
    default:
        return 0;
    }
}

static size_t content_bytes(const struct record *record)
{
    const unsigned parts = record_parts(record->kind);
    CHECK(parts != 0);
    size_t bytes = 0;
    if (parts & HAS_HUNT)
        bytes += 8;
    if (parts & HAS_EPOCH)
        bytes += 8;
    if (parts & HAS_BODY)
        bytes += record->body_bytes;
    return bytes;
}

size_t record_bytes(const struct record *record)
{
    const size_t bytes = RECORD_HEADER_BYTES + content_bytes(record);
    return (bytes + RECORD_ALIGNMENT - 1) / RECORD_ALIGNMENT * RECORD_ALIGNMENT;
}

enum status record_encode(const struct record *record, void *data, size_t capacity)
{
    const unsigned parts = record_parts(record->kind);
    CHECK(record->count == 0 || (parts & HAS_COUNT) != 0);
    CHECK(content_bytes(record) <= UINT32_MAX);

    struct writer writer;
    writer_init(&writer, data, capacity);
    put_u8(&writer, RECORD_VERSION);
    put_u8(&writer, (uint8_t)record->kind);
    put_u16(&writer, 0);
    put_u32(&writer, record->count);
    put_u64(&writer, record->stamp);
    put_u32(&writer, record->uncertainty_us);
    put_u32(&writer, (uint32_t)content_bytes(record));
    if (parts & HAS_HUNT) {
        put_u16(&writer, record->hunt);
        put_u16(&writer, 0);
        put_u32(&writer, record->version);
    }
    if (parts & HAS_EPOCH)
        put_u64(&writer, record->epoch);
    if (parts & HAS_BODY)
        put_bytes(&writer, record->body, record->body_bytes);
    put_padding(&writer, RECORD_ALIGNMENT);
    return writer_ok(&writer) ? STATUS_OK : STATUS_FULL;
}

/* Reads what stands before the body proper; `content` is a reader over the content alone. */
static bool decode_content(struct record *record, struct reader *content, unsigned parts)
{
    if (parts & HAS_HUNT) {
        record->hunt = take_u16(content);
        if (take_u16(content) != 0)
            return false;
        record->version = take_u32(content);
    }
    if (parts & HAS_EPOCH)
        record->epoch = take_u64(content);
    if (parts & HAS_BODY) {
        record->body_bytes = reader_left(content);
        record->body = take_bytes(content, record->body_bytes);
    }
    return reader_done(content);
}

enum status record_decode(struct record *record, const void *data, size_t size)
{
    struct reader reader;
    reader_init(&reader, data, size);
    const uint8_t version = take_u8(&reader);
    const uint8_t kind = take_u8(&reader);
    const uint16_t zero = take_u16(&reader);
    struct record decoded = {.kind = (enum record_kind)kind};
    decoded.count = take_u32(&reader);
    decoded.stamp = take_u64(&reader);
    decoded.uncertainty_us = take_u32(&reader);
    const uint32_t bytes = take_u32(&reader);
    const uint8_t *content = take_bytes(&reader, bytes);
    take_padding(&reader, RECORD_ALIGNMENT);

    const unsigned parts = record_parts(kind);
    if (!reader_done(&reader) || version != RECORD_VERSION || zero != 0 || parts == 0)
        return STATUS_INVALID;
    if (decoded.count != 0 && (parts & HAS_COUNT) == 0)
        return STATUS_INVALID;

    struct reader inner;
    reader_init(&inner, content, bytes);
    if (!decode_content(&decoded, &inner, parts))
        return STATUS_INVALID;
    *record = decoded;
    return STATUS_OK;
}
