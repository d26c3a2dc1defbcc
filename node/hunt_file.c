#include "node/hunt_file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cluster/base/check.h"
#include "cluster/hunt/definition_index.h"
#include "node/hunt_file_section.h"
#include "node/hunt_file_tree.h"

static uint32_t list_length(const struct node *list)
{
    uint32_t length = 0;
    for (const struct node *item = list != NULL ? list->first : NULL; item != NULL;
         item = item->next)
        length++;
    return length;
}

static void read_rate(const struct section *top)
{
    static const char *const known[] = {"claims", "per_ms", NULL};
    struct section section;
    if (!section_enter(top, "rate", &section))
        return;
    section_keys(&section, known);
    (void)section_get_pair(
        &section,
        (const struct pair[]){{"claims", {1, RATE_CLAIMS_MAX}, &section.definition->rate_claims},
                              {"per_ms", {1, RATE_PER_MS_MAX}, &section.definition->rate_per_ms}});
}

/* An emoji that is of no use keeps its place, empty: the check after us counts them as the file
 * does. */
static void read_emoji(const struct section *section)
{
    struct definition *definition = section->definition;
    const struct node *list = section_get_list(section, "reactions");
    if (list_length(list) > EMOJI_MAX)
        section_fault(section, list->line, "reactions", "are %u; at most %d",
                      (unsigned)list_length(list), EMOJI_MAX);
    const struct node *item = list != NULL ? list->first : NULL;
    for (; item != NULL && definition->emoji_count < EMOJI_MAX; item = item->next) {
        struct emoji *emoji = &definition->emoji[definition->emoji_count];
        const char *text = section_text(section, item);
        const size_t length = text != NULL ? strlen(text) : 0;
        if (length >= 1 && length <= EMOJI_BYTES_MAX) {
            emoji->length = (uint8_t)length;
            memcpy(emoji->text, text, length + 1);
        } else {
            char key[24];
            (void)snprintf(key, sizeof key, "reactions[%u]", (unsigned)definition->emoji_count);
            section_fault(section, item->line, key, "must be a text of 1 to %d bytes",
                          EMOJI_BYTES_MAX);
        }
        definition->emoji_count++;
    }
}

static void read_plane_and_ties(const struct section *section, bool *ret_plane_known)
{
    static const char *const planes[] = {"flat", "geo"};
    static const char *const ties[] = {"first", "shared"};
    struct definition *definition = section->definition;
    unsigned which;
    section_require(section, "plane");
    *ret_plane_known = section_get_word(section, "plane", planes, &which) == GOT_VALUE;
    if (*ret_plane_known)
        definition->plane = which == 0 ? PLANE_FLAT : PLANE_GEO;
    if (section_get_word(section, "ties", ties, &which) == GOT_VALUE)
        definition->ties = which == 0 ? TIES_FIRST : TIES_SHARED;
}

static enum status read_head(const struct section *section)
{
    static const char *const known[] = {"hunt",      "title", "plane",        "opens_at",
                                        "closes_at", "ties",  "claim_ttl_ms", "clock_tolerance_ms",
                                        "max_speed", "rate",  "reactions",    "treasures",
                                        NULL};
    struct definition *definition = section->definition;
    section_keys(section, known);
    section_get_name(section, "hunt", &definition->hunt);
    definition->has_opens_at =
        section_get_time(section, "opens_at", &definition->opens_at_ms) == GOT_VALUE;
    definition->has_closes_at =
        section_get_time(section, "closes_at", &definition->closes_at_ms) == GOT_VALUE;
    (void)section_get_number(section, "claim_ttl_ms", (struct limits){0, CLAIM_TTL_MS_MAX},
                             &definition->claim_ttl_ms);
    (void)section_get_number(section, "clock_tolerance_ms",
                             (struct limits){0, CLOCK_TOLERANCE_MS_MAX},
                             &definition->clock_tolerance_ms);
    (void)section_get_number(section, "max_speed", (struct limits){0, SPEED_MAX},
                             &definition->max_speed);
    read_rate(section);
    read_emoji(section);
    return section_get_prose(section, "title", &definition->title);
}

static void read_place(const struct section *outer, struct treasure *treasure, bool plane_known)
{
    static const char *const flat[] = {"x", "y", NULL};
    static const char *const geo[] = {"lat", "lon", NULL};
    struct section section;
    section_require(outer, "at");
    if (!section_enter(outer, "at", &section) || !plane_known)
        return;
    if (outer->definition->plane == PLANE_FLAT) {
        section_keys(&section, flat);
        (void)section_get_coordinate(&section, "x", &treasure->x);
        (void)section_get_coordinate(&section, "y", &treasure->y);
        return;
    }
    section_keys(&section, geo);
    section_get_degrees(&section, "lat", LATITUDE_MAX, &treasure->y);
    section_get_degrees(&section, "lon", LONGITUDE_MAX, &treasure->x);
}

static void read_window(const struct section *outer, struct treasure *treasure)
{
    static const char *const known[] = {"from", "to", NULL};
    struct section section;
    if (!section_enter(outer, "window", &section))
        return;
    section_keys(&section, known);
    section_require(&section, "from");
    section_require(&section, "to");
    const enum got from = section_get_time(&section, "from", &treasure->window_from_ms);
    const enum got to = section_get_time(&section, "to", &treasure->window_to_ms);
    treasure->has_window = from == GOT_VALUE && to == GOT_VALUE;
}

static void read_taps(const struct section *outer, struct treasure *treasure)
{
    static const char *const known[] = {"count", "within_ms", NULL};
    struct section section;
    if (!section_enter(outer, "taps", &section))
        return;
    section_keys(&section, known);
    (void)section_get_pair(
        &section,
        (const struct pair[]){{"count", {TAPS_MIN, TAPS_MAX}, &treasure->taps_count},
                              {"within_ms", {1, TAPS_WITHIN_MS_MAX}, &treasure->taps_within_ms}});
}

static void read_unlock(const struct section *outer, struct treasure *treasure)
{
    static const char *const known[] = {"reactions", NULL};
    struct section section;
    if (!section_enter(outer, "unlock", &section))
        return;
    section_keys(&section, known);
    section_require(&section, "reactions");
    (void)section_get_number(&section, "reactions", (struct limits){1, UNLOCK_REACTIONS_MAX},
                             &treasure->unlock_reactions);
}

/* Without points that can be relied on, nothing is said about the floor being above them. */
static void read_decay(const struct section *outer, struct treasure *treasure, bool points_known)
{
    static const char *const known[] = {"per_ms", "points", "floor", NULL};
    struct section section;
    if (!section_enter(outer, "decay", &section))
        return;
    section_keys(&section, known);
    const bool whole = section_get_pair(
        &section, (const struct pair[]){{"per_ms", {1, DECAY_PER_MS_MAX}, &treasure->decay_per_ms},
                                        {"points", {1, POINTS_MAX}, &treasure->decay_points}});
    (void)section_get_number(&section, "floor", (struct limits){0, POINTS_MAX},
                             &treasure->decay_floor);
    if (points_known && !whole && treasure->decay_floor > treasure->points)
        section_fault(&section, node_member(section.map, "floor")->line, "floor",
                      "must not be above points");
    if (!points_known || !whole)
        treasure->decay_per_ms = treasure->decay_points = treasure->decay_floor = 0;
}

/* All but `requires`, which needs the ids of all. */
static enum status read_treasure(const struct section *section, struct treasure *treasure,
                                 bool plane_known)
{
    static const char *const known[] = {"id",     "at",     "radius",   "points", "hint",
                                        "shown",  "supply", "requires", "window", "taps",
                                        "unlock", "decay",  NULL};
    section_keys(section, known);
    section_get_name(section, "id", &treasure->id);
    read_place(section, treasure, plane_known);
    section_require(section, "radius");
    (void)section_get_number(section, "radius", (struct limits){RADIUS_MIN, RADIUS_MAX},
                             &treasure->radius);
    section_require(section, "points");
    const enum got points =
        section_get_number(section, "points", (struct limits){0, POINTS_MAX}, &treasure->points);
    (void)section_get_number(section, "supply", (struct limits){SUPPLY_MIN, SUPPLY_MAX},
                             &treasure->supply);
    section_get_flag(section, "shown", &treasure->shown);
    read_window(section, treasure);
    read_taps(section, treasure);
    read_unlock(section, treasure);
    read_decay(section, treasure, points == GOT_VALUE);
    return section_get_prose(section, "hint", &treasure->hint);
}

/* The place of the treasure that a requirement names; what names none becomes a place that does
 * not exist, so that the check after us counts requirements as the file does. */
static uint16_t resolve(const struct section *section, const struct name_index *ids,
                        const struct node *item, uint16_t at)
{
    struct name id;
    char key[24];
    char shown[QUOTED_BYTES];
    const char *text = section_text(section, item);
    (void)snprintf(key, sizeof key, "requires[%u]", (unsigned)at);
    if (text == NULL) {
        section_fault(section, item->line, key, "must be the id of a treasure");
        return UINT16_MAX;
    }
    uint16_t place = NAME_INDEX_NONE;
    if (name_set(&id, text, strlen(text)) == STATUS_OK)
        place = name_index_find(ids, &id);
    if (place == NAME_INDEX_NONE)
        section_fault(section, item->line, key, "no treasure has the id \"%s\"",
                      quoted(shown, text));
    return place;
}

static void read_requires(const struct section *section, const struct name_index *ids,
                          struct treasure *treasure)
{
    const struct node *list = section_get_list(section, "requires");
    if (list_length(list) > REQUIRES_MAX)
        section_fault(section, list->line, "requires", "are %u; at most %d",
                      (unsigned)list_length(list), REQUIRES_MAX);
    const struct node *item = list != NULL ? list->first : NULL;
    for (; item != NULL && treasure->requires_count < REQUIRES_MAX; item = item->next) {
        const uint16_t at = treasure->requires_count++;
        treasure->requires[at] = resolve(section, ids, item, at);
    }
}

static bool enter_treasure(const struct section *top, const struct node *item, uint16_t at,
                           struct section *ret_section)
{
    *ret_section = *top;
    ret_section->map = item;
    (void)snprintf(ret_section->path, sizeof ret_section->path, "treasures[%u].", (unsigned)at);
    return item->kind == NODE_MAP;
}

/* Of more than TREASURES_MAX only so many are read; that they are too many is for the check. */
static enum status read_treasures(const struct section *top, const struct node *list,
                                  bool plane_known)
{
    struct definition *definition = top->definition;
    struct name_index ids;
    struct section section;
    uint16_t at = 0;
    name_index_init(&ids);
    for (const struct node *item = list->first; item != NULL && at < TREASURES_MAX;
         item = item->next, at++) {
        if (!enter_treasure(top, item, at, &section)) {
            char key[24];
            (void)snprintf(key, sizeof key, "treasures[%u]", (unsigned)at);
            section_fault(top, item->line, key, "must be a mapping of keys to values");
            continue;
        }
        struct treasure *treasure = &definition->treasures[at];
        const enum status status = read_treasure(&section, treasure, plane_known);
        if (status != STATUS_OK)
            return status;
        name_index_add(&ids, &treasure->id, at);
    }
    if (definition->treasure_count > TREASURES_MAX)
        return STATUS_OK;
    name_index_sort(&ids);
    at = 0;
    for (const struct node *item = list->first; item != NULL; item = item->next, at++) {
        if (enter_treasure(top, item, at, &section))
            read_requires(&section, &ids, &definition->treasures[at]);
    }
    return STATUS_OK;
}

static void check_hunt(const struct section *top, const struct name *hunt)
{
    const struct definition *definition = top->definition;
    if (hunt == NULL || definition->hunt.text[0] == '\0' || name_equal(&definition->hunt, hunt))
        return;
    section_fault(top, node_member(top->map, "hunt")->line, "hunt",
                  "is %s, but the address names %s", definition->hunt.text, hunt->text);
}

/* Whether the file's own faults already say what a fault found later says: the same field on the
 * same line, or a field of an item that was no mapping at all. */
static bool is_covered(const struct hunt_faults *faults, uint32_t line, const char *field)
{
    for (uint32_t i = 0; i < faults->listed; i++) {
        const struct hunt_fault *fault = &faults->list[i];
        const size_t length = strlen(fault->field);
        if (length == 0 || strncmp(fault->field, field, length) != 0)
            continue;
        if (field[length] == '.' && field[length - 1] == ']')
            return true;
        if (field[length] == '\0' && fault->line == line)
            return true;
    }
    return false;
}

static void add_uncovered(const struct tree *tree, const struct definition_faults *found,
                          struct hunt_faults *faults)
{
    const uint32_t listed = found->count < found->capacity ? found->count : found->capacity;
    bool covered[HUNT_FAULTS_MAX];
    CHECK(listed <= HUNT_FAULTS_MAX);
    for (uint32_t i = 0; i < listed; i++) {
        const char *field = found->list[i].field;
        covered[i] = is_covered(faults, tree_line(tree, field), field);
    }
    for (uint32_t i = 0; i < listed; i++) {
        const struct definition_fault *fault = &found->list[i];
        if (!covered[i])
            hunt_fault(faults, tree_line(tree, fault->field), fault->field, "%s", fault->detail);
    }
    faults->count += found->count - listed;
}

static enum status check_definition(const struct tree *tree, const struct definition *definition,
                                    struct hunt_faults *faults)
{
    struct definition_faults found = {.capacity = HUNT_FAULTS_MAX};
    found.list = calloc(found.capacity, sizeof found.list[0]);
    if (found.list == NULL)
        return STATUS_NO_MEMORY;
    definition_check(definition, &found);
    add_uncovered(tree, &found, faults);
    free(found.list);
    return STATUS_OK;
}

static enum status read_hunt(const struct section *top, const struct tree *tree,
                             const struct name *hunt)
{
    bool plane_known;
    enum status status = read_head(top);
    if (status != STATUS_OK)
        return status;
    read_plane_and_ties(top, &plane_known);
    check_hunt(top, hunt);
    section_require(top, "treasures");
    const struct node *list = section_get_list(top, "treasures");
    if (list != NULL)
        status = read_treasures(top, list, plane_known);
    if (status == STATUS_OK)
        status = check_definition(tree, top->definition, top->faults);
    return status;
}

static uint32_t line_of(const char *text, size_t at)
{
    uint32_t line = 1;
    for (size_t i = 0; i < at; i++)
        line += text[i] == '\n';
    return line;
}

/* The file's structure; a fault in it ends the reading. */
static enum status read_tree(const struct hunt_file *file, struct tree *tree,
                             struct tree_fault *ret_fault)
{
    const char *text = file->text;
    size_t size = file->size;
    if (size >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0) {
        text += 3;
        size -= 3;
    }
    const size_t good = utf8_prefix(text, size);
    const char *zero = size > 0 ? memchr(text, 0, size) : NULL;
    if (good < size) {
        tree_fault_set(ret_fault, line_of(text, good), "the file must be UTF-8");
        return STATUS_INVALID;
    }
    if (zero != NULL) {
        tree_fault_set(ret_fault, line_of(text, (size_t)(zero - text)),
                       "the file must not hold zero bytes");
        return STATUS_INVALID;
    }
    return file->format == HUNT_FILE_JSON ? tree_read_json(tree, text, size, ret_fault)
                                          : tree_read_yaml(tree, text, size, ret_fault);
}

static enum status read_definition(const struct hunt_file *file, const struct tree *tree,
                                   struct hunt_faults *faults, struct definition **ret_definition)
{
    if (tree->root->kind != NODE_MAP) {
        hunt_fault(faults, tree->root->line, "", "the file must be a mapping of keys to values");
        return STATUS_INVALID;
    }
    const struct node *list = node_member(tree->root, "treasures");
    const uint32_t count = list != NULL && list->kind == NODE_LIST ? list_length(list) : 0;
    CHECK(count < UINT16_MAX);
    struct definition *definition = definition_new((uint16_t)count);
    if (definition == NULL)
        return STATUS_NO_MEMORY;
    const struct section top = {.map = tree->root,
                                .faults = faults,
                                .definition = definition,
                                .json = file->format == HUNT_FILE_JSON};
    enum status status = read_hunt(&top, tree, file->hunt);
    if (status == STATUS_OK && faults->count > 0)
        status = STATUS_INVALID;
    if (status != STATUS_OK) {
        definition_free(definition);
        return status;
    }
    *ret_definition = definition;
    return STATUS_OK;
}

enum status hunt_file_read(struct definition **ret_definition, const struct hunt_file *file,
                           struct hunt_faults *faults)
{
    CHECK(ret_definition != NULL);
    CHECK(faults->count == 0);
    if (file->size > HUNT_FILE_BYTES_MAX)
        return STATUS_TOO_LARGE;
    struct tree *tree = tree_new();
    if (tree == NULL)
        return STATUS_NO_MEMORY;
    struct tree_fault fault;
    enum status status = read_tree(file, tree, &fault);
    if (status == STATUS_INVALID)
        hunt_fault(faults, fault.line, "", "%s", fault.detail);
    if (status == STATUS_OK)
        status = read_definition(file, tree, faults, ret_definition);
    tree_free(tree);
    return status;
}

/* Their lines are not kept: it is read again for them. */
static void add_listed(const struct hunt_file *file, const struct definition_fault *list,
                       uint32_t count, struct hunt_faults *faults)
{
    struct tree *tree = tree_new();
    struct tree_fault fault;
    const bool known = tree != NULL && file->size <= HUNT_FILE_BYTES_MAX &&
                       read_tree(file, tree, &fault) == STATUS_OK;
    for (uint32_t i = 0; i < count; i++)
        hunt_fault(faults, known ? tree_line(tree, list[i].field) : 0, list[i].field, "%s",
                   list[i].detail);
    tree_free(tree);
}

void hunt_file_add(const struct hunt_file *file, const struct definition_faults *found,
                   struct hunt_faults *faults)
{
    const uint32_t listed = found->count < found->capacity ? found->count : found->capacity;
    if (listed > 0)
        add_listed(file, found->list, listed, faults);
    faults->count += found->count - listed;
}
