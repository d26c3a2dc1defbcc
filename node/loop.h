/* node/loop.h -- The thinking thread's event loop (libevent), and the order of its work.
 *
 * Timers, news from the disk and signals go first; requests of clients are handled in portions
 * between which the first are looked for again, so that no crowd of requests delays a heartbeat. */
#ifndef CAIRN_NODE_LOOP_H
#define CAIRN_NODE_LOOP_H

#define LOOP_URGENT     0 /* priorities of libevent */
#define LOOP_REQUESTS   1
#define LOOP_PRIORITIES 2

struct event_base;

/* NULL: no memory or no descriptors. */
struct event_base *loop_new(void);
void loop_free(struct event_base *base);

#endif
