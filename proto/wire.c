#include "proto/wire.h"

#define VARINT_BYTES_MAX 10
#define TAG_MAX          UINT32_C(0x1fffffff)

/* Unlike take_varint this one takes forms that are longer than needed: some writers leave room for
 * a length before they know it. */
static uint64_t take_number(struct reader *reader)
{
    uint64_t value = 0;
    for (unsigned i = 0; i < VARINT_BYTES_MAX; i++) {
        const uint8_t byte = take_u8(reader);
        if (i == VARINT_BYTES_MAX - 1 && byte > 1)
            break;
        value |= (uint64_t)(byte & 0x7f) << (7 * i);
        if ((byte & 0x80) == 0)
            return value;
    }
    reader->failed = true;
    return 0;
}

bool wire_take(struct reader *reader, struct wire_piece *piece)
{
    const uint64_t key = take_number(reader);
    *piece = (struct wire_piece){.tag = key >> 3, .wire = (unsigned)(key & 7)};
    if (piece->tag == 0 || piece->tag > TAG_MAX)
        return false;
    uint64_t bytes = 0;
    switch (piece->wire) {
    case WIRE_VARINT:
        piece->value = take_number(reader);
        return reader_ok(reader);
    case WIRE_FIXED_64:
        (void)take_u64(reader);
        return reader_ok(reader);
    case WIRE_FIXED_32:
        (void)take_u32(reader);
        return reader_ok(reader);
    case WIRE_BYTES:
        bytes = take_number(reader);
        if (bytes > reader_left(reader))
            return false;
        piece->bytes = (size_t)bytes;
        piece->data = take_bytes(reader, piece->bytes);
        return reader_ok(reader);
    default:
        return false; /* groups, which nobody writes any more */
    }
}
