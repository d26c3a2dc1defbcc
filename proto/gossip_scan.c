#include "proto/gossip_scan.h"

#include <string.h>

#include "cluster/base/bounds.h"
#include "cluster/base/ids.h"
#include "proto/wire.h"

/* Of later versions; the unpacker keeps each in a block of its own. */
#define UNKNOWN_MAX 16

enum form {
    FORM_WHOLE,
    FORM_WHOLE_32,
    FORM_FIXED_64,
    FORM_BYTES,
    FORM_TEXT,
    FORM_MESSAGE,
};

struct shape;

struct field {
    enum form form;
    uint32_t bytes_max;        /* BYTES, TEXT */
    uint32_t times_max;        /* MESSAGE; others may be there once */
    const struct shape *shape; /* MESSAGE */
};

/* Fields by their numbers, from 1. */
struct shape {
    const struct field *fields;
    uint32_t count;
};

#define FIELDS_MAX 8
#define SHAPE(fields)                                                                              \
    {                                                                                              \
        fields, sizeof(fields) / sizeof((fields)[0])                                               \
    }

static const struct field accusation_fields[] = {{FORM_FIXED_64, 0, 0, NULL},
                                                 {FORM_WHOLE, 0, 0, NULL}};
static const struct shape accusation = SHAPE(accusation_fields);

static const struct field details_fields[] = {{FORM_TEXT, NAME_LENGTH_MAX, 0, NULL},
                                              {FORM_TEXT, NAME_LENGTH_MAX, 0, NULL},
                                              {FORM_TEXT, ADDRESS_LENGTH_MAX, 0, NULL},
                                              {FORM_TEXT, ADDRESS_LENGTH_MAX, 0, NULL}};
static const struct shape details = SHAPE(details_fields);

static const struct field hints_fields[] = {
    {FORM_WHOLE_32, 0, 0, NULL}, {FORM_WHOLE_32, 0, 0, NULL},          {FORM_WHOLE_32, 0, 0, NULL},
    {FORM_WHOLE_32, 0, 0, NULL}, {FORM_WHOLE_32, 0, 0, NULL},          {FORM_WHOLE, 0, 0, NULL},
    {FORM_WHOLE_32, 0, 0, NULL}, {FORM_BYTES, RANGES_MAX / 8, 0, NULL}};
static const struct shape hints = SHAPE(hints_fields);

static const struct field rumour_fields[] = {{FORM_FIXED_64, 0, 0, NULL},
                                             {FORM_WHOLE, 0, 0, NULL},
                                             {FORM_WHOLE, 0, 0, NULL},
                                             {FORM_WHOLE, 0, 0, NULL},
                                             {FORM_MESSAGE, 0, OBSERVERS_MAX, &accusation},
                                             {FORM_MESSAGE, 0, 1, &details},
                                             {FORM_MESSAGE, 0, 1, &hints}};
static const struct shape rumour = SHAPE(rumour_fields);

static const struct field gossip_fields[] = {
    {FORM_WHOLE, 0, 0, NULL},    {FORM_WHOLE_32, 0, 0, NULL},
    {FORM_FIXED_64, 0, 0, NULL}, {FORM_FIXED_64, 0, 0, NULL},
    {FORM_FIXED_64, 0, 0, NULL}, {FORM_BYTES, GOSSIP_BUCKETS * 8, 0, NULL},
    {FORM_FIXED_64, 0, 0, NULL}, {FORM_MESSAGE, 0, GOSSIP_RUMOURS_MAX, &rumour}};
static const struct shape gossip = SHAPE(gossip_fields);

/* A message under way; they nest as deep as the schema does, and no deeper. */
#define DEPTH_MAX 3

struct level {
    const struct shape *shape;
    struct reader reader;
    uint32_t unknown;
    uint32_t times[FIELDS_MAX];
};

static bool check_form(const struct field *field, const struct wire_piece *piece)
{
    switch (field->form) {
    case FORM_WHOLE:
        return piece->wire == WIRE_VARINT;
    case FORM_WHOLE_32:
        return piece->wire == WIRE_VARINT && piece->value <= UINT32_MAX;
    case FORM_FIXED_64:
        return piece->wire == WIRE_FIXED_64;
    case FORM_BYTES:
        return piece->wire == WIRE_BYTES && piece->bytes <= field->bytes_max;
    case FORM_TEXT:
        return piece->wire == WIRE_BYTES && piece->bytes <= field->bytes_max &&
               memchr(piece->data, '\0', piece->bytes) == NULL;
    case FORM_MESSAGE:
        return piece->wire == WIRE_BYTES;
    }
    return false;
}

static void level_init(struct level *level, const struct shape *shape, const void *data,
                       size_t bytes)
{
    *level = (struct level){.shape = shape};
    reader_init(&level->reader, data, bytes);
}

/* The field's own message; NULL with true: it has none. */
static bool scan_field(struct level *level, struct wire_piece *piece,
                       const struct shape **ret_inner)
{
    *ret_inner = NULL;
    if (!wire_take(&level->reader, piece))
        return false;
    if (piece->tag > level->shape->count)
        return ++level->unknown <= UNKNOWN_MAX;
    const struct field *field = &level->shape->fields[piece->tag - 1];
    const uint32_t times_max = field->form == FORM_MESSAGE ? field->times_max : 1;
    *ret_inner = field->shape;
    return check_form(field, piece) && ++level->times[piece->tag - 1] <= times_max;
}

bool gossip_scan(const void *data, size_t bytes)
{
    struct level levels[DEPTH_MAX];
    uint32_t depth = 0;
    level_init(&levels[0], &gossip, data, bytes);
    for (;;) {
        struct level *level = &levels[depth];
        if (reader_done(&level->reader)) {
            if (depth == 0)
                return true;
            depth--;
            continue;
        }
        struct wire_piece piece;
        const struct shape *inner;
        if (!scan_field(level, &piece, &inner))
            return false;
        if (inner == NULL)
            continue;
        if (++depth == DEPTH_MAX)
            return false;
        level_init(&levels[depth], inner, piece.data, piece.bytes);
    }
}
