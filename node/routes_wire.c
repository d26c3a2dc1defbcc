#include "node/routes_wire.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "cluster/base/check.h"
#include "proto/frame_lz4.h"

/* What the room keeps between requests; the largest of them and their answers need less. */
#define ROOM_BYTES_KEPT ((size_t)1 << 20)

#define TYPE_JSON     "application/json"
#define TYPE_PROTOBUF "application/x-protobuf"

static bool is_protobuf(const struct http_request *request)
{
    return http_request_is_type(request, TYPE_PROTOBUF);
}

bool routes_wire_admits(const struct call *call)
{
    if (is_protobuf(call->request) || http_request_is_type(call->request, TYPE_JSON))
        return true;
    routes_refuse(call->request, 415, "unsupported_type", NULL,
                  "actions come as " TYPE_JSON " or " TYPE_PROTOBUF);
    return false;
}

/* The room. */

enum status wire_room_init(struct wire_room *room, size_t decoded_bytes, size_t body_bytes_max)
{
    *room = (struct wire_room){.decoded_bytes = decoded_bytes, .body_bytes_max = body_bytes_max};
    arena_init(&room->arena);
    if (decoded_bytes > 0)
        room->decoded = malloc(decoded_bytes);
    return room->decoded != NULL || decoded_bytes == 0 ? STATUS_OK : STATUS_NO_MEMORY;
}

void wire_room_fini(struct wire_room *room)
{
    CHECK(!room->in_use);
    arena_fini(&room->arena);
    json_text_fini(&room->text);
    free(room->decoded);
    room->decoded = NULL;
}

static void room_enter(struct wire_room *room)
{
    CHECK(!room->in_use);
    room->in_use = true;
}

static void room_leave(struct wire_room *room)
{
    CHECK(room->in_use);
    arena_reset(&room->arena, ROOM_BYTES_KEPT);
    if (room->text.capacity > ROOM_BYTES_KEPT || !json_text_ok(&room->text))
        json_text_fini(&room->text);
    room->text.used = 0;
    room->in_use = false;
}

/* Requests. */

void routes_wire_refuse(const struct call *call, enum status status,
                        const struct request_fault *fault)
{
    if (status == STATUS_NO_MEMORY)
        routes_refuse_memory(call->request);
    else
        routes_refuse(call->request, fault->status, fault->code,
                      fault->field[0] != '\0' ? fault->field : NULL, fault->detail);
}

/* What a body may hold is bounded without its coding too. STATUS_TOO_LARGE: it may fit a larger
 * room than ours. */
static enum status decode(struct wire_request *wire, struct request_fault *ret_fault)
{
    const struct wire_room *room = wire->room;
    size_t bytes = 0;
    const enum status status = frame_lz4_decode(room->decoded, room->decoded_bytes, wire->body.data,
                                                wire->body.bytes, &bytes);
    if (status == STATUS_OK) {
        wire->body = (struct actions_bytes){room->decoded, bytes};
        wire->coded = false;
        return STATUS_OK;
    }
    const bool more_fits_elsewhere = room->decoded_bytes < room->body_bytes_max;
    if (status == STATUS_NO_MEMORY || (status == STATUS_TOO_LARGE && more_fits_elsewhere))
        return status;
    *ret_fault = status == STATUS_TOO_LARGE
                     ? (struct request_fault){.status = 413,
                                              .code = "body_too_large",
                                              .detail = "the body is too large without its coding"}
                     : (struct request_fault){.status = 400,
                                              .code = "malformed",
                                              .detail = "the body is not one LZ4 frame"};
    return STATUS_INVALID;
}

static bool decode_small(const struct call *call, struct wire_request *wire)
{
    struct request_fault fault;
    const enum status status = decode(wire, &fault);
    wire->large = status == STATUS_TOO_LARGE;
    if (status == STATUS_OK || wire->large)
        return true;
    routes_wire_refuse(call, status, &fault);
    return false;
}

static bool take_body(const struct call *call, struct wire_request *wire)
{
    static const struct http_header accepted = {"Accept-Encoding", "lz4, identity"};
    const char *coding = http_request_header(call->request, "Content-Encoding");
    wire->body = (struct actions_bytes){http_request_body(call->request),
                                        http_request_body_bytes(call->request)};
    wire->large = wire->body.bytes > ROUTES_LARGE_BYTES;
    if (coding == NULL || strcasecmp(coding, "identity") == 0)
        return true;
    wire->coded = strcasecmp(coding, "lz4") == 0;
    if (wire->coded)
        return wire->large || decode_small(call, wire);
    http_reply_problem(call->request,
                       &(struct http_problem){.status = 415,
                                              .code = "unsupported_coding",
                                              .detail = "the body must be an LZ4 frame (lz4), or "
                                                        "come without a coding",
                                              .headers = &accepted,
                                              .headers_count = 1});
    return false;
}

/* Room for any body. A room of a request's own gets it only when that is read: many may wait. */
static enum status make_place(struct wire_room *room)
{
    if (room->decoded != NULL)
        return STATUS_OK;
    room->decoded = malloc(room->body_bytes_max);
    if (room->decoded == NULL)
        return STATUS_NO_MEMORY;
    room->decoded_bytes = room->body_bytes_max;
    return STATUS_OK;
}

enum status routes_wire_read(struct wire_request *wire, struct request_fault *ret_fault)
{
    enum status status = wire->coded ? make_place(wire->room) : STATUS_OK;
    if (status == STATUS_OK && wire->coded)
        status = decode(wire, ret_fault);
    if (status != STATUS_OK)
        return status;
    if (wire->is_protobuf) {
        status = actions_request_read(&wire->protobuf, &wire->room->arena, wire->body,
                                      wire->names_hunt, ret_fault);
        if (status == STATUS_OK)
            wire->hunt = wire->protobuf.hunt;
        return status;
    }
    status = json_request_read(&wire->json, wire->body.data, wire->body.bytes, wire->names_hunt,
                               ret_fault);
    if (status == STATUS_OK)
        wire->hunt = wire->json.hunt;
    return status;
}

bool routes_wire_open(const struct call *call, bool names_hunt, struct wire_request *ret_wire)
{
    struct wire_request wire = {.is_protobuf = is_protobuf(call->request),
                                .names_hunt = names_hunt,
                                .room = call->routes->room};
    room_enter(wire.room);
    if (!take_body(call, &wire)) {
        room_leave(wire.room);
        return false;
    }
    *ret_wire = wire;
    return true;
}

bool routes_wire_move(const struct call *call, struct wire_request *wire)
{
    CHECK(!wire->owns_room);
    CHECK(wire->body.data != wire->room->decoded); /* what is decoded here is small */
    struct wire_room *room = calloc(1, sizeof *room);
    if (room == NULL || wire_room_init(room, 0, wire->room->body_bytes_max) != STATUS_OK) {
        free(room);
        routes_wire_close(wire);
        routes_refuse_memory(call->request);
        return false;
    }
    room_leave(wire->room);
    room_enter(room);
    wire->room = room;
    wire->owns_room = true;
    return true;
}

void routes_wire_close(struct wire_request *wire)
{
    json_request_fini(&wire->json);
    room_leave(wire->room);
    if (!wire->owns_room)
        return;
    wire_room_fini(wire->room);
    free(wire->room);
}

bool routes_wire_actions(const struct call *call, const struct wire_request *wire,
                         const struct hunt *hunt, enum plane plane,
                         struct request_actions *ret_actions)
{
    struct request_fault fault;
    const enum status status =
        wire->is_protobuf
            ? actions_read(ret_actions, &wire->protobuf, hunt->number, plane, &fault)
            : json_actions_read(ret_actions, &wire->json, hunt->number, plane, &fault);
    if (status != STATUS_OK)
        routes_wire_refuse(call, status, &fault);
    return status == STATUS_OK;
}

/* Answers. */

static void reply_plain(struct http_request *request, struct actions_bytes body)
{
    static const struct http_header headers[] = {{"Cache-Control", "no-store"},
                                                 {"Vary", "Accept-Encoding"}};
    http_reply(request, &(struct http_answer){.status = 200,
                                              .content_type =
                                                  is_protobuf(request) ? TYPE_PROTOBUF : TYPE_JSON,
                                              .headers = headers,
                                              .headers_count = 2,
                                              .body = body.data,
                                              .body_bytes = body.bytes});
}

static void reply_lz4(struct wire_room *room, struct http_request *request,
                      struct actions_bytes body)
{
    static const struct http_header headers[] = {
        {"Cache-Control", "no-store"}, {"Vary", "Accept-Encoding"}, {"Content-Encoding", "lz4"}};
    const size_t capacity = frame_lz4_bytes_max(body.bytes);
    void *frame = arena_take(&room->arena, capacity);
    const size_t bytes = frame_lz4_encode(frame, capacity, body.data, body.bytes);
    if (bytes == 0)
        routes_refuse_memory(request);
    else
        http_reply(request, &(struct http_answer){
                                .status = 200,
                                .content_type = is_protobuf(request) ? TYPE_PROTOBUF : TYPE_JSON,
                                .headers = headers,
                                .headers_count = 3,
                                .body = frame,
                                .body_bytes = bytes});
}

static void reply_body(struct wire_room *room, struct http_request *request,
                       struct actions_bytes body)
{
    if (http_request_accepts_coding(request, "lz4"))
        reply_lz4(room, request, body);
    else
        reply_plain(request, body);
}

void routes_wire_reply(struct wire_room *room, struct http_request *request,
                       const struct result *results, uint32_t count)
{
    room_enter(room);
    if (is_protobuf(request)) {
        reply_body(room, request, actions_reply_write(&room->arena, results, count));
    } else {
        json_results_write(&room->text, results, count);
        if (json_text_ok(&room->text))
            reply_body(room, request, (struct actions_bytes){room->text.data, room->text.used});
        else
            routes_refuse_memory(request);
    }
    room_leave(room);
}
