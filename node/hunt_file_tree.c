#include "node/hunt_file_tree.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cluster/base/check.h"

struct tree *tree_new(void)
{
    /* Memory that calloc has not handed out before is touched only as nodes are made. */
    return calloc(1, sizeof(struct tree));
}

void tree_free(struct tree *tree)
{
    if (tree == NULL)
        return;
    for (uint32_t i = 0; i < tree->count; i++) {
        free(tree->nodes[i].key);
        free(tree->nodes[i].text);
    }
    free(tree);
}

char *tree_copy(const char *text, size_t length)
{
    char *copy = malloc(length + 1);
    if (copy == NULL)
        return NULL;
    memcpy(copy, text, length);
    copy[length] = '\0';
    return copy;
}

struct node *tree_add(struct tree *tree, struct node *parent, enum node_kind kind, char *key,
                      char *text)
{
    CHECK(parent == NULL || parent->kind != NODE_SCALAR);
    CHECK(parent != NULL || tree->root == NULL);
    if (tree->count == TREE_NODES_MAX) {
        free(key);
        free(text);
        return NULL;
    }
    struct node *node = &tree->nodes[tree->count++];
    *node = (struct node){.kind = kind, .key = key, .text = text};
    if (parent == NULL)
        tree->root = node;
    else if (parent->last == NULL)
        parent->first = node;
    else
        parent->last->next = node;
    if (parent != NULL)
        parent->last = node;
    return node;
}

void tree_fault_set(struct tree_fault *fault, uint32_t line, const char *detail, ...)
{
    fault->line = line;
    va_list arguments;
    va_start(arguments, detail);
    (void)vsnprintf(fault->detail, sizeof fault->detail, detail, arguments);
    va_end(arguments);
}

static const struct node *member(const struct node *map, const char *key, size_t length)
{
    if (map->kind != NODE_MAP)
        return NULL;
    for (const struct node *node = map->first; node != NULL; node = node->next) {
        if (strlen(node->key) == length && memcmp(node->key, key, length) == 0)
            return node;
    }
    return NULL;
}

const struct node *node_member(const struct node *map, const char *key)
{
    return member(map, key, strlen(key));
}

static const struct node *item(const struct node *list, unsigned long at)
{
    const struct node *node = list->kind == NODE_LIST ? list->first : NULL;
    while (node != NULL && at-- > 0)
        node = node->next;
    return node;
}

uint32_t tree_line(const struct tree *tree, const char *field)
{
    const struct node *node = tree->root;
    if (node == NULL)
        return 0;
    uint32_t line = node->line;
    while (node != NULL && *field != '\0') {
        line = node->line;
        if (*field == '[') {
            char *end;
            node = item(node, strtoul(field + 1, &end, 10));
            field = *end == ']' ? end + 1 : "";
        } else {
            field += *field == '.';
            const size_t length = strcspn(field, ".[");
            node = member(node, field, length);
            field += length;
        }
    }
    return node != NULL ? node->line : line;
}
