/* node/json_actions.h -- Actions of clients in JSON, and what became of them.
 *
 * Reading is strict: one bad member refuses the whole request, before anything is judged, and the
 * fault names it. What has the wrong form is 400 (a missing or unknown member, one that is there
 * twice, the wrong type); what has the right form but an impossible value is 422. The first fault
 * counts. `seq` may be a number or its digits in a string; other numbers are numbers, and places on
 * flat hunts, times and seqs are whole ones (1.0 is not). Degrees are rounded to 1e-7; those with
 * at most seven places are taken exactly. */
#ifndef CAIRN_NODE_JSON_ACTIONS_H
#define CAIRN_NODE_JSON_ACTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#include "cluster/base/ids.h"
#include "cluster/base/status.h"
#include "cluster/hunt/definition.h"
#include "cluster/values/action.h"
#include "cluster/values/result.h"
#include "node/json_text.h"
#include "proto/request.h"

/* A request whose actions are still to be read, as the hunt decides what a place looks like. */
struct json_request {
    json_t *root;
    bool names_hunt;  /* POST /hunt; elsewhere the path says which hunt */
    struct name hunt; /* when names_hunt */
};

/* Reads the body and the hunt's name. STATUS_INVALID: *ret_fault says why; STATUS_NO_MEMORY. After
 * either, nothing is to be freed. */
MUST_USE enum status json_request_read(struct json_request *ret_request, const void *body,
                                       size_t bytes, bool names_hunt,
                                       struct request_fault *ret_fault);
void json_request_fini(struct json_request *request);

/* Reads all actions, claims first, into a new list, which the caller frees. Errors as above. */
MUST_USE enum status json_actions_read(struct request_actions *ret_actions,
                                       const struct json_request *request, uint16_t hunt,
                                       enum plane plane, struct request_fault *ret_fault);

/* One member of `results`, which is also a receipt. */
void json_result_write(struct json_text *text, const struct result *result);

/* The whole answer. */
void json_results_write(struct json_text *text, const struct result *results, uint32_t count);

#endif
