#include "proto/actions_scan.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "proto/wire.h"

enum form {
    FORM_WHOLE,    /* 64 bits */
    FORM_WHOLE_32, /* 32 bits */
    FORM_BYTES,
    FORM_TEXT,
    FORM_CLAIM,
    FORM_REACTION,
};

struct field {
    const char *name;
    enum form form;
};

/* By their numbers, from 1. */
static const struct field request_fields[] = {
    {"hunt", FORM_TEXT}, {"claims", FORM_CLAIM}, {"reactions", FORM_REACTION}};
static const struct field claim_fields[] = {{"player", FORM_BYTES},
                                            {"seq", FORM_WHOLE},
                                            {"x", FORM_WHOLE_32},
                                            {"y", FORM_WHOLE_32},
                                            {"time_ms", FORM_WHOLE}};
static const struct field reaction_fields[] = {{"player", FORM_BYTES},
                                               {"seq", FORM_WHOLE},
                                               {"to", FORM_BYTES},
                                               {"emoji", FORM_TEXT},
                                               {"time_ms", FORM_WHOLE}};
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

struct message {
    const struct field *fields;
    size_t count;
};

static bool check_text(const struct request_reading *reading, const char *name,
                       const struct wire_piece *piece)
{
    const char *text = (const char *)piece->data;
    if (memchr(text, '\0', piece->bytes) != NULL || utf8_prefix(text, piece->bytes) != piece->bytes)
        return request_refuse(reading, 400, "malformed", name, "must be UTF-8 without zeros");
    return true;
}

static bool check_piece(const struct request_reading *reading, const struct field *field,
                        const struct wire_piece *piece)
{
    const bool whole = field->form == FORM_WHOLE || field->form == FORM_WHOLE_32;
    if (piece->wire != (whole ? WIRE_VARINT : WIRE_BYTES))
        return request_refuse_type(reading, field->name, whole ? "a varint" : "a length and bytes");
    if (field->form == FORM_WHOLE_32 && piece->value > UINT32_MAX)
        return request_refuse_range(reading, field->name, "a number of 32 bits");
    return field->form != FORM_TEXT || check_text(reading, field->name, piece);
}

static bool refuse_bytes(const struct request_reading *reading)
{
    return request_refuse(reading, 400, "malformed", "", "the bytes are no protobuf message");
}

/* The next field; NULL: refused. */
static const struct field *take_field(const struct request_reading *reading,
                                      const struct message *message, struct reader *reader,
                                      struct wire_piece *piece)
{
    if (!wire_take(reader, piece)) {
        (void)refuse_bytes(reading);
        return NULL;
    }
    if (piece->tag > message->count) {
        char tag[24];
        (void)snprintf(tag, sizeof tag, "%llu", (unsigned long long)piece->tag);
        (void)request_refuse(reading, 400, "unknown_field", tag, "there is no field %s here", tag);
        return NULL;
    }
    const struct field *field = &message->fields[piece->tag - 1];
    return check_piece(reading, field, piece) ? field : NULL;
}

static bool check_once(const struct request_reading *reading, const struct field *field,
                       const struct wire_piece *piece, uint32_t *seen)
{
    const uint32_t bit = UINT32_C(1) << piece->tag;
    if ((*seen & bit) != 0)
        return request_refuse(reading, 400, "malformed", field->name, "%s is there twice",
                              field->name);
    *seen |= bit;
    return true;
}

static bool scan_action(const struct request_reading *reading, const struct wire_piece *action,
                        enum form form)
{
    const struct message message = form == FORM_CLAIM
                                       ? (struct message){claim_fields, COUNT(claim_fields)}
                                       : (struct message){reaction_fields, COUNT(reaction_fields)};
    uint32_t seen = 0;
    struct reader reader;
    reader_init(&reader, action->data, action->bytes);
    while (!reader_done(&reader)) {
        struct wire_piece piece;
        const struct field *field = take_field(reading, &message, &reader, &piece);
        if (field == NULL || !check_once(reading, field, &piece, &seen))
            return false;
    }
    return true;
}

static bool check_hunt(const struct request_reading *reading, bool names_hunt, bool named)
{
    if (named && !names_hunt)
        return request_refuse(reading, 400, "unknown_field", "hunt",
                              "the path says already which hunt");
    return named == names_hunt || request_refuse_missing(reading, "hunt");
}

bool actions_scan(struct request_reading *reading, const void *body, size_t bytes, bool names_hunt)
{
    static const struct message message = {request_fields, COUNT(request_fields)};
    size_t counts[2] = {0, 0}; /* claims, reactions */
    uint32_t seen = 0;
    struct reader reader;
    reader_init(&reader, body, bytes);
    while (!reader_done(&reader)) {
        struct wire_piece piece;
        reading->list = NULL;
        const struct field *field = take_field(reading, &message, &reader, &piece);
        if (field == NULL)
            return false;
        if (field->form == FORM_TEXT) {
            if (!check_once(reading, field, &piece, &seen))
                return false;
            continue;
        }
        size_t *count = &counts[field->form == FORM_REACTION];
        if (!request_check_count(reading, counts[0] + counts[1] + 1, field->name))
            return false;
        reading->list = field->name;
        reading->at = (*count)++;
        if (!scan_action(reading, &piece, field->form))
            return false;
    }
    reading->list = NULL;
    return check_hunt(reading, names_hunt, seen != 0);
}
