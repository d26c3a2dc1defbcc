/* proto/actions.h -- Actions and their results in protobuf: proto/cairn.proto, package cairn.v1.
 *
 * Reading is as strict as that of JSON (see proto/request.h): fields that are unknown or there
 * twice, other types and texts that are not UTF-8 are 400. proto3 does not tell a number that is
 * not there from 0, so 0 is judged as such; a player, `to` or `hunt` without bytes is missing.
 *
 * Messages are built in an arena, without memory of their own for each claim; nothing here may be
 * used after its reset. Pure. */
#ifndef CAIRN_PROTO_ACTIONS_H
#define CAIRN_PROTO_ACTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cluster/base/arena.h"
#include "cluster/base/ids.h"
#include "cluster/base/status.h"
#include "cluster/hunt/definition.h"
#include "cluster/values/action.h"
#include "cluster/values/result.h"
#include "proto/request.h"

struct Cairn__V1__HuntRequest;

/* Bytes: borrowed from the caller, or in the arena. */
struct actions_bytes {
    const void *data;
    size_t bytes;
};

/* A request whose actions are still to be read, as the hunt decides how far a place may lie. */
struct actions_request {
    const struct Cairn__V1__HuntRequest *message; /* in the arena */
    struct name hunt;                             /* when it names one */
};

/* Reads the body and, when `names_hunt`, the hunt's name; otherwise there may be none.
 * STATUS_INVALID: *ret_fault says why. */
MUST_USE enum status actions_request_read(struct actions_request *ret_request, struct arena *arena,
                                          struct actions_bytes body, bool names_hunt,
                                          struct request_fault *ret_fault);

/* Reads all actions, claims first. STATUS_INVALID: as above; STATUS_NO_MEMORY. */
MUST_USE enum status actions_read(struct request_actions *ret_actions,
                                  const struct actions_request *request, uint16_t hunt,
                                  enum plane plane, struct request_fault *ret_fault);

/* The whole answer, in the arena. */
struct actions_bytes actions_reply_write(struct arena *arena, const struct result *results,
                                         uint32_t count);

/* For clients. */

/* A request, in the arena: the claims come first in the list. `hunt` may be "" for a path that
 * names it. */
struct actions_bytes actions_request_write(struct arena *arena, const char *hunt,
                                           const struct request_actions *actions);

/* The results of an answer, in the arena; what was absent is 0 or NULL, and `treasure` is
 * TREASURE_NONE. An outcome that is not known here is OUTCOME_NONE.
 * STATUS_INVALID: it is no such answer. */
struct actions_results {
    const struct result *list;
    size_t count;
};
MUST_USE enum status actions_reply_read(struct actions_results *ret_results, struct arena *arena,
                                        struct actions_bytes body);

#endif
