/* LZ4 frames: bombs, garbage, and good frames of bad bodies. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <lz4frame.h>

#include "chaos/bad_parts.h"
#include "cluster/base/check.h"
#include "proto/frame_lz4.h"

#define HEAD(type)                                                                                 \
    "POST /hunt HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/" type                    \
    "\r\nContent-Encoding: lz4\r\n"
#define BOMB_BYTES ((size_t)64 << 20)

static const char *const heads[] = {HEAD("json"), HEAD("x-protobuf")};

/* Both types. */
static void add_frame(struct bad_requests *requests, const char *name,
                      const struct bad_answer *answer, const void *frame, size_t bytes)
{
    for (size_t i = 0; i < 2; i++)
        (void)bad_add_body(requests, name, answer, &(struct bad_body){heads[i], frame, bytes});
}

struct frame {
    uint8_t *bytes;
    size_t count;
};

static struct frame frame_of(const void *data, size_t bytes, bool declares)
{
    LZ4F_preferences_t wanted = LZ4F_INIT_PREFERENCES;
    wanted.frameInfo.contentChecksumFlag = LZ4F_contentChecksumEnabled;
    wanted.frameInfo.contentSize = declares ? bytes : 0;
    const size_t room = LZ4F_compressFrameBound(bytes, &wanted);
    struct frame frame = {.bytes = malloc(room)};
    CHECK(frame.bytes != NULL);
    frame.count = LZ4F_compressFrame(frame.bytes, room, data, bytes, &wanted);
    CHECK(LZ4F_isError(frame.count) == 0);
    return frame;
}

static void add_zeros(struct bad_requests *requests, size_t bytes, bool declares,
                      const struct bad_answer *answer)
{
    uint8_t *zeros = calloc(bytes, 1);
    CHECK(zeros != NULL);
    const struct frame frame = frame_of(zeros, bytes, declares);
    add_frame(requests, "LZ4, zeros", answer, frame.bytes, frame.count);
    free(frame.bytes);
    free(zeros);
}

static void add_garbage(struct bad_requests *requests)
{
    static const struct bad_answer answer = {400, "malformed", NULL};
    static const struct {
        const char *bytes;
        size_t count;
    } garbage[] = {
        {"x", 1},
        {"{\"hunt\":\"" BAD_FLAT_HUNT "\"}", 19},
        {"\x04\x22\x4d\x18", 4},
        {"\x04\x22\x4d\x18\x40\x40\x00", 7},           /* the head's checksum is wrong */
        {"\x04\x22\x4d\x18\x80\x40\xc0", 7},           /* a version that is not there */
        {"\x50\x2a\x4d\x18\x02\x00\x00\x00xx", 10},    /* a frame to be skipped */
        {"\x02\x21\x4c\x18\x01\x00\x00\x00\x00x", 10}, /* the legacy format */
        {"\x04\x22\x4d\x18\x40\x40\xc0\xff\xff\xff\xff\xff", 12},
        {"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03", 10}, /* gzip */
    };
    for (size_t i = 0; i < sizeof garbage / sizeof garbage[0]; i++)
        add_frame(requests, "LZ4, garbage", &answer, garbage[i].bytes, garbage[i].count);
}

static void add_damaged(struct bad_requests *requests)
{
    static const struct bad_answer answer = {400, "malformed", NULL};
    static const char text[] = "{\"hunt\":\"" BAD_FLAT_HUNT "\",\"claims\":[],\"reactions\":[]}";
    const struct frame frame = frame_of(text, sizeof text - 1, true);
    uint8_t *longer = malloc(2 * frame.count);
    CHECK(longer != NULL);
    for (size_t count = 1; count < frame.count; count++)
        add_frame(requests, "LZ4, cut", &answer, frame.bytes, count);
    for (size_t at = 0; at < frame.count; at++) {
        memcpy(longer, frame.bytes, frame.count);
        longer[at] ^= 0x80;
        /* Flipped there, the first block is said to be longer than any: all the same refused. */
        add_frame(requests, "LZ4, a bit flipped", &answer, longer, frame.count);
    }
    memcpy(longer, frame.bytes, frame.count);
    memcpy(longer + frame.count, frame.bytes, frame.count);
    add_frame(requests, "LZ4, two frames", &answer, longer, 2 * frame.count);
    add_frame(requests, "LZ4, a byte more", &answer, longer, frame.count + 1);
    free(longer);
    free(frame.bytes);
}

/* A good frame around a bad body. */
static void add_wrapped(struct bad_requests *requests)
{
    static const struct {
        size_t type;
        const char *body;
        size_t bytes;
        struct bad_answer answer;
    } cases[] = {
        {0, "{", 1, {400, "malformed", NULL}},
        {0, "{\"hunt\":\"" BAD_FLAT_HUNT "\",\"z\":1}", 25, {400, "unknown_field", "z"}},
        {0, "{\"hunt\":\"" BAD_FLAT_HUNT "\"}", 19, {422, "no_actions", NULL}},
        {1, "\xff", 1, {400, "malformed", NULL}},
        {1, "\x0a\x01h\x22\x00", 5, {400, "unknown_field", "4"}},
        {1,
         "\x0a\x08"
         "bad-flat",
         10,
         {422, "no_actions", NULL}},
        {0, "", 0, {400, "malformed", NULL}},
        {1, "", 0, {400, "missing_field", "hunt"}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const struct frame frame = frame_of(cases[i].body, cases[i].bytes, i % 2 == 0);
        (void)bad_add_body(requests, "LZ4, wrapped", &cases[i].answer,
                           &(struct bad_body){heads[cases[i].type], frame.bytes, frame.count});
        free(frame.bytes);
    }
}

/* What a frame holds is bounded like a body: at the limit it is looked at, a byte more is 413. */
static void add_wide(struct bad_requests *requests, size_t bytes, const struct bad_answer *answer)
{
    static const char start[] = "{\"hunt\":\"" BAD_FLAT_HUNT "\"";
    char *text = bad_run(' ', bytes);
    memcpy(text, start, sizeof start - 1);
    text[bytes - 1] = '}';
    for (unsigned declares = 0; declares < 2; declares++) {
        const struct frame frame = frame_of(text, bytes, declares == 1);
        (void)bad_add_body(requests, "LZ4, wide", answer,
                           &(struct bad_body){heads[0], frame.bytes, frame.count});
        free(frame.bytes);
    }
    free(text);
}

void bad_add_lz4(struct bad_requests *requests)
{
    static const struct bad_answer large = {413, "body_too_large", NULL};
    add_zeros(requests, BOMB_BYTES, false, &large);
    add_zeros(requests, BOMB_BYTES, true, &large);
    add_wide(requests, BAD_BODY_BYTES_MAX, &(struct bad_answer){422, "no_actions", NULL});
    add_wide(requests, BAD_BODY_BYTES_MAX + 1, &large);
    add_garbage(requests);
    add_damaged(requests);
    add_wrapped(requests);
}
