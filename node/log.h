/* node/log.h -- The structured logger: one line on stderr for each thing that happened, as text or
 * as a JSON object, with the time in RFC 3339 UTC, the level, a message, and key=value pairs.
 *
 *   2026-12-01T18:00:00.123Z info store opened path="run/n1/log" groups=17
 *   {"time":"2026-12-01T18:00:00.123Z","level":"info","message":"store opened","groups":17}
 *
 * The message says what happened and is the same every time, so that it can be searched for; what
 * differs goes into the fields. There is one logger in a process. All of it is for any thread. A
 * line is one write, and cut at LOG_LINE_BYTES. */
#ifndef CAIRN_NODE_LOG_H
#define CAIRN_NODE_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cluster/base/status.h"

#define LOG_LINE_BYTES 4096

enum log_level {
    LOG_LEVEL_DEBUG,
    LOG_LEVEL_INFO,
    LOG_LEVEL_WARNING,
    LOG_LEVEL_ERROR,
};

enum log_format {
    LOG_FORMAT_TEXT,
    LOG_FORMAT_JSON,
};

/* Words of the configuration: "debug", ...; "text", "json". */
const char *log_level_name(enum log_level level);
const char *log_format_name(enum log_format format);
MUST_USE enum status log_level_parse(enum log_level *ret_level, const char *word);
MUST_USE enum status log_format_parse(enum log_format *ret_format, const char *word);

/* What is below `level` is dropped. At first: info, text. */
void log_setup(enum log_level level, enum log_format format);

/* Where lines go; stderr at first. For tests. */
void log_redirect(int descriptor);

enum log_field_kind {
    LOG_FIELD_TEXT,
    LOG_FIELD_NUMBER,
    LOG_FIELD_ID, /* 16 hexadecimal digits: a number beyond what JSON readers keep */
};

struct log_field {
    const char *key; /* snake_case */
    enum log_field_kind kind;
    union {
        const char *text; /* any bytes */
        uint64_t number;
    };
};

struct log_field log_text(const char *key, const char *text);
struct log_field log_number(const char *key, uint64_t number);
struct log_field log_id(const char *key, uint64_t id);

/* A list of fields for log_write. */
#define LOG_FIELDS(...) ((const struct log_field[]){__VA_ARGS__, {.key = NULL}})

/* `fields` ends with one without a key; NULL: none. */
void log_write(enum log_level level, const char *message, const struct log_field *fields);

/* The line that log_write would write, with its newline and a terminating zero, at `wall_ms` after
 * 1970; returns its length. Pure. */
struct log_line {
    enum log_format format;
    int64_t wall_ms;
    enum log_level level;
    const char *message;
    const struct log_field *fields;
};
size_t log_line_write(char text[LOG_LINE_BYTES], const struct log_line *line);

#endif
