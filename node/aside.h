/* node/aside.h -- A second thread, beside the thinking one, for reading what comes from a client
 * and is so large that everybody else would wait for it. It comes second where cores are few.
 *
 *   aside_run -> work (second thread) -> done (the loop's) -> drop (second thread)
 *
 * It runs one job after the other, in the order they came, and begins none before the last one is
 * dropped: what is made of a body may be a hundred times as large, and so there is one of it.
 *
 * All functions are for the thread that runs the event base. */
#ifndef CAIRN_NODE_ASIDE_H
#define CAIRN_NODE_ASIDE_H

#include <stdbool.h>

struct event_base;
struct aside;

/* The caller's again with `drop`, which is called once for each job, also when it was called off,
 * and may free it. */
struct aside_job {
    void (*work)(void *context); /* on the second thread */
    void (*done)(void *context); /* after it, on the loop's, among the requests */
    void (*drop)(void *context); /* at last, on the second thread */
    void *context;
    struct aside_job *next; /* the queue's */
};

/* NULL: no memory, descriptor or thread. `base` outlives it. */
struct aside *aside_new(struct event_base *base);

/* Drops what is done, and ends the thread. No job may wait. NULL is fine. */
void aside_free(struct aside *aside);

void aside_run(struct aside *aside, struct aside_job *job);

/* Jobs that are not done yet. */
unsigned aside_waiting(const struct aside *aside);

/* Waits for its work if that has begun. Afterwards `work` does not run, and `done` is not called;
 * it was not yet. */
void aside_call_off(struct aside *aside, struct aside_job *job);

#endif
