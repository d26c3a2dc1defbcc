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

/* Memory in which one request after the other is read, and one answer after the other written: they
 * are too large for a heap to take and give back each time without asking the system. */
struct wire_room {
    struct arena arena;
    struct json_text text;
    void *decoded; /* room for a body without its coding, of so many bytes */
    size_t decoded_bytes;
    size_t body_bytes_max; /* of any body without its coding */
    bool in_use;           /* by one request or answer at a time */
};

/* `decoded_bytes`: of those that are decoded here; 0: there is no place for one until it comes, and
 * then it is for any. STATUS_NO_MEMORY. */
MUST_USE enum status wire_room_init(struct wire_room *room, size_t decoded_bytes,
                                    size_t body_bytes_max);
void wire_room_fini(struct wire_room *room);

/* A request that is being read, in the routes' room. */
struct wire_request {
    bool is_protobuf;
    bool names_hunt; /* the body does; else the path */
    bool coded;      /* the body still is */
    bool large;      /* it is to be moved before it is read */
    struct actions_bytes body;
    struct name hunt; /* when the body names it */
    struct json_request json;
    struct actions_request protobuf;
    struct wire_room *room;
    bool owns_room;
};

/* The type is one of ours: else 415, and false. Looks at nothing else. */
bool routes_wire_admits(const struct call *call);

/* Each replies with the fault and returns false where there is one. */

/* Takes the body, and its coding off where that leaves no large one. False: nothing is to be
 * closed. */
bool routes_wire_open(const struct call *call, bool names_hunt, struct wire_request *ret_wire);
void routes_wire_close(struct wire_request *wire);

/* Gives it a room of its own, so that another thread may read and close it while others are open
 * here. False: it is closed. */
bool routes_wire_move(const struct call *call, struct wire_request *wire);

/* Takes its coding off where it has one, and reads it as far as the hunt's name. Errors as
 * json_request_read(). */
MUST_USE enum status routes_wire_read(struct wire_request *wire, struct request_fault *ret_fault);

/* Replies with what routes_wire_read() found. */
void routes_wire_refuse(const struct call *call, enum status status,
                        const struct request_fault *fault);

/* The list is the caller's to free. */
bool routes_wire_actions(const struct call *call, const struct wire_request *wire,
                         const struct hunt *hunt, enum plane plane,
                         struct request_actions *ret_actions);

/* Replies with 200 and the results, or 503 without memory. No request is open. */
void routes_wire_reply(struct wire_room *room, struct http_request *request,
                       const struct result *results, uint32_t count);

#endif
