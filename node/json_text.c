#include "node/json_text.h"

#include <stdlib.h>
#include <string.h>

#include "cluster/base/check.h"

#define FIRST_CAPACITY 512

void json_text_fini(struct json_text *text)
{
    free(text->data);
    *text = (struct json_text){0};
}

bool json_text_ok(const struct json_text *text)
{
    return !text->failed;
}

/* Room for `bytes` more; NULL: none. */
static char *make_room(struct json_text *text, size_t bytes)
{
    if (text->failed)
        return NULL;
    if (bytes <= text->capacity - text->used)
        return text->data + text->used;
    size_t capacity = text->capacity > 0 ? text->capacity : FIRST_CAPACITY;
    while (capacity - text->used < bytes)
        capacity *= 2;
    char *data = realloc(text->data, capacity);
    if (data == NULL) {
        text->failed = true;
        return NULL;
    }
    text->data = data;
    text->capacity = capacity;
    return data + text->used;
}

static void put(struct json_text *text, const char *bytes, size_t count)
{
    char *room = make_room(text, count);
    if (room == NULL)
        return;
    memcpy(room, bytes, count);
    text->used += count;
}

static void put_char(struct json_text *text, char byte)
{
    put(text, &byte, 1);
}

/* A value or key comes: after anything but an opening bracket or a colon, it is a further one. No
 * value of ours ends in one of those, as strings end with their quotes. */
static void separate(struct json_text *text)
{
    if (text->used == 0)
        return;
    const char last = text->data[text->used - 1];
    if (last != '{' && last != '[' && last != ':')
        put_char(text, ',');
}

void json_text_object(struct json_text *text)
{
    separate(text);
    put_char(text, '{');
}

void json_text_object_end(struct json_text *text)
{
    put_char(text, '}');
}

void json_text_array(struct json_text *text)
{
    separate(text);
    put_char(text, '[');
}

void json_text_array_end(struct json_text *text)
{
    put_char(text, ']');
}

void json_text_key(struct json_text *text, const char *key)
{
    separate(text);
    put_char(text, '"');
    put(text, key, strlen(key));
    put(text, "\":", 2);
}

static void put_escape(struct json_text *text, unsigned char byte)
{
    static const char digits[] = "0123456789abcdef";
    if (byte == '"' || byte == '\\') {
        put(text, (const char[]){'\\', (char)byte}, 2);
        return;
    }
    const char escape[6] = {'\\', 'u', '0', '0', digits[byte >> 4], digits[byte & 15]};
    put(text, escape, sizeof escape);
}

static bool needs_escape(unsigned char byte)
{
    return byte < 0x20 || byte == '"' || byte == '\\';
}

static void put_escaped(struct json_text *text, const char *value)
{
    put_char(text, '"');
    while (*value != '\0') {
        size_t plain = 0;
        while (value[plain] != '\0' && !needs_escape((unsigned char)value[plain]))
            plain++;
        put(text, value, plain);
        value += plain;
        if (*value != '\0')
            put_escape(text, (unsigned char)*value++);
    }
    put_char(text, '"');
}

void json_text_key_text(struct json_text *text, const char *key)
{
    separate(text);
    put_escaped(text, key);
    put_char(text, ':');
}

void json_text_string(struct json_text *text, const char *value)
{
    separate(text);
    put_escaped(text, value);
}

void json_text_bool(struct json_text *text, bool value)
{
    separate(text);
    if (value)
        put(text, "true", 4);
    else
        put(text, "false", 5);
}

/* "-9223372036854775808", and 2^64 - 1 has as many digits. */
#define NUMBER_BYTES 20

/* Writes the digits up to the end of the buffer; returns where they begin. */
static const char *format_number(char digits[NUMBER_BYTES], uint64_t value, bool negative)
{
    size_t at = NUMBER_BYTES;
    do {
        digits[--at] = (char)('0' + value % 10);
        value /= 10;
    } while (value > 0);
    if (negative)
        digits[--at] = '-';
    return digits + at;
}

static uint64_t magnitude(int64_t value)
{
    return value < 0 ? UINT64_C(0) - (uint64_t)value : (uint64_t)value;
}

static void put_number(struct json_text *text, uint64_t value, bool negative)
{
    char digits[NUMBER_BYTES];
    const char *from = format_number(digits, value, negative);
    put(text, from, (size_t)(digits + NUMBER_BYTES - from));
}

void json_text_number(struct json_text *text, uint64_t value)
{
    separate(text);
    put_number(text, value, false);
}

void json_text_signed(struct json_text *text, int64_t value)
{
    separate(text);
    put_number(text, magnitude(value), value < 0);
}

void json_text_quoted(struct json_text *text, uint64_t value)
{
    separate(text);
    put_char(text, '"');
    put_number(text, value, false);
    put_char(text, '"');
}

void json_text_quoted_signed(struct json_text *text, int64_t value)
{
    separate(text);
    put_char(text, '"');
    put_number(text, magnitude(value), value < 0);
    put_char(text, '"');
}

void json_text_hex(struct json_text *text, uint64_t value)
{
    static const char digits[] = "0123456789abcdef";
    char hex[18];
    hex[0] = '"';
    for (unsigned i = 0; i < 16; i++)
        hex[1 + i] = digits[value >> (60 - 4 * i) & 15];
    hex[17] = '"';
    separate(text);
    put(text, hex, sizeof hex);
}

void json_text_player(struct json_text *text, const struct player_id *player)
{
    char form[PLAYER_TEXT_LENGTH + 1];
    player_id_format(form, player);
    separate(text);
    put_char(text, '"');
    put(text, form, PLAYER_TEXT_LENGTH);
    put_char(text, '"');
}

void json_text_degrees(struct json_text *text, int32_t value)
{
    const uint64_t size = magnitude(value);
    uint64_t fraction = size % 10000000;
    separate(text);
    put_number(text, size / 10000000, value < 0);
    if (fraction == 0)
        return;
    char digits[8] = {'.'};
    size_t used = sizeof digits;
    for (size_t at = sizeof digits - 1; at > 0; at--) {
        digits[at] = (char)('0' + fraction % 10);
        fraction /= 10;
    }
    while (digits[used - 1] == '0')
        used--;
    CHECK(used > 1);
    put(text, digits, used);
}
