/* chaos/load_wire.h -- Claims as JSON or protobuf, and what the answers say. */
#ifndef CAIRN_CHAOS_LOAD_WIRE_H
#define CAIRN_CHAOS_LOAD_WIRE_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <jansson.h>

#include "chaos/load.h"
#include "chaos/load_players.h"
#include "cluster/base/arena.h"
#include "cluster/base/status.h"
#include "cluster/values/action.h"
#include "cluster/values/result.h"
#include "node/http_client.h"
#include "node/json_text.h"
#include "proto/actions.h"

#define LOAD_WIRE_BYTES_MAX ((size_t)4 << 20) /* of an answer, coded or not */

/* The request that is being written, or the answer that is being read: one of them at a time. */
struct load_wire {
    enum load_format format;
    struct json_text text;
    struct arena arena;             /* protobuf */
    void *frame;                    /* an LZ4 frame, or what was one */
    json_t *root;                   /* JSON: the answer, or NULL */
    struct actions_results results; /* protobuf: the answer */
};

/* A zeroed one may be finished. STATUS_NO_MEMORY. */
MUST_USE enum status load_wire_init(struct load_wire *wire, enum load_format format);
void load_wire_fini(struct load_wire *wire);

struct load_wire_claims {
    const struct load_players *players;
    const struct load_claim *const *list;
    uint32_t count;
};

/* Sets the type, the headers and the body of a call to POST /hunt with these claims; they are valid
 * until the next request or answer. STATUS_NO_MEMORY. */
MUST_USE enum status load_wire_request(struct load_wire *wire, const char *hunt,
                                       const struct load_wire_claims *claims,
                                       struct http_call *call);

/* Reads an answer and returns the number of its results, 0 when it is none. */
size_t load_wire_answer(struct load_wire *wire, const struct http_response *response);
void load_wire_forget(struct load_wire *wire);

/* One result of the answer, in its form; valid until the answer is forgotten. */
struct load_wire_result {
    const json_t *json;
    const struct result *protobuf;
};
struct load_wire_result load_wire_result(const struct load_wire *wire, size_t at);

/* The outcome of one result; OUTCOME_NONE: one that is not known here.
 * STATUS_INVALID: it is no result of this claim. */
MUST_USE enum status load_wire_read(enum outcome *ret_outcome, int32_t *ret_treasure,
                                    const struct load_wire_result *result,
                                    const struct load_players *players,
                                    const struct load_claim *claim);

/* One line of the record. */
struct load_wire_record {
    const char *node;                      /* where it was answered, or sent last */
    uint64_t invoked_us, returned_us;      /* since 1970, by a clock that does not jump in a run */
    const struct load_wire_result *result; /* NULL: unknown, and never returned */
};

/* Appends the line to a file, whose error flag tells about failures. */
void load_wire_record(FILE *file, struct json_text *text, const struct load_players *players,
                      const struct load_claim *claim, const struct load_wire_record *record);

#endif
