/* Actions in protobuf, written byte by byte, as no library would. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "chaos/bad_parts.h"
#include "cluster/base/bytes.h"
#include "cluster/base/check.h"
#include "cluster/base/ids.h"

#define HEAD "POST /hunt HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-protobuf\r\n"

#define ROOM 4096

enum wire { VARINT = 0, FIXED_64 = 1, BYTES = 2, GROUP = 3, FIXED_32 = 5 };

static void add_bytes(struct bad_requests *requests, const char *name,
                      const struct bad_answer *answer, const void *bytes, size_t count)
{
    (void)bad_add_body(requests, name, answer, &(struct bad_body){HEAD, bytes, count});
}

static void put_key(struct writer *writer, unsigned tag, enum wire wire)
{
    put_varint(writer, tag << 3 | (unsigned)wire);
}

static void put_piece(struct writer *writer, unsigned tag, const void *bytes, size_t count)
{
    put_key(writer, tag, BYTES);
    put_varint(writer, count);
    put_bytes(writer, bytes, count);
}

static void put_number(struct writer *writer, unsigned tag, uint64_t value)
{
    put_key(writer, tag, VARINT);
    put_varint(writer, value);
}

static void put_hunt(struct writer *writer)
{
    put_piece(writer, 1, BAD_FLAT_HUNT, strlen(BAD_FLAT_HUNT));
}

static struct player_id player_of(const char *text)
{
    struct player_id player;
    CHECK(player_id_parse(&player, text, strlen(text)) == STATUS_OK);
    return player;
}

/* A request with one action; the test writes what makes it bad. */
static void add_action(struct bad_requests *requests, unsigned list, const struct writer *action,
                       const struct bad_answer *answer)
{
    uint8_t bytes[ROOM];
    struct writer writer;
    writer_init(&writer, bytes, sizeof bytes);
    put_hunt(&writer);
    put_piece(&writer, list, action->data, action->used);
    CHECK(writer_ok(&writer));
    add_bytes(requests, "protobuf, one action", answer, bytes, writer.used);
}

/* A claim with a player, and what `member` says: a field and its value. */
static void add_claim(struct bad_requests *requests, const uint8_t *member, size_t bytes,
                      const struct bad_answer *answer)
{
    uint8_t data[ROOM];
    struct writer writer;
    const struct player_id player = player_of(BAD_PLAYER);
    writer_init(&writer, data, sizeof data);
    put_piece(&writer, 1, player.bytes, 16);
    put_bytes(&writer, member, bytes);
    add_action(requests, 2, &writer, answer);
}

static const struct {
    uint8_t bytes[16];
    size_t count;
    struct bad_answer answer;
} members[] = {
    {{0x10, 0}, 2, {422, "out_of_range", "claims[0].seq"}},
    {{0x10, 0x80, 0x80, 0x80, 0x80, 0x10}, 6, {422, "out_of_range", "claims[0].seq"}},
    {{0x10, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1},
     11,
     {422, "out_of_range", "claims[0].seq"}},
    {{0x10, 1, 0x10, 1}, 4, {400, "malformed", "claims[0].seq"}},
    {{0x12, 1, 'a'}, 3, {400, "wrong_type", "claims[0].seq"}},
    {{0x11, 1, 0, 0, 0, 0, 0, 0, 0}, 9, {400, "wrong_type", "claims[0].seq"}},
    {{0x15, 1, 0, 0, 0}, 5, {400, "wrong_type", "claims[0].seq"}},
    {{0x13, 0x14}, 2, {400, "malformed", "claims[0]"}},
    {{0x10, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f},
     11,
     {400, "malformed", "claims[0]"}},
    {{0x10}, 1, {400, "malformed", "claims[0]"}},
    {{0x00, 1}, 2, {400, "malformed", "claims[0]"}},
    {{0x30, 1}, 2, {400, "unknown_field", "claims[0].6"}},
    /* x: zigzag of -2^31; and more than 32 bits of it. */
    {{0x10, 1, 0x18, 0xff, 0xff, 0xff, 0xff, 0x0f}, 8, {422, "out_of_range", "claims[0].x"}},
    {{0x10, 1, 0x20, 0xff, 0xff, 0xff, 0xff, 0x0f}, 8, {422, "out_of_range", "claims[0].y"}},
    {{0x10, 1, 0x18, 0x80, 0x80, 0x80, 0x80, 0x10}, 8, {422, "out_of_range", "claims[0].x"}},
    {{0x0a, 1, 'a'}, 3, {400, "malformed", "claims[0].player"}},
};

static void add_players(struct bad_requests *requests)
{
    static const struct bad_answer missing = {400, "missing_field", "claims[0].player"};
    static const struct bad_answer wrong = {400, "wrong_type", "claims[0].player"};
    const struct player_id player = player_of(BAD_PLAYER);
    uint8_t data[ROOM];
    for (size_t bytes = 0; bytes <= 17; bytes++) {
        struct writer writer;
        uint8_t text[17] = {0};
        memcpy(text, player.bytes, 16);
        writer_init(&writer, data, sizeof data);
        put_piece(&writer, 1, text, bytes);
        put_number(&writer, 2, 1);
        if (bytes != 16)
            add_action(requests, 2, &writer, bytes == 0 ? &missing : &wrong);
    }
}

static void add_reaction(struct bad_requests *requests, const char *emoji, bool to,
                         const struct bad_answer *answer)
{
    uint8_t data[ROOM];
    struct writer writer;
    const struct player_id player = player_of(BAD_PLAYER);
    const struct player_id other = player_of(BAD_OTHER);
    writer_init(&writer, data, sizeof data);
    put_piece(&writer, 1, player.bytes, 16);
    put_number(&writer, 2, 1);
    if (to)
        put_piece(&writer, 3, other.bytes, 16);
    put_piece(&writer, 4, emoji, strlen(emoji));
    add_action(requests, 3, &writer, answer);
}

static void add_reactions(struct bad_requests *requests)
{
    static const struct bad_answer missing = {400, "missing_field", "reactions[0].to"};
    static const struct bad_answer out = {422, "out_of_range", "reactions[0].emoji"};
    static const struct bad_answer wrong = {400, "malformed", "reactions[0].emoji"};
    add_reaction(requests, "a", false, &missing);
    add_reaction(requests, "", true, &out);
    add_reaction(requests, "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", true, &out);
    add_reaction(requests, "\xff", true, &wrong);
}

/* The request itself. */
static const struct {
    const char *bytes;
    size_t count;
    struct bad_answer answer;
} requests_of_bytes[] = {
    {"", 0, {400, "missing_field", "hunt"}},
    {"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", 12, {400, "malformed", NULL}},
    {"\x0a\x00", 2, {400, "missing_field", "hunt"}},
    {"\x0a\x03"
     "Bad",
     5,
     {422, "out_of_range", "hunt"}},
    {"\x0a\x02\xc3\x28", 4, {400, "malformed", "hunt"}},
    {"\x0a\x03"
     "a\0b",
     5,
     {400, "malformed", "hunt"}},
    {"\x08\x01", 2, {400, "wrong_type", "hunt"}},
    {"\x0a\x01h\x0a\x01h", 6, {400, "malformed", "hunt"}},
    {"\x0a\x01h\x22\x00", 5, {400, "unknown_field", "4"}},
    {"\x0a\x01h\x10\x01", 5, {400, "wrong_type", "claims"}},
    {"\x0a\x01h\x12\x7f\x0a", 6, {400, "malformed", NULL}},
    {"\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01h", 12, {400, "malformed", NULL}},
    {"\x0b\x0c", 2, {400, "malformed", NULL}},
    {"\x0a\x08"
     "bad-flat",
     10,
     {422, "no_actions", NULL}},
    {"\x0a\x0c"
     "no-such-hunt\x12\x00",
     16,
     {404, "unknown_hunt", "hunt"}},
};

static void add_cuts(struct bad_requests *requests)
{
    static const struct bad_answer malformed = {400, "malformed", NULL};
    const struct player_id player = player_of(BAD_PLAYER);
    uint8_t action[ROOM], bytes[ROOM];
    struct writer claim, writer;
    writer_init(&claim, action, sizeof action);
    put_piece(&claim, 1, player.bytes, 16);
    put_number(&claim, 2, 1);
    writer_init(&writer, bytes, sizeof bytes);
    put_hunt(&writer);
    const size_t named = writer.used;
    put_piece(&writer, 2, action, claim.used);
    for (size_t count = 1; count < writer.used; count++) {
        if (count != named)
            add_bytes(requests, "protobuf, cut", &malformed, bytes, count);
    }
}

/* So many empty claims. */
static void add_crowd(struct bad_requests *requests)
{
    static const struct bad_answer answer = {422, "too_many_actions", "claims"};
    static const struct bad_answer first = {400, "missing_field", "claims[0].player"};
    uint8_t bytes[ROOM];
    struct writer writer;
    writer_init(&writer, bytes, sizeof bytes);
    put_hunt(&writer);
    for (size_t i = 0; i < 1000; i++)
        put_piece(&writer, 2, "", 0);
    add_bytes(requests, "protobuf, a thousand", &first, bytes, writer.used);
    put_piece(&writer, 2, "", 0);
    CHECK(writer_ok(&writer));
    add_bytes(requests, "protobuf, crowded", &answer, bytes, writer.used);
}

/* Messages in messages, each the second field of the one around it. */
static void add_nested(struct bad_requests *requests)
{
    static const struct bad_answer answer = {400, "wrong_type", "claims[0].seq"};
    const size_t room = (size_t)1 << 17;
    uint8_t *bytes = malloc(room);
    struct writer writer;
    CHECK(bytes != NULL);
    writer_init(&writer, bytes, room);
    put_hunt(&writer);
    for (size_t left = 34000; left > 8; left -= 4) {
        put_key(&writer, 2, BYTES);
        put_varint(&writer, left);
    }
    while (writer.used < 34000 + 64)
        put_u8(&writer, 0);
    add_bytes(requests, "protobuf, nested", &answer, bytes, writer.used);
    free(bytes);
}

static void add_wide(struct bad_requests *requests, size_t bytes, const struct bad_answer *answer,
                     bool closes)
{
    char *text = bad_run('a', bytes);
    struct writer writer;
    /* A hunt with a long name: a key and a length of three bytes before it. */
    writer_init(&writer, text, 4);
    put_key(&writer, 1, BYTES);
    put_varint(&writer, bytes - 4);
    CHECK(writer_ok(&writer));
    add_bytes(requests, "protobuf, wide", answer, text, bytes);
    requests->list[requests->count - 1].closes = closes;
    free(text);
}

void bad_add_protobuf(struct bad_requests *requests)
{
    for (size_t i = 0; i < sizeof requests_of_bytes / sizeof requests_of_bytes[0]; i++)
        add_bytes(requests, "protobuf", &requests_of_bytes[i].answer, requests_of_bytes[i].bytes,
                  requests_of_bytes[i].count);
    for (size_t i = 0; i < sizeof members / sizeof members[0]; i++)
        add_claim(requests, members[i].bytes, members[i].count, &members[i].answer);
    add_players(requests);
    add_reactions(requests);
    add_cuts(requests);
    add_crowd(requests);
    add_nested(requests);
    add_wide(requests, BAD_BODY_BYTES_MAX, &(struct bad_answer){422, "out_of_range", "hunt"},
             false);
    add_wide(requests, BAD_BODY_BYTES_MAX + 1, &(struct bad_answer){413, "body_too_large", NULL},
             true);
}
