/* node/aside.h -- A second thread, beside the thinking one, for reading what comes from a client
 * and is so large that everybody else would wait for it. It runs one job after the other, in the
 * order they came, and comes second where cores are few.
 *
 * All functions are for the thread that runs the event base. */
#ifndef CAIRN_NODE_ASIDE_H
#define CAIRN_NODE_ASIDE_H

#include <stdbool.h>

struct event_base;
struct aside;

/* The caller's, until `done` is called or it is called off; without `done`, until `work` begins,
 * which may free it. */
struct aside_job {
    void (*work)(void *context); /* on the second thread */
    void (*done)(void *context); /* after it, on the loop's; NULL: nobody asks */
    void *context;
    struct aside_job *next; /* the queue's */
};

/* NULL: no memory, descriptor or thread. `base` outlives it. */
struct aside *aside_new(struct event_base *base);

/* Does what nobody asks for, and ends the thread. Nothing may be left that somebody does. NULL is
 * fine. */
void aside_free(struct aside *aside);

void aside_run(struct aside *aside, struct aside_job *job);

/* Not done yet, of those that somebody asks for. */
unsigned aside_waiting(const struct aside *aside);

/* Waits for its work if that has begun. Afterwards neither `work` runs nor `done` is called. The
 * job has a `done` that was not called yet. */
void aside_call_off(struct aside *aside, struct aside_job *job);

#endif
