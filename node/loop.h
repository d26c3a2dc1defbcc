/* node/loop.h -- The thinking thread's event loop over libevent, and the order of its work.
 *
 * Timers, news from the disk and signals go first; requests of clients are handled in portions
 * between which the first are looked for again, so that no crowd of requests delays a heartbeat;
 * so are bodies of theirs that were read on another thread.
 * Timers are monotonic. libevent's own `struct event` stays in here: the core has one of its own.
 */
#ifndef CAIRN_NODE_LOOP_H
#define CAIRN_NODE_LOOP_H

#include <stdint.h>

#define LOOP_URGENT   0 /* priorities of libevent */
#define LOOP_REQUESTS 1

struct event_base;
struct loop_event;

typedef void loop_fn(void *context);

/* NULL: no memory or no descriptors. */
struct event_base *loop_new(void);
void loop_free(struct event_base *base);

/* Runs until loop_stop. */
void loop_run(struct event_base *base);
void loop_stop(struct event_base *base);

/* A timer, which also serves to put work off; something to read on `fd`, reported as long as it is
 * there; a signal. NULL: no memory. */
struct loop_event *loop_timer_new(struct event_base *base, int priority, loop_fn *fn,
                                  void *context);
struct loop_event *loop_reader_new(struct event_base *base, int fd, int priority, loop_fn *fn,
                                   void *context);
/* Calls once, when something can be written to `fd`, or it has failed. */
struct loop_event *loop_writer_new(struct event_base *base, int fd, loop_fn *fn, void *context);
struct loop_event *loop_signal_new(struct event_base *base, int number, loop_fn *fn, void *context);
void loop_event_free(struct loop_event *event);

/* Calls a timer's function once, so much later; what was set before is forgotten. */
void loop_timer_after(struct loop_event *timer, uint64_t delay_us);

/* Calls it behind everything of its priority that is already known to have happened. */
void loop_timer_now(struct loop_event *timer);

#endif
