/* node/json_text.h -- JSON written into a growing buffer, value after value, without a tree.
 *
 * Commas come by themselves. What runs out of memory is remembered; one check at the end
 * (json_text_ok) covers the whole text. Texts must be UTF-8. Any thread, one at a time. */
#ifndef CAIRN_NODE_JSON_TEXT_H
#define CAIRN_NODE_JSON_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cluster/base/ids.h"

/* A zeroed one is empty. */
struct json_text {
    char *data; /* not zero terminated; its own */
    size_t used;
    size_t capacity;
    bool failed;
};

void json_text_fini(struct json_text *text);

/* False: memory ran out, and the text is of no use. */
bool json_text_ok(const struct json_text *text);

void json_text_object(struct json_text *text);
void json_text_object_end(struct json_text *text);
void json_text_array(struct json_text *text);
void json_text_array_end(struct json_text *text);

/* The next member's name, which needs no escapes; its value follows. */
void json_text_key(struct json_text *text, const char *key);

/* The same with a name that may need some. */
void json_text_key_text(struct json_text *text, const char *key);

void json_text_string(struct json_text *text, const char *value);
void json_text_bool(struct json_text *text, bool value);
void json_text_number(struct json_text *text, uint64_t value);
void json_text_signed(struct json_text *text, int64_t value);
/* A number in quotes: one that may exceed what JSON readers keep exactly. */
void json_text_quoted(struct json_text *text, uint64_t value);
void json_text_quoted_signed(struct json_text *text, int64_t value);
/* 16 hexadecimal digits in quotes: ids and digests. */
void json_text_hex(struct json_text *text, uint64_t value);
void json_text_player(struct json_text *text, const struct player_id *player);
/* 1e-7 degrees as degrees, exactly: 436942000 is 43.6942. */
void json_text_degrees(struct json_text *text, int32_t value);

#endif
