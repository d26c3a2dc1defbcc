#include "cluster/hunt/given.h"

#include <stdlib.h>
#include <string.h>

#include "cluster/base/check.h"
#include "cluster/base/hash.h"

#define CELLS (UINT32_C(2) * GIVEN_MAX)
_Static_assert((CELLS & (CELLS - 1)) == 0, "the index has a power of two of cells");

enum status given_init(struct given *given)
{
    *given = (struct given){0};
    given->list = calloc(GIVEN_MAX, sizeof given->list[0]);
    given->cells = calloc(CELLS, sizeof given->cells[0]);
    given->order = calloc(GIVEN_MAX, sizeof given->order[0]);
    if (given->list != NULL && given->cells != NULL && given->order != NULL)
        return STATUS_OK;
    given_fini(given);
    return STATUS_NO_MEMORY;
}

void given_fini(struct given *given)
{
    cut_end(&given->cut);
    free(given->order);
    free(given->cells);
    free(given->list);
    *given = (struct given){0};
}

static bool is_same(const struct given_reaction *given, const struct action *reaction)
{
    return given->hunt == reaction->hunt && player_id_equal(&given->to, &reaction->to) &&
           emoji_equal(&given->emoji, &reaction->emoji);
}

/* The cell that names the reaction, or the empty one where it belongs. */
static uint32_t find_cell(const struct given *given, const struct action *reaction)
{
    CHECK(reaction->kind == ACTION_REACTION);
    CHECK(reaction->emoji.length <= EMOJI_BYTES_MAX);
    const uint64_t seed = hash_player(&reaction->to) ^ reaction->hunt;
    uint32_t at = (uint32_t)hash_chain(seed, reaction->emoji.text, reaction->emoji.length);
    for (at &= CELLS - 1; given->cells[at] != 0; at = (at + 1) & (CELLS - 1)) {
        if (is_same(&given->list[given->cells[at] - 1], reaction))
            break;
    }
    return at;
}

bool given_full(const struct given *given)
{
    return given->count == GIVEN_MAX;
}

bool given_fits(const struct given *given, const struct action *reaction)
{
    return !given_full(given) || given->cells[find_cell(given, reaction)] != 0;
}

void given_add(struct given *given, const struct action *reaction)
{
    const uint32_t cell = find_cell(given, reaction);
    if (given->cells[cell] == 0) {
        CHECK(!given_full(given));
        /* Where all were forgotten the places serve again. */
        cut_touch(&given->cut, given->count);
        struct given_reaction *added = &given->list[given->count++];
        *added = (struct given_reaction){.to = reaction->to, .hunt = reaction->hunt, .cell = cell};
        added->emoji.length = reaction->emoji.length;
        memcpy(added->emoji.text, reaction->emoji.text, reaction->emoji.length);
        given->cells[cell] = given->count;
    }
    const uint32_t place = given->cells[cell] - 1;
    cut_touch(&given->cut, place);
    struct given_reaction *kept = &given->list[place];
    if (kept->count < UINT32_MAX)
        kept->count++;
}

bool given_restore(struct given *given, const struct given_reaction *reaction)
{
    const struct action action = {
        .kind = ACTION_REACTION,
        .hunt = reaction->hunt,
        .to = reaction->to,
        .emoji = reaction->emoji,
    };
    if (given_full(given) || given->cells[find_cell(given, &action)] != 0)
        return false;
    given_add(given, &action);
    given->list[given->count - 1].count = reaction->count;
    return true;
}

void given_clear(struct given *given)
{
    for (uint32_t i = 0; i < given->count; i++)
        given->cells[given->list[i].cell] = 0;
    given->count = 0;
}

static int compare_given(const void *a, const void *b)
{
    const struct given_reaction *one = *(const struct given_reaction *const *)a;
    const struct given_reaction *other = *(const struct given_reaction *const *)b;
    if (one->hunt != other->hunt)
        return one->hunt < other->hunt ? -1 : 1;
    const int order = player_id_compare(&one->to, &other->to);
    return order != 0 ? order : emoji_compare(&one->emoji, &other->emoji);
}

const struct given_reaction *const *given_sorted(const struct given *given)
{
    for (uint32_t i = 0; i < given->count; i++)
        given->order[i] = &given->list[i];
    qsort(given->order, given->count, sizeof given->order[0], compare_given);
    return given->order;
}
