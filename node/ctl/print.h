/* node/ctl/print.h -- Showing a server's JSON to people: aligned tables, and texts that cannot do
 * anything to a terminal. One thread. */
#ifndef CAIRN_NODE_CTL_PRINT_H
#define CAIRN_NODE_CTL_PRINT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include <jansson.h>

/* A member's text; "" where it is absent or no string. It belongs to the object. */
const char *print_text(const json_t *object, const char *key);

/* With '?' for each control character. */
void print_clean(FILE *file, const char *text);

/* "1, 2, 5": texts and numbers; "-" where there are none. */
void print_list(FILE *file, const json_t *list);

/* The object on one line of stdout. */
void print_json(const json_t *object);

/* A table that is printed when all of it is known, each column as wide as it needs to be. What runs
 * out of memory is remembered and said when printing. */

#define SHEET_COLUMNS_MAX 10

struct sheet {
    size_t columns;
    const char *const *heads; /* of each column; one that begins with '>' is flushed right */
    char **cells;             /* row by row, its own */
    size_t cells_count;
    size_t capacity;
    bool failed;
};

/* `heads` ends with NULL, has at most SHEET_COLUMNS_MAX, and outlives the sheet. */
void sheet_init(struct sheet *sheet, const char *const *heads);

/* Appends the next cell, row by row. */
void sheet_text(struct sheet *sheet, const char *text);
void sheet_number(struct sheet *sheet, long long number);
/* A member of any kind: text, number, truth ("yes", "no"), a list; "-" where it is absent. */
void sheet_member(struct sheet *sheet, const json_t *object, const char *key);

/* Prints it on stdout and frees it. */
void sheet_print(struct sheet *sheet);

#endif
