/* node/node_requests.h -- Requests that wait for their answers: who is to be called, by the token
 * that went to the core and comes back with every piece of the answer.
 *
 *   add -> [ waiting ] -- the last piece, give_up, expire --> [ answered ] -- deliver --> gone
 *
 * A token is used once; a piece that comes for one that is gone is ignored. Thinking thread. */
#ifndef CAIRN_NODE_NODE_REQUESTS_H
#define CAIRN_NODE_NODE_REQUESTS_H

#include <stdbool.h>
#include <stdint.h>

#include "cluster/values/effects.h"
#include "node/metrics.h"
#include "node/node.h"

struct requests;

/* `capacity`: requests at a time. NULL: no memory. */
struct requests *requests_new(uint32_t capacity);
void requests_free(struct requests *requests);

/* Each gives the token; 0: there is no room or no memory, and nobody will be called. */
uint64_t requests_add_actions(struct requests *requests, uint64_t now_us,
                              const struct action *actions, uint32_t count);
uint64_t requests_add(struct requests *requests, uint64_t now_us);

/* Who is called; before the first piece can come. */
void requests_call_results(struct requests *requests, uint64_t token, node_results_fn *fn,
                           void *context);
void requests_call_answer(struct requests *requests, uint64_t token, node_answer_fn *fn,
                          void *context);
void requests_call_defined(struct requests *requests, uint64_t token, node_defined_fn *fn,
                           void *context);

/* Pieces of answers. What they point to must stay until requests_deliver, but for the treasure's
 * name in a result. */
void requests_result(struct requests *requests, const struct reply *reply);
void requests_answer(struct requests *requests, uint64_t token, const struct query_reply *reply);
void requests_defined(struct requests *requests, const struct effect *defined);

/* What is missing is unknown: results are `unavailable`, the rest NOT_LEADER. */
void requests_give_up(struct requests *requests, uint64_t token);
/* The same for all that came before `before_us`. Returns how many. */
uint32_t requests_expire(struct requests *requests, uint64_t before_us);

/* Calls whoever has his answer, and counts it: outcomes, and how long they took until `now_us`. */
void requests_deliver(struct requests *requests, uint64_t now_us, struct metrics *metrics);

/* What waits. */
uint32_t requests_count(const struct requests *requests);
uint32_t requests_actions(const struct requests *requests);

/* The result of an action of which nothing is known. */
struct result result_unavailable(const struct action *action);

#endif
