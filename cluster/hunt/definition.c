#include "cluster/hunt/definition.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cluster/base/check.h"
#include "cluster/hunt/definition_index.h"

/* Texts lie in blocks that never move, so that pointers to them last. */
#define TEXT_BLOCK_BYTES 4096

struct definition_texts {
    struct definition_texts *before;
    size_t capacity;
    size_t used;
    char bytes[];
};

struct definition *definition_new(uint16_t treasures)
{
    struct definition *definition = calloc(1, sizeof *definition);
    if (definition == NULL)
        return NULL;
    /* One at least: calloc(0) may answer NULL, and that would look like a failure. */
    definition->treasures = calloc(treasures > 0 ? treasures : 1, sizeof definition->treasures[0]);
    if (definition->treasures == NULL) {
        free(definition);
        return NULL;
    }
    definition->treasure_count = treasures;
    return definition;
}

void definition_free(struct definition *definition)
{
    if (definition == NULL)
        return;
    struct definition_texts *block = definition->texts;
    while (block != NULL) {
        struct definition_texts *before = block->before;
        free(block);
        block = before;
    }
    free(definition->treasures);
    free(definition);
}

static struct definition_texts *text_block(struct definition *definition, size_t size)
{
    struct definition_texts *block = definition->texts;
    if (block != NULL && size <= block->capacity - block->used)
        return block;
    const size_t capacity = size > TEXT_BLOCK_BYTES ? size : TEXT_BLOCK_BYTES;
    block = malloc(sizeof *block + capacity);
    if (block == NULL)
        return NULL;
    *block = (struct definition_texts){.before = definition->texts, .capacity = capacity};
    definition->texts = block;
    return block;
}

const char *definition_text(struct definition *definition, const char *text, size_t length)
{
    CHECK(text != NULL);
    CHECK(length < SIZE_MAX - TEXT_BLOCK_BYTES);
    struct definition_texts *block = text_block(definition, length + 1);
    if (block == NULL)
        return NULL;
    char *copy = block->bytes + block->used;
    memcpy(copy, text, length);
    copy[length] = '\0';
    block->used += length + 1;
    return copy;
}

void definition_fault(struct definition_faults *faults, const char *field, const char *detail, ...)
{
    CHECK(faults != NULL);
    CHECK(field != NULL);
    if (faults->count < faults->capacity) {
        struct definition_fault *fault = &faults->list[faults->count];
        (void)snprintf(fault->field, sizeof fault->field, "%s", field);
        va_list arguments;
        va_start(arguments, detail);
        (void)vsnprintf(fault->detail, sizeof fault->detail, detail, arguments);
        va_end(arguments);
    }
    faults->count++;
}

static void index_treasures(struct name_index *index, const struct definition *definition)
{
    name_index_init(index);
    for (uint16_t i = 0; i < definition->treasure_count; i++)
        name_index_add(index, &definition->treasures[i].id, i);
    name_index_sort(index);
}

static void index_names(struct name_index *index, const struct definition_names *names)
{
    name_index_init(index);
    for (uint16_t i = 0; i < names->count; i++)
        name_index_add(index, &names->names[i], i);
    name_index_sort(index);
}

/* What one treasure may not become; `before` is what it was. */
static void check_treasure_change(const struct treasure *before, const struct treasure *after,
                                  uint16_t at, struct definition_faults *faults)
{
    char field[48];
    if ((before->supply > 0) == (after->supply > 0))
        return;
    (void)snprintf(field, sizeof field, "treasures[%u].supply", (unsigned)at);
    definition_fault(faults, field,
                     before->supply > 0
                         ? "the treasure is limited in the version before; that may not change"
                         : "the treasure is unlimited in the version before; that may not change");
}

void definition_check_change(const struct definition *before, const struct definition *after,
                             const struct definition_names *names, struct definition_faults *faults)
{
    CHECK(names->count <= TREASURE_NUMBERS_MAX);
    CHECK(after->treasure_count <= TREASURES_MAX);
    struct name_index old, known;
    name_index_init(&old);
    if (before != NULL) {
        index_treasures(&old, before);
        if (!name_equal(&before->hunt, &after->hunt))
            definition_fault(faults, "hunt", "is another hunt than %s", before->hunt.text);
        if (before->plane != after->plane)
            definition_fault(faults, "plane", "may not change from one version to the next");
    }
    index_names(&known, names);

    uint32_t numbers = names->count;
    for (uint16_t i = 0; i < after->treasure_count; i++) {
        const struct treasure *treasure = &after->treasures[i];
        const uint16_t place = name_index_find(&old, &treasure->id);
        const uint16_t number = name_index_find(&known, &treasure->id);
        if (before != NULL && place != NAME_INDEX_NONE)
            check_treasure_change(&before->treasures[place], treasure, i, faults);
        if (number == NAME_INDEX_NONE) {
            numbers++;
        } else if (names->retired[number]) {
            char field[48];
            (void)snprintf(field, sizeof field, "treasures[%u].id", (unsigned)i);
            definition_fault(faults, field,
                             "%s was removed by an earlier version; its id is not used again",
                             treasure->id.text);
        }
    }
    if (numbers > TREASURE_NUMBERS_MAX)
        definition_fault(faults, "treasures",
                         "all versions of the hunt together would have %u treasures; at most %d",
                         numbers, TREASURE_NUMBERS_MAX);
}

enum status definition_number(struct definition *definition, struct definition_names *names)
{
    CHECK(names->count <= TREASURE_NUMBERS_MAX);
    CHECK(definition->treasure_count <= TREASURES_MAX);
    struct name_index known;
    index_names(&known, names);

    /* Ids are distinct, so those that are not known yet need a number each. */
    uint32_t needed = names->count;
    for (uint16_t i = 0; i < definition->treasure_count; i++)
        needed += name_index_find(&known, &definition->treasures[i].id) == NAME_INDEX_NONE;
    if (needed > TREASURE_NUMBERS_MAX)
        return STATUS_FULL;

    for (uint16_t i = 0; i < definition->treasure_count; i++) {
        struct treasure *treasure = &definition->treasures[i];
        uint16_t number = name_index_find(&known, &treasure->id);
        if (number == NAME_INDEX_NONE) {
            number = names->count++;
            names->names[number] = treasure->id;
        }
        names->limited[number] = treasure->supply > 0;
        treasure->number = number;
    }
    return STATUS_OK;
}

void definition_retire(const struct definition *before, const struct definition *after,
                       struct definition_names *names)
{
    CHECK(before->treasure_count <= TREASURES_MAX);
    CHECK(after->treasure_count <= TREASURES_MAX);
    struct name_index present;
    index_treasures(&present, after);
    for (uint16_t i = 0; i < before->treasure_count; i++) {
        const struct treasure *treasure = &before->treasures[i];
        if (name_index_find(&present, &treasure->id) != NAME_INDEX_NONE)
            continue;
        CHECK(treasure->number < names->count);
        names->retired[treasure->number] = true;
    }
}
