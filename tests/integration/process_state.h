/* tests/integration/process_state.h -- What a node holds that nobody but its players may change, to
 * be compared before and after something that must leave it alone; and what it uses of the machine.
 *
 * Whatever differs fails the test. One thread. */
#ifndef CAIRN_TESTS_INTEGRATION_PROCESS_STATE_H
#define CAIRN_TESTS_INTEGRATION_PROCESS_STATE_H

#include <stdint.h>

#include <jansson.h>

#include "tests/integration/process.h"
#include "tests/integration/process_http.h"

/* The lists are borrowed and end with a NULL. */
struct state_of {
    const char *const *hunts;
    const char *const *players;
};

/* All hunts, the boards' digests, each player's page (with his last_seq) in each hunt without what
 * only time changes, how many players and receipts there are and how many actions were judged. A
 * new object, the caller's. */
json_t *state_take(struct link *link, const struct process *process, const struct state_of *what);

/* Fails, showing both, when they differ. Frees both. */
void state_compare(json_t *before, json_t *after);

/* `applied` of each range, in order. A new array, the caller's. */
json_t *state_applied(struct link *link, const struct process *process);

/* A metric without labels; fails when there is none. */
double state_metric(struct link *link, const struct process *process, const char *name);

/* Memory of the process in RAM, and the CPU time it has used. */
uint64_t process_resident_bytes(const struct process *process);
uint64_t process_cpu_ms(const struct process *process);

#endif
