#include "node/routes_cursor.h"

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

void cursor_format(char text[CURSOR_BYTES], const struct cursor *cursor)
{
    uint8_t raw[CURSOR_RAW_BYTES];
    struct writer writer;
    writer_init(&writer, raw, sizeof raw);
    put_u8(&writer, CURSOR_VERSION);
    put_u16(&writer, cursor->hunt);
    put_u64(&writer, cursor->epoch);
    put_u32(&writer, cursor->offset);
    CHECK(writer_ok(&writer));
    CHECK(writer.used == sizeof raw);
    (void)sodium_bin2base64(text, CURSOR_BYTES, raw, sizeof raw,
                            sodium_base64_VARIANT_URLSAFE_NO_PADDING);
}

enum status cursor_parse(struct cursor *ret_cursor, const char *text)
{
    uint8_t raw[CURSOR_RAW_BYTES];
    size_t bytes = 0;
    if (strlen(text) != CURSOR_BYTES - 1 ||
        sodium_base642bin(raw, sizeof raw, text, CURSOR_BYTES - 1, NULL, &bytes, NULL,
                          sodium_base64_VARIANT_URLSAFE_NO_PADDING) != 0 ||
        bytes != sizeof raw)
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
