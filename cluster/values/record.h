/* cluster/values/record.h -- The canonical layout of what stands in the logs.
 *
 * A record is the payload of one Raft command entry, in a range's log or in the system group's:
 *
 *    0  u8   version (RECORD_VERSION)
 *    1  u8   kind
 *    2  u16  zero
 *    4  u32  count: actions in the record (ACTIONS), else 0
 *    8  u64  stamp: the leader's HLC when it made the record
 *   16  u32  uncertainty of the leader's clock, in microseconds
 *   20  u32  bytes of the body, without padding
 *   24       body, by kind; zeros up to a multiple of 8
 *
 * A record that does not decode is void: every replica skips it in the same way. */
#ifndef CAIRN_CLUSTER_VALUES_RECORD_H
#define CAIRN_CLUSTER_VALUES_RECORD_H

#include <stddef.h>
#include <stdint.h>

#include "cluster/base/status.h"

#define RECORD_VERSION      1
#define RECORD_HEADER_BYTES 24
#define RECORD_NO_EPOCH     UINT64_MAX

enum record_kind {
    /* In a range's log. */
    RECORD_ACTIONS = 1, /* `count` encoded actions */
    RECORD_CLOSE = 2,   /* epochs up to and with `epoch` are over */
    RECORD_LEARN = 3,   /* version `version` of hunt `hunt` is to come; body: its canonical text */
    RECORD_RESOLVE = 4, /* it is active from `epoch`, or never (RECORD_NO_EPOCH) */
    RECORD_BARRIER = 5, /* nothing; who waits for it reads what was committed before */
    RECORD_SETTLE = 6,  /* body: a part of a settlement (epochs/settle.h) */
    /* In the system group's log. */
    RECORD_FOUND = 16,    /* body: the settings and first members (ranges/system.h) */
    RECORD_DEFINE = 17,   /* body: a definition */
    RECORD_ACTIVATE = 18, /* hunt, version, epoch */
    RECORD_CANCEL = 19,   /* hunt, version */
    RECORD_MEMBER = 20,   /* body: a member as it is now */
    RECORD_JOIN = 21,     /* body: a new member */
    RECORD_PLACE = 22,    /* body: where one more replica shall be */
};

struct record {
    enum record_kind kind;
    uint64_t stamp;
    uint32_t uncertainty_us;
    uint32_t count;   /* ACTIONS */
    uint64_t epoch;   /* CLOSE, RESOLVE, ACTIVATE */
    uint16_t hunt;    /* LEARN, RESOLVE, DEFINE, ACTIVATE, CANCEL */
    uint32_t version; /* the same */
    const uint8_t
        *body; /* ACTIONS: the actions; LEARN, DEFINE, FOUND, MEMBER, JOIN, PLACE: what is left */
    size_t body_bytes;
};

/* Bytes that record_encode writes for this record, padding included. */
size_t record_bytes(const struct record *record);

/* Writes the record. STATUS_FULL: `capacity` is too small, nothing is promised of `data`. */
MUST_USE enum status record_encode(const struct record *record, void *data, size_t capacity);

/* Reads a record; `body` points into `data`. STATUS_INVALID: not a record of this version. The
 * actions themselves are not looked at. */
MUST_USE enum status record_decode(struct record *record, const void *data, size_t size);

#endif
