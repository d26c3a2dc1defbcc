/* Large bodies are read on a thread of their own: what one takes, everybody else would wait for. */
#include "cluster/base/check.h"
#include "node/metrics.h"
#include "node/routes.h"
#include "node/routes_internal.h"

/* So many large bodies may wait. */
#define WAITING_MAX 32

static void work(void *context)
{
    struct reading *reading = context;
    reading->read(reading);
}

static void drop(void *context)
{
    struct reading *reading = context;
    reading->free(reading);
}

static void done(void *context)
{
    struct reading *reading = context;
    struct http_path path;
    http_request_take_back(reading->request);
    const struct call call = {
        .routes = reading->routes, .request = reading->request, .path = &path};
    /* It could be split before. */
    const enum status status = http_path_segments(&path, http_request_path(reading->request));
    CHECK(status == STATUS_OK);
    reading->take(&call, reading);
}

/* The server is closed. */
static void let_go(void *state)
{
    struct reading *reading = state;
    aside_call_off(reading->routes->aside, &reading->job);
}

void routes_read_aside(const struct call *call, struct reading *reading)
{
    struct aside *aside = call->routes->aside;
    if (aside_waiting(aside) >= WAITING_MAX) {
        node_metrics(call->routes->node)->requests_shed++;
        routes_refuse(call->request, 503, "overloaded", NULL, "too many large bodies wait");
        reading->free(reading);
        return;
    }
    reading->routes = call->routes;
    reading->request = call->request;
    reading->job = (struct aside_job){.work = work, .done = done, .drop = drop, .context = reading};
    http_request_hold(call->request, reading, let_go);
    aside_run(aside, &reading->job);
}

unsigned routes_bodies_waiting(const struct routes *routes)
{
    return aside_waiting(routes->aside);
}
