/* The canonical form of a definition, little-endian, without padding:
 *
 *   u8 format (DEFINITION_FORMAT)   u8 plane   u8 ties   u8 flags: 1 opens_at, 2 closes_at
 *   name hunt   text title
 *   i64 opens_at_ms   i64 closes_at_ms          each only with its flag
 *   u32 claim_ttl_ms, clock_tolerance_ms, max_speed, rate_claims, rate_per_ms
 *   u8 emoji_count, then each as a name
 *   u16 treasure_count, then each:
 *     u8 flags: 1 shown, 2 window   name id   u16 number   i32 x   i32 y
 *     u32 radius, points, supply   text hint   u8 requires_count, u16 each
 *     i64 from   i64 to                         only with the window flag
 *     u32 taps_count, taps_within_ms, unlock_reactions, decay_per_ms, decay_points, decay_floor
 *
 * A name is a u8 length and its bytes; a text a u16 length and its bytes, 0 for none. Every field
 * has exactly one way to be written, so reading and writing again gives the same bytes. */
#include "cluster/hunt/definition.h"

#include <stdlib.h>
#include <string.h>

#include "cluster/base/check.h"

#define DEFINITION_FORMAT 1

#define FLAG_OPENS  1u
#define FLAG_CLOSES 2u
#define FLAG_SHOWN  1u
#define FLAG_WINDOW 2u

/* Before the texts, names and lists of variable length. */
#define DEFINITION_FIXED_BYTES (4 + 1 + 2 + 5 * 4 + 1 + 2)
#define TREASURE_FIXED_BYTES   (1 + 1 + 2 + 2 * 4 + 3 * 4 + 2 + 1 + 6 * 4)

static size_t text_length(const char *text)
{
    return text != NULL ? strlen(text) : 0;
}

static size_t treasure_bytes(const struct treasure *treasure)
{
    return TREASURE_FIXED_BYTES + strlen(treasure->id.text) + text_length(treasure->hint) +
           2 * (size_t)treasure->requires_count + (treasure->has_window ? 16 : 0);
}

size_t definition_bytes(const struct definition *definition)
{
    CHECK(definition->emoji_count <= EMOJI_MAX);
    CHECK(definition->treasures != NULL);
    size_t size = DEFINITION_FIXED_BYTES + strlen(definition->hunt.text) +
                  text_length(definition->title) + (definition->has_opens_at ? 8 : 0) +
                  (definition->has_closes_at ? 8 : 0);
    for (uint16_t i = 0; i < definition->emoji_count; i++)
        size += 1 + (size_t)definition->emoji[i].length;
    for (uint16_t i = 0; i < definition->treasure_count; i++)
        size += treasure_bytes(&definition->treasures[i]);
    return size;
}

static void put_name(struct writer *writer, const struct name *name)
{
    const size_t length = strlen(name->text);
    put_u8(writer, (uint8_t)length);
    put_bytes(writer, name->text, length);
}

static void put_text(struct writer *writer, const char *text)
{
    const size_t length = text_length(text);
    CHECK(length <= UINT16_MAX);
    put_u16(writer, (uint16_t)length);
    put_bytes(writer, text, length);
}

static void put_treasure(struct writer *writer, const struct treasure *treasure)
{
    CHECK(treasure->requires_count <= REQUIRES_MAX);
    put_u8(writer, (uint8_t)((treasure->shown ? FLAG_SHOWN : 0u) |
                             (treasure->has_window ? FLAG_WINDOW : 0u)));
    put_name(writer, &treasure->id);
    put_u16(writer, treasure->number);
    put_i32(writer, treasure->x);
    put_i32(writer, treasure->y);
    put_u32(writer, treasure->radius);
    put_u32(writer, treasure->points);
    put_u32(writer, treasure->supply);
    put_text(writer, treasure->hint);
    put_u8(writer, (uint8_t)treasure->requires_count);
    for (uint16_t i = 0; i < treasure->requires_count; i++)
        put_u16(writer, treasure->requires[i]);
    if (treasure->has_window) {
        put_i64(writer, treasure->window_from_ms);
        put_i64(writer, treasure->window_to_ms);
    }
    put_u32(writer, treasure->taps_count);
    put_u32(writer, treasure->taps_within_ms);
    put_u32(writer, treasure->unlock_reactions);
    put_u32(writer, treasure->decay_per_ms);
    put_u32(writer, treasure->decay_points);
    put_u32(writer, treasure->decay_floor);
}

void definition_encode(const struct definition *definition, struct writer *writer)
{
    CHECK(definition->emoji_count <= EMOJI_MAX);
    CHECK(definition->treasures != NULL);
    put_u8(writer, DEFINITION_FORMAT);
    put_u8(writer, (uint8_t)definition->plane);
    put_u8(writer, (uint8_t)definition->ties);
    put_u8(writer, (uint8_t)((definition->has_opens_at ? FLAG_OPENS : 0u) |
                             (definition->has_closes_at ? FLAG_CLOSES : 0u)));
    put_name(writer, &definition->hunt);
    put_text(writer, definition->title);
    if (definition->has_opens_at)
        put_i64(writer, definition->opens_at_ms);
    if (definition->has_closes_at)
        put_i64(writer, definition->closes_at_ms);
    put_u32(writer, definition->claim_ttl_ms);
    put_u32(writer, definition->clock_tolerance_ms);
    put_u32(writer, definition->max_speed);
    put_u32(writer, definition->rate_claims);
    put_u32(writer, definition->rate_per_ms);
    put_u8(writer, (uint8_t)definition->emoji_count);
    for (uint16_t i = 0; i < definition->emoji_count; i++) {
        put_u8(writer, definition->emoji[i].length);
        put_bytes(writer, definition->emoji[i].text, definition->emoji[i].length);
    }
    put_u16(writer, definition->treasure_count);
    for (uint16_t i = 0; i < definition->treasure_count; i++)
        put_treasure(writer, &definition->treasures[i]);
}

static void take_name(struct reader *reader, struct name *name)
{
    const size_t length = take_u8(reader);
    const uint8_t *bytes = take_bytes(reader, length);
    if (bytes == NULL || name_set(name, (const char *)bytes, length) != STATUS_OK)
        reader->failed = true;
}

static uint8_t take_flags(struct reader *reader, uint8_t known)
{
    const uint8_t flags = take_u8(reader);
    if ((flags & ~known) != 0)
        reader->failed = true;
    return flags;
}

/* STATUS_OK with a failed reader: there was no such text. */
static enum status take_text(struct reader *reader, struct definition *definition,
                             const char **ret_text)
{
    const size_t length = take_u16(reader);
    const uint8_t *bytes = take_bytes(reader, length);
    if (bytes == NULL || length == 0)
        return STATUS_OK;
    if (memchr(bytes, 0, length) != NULL) {
        reader->failed = true;
        return STATUS_OK;
    }
    const char *text = definition_text(definition, (const char *)bytes, length);
    if (text == NULL)
        return STATUS_NO_MEMORY;
    *ret_text = text;
    return STATUS_OK;
}

static void take_emoji(struct reader *reader, struct definition *definition)
{
    definition->emoji_count = take_u8(reader);
    if (definition->emoji_count > EMOJI_MAX) {
        definition->emoji_count = 0;
        reader->failed = true;
    }
    for (uint16_t i = 0; i < definition->emoji_count; i++) {
        struct emoji *emoji = &definition->emoji[i];
        emoji->length = take_u8(reader);
        const uint8_t *bytes = take_bytes(reader, emoji->length);
        if (bytes == NULL || emoji->length > EMOJI_BYTES_MAX) {
            reader->failed = true;
            return;
        }
        memcpy(emoji->text, bytes, emoji->length);
    }
}

static void take_requires(struct reader *reader, struct treasure *treasure)
{
    treasure->requires_count = take_u8(reader);
    if (treasure->requires_count > REQUIRES_MAX) {
        treasure->requires_count = 0;
        reader->failed = true;
    }
    for (uint16_t i = 0; i < treasure->requires_count; i++)
    treasure->requires[i] = take_u16(reader);
}

static enum status take_treasure(struct reader *reader, struct definition *definition,
                                 struct treasure *treasure)
{
    const uint8_t flags = take_flags(reader, FLAG_SHOWN | FLAG_WINDOW);
    treasure->shown = (flags & FLAG_SHOWN) != 0;
    treasure->has_window = (flags & FLAG_WINDOW) != 0;
    take_name(reader, &treasure->id);
    treasure->number = take_u16(reader);
    treasure->x = take_i32(reader);
    treasure->y = take_i32(reader);
    treasure->radius = take_u32(reader);
    treasure->points = take_u32(reader);
    treasure->supply = take_u32(reader);
    const enum status status = take_text(reader, definition, &treasure->hint);
    if (status != STATUS_OK)
        return status;
    take_requires(reader, treasure);
    if (treasure->has_window) {
        treasure->window_from_ms = take_i64(reader);
        treasure->window_to_ms = take_i64(reader);
    }
    treasure->taps_count = take_u32(reader);
    treasure->taps_within_ms = take_u32(reader);
    treasure->unlock_reactions = take_u32(reader);
    treasure->decay_per_ms = take_u32(reader);
    treasure->decay_points = take_u32(reader);
    treasure->decay_floor = take_u32(reader);
    return reader_ok(reader) ? STATUS_OK : STATUS_INVALID;
}

/* All but the treasures; the reader then stands before their count. */
static enum status take_head(struct reader *reader, struct definition *definition)
{
    if (take_u8(reader) != DEFINITION_FORMAT)
        return STATUS_INVALID;
    const uint8_t plane = take_u8(reader);
    const uint8_t ties = take_u8(reader);
    if (plane > PLANE_GEO || ties > TIES_SHARED)
        return STATUS_INVALID;
    definition->plane = (enum plane)plane;
    definition->ties = (enum ties)ties;
    const uint8_t flags = take_flags(reader, FLAG_OPENS | FLAG_CLOSES);
    definition->has_opens_at = (flags & FLAG_OPENS) != 0;
    definition->has_closes_at = (flags & FLAG_CLOSES) != 0;
    take_name(reader, &definition->hunt);
    const enum status status = take_text(reader, definition, &definition->title);
    if (status != STATUS_OK)
        return status;
    if (definition->has_opens_at)
        definition->opens_at_ms = take_i64(reader);
    if (definition->has_closes_at)
        definition->closes_at_ms = take_i64(reader);
    definition->claim_ttl_ms = take_u32(reader);
    definition->clock_tolerance_ms = take_u32(reader);
    definition->max_speed = take_u32(reader);
    definition->rate_claims = take_u32(reader);
    definition->rate_per_ms = take_u32(reader);
    take_emoji(reader, definition);
    return reader_ok(reader) ? STATUS_OK : STATUS_INVALID;
}

/* The declared number decides how much is allocated, so the bytes that are left must be able to
 * hold as many. */
static enum status take_treasures(struct reader *reader, struct definition *definition)
{
    const uint16_t count = take_u16(reader);
    if (count == 0 || count > TREASURES_MAX)
        return STATUS_INVALID;
    if ((size_t)count * TREASURE_FIXED_BYTES > reader_left(reader))
        return STATUS_INVALID;
    struct treasure *treasures = calloc(count, sizeof *treasures);
    if (treasures == NULL)
        return STATUS_NO_MEMORY;
    free(definition->treasures);
    definition->treasures = treasures;
    definition->treasure_count = count;
    for (uint16_t i = 0; i < count; i++) {
        const enum status status = take_treasure(reader, definition, &treasures[i]);
        if (status != STATUS_OK)
            return status;
    }
    return STATUS_OK;
}

static enum status take_definition(struct reader *reader, struct definition *definition)
{
    enum status status = take_head(reader, definition);
    if (status == STATUS_OK)
        status = take_treasures(reader, definition);
    if (status != STATUS_OK)
        return status;
    if (!reader_done(reader))
        return STATUS_INVALID;

    struct definition_faults faults = {0};
    definition_check(definition, &faults);
    return faults.count == 0 ? STATUS_OK : STATUS_INVALID;
}

enum status definition_decode(struct definition **ret_definition, const void *data, size_t size)
{
    CHECK(ret_definition != NULL);
    CHECK(data != NULL || size == 0);
    struct definition *definition = definition_new(0);
    if (definition == NULL)
        return STATUS_NO_MEMORY;
    struct reader reader;
    reader_init(&reader, data, size);
    const enum status status = take_definition(&reader, definition);
    if (status != STATUS_OK) {
        definition_free(definition);
        return status;
    }
    *ret_definition = definition;
    return STATUS_OK;
}
