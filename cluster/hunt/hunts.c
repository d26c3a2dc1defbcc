#include "cluster/hunt/hunts.h"

#include <stdlib.h>
#include <string.h>

#include "cluster/base/check.h"

struct hunt_state *hunt_state_new(uint32_t range)
{
    struct hunt_state *hunt = calloc(1, sizeof *hunt);
    if (hunt == NULL)
        return NULL;
    hunt->board = board_new(range);
    if (hunt->board == NULL) {
        free(hunt);
        return NULL;
    }
    return hunt;
}

void hunt_state_free(struct hunt_state *hunt)
{
    if (hunt == NULL)
        return;
    places_free(hunt->places);
    board_free(hunt->board);
    free(hunt);
}

/* Numbers come from another log, so they are looked at and not believed. */
static enum status check_numbers(const struct hunt_state *hunt, const struct definition *definition)
{
    bool taken[TREASURE_NUMBERS_MAX] = {false};
    for (uint32_t i = 0; i < definition->treasure_count; i++) {
        const struct treasure *treasure = &definition->treasures[i];
        if (treasure->number >= TREASURE_NUMBERS_MAX || taken[treasure->number])
            return STATUS_INVALID;
        taken[treasure->number] = true;
        const char *known = hunt_state_treasure_id(hunt, treasure->number);
        if (known != NULL && !name_equal(&hunt->names[treasure->number], &treasure->id))
            return STATUS_CONFLICT;
    }
    return STATUS_OK;
}

enum status hunt_state_learn(struct hunt_state *hunt, const struct definition *definition)
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

static void enter_emoji(struct hunt_state *hunt, const struct emoji *emoji)
{
    const bool known = hunt_state_emoji(hunt, emoji) != EMOJI_NUMBER_NONE;
    if (!known && hunt->emoji_count < EMOJI_NUMBERS_MAX)
        hunt->emoji[hunt->emoji_count++] = *emoji;
}

static void enter_treasures(struct hunt_state *hunt, const struct definition *definition,
                            uint64_t epoch)
{
    memset(hunt->supply, 0, hunt->names_count * sizeof hunt->supply[0]);
    for (uint32_t i = 0; i < definition->treasure_count; i++) {
        const uint16_t number = definition->treasures[i].number;
        CHECK(hunt_state_treasure_id(hunt, number) != NULL);
        hunt->supply[number] = definition->treasures[i].supply;
        if (hunt->first_epoch_plus_1[number] == 0)
            hunt->first_epoch_plus_1[number] = epoch + 1;
    }
}

enum status hunt_state_activate(struct hunt_state *hunt, uint32_t version,
                                const struct definition *definition, uint64_t epoch)
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
    enter_treasures(hunt, definition, epoch);
    for (uint32_t i = 0; i < definition->emoji_count; i++)
        enter_emoji(hunt, &definition->emoji[i]);
    return STATUS_OK;
}

bool hunt_state_knows(const struct hunt_state *hunt, const struct definition *definition)
{
    if (check_numbers(hunt, definition) != STATUS_OK)
        return false;
    for (uint32_t i = 0; i < definition->treasure_count; i++) {
        if (hunt_state_treasure_id(hunt, definition->treasures[i].number) == NULL)
            return false;
    }
    return true;
}

/* All that activating enters is there. */
static bool was_activated(const struct hunt_state *hunt, const struct definition *definition)
{
    for (uint32_t i = 0; i < definition->treasure_count; i++) {
        if (hunt->first_epoch_plus_1[definition->treasures[i].number] == 0)
            return false;
    }
    for (uint32_t i = 0; i < definition->emoji_count; i++) {
        if (hunt_state_emoji(hunt, &definition->emoji[i]) == EMOJI_NUMBER_NONE &&
            hunt->emoji_count < EMOJI_NUMBERS_MAX)
            return false;
    }
    return true;
}

enum status hunt_state_resume(struct hunt_state *hunt, uint32_t version,
                              const struct definition *definition)
{
    if (!hunt_state_knows(hunt, definition) || !was_activated(hunt, definition))
        return STATUS_INVALID;
    return hunt_state_activate(hunt, version, definition, 0);
}

uint16_t hunt_state_emoji(const struct hunt_state *hunt, const struct emoji *emoji)
{
    for (uint16_t i = 0; i < hunt->emoji_count; i++) {
        if (emoji_equal(&hunt->emoji[i], emoji))
            return i;
    }
    return EMOJI_NUMBER_NONE;
}

const char *hunt_state_treasure_id(const struct hunt_state *hunt, uint16_t number)
{
    if (number >= hunt->names_count || hunt->names[number].text[0] == '\0')
        return NULL;
    return hunt->names[number].text;
}

uint64_t hunt_state_first_epoch(const struct hunt_state *hunt, uint16_t number)
{
    CHECK(number < hunt->names_count);
    CHECK(hunt->first_epoch_plus_1[number] > 0);
    return hunt->first_epoch_plus_1[number] - 1;
}
