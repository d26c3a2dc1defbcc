/* The leaderboards, players' neighbours on them, and the epochs that they are of. */
#include <stdlib.h>
#include <string.h>

#include "cluster/base/check.h"
#include "node/gzip.h"
#include "node/routes_cursor.h"
#include "node/routes_internal.h"

#define AROUND_DEFAULT 10

/* A complete board never changes, so whoever asks for one by its epoch may keep it. */
#define CACHE_FOR_EVER "public, max-age=31536000, immutable"

/* What was asked for. */
struct wish {
    const struct hunt *hunt;
    bool pinned; /* to an epoch, by `epoch` or by the cursor */
    uint64_t epoch;
    uint32_t limit;
    uint32_t offset;
};

/* The cursor's place; it must not contradict the rest. */
static bool take_cursor(const struct call *call, struct wish *wish)
{
    char text[HTTP_PARAMETER_VALUE_BYTES];
    struct cursor cursor;
    const enum status status =
        http_query_get(text, sizeof text, http_request_query(call->request), "cursor");
    CHECK(status == STATUS_OK || status == STATUS_NOT_FOUND);
    if (status == STATUS_NOT_FOUND)
        return true;
    if (cursor_parse(&cursor, text) != STATUS_OK || cursor.hunt != wish->hunt->number ||
        (wish->pinned && cursor.epoch != wish->epoch)) {
        routes_refuse(call->request, 400, "malformed", "cursor",
                      "not a cursor that this leaderboard gave out");
        return false;
    }
    wish->pinned = true;
    wish->epoch = cursor.epoch;
    wish->offset = cursor.offset;
    return true;
}

static bool take_wish(const struct call *call, struct wish *wish)
{
    const struct number_rule epoch = {"epoch", 0, UINT64_MAX};
    wish->limit = ROUTES_LIMIT_DEFAULT;
    if (!routes_limit_parameter(call, &wish->limit) ||
        !routes_number_parameter(call, &epoch, &wish->epoch, &wish->pinned))
        return false;
    wish->hunt = routes_path_hunt(call);
    return wish->hunt != NULL && take_cursor(call, wish);
}

/* Why there is no board of this epoch: too late, or too early. */
static void refuse_epoch(const struct call *call, const struct settings *settings, uint64_t epoch)
{
    const struct merge *merge = cluster_merge(node_cluster(call->routes->node));
    uint64_t newest = 0;
    const bool any = merge != NULL && merge_complete(merge, &newest);
    if (any && epoch >= settings->first_epoch && epoch <= newest)
        routes_refuse(call->request, 410, "epoch_gone", "epoch", "this epoch is not kept any more");
    else
        routes_refuse(call->request, 404, "unknown_epoch", "epoch",
                      "nothing of this epoch is known");
}

static void refuse_boardless(struct http_request *request)
{
    routes_refuse(request, 503, "no_board", NULL, "no epoch has been published yet");
}

/* The board with a reference; NULL, and refused: there is none. */
static struct global_board *find_board(const struct call *call, const struct wish *wish)
{
    const struct cluster *cluster = node_cluster(call->routes->node);
    const struct settings *settings = routes_settings(call);
    if (settings == NULL)
        return NULL;
    struct global_board *board =
        wish->pinned ? cluster_board(cluster, wish->epoch) : cluster_newest_board(cluster);
    if (board != NULL)
        return board;
    if (wish->pinned)
        refuse_epoch(call, settings, wish->epoch);
    else
        refuse_boardless(call->request);
    return NULL;
}

/* Rank 0: he has none. */
static void write_entry(struct json_text *text, uint64_t rank, const struct board_entry *entry)
{
    json_text_object(text);
    if (rank > 0) {
        json_text_key(text, "rank");
        json_text_number(text, rank);
    }
    json_text_key(text, "player");
    json_text_player(text, &entry->player);
    json_text_key(text, "score");
    json_text_quoted_signed(text, entry->score);
    /* Of the last claim that brought points. */
    if (entry->hlc > 0) {
        json_text_key(text, "hlc");
        json_text_quoted(text, entry->hlc);
    }
    json_text_object_end(text);
}

static void write_entries(struct json_text *text, const struct global_hunt *hunt, uint32_t from,
                          uint32_t to)
{
    json_text_key(text, "entries");
    json_text_array(text);
    for (uint32_t i = from; i < to; i++)
        write_entry(text, hunt->entries[i].rank, &hunt->entries[i].entry);
    json_text_array_end(text);
}

/* One page of the board; `hunt` is NULL while nobody has played it. */
static void write_page(struct json_text *text, const struct wish *wish,
                       const struct global_hunt *hunt, uint64_t epoch)
{
    const uint32_t count = hunt != NULL ? hunt->entry_count : 0;
    const uint32_t from = wish->offset < count ? wish->offset : count;
    const uint32_t to = count - from > wish->limit ? from + wish->limit : count;
    json_text_key(text, "players");
    json_text_number(text, hunt != NULL ? hunt->players : 0);
    if (hunt != NULL) {
        json_text_key(text, "digest");
        json_text_hex(text, hunt->digest);
    }
    write_entries(text, hunt, from, to);
    if (to == count)
        return;
    char next[CURSOR_BYTES];
    cursor_format(next, &(struct cursor){.hunt = wish->hunt->number, .epoch = epoch, .offset = to});
    json_text_key(text, "next_cursor");
    json_text_string(text, next);
}

static void write_board(struct json_text *text, const struct wish *wish,
                        const struct global_board *board, uint64_t epoch)
{
    json_text_object(text);
    json_text_key(text, "hunt");
    json_text_string(text, wish->hunt->name.text);
    json_text_key(text, "epoch");
    json_text_quoted(text, epoch);
    json_text_key(text, "state");
    json_text_string(text, board->complete ? "complete" : "partial");
    routes_write_numbers(text, "missing_ranges", board->missing, board->ranges - board->ranges_in);
    write_page(text, wish, global_board_hunt(board, wish->hunt->number), epoch);
    json_text_object_end(text);
}

/* The page of a complete board, which is written once; NULL: no memory. */
static struct kept_page *keep_page(struct page_cache *pages, const struct wish *wish,
                                   const struct global_board *board, uint64_t epoch)
{
    const struct page_key key = {
        .epoch = epoch, .hunt = wish->hunt->number, .offset = wish->offset, .limit = wish->limit};
    struct kept_page *page = page_cache_find(pages, &key);
    if (page != NULL)
        return page;
    struct json_text text = {0};
    write_board(&text, wish, board, epoch);
    if (json_text_ok(&text))
        return page_cache_add(pages, &key, text.data, text.used);
    json_text_fini(&text);
    return NULL;
}

static void reply_complete(const struct call *call, const struct wish *wish,
                           const struct global_board *board, uint64_t epoch)
{
    struct kept_page *page = keep_page(call->routes->pages, wish, board, epoch);
    if (page == NULL) {
        routes_refuse_memory(call->request);
        return;
    }
    /* Where that fails, the reply does without. */
    if (page->gzip == NULL && routes_wants_gzip(call->request, page->bytes))
        (void)(gzip_encode(&page->gzip, &page->gzip_bytes, page->data, page->bytes) == STATUS_OK);
    routes_reply_body(
        call->request,
        &(struct routes_body){.type = "application/json",
                              .cache_control = wish->pinned ? CACHE_FOR_EVER : ROUTES_CACHE_CHECKED,
                              .data = page->data,
                              .bytes = page->bytes,
                              .tagged = true,
                              .digest = page->digest,
                              .gzip = page->gzip,
                              .gzip_bytes = page->gzip_bytes});
}

void routes_get_leaderboard(const struct call *call)
{
    struct wish wish = {0};
    if (!routes_admit_load(call))
        return;
    struct global_board *board = take_wish(call, &wish) ? find_board(call, &wish) : NULL;
    if (board == NULL)
        return;
    /* A run of epochs may share one board. */
    const uint64_t epoch = wish.pinned ? wish.epoch : board->through;
    if (board->complete) {
        reply_complete(call, &wish, board, epoch);
    } else {
        struct json_text text = {0};
        write_board(&text, &wish, board, epoch);
        routes_reply_cached(call->request, &text, ROUTES_CACHE_CHECKED);
    }
    global_board_release(board);
}

static void reply_around(const struct waiting *waiting, const struct around_answer *around)
{
    struct json_text text = {0};
    json_text_object(&text);
    json_text_key(&text, "hunt");
    json_text_string(&text, waiting->name.text);
    json_text_key(&text, "player");
    json_text_player(&text, &waiting->player);
    if (around->rank > 0) {
        json_text_key(&text, "rank");
        json_text_number(&text, around->rank);
    }
    json_text_key(&text, "players");
    json_text_number(&text, around->players);
    json_text_key(&text, "epoch");
    json_text_quoted(&text, around->epoch);
    json_text_key(&text, "entries");
    json_text_array(&text);
    for (uint32_t i = 0; i < around->count; i++)
        write_entry(&text, around->entries[i].rank, &around->entries[i].entry);
    json_text_array_end(&text);
    json_text_object_end(&text);
    routes_reply_cached(waiting->request, &text, ROUTES_CACHE_CHECKED);
}

static void around_read(void *context, const struct query_reply *reply)
{
    struct waiting *waiting = context;
    if (waiting->request != NULL && reply->status == STATUS_OK)
        reply_around(waiting, &reply->around);
    else if (waiting->request != NULL && reply->status == STATUS_NOT_FOUND)
        refuse_boardless(waiting->request);
    else if (waiting->request != NULL)
        routes_refuse_leaderless(waiting->request);
    free(waiting);
}

void routes_get_around(const struct call *call)
{
    struct query query = {.kind = QUERY_AROUND, .limit = AROUND_DEFAULT};
    if (!routes_admit_load(call))
        return;
    if (!routes_path_player(call, 5, &query.player) || !routes_limit_parameter(call, &query.limit))
        return;
    const struct hunt *hunt = routes_path_hunt(call);
    if (hunt == NULL || routes_pass_on(call, routes_whole_node(call)))
        return;
    struct waiting *waiting = routes_wait(call);
    if (waiting == NULL)
        return;
    query.hunt = hunt->number;
    waiting->name = hunt->name;
    waiting->player = query.player;
    node_query(call->routes->node, &query, around_read, waiting);
}

static void write_hunts(struct json_text *text, const struct system_state *system,
                        const struct global_board *board)
{
    json_text_key(text, "hunts");
    json_text_array(text);
    for (uint32_t i = 0; board != NULL && i < board->hunt_count; i++) {
        const struct global_hunt *played = &board->hunts[i];
        const struct hunt *hunt = system_state_hunt(system, played->hunt);
        json_text_object(text);
        /* The ranges may be ahead of what this node has heard from the system group. */
        if (hunt != NULL) {
            json_text_key(text, "hunt");
            json_text_string(text, hunt->name.text);
        }
        json_text_key(text, "players");
        json_text_number(text, played->players);
        json_text_key(text, "digest");
        json_text_hex(text, played->digest);
        json_text_object_end(text);
    }
    json_text_array_end(text);
}

static void write_summaries(struct json_text *text, const struct global_board *board)
{
    json_text_key(text, "summaries");
    json_text_array(text);
    for (uint32_t i = 0; board != NULL && i < board->ranges_in; i++) {
        json_text_object(text);
        json_text_key(text, "range");
        json_text_number(text, board->summaries[i].range);
        json_text_key(text, "bytes");
        json_text_number(text, board->summaries[i].bytes);
        json_text_key(text, "digest");
        json_text_hex(text, board->summaries[i].digest);
        json_text_object_end(text);
    }
    json_text_array_end(text);
}

/* The missing ranges of an epoch that nothing is known of yet: all of them. */
static void write_ranges(struct json_text *text, const struct global_board *board, uint32_t ranges)
{
    uint32_t all[RANGES_MAX];
    CHECK(ranges <= RANGES_MAX);
    for (uint32_t i = 0; i < ranges; i++)
        all[i] = i;
    json_text_key(text, "ranges_in");
    json_text_number(text, board != NULL ? board->ranges_in : 0);
    json_text_key(text, "ranges");
    json_text_number(text, ranges);
    routes_write_numbers(text, "missing_ranges", board != NULL ? board->missing : all,
                         board != NULL ? ranges - board->ranges_in : ranges);
}

/* A board that is not there yet (NULL) is as good as one without a range in it. */
static void reply_epoch(const struct call *call, const struct global_board *board, uint64_t epoch)
{
    const struct system_state *system = cluster_system(node_cluster(call->routes->node));
    const struct settings *settings = system_state_settings(system);
    const bool complete = board != NULL && board->complete;
    const bool open = epoch >= routes_present_epoch(call->routes, settings);
    uint64_t through = 0;
    const bool settled = cluster_settled(node_cluster(call->routes->node), &through);
    struct json_text text = {0};
    json_text_object(&text);
    json_text_key(&text, "epoch");
    json_text_quoted(&text, epoch);
    json_text_key(&text, "state");
    json_text_string(&text, complete ? "complete" : open ? "open" : "partial");
    write_ranges(&text, board, settings->ranges);
    routes_write_settled(&text, settled, through);
    write_hunts(&text, system, board);
    write_summaries(&text, board);
    json_text_object_end(&text);
    routes_reply_cached(call->request, &text, ROUTES_CACHE_CHECKED);
}

/* The epoch's number in the path. */
static bool take_epoch(const struct call *call, uint64_t *ret_epoch)
{
    const struct merge *merge = cluster_merge(node_cluster(call->routes->node));
    const struct number_rule rule = {"epoch", 0, UINT64_MAX};
    if (strcmp(call->path->segments[2], "latest") != 0)
        return routes_number(call, &rule, call->path->segments[2], ret_epoch);
    if (merge != NULL && merge_complete(merge, ret_epoch))
        return true;
    routes_refuse(call->request, 404, "unknown_epoch", "epoch", "no epoch is complete yet");
    return false;
}

/* Begun, and not complete: what is not in may still come. */
static bool may_come(const struct call *call, const struct settings *settings, uint64_t epoch)
{
    const struct merge *merge = cluster_merge(node_cluster(call->routes->node));
    uint64_t newest = 0;
    if (epoch < settings->first_epoch || epoch > routes_present_epoch(call->routes, settings))
        return false;
    return merge == NULL || !merge_complete(merge, &newest) || epoch > newest;
}

void routes_get_epoch(const struct call *call)
{
    const struct settings *settings = routes_settings(call);
    uint64_t epoch = 0;
    if (settings == NULL || !take_epoch(call, &epoch))
        return;
    struct global_board *board = cluster_board(node_cluster(call->routes->node), epoch);
    if (board == NULL && !may_come(call, settings, epoch))
        refuse_epoch(call, settings, epoch);
    else
        reply_epoch(call, board, epoch);
    global_board_release(board);
}
