#include "cluster/hunt/hunts.h"

#include <stdlib.h>

#include "cluster/base/check.h"

struct hunt *hunt_new(uint32_t range)
{
    struct hunt *hunt = calloc(1, sizeof *hunt);
    if (hunt == NULL)
        return NULL;
    hunt->board = board_new(range);
    if (hunt->board == NULL) {
        free(hunt);
        return NULL;
    }
    return hunt;
}

void hunt_free(struct hunt *hunt)
{
    if (hunt == NULL)
        return;
    places_free(hunt->places);
    board_free(hunt->board);
    free(hunt);
}

/* Numbers come from another log, so they are looked at and not believed. */
static enum status check_numbers(const struct hunt *hunt, const struct definition *definition)
{
    bool taken[TREASURE_NUMBERS_MAX] = {false};
    for (uint32_t i = 0; i < definition->treasure_count; i++) {
        const struct treasure *treasure = &definition->treasures[i];
        if (treasure->number >= TREASURE_NUMBERS_MAX || taken[treasure->number])
            return STATUS_INVALID;
        taken[treasure->number] = true;
        const char *known = hunt_treasure_id(hunt, treasure->number);
        if (known != NULL && !name_equal(&hunt->names[treasure->number], &treasure->id))
            return STATUS_CONFLICT;
    }
    return STATUS_OK;
}

enum status hunt_learn(struct hunt *hunt, const struct definition *definition)
{
    const enum status status = check_numbers(hunt, definition);
    if (status != STATUS_OK)
        return status;
    for (uint32_t i = 0; i < definition->treasure_count; i++) {
        const struct treasure *treasure = &definition->treasures[i];
        hunt->names[treasure->number] = treasure->id;
        if (treasure->number >= hunt->names_count)
            hunt->names_count = (uint16_t)(treasure->number + 1);
    }
    return STATUS_OK;
}

enum status hunt_activate(struct hunt *hunt, uint32_t version, const struct definition *definition,
                          uint64_t epoch)
{
    if (version == 0 || epoch == UINT64_MAX)
        return STATUS_INVALID;
    struct places *places = places_new(definition);
    if (places == NULL)
        return STATUS_NO_MEMORY;
    places_free(hunt->places);
    hunt->places = places;
    hunt->definition = definition;
    hunt->version = version;
    for (uint32_t i = 0; i < definition->treasure_count; i++) {
        const uint16_t number = definition->treasures[i].number;
        CHECK(hunt_treasure_id(hunt, number) != NULL);
        if (hunt->first_epoch_plus_1[number] == 0)
            hunt->first_epoch_plus_1[number] = epoch + 1;
    }
    return STATUS_OK;
}

const char *hunt_treasure_id(const struct hunt *hunt, uint16_t number)
{
    if (number >= hunt->names_count || hunt->names[number].text[0] == '\0')
        return NULL;
    return hunt->names[number].text;
}

uint64_t hunt_first_epoch(const struct hunt *hunt, uint16_t number)
{
    CHECK(number < hunt->names_count);
    CHECK(hunt->first_epoch_plus_1[number] > 0);
    return hunt->first_epoch_plus_1[number] - 1;
}
