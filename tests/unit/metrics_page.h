/* tests/unit/metrics_page.h -- Reads a page of metrics as Prometheus would, only stricter: every
 * family has one HELP, one TYPE and then its samples; every series comes once; the buckets of a
 * histogram add up. Whatever is not so fails the test. */
#ifndef CAIRN_TESTS_UNIT_METRICS_PAGE_H
#define CAIRN_TESTS_UNIT_METRICS_PAGE_H

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PAGE_NAME_BYTES   128
#define PAGE_FAMILIES_MAX 128

struct page_reader {
    char families[PAGE_FAMILIES_MAX][PAGE_NAME_BYTES];
    size_t family_count;
    char type[16]; /* of the last one; "": not said yet */
    /* Of a histogram: its last bucket, and the one without a bound. */
    double bound, below, all;
};

static inline const char *page_family(const struct page_reader *reader)
{
    assert_true(reader->family_count > 0);
    return reader->families[reader->family_count - 1];
}

static inline void page_take_help(struct page_reader *reader, const char *line)
{
    char name[PAGE_NAME_BYTES];
    int end = 0;
    assert_int_equal(sscanf(line, "# HELP %127s %n", name, &end), 1);
    assert_true(line[end] != '\0');
    assert_int_equal(strncmp(name, "cairn_", 6), 0);
    assert_int_equal(name[strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_")], '\0');
    for (size_t i = 0; i < reader->family_count; i++)
        assert_string_not_equal(reader->families[i], name);
    assert_true(reader->family_count < PAGE_FAMILIES_MAX);
    memcpy(reader->families[reader->family_count++], name, sizeof name);
    reader->type[0] = '\0';
}

static inline void page_take_type(struct page_reader *reader, const char *line)
{
    char name[PAGE_NAME_BYTES];
    assert_string_equal(reader->type, "");
    assert_int_equal(sscanf(line, "# TYPE %127s %15s", name, reader->type), 2);
    assert_string_equal(name, page_family(reader));
    const bool known = strcmp(reader->type, "counter") == 0 || strcmp(reader->type, "gauge") == 0 ||
                       strcmp(reader->type, "histogram") == 0;
    assert_true(known);
    reader->bound = -1;
    reader->below = 0;
    reader->all = -1;
}

/* One of the lines that belong to a histogram; `rest` is what follows its name. */
static inline void page_take_piece(struct page_reader *reader, const char *rest, double value)
{
    char bound[32];
    if (sscanf(rest, "_bucket{le=\"%31[^\"]\"}", bound) == 1) {
        assert_true(reader->all < 0);
        assert_true(value >= reader->below);
        reader->below = value;
        if (strcmp(bound, "+Inf") == 0) {
            reader->all = value;
            return;
        }
        assert_true(atof(bound) > reader->bound);
        reader->bound = atof(bound);
    } else if (strncmp(rest, "_count ", 7) == 0) {
        assert_true(fabs(value - reader->all) < 0.5);
    } else {
        assert_int_equal(strncmp(rest, "_sum ", 5), 0);
    }
}

static inline void page_take_sample(struct page_reader *reader, const char *page, const char *line)
{
    char key[256] = "\n";
    const char *family = page_family(reader);
    const char *space = strrchr(line, ' ');
    assert_non_null(space);
    assert_true((size_t)(space - line) + 3 < sizeof key);
    char *end = NULL;
    const double value = strtod(space + 1, &end);
    assert_true(end != space + 1);
    assert_int_equal(*end, '\0');
    assert_true(value >= 0);
    assert_int_equal(strncmp(line, family, strlen(family)), 0);
    const char *rest = line + strlen(family);
    if (strcmp(reader->type, "histogram") == 0)
        page_take_piece(reader, rest, value);
    else
        assert_true(*rest == '{' || *rest == ' ');
    memcpy(key + 1, line, (size_t)(space - line) + 1);
    const char *first = strstr(page, key);
    assert_non_null(first);
    assert_null(strstr(first + 1, key));
}

/* The whole page, line by line. */
static inline void page_check(const char *page)
{
    static struct page_reader reader;
    char line[1024];
    reader = (struct page_reader){.family_count = 0};
    for (const char *at = page; *at != '\0';) {
        const char *end = strchr(at, '\n');
        assert_non_null(end);
        assert_true((size_t)(end - at) < sizeof line);
        memcpy(line, at, (size_t)(end - at));
        line[end - at] = '\0';
        at = end + 1;
        if (strncmp(line, "# HELP ", 7) == 0)
            page_take_help(&reader, line);
        else if (strncmp(line, "# TYPE ", 7) == 0)
            page_take_type(&reader, line);
        else
            page_take_sample(&reader, page, line);
    }
    assert_true(reader.family_count > 0);
}

/* The value of a series, as it is written, such as `cairn_actions_total{outcome="found"}`; it is
 * not the page's first line. */
static inline double page_value(const char *page, const char *series)
{
    char key[256];
    (void)snprintf(key, sizeof key, "\n%s ", series);
    const char *at = strstr(page, key);
    if (at == NULL)
        fail_msg("there is no %s in:\n%s", series, page);
    return at != NULL ? atof(at + strlen(key)) : 0;
}

static inline void page_assert(const char *page, const char *series, double value)
{
    const double got = page_value(page, series);
    if (fabs(got - value) > 1e-9)
        fail_msg("%s is %f and not %f", series, got, value);
}

/* All series of a family with one label. */
static inline double page_sum(const char *page, const char *family)
{
    char key[PAGE_NAME_BYTES];
    double sum = 0;
    (void)snprintf(key, sizeof key, "\n%s{", family);
    const char *at = strstr(page, key);
    assert_non_null(at);
    for (; at != NULL; at = strstr(at + 1, key)) {
        const char *end = strstr(at, "\"} ");
        assert_non_null(end);
        sum += atof(end + 3);
    }
    return sum;
}

#endif
