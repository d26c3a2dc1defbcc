#include "node/routes_cursor.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include <sodium.h>

#include "cluster/base/bounds.h"
#include "cluster/base/bytes.h"
#include "cluster/base/check.h"

/* u8 version | u16 hunt | u64 epoch | u32 offset: 15 bytes, which are 20 characters of base64url
 * with none left over, so that every cursor has one form only. */
#define CURSOR_VERSION   1
#define CURSOR_RAW_BYTES 15
_Static_assert(CURSOR_RAW_BYTES % 3 == 0, "no bits are left over");
_Static_assert(CURSOR_BYTES == CURSOR_RAW_BYTES / 3 * 4 + 1, "the text fits");

/* u8 version | u16 hunt | u64 epoch | u16 treasure | u32 place | u8 zero: 18 bytes, the same. */
#define AWARD_CURSOR_RAW_BYTES 18
_Static_assert(AWARD_CURSOR_RAW_BYTES % 3 == 0, "no bits are left over");
_Static_assert(AWARD_CURSOR_BYTES == AWARD_CURSOR_RAW_BYTES / 3 * 4 + 1, "the text fits");

static void write_text(char *text, size_t text_bytes, const struct writer *writer)
{
    CHECK(writer_ok(writer));
    CHECK(writer->used == writer->capacity);
    (void)sodium_bin2base64(text, text_bytes, writer->data, writer->used,
                            sodium_base64_VARIANT_URLSAFE_NO_PADDING);
}

/* False: it is not the text of so many bytes. */
static bool read_text(uint8_t *raw, size_t raw_bytes, const char *text)
{
    size_t bytes = 0;
    return strlen(text) == raw_bytes / 3 * 4 &&
           sodium_base642bin(raw, raw_bytes, text, strlen(text), NULL, &bytes, NULL,
                             sodium_base64_VARIANT_URLSAFE_NO_PADDING) == 0 &&
           bytes == raw_bytes;
}

void cursor_format(char text[CURSOR_BYTES], const struct cursor *cursor)
{
    uint8_t raw[CURSOR_RAW_BYTES];
    struct writer writer;
    writer_init(&writer, raw, sizeof raw);
    put_u8(&writer, CURSOR_VERSION);
    put_u16(&writer, cursor->hunt);
    put_u64(&writer, cursor->epoch);
    put_u32(&writer, cursor->offset);
    write_text(text, CURSOR_BYTES, &writer);
}

enum status cursor_parse(struct cursor *ret_cursor, const char *text)
{
    uint8_t raw[CURSOR_RAW_BYTES];
    if (!read_text(raw, sizeof raw, text))
        return STATUS_INVALID;
    struct reader reader;
    reader_init(&reader, raw, sizeof raw);
    const uint8_t version = take_u8(&reader);
    struct cursor cursor;
    cursor.hunt = take_u16(&reader);
    cursor.epoch = take_u64(&reader);
    cursor.offset = take_u32(&reader);
    if (version != CURSOR_VERSION || cursor.hunt >= HUNTS_MAX || cursor.offset == 0 ||
        cursor.offset > BOARD_TOP)
        return STATUS_INVALID;
    *ret_cursor = cursor;
    return STATUS_OK;
}

void award_cursor_format(char text[AWARD_CURSOR_BYTES], const struct award_cursor *cursor)
{
    uint8_t raw[AWARD_CURSOR_RAW_BYTES];
    struct writer writer;
    writer_init(&writer, raw, sizeof raw);
    put_u8(&writer, CURSOR_VERSION);
    put_u16(&writer, cursor->hunt);
    put_u64(&writer, cursor->epoch);
    put_u16(&writer, cursor->treasure);
    put_u32(&writer, cursor->place);
    put_u8(&writer, 0);
    write_text(text, AWARD_CURSOR_BYTES, &writer);
}

enum status award_cursor_parse(struct award_cursor *ret_cursor, const char *text)
{
    uint8_t raw[AWARD_CURSOR_RAW_BYTES];
    if (!read_text(raw, sizeof raw, text))
        return STATUS_INVALID;
    struct reader reader;
    reader_init(&reader, raw, sizeof raw);
    const uint8_t version = take_u8(&reader);
    struct award_cursor cursor;
    cursor.hunt = take_u16(&reader);
    cursor.epoch = take_u64(&reader);
    cursor.treasure = take_u16(&reader);
    cursor.place = take_u32(&reader);
    const uint8_t zero = take_u8(&reader);
    if (version != CURSOR_VERSION || zero != 0 || cursor.hunt >= HUNTS_MAX ||
        cursor.treasure >= TREASURE_NUMBERS_MAX || cursor.place == 0)
        return STATUS_INVALID;
    *ret_cursor = cursor;
    return STATUS_OK;
}
