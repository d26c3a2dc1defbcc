/* Writes seeds of the binary formats, made by the code that writes them, so that they are never out
 * of date:
 *
 *   fuzz_seeds FOLDER        FOLDER/TARGET/NAME
 *
 * Texts, and inputs that once failed, lie in tests/fuzz/corpus instead. */
#include <stdio.h>
#include <sys/stat.h>

#include <lz4frame.h>

#include "cluster/epochs/settle.h"
#include "cluster/ranges/range_state.h"
#include "proto/actions.h"
#include "proto/envelope.h"
#include "proto/gossip.h"
#include "proto/peer_message.h"
#include "tests/fuzz/fuzz_range.h"

#define SEED_BYTES_MAX 8192

static const char *root;

/* A seed that is being written. */
static uint8_t seed[SEED_BYTES_MAX];
static struct writer out;

static void begin(void)
{
    writer_init(&out, seed, sizeof seed);
}

static void end(const char *target, const char *name)
{
    char path[1024];
    CHECK(writer_ok(&out));
    (void)snprintf(path, sizeof path, "%s/%s", root, target);
    (void)mkdir(path, 0777);
    (void)snprintf(path, sizeof path, "%s/%s/%s", root, target, name);
    FILE *file = fopen(path, "wb");
    if (file == NULL || fwrite(seed, 1, out.used, file) != out.used || fclose(file) != 0) {
        perror(path);
        exit(1);
    }
}

/* A part that begins with its length, as the scripts have them. */
static void put_part(const void *data, size_t bytes)
{
    put_u16(&out, (uint16_t)bytes);
    put_bytes(&out, data, bytes);
}

/* --- Requests --------------------------------------------------------------------------------- */

static void write_protobuf(void)
{
    struct action list[3] = {
        {.kind = ACTION_CLAIM, .seq = 1, .player = fuzz_player(1), .x = -5, .y = 7, .time_ms = 99},
        {.kind = ACTION_CLAIM, .seq = SEQ_MAX, .player = fuzz_player(2), .time_ms = -1},
        {.kind = ACTION_REACTION, .seq = 2, .player = fuzz_player(1), .to = fuzz_player(2)},
    };
    list[2].emoji = (struct emoji){.length = 4, .text = "\xf0\x9f\x94\xa5"};
    const struct request_actions actions = {list, 3};
    const struct result result = {.player = fuzz_player(1),
                                  .seq = 1,
                                  .outcome = OUTCOME_FOUND,
                                  .treasure_id = "gate",
                                  .points = 10,
                                  .score = 10,
                                  .hlc = 5,
                                  .log_index = 6};
    struct arena arena;
    arena_init(&arena);
    for (uint8_t flags = 0; flags < 2; flags++) {
        const struct actions_bytes bytes =
            actions_request_write(&arena, flags == 0 ? "h" : "", &actions);
        begin();
        put_u8(&out, flags);
        put_bytes(&out, bytes.data, bytes.bytes);
        end("protobuf_actions", flags == 0 ? "request" : "nameless");
    }
    const struct actions_bytes reply = actions_reply_write(&arena, &result, 1);
    begin();
    put_u8(&out, 2);
    put_bytes(&out, reply.data, reply.bytes);
    end("protobuf_actions", "reply");
    arena_fini(&arena);
}

/* A message of each kind, with everything in it that the kind may have, and more. */
static void write_gossip(void)
{
    static const struct member_details details = {
        .name = {"n2"}, .zone = {"hall"}, .peer = "tcp://10.0.0.2:1", .http = "10.0.0.2:2"};
    static const struct member_hints hints = {
        .version = 3, .players = 5, .clock_offset_us = -7, .skewed = true, .leads = {0, 3}};
    static const uint64_t buckets[GOSSIP_BUCKETS] = {1, 2, 3};
    const struct rumour rumours[2] = {
        {.id = 2, .life = {1, 4, LIVENESS_ALIVE}, .details = &details, .hints = &hints},
        {.id = 1,
         .life = {1, 9, LIVENESS_SUSPECT},
         .accusations = {{2, true}, {3, false}},
         .accusation_count = 2,
         .details = &details},
    };
    struct arena arena;
    arena_init(&arena);
    for (int kind = GOSSIP_PING; kind <= GOSSIP_VIEW; kind++) {
        const struct gossip message = {.kind = (enum gossip_kind)kind,
                                       .probe = 1,
                                       .target = kind == GOSSIP_PING_REQ ? 2 : 0,
                                       .digest = 99,
                                       .physical_us = 2000000,
                                       .buckets = kind == GOSSIP_PULL ? buckets : NULL,
                                       .wanted = kind == GOSSIP_VIEW ? UINT64_MAX : 0,
                                       .rumours = rumours,
                                       .rumour_count = 2};
        const struct gossip_bytes bytes = gossip_write(&arena, &message);
        char name[32];
        begin();
        put_bytes(&out, bytes.data, bytes.bytes);
        (void)snprintf(name, sizeof name, "kind_%d", kind);
        end("gossip", name);
    }
    arena_fini(&arena);
}

/* Frames with each of the format's options, of a text with repetitions and of none. */
static void write_frames(void)
{
    static char text[600];
    static uint8_t frame[4096];
    for (size_t i = 0; i < sizeof text; i++)
        text[i] = (char)('a' + i % 7 + i / 100);
    for (unsigned options = 0; options < 16; options++) {
        char name[16];
        LZ4F_preferences_t preferences = LZ4F_INIT_PREFERENCES;
        const size_t bytes = (options & 8) != 0 ? 0 : sizeof text;
        preferences.frameInfo.contentSize = (options & 1) != 0 ? bytes : 0;
        preferences.frameInfo.contentChecksumFlag =
            (options & 2) != 0 ? LZ4F_contentChecksumEnabled : LZ4F_noContentChecksum;
        preferences.frameInfo.blockMode =
            (options & 4) != 0 ? LZ4F_blockIndependent : LZ4F_blockLinked;
        const size_t used = LZ4F_compressFrame(frame, sizeof frame, text, bytes, &preferences);
        CHECK(LZ4F_isError(used) == 0);
        begin();
        put_u16(&out, (uint16_t)(sizeof text + (options & 1)));
        put_bytes(&out, frame, used);
        (void)snprintf(name, sizeof name, "options_%u", options);
        end("frame_lz4", name);
    }
}

/* --- Messages --------------------------------------------------------------------------------- */

/* One that is not sealed and one that says where bytes are to be changed. */
static void write_messages(void)
{
    static char text[600];
    static uint8_t message[2048];
    const struct seal_ring none = {0};
    const struct envelope envelope = {
        .cluster = 7, .node = 1, .boot = 2, .number = 5, .to_node = 11, .to_boot = 3, .stamp = 9};
    memset(text, 'a', sizeof text);
    CHECK(envelope_bytes_max(sizeof text) <= sizeof message);
    const size_t used = envelope_close(&envelope, &none, text, sizeof text, message);
    begin();
    put_bytes(&out, (const uint8_t[]){0, 0}, 2);
    put_bytes(&out, message, used);
    end("envelope", "message");
    for (uint8_t sealed = 0; sealed < 2; sealed++) {
        begin();
        put_bytes(&out, (const uint8_t[]){1, sealed, 1, 2, 5, 0, 0, 0, 0, 0, 0, 0}, 12);
        put_part(text, sizeof text);
        put_bytes(&out, (const uint8_t[]){1, 90, 0, 4}, 4);
        end("envelope", sealed == 0 ? "damaged" : "forged");
    }
}

/* --- The range -------------------------------------------------------------------------------- */

/* Steps of fuzz_range_log.c: a version is learned and resolved, players claim and react, the epoch
 * is closed and settled, with each rule alone and then with all. */
static void write_range_script(uint8_t rules)
{
    char name[24];
    begin();
    put_bytes(&out, (const uint8_t[]){3, 0, 7, rules, rules, rules, rules, rules, rules, rules},
              10);
    put_bytes(&out, (const uint8_t[]){rules}, 1);
    put_bytes(&out, (const uint8_t[]){4, 0, 0}, 3);
    for (uint8_t round = 0; round < 4; round++) {
        put_bytes(&out, (const uint8_t[]){6, 7, 16, 0}, 4);
        for (uint8_t i = 0; i < 8; i++) {
            const uint8_t seq = (uint8_t)(round * 8 + i);
            /* Kind and hunt, player, seq, place or receiver. */
            put_bytes(&out, (const uint8_t[]){i == 7 ? 3 : 0, i % 3, seq, i == 7 ? 1 : i}, 4);
        }
        put_bytes(&out, (const uint8_t[]){2, round, 5}, 3);
    }
    (void)snprintf(name, sizeof name, "rules_%02x", rules);
    end("range_log", name);
}

struct sample {
    struct range_state *state;
    struct arena arena;
    uint64_t index;
};

/* The first run of epochs that the record closed, with a reference, or NULL. */
static struct summary *sample_apply(struct sample *sample, const struct record *record)
{
    static uint8_t data[4096];
    struct range_applied applied;
    struct summary *summary = NULL;
    CHECK(record_encode(record, data, sizeof data) == STATUS_OK);
    const struct log_entry entry = {
        .term = 1, .type = ENTRY_COMMAND, .data = data, .bytes = (uint32_t)record_bytes(record)};
    CHECK(range_state_apply(sample->state, ++sample->index, &entry, &sample->arena, &applied) ==
          STATUS_OK);
    CHECK(!applied.ignored);
    for (uint32_t i = 0; i < applied.summary_count; i++) {
        if (i == 0)
            summary = summary_hold(applied.summaries[i]);
        summary_release(applied.summaries[i]);
    }
    return summary;
}

static void sample_learn(struct sample *sample)
{
    static uint8_t body[2048];
    struct fuzz_input input = {(const uint8_t[]){4, 0, 0, 0, 0, 0}, 6};
    struct definition *definition = fuzz_definition(&input);
    struct writer writer;
    writer_init(&writer, body, sizeof body);
    definition_encode(definition, &writer);
    (void)sample_apply(sample, &(struct record){.kind = RECORD_LEARN,
                                                .stamp = fuzz_start() + 1,
                                                .version = 1,
                                                .body = body,
                                                .body_bytes = writer.used});
    (void)sample_apply(sample, &(struct record){.kind = RECORD_RESOLVE,
                                                .stamp = fuzz_start() + 2,
                                                .version = 1,
                                                .epoch = FUZZ_FIRST_EPOCH});
    definition_free(definition);
}

static void sample_claim(struct sample *sample, uint8_t from)
{
    static uint8_t body[16 * ACTION_BYTES_MAX];
    struct writer writer;
    writer_init(&writer, body, sizeof body);
    for (uint8_t i = 0; i < 9; i++) {
        const uint8_t text[] = {i == 8 ? 3 : 0, (uint8_t)(from + i % 3), i, i == 8 ? 0 : i};
        struct fuzz_input input = {text, sizeof text};
        const struct action action = fuzz_action(&input, fuzz_start() + 3);
        action_encode(&action, &writer);
    }
    (void)sample_apply(sample, &(struct record){.kind = RECORD_ACTIONS,
                                                .stamp = fuzz_start() + 3,
                                                .uncertainty_us = 40,
                                                .count = 9,
                                                .body = body,
                                                .body_bytes = writer.used});
}

/* What a range with a hunt and three players says when its first epoch is closed. */
static struct summary *sample_summary(uint32_t range)
{
    struct settings settings = fuzz_settings();
    settings.ranges = 3;
    settings.players_max = 36;
    struct sample sample = {.state = range_state_new(&settings, range, range)};
    CHECK(sample.state != NULL);
    arena_init(&sample.arena);
    sample_learn(&sample);
    sample_claim(&sample, (uint8_t)(3 * range));
    struct summary *summary =
        sample_apply(&sample, &(struct record){.kind = RECORD_CLOSE,
                                               .stamp = fuzz_start() + 100,
                                               .epoch = FUZZ_FIRST_EPOCH + range});
    CHECK(summary != NULL);
    arena_fini(&sample.arena);
    range_state_free(sample.state);
    return summary;
}

/* --- Epochs ----------------------------------------------------------------------------------- */

static void write_part(struct ledger *ledger)
{
    static uint8_t part[4096];
    struct settlement *settlement;
    struct writer writer;
    const struct settle_ledger list = {.epoch = 5, .ledger = ledger};
    const struct settle_input input = {
        .from = 5, .through = 6, .ranges = 1, .ledgers = &list, .ledger_count = 1};
    CHECK(settle_compute(&input, &settlement) == STATUS_OK);
    const struct settle_share share = {.settlement = settlement};
    writer_init(&writer, part, sizeof part);
    settle_encode_part(&share, 1, &writer);
    begin();
    put_u8(&out, 2);
    put_bytes(&out, part, writer.used);
    end("settle", "part");
    settlement_free(settlement);
}

static void write_epochs(void)
{
    struct summary *summaries[3];
    struct ledger *ledger;
    for (uint32_t range = 0; range < 3; range++)
        summaries[range] = sample_summary(range);
    begin();
    for (uint32_t range = 0; range < 3; range++)
        put_part(summaries[range]->bytes, summaries[range]->size);
    end("summary", "three_ranges");
    begin();
    put_part(summaries[0]->bytes, summaries[0]->size);
    put_part(summaries[0]->bytes, summaries[0]->size);
    end("summary", "twice");

    CHECK(summaries[0]->ledger_bytes > 0);
    begin();
    put_u8(&out, 1);
    put_bytes(&out, summaries[0]->bytes + SUMMARY_HEADER_BYTES, summaries[0]->ledger_bytes);
    end("settle", "ledger");
    CHECK(summary_ledger(summaries[0], &ledger) == STATUS_OK);
    write_part(ledger);
    free(ledger);
    for (uint32_t range = 0; range < 3; range++)
        summary_release(summaries[range]);
}

/* --- The core's messages ---------------------------------------------------------------------- */

static void write_peer_lists(void)
{
    const struct forwarded_action actions[2] = {
        {.number = 1, .action = {.kind = ACTION_CLAIM, .seq = 1, .player = fuzz_player(1)}},
        {.number = 2,
         .action = {.kind = ACTION_REACTION,
                    .seq = 2,
                    .player = fuzz_player(1),
                    .to = fuzz_player(2),
                    .emoji = {.length = 1, .text = "a"}}},
    };
    const struct forwarded_result results[2] = {
        {.number = 1, .leader = {.node = 2, .term = 3}},
        {.number = 2, .judged = true, .result = {.outcome = OUTCOME_FOUND, .treasure = 1}},
    };
    const struct message forward = {.kind = MESSAGE_FORWARD,
                                    .forward = {.list = actions, .count = 2}};
    const struct message answer = {.kind = MESSAGE_RESULTS,
                                   .results = {.list = results, .count = 2}};
    begin();
    peer_message_write(&forward, &out);
    peer_message_write(&answer, &out);
    end("peer_message", "actions");
}

static void write_peer_groups(void)
{
    const struct log_entry entries[2] = {
        {.term = 1, .type = ENTRY_BARRIER},
        {.term = 1, .type = ENTRY_COMMAND, .data = (const uint8_t *)"entryone", .bytes = 8},
    };
    const enum group_message_type types[] = {GROUP_APPEND, GROUP_APPEND_RESULT, GROUP_VOTE,
                                             GROUP_VOTE_RESULT, GROUP_TIMEOUT_NOW};
    begin();
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        struct message message = {.kind = MESSAGE_GROUP, .group = {.type = types[i], .term = 2}};
        if (types[i] == GROUP_APPEND) {
            message.group.append.entries = entries;
            message.group.append.count = 2;
        }
        peer_message_write(&message, &out);
    }
    end("peer_message", "groups");
}

static void write_peer_rest(void)
{
    static const uint8_t some[] = "some bytes";
    const struct message list[] = {
        {.kind = MESSAGE_LEARNED, .learned = {.range = 1, .version = 2, .promise = 3}},
        {.kind = MESSAGE_SUMMARY, .summary = {.whole = true, .data = some, .bytes = 10}},
        {.kind = MESSAGE_PULL, .pull = {.range = 1, .epoch = 2}},
        {.kind = MESSAGE_JOIN, .join = {.member = some, .bytes = 10}},
        {.kind = MESSAGE_REFUSED, .refused = {.status = STATUS_FULL}},
        {.kind = MESSAGE_SYSTEM_PULL, .system_pull = {.have = 1}},
        {.kind = MESSAGE_SNAPSHOT, .snapshot = {.group = 1, .data = some, .bytes = 10}},
        {.kind = MESSAGE_SNAPSHOT_TAKEN, .snapshot_taken = {.group = 1, .chunks = 2}},
    };
    begin();
    for (size_t i = 0; i < sizeof list / sizeof list[0]; i++)
        peer_message_write(&list[i], &out);
    end("peer_message", "rest");
}

/* --- The system group ------------------------------------------------------------------------- */

static size_t write_found(uint8_t *found, size_t capacity)
{
    struct settings settings = fuzz_settings();
    settings.replace_after_ms = 30000;
    struct member member = {
        .id = 7, .boot = 1, .name = {"n1"}, .http = "127.0.0.1:1", .peer = "tcp://127.0.0.1:2"};
    struct writer writer;
    CHECK(settings_valid(&settings));
    writer_init(&writer, found, capacity);
    found_encode(&settings, &member, 1, &writer);
    begin();
    put_bytes(&out, found, writer.used);
    end("system_log", "found");
    return writer.used;
}

/* Steps of fuzz_system_log.c: found, define, activate, define again, cancel. */
static void write_system(void)
{
    static uint8_t found[FOUND_BYTES_MAX];
    static uint8_t text[2048];
    struct fuzz_input input = {(const uint8_t[]){4, 1, 2, 4, 8, 16}, 6};
    const size_t found_bytes = write_found(found, sizeof found);
    struct definition *definition = fuzz_definition(&input);
    struct writer writer;
    writer_init(&writer, text, sizeof text);
    definition_encode(definition, &writer);
    definition_free(definition);
    begin();
    put_bytes(&out, (const uint8_t[]){1, 0, 0, 0, 0}, 5);
    put_part(found, found_bytes);
    put_bytes(&out, (const uint8_t[]){1, 1, 0, 0, 0}, 5);
    put_part(text, writer.used);
    put_bytes(&out, (const uint8_t[]){1, 2, 0, 1, 0}, 5);
    put_bytes(&out, (const uint8_t[]){1, 1, 0, 0, 0}, 5);
    put_part(text, writer.used);
    put_bytes(&out, (const uint8_t[]){1, 3, 0, 2, 0}, 5);
    end("system_log", "two_versions");
}

int main(int argc, char **argv)
{
    if (argc != 2) {
        (void)fprintf(stderr, "usage: fuzz_seeds FOLDER\n");
        return 2;
    }
    root = argv[1];
    write_protobuf();
    write_gossip();
    write_frames();
    write_messages();
    for (unsigned bit = 0; bit < 8; bit++)
        write_range_script((uint8_t)((1U << bit) & 0x7f));
    write_range_script(0x7f);
    write_epochs();
    write_system();
    write_peer_lists();
    write_peer_groups();
    write_peer_rest();
    return 0;
}
