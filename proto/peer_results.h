/* proto/peer_results.h -- Results of forwarded actions as bytes; a part of proto/peer_message.
 * Pure.
 */
#ifndef CAIRN_PROTO_PEER_RESULTS_H
#define CAIRN_PROTO_PEER_RESULTS_H

#include <stdbool.h>

#include "cluster/base/arena.h"
#include "cluster/base/bytes.h"
#include "cluster/values/message.h"

/* One result, at most. */
#define PEER_RESULT_BYTES 96

void peer_results_write(const struct results_message *message, struct writer *writer);

/* False: no such message. The list is in the arena. */
bool peer_results_read(struct results_message *message, struct arena *arena, struct reader *reader);

#endif
