/* proto/peer_message.h -- The core's messages as bytes: what a peer's body is made of.
 *
 * A body is a row of pieces, so that whatever waits for a peer leaves as one message:
 *
 *    0  u8   kind (enum message_kind, or one of the node's own from PEER_PIECE_NODE on)
 *    1  u32  bytes of the content
 *    5       content, by kind: fixed little-endian layouts, drawn at each one's writer
 *
 * The envelope's version is theirs too. Reading checks every length before it takes memory, and all
 * that can be checked without knowing the state; what a message means is the core's to judge. Kinds
 * that are not known are passed over. Pure. */
#ifndef CAIRN_PROTO_PEER_MESSAGE_H
#define CAIRN_PROTO_PEER_MESSAGE_H

#include <stddef.h>
#include <stdint.h>

#include "cluster/base/arena.h"
#include "cluster/base/bytes.h"
#include "cluster/base/status.h"
#include "cluster/values/message.h"

#define PEER_PIECE_HEAD 5
#define PEER_PIECE_NODE 64 /* kinds from here on are not the core's */

/* Bytes that peer_message_write takes at most for this message. */
size_t peer_message_bytes_max(const struct message *message);

/* Writes the message as one piece; the writer has room for it. */
void peer_message_write(const struct message *message, struct writer *writer);

/* One piece of a body. */
struct peer_piece {
    uint8_t kind;
    const uint8_t *data;
    uint32_t bytes;
};

/* The next piece. False: there is no further one, or, where the reader has failed, the rest is no
 * body of ours. */
bool peer_piece_next(struct reader *body, struct peer_piece *ret_piece);

/* Writes a piece of any kind. */
void peer_piece_write(const struct peer_piece *piece, struct writer *writer);

/* The message in a piece. What it points to is in the piece or in the arena. STATUS_UNSUPPORTED: of
 * no kind that is known here; STATUS_INVALID. */
MUST_USE enum status peer_message_read(struct message *ret_message, struct arena *arena,
                                       const struct peer_piece *piece);

#endif
