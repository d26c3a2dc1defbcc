/* node/routes.h -- The public HTTP interface: which request is which question to the node, and how
 * its answer reads. The contract is written down in the API's description (README).
 *
 * All of it belongs to the thread of the node and of the HTTP server. */
#ifndef CAIRN_NODE_ROUTES_H
#define CAIRN_NODE_ROUTES_H

#include "node/http.h"
#include "node/node.h"

struct routes;

/* Reads the administrator's token where the configuration names a file; `node` outlives the routes.
 * NULL: no memory, descriptor or thread, or the token cannot be read; a sentence is logged. */
struct routes *routes_new(struct node *node);

/* After the HTTP server is closed; the node may still owe answers. NULL is fine. */
void routes_free(struct routes *routes);

/* Requests that were taken and have a large body which is still to be read: the node does not know
 * of them yet. */
unsigned routes_bodies_waiting(const struct routes *routes);

/* The server's handler; the context is the routes. */
http_handler routes_handle;

#endif
