/* node/hunt_file_tree.h -- A hunt file as a tree of maps, lists and scalars that know their lines:
 * what YAML and JSON have in common, before anything is known about hunts. */
#ifndef CAIRN_NODE_HUNT_FILE_TREE_H
#define CAIRN_NODE_HUNT_FILE_TREE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cluster/base/status.h"

/* The largest hunt needs 40 nodes a treasure, 41 thousand in all, and four levels of maps and
 * lists; more of either is somebody trying something. */
#define TREE_NODES_MAX 60000
#define TREE_DEPTH_MAX 8

enum node_kind {
    NODE_SCALAR,
    NODE_LIST,
    NODE_MAP,
};

struct node {
    enum node_kind kind;
    bool plain;                /* a scalar without quotes */
    uint32_t line;             /* where it begins, or its key if it has one; from 1 */
    char *key;                 /* members of a map; else NULL */
    char *text;                /* scalars: UTF-8 without zeros inside; else NULL */
    struct node *first, *last; /* members of a map, in the file's order, double keys too; items */
    struct node *next;
};

struct tree {
    struct node *root; /* NULL: nothing yet */
    uint32_t count;
    struct node nodes[TREE_NODES_MAX];
};

/* The fault that ended the reading. */
struct tree_fault {
    uint32_t line;
    char detail[160];
};

/* NULL: no memory. */
struct tree *tree_new(void);
void tree_free(struct tree *tree);

/* Appends a node to `parent` (NULL: it becomes the root). Key and text are given to the tree, even
 * on failure; either may be NULL. NULL: TREE_NODES_MAX is reached. */
struct node *tree_add(struct tree *tree, struct node *parent, enum node_kind kind, char *key,
                      char *text);

/* A copy that tree_add can be given. NULL: no memory. */
char *tree_copy(const char *text, size_t length);

/* Read a text into an empty tree. STATUS_INVALID: *ret_fault says why; STATUS_NO_MEMORY. The tree
 * is to be freed in any case. The text must be UTF-8. */
MUST_USE enum status tree_read_yaml(struct tree *tree, const char *text, size_t size,
                                    struct tree_fault *ret_fault);
MUST_USE enum status tree_read_json(struct tree *tree, const char *text, size_t size,
                                    struct tree_fault *ret_fault);

PRINTF_LIKE(3, 4)
void tree_fault_set(struct tree_fault *fault, uint32_t line, const char *detail, ...);

/* The first member with this key; NULL: there is none, or the node is no map. */
const struct node *node_member(const struct node *map, const char *key);

/* The line of what a field path such as "treasures[3].radius" leads to; where the path leads
 * nowhere, of the last node on it. */
uint32_t tree_line(const struct tree *tree, const char *field);

#endif
