#include "node/ctl/print.h"

#include <stdlib.h>
#include <string.h>

#include "cluster/base/check.h"
#include "node/hunt_json.h"

const char *print_text(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text != NULL ? text : "";
}

static bool is_control(const char *text)
{
    const unsigned char first = (unsigned char)text[0];
    /* U+0080 to U+009F are controls too, two bytes long. */
    return first < 0x20 || first == 0x7f ||
           (first == 0xc2 && (unsigned char)text[1] >= 0x80 && (unsigned char)text[1] < 0xa0);
}

void print_clean(FILE *file, const char *text)
{
    while (*text != '\0') {
        const bool control = is_control(text);
        (void)fputc(control ? '?' : *text, file);
        text += control && (unsigned char)*text == 0xc2 ? 2 : 1;
    }
}

/* The value as a new text, NULL: no memory. */
static char *show(const json_t *value);

static char *show_list(const json_t *list)
{
    char *all = NULL;
    size_t bytes = 0;
    FILE *file = open_memstream(&all, &bytes);
    if (file == NULL)
        return NULL;
    print_list(file, list);
    if (fclose(file) == 0)
        return all;
    free(all);
    return NULL;
}

static char *show(const json_t *value)
{
    char number[32];
    if (json_is_string(value))
        return strdup(json_string_value(value));
    if (json_is_array(value))
        return show_list(value);
    if (json_is_integer(value))
        (void)snprintf(number, sizeof number, "%lld", (long long)json_integer_value(value));
    else if (json_is_real(value))
        (void)snprintf(number, sizeof number, "%.*g", HUNT_JSON_DIGITS, json_real_value(value));
    else if (json_is_boolean(value))
        (void)snprintf(number, sizeof number, "%s", json_is_true(value) ? "yes" : "no");
    else
        (void)snprintf(number, sizeof number, "-");
    return strdup(number);
}

void print_list(FILE *file, const json_t *list)
{
    const size_t count = json_array_size(list);
    for (size_t i = 0; i < count; i++) {
        const json_t *item = json_array_get(list, i);
        char *text = json_is_array(item) ? NULL : show(item);
        (void)fputs(i > 0 ? ", " : "", file);
        print_clean(file, text != NULL ? text : "?");
        free(text);
    }
    if (count == 0)
        (void)fputc('-', file);
}

void print_json(const json_t *object)
{
    (void)json_dumpf(object, stdout, JSON_COMPACT | JSON_REAL_PRECISION(HUNT_JSON_DIGITS));
    (void)fputc('\n', stdout);
    (void)fflush(stdout);
}

/* Sheets. */

void sheet_init(struct sheet *sheet, const char *const *heads)
{
    *sheet = (struct sheet){.heads = heads};
    while (heads[sheet->columns] != NULL)
        sheet->columns++;
    CHECK(sheet->columns > 0 && sheet->columns <= SHEET_COLUMNS_MAX);
}

/* Takes the text, which is the sheet's from now on; NULL: there was no memory for it. */
static void append(struct sheet *sheet, char *text)
{
    if (text != NULL && sheet->cells_count == sheet->capacity) {
        const size_t capacity = sheet->capacity > 0 ? 2 * sheet->capacity : 64;
        char **cells = realloc(sheet->cells, capacity * sizeof *cells);
        if (cells == NULL) {
            free(text);
            text = NULL;
        } else {
            sheet->cells = cells;
            sheet->capacity = capacity;
        }
    }
    if (text == NULL)
        sheet->failed = true;
    else
        sheet->cells[sheet->cells_count++] = text;
}

void sheet_text(struct sheet *sheet, const char *text)
{
    append(sheet, strdup(text));
}

void sheet_number(struct sheet *sheet, long long number)
{
    char text[32];
    (void)snprintf(text, sizeof text, "%lld", number);
    append(sheet, strdup(text));
}

void sheet_member(struct sheet *sheet, const json_t *object, const char *key)
{
    append(sheet, show(json_object_get(object, key)));
}

/* Characters, as far as a terminal gives each one column. */
static size_t width_of(const char *text)
{
    size_t width = 0;
    for (; *text != '\0'; text++)
        width += ((unsigned char)*text & 0xc0) != 0x80;
    return width;
}

static void print_cell(const char *text, size_t width, bool right, bool last)
{
    const size_t own = width_of(text);
    const int padding = own < width ? (int)(width - own) : 0;
    if (right)
        (void)printf("%*s", padding, "");
    print_clean(stdout, text);
    if (!right && !last)
        (void)printf("%*s", padding, "");
    (void)fputs(last ? "\n" : "  ", stdout);
}

static bool is_right(const char *head)
{
    return head[0] == '>';
}

static const char *head_text(const char *head)
{
    return is_right(head) ? head + 1 : head;
}

static void print_rows(const struct sheet *sheet)
{
    size_t widths[SHEET_COLUMNS_MAX] = {0};
    CHECK(sheet->columns > 0 && sheet->columns <= SHEET_COLUMNS_MAX);
    for (size_t i = 0; i < sheet->columns; i++)
        widths[i] = width_of(head_text(sheet->heads[i]));
    for (size_t i = 0; i < sheet->cells_count; i++) {
        const size_t width = width_of(sheet->cells[i]);
        if (width > widths[i % sheet->columns])
            widths[i % sheet->columns] = width;
    }
    for (size_t i = 0; i < sheet->columns; i++)
        print_cell(head_text(sheet->heads[i]), widths[i], is_right(sheet->heads[i]),
                   i + 1 == sheet->columns);
    for (size_t i = 0; i < sheet->cells_count; i++) {
        const size_t column = i % sheet->columns;
        print_cell(sheet->cells[i], widths[column], is_right(sheet->heads[column]),
                   column + 1 == sheet->columns);
    }
}

void sheet_print(struct sheet *sheet)
{
    if (sheet->failed)
        (void)fputs("cairnctl: out of memory\n", stderr);
    else
        print_rows(sheet);
    for (size_t i = 0; i < sheet->cells_count; i++)
        free(sheet->cells[i]);
    free(sheet->cells);
    *sheet = (struct sheet){0};
}
