/* node/proxy.h -- Requests that another node answers: they are asked of it over HTTP, as they came,
 * and its answer is passed back.
 *
 * A request that was passed on says so ("Cairn-Forwarded"), and is not passed on again: whoever
 * gets it by a wrong hint answers 503, and the client asks again. Connections are kept, a few to
 * each node; what finds none free waits in a bounded queue, and is 503 where that is full.
 *
 * Thinking thread. */
#ifndef CAIRN_NODE_PROXY_H
#define CAIRN_NODE_PROXY_H

#include <stdbool.h>

struct event_base;
struct http_request;
struct proxy;

/* NULL: no memory. */
struct proxy *proxy_new(struct event_base *base);
/* Requests that wait are released by their server. Accepts NULL. */
void proxy_free(struct proxy *proxy);

/* Answers the request with what the server at `address` ("127.0.0.1:7802") answers. */
void proxy_pass(struct proxy *proxy, struct http_request *request, const char *address);

/* Another node has passed it on. */
bool proxy_was_passed(const struct http_request *request);

#endif
