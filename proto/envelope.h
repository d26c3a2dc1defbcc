/* proto/envelope.h -- What wraps one message from one node to another.
 *
 *    0  "CRN", u8 version (ENVELOPE_VERSION)
 *    4  u32  flags: 1 the body is LZ4 compressed, 2 sealed
 *    8  u64  cluster id; 0: the sender is in none yet
 *   16  u64  sender: node id
 *   24  u64  sender: boot counter
 *   32  u64  number of this message: rises with every message that this boot of the sender seals,
 *            whoever it is for
 *   40  u64  receiver: node id; 0: not known yet, the message goes to an address
 *   48  u64  receiver: boot counter as the sender knows it; 0: not known yet
 *   56  u64  the highest number that the sender has received from that boot of the receiver
 *   64  u64  stamp: the sender's HLC
 *   72  u32  bytes of the body, before compression
 *   76  u32  id of the key, where it is sealed; else 0
 *   80  u64  XXH3-64 of the bytes before and the body as it is sent; 0 where it is sealed
 *   88       body; sealed: encrypted, with 16 bytes behind it
 *
 * All numbers are little-endian. Sealing is XChaCha20-Poly1305 (libsodium, IETF form) with the head
 * as associated data. Its nonce is (sender, boot, number): the boot counter is on disk before the
 * first message leaves and a node that lost its disk has another id, so it never comes again.
 *
 * Strangers' bytes, and replays, end here before anything is decoded: a message is for one boot of
 * one node, and a receiver takes rising numbers only (the caller keeps them). Only a first contact
 * has no boot to name; what is taken from it is the caller's care.
 *
 * Pure; any thread. sodium_init() must have been called before anything is sealed. */
#ifndef CAIRN_PROTO_ENVELOPE_H
#define CAIRN_PROTO_ENVELOPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cluster/base/status.h"

#define ENVELOPE_VERSION     1
#define ENVELOPE_BYTES       88
#define ENVELOPE_SEAL_BYTES  16
#define ENVELOPE_BODY_MAX    (UINT32_C(4) << 20)
#define ENVELOPE_MESSAGE_MAX (ENVELOPE_BYTES + ENVELOPE_BODY_MAX + ENVELOPE_SEAL_BYTES)

/* A body of so many bytes is compressed where that makes it smaller; below, it hardly ever does. */
#define ENVELOPE_LZ4_BYTES 512

#define SEAL_KEY_BYTES 32
#define SEAL_KEYS_MAX  8

/* The keys of a cluster: the first seals, all open. With none, messages are only checksummed. */
struct seal_ring {
    uint32_t count;
    struct seal_key {
        uint32_t id; /* seal_key_id of the bytes; above 0 */
        uint8_t bytes[SEAL_KEY_BYTES];
    } keys[SEAL_KEYS_MAX];
};

/* Says which key, and nothing about it. */
uint32_t seal_key_id(const uint8_t bytes[SEAL_KEY_BYTES]);

struct envelope {
    uint64_t cluster;
    uint64_t node, boot, number;
    uint64_t to_node, to_boot;
    uint64_t heard;
    uint64_t stamp;
};

/* Bytes that envelope_close may write for a body of so many. */
size_t envelope_bytes_max(size_t body_bytes);

/* Wraps the body, at most ENVELOPE_BODY_MAX, into `message` with room for envelope_bytes_max.
 * `ring` without keys: it is not sealed. Returns the bytes written. */
size_t envelope_close(const struct envelope *envelope, const struct seal_ring *ring,
                      const void *body, size_t body_bytes, uint8_t *message);

/* Why a message was refused. */
enum envelope_fault {
    ENVELOPE_OK = 0,
    ENVELOPE_GARBAGE, /* no message of ours, damaged, or over a limit */
    ENVELOPE_OTHER_VERSION,
    ENVELOPE_OTHER_CLUSTER,
    ENVELOPE_OTHER_NODE, /* for another node, or for another boot of this one */
    ENVELOPE_NOT_SEALED, /* it must be, and is not; or is, and nobody has a key */
    ENVELOPE_OTHER_KEY,  /* sealed with a key that is not in the ring */
    ENVELOPE_FORGED,     /* sealed, but not with that key, or changed since */
    ENVELOPE_FAULTS,
};

/* Lower-case words for logs and metrics: "garbage", "other_version", ... */
const char *envelope_fault_name(enum envelope_fault fault);

/* Who opens. */
struct envelope_reader {
    uint64_t cluster; /* 0: in none yet, messages of any are taken */
    uint64_t node, boot;
    const struct seal_ring *ring;
};

/* Opens a message. The body is written to `body`, which has room for ENVELOPE_ROOM (it is unpacked
 * into the first half); nothing more than the head is looked at before the seal or the checksum is
 * right. */
#define ENVELOPE_ROOM (2 * (size_t)ENVELOPE_BODY_MAX)
MUST_USE enum envelope_fault envelope_open(struct envelope *ret_envelope,
                                           const struct envelope_reader *reader,
                                           const uint8_t *message, size_t bytes, uint8_t *body,
                                           size_t *ret_body_bytes);

#endif
