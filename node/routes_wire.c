#include "node/routes_wire.h"

#include <stdlib.h>
#include <strings.h>

#include "proto/frame_lz4.h"

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

/* Requests. */

static bool refuse(const struct call *call, enum status status, const struct request_fault *fault)
{
    if (status == STATUS_NO_MEMORY)
        routes_refuse_memory(call->request);
    else
        routes_refuse(call->request, fault->status, fault->code,
                      fault->field[0] != '\0' ? fault->field : NULL, fault->detail);
    return false;
}

static bool refuse_frame(const struct call *call, enum status status)
{
    if (status == STATUS_NO_MEMORY)
        routes_refuse_memory(call->request);
    else if (status == STATUS_TOO_LARGE)
        routes_refuse(call->request, 413, "body_too_large", NULL,
                      "the body is too large without its coding");
    else
        routes_refuse(call->request, 400, "malformed", NULL, "the body is not one LZ4 frame");
    return false;
}

/* What a body may hold is bounded without its coding too. */
static bool decode(const struct call *call, struct wire_request *wire)
{
    const size_t capacity = node_config(call->routes->node)->limits.body_bytes;
    void *decoded = malloc(capacity);
    size_t bytes = 0;
    enum status status = STATUS_NO_MEMORY;
    if (decoded != NULL)
        status = frame_lz4_decode(decoded, capacity, wire->body.data, wire->body.bytes, &bytes);
    if (status != STATUS_OK) {
        free(decoded);
        return refuse_frame(call, status);
    }
    wire->decoded = decoded;
    wire->body = (struct actions_bytes){decoded, bytes};
    return true;
}

static bool take_body(const struct call *call, struct wire_request *wire)
{
    static const struct http_header accepted = {"Accept-Encoding", "lz4, identity"};
    const char *coding = http_request_header(call->request, "Content-Encoding");
    wire->body = (struct actions_bytes){http_request_body(call->request),
                                        http_request_body_bytes(call->request)};
    if (coding == NULL || strcasecmp(coding, "identity") == 0)
        return true;
    if (strcasecmp(coding, "lz4") == 0)
        return decode(call, wire);
    http_reply_problem(call->request,
                       &(struct http_problem){.status = 415,
                                              .code = "unsupported_coding",
                                              .detail = "the body must be an LZ4 frame (lz4), or "
                                                        "come without a coding",
                                              .headers = &accepted,
                                              .headers_count = 1});
    return false;
}

static enum status read_head(struct wire_request *wire, bool names_hunt,
                             struct request_fault *fault)
{
    enum status status;
    if (wire->is_protobuf) {
        status = actions_request_read(&wire->protobuf, &wire->arena, wire->body, names_hunt, fault);
        if (status == STATUS_OK)
            wire->hunt = wire->protobuf.hunt;
        return status;
    }
    status = json_request_read(&wire->json, wire->body.data, wire->body.bytes, names_hunt, fault);
    if (status == STATUS_OK)
        wire->hunt = wire->json.hunt;
    return status;
}

bool routes_wire_open(const struct call *call, bool names_hunt, struct wire_request *ret_wire)
{
    struct wire_request wire = {.is_protobuf = is_protobuf(call->request)};
    struct request_fault fault;
    if (!take_body(call, &wire))
        return false;
    arena_init(&wire.arena);
    const enum status status = read_head(&wire, names_hunt, &fault);
    if (status != STATUS_OK) {
        routes_wire_close(&wire);
        return refuse(call, status, &fault);
    }
    *ret_wire = wire;
    return true;
}

void routes_wire_close(struct wire_request *wire)
{
    json_request_fini(&wire->json);
    arena_fini(&wire->arena);
    free(wire->decoded);
    wire->decoded = NULL;
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
    return status == STATUS_OK || refuse(call, status, &fault);
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

static void reply_lz4(struct http_request *request, struct actions_bytes body)
{
    static const struct http_header headers[] = {
        {"Cache-Control", "no-store"}, {"Vary", "Accept-Encoding"}, {"Content-Encoding", "lz4"}};
    const size_t capacity = frame_lz4_bytes_max(body.bytes);
    void *frame = malloc(capacity);
    const size_t bytes =
        frame != NULL ? frame_lz4_encode(frame, capacity, body.data, body.bytes) : 0;
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
    free(frame);
}

static void reply_body(struct http_request *request, struct actions_bytes body)
{
    if (http_request_accepts_coding(request, "lz4"))
        reply_lz4(request, body);
    else
        reply_plain(request, body);
}

static void reply_protobuf(struct http_request *request, const struct result *results,
                           uint32_t count)
{
    struct arena arena;
    arena_init(&arena);
    reply_body(request, actions_reply_write(&arena, results, count));
    arena_fini(&arena);
}

static void reply_json(struct http_request *request, const struct result *results, uint32_t count)
{
    struct json_text text = {0};
    json_results_write(&text, results, count);
    if (json_text_ok(&text))
        reply_body(request, (struct actions_bytes){text.data, text.used});
    else
        routes_refuse_memory(request);
    json_text_fini(&text);
}

void routes_wire_reply(struct http_request *request, const struct result *results, uint32_t count)
{
    if (is_protobuf(request))
        reply_protobuf(request, results, count);
    else
        reply_json(request, results, count);
}
