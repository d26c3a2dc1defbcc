/* YAML through libyaml's events, so that what hunt files may not use is seen and refused: an alias
 * is never followed, and nothing is built beyond the tree's limits. */
#include "node/hunt_file_tree.h"

#include <stdlib.h>
#include <string.h>

#include <yaml.h>

#include "cluster/base/check.h"

struct yaml_reading {
    struct tree *tree;
    struct tree_fault *fault;
    struct node *open[TREE_DEPTH_MAX]; /* maps and lists that have not ended */
    unsigned depth;
    char *key; /* read, its value is not; NULL: none */
    uint32_t key_line;
    unsigned documents;
    uint32_t lines; /* that the text has */
};

/* The bytes of the line's end that begins here, as libyaml knows them; 0: there is none. */
static size_t break_bytes(const char *text, size_t left)
{
    if (text[0] == '\r')
        return left >= 2 && text[1] == '\n' ? 2 : 1;
    if (text[0] == '\n')
        return 1;
    if (left >= 2 && memcmp(text, "\xc2\x85", 2) == 0)
        return 2;
    const bool separator =
        left >= 3 && (memcmp(text, "\xe2\x80\xa8", 3) == 0 || memcmp(text, "\xe2\x80\xa9", 3) == 0);
    return separator ? 3 : 0;
}

static uint32_t count_lines(const char *text, size_t size)
{
    uint32_t lines = 1;
    for (size_t at = 0; at < size;) {
        const size_t bytes = break_bytes(text + at, size - at);
        lines += bytes > 0 ? 1 : 0;
        at += bytes > 0 ? bytes : 1;
    }
    return lines;
}

/* Where the last line has no end libyaml begins another one after it. */
static uint32_t line_at(const struct yaml_reading *reading, const yaml_mark_t *mark)
{
    return mark->line < reading->lines ? (uint32_t)mark->line + 1 : reading->lines;
}

static enum status refuse(struct yaml_reading *reading, const yaml_event_t *event,
                          const char *detail)
{
    tree_fault_set(reading->fault, line_at(reading, &event->start_mark), "%s", detail);
    return STATUS_INVALID;
}

static bool key_is_next(const struct yaml_reading *reading)
{
    return reading->depth > 0 && reading->open[reading->depth - 1]->kind == NODE_MAP &&
           reading->key == NULL;
}

/* Adds a node with the key that waits for it. Takes the text. */
static enum status add(struct yaml_reading *reading, const yaml_event_t *event, enum node_kind kind,
                       char *text, struct node **ret_node)
{
    struct node *parent = reading->depth > 0 ? reading->open[reading->depth - 1] : NULL;
    char *key = reading->key;
    reading->key = NULL;
    struct node *node = tree_add(reading->tree, parent, kind, key, text);
    if (node == NULL)
        return refuse(reading, event, "the file has too many values for a hunt");
    node->line = key != NULL ? reading->key_line : line_at(reading, &event->start_mark);
    *ret_node = node;
    return STATUS_OK;
}

static enum status on_scalar(struct yaml_reading *reading, const yaml_event_t *event)
{
    const char *value = (const char *)event->data.scalar.value;
    const size_t length = event->data.scalar.length;
    if (event->data.scalar.anchor != NULL)
        return refuse(reading, event, "anchors (&) are not taken");
    if (event->data.scalar.tag != NULL)
        return refuse(reading, event, "tags (!) are not taken");
    if (memchr(value, 0, length) != NULL)
        return refuse(reading, event, "texts must not hold a zero byte");
    const bool plain = event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
    if (key_is_next(reading) && plain && strcmp(value, "<<") == 0)
        return refuse(reading, event, "merge keys (<<) are not taken");
    char *copy = tree_copy(value, length);
    if (copy == NULL)
        return STATUS_NO_MEMORY;
    if (key_is_next(reading)) {
        reading->key = copy;
        reading->key_line = line_at(reading, &event->start_mark);
        return STATUS_OK;
    }
    struct node *node;
    const enum status status = add(reading, event, NODE_SCALAR, copy, &node);
    if (status == STATUS_OK)
        node->plain = plain;
    return status;
}

static enum status on_start(struct yaml_reading *reading, const yaml_event_t *event,
                            enum node_kind kind)
{
    const bool map = kind == NODE_MAP;
    if ((map ? event->data.mapping_start.anchor : event->data.sequence_start.anchor) != NULL)
        return refuse(reading, event, "anchors (&) are not taken");
    if ((map ? event->data.mapping_start.tag : event->data.sequence_start.tag) != NULL)
        return refuse(reading, event, "tags (!) are not taken");
    if (key_is_next(reading))
        return refuse(reading, event, "a key must be a word");
    if (reading->depth == TREE_DEPTH_MAX)
        return refuse(reading, event, "the file is nested too deeply for a hunt");
    struct node *node;
    const enum status status = add(reading, event, kind, NULL, &node);
    if (status == STATUS_OK)
        reading->open[reading->depth++] = node;
    return status;
}

static enum status on_document(struct yaml_reading *reading, const yaml_event_t *event)
{
    if (event->data.document_start.version_directive != NULL ||
        event->data.document_start.tag_directives.start !=
            event->data.document_start.tag_directives.end)
        return refuse(reading, event, "directives (%) are not taken");
    if (reading->documents++ > 0)
        return refuse(reading, event, "the file must hold one document");
    return STATUS_OK;
}

static enum status on_event(struct yaml_reading *reading, const yaml_event_t *event)
{
    switch (event->type) {
    case YAML_DOCUMENT_START_EVENT:
        return on_document(reading, event);
    case YAML_ALIAS_EVENT:
        return refuse(reading, event, "aliases (*) are not taken");
    case YAML_SCALAR_EVENT:
        return on_scalar(reading, event);
    case YAML_SEQUENCE_START_EVENT:
        return on_start(reading, event, NODE_LIST);
    case YAML_MAPPING_START_EVENT:
        return on_start(reading, event, NODE_MAP);
    case YAML_SEQUENCE_END_EVENT:
    case YAML_MAPPING_END_EVENT:
        CHECK(reading->depth > 0);
        reading->depth--;
        return STATUS_OK;
    case YAML_STREAM_END_EVENT:
        if (reading->tree->root == NULL)
            return refuse(reading, event, "the file is empty");
        return STATUS_OK;
    case YAML_NO_EVENT:
    case YAML_STREAM_START_EVENT:
    case YAML_DOCUMENT_END_EVENT:
        return STATUS_OK;
    }
    UNREACHABLE();
    return STATUS_INVALID;
}

static enum status parser_fault(const yaml_parser_t *parser, const struct yaml_reading *reading)
{
    if (parser->error == YAML_MEMORY_ERROR)
        return STATUS_NO_MEMORY;
    /* The reader below the scanner has no marks; where the scanner stands is as close as it gets.
     */
    const yaml_mark_t *mark =
        parser->error == YAML_READER_ERROR ? &parser->mark : &parser->problem_mark;
    const char *problem = parser->problem != NULL ? parser->problem : "this is no YAML";
    const uint32_t line = line_at(reading, mark);
    if (parser->context != NULL)
        tree_fault_set(reading->fault, line, "%s, %s", parser->context, problem);
    else
        tree_fault_set(reading->fault, line, "%s", problem);
    return STATUS_INVALID;
}

static enum status read_events(yaml_parser_t *parser, struct yaml_reading *reading)
{
    for (bool more = true; more;) {
        yaml_event_t event;
        if (!yaml_parser_parse(parser, &event))
            return parser_fault(parser, reading);
        more = event.type != YAML_STREAM_END_EVENT;
        const enum status status = on_event(reading, &event);
        yaml_event_delete(&event);
        if (status != STATUS_OK)
            return status;
    }
    return STATUS_OK;
}

enum status tree_read_yaml(struct tree *tree, const char *text, size_t size,
                           struct tree_fault *ret_fault)
{
    CHECK(tree->root == NULL);
    yaml_parser_t parser;
    if (!yaml_parser_initialize(&parser))
        return STATUS_NO_MEMORY;
    /* Else libyaml would guess, and read UTF-16 where it thinks it sees it. */
    yaml_parser_set_encoding(&parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&parser, (const unsigned char *)text, size);
    struct yaml_reading reading = {
        .tree = tree, .fault = ret_fault, .lines = count_lines(text, size)};
    const enum status status = read_events(&parser, &reading);
    free(reading.key);
    yaml_parser_delete(&parser);
    return status;
}
