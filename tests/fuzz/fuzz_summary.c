/* Summaries from peers: parts of the input, each a summary or not. What is one can be walked to its
 * ends, its ledger written again as the same bytes, and collected and merged with the others. */
#include "cluster/epochs/ledgers.h"
#include "cluster/epochs/merge.h"
#include "tests/fuzz/fuzz.h"

#define PARTS_MAX 6
#define RANGES    3

static void check_ledger(const struct summary *summary)
{
    struct ledger *ledger;
    CHECK(summary_ledger(summary, &ledger) == STATUS_OK);
    const size_t bytes = ledger_bytes(ledger);
    uint8_t *data = malloc(bytes);
    struct writer writer;
    CHECK(data != NULL);
    writer_init(&writer, data, bytes);
    ledger_encode(ledger, &writer);
    CHECK(writer_ok(&writer));
    if (summary->ledger_bytes > 0) {
        CHECK(bytes == summary->ledger_bytes);
        CHECK(memcmp(data, summary->bytes + SUMMARY_HEADER_BYTES, bytes) == 0);
    } else {
        CHECK(ledger_empty(ledger));
    }
    free(data);
    free(ledger);
}

static void check_hunt(const struct summary *summary, const struct summary_hunt *hunt)
{
    struct summary_cursor cursor;
    struct board_bucket bucket;
    struct board_entry entry;
    struct board_entry before = {0};
    uint64_t players = 0;
    int64_t score = -1;
    uint32_t entries = 0;
    for (summary_buckets(&cursor, summary, hunt); summary_next_bucket(&cursor, &bucket);) {
        CHECK(bucket.score > score && bucket.score <= BOARD_SCORE_MAX);
        score = bucket.score;
        players += bucket.players;
    }
    CHECK(players == hunt->players);
    for (summary_entries(&cursor, summary, hunt); summary_next_entry(&cursor, &entry); entries++) {
        CHECK(entries == 0 || board_entry_compare(&before, &entry) < 0);
        before = entry;
    }
    CHECK(entries == hunt->entries && entries <= BOARD_TOP);
}

static void check_board(struct merge *merge, uint64_t epoch)
{
    struct global_board *board;
    if (merge_board(merge, epoch, &board) != STATUS_OK)
        return;
    CHECK(board->from <= epoch && epoch <= board->through);
    for (uint32_t i = 0; i < board->hunt_count; i++) {
        const struct global_hunt *hunt = &board->hunts[i];
        uint64_t rank = 0;
        for (uint32_t k = 0; k < hunt->entry_count; k++) {
            CHECK(hunt->entries[k].rank >= rank && hunt->entries[k].rank <= hunt->players);
            rank = hunt->entries[k].rank;
            CHECK(global_hunt_entry(hunt, &hunt->entries[k].entry.player) != NULL);
        }
    }
    global_board_release(board);
}

static void collect(struct merge *merge, struct ledgers *ledgers, struct summary *summary)
{
    uint64_t through;
    const enum status merged = merge_add(merge, summary);
    CHECK(merged == STATUS_OK || merged == STATUS_INVALID || merged == STATUS_CONFLICT);
    const enum status kept = ledgers_add(ledgers, summary);
    CHECK(kept != STATUS_NO_MEMORY);
    check_board(merge, summary->from);
    check_board(merge, summary->through);
    if (!ledgers_have_all(ledgers, 0, &through))
        return;
    struct settle_ledger *list = NULL;
    uint32_t count = 0;
    CHECK(ledgers_gather(ledgers, 0, through, &list, &count) == STATUS_OK);
    free(list);
}

static void read_summary(struct merge *merge, struct ledgers *ledgers, const uint8_t *data,
                         size_t bytes)
{
    struct summary *summary;
    const enum status status = summary_decode(&summary, data, bytes);
    CHECK(status == STATUS_OK || status == STATUS_INVALID);
    if (status != STATUS_OK)
        return;
    CHECK(summary->size == bytes);
    CHECK(memcmp(summary->bytes, data, bytes) == 0);
    check_ledger(summary);
    for (uint32_t i = 0; i < summary->hunt_count; i++)
        check_hunt(summary, &summary->hunts[i]);
    collect(merge, ledgers, summary);
    summary_release(summary);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_input input = {data, size};
    struct merge *merge = merge_new(RANGES, 0);
    struct ledgers *ledgers = ledgers_new(RANGES, 0, (size_t)1 << 16);
    CHECK(merge != NULL && ledgers != NULL);
    for (size_t i = 0; i < PARTS_MAX && input.left > 0; i++) {
        size_t bytes;
        const size_t wanted = fuzz_u16(&input);
        uint8_t *part = fuzz_bytes(&input, wanted, &bytes);
        read_summary(merge, ledgers, part, bytes);
        free(part);
    }
    ledgers_free(ledgers);
    merge_free(merge);
    return 0;
}
