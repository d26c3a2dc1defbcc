/* proto/gossip.h -- Membership's messages in protobuf: message Gossip of proto/peer.proto.
 *
 * Reading refuses before it takes memory: too long a message, more rumours than one may have, texts
 * that are too long, fields that are there twice or of another type. Fields of later versions are
 * passed over. Whether what is said makes sense is cluster/members' to judge. Pure. */
#ifndef CAIRN_PROTO_GOSSIP_H
#define CAIRN_PROTO_GOSSIP_H

#include <stddef.h>

#include "cluster/base/arena.h"
#include "cluster/base/status.h"
#include "cluster/values/gossip.h"

/* The longest message that is read. A rumour with the longest texts takes 900 bytes. */
#define GOSSIP_BYTES_MAX (UINT32_C(64) << 10)

struct gossip_bytes {
    const void *data;
    size_t bytes;
};

/* The message's bytes, in the arena. */
struct gossip_bytes gossip_write(struct arena *arena, const struct gossip *message);

/* The message; what it points to is in the arena. STATUS_TOO_LARGE; STATUS_INVALID. */
MUST_USE enum status gossip_read(struct gossip *ret_message, struct arena *arena,
                                 struct gossip_bytes bytes);

#endif
