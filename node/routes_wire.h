/* node/routes_wire.h -- The bodies of POST /hunt and of its answer: JSON or protobuf, each as it is
 * or as an LZ4 frame. The answer has the type of the request, and is an LZ4 frame when the client
 * accepts that. */
#ifndef CAIRN_NODE_ROUTES_WIRE_H
#define CAIRN_NODE_ROUTES_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cluster/base/arena.h"
#include "node/json_actions.h"
#include "node/routes_internal.h"
#include "proto/actions.h"

/* A request that is being read. */
struct wire_request {
    bool is_protobuf;
    struct actions_bytes body; /* without its coding */
    void *decoded;             /* where the body lies when it came coded, or NULL */
    struct name hunt;          /* when the body names it */
    struct json_request json;
    struct actions_request protobuf;
    struct arena arena;
};

/* The type is one of ours: else 415, and false. Looks at nothing else. */
bool routes_wire_admits(const struct call *call);

/* Each replies with the fault and returns false where there is one. */

/* Reads the body as far as the hunt's name. False: nothing is to be closed. */
bool routes_wire_open(const struct call *call, bool names_hunt, struct wire_request *ret_wire);
void routes_wire_close(struct wire_request *wire);

/* The list is the caller's to free. */
bool routes_wire_actions(const struct call *call, const struct wire_request *wire,
                         const struct hunt *hunt, enum plane plane,
                         struct request_actions *ret_actions);

/* Replies with 200 and the results, or 500 without memory. */
void routes_wire_reply(struct http_request *request, const struct result *results, uint32_t count);

#endif
