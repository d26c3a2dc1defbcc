#include "cluster/epochs/summary.h"

#include <stdlib.h>
#include <string.h>

#include "cluster/base/check.h"
#include "cluster/base/hash.h"

/* The most bytes that the parts take; used to size the buffer before encoding. */
#define VARINT32_BYTES_MAX 5
#define HUNT_BYTES_MAX     (2 + 1 + 3 * VARINT32_BYTES_MAX)
#define ENTRY_BYTES_LEAST  (1 + 8 + 16)
#define ENTRY_BYTES_MOST   (VARINT32_BYTES_MAX + 8 + 16)
#define BUCKET_BYTES_LEAST 2
#define BUCKET_BYTES_MOST  (2 * VARINT32_BYTES_MAX)

_Static_assert(BOARD_SCORE_MAX <= UINT32_MAX, "a score must fit a varint of five bytes");

/* What is not there, and what says nothing, has the same form: none. */
static size_t size_of_ledger(const struct ledger *ledger)
{
    const bool silent = ledger == NULL || (ledger_empty(ledger) && !ledger->settled_any);
    return silent ? 0 : ledger_bytes(ledger);
}

static size_t size_at_most(const struct summary_input *input)
{
    size_t size = SUMMARY_HEADER_BYTES + size_of_ledger(input->ledger);
    for (uint32_t i = 0; i < input->count; i++) {
        const uint64_t players = board_players(input->sources[i].board);
        const uint64_t entries = players < BOARD_TOP ? players : BOARD_TOP;
        size += HUNT_BYTES_MAX + entries * ENTRY_BYTES_MOST +
                board_buckets(input->sources[i].board) * BUCKET_BYTES_MOST;
    }
    return size;
}

static void put_header(struct writer *writer, const struct summary_input *input)
{
    put_u16(writer, SUMMARY_VERSION);
    put_u16(writer, (uint16_t)input->count);
    put_u32(writer, input->range);
    put_u64(writer, input->from);
    put_u64(writer, input->through);
    put_u64(writer, input->last_hlc);
    const size_t ledger_size = size_of_ledger(input->ledger);
    CHECK(ledger_size <= UINT32_MAX);
    put_u32(writer, (uint32_t)ledger_size);
    if (ledger_size > 0)
        ledger_encode(input->ledger, writer);
}

static void put_entries(struct writer *writer, struct board *board, struct summary_hunt *hunt)
{
    struct board_entry entries[BOARD_TOP];
    hunt->entries = board_top(board, entries);
    put_varint(writer, hunt->entries);
    hunt->entries_at = writer->used;
    for (uint32_t i = 0; i < hunt->entries; i++) {
        put_varint(writer, (uint64_t)entries[i].score);
        put_u64(writer, entries[i].hlc);
        put_bytes(writer, entries[i].player.bytes, sizeof entries[i].player.bytes);
    }
}

static void put_buckets(struct writer *writer, const struct board *board, struct summary_hunt *hunt)
{
    hunt->buckets = (uint32_t)board_buckets(board);
    put_varint(writer, hunt->buckets);
    hunt->buckets_at = writer->used;
    struct board_bucket some[256];
    const uint32_t room = sizeof some / sizeof some[0];
    int64_t last = -1;
    uint32_t count = room;
    for (uint32_t put = 0; count == room; put += count) {
        count = board_buckets_after(board, last, some, room);
        CHECK(count < room || put + count <= hunt->buckets);
        CHECK(count == room || put + count == hunt->buckets);
        for (uint32_t i = 0; i < count; i++) {
            put_varint(writer, (uint64_t)(some[i].score - last - 1));
            put_varint(writer, some[i].players);
            last = some[i].score;
        }
    }
}

static void put_hunt(struct writer *writer, const struct summary_source *source,
                     struct summary_hunt *hunt)
{
    CHECK(source->ties == TIES_FIRST || source->ties == TIES_SHARED);
    *hunt = (struct summary_hunt){
        .hunt = source->hunt,
        .ties = source->ties,
        .players = (uint32_t)board_players(source->board),
    };
    put_u16(writer, hunt->hunt);
    put_u8(writer, (uint8_t)hunt->ties);
    put_varint(writer, hunt->players);
    put_entries(writer, source->board, hunt);
    put_buckets(writer, source->board, hunt);
}

/* What is being read of one hunt: the top list, by which the histogram is judged. */
struct top {
    uint32_t count;
    int64_t scores[BOARD_TOP];
    const uint8_t *players[BOARD_TOP];
    uint16_t places[4096]; /* position + 1 by the player's hash; 0: free */
};

_Static_assert(4096 >= 2 * BOARD_TOP, "the map of players must stay half empty");

/* False: he is listed already. */
static bool top_enter(struct top *top, const struct board_entry *entry, const uint8_t *player)
{
    uint64_t place = hash_player(&entry->player) % 4096;
    for (; top->places[place] != 0; place = (place + 1) % 4096) {
        if (memcmp(top->players[top->places[place] - 1], player, sizeof entry->player.bytes) == 0)
            return false;
    }
    top->scores[top->count] = entry->score;
    top->players[top->count] = player;
    top->places[place] = (uint16_t)++top->count;
    return true;
}

static void take_entry(struct reader *reader, struct board_entry *entry)
{
    const uint64_t score = take_varint(reader);
    if (score == 0 || score > (uint64_t)BOARD_SCORE_MAX)
        reader->failed = true;
    entry->score = reader->failed ? 0 : (int64_t)score;
    entry->hlc = take_u64(reader);
    const uint8_t *player = take_bytes(reader, sizeof entry->player.bytes);
    if (player != NULL)
        memcpy(entry->player.bytes, player, sizeof entry->player.bytes);
}

static bool read_entries(struct reader *reader, struct summary_hunt *hunt, struct top *top)
{
    const uint64_t count = take_varint(reader);
    if (count > BOARD_TOP || count > hunt->players ||
        count > reader_left(reader) / ENTRY_BYTES_LEAST)
        return false;
    hunt->entries = (uint32_t)count;
    hunt->entries_at = reader->at;
    top->count = 0;
    memset(top->places, 0, sizeof top->places);
    struct board_entry last = {.score = INT64_MAX};
    while (top->count < count) {
        struct board_entry entry = {.score = 0};
        take_entry(reader, &entry);
        if (!reader_ok(reader) || board_entry_compare(&last, &entry) >= 0)
            return false;
        const uint8_t *player = reader->data + reader->at - sizeof entry.player.bytes;
        if (!top_enter(top, &entry, player))
            return false;
        last = entry;
    }
    return true;
}

static bool take_bucket(struct reader *reader, int64_t *score, uint32_t *ret_players)
{
    const uint64_t gap = take_varint(reader);
    const uint64_t players = take_varint(reader);
    if (!reader_ok(reader) || players == 0 || players > UINT32_MAX ||
        gap > (uint64_t)BOARD_SCORE_MAX)
        return false;
    *score += (int64_t)gap + 1;
    *ret_players = (uint32_t)players;
    return *score <= BOARD_SCORE_MAX;
}

/* The places above + 1 to above + players, as far as the list goes, must have this score. */
static bool top_agrees(const struct top *top, int64_t score, uint32_t above, uint32_t players)
{
    for (uint32_t i = above; i < top->count && i - above < players; i++) {
        if (top->scores[i] != score)
            return false;
    }
    return true;
}

/* Going up, `above` falls from all players to none, so the buckets cover every place of the list
 * once, and a list that agrees with each of them is the histogram's upper end. */
static bool read_buckets(struct reader *reader, struct summary_hunt *hunt, const struct top *top)
{
    const uint64_t count = take_varint(reader);
    if (count > hunt->players || count > reader_left(reader) / BUCKET_BYTES_LEAST)
        return false;
    hunt->buckets = (uint32_t)count;
    hunt->buckets_at = reader->at;
    int64_t score = -1;
    uint32_t above = hunt->players, scored = hunt->players;
    for (uint64_t i = 0; i < count; i++) {
        uint32_t players = 0;
        if (!take_bucket(reader, &score, &players) || players > above)
            return false;
        above -= players;
        if (score == 0)
            scored -= players;
        else if (!top_agrees(top, score, above, players))
            return false;
    }
    return above == 0 && top->count == (scored < BOARD_TOP ? scored : BOARD_TOP);
}

static bool read_hunt(struct reader *reader, struct summary_hunt *hunt, struct top *top)
{
    hunt->hunt = take_u16(reader);
    const uint8_t ties = take_u8(reader);
    const uint64_t players = take_varint(reader);
    if (!reader_ok(reader) || ties > TIES_SHARED || players > UINT32_MAX)
        return false;
    hunt->ties = (enum ties)ties;
    hunt->players = (uint32_t)players;
    return read_entries(reader, hunt, top) && read_buckets(reader, hunt, top);
}

static bool read_header(struct reader *reader, struct summary *summary)
{
    const uint16_t version = take_u16(reader);
    summary->hunt_count = take_u16(reader);
    summary->range = take_u32(reader);
    summary->from = take_u64(reader);
    summary->through = take_u64(reader);
    summary->last_hlc = take_u64(reader);
    summary->ledger_bytes = take_u32(reader);
    return reader_ok(reader) && version == SUMMARY_VERSION && summary->hunt_count <= HUNTS_MAX &&
           summary->range < RANGES_MAX && summary->from <= summary->through &&
           summary->through < UINT64_MAX;
}

static bool read_ledger(struct reader *reader, struct summary *summary)
{
    struct ledger_outline outline = {.hunts = 0};
    const uint8_t *bytes = take_bytes(reader, summary->ledger_bytes);
    if (bytes == NULL)
        return false;
    if (summary->ledger_bytes > 0) {
        if (ledger_check(&outline, bytes, summary->ledger_bytes) != STATUS_OK)
            return false;
        if (outline.hunts == 0 && !outline.settled_any)
            return false;
        /* An epoch is settled after it was closed, and those of the run are just being closed. */
        if (outline.settled_any && outline.settled_through >= summary->from)
            return false;
    }
    summary->settled_any = outline.settled_any;
    summary->settled_through = outline.settled_through;
    summary->settled_digest = outline.settled_digest;
    summary->ledger_hunts = outline.hunts;
    summary->ledger_memory = ledger_memory(&outline);
    return true;
}

static bool read_summary(struct summary *summary, const void *data, size_t size)
{
    struct reader reader;
    reader_init(&reader, data, size);
    if (!read_header(&reader, summary) || !read_ledger(&reader, summary))
        return false;
    struct top top;
    for (uint32_t i = 0; i < summary->hunt_count; i++) {
        struct summary_hunt *hunt = &summary->hunts[i];
        if (!read_hunt(&reader, hunt, &top) || (i > 0 && hunt->hunt <= hunt[-1].hunt))
            return false;
    }
    return reader_done(&reader);
}

enum status summary_decode(struct summary **ret_summary, const void *data, size_t size)
{
    struct summary read = {.size = size};
    if (!read_summary(&read, data, size))
        return STATUS_INVALID;
    struct summary *summary = malloc(sizeof *summary);
    uint8_t *bytes = malloc(size);
    if (summary == NULL || bytes == NULL) {
        free(summary);
        free(bytes);
        return STATUS_NO_MEMORY;
    }
    memcpy(bytes, data, size);
    *summary = read;
    summary->bytes = bytes;
    summary->digest = hash_bytes(bytes, size);
    atomic_init(&summary->references, 1);
    *ret_summary = summary;
    return STATUS_OK;
}

/* What stands before the hunts is read back; where these lie was noted as they were written. */
static void fill_summary(struct summary *summary, const struct writer *writer)
{
    struct reader reader;
    reader_init(&reader, writer->data, writer->used);
    const bool header = read_header(&reader, summary);
    CHECK(header);
    const bool ledger = read_ledger(&reader, summary);
    CHECK(ledger);
    summary->size = writer->used;
    summary->digest = hash_bytes(writer->data, writer->used);
    atomic_init(&summary->references, 1);
}

static void write_all(struct writer *writer, const struct summary_input *input,
                      struct summary *summary)
{
    put_header(writer, input);
    for (uint32_t i = 0; i < input->count; i++) {
        CHECK(i == 0 || input->sources[i].hunt > input->sources[i - 1].hunt);
        put_hunt(writer, &input->sources[i], &summary->hunts[i]);
    }
    CHECK(writer_ok(writer));
    fill_summary(summary, writer);
}

/* How long it becomes is known when it is written, and the room for the longest numbers is several
 * times that: it is written where the memory is warm, and kept in a block that fits, which is one
 * that an older summary has left. */
struct summary *summary_build(const struct summary_input *input)
{
    CHECK(input->range < RANGES_MAX);
    CHECK(input->from <= input->through);
    CHECK(input->count <= HUNTS_MAX);
    const size_t capacity = size_at_most(input);
    struct summary *summary = calloc(1, sizeof *summary);
    uint8_t *data = input->room != NULL ? arena_take(input->room, capacity) : malloc(capacity);
    if (summary != NULL && data != NULL) {
        struct writer writer;
        writer_init(&writer, data, capacity);
        write_all(&writer, input, summary);
        summary->bytes = malloc(summary->size);
        if (summary->bytes != NULL)
            memcpy(summary->bytes, data, summary->size);
    }
    if (input->room == NULL)
        free(data);
    if (summary == NULL || summary->bytes == NULL) {
        free(summary);
        return NULL;
    }
    return summary;
}

struct summary *summary_hold(struct summary *summary)
{
    const unsigned before =
        atomic_fetch_add_explicit(&summary->references, 1, memory_order_relaxed);
    CHECK(before > 0);
    return summary;
}

void summary_release(struct summary *summary)
{
    if (summary == NULL)
        return;
    const unsigned before =
        atomic_fetch_sub_explicit(&summary->references, 1, memory_order_acq_rel);
    CHECK(before > 0);
    if (before > 1)
        return;
    free(summary->bytes);
    free(summary);
}

enum status summary_ledger(const struct summary *summary, struct ledger **ret_ledger)
{
    if (summary->ledger_bytes > 0) {
        const enum status status =
            ledger_decode(ret_ledger, summary->bytes + SUMMARY_HEADER_BYTES, summary->ledger_bytes);
        CHECK(status == STATUS_OK || status == STATUS_NO_MEMORY);
        return status;
    }
    struct ledger *ledger = calloc(1, sizeof *ledger);
    if (ledger == NULL)
        return STATUS_NO_MEMORY;
    *ret_ledger = ledger;
    return STATUS_OK;
}

const struct summary_hunt *summary_hunt(const struct summary *summary, uint16_t hunt)
{
    for (uint32_t i = 0; i < summary->hunt_count; i++) {
        if (summary->hunts[i].hunt == hunt)
            return &summary->hunts[i];
    }
    return NULL;
}

static void cursor_init(struct summary_cursor *cursor, const struct summary *summary, size_t at)
{
    *cursor = (struct summary_cursor){.range = summary->range, .score = -1};
    reader_init(&cursor->reader, summary->bytes, summary->size);
    cursor->reader.at = at;
}

void summary_buckets(struct summary_cursor *cursor, const struct summary *summary,
                     const struct summary_hunt *hunt)
{
    cursor_init(cursor, summary, hunt->buckets_at);
    cursor->left = hunt->buckets;
}

bool summary_next_bucket(struct summary_cursor *cursor, struct board_bucket *ret_bucket)
{
    if (cursor->left == 0)
        return false;
    cursor->left--;
    uint32_t players = 0;
    const bool taken = take_bucket(&cursor->reader, &cursor->score, &players);
    CHECK(taken); /* all was checked when the summary was made */
    *ret_bucket = (struct board_bucket){.score = cursor->score, .players = players};
    return true;
}

void summary_entries(struct summary_cursor *cursor, const struct summary *summary,
                     const struct summary_hunt *hunt)
{
    cursor_init(cursor, summary, hunt->entries_at);
    cursor->left = hunt->entries;
}

bool summary_next_entry(struct summary_cursor *cursor, struct board_entry *ret_entry)
{
    if (cursor->left == 0)
        return false;
    cursor->left--;
    ret_entry->range = cursor->range;
    take_entry(&cursor->reader, ret_entry);
    CHECK(reader_ok(&cursor->reader));
    return true;
}
