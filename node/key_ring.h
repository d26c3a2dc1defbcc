/* node/key_ring.h -- The cluster's keys, read from the files that the configuration names: each
 * holds 32 random bytes in Base64, on its first line. `head -c 32 /dev/urandom | base64` makes one.
 */
#ifndef CAIRN_NODE_KEY_RING_H
#define CAIRN_NODE_KEY_RING_H

#include "cluster/base/status.h"
#include "proto/envelope.h"

struct key_ring_fault {
    char text[512]; /* a sentence that names the file */
};

/* Reads `count` files, the first of which seals. No files: a ring without keys. STATUS_FULL: more
 * than SEAL_KEYS_MAX; STATUS_IO: a file cannot be read; STATUS_INVALID: it holds no key, the same
 * one as another, or everybody may read it. */
MUST_USE enum status key_ring_load(struct seal_ring *ret_ring, char *const *paths, uint32_t count,
                                   struct key_ring_fault *fault);

#endif
