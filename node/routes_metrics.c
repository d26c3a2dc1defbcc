/* GET /metrics: everything that this node counts and measures, on one page. The numbers are read
 * while nothing else runs, so they belong to one moment, and in less than a millisecond. No label
 * has more values than are written down here: nothing grows with players, hunts or ranges. */
#include <stdlib.h>

#include "cluster/base/check.h"
#include "cluster/clock/hlc.h"
#include "cluster/ranges/range_state.h"
#include "node/allocations.h"
#include "node/metrics.h"
#include "node/metrics_text.h"
#include "node/peers.h"
#include "node/routes.h"
#include "node/routes_internal.h"
#include "node/store.h"
#include "node/vitals.h"

/* The page, and whom it is about. */
struct page {
    struct metrics_text *text;
    const struct call *call;
    struct node *node;
    const struct metrics *metrics;
    struct now now;
};

static void counter(const struct page *page, const char *name, uint64_t value, const char *help)
{
    metrics_text_family(page->text, name, METRICS_COUNTER, help);
    metrics_text_number(page->text, NULL, value);
}

static void gauge(const struct page *page, const char *name, uint64_t value, const char *help)
{
    metrics_text_family(page->text, name, METRICS_GAUGE, help);
    metrics_text_number(page->text, NULL, value);
}

static void gauge_seconds(const struct page *page, const char *name, uint64_t value_us,
                          const char *help)
{
    metrics_text_family(page->text, name, METRICS_GAUGE, help);
    metrics_text_seconds(page->text, NULL, value_us);
}

static void durations(const struct page *page, const char *name, const struct histogram *histogram,
                      const char *help)
{
    metrics_text_family(page->text, name, METRICS_HISTOGRAM, help);
    metrics_text_histogram(page->text, histogram);
}

static void write_node(const struct page *page)
{
    const char *reason;
    const struct metrics_label version = {"version", CAIRN_VERSION};
    const uint64_t up_us = page->now.monotonic_us - page->metrics->started.monotonic_us;
    metrics_text_family(page->text, "cairn_build_info", METRICS_GAUGE,
                        "1; the label says which version runs.");
    metrics_text_number(page->text, &version, 1);
    gauge_seconds(page, "cairn_start_time_seconds", page->metrics->started.physical_us,
                  "When the node started, since 1970 UTC.");
    gauge_seconds(page, "cairn_uptime_seconds", up_us, "For how long the node has been running.");
    gauge(page, "cairn_ready", cluster_ready(node_cluster(page->node), &reason),
          "1 while /readyz says so, else 0.");
}

static void write_actions(const struct page *page)
{
    const struct metrics *metrics = page->metrics;
    metrics_text_family(page->text, "cairn_actions_total", METRICS_COUNTER,
                        "Actions answered, by outcome; repeated ones count again.");
    for (unsigned i = OUTCOME_NONE + 1; i < OUTCOME_COUNT; i++) {
        const struct metrics_label outcome = {"outcome", outcome_name((enum outcome)i)};
        metrics_text_number(page->text, &outcome, metrics->actions[i]);
    }
    counter(page, "cairn_requests_shed_total", metrics->requests_shed,
            "Requests turned away unread, because too much waited already.");
    counter(page, "cairn_requests_expired_total", metrics->requests_expired,
            "Requests that the node did not answer in time.");
    durations(page, "cairn_parse_duration_seconds", &metrics->parse,
              "Reading the body of a request with actions.");
    durations(page, "cairn_commit_duration_seconds", &metrics->commit,
              "From taking the actions of a request to having all their results.");
    durations(page, "cairn_apply_duration_seconds", &metrics->apply,
              "Steps of the core that commit what is durable, judge it and make the answers.");
}

static void write_connections(const struct page *page, const struct http_counters *http)
{
    gauge(page, "cairn_http_connections", http->connections_open, "Connections that are open.");
    counter(page, "cairn_http_connections_accepted_total", http->connections_total,
            "Connections accepted, those refused afterwards too.");
    counter(page, "cairn_http_connections_refused_total", http->connections_refused,
            "Connections over limits.connections.");
    counter(page, "cairn_http_accept_failures_total", http->accept_failures,
            "Connections that could not be accepted: no descriptor, or no memory.");
}

static void write_http(const struct page *page)
{
    static const struct {
        unsigned at;
        const char *name;
    } classes[] = {{2, "2xx"}, {3, "3xx"}, {4, "4xx"}, {5, "5xx"}};
    const struct http_counters *http =
        http_server_counters(http_request_server(page->call->request));
    counter(page, "cairn_http_requests_total", http->requests, "Well-formed requests received.");
    metrics_text_family(page->text, "cairn_http_responses_total", METRICS_COUNTER,
                        "Answers, by class; those to malformed requests too.");
    for (size_t i = 0; i < sizeof classes / sizeof classes[0]; i++) {
        const struct metrics_label class_label = {"class", classes[i].name};
        metrics_text_number(page->text, &class_label, http->replies[classes[i].at]);
    }
    counter(page, "cairn_http_malformed_total", http->malformed,
            "Requests refused because they broke the protocol or a limit.");
    counter(page, "cairn_http_timeouts_total", http->timeouts,
            "Requests that were not complete in time, a part of the malformed ones.");
    counter(page, "cairn_http_received_bytes_total", http->bytes_in, "Bytes of requests.");
    counter(page, "cairn_http_sent_bytes_total", http->bytes_out, "Bytes of answers.");
    durations(page, "cairn_http_request_duration_seconds", &http->answer_time,
              "From the last byte of a request to its answer.");
    write_connections(page, http);
}

static void write_queues(const struct page *page)
{
    const struct node_load load = node_load(page->node);
    gauge(page, "cairn_requests_waiting", load.requests, "Requests that the core has to answer.");
    gauge(page, "cairn_actions_waiting", load.actions, "Actions in them.");
    gauge(page, "cairn_large_bodies_waiting", routes_bodies_waiting(page->call->routes),
          "Large bodies that wait to be read, or are being read.");
    gauge(page, "cairn_log_backlog_bytes", load.write_backlog, "What waits for the disk.");
    gauge_seconds(page, "cairn_queue_wait_seconds", load.queue_us,
                  "How long it takes to come to a request that is there.");
    durations(page, "cairn_tick_late_seconds", &page->metrics->tick_late,
              "How late the node's regular work was, which heartbeats are part of.");
    gauge(page, "cairn_forwards_waiting", cluster_forwards(node_cluster(page->node)),
          "Actions of ranges that other nodes lead, on their way there and back.");
}

/* Why messages of other nodes were not taken, or not for what they said. */
static void write_refused(const struct page *page, const struct peers_measures *peers)
{
    metrics_text_family(page->text, "cairn_peer_messages_refused_total", METRICS_COUNTER,
                        "Messages from elsewhere that were not taken, by why.");
    for (unsigned i = ENVELOPE_OK + 1; i < ENVELOPE_FAULTS; i++) {
        const struct metrics_label why = {"reason", envelope_fault_name((enum envelope_fault)i)};
        metrics_text_number(page->text, &why, peers->refused[i]);
    }
    counter(page, "cairn_peer_messages_replayed_total", peers->replayed,
            "Messages that had come before, or that a former start of their sender sent.");
    counter(page, "cairn_peer_pieces_malformed_total", page->metrics->messages_malformed,
            "Pieces of good messages that say nothing this node understands.");
}

/* What was to go to other nodes and did not. */
static void write_dropped(const struct page *page, const struct peers_measures *peers)
{
    const struct metrics_label full = {"reason", "full"};
    const struct metrics_label stale = {"reason", "stale"};
    metrics_text_family(page->text, "cairn_peer_dropped_total", METRICS_COUNTER,
                        "Pieces for other nodes that were dropped: their queue was full, or they "
                        "had waited too long.");
    metrics_text_number(page->text, &full, peers->dropped_full);
    metrics_text_number(page->text, &stale, peers->dropped_stale);
    counter(
        page, "cairn_messages_dropped_total", page->metrics->messages_dropped,
        "Messages of the core, to other nodes or from them, that were not passed on: no link, a "
        "full queue, or a core that was busy.");
}

static void write_peers(const struct page *page)
{
    struct peers_measures peers;
    node_measure_peers(page->node, &peers);
    gauge(page, "cairn_peer_links", peers.links, "Links to other nodes.");
    gauge(page, "cairn_peer_links_up", peers.links_up, "Those of them that are connected.");
    gauge(page, "cairn_peer_queued_bytes", peers.queued_bytes, "What waits for those links.");
    counter(page, "cairn_peer_messages_sent_total", peers.sent, "Messages sent to other nodes.");
    counter(page, "cairn_peer_sent_bytes_total", peers.sent_bytes, "Bytes of those.");
    counter(page, "cairn_peer_messages_received_total", peers.received,
            "Messages of other nodes that were taken.");
    counter(page, "cairn_peer_received_bytes_total", peers.received_bytes, "Bytes of those.");
    counter(page, "cairn_peer_links_replaced_total", peers.replaced,
            "Sockets of links that were silent and were replaced.");
    write_dropped(page, &peers);
    write_refused(page, &peers);
}

static void write_members(const struct page *page)
{
    struct cluster_membership membership;
    cluster_membership(node_cluster(page->node), &membership);
    const struct metrics_label live = {"state", "live"};
    const struct metrics_label gone = {"state", "gone"};
    metrics_text_family(page->text, "cairn_members", METRICS_GAUGE,
                        "Members as this node sees them, itself included: alive or suspected, and "
                        "failed or left.");
    metrics_text_number(page->text, &live, membership.live);
    metrics_text_number(page->text, &gone, membership.gone);
    counter(page, "cairn_member_failures_total", membership.failures,
            "How often a member was found to have failed.");
    counter(page, "cairn_gossip_messages_sent_total", membership.sent,
            "Messages about who is alive that were sent.");
    counter(page, "cairn_gossip_messages_received_total", membership.received, "Those that came.");
    counter(page, "cairn_peer_messages_ahead_total", membership.messages_refused,
            "Messages that were dropped because their stamps are too far ahead of this clock.");
    gauge(page, "cairn_clock_skewed", membership.skew != SKEW_NONE,
          "1 while this node stands aside because most others' clocks disagree with its own.");
    gauge(page, "cairn_clocks_apart", membership.clocks_apart,
          "Other members whose clocks are far from this one.");
}

/* Epochs by this node's clock: how far the boards and the settling are behind. */
static void write_epochs(const struct page *page, const struct settings *settings)
{
    const struct cluster *cluster = node_cluster(page->node);
    const struct merge *merge = cluster_merge(cluster);
    const uint64_t present = routes_present_epoch(page->call->routes, settings);
    uint64_t complete = 0;
    uint64_t settled = 0;
    const uint64_t incomplete_from =
        merge != NULL && merge_complete(merge, &complete) ? complete + 1 : settings->first_epoch;
    const uint64_t unsettled_from =
        cluster_settled(cluster, &settled) ? settled + 1 : settings->first_epoch;
    const uint64_t end_us = hlc_us(epoch_start(incomplete_from, settings->epoch_ms));
    const uint64_t now_us = page->now.physical_us;
    gauge(page, "cairn_epoch", present, "The epoch that is open by this node's clock.");
    gauge_seconds(page, "cairn_epoch_length_seconds", (uint64_t)settings->epoch_ms * 1000,
                  "How long an epoch is.");
    gauge_seconds(page, "cairn_epoch_lag_seconds", now_us > end_us ? now_us - end_us : 0,
                  "Since the end of the newest epoch that has a complete board.");
    durations(page, "cairn_epoch_completion_seconds", &page->metrics->completion,
              "From the end of an epoch to its complete board.");
    counter(page, "cairn_epochs_completed_total", page->metrics->epochs_completed,
            "Complete boards published; one may stand for a run of quiet epochs.");
    gauge_seconds(page, "cairn_epoch_duration_seconds", page->metrics->completing_us,
                  "Between the two newest complete boards.");
    gauge(page, "cairn_settle_lag_epochs", present > unsettled_from ? present - unsettled_from : 0,
          "Epochs that are over and not settled in all ranges.");
}

/* This node's replicas, together. */
struct share {
    uint64_t replicas, led, applied, players, receipts, pending;
};

static struct share add_up(const struct cluster *cluster, uint32_t ranges)
{
    struct share share = {0};
    uint64_t term;
    for (uint32_t range = 0; range < ranges; range++) {
        struct range_state *state = cluster_range_state(cluster, range);
        if (state == NULL)
            continue;
        const struct engine *engine = range_state_engine(state);
        share.replicas++;
        share.led += cluster_leads(cluster, range, &term);
        share.applied += cluster_applied(cluster, range);
        share.players += engine_players(engine);
        share.receipts += engine_receipts(engine);
        share.pending += engine_pending(engine);
    }
    return share;
}

static void write_ranges(const struct page *page, const struct settings *settings)
{
    const struct cluster *cluster = node_cluster(page->node);
    const struct merge *merge = cluster_merge(cluster);
    const struct share share = add_up(cluster, settings->ranges);
    gauge(page, "cairn_ranges", settings->ranges, "Ranges of the cluster.");
    gauge(page, "cairn_ranges_held", share.replicas, "Ranges that this node has a replica of.");
    gauge(page, "cairn_ranges_led", share.led, "Ranges that this node leads.");
    counter(page, "cairn_log_entries_applied_total", share.applied,
            "Entries applied of the ranges held here, since the cluster was founded.");
    gauge(page, "cairn_players", share.players,
          "Players of the ranges held here, counted once for each of their hunts.");
    gauge(page, "cairn_receipts", share.receipts,
          "Receipts of accepted claims, in the ranges held here.");
    gauge(page, "cairn_claims_pending", share.pending,
          "Claims that wait for their epoch to be settled, in the ranges held here.");
    gauge(page, "cairn_boards_bytes", merge != NULL ? merge_bytes(merge) : 0,
          "Memory of summaries and boards.");
}

static void write_store(const struct page *page)
{
    struct store_measures store;
    node_measure_store(page->node, &store);
    durations(page, "cairn_log_sync_duration_seconds", &page->metrics->sync,
              "From handing writes to the log to their being durable.");
    counter(page, "cairn_log_turns_total", store.turns, "Turns made durable.");
    counter(page, "cairn_log_writes_total", store.writes, "Synced writes that carried them.");
    counter(page, "cairn_log_written_bytes_total", store.bytes, "Bytes in those writes.");
    gauge(page, "cairn_store_memtable_bytes", store.memtable_bytes,
          "Memory of RocksDB's memtables.");
    gauge(page, "cairn_store_memtables_waiting", store.memtables,
          "Memtables that wait to be written out.");
    gauge(page, "cairn_store_level0_files", store.level0_files,
          "Table files of level 0; many of them slow writing down.");
    gauge(page, "cairn_store_table_bytes", store.table_bytes, "Bytes of all table files.");
    gauge(page, "cairn_store_stalled", store.stalled,
          "1 while RocksDB delays or stops writes, else 0.");
    metrics_text_family(page->text, "cairn_store_stalled_seconds_total", METRICS_COUNTER,
                        "For how long RocksDB delayed or stopped writes.");
    metrics_text_seconds(page->text, NULL, store.stalled_us);
    gauge(page, "cairn_store_table_memory_bytes", store.table_memory_bytes,
          "Memory of open table files: their indices and filters.");
    gauge(page, "cairn_disk_free_bytes", store.disk_free_bytes,
          "What is free for this user in the file system of the data directory.");
}

static void write_disk(const struct page *page)
{
    const struct metrics *metrics = page->metrics;
    const struct node_disk disk = node_disk(page->node);
    const uint64_t newest_us = metrics->snapshot_stored_us != 0 ? metrics->snapshot_stored_us
                                                                : metrics->started.monotonic_us;
    gauge(page, "cairn_disk_reserve_bytes", disk.reserve_bytes,
          "What must be free for claims and hunts to be taken.");
    gauge(page, "cairn_disk_full", disk.full, "1 while they are refused for want of room, else 0.");
    gauge(page, "cairn_snapshots", disk.snapshots, "Groups that have a snapshot on the disk.");
    gauge(page, "cairn_snapshots_bytes", disk.snapshot_bytes, "The files of those snapshots.");
    gauge(page, "cairn_log_behind_snapshots_bytes", cluster_log_bytes(node_cluster(page->node)),
          "Entries of the log behind the snapshots: what a start has to apply again.");
    counter(page, "cairn_snapshots_stored_total", metrics->snapshots_stored, "Snapshots stored.");
    counter(page, "cairn_snapshots_failed_total", metrics->snapshots_failed,
            "Snapshots that found no room on the disk.");
    counter(page, "cairn_snapshots_written_bytes_total", metrics->snapshot_bytes,
            "Bytes of the files of those stored.");
    gauge_seconds(page, "cairn_snapshot_age_seconds", page->now.monotonic_us - newest_us,
                  "Since a snapshot was stored, or since the start while none was.");
    durations(page, "cairn_snapshot_duration_seconds", &metrics->snapshot,
              "From a snapshot's first byte to its being durable.");
}

/* Memory of the core that no engine and no board has. */
static void write_pools(const struct page *page)
{
    struct cluster_memory memory;
    cluster_memory(node_cluster(page->node), &memory);
    gauge(page, "cairn_turn_memory_bytes", memory.turn_bytes,
          "Memory for the turns' effects, kept from turn to turn.");
    gauge(page, "cairn_log_tail_bytes", memory.tails_bytes,
          "Entries of the log that are kept in memory for other replicas.");
    gauge(page, "cairn_ledgers_bytes", memory.ledgers_bytes,
          "Claims and reactions that wait to be settled, of all ranges.");
}

static uint64_t growth(uint64_t before, uint64_t after)
{
    return after > before ? after - before : 0;
}

static void write_memory(const struct page *page, const struct vitals *vitals)
{
    const uint64_t resident_then = page->metrics->resident_at_ready_bytes;
    const uint64_t heap_then = page->metrics->heap_at_ready_bytes;
    const uint64_t heap_now = vitals->heap_used_bytes + vitals->heap_mapped_bytes;
    gauge(page, "cairn_resident_bytes", vitals->resident_bytes, "Memory of the process in RAM.");
    gauge(page, "cairn_resident_max_bytes", vitals->resident_max_bytes,
          "The most that it ever was.");
    gauge(page, "cairn_resident_start_bytes", resident_then,
          "What it was when the node became ready; 0 until then.");
    gauge(page, "cairn_resident_growth_bytes", growth(resident_then, vitals->resident_bytes),
          "What it has grown by since; 0 where it shrank.");
    gauge(page, "cairn_heap_growth_bytes", growth(heap_then, heap_now),
          "What the blocks in use, large ones too, have grown by since the node became ready.");
    if (ALLOCATIONS_COUNTED)
        counter(page, "cairn_heap_allocations_total", allocations_count(),
                "Blocks asked of the allocator, resized ones too, by all threads.");
}

static void write_process(const struct page *page)
{
    struct vitals vitals;
    vitals_read(&vitals);
    write_memory(page, &vitals);
    gauge(page, "cairn_heap_arena_bytes", vitals.heap_arena_bytes,
          "What the allocator took from the system, large blocks aside.");
    gauge(page, "cairn_heap_used_bytes", vitals.heap_used_bytes,
          "What of it is allocated; the rest is free and kept.");
    gauge(page, "cairn_heap_mapped_bytes", vitals.heap_mapped_bytes,
          "Large blocks with pages of their own, touched or not.");
    gauge(page, "cairn_heap_mapped_blocks", vitals.heap_mapped_blocks, "How many those are.");
    gauge(page, "cairn_descriptors_open", vitals.descriptors, "Descriptors in use.");
    gauge(page, "cairn_descriptors_max", vitals.descriptors_max, "Descriptors allowed.");
    metrics_text_family(page->text, "cairn_cpu_seconds_total", METRICS_COUNTER,
                        "Processor time of all threads.");
    metrics_text_seconds(page->text, NULL, vitals.cpu_us);
}

static void write_page(const struct page *page)
{
    const struct settings *settings =
        system_state_settings(cluster_system(node_cluster(page->node)));
    write_node(page);
    write_actions(page);
    write_http(page);
    write_queues(page);
    write_peers(page);
    write_members(page);
    write_pools(page);
    if (settings != NULL) {
        write_epochs(page, settings);
        write_ranges(page, settings);
    }
    write_store(page);
    write_disk(page);
    write_process(page);
}

void routes_get_metrics(const struct call *call)
{
    struct metrics_text *text = malloc(sizeof *text);
    if (text == NULL) {
        routes_refuse_memory(call->request);
        return;
    }
    text->used = 0;
    text->overflowed = false;
    text->family = NULL;
    write_page(&(struct page){
        .text = text,
        .call = call,
        .node = call->routes->node,
        .metrics = node_metrics(call->routes->node),
        .now = node_now(call->routes->node),
    });
    CHECK(!text->overflowed);
    routes_reply_body(call->request, &(struct routes_body){.type = METRICS_CONTENT_TYPE,
                                                           .cache_control = "no-store",
                                                           .data = text->data,
                                                           .bytes = text->used});
    free(text);
}
