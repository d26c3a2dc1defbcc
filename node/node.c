#include "node/node.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cluster/base/bounds.h"
#include "cluster/base/check.h"
#include "cluster/clock/hlc.h"
#include "node/loop.h"
#include "node/node_parts.h"
#include "node/vitals.h"

/* A node that starts so long after the newest stamp in its logs has a clock that is more likely
 * wrong than right, and stamps never run backwards again. */
#define CLOCK_JUMP_US (UINT64_C(30) * 86400 * 1000000)

/* Requests that wait, besides one for each connection. */
#define REQUESTS_SPARE 64

#define DATA_PATH_BYTES 4096

/* --- Loop ------------------------------------------------------------------------------------- */

/* Whether something that was asked for has come about. */
static void watch(struct node *node)
{
    const char *reason;
    if (node->ready != NULL && node->living && cluster_ready(node->cluster, &reason)) {
        void (*ready)(void *context) = node->ready;
        node->ready = NULL;
        struct vitals vitals;
        vitals_read(&vitals);
        node->metrics.resident_at_ready_bytes = vitals.resident_bytes;
        node->metrics.heap_at_ready_bytes = vitals.heap_used_bytes + vitals.heap_mapped_bytes;
        ready(node->ready_context);
    }
    if (node->stopped == NULL || node->stop_due || requests_count(node->requests) > 0)
        return;
    if (node->living && (node->more || cluster_busy(node->cluster) || node->unsubmitted != 0 ||
                         node->submitted != node->durable))
        return;
    void (*stopped)(void *context) = node->stopped;
    node->stopped = NULL;
    stopped(node->stopped_context);
}

static void arm_ticks(struct node *node)
{
    enum { IDLE_US = 10000 };
    const uint64_t now_us = clock_monotonic_us();
    uint64_t due_us = now_us + IDLE_US;
    if (node->living && cluster_next_tick_us(node->cluster) < due_us)
        due_us = cluster_next_tick_us(node->cluster);
    node->tick_at_us = due_us > now_us ? due_us : now_us;
    loop_timer_after(node->ticks, node->tick_at_us - now_us);
}

static void on_tick(void *context)
{
    struct node *node = context;
    const uint64_t now_us = clock_monotonic_us();
    const uint64_t late_us = now_us > node->tick_at_us ? now_us - node->tick_at_us : 0;
    histogram_add(&node->metrics.tick_late, late_us, 1);
    const uint64_t patience_us = (uint64_t)NODE_REQUEST_MS * 1000;
    const uint32_t expired =
        requests_expire(node->requests, now_us > patience_us ? now_us - patience_us : 0);
    if (expired > 0) {
        node->metrics.requests_expired += expired;
        log_write(LOG_LEVEL_WARNING, "requests were not answered in time",
                  LOG_FIELDS(log_number("requests", expired)));
        turn_deliver(node);
    }
    node_watch_room(node);
    node->tick_due = true;
    node->flush_due = true; /* whatever could not be put into the log when it was tried */
    turn_run(node);
    watch(node);
    arm_ticks(node);
}

static void on_news(void *context)
{
    struct node *node = context;
    turn_take_news(node);
    turn_run(node);
    watch(node);
}

static void on_work(void *context)
{
    struct node *node = context;
    node->work_waits = false;
    node->flush_due = true;
    turn_run(node);
    watch(node);
}

static void on_hurry(void *context)
{
    struct node *node = context;
    node->flush_due = true;
    turn_run(node);
    watch(node);
}

static enum status make_events(struct node *node)
{
    node->ticks = loop_timer_new(node->base, LOOP_URGENT, on_tick, node);
    node->work = loop_timer_new(node->base, LOOP_REQUESTS, on_work, node);
    node->news = loop_reader_new(node->base, node->inbox.wake, LOOP_URGENT, on_news, node);
    node->hurry = loop_timer_new(node->base, LOOP_URGENT, on_hurry, node);
    if (node->ticks == NULL || node->work == NULL || node->hurry == NULL || node->news == NULL)
        return STATUS_NO_MEMORY;
    return STATUS_OK;
}

/* --- Opening ---------------------------------------------------------------------------------- */

/* The log thread. */
static void on_written(void *context, uint64_t ticket, enum status status)
{
    inbox_written(context, ticket, status);
}

/* Makes the directory and those above it, as far as they are missing. */
static enum status make_directory(const char *path)
{
    char part[DATA_PATH_BYTES];
    const size_t length = strlen(path);
    if (length >= sizeof part) {
        errno = ENAMETOOLONG;
        return STATUS_IO;
    }
    for (size_t i = 1; i <= length; i++) {
        if (path[i] != '/' && path[i] != '\0')
            continue;
        memcpy(part, path, i);
        part[i] = '\0';
        if (mkdir(part, 0700) != 0 && errno != EEXIST)
            return STATUS_IO;
    }
    return STATUS_OK;
}

static enum status open_store(struct node *node, int *ret_exit_code)
{
    const char *data = node->config->node.data;
    char path[DATA_PATH_BYTES + 8];
    struct store_error error = {.text = ""};
    *ret_exit_code = EXIT_DISK;
    if (make_directory(data) != STATUS_OK) {
        log_write(LOG_LEVEL_ERROR, "cannot make the data directory",
                  LOG_FIELDS(log_text("data", data), log_text("why", strerror(errno))));
        return STATUS_IO;
    }
    (void)snprintf(path, sizeof path, "%s/log", data);
    const struct store_settings settings = {
        .path = path,
        .completed = on_written,
        .context = &node->inbox,
    };
    const enum status status = store_open(&node->store, &settings, &error);
    if (status == STATUS_OK)
        return STATUS_OK;
    log_write(LOG_LEVEL_ERROR,
              status == STATUS_CONFLICT ? "another process uses the data directory"
                                        : "cannot open the log store",
              LOG_FIELDS(log_text("path", path), log_text("status", status_name(status)),
                         log_text("why", error.text)));
    if (status == STATUS_CONFLICT || status == STATUS_NO_MEMORY)
        *ret_exit_code = EXIT_FAILED;
    return status;
}

static enum status open_snapshots(struct node *node, int *ret_exit_code)
{
    char path[DATA_PATH_BYTES + 16];
    struct snapshots_error error = {.text = ""};
    (void)snprintf(path, sizeof path, "%s/snapshots", node->config->node.data);
    enum status status =
        snapshots_open(&node->snapshots, path, node_snapshots_report, node, &error);
    if (status == STATUS_OK)
        status = room_start(&node->room, node->config->node.data, node->store);
    if (status == STATUS_OK)
        return STATUS_OK;
    log_write(LOG_LEVEL_ERROR, "cannot open the snapshots",
              LOG_FIELDS(log_text("path", path), log_text("status", status_name(status)),
                         log_text("why", error.text)));
    *ret_exit_code = status == STATUS_NO_MEMORY ? EXIT_FAILED : EXIT_DISK;
    return status;
}

static enum status stop_at_first(void *context, const struct store_group *group)
{
    bool *any = context;
    (void)group;
    *any = true;
    return STATUS_FULL; /* seen enough */
}

static enum status load_identity(struct node *node, int *ret_exit_code)
{
    bool any = false;
    struct store_error error = {.text = ""};
    enum status status = store_each_group(node->store, &error, stop_at_first, &any);
    if (status == STATUS_OK || any)
        status = identity_load(&node->identity, node->store, any);
    if (status == STATUS_OK)
        return STATUS_OK;
    log_write(LOG_LEVEL_ERROR, "the data directory does not tell who this node is",
              LOG_FIELDS(log_text("data", node->config->node.data),
                         log_text("status", status_name(status)), log_text("why", error.text)));
    *ret_exit_code = EXIT_DISK;
    return status;
}

static enum status make_core(struct node *node, const struct node_settings *settings)
{
    const struct config *config = node->config;
    struct cluster_config core = {
        .node = node->identity.node,
        .tail_bytes_max = TAIL_BYTES_MAX,
        .snapshot_bytes = config->disk.snapshot_bytes,
        .spread_after_ms = SPREAD_AFTER_MS,
        .seed = node->identity.node ^ node->identity.boot * UINT64_C(0x9e3779b97f4a7c15),
        .self = {.id = node->identity.node, .boot = node->identity.boot},
    };
    const enum status named =
        name_set(&core.self.name, config->node.name, strlen(config->node.name));
    CHECK(named == STATUS_OK); /* the configuration was checked */
    CHECK(strlen(settings->http) <= ADDRESS_LENGTH_MAX);
    (void)snprintf(core.self.http, sizeof core.self.http, "%s", settings->http);
    node_peers_address(node, core.self.peer);
    node->self = core.self;
    const enum status status = identity_random(&core.index_secret);
    if (status != STATUS_OK)
        return status;
    node->cluster = cluster_new(&core);
    return node->cluster != NULL ? STATUS_OK : STATUS_NO_MEMORY;
}

/* --- Beginning -------------------------------------------------------------------------------- */

/* Founding is one turn, and so one write: it happens as a whole, or never did. */
static enum status found(struct node *node)
{
    const struct config *config = node->config;
    const struct now now = node_now(node);
    struct settings settings = {
        .ranges = config->cluster.ranges,
        .replicas = config->cluster.replicas,
        .epoch_ms = config->cluster.epoch_ms,
        .replace_after_ms = config->cluster.replace_after_ms,
        .players_max = config->cluster.players_max,
        .first_epoch = epoch_of(hlc_from_us(now.physical_us), config->cluster.epoch_ms),
    };
    const enum status status = identity_random(&settings.cluster_id);
    if (status != STATUS_OK)
        return status;
    const struct event event = {
        .kind = EVENT_FOUND,
        .found = {.settings = &settings, .members = &node->self, .count = 1},
    };
    log_write(LOG_LEVEL_INFO, "founding a cluster",
              LOG_FIELDS(log_id("cluster", settings.cluster_id),
                         log_number("ranges", settings.ranges),
                         log_number("epoch_ms", settings.epoch_ms)));
    identity_put_cluster(node->store, settings.cluster_id);
    node->identity.cluster = settings.cluster_id;
    peers_set_cluster(node->peers, settings.cluster_id);
    node->wrote = true;
    node->living = true;
    turn_step(node, &event);
    return STATUS_OK;
}

/* A node that holds nothing joins, or says what it waits for. */
static void come_in(struct node *node)
{
    if (node->config->cluster.join.count == 0) {
        log_write(LOG_LEVEL_WARNING,
                  "the data directory is empty: waiting; with cluster.found this node would found "
                  "a cluster, with cluster.join it would join one",
                  NULL);
        return;
    }
    node->living = true;
    node_peers_join(node);
}

static bool clock_is_plausible(const struct node *node, bool allow_jump)
{
    const uint64_t now_us = node_now(node).physical_us;
    const uint64_t last_us = hlc_us(cluster_restored_stamp(node->cluster));
    if (now_us > last_us && now_us - last_us > CLOCK_JUMP_US) {
        log_write(allow_jump ? LOG_LEVEL_WARNING : LOG_LEVEL_ERROR,
                  "the clock is more than 30 days ahead of the newest entry in the log; if it is "
                  "right, start with --allow-clock-jump",
                  LOG_FIELDS(log_number("clock_ms", now_us / 1000),
                             log_number("newest_ms", last_us / 1000)));
        return allow_jump;
    }
    if (last_us > now_us + HLC_MAX_OFFSET_US)
        log_write(LOG_LEVEL_WARNING,
                  "the clock is behind the newest entry in the log; stamps go on from there",
                  LOG_FIELDS(log_number("clock_ms", now_us / 1000),
                             log_number("newest_ms", last_us / 1000)));
    return true;
}

static enum status begin(struct node *node, bool allow_clock_jump, int *ret_exit_code)
{
    uint32_t groups = 0;
    const enum status status = restore_groups(node, &groups, ret_exit_code);
    if (status != STATUS_OK)
        return status;
    /* One that was in a cluster and holds no replica goes back there. */
    if (groups == 0) {
        node_snapshots_clean(node);
        if (node->config->cluster.found && node->identity.cluster == 0)
            return found(node);
        come_in(node);
        return STATUS_OK;
    }
    if (node->config->cluster.found)
        log_write(LOG_LEVEL_INFO,
                  "cluster.found is ignored: the data directory belongs to a cluster already",
                  NULL);
    if (!clock_is_plausible(node, allow_clock_jump)) {
        *ret_exit_code = EXIT_CONFIGURATION;
        return STATUS_SKEW;
    }
    node_snapshots_clean(node);
    const struct event event = {.kind = EVENT_START};
    node->living = true;
    turn_step(node, &event);
    /* Its replicas may all be of ranges: then others must say what the cluster is. */
    if (system_state_settings(cluster_system(node->cluster)) == NULL &&
        node->config->cluster.join.count > 0)
        node_peers_join(node);
    return STATUS_OK;
}

static enum status make(struct node *node)
{
    struct clock_reading reading;
    clock_read(&node->clock, &reading);
    clock_init(&node->clock, &reading);
    node->metrics.started = node_now(node);
    node->effects = calloc(1, sizeof *node->effects);
    node->refused = calloc(ACTIONS_PER_REQUEST_MAX, sizeof *node->refused);
    const uint32_t spare = node->config->limits.connections + REQUESTS_SPARE;
    node->requests = requests_new(spare);
    if (node->effects == NULL || node->refused == NULL || node->requests == NULL)
        return STATUS_NO_MEMORY;
    return STATUS_OK;
}

static enum status start(struct node *node, const struct node_settings *settings,
                         int *ret_exit_code)
{
    enum status status = make(node);
    if (status == STATUS_OK)
        status = make_events(node);
    if (status == STATUS_OK)
        status = open_store(node, ret_exit_code);
    if (status == STATUS_OK)
        status = load_identity(node, ret_exit_code);
    if (status == STATUS_OK)
        status = open_snapshots(node, ret_exit_code);
    if (status == STATUS_OK)
        status = node_peers_open(node, ret_exit_code);
    if (status == STATUS_OK)
        status = make_core(node, settings);
    if (status != STATUS_OK)
        return status;
    log_write(LOG_LEVEL_INFO, "this node",
              LOG_FIELDS(log_text("name", node->config->node.name),
                         log_id("id", node->identity.node), log_number("boot", node->identity.boot),
                         log_text("data", node->config->node.data)));
    return begin(node, settings->allow_clock_jump, ret_exit_code);
}

enum status node_start(struct node **ret_node, const struct node_settings *settings,
                       struct event_base *base, int *ret_exit_code)
{
    CHECK(settings->http != NULL);
    struct node *node = calloc(1, sizeof *node);
    *ret_exit_code = EXIT_FAILED;
    if (node == NULL)
        return STATUS_NO_MEMORY;
    node->config = settings->config;
    node->base = base;
    arena_init(&node->outgoing);
    arena_init(&node->incoming);
    node->ready = settings->ready;
    node->ready_context = settings->context;
    enum status status = inbox_init(&node->inbox);
    if (status != STATUS_OK) {
        free(node);
        return status;
    }
    status = start(node, settings, ret_exit_code);
    if (status != STATUS_OK) {
        node_close(node);
        return status;
    }
    node_watch_room(node);
    turn_put_off(node);
    arm_ticks(node);
    *ret_node = node;
    return STATUS_OK;
}

void node_stop(struct node *node, void (*fn)(void *context), void *context)
{
    CHECK(fn != NULL);
    node->stopped = fn;
    node->stopped_context = context;
    node->stop_due = node->living;
    turn_put_off(node);
}

void node_close(struct node *node)
{
    if (node == NULL)
        return;
    peers_close(node->peers);
    room_stop(node->room);
    snapshots_close(node->snapshots); /* its thread reports to the inbox, and uses the store */
    store_close(node->store);         /* ends the log thread, which reports to the inbox */
    loop_event_free(node->ticks);
    loop_event_free(node->work);
    loop_event_free(node->hurry);
    loop_event_free(node->news);
    cluster_free(node->cluster);
    requests_free(node->requests);
    inbox_fini(&node->inbox);
    arena_fini(&node->outgoing);
    arena_fini(&node->incoming);
    free(node->readings.list);
    free(node->held.list);
    free(node->refused);
    free(node->effects);
    free(node);
}

/* --- Requests --------------------------------------------------------------------------------- */

void node_actions(struct node *node, const struct action *actions, uint32_t count,
                  node_results_fn *fn, void *context)
{
    CHECK(count >= 1);
    CHECK(count <= ACTIONS_PER_REQUEST_MAX);
    const uint64_t now_us = clock_monotonic_us();
    const uint64_t token =
        turn_ready(node) ? requests_add_actions(node->requests, now_us, actions, count) : 0;
    if (token == 0) {
        for (uint32_t i = 0; i < count; i++)
            node->refused[i] = result_unavailable(&actions[i]);
        metrics_count_results(&node->metrics, node->refused, count);
        fn(context, node->refused, count);
        return;
    }
    requests_call_results(node->requests, token, fn, context);
    const struct event event = {
        .kind = EVENT_ACTIONS,
        .actions = {.token = token, .list = actions, .count = count},
    };
    turn_step(node, &event);
    turn_gather(node, now_us);
}

void node_query(struct node *node, const struct query *query, node_answer_fn *fn, void *context)
{
    const uint64_t token =
        turn_ready(node) ? requests_add(node->requests, clock_monotonic_us()) : 0;
    if (token == 0) {
        const struct query_reply nobody = {.status = STATUS_NOT_LEADER};
        fn(context, &nobody);
        return;
    }
    requests_call_answer(node->requests, token, fn, context);
    struct event event = {.kind = EVENT_QUERY, .query = *query};
    event.query.token = token;
    turn_step(node, &event);
    turn_put_off(node);
}

void node_define(struct node *node, const struct definition *definition, node_defined_fn *fn,
                 void *context)
{
    const uint64_t token =
        turn_ready(node) ? requests_add(node->requests, clock_monotonic_us()) : 0;
    if (token == 0) {
        const struct effect nobody = {
            .kind = EFFECT_DEFINED,
            .defined = {.status = STATUS_NOT_LEADER},
        };
        fn(context, &nobody);
        return;
    }
    requests_call_defined(node->requests, token, fn, context);
    const struct event event = {
        .kind = EVENT_DEFINE,
        .define = {.token = token, .definition = definition},
    };
    turn_step(node, &event);
    turn_put_off(node);
}

/* --- Reading ---------------------------------------------------------------------------------- */

const struct cluster *node_cluster(const struct node *node)
{
    return node->cluster;
}

const struct config *node_config(const struct node *node)
{
    return node->config;
}

const char *node_peer_address(const struct node *node)
{
    return node->self.peer;
}

struct event_base *node_base(const struct node *node)
{
    return node->base;
}

uint64_t node_id(const struct node *node)
{
    return node->identity.node;
}

struct now node_now(const struct node *node)
{
    struct clock clock = node->clock; /* looking at it does not move it */
    struct clock_reading reading;
    clock_read(&clock, &reading);
    return clock_advance(&clock, &reading);
}

uint64_t node_monotonic_us(const struct node *node)
{
    (void)node;
    return clock_monotonic_us();
}

struct metrics *node_metrics(struct node *node)
{
    return &node->metrics;
}

void node_measure_store(const struct node *node, struct store_measures *ret_measures)
{
    store_measure(node->store, ret_measures);
}

void node_measure_peers(const struct node *node, struct peers_measures *ret_measures)
{
    peers_measure(node->peers, ret_measures);
}

struct node_load node_load(const struct node *node)
{
    const uint64_t now_us = clock_monotonic_us();
    const bool writes = node->submitted != node->durable && now_us > node->submitted_us;
    return (struct node_load){
        .requests = requests_count(node->requests),
        .actions = requests_actions(node->requests),
        .write_backlog = store_backlog(node->store),
        .write_us = writes ? now_us - node->submitted_us : 0,
        .queue_us = node->queue_us,
    };
}

bool node_admits(struct node *node, uint64_t received_us)
{
    const uint64_t now_us = clock_monotonic_us();
    node->queue_us = now_us > received_us ? now_us - received_us : 0;
    const struct node_load load = node_load(node);
    if (admission_admits(&node->admission, &load, node->config->limits.waiting_actions))
        return true;
    node->metrics.requests_shed++;
    return false;
}
