#include "node/http.h"

#include <string.h>

#include "cluster/base/check.h"

static int hex_digit(char digit)
{
    if (digit >= '0' && digit <= '9')
        return digit - '0';
    if (digit >= 'a' && digit <= 'f')
        return digit - 'a' + 10;
    if (digit >= 'A' && digit <= 'F')
        return digit - 'A' + 10;
    return -1;
}

/* One character at *at, decoded; -1 for a bad sequence or a control character, which no name of
 * ours holds and which would only confuse whoever reads it in a log. */
static int decode_one(const char **at)
{
    const char *text = *at;
    if (text[0] != '%') {
        *at = text + 1;
        return (unsigned char)text[0];
    }
    const int high = hex_digit(text[1]);
    const int low = high < 0 ? -1 : hex_digit(text[2]);
    if (low < 0)
        return -1;
    const int value = high * 16 + low;
    if (value < 0x20 || value == 0x7f)
        return -1;
    *at = text + 3;
    return value;
}

struct output {
    char *data;
    size_t capacity;
    size_t used;
};

static enum status output_put(struct output *output, int value)
{
    if (output->used == output->capacity)
        return STATUS_TOO_LARGE;
    output->data[output->used++] = (char)value;
    return STATUS_OK;
}

/* Decodes up to one of `stops` or the end of the text, and puts a zero behind. */
static enum status decode(struct output *output, const char **at, const char *stops, bool form)
{
    const char *text = *at;
    enum status status = STATUS_OK;
    while (status == STATUS_OK && *text != '\0' && strchr(stops, *text) == NULL) {
        const bool space = form && *text == '+';
        const int value = decode_one(&text);
        if (value < 0)
            return STATUS_INVALID;
        status = output_put(output, space ? ' ' : value);
    }
    if (status == STATUS_OK)
        status = output_put(output, '\0');
    if (status == STATUS_OK)
        *at = text;
    return status;
}

static bool segment_is_safe(const char *segment)
{
    return strcmp(segment, ".") != 0 && strcmp(segment, "..") != 0 && strchr(segment, '/') == NULL;
}

enum status http_path_segments(struct http_path *ret_path, const char *path)
{
    CHECK(ret_path != NULL);
    CHECK(path != NULL);
    if (path[0] != '/')
        return STATUS_INVALID;
    struct output output = {.data = ret_path->text, .capacity = sizeof ret_path->text, .used = 0};
    size_t count = 0;
    ret_path->count = 0;
    if (path[1] == '\0')
        return STATUS_OK;
    while (*path == '/') {
        path++;
        if (count == HTTP_PATH_SEGMENTS_MAX)
            return STATUS_TOO_LARGE;
        const char *segment = output.data + output.used;
        const enum status status = decode(&output, &path, "/", false);
        if (status != STATUS_OK)
            return status;
        if (!segment_is_safe(segment))
            return STATUS_INVALID;
        ret_path->segments[count++] = segment;
    }
    ret_path->count = count;
    return STATUS_OK;
}

enum status http_query_next(struct http_parameter *ret_parameter, const char **at)
{
    CHECK(ret_parameter != NULL);
    CHECK(*at != NULL);
    const char *text = *at;
    while (*text == '&')
        text++;
    if (*text == '\0')
        return STATUS_NOT_FOUND;

    struct output name = {ret_parameter->name, sizeof ret_parameter->name, 0};
    struct output value = {ret_parameter->value, sizeof ret_parameter->value, 0};
    enum status status = decode(&name, &text, "=&", true);
    if (status != STATUS_OK)
        return status;
    if (*text == '=')
        text++;
    status = decode(&value, &text, "&", true);
    if (status == STATUS_OK)
        *at = text;
    return status;
}

enum status http_query_get(char *ret_value, size_t capacity, const char *query, const char *name)
{
    CHECK(ret_value != NULL);
    CHECK(name != NULL);
    struct http_parameter parameter;
    struct http_parameter found;
    bool seen = false;
    enum status status = http_query_next(&parameter, &query);
    while (status == STATUS_OK) {
        if (strcmp(parameter.name, name) == 0) {
            if (seen)
                return STATUS_CONFLICT;
            seen = true;
            found = parameter;
        }
        status = http_query_next(&parameter, &query);
    }
    if (status != STATUS_NOT_FOUND || !seen)
        return status;
    const size_t bytes = strlen(found.value) + 1;
    if (bytes > capacity)
        return STATUS_TOO_LARGE;
    memcpy(ret_value, found.value, bytes);
    return STATUS_OK;
}
