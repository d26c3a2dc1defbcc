/* proto/wire.h -- The wire form of protobuf, one field at a time and without memory: for the look
 * at a message before it is unpacked. Pure.
 *
 * Source: https://protobuf.dev/programming-guides/encoding (varints, keys, wire types). */
#ifndef CAIRN_PROTO_WIRE_H
#define CAIRN_PROTO_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cluster/base/bytes.h"

enum wire {
    WIRE_VARINT = 0,
    WIRE_FIXED_64 = 1,
    WIRE_BYTES = 2,
    WIRE_FIXED_32 = 5,
};

/* One field as it stands in the bytes. */
struct wire_piece {
    uint64_t tag;
    unsigned wire;
    uint64_t value;      /* WIRE_VARINT */
    const uint8_t *data; /* WIRE_BYTES */
    size_t bytes;
};

/* The next field. False: these bytes are no protobuf message. Groups, which nobody writes any more,
 * are none either. */
bool wire_take(struct reader *reader, struct wire_piece *piece);

#endif
