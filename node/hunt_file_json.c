/* JSON (RFC 8259) with lines. jansson knows the line of a syntax fault only, and keeps one of two
 * members with the same key without a word about where they stood; so the brackets, commas and
 * colons are read here and jansson is asked about every scalar. */
#include "node/hunt_file_tree.h"

#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "cluster/base/check.h"

struct json_reading {
    struct tree *tree;
    struct tree_fault *fault;
    const char *at;
    const char *end;
    uint32_t line;
};

static enum status refuse(struct json_reading *reading, const char *detail)
{
    tree_fault_set(reading->fault, reading->line, "%s", detail);
    return STATUS_INVALID;
}

static void skip_space(struct json_reading *reading)
{
    for (; reading->at < reading->end; reading->at++) {
        if (*reading->at == '\n')
            reading->line++;
        else if (*reading->at != ' ' && *reading->at != '\t' && *reading->at != '\r')
            break;
    }
}

/* The next character that is not space; zero at the end. Zeros in the text were refused before. */
static char peek(struct json_reading *reading)
{
    skip_space(reading);
    return reading->at < reading->end ? *reading->at : '\0';
}

/* The bytes of the string or word that begins here; 0: a string without an end, or no word. */
static size_t token_length(const struct json_reading *reading)
{
    const size_t left = (size_t)(reading->end - reading->at);
    const char *text = reading->at;
    size_t length = 0;
    if (left == 0)
        return 0;
    if (text[0] != '"') {
        while (length < left && strchr(" \t\r\n,:[]{}\"", text[length]) == NULL)
            length++;
        return length;
    }
    for (length = 1; length < left && text[length] != '"'; length++) {
        if (text[length] == '\\')
            length++;
    }
    return length < left ? length + 1 : 0;
}

/* A scalar's text: of a string what it stands for, of anything else as it is written. */
static enum status take_scalar(struct json_reading *reading, char **ret_text)
{
    const size_t length = token_length(reading);
    if (length == 0)
        return refuse(reading, reading->at == reading->end ? "the file ends too early"
                               : *reading->at == '"'       ? "a string has no end"
                                                           : "a value is missing");
    json_error_t error;
    /* A number is only looked at as written, so it may be longer than any number of ours. */
    json_t *value =
        json_loadb(reading->at, length, JSON_DECODE_ANY | JSON_DECODE_INT_AS_REAL, &error);
    if (value == NULL) {
        if (json_error_code(&error) == json_error_out_of_memory)
            return STATUS_NO_MEMORY;
        tree_fault_set(reading->fault, reading->line, "%s", error.text);
        return STATUS_INVALID;
    }
    char *text = json_is_string(value)
                     ? tree_copy(json_string_value(value), json_string_length(value))
                     : tree_copy(reading->at, length);
    json_decref(value);
    if (text == NULL)
        return STATUS_NO_MEMORY;
    reading->at += length;
    *ret_text = text;
    return STATUS_OK;
}

static enum status take_key(struct json_reading *reading, char **ret_key)
{
    if (peek(reading) != '"')
        return refuse(reading, "a key in quotes is expected");
    char *key;
    const enum status status = take_scalar(reading, &key);
    if (status != STATUS_OK)
        return status;
    if (peek(reading) != ':') {
        free(key);
        return refuse(reading, "a colon is expected after a key");
    }
    reading->at++;
    *ret_key = key;
    return STATUS_OK;
}

static enum status take_value(struct json_reading *reading, struct node *parent, char *key,
                              struct node **ret_node)
{
    const char first = peek(reading);
    char *text = NULL;
    enum node_kind kind = first == '{' ? NODE_MAP : first == '[' ? NODE_LIST : NODE_SCALAR;
    if (kind == NODE_SCALAR) {
        const enum status status = take_scalar(reading, &text);
        if (status != STATUS_OK) {
            free(key);
            return status;
        }
    } else {
        reading->at++;
    }
    struct node *node = tree_add(reading->tree, parent, kind, key, text);
    if (node == NULL)
        return refuse(reading, "the file has too many values for a hunt");
    node->line = reading->line;
    node->plain = kind == NODE_SCALAR && first != '"';
    *ret_node = node;
    return STATUS_OK;
}

/* Takes one member or item of `open`, with its key. */
static enum status take_child(struct json_reading *reading, struct node *open,
                              struct node **ret_node)
{
    char *key = NULL;
    uint32_t line = 0;
    if (open->kind == NODE_MAP) {
        skip_space(reading);
        line = reading->line;
        const enum status status = take_key(reading, &key);
        if (status != STATUS_OK)
            return status;
    }
    const enum status status = take_value(reading, open, key, ret_node);
    if (status == STATUS_OK && line != 0)
        (*ret_node)->line = line;
    return status;
}

/* Goes on in `open`: *ret_child is its next child, or NULL when it has ended. */
static enum status take_next(struct json_reading *reading, struct node *open,
                             struct node **ret_child)
{
    const char close = open->kind == NODE_MAP ? '}' : ']';
    if (peek(reading) == close) {
        reading->at++;
        *ret_child = NULL;
        return STATUS_OK;
    }
    if (open->first != NULL) {
        if (peek(reading) != ',')
            return refuse(reading, reading->at == reading->end ? "the file ends too early"
                                   : open->kind == NODE_MAP    ? "a comma or } is expected"
                                                               : "a comma or ] is expected");
        reading->at++;
    }
    return take_child(reading, open, ret_child);
}

static enum status read_tree(struct json_reading *reading)
{
    struct node *open[TREE_DEPTH_MAX];
    unsigned depth = 0;
    struct node *node = NULL;
    enum status status = take_value(reading, NULL, NULL, &node);
    while (status == STATUS_OK) {
        if (node != NULL && node->kind != NODE_SCALAR) {
            if (depth == TREE_DEPTH_MAX)
                return refuse(reading, "the file is nested too deeply for a hunt");
            open[depth++] = node;
        } else if (node == NULL) {
            CHECK(depth > 0);
            depth--;
        }
        if (depth == 0)
            break;
        status = take_next(reading, open[depth - 1], &node);
    }
    if (status == STATUS_OK && peek(reading) != '\0')
        return refuse(reading, "something follows after the end");
    return status;
}

enum status tree_read_json(struct tree *tree, const char *text, size_t size,
                           struct tree_fault *ret_fault)
{
    CHECK(tree->root == NULL);
    struct json_reading reading = {
        .tree = tree, .fault = ret_fault, .at = text, .end = text + size, .line = 1};
    if (peek(&reading) == '\0')
        return refuse(&reading, "the file is empty");
    return read_tree(&reading);
}
