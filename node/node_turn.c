/* Turns. Events are stepped as they come; what they make the core write gathers in the store's
 * turn, and is handed over when nothing more is due: the log thread writes and syncs it while the
 * next turn is being stepped. Actions gather in the core meanwhile, and are put into the log when
 * the disk is idle: so the size of a write follows from the load, and is what has arrived while the
 * last one ran. When the disk is idle already, they wait for the end of this round of the loop, so
 * that requests which arrived together share one entry, unless that is long: see GATHER_US. */
#include <stdlib.h>
#include <unistd.h>

#include "cluster/base/check.h"
#include "cluster/clock/hlc.h"
#include "node/loop.h"
#include "node/node_parts.h"

/* Stepping goes on for so long before other events of the loop get their turn. */
#define RUN_US UINT64_C(5000)

/* With an idle disk, actions gather at most about so long: as long as a write takes, so that the
 * processor and the disk work side by side when a round of requests is longer than that. */
#define GATHER_US UINT64_C(500)

/* Entries are handed to the store in portions of this many. */
#define PORTION 64

void node_die(int exit_code, const char *message, const struct log_field *fields)
{
    log_write(LOG_LEVEL_ERROR, message, fields);
    _exit(exit_code);
}

static struct now read_now(struct node *node)
{
    struct clock_reading reading;
    clock_read(&node->clock, &reading);
    return clock_advance(&node->clock, &reading);
}

/* --- Effects ---------------------------------------------------------------------------------- */

static void append(struct node *node, const struct effect *effect)
{
    struct store_entry portion[PORTION];
    for (uint32_t from = 0; from < effect->append.count; from += PORTION) {
        const uint32_t left = effect->append.count - from;
        const uint32_t count = left < PORTION ? left : PORTION;
        for (uint32_t i = 0; i < count; i++) {
            const struct log_entry *entry = &effect->append.entries[from + i];
            portion[i] = (struct store_entry){
                .term = entry->term,
                .type = (uint8_t)entry->type,
                .data = entry->data,
                .bytes = entry->bytes,
            };
        }
        store_append(node->store, effect->group, effect->append.first + from, portion, count);
    }
}

static void ask_for_log(struct log_readings *readings, const struct effect *effect)
{
    if (readings->count == readings->room) {
        const uint32_t room = readings->room == 0 ? 16 : 2 * readings->room;
        struct log_reading *list = realloc(readings->list, room * sizeof *list);
        if (list == NULL)
            node_die(EXIT_FAILED, "no memory", NULL);
        readings->list = list;
        readings->room = room;
    }
    readings->list[readings->count++] = (struct log_reading){
        .group = effect->group,
        .first = effect->read_log.first,
        .last = effect->read_log.last,
        .bytes_max = effect->read_log.bytes_max,
    };
}

static void note(const struct effect *effect)
{
    static const enum log_level levels[] = {
        [NOTE_DEBUG] = LOG_LEVEL_DEBUG,
        [NOTE_INFO] = LOG_LEVEL_INFO,
        [NOTE_WARNING] = LOG_LEVEL_WARNING,
        [NOTE_ERROR] = LOG_LEVEL_ERROR,
    };
    log_write(levels[effect->note.level], effect->note.text, NULL);
}

static void count_epoch(struct node *node, const struct global_board *board)
{
    const struct settings *settings = system_state_settings(cluster_system(node->cluster));
    if (!board->complete || settings == NULL)
        return;
    const struct now now = read_now(node);
    const uint64_t end_us = hlc_us(epoch_start(board->through + 1, settings->epoch_ms));
    metrics_count_epoch(&node->metrics, &now, end_us);
}

static void carry_out(struct node *node, const struct effect *effect)
{
    switch (effect->kind) {
    case EFFECT_SEND:
        node_peers_send(node, effect);
        return;
    case EFFECT_HARD_STATE:
        store_hard_state(node->store, effect->group, effect->hard_state.term,
                         effect->hard_state.vote, effect->hard_state.replica);
        node->wrote = true;
        return;
    case EFFECT_APPEND:
        append(node, effect);
        node->wrote = true;
        return;
    case EFFECT_TRUNCATE:
        store_truncate(node->store, effect->group, effect->truncate.from);
        node->wrote = true;
        return;
    case EFFECT_READ_LOG:
        ask_for_log(&node->readings, effect);
        return;
    case EFFECT_REPLY:
        for (uint32_t i = 0; i < effect->reply.count; i++)
            requests_result(node->requests, &effect->reply.replies[i]);
        return;
    case EFFECT_DEFINED:
        requests_defined(node->requests, effect);
        return;
    case EFFECT_QUERIED:
        requests_answer(node->requests, effect->queried.token, effect->queried.reply);
        return;
    case EFFECT_PUBLISH:
        count_epoch(node, effect->publish.board);
        global_board_release(effect->publish.board); /* readers ask the core, which has its own */
        return;
    case EFFECT_SNAPSHOT_BEGIN:
    case EFFECT_SNAPSHOT_CHUNK:
    case EFFECT_SNAPSHOT_COMMIT:
    case EFFECT_SNAPSHOT_ABORT:
    case EFFECT_COMPACT:
        node_snapshots_effect(node, effect);
        return;
    case EFFECT_DIAL:
        node_peers_dial(node, effect);
        return;
    case EFFECT_NOTE:
        note(effect);
        return;
    }
    UNREACHABLE();
}

/* --- Steps and turns -------------------------------------------------------------------------- */

/* Told by the news of a sync, or by the next write when that comes first. */
static _Noreturn void die_of_refused_write(const struct node *node, enum status status)
{
    node_die(EXIT_DISK, "the disk refused a write; what was not answered is unknown",
             LOG_FIELDS(log_text("status", status_name(status)),
                        log_text("data", node->config->node.data)));
}

/* Writes that find no room wait in the store; the core stands still until there is some. */
static void submit(struct node *node)
{
    const enum status status = store_submit(node->store, node->unsubmitted);
    if (status == STATUS_FULL)
        return;
    if (status == STATUS_TOO_LARGE)
        node_die(EXIT_DISK, "a turn wrote more than the log store takes", NULL);
    if (status != STATUS_OK)
        die_of_refused_write(node, status);
    if (node->submitted == node->durable)
        node->submitted_us = clock_monotonic_us();
    node->submitted = node->unsubmitted;
    node->unsubmitted = 0;
}

static void end_turn(struct node *node)
{
    if (!node->open)
        return;
    if (node->wrote)
        node->unsubmitted = cluster_ticket(node->cluster);
    node->open = false;
    node->wrote = false;
    cluster_turn_end(node->cluster);
    if (node->unsubmitted != 0)
        submit(node);
    node_peers_flush(node);
}

/* The cluster that took this node in is remembered with the turn's writes. */
static void watch_joining(struct node *node)
{
    const struct settings *settings = system_state_settings(cluster_system(node->cluster));
    if (settings == NULL)
        return;
    if (node->identity.cluster == 0) {
        identity_put_cluster(node->store, settings->cluster_id);
        node->identity.cluster = settings->cluster_id;
        node->wrote = true;
    }
    node_peers_joined(node);
}

void turn_deliver(struct node *node)
{
    CHECK(!node->calling);
    node->calling = true;
    requests_deliver(node->requests, clock_monotonic_us(), &node->metrics);
    node->calling = false;
}

void turn_step(struct node *node, const struct event *event)
{
    CHECK(!node->calling);
    CHECK(node->living);
    CHECK(node->unsubmitted == 0);
    CHECK(!node->more || event->kind == EVENT_CONTINUE);
    const struct now now = read_now(node);
    node->open = true;
    const enum status status = cluster_step(node->cluster, &now, event, node->effects);
    if (status != STATUS_OK)
        node_die(status == STATUS_NO_MEMORY ? EXIT_FAILED : EXIT_DISK,
                 status == STATUS_NO_MEMORY ? "no memory" : "the stored log is not one of ours",
                 LOG_FIELDS(log_text("status", status_name(status))));
    if (event->kind == EVENT_PERSISTED || event->kind == EVENT_CONTINUE)
        histogram_add(&node->metrics.apply, clock_monotonic_us() - now.monotonic_us, 1);
    for (uint32_t i = 0; i < node->effects->count; i++)
        carry_out(node, &node->effects->list[i]);
    node->more = node->effects->more;
    if (node->contact_count > 0)
        watch_joining(node);
    turn_deliver(node);
    if (node->more)
        end_turn(node);
}

/* Goes on with what filled the list of effects, until `until_us`. */
static bool settle(struct node *node, uint64_t until_us)
{
    const struct event event = {.kind = EVENT_CONTINUE};
    while (node->more && node->unsubmitted == 0 && clock_monotonic_us() < until_us)
        turn_step(node, &event);
    return !node->more && node->unsubmitted == 0;
}

/* Nothing is written now, nor waits to be. */
static bool disk_idle(const struct node *node)
{
    return node->submitted == node->durable && node->unsubmitted == 0;
}

bool turn_ready(struct node *node)
{
    if (!node->living)
        return false;
    return settle(node, clock_monotonic_us() + RUN_US);
}

/* Steps the entries that the oldest READ_LOG asked for. What was truncated meanwhile is not there
 * any more, and the core is told that. */
static void step_reading(struct node *node)
{
    const struct log_reading reading = node->readings.list[0];
    node->readings.count--;
    for (uint32_t i = 0; i < node->readings.count; i++)
        node->readings.list[i] = node->readings.list[i + 1];

    struct store_error error;
    struct store_entries read = {.count = 0};
    const struct store_span span = {
        .group = reading.group,
        .first_index = reading.first,
        .bytes_max = reading.bytes_max,
    };
    const enum status status = store_read(node->store, &span, &read, &error);
    if (status != STATUS_OK && status != STATUS_NOT_FOUND)
        node_die(status == STATUS_NO_MEMORY ? EXIT_FAILED : EXIT_DISK, "cannot read the log",
                 LOG_FIELDS(log_number("group", reading.group), log_text("why", error.text)));
    const uint64_t wanted = reading.last - reading.first + 1;
    const uint32_t count = read.count < wanted ? (uint32_t)read.count : (uint32_t)wanted;
    struct log_entry *entries = calloc(count > 0 ? count : 1, sizeof *entries);
    if (entries == NULL)
        node_die(EXIT_FAILED, "no memory", NULL);
    for (uint32_t i = 0; i < count; i++) {
        entries[i] = (struct log_entry){
            .term = read.entries[i].term,
            .type = (enum entry_type)read.entries[i].type,
            .data = read.entries[i].data,
            .bytes = (uint32_t)read.entries[i].bytes,
        };
    }
    const struct event event = {
        .kind = EVENT_LOG_READ,
        .log_read = {reading.group, reading.first, entries, count},
    };
    turn_step(node, &event);
    free(entries);
    store_entries_free(&read);
}

/* Puts what has gathered into the log and hands it over at once: the disk works while what the last
 * write made durable is applied and answered. */
static bool step_flush(struct node *node)
{
    if (!node->flush_due)
        return false;
    node->flush_due = false;
    node->gathers = false;
    if (!disk_idle(node) || !cluster_gathered(node->cluster))
        return false;
    const struct event event = {.kind = EVENT_FLUSH};
    turn_step(node, &event);
    end_turn(node);
    return true;
}

/* Steps one event that is due; false: none is. */
static bool step_due(struct node *node)
{
    struct event event = {.kind = EVENT_TICK};
    if (step_flush(node))
        return true;
    if (node->persisted_due) {
        node->persisted_due = false;
        event.kind = EVENT_PERSISTED;
        event.ticket = node->durable;
    } else if (node->tick_due) {
        node->tick_due = false;
    } else if (node_snapshots_event(node, &event)) {
        /* It is in the event. */
    } else if (node->stop_due) {
        node->stop_due = false;
        event.kind = EVENT_STOP;
    } else if (node->readings.count > 0) {
        step_reading(node);
        return true;
    } else {
        return false;
    }
    turn_step(node, &event);
    return true;
}

void turn_gather(struct node *node, uint64_t now_us)
{
    turn_put_off(node);
    if (!disk_idle(node))
        return;
    if (!node->gathers) {
        node->gathers = true;
        node->gathers_since_us = now_us;
    } else if (now_us - node->gathers_since_us >= GATHER_US) {
        loop_timer_now(node->hurry);
    }
}

void turn_put_off(struct node *node)
{
    if (node->work_waits)
        return;
    node->work_waits = true;
    loop_timer_now(node->work);
}

void turn_run(struct node *node)
{
    if (!node->living)
        return;
    const uint64_t until_us = clock_monotonic_us() + RUN_US;
    bool due = true;
    while (due && settle(node, until_us)) {
        due = step_due(node);
        if (clock_monotonic_us() >= until_us)
            break;
    }
    end_turn(node);
    /* What waits for the disk goes on with its news. */
    if (due && node->unsubmitted == 0)
        turn_put_off(node);
}

void turn_take_news(struct node *node)
{
    struct inbox_news news;
    if (!inbox_take(&node->inbox, &news))
        return;
    if (news.status != STATUS_OK)
        die_of_refused_write(node, news.status);
    if (news.ticket > node->durable) {
        node->durable = news.ticket;
        node->persisted_due = true;
        const uint64_t sync_us = clock_monotonic_us() - node->submitted_us;
        node->submitted_us += sync_us;
        histogram_add(&node->metrics.sync, sync_us, 1);
        node_snapshots_durable(node);
    }
    node_snapshots_take(node, &news);
    node->flush_due = true;
    if (node->unsubmitted != 0)
        submit(node);
}
