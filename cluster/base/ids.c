#include "cluster/base/ids.h"

#include <string.h>

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

static bool is_dash_place(size_t at)
{
    return at == 8 || at == 13 || at == 18 || at == 23;
}

enum status player_id_parse(struct player_id *player, const char *text, size_t length)
{
    if (length != PLAYER_TEXT_LENGTH)
        return STATUS_INVALID;

    struct player_id parsed;
    size_t byte = 0;
    for (size_t at = 0; at < PLAYER_TEXT_LENGTH;) {
        if (is_dash_place(at)) {
            if (text[at] != '-')
                return STATUS_INVALID;
            at++;
            continue;
        }
        const int high = hex_value(text[at]);
        const int low = hex_value(text[at + 1]);
        if (high < 0 || low < 0)
            return STATUS_INVALID;
        parsed.bytes[byte++] = (uint8_t)(high << 4 | low);
        at += 2;
    }
    *player = parsed;
    return STATUS_OK;
}

void player_id_format(char text[PLAYER_TEXT_LENGTH + 1], const struct player_id *player)
{
    static const char digits[] = "0123456789abcdef";
    size_t at = 0;
    for (size_t byte = 0; byte < sizeof player->bytes; byte++) {
        if (is_dash_place(at))
            text[at++] = '-';
        text[at++] = digits[player->bytes[byte] >> 4];
        text[at++] = digits[player->bytes[byte] & 15];
    }
    text[at] = '\0';
}

int player_id_compare(const struct player_id *a, const struct player_id *b)
{
    return memcmp(a->bytes, b->bytes, sizeof a->bytes);
}

bool player_id_equal(const struct player_id *a, const struct player_id *b)
{
    return player_id_compare(a, b) == 0;
}

static bool is_name_character(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
}

enum status name_set(struct name *name, const char *text, size_t length)
{
    if (length == 0 || length > NAME_LENGTH_MAX)
        return STATUS_INVALID;
    for (size_t at = 0; at < length; at++) {
        if (!is_name_character(text[at]))
            return STATUS_INVALID;
    }
    memset(name->text, 0, sizeof name->text);
    memcpy(name->text, text, length);
    return STATUS_OK;
}

bool name_equal(const struct name *a, const struct name *b)
{
    return strcmp(a->text, b->text) == 0;
}
