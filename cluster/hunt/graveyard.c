#include "cluster/hunt/graveyard.h"

#include <stdlib.h>

#include "cluster/base/check.h"

void graveyard_open(struct graveyard *graveyard)
{
    CHECK(!graveyard->open);
    graveyard->open = true;
}

void graveyard_close(struct graveyard *graveyard)
{
    for (uint32_t i = 0; i < graveyard->count; i++)
        definition_free(graveyard->list[i]);
    free(graveyard->list);
    *graveyard = (struct graveyard){0};
}

void graveyard_take(struct graveyard *graveyard, struct definition *definition)
{
    if (!graveyard->open || definition == NULL) {
        definition_free(definition);
        return;
    }
    if (graveyard->count == graveyard->room) {
        const uint32_t room = graveyard->room == 0 ? 4 : 2 * graveyard->room;
        struct definition **list = realloc(graveyard->list, room * sizeof(struct definition *));
        CHECK(list != NULL);
        graveyard->list = list;
        graveyard->room = room;
    }
    graveyard->list[graveyard->count++] = definition;
}
