#include "cluster/values/action.h"

#include <string.h>

#include "cluster/base/check.h"
#include "cluster/base/hash.h"

/* The canonical form, little-endian:
 *
 *    0  u8   kind
 *    1  u16  hunt
 *    3  u32  seq
 *    7       player, 16 bytes
 *   23  i64  time_ms
 *   31       claim: i32 x, i32 y
 *            reaction: to, 16 bytes; u8 length of the emoji; its bytes
 *
 * It is read once for every action of every replica, so the parts of fixed size are taken from the
 * reader at once and not byte by byte. */
#define HEADER_BYTES 31
#define CLAIM_BYTES  8
_Static_assert(HEADER_BYTES + 16 + 1 + EMOJI_BYTES_MAX <= ACTION_BYTES_MAX, "a reaction fits");

static void store_u32(uint8_t *place, uint32_t value)
{
    place[0] = (uint8_t)value;
    place[1] = (uint8_t)(value >> 8);
    place[2] = (uint8_t)(value >> 16);
    place[3] = (uint8_t)(value >> 24);
}

static void store_u64(uint8_t *place, uint64_t value)
{
    store_u32(place, (uint32_t)value);
    store_u32(place + 4, (uint32_t)(value >> 32));
}

static uint32_t load_u32(const uint8_t *place)
{
    return (uint32_t)place[0] | (uint32_t)place[1] << 8 | (uint32_t)place[2] << 16 |
           (uint32_t)place[3] << 24;
}

static uint64_t load_u64(const uint8_t *place)
{
    return load_u32(place) | (uint64_t)load_u32(place + 4) << 32;
}

bool emoji_equal(const struct emoji *a, const struct emoji *b)
{
    return a->length == b->length && memcmp(a->text, b->text, a->length) == 0;
}

int emoji_compare(const struct emoji *a, const struct emoji *b)
{
    const uint8_t shorter = a->length < b->length ? a->length : b->length;
    const int order = memcmp(a->text, b->text, shorter);
    return order != 0 ? order : a->length - b->length;
}

uint64_t action_content(const struct action *action)
{
    if (action->kind == ACTION_CLAIM) {
        uint8_t bytes[16];
        store_u32(bytes, (uint32_t)action->x);
        store_u32(bytes + 4, (uint32_t)action->y);
        store_u64(bytes + 8, (uint64_t)action->time_ms);
        return hash_16(ACTION_CLAIM, bytes);
    }
    CHECK(action->kind == ACTION_REACTION);
    CHECK(action->emoji.length <= EMOJI_BYTES_MAX);
    uint8_t bytes[24 + EMOJI_BYTES_MAX];
    memcpy(bytes, action->to.bytes, 16);
    store_u64(bytes + 16, (uint64_t)action->time_ms);
    memcpy(bytes + 24, action->emoji.text, action->emoji.length);
    return hash_chain(ACTION_REACTION, bytes, 24U + action->emoji.length);
}

void action_encode(const struct action *action, struct writer *writer)
{
    CHECK(action->kind == ACTION_CLAIM || action->kind == ACTION_REACTION);
    CHECK(action->emoji.length <= EMOJI_BYTES_MAX);
    uint8_t bytes[HEADER_BYTES + CLAIM_BYTES];
    bytes[0] = (uint8_t)action->kind;
    bytes[1] = (uint8_t)action->hunt;
    bytes[2] = (uint8_t)(action->hunt >> 8);
    store_u32(bytes + 3, action->seq);
    memcpy(bytes + 7, action->player.bytes, 16);
    store_u64(bytes + 23, (uint64_t)action->time_ms);
    if (action->kind == ACTION_CLAIM) {
        store_u32(bytes + HEADER_BYTES, (uint32_t)action->x);
        store_u32(bytes + HEADER_BYTES + 4, (uint32_t)action->y);
        put_bytes(writer, bytes, HEADER_BYTES + CLAIM_BYTES);
        return;
    }
    put_bytes(writer, bytes, HEADER_BYTES);
    put_bytes(writer, action->to.bytes, sizeof action->to.bytes);
    put_u8(writer, action->emoji.length);
    put_bytes(writer, action->emoji.text, action->emoji.length);
}

static bool decode_claim(struct action *action, struct reader *reader)
{
    const uint8_t *bytes = take_bytes(reader, CLAIM_BYTES);
    if (bytes == NULL)
        return false;
    action->x = (int32_t)load_u32(bytes);
    action->y = (int32_t)load_u32(bytes + 4);
    return action->x >= -COORDINATE_MAX && action->y >= -COORDINATE_MAX;
}

static bool decode_reaction(struct action *action, struct reader *reader)
{
    const uint8_t *to = take_bytes(reader, sizeof action->to.bytes);
    const uint8_t length = take_u8(reader);
    if (to == NULL || length == 0 || length > EMOJI_BYTES_MAX)
        return false;
    const uint8_t *text = take_bytes(reader, length);
    /* The text is a C string to whoever prints it. */
    if (text == NULL || memchr(text, 0, length) != NULL)
        return false;
    memcpy(action->to.bytes, to, sizeof action->to.bytes);
    action->emoji.length = length;
    memcpy(action->emoji.text, text, length);
    return true;
}

bool action_decode(struct action *action, struct reader *reader)
{
    const uint8_t *bytes = take_bytes(reader, HEADER_BYTES);
    if (bytes == NULL)
        return false;
    struct action decoded = {
        .hunt = (uint16_t)(bytes[1] | bytes[2] << 8),
        .seq = load_u32(bytes + 3),
        .time_ms = (int64_t)load_u64(bytes + 23),
    };
    memcpy(decoded.player.bytes, bytes + 7, sizeof decoded.player.bytes);

    bool valid = decoded.seq >= SEQ_MIN;
    if (bytes[0] == ACTION_CLAIM) {
        decoded.kind = ACTION_CLAIM;
        valid = decode_claim(&decoded, reader) && valid;
    } else if (bytes[0] == ACTION_REACTION) {
        decoded.kind = ACTION_REACTION;
        valid = decode_reaction(&decoded, reader) && valid;
    } else {
        valid = false;
    }
    if (!valid) {
        reader->failed = true;
        return false;
    }
    *action = decoded;
    return true;
}

const char *outcome_name(enum outcome outcome)
{
    static const char *const names[OUTCOME_COUNT] = {
        [OUTCOME_NONE] = "none",
        [OUTCOME_FOUND] = "found",
        [OUTCOME_PENDING] = "pending",
        [OUTCOME_WON] = "won",
        [OUTCOME_LOST] = "lost",
        [OUTCOME_TAP] = "tap",
        [OUTCOME_NOTHING] = "nothing",
        [OUTCOME_ALREADY] = "already",
        [OUTCOME_SOLD_OUT] = "sold_out",
        [OUTCOME_CLOSED] = "closed",
        [OUTCOME_NOT_OPEN] = "not_open",
        [OUTCOME_ENDED] = "ended",
        [OUTCOME_TOO_FAST] = "too_fast",
        [OUTCOME_RATE_LIMITED] = "rate_limited",
        [OUTCOME_CLOCK_SKEW] = "clock_skew",
        [OUTCOME_EXPIRED] = "expired",
        [OUTCOME_REACTED] = "reacted",
        [OUTCOME_INVALID] = "invalid",
        [OUTCOME_STALE] = "stale",
        [OUTCOME_CONFLICT] = "conflict",
        [OUTCOME_FULL] = "full",
        [OUTCOME_UNAVAILABLE] = "unavailable",
    };
    CHECK(outcome < OUTCOME_COUNT);
    return names[outcome];
}

bool outcome_accepted(enum outcome outcome)
{
    return outcome == OUTCOME_FOUND || outcome == OUTCOME_PENDING || outcome == OUTCOME_WON ||
           outcome == OUTCOME_LOST;
}
