#include "node/log.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cluster/base/check.h"

static struct {
    pthread_mutex_t mutex;
    enum log_level level;
    enum log_format format;
    int descriptor;
} logger = {
    .mutex = PTHREAD_MUTEX_INITIALIZER,
    .level = LOG_LEVEL_INFO,
    .format = LOG_FORMAT_TEXT,
    .descriptor = STDERR_FILENO,
};

static const char *const level_names[] = {"debug", "info", "warning", "error"};
static const char *const format_names[] = {"text", "json"};

const char *log_level_name(enum log_level level)
{
    CHECK(level <= LOG_LEVEL_ERROR);
    return level_names[level];
}

const char *log_format_name(enum log_format format)
{
    CHECK(format <= LOG_FORMAT_JSON);
    return format_names[format];
}

enum status log_level_parse(enum log_level *ret_level, const char *word)
{
    for (size_t i = 0; i < sizeof level_names / sizeof level_names[0]; i++) {
        if (strcmp(word, level_names[i]) == 0) {
            *ret_level = (enum log_level)i;
            return STATUS_OK;
        }
    }
    return STATUS_INVALID;
}

enum status log_format_parse(enum log_format *ret_format, const char *word)
{
    for (size_t i = 0; i < sizeof format_names / sizeof format_names[0]; i++) {
        if (strcmp(word, format_names[i]) == 0) {
            *ret_format = (enum log_format)i;
            return STATUS_OK;
        }
    }
    return STATUS_INVALID;
}

void log_setup(enum log_level level, enum log_format format)
{
    (void)pthread_mutex_lock(&logger.mutex);
    logger.level = level;
    logger.format = format;
    (void)pthread_mutex_unlock(&logger.mutex);
}

void log_redirect(int descriptor)
{
    (void)pthread_mutex_lock(&logger.mutex);
    logger.descriptor = descriptor;
    (void)pthread_mutex_unlock(&logger.mutex);
}

struct log_field log_text(const char *key, const char *text)
{
    return (struct log_field){.key = key, .kind = LOG_FIELD_TEXT, .text = text};
}

struct log_field log_number(const char *key, uint64_t number)
{
    return (struct log_field){.key = key, .kind = LOG_FIELD_NUMBER, .number = number};
}

struct log_field log_id(const char *key, uint64_t id)
{
    return (struct log_field){.key = key, .kind = LOG_FIELD_ID, .number = id};
}

/* A line being written. The end of the room is kept for what closes it. */
#define LINE_TAIL_BYTES 4
struct line {
    char *text;
    size_t used;
    bool full;
};

/* All of it or nothing, so that no escape is cut in two. */
static void put(struct line *line, const char *bytes, size_t count)
{
    if (line->full || count > LOG_LINE_BYTES - LINE_TAIL_BYTES - line->used) {
        line->full = true;
        return;
    }
    memcpy(line->text + line->used, bytes, count);
    line->used += count;
}

static void put_text(struct line *line, const char *text)
{
    put(line, text, strlen(text));
}

/* Bytes of the UTF-8 sequence at `at`; 0: it is none (RFC 3629: no overlong form, no surrogate). */
static size_t utf8_sequence(const unsigned char *at)
{
    if (at[0] < 0x80)
        return 1;
    if (at[0] < 0xc2 || at[0] > 0xf4)
        return 0;
    const size_t bytes = at[0] < 0xe0 ? 2 : at[0] < 0xf0 ? 3 : 4;
    const unsigned char low = at[0] == 0xe0 ? 0xa0 : at[0] == 0xf0 ? 0x90 : 0x80;
    const unsigned char high = at[0] == 0xed ? 0x9f : at[0] == 0xf4 ? 0x8f : 0xbf;
    if (at[1] < low || at[1] > high)
        return 0;
    for (size_t i = 2; i < bytes; i++) {
        if ((at[i] & 0xc0) != 0x80)
            return 0;
    }
    return bytes;
}

/* In quotes, escaped as in JSON; bytes that are no UTF-8 become U+FFFD. One text takes at most a
 * quarter of the line: a long one is cut, and leaves room for the others. */
static void put_quoted(struct line *line, const char *text)
{
    const size_t end = line->used + LOG_LINE_BYTES / 4;
    put(line, "\"", 1);
    while (*text != '\0' && line->used < end) {
        const unsigned char first = (unsigned char)*text;
        const size_t bytes = utf8_sequence((const unsigned char *)text);
        char escape[8];
        if (first < 0x20 || first == 0x7f) {
            const int length = snprintf(escape, sizeof escape, "\\u%04x", first);
            put(line, escape, (size_t)length);
        } else if (first == '"' || first == '\\') {
            put(line, "\\", 1);
            put(line, text, 1);
        } else if (bytes == 0) {
            put_text(line, "\\ufffd");
        } else {
            put(line, text, bytes);
        }
        text += bytes > 0 ? bytes : 1;
    }
    put(line, "\"", 1);
}

static void put_time(struct line *line, int64_t wall_ms)
{
    int64_t seconds = wall_ms / 1000;
    int64_t ms = wall_ms % 1000;
    if (ms < 0) {
        seconds--;
        ms += 1000;
    }
    const time_t time = (time_t)seconds;
    struct tm parts;
    char text[64];
    if (gmtime_r(&time, &parts) == NULL)
        memset(&parts, 0, sizeof parts);
    const size_t length = strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &parts);
    put(line, text, length);
    const int rest = snprintf(text, sizeof text, ".%03" PRId64 "Z", ms);
    put(line, text, (size_t)rest);
}

static void put_number(struct line *line, uint64_t number)
{
    char text[24];
    const int length = snprintf(text, sizeof text, "%" PRIu64, number);
    put(line, text, (size_t)length);
}

/* Words stand alone in text lines; everything else is quoted. */
static bool is_word(const char *text)
{
    if (*text == '\0')
        return false;
    for (; *text != '\0'; text++) {
        const unsigned char c = (unsigned char)*text;
        if (c <= 0x20 || c >= 0x7f || c == '"' || c == '=' || c == '\\')
            return false;
    }
    return true;
}

static void put_value(struct line *line, const struct log_field *field, enum log_format format)
{
    char id[20];
    switch (field->kind) {
    case LOG_FIELD_NUMBER:
        put_number(line, field->number);
        return;
    case LOG_FIELD_ID:
        (void)snprintf(id, sizeof id, "%016" PRIx64, field->number);
        if (format == LOG_FORMAT_JSON)
            put_quoted(line, id);
        else
            put_text(line, id);
        return;
    case LOG_FIELD_TEXT:
        if (format == LOG_FORMAT_TEXT && is_word(field->text))
            put_text(line, field->text);
        else
            put_quoted(line, field->text);
        return;
    }
    UNREACHABLE();
}

/* A message of ours has no control characters, but one that quotes a library may. */
static void put_message(struct line *line, const char *message)
{
    for (; *message != '\0'; message++) {
        const char c = (unsigned char)*message < 0x20 ? ' ' : *message;
        put(line, &c, 1);
    }
}

static void put_text_line(struct line *line, const struct log_line *what)
{
    put_time(line, what->wall_ms);
    put(line, " ", 1);
    put_text(line, log_level_name(what->level));
    put(line, " ", 1);
    put_message(line, what->message);
    for (const struct log_field *field = what->fields; field != NULL && field->key != NULL;
         field++) {
        put(line, " ", 1);
        put_text(line, field->key);
        put(line, "=", 1);
        put_value(line, field, LOG_FORMAT_TEXT);
    }
    memcpy(line->text + line->used, "\n", 2);
    line->used++;
}

static void put_json_line(struct line *line, const struct log_line *what)
{
    put_text(line, "{\"time\":\"");
    put_time(line, what->wall_ms);
    put_text(line, "\",\"level\":");
    put_quoted(line, log_level_name(what->level));
    put_text(line, ",\"message\":");
    put_quoted(line, what->message);
    for (const struct log_field *field = what->fields; field != NULL && field->key != NULL;
         field++) {
        const size_t before = line->used;
        put(line, ",", 1);
        put_quoted(line, field->key);
        put(line, ":", 1);
        put_value(line, field, LOG_FORMAT_JSON);
        /* What does not fit is left out whole, so that the line stays an object. */
        if (line->full) {
            line->used = before;
            break;
        }
    }
    memcpy(line->text + line->used, "}\n", 3);
    line->used += 2;
}

size_t log_line_write(char text[LOG_LINE_BYTES], const struct log_line *line)
{
    struct line out = {.text = text};
    if (line->format == LOG_FORMAT_JSON)
        put_json_line(&out, line);
    else
        put_text_line(&out, line);
    return out.used;
}

void log_write(enum log_level level, const char *message, const struct log_field *fields)
{
    struct timespec wall;
    if (clock_gettime(CLOCK_REALTIME, &wall) != 0)
        memset(&wall, 0, sizeof wall);
    struct log_line line = {
        .wall_ms = (int64_t)wall.tv_sec * 1000 + wall.tv_nsec / 1000000,
        .level = level,
        .message = message,
        .fields = fields,
    };
    char text[LOG_LINE_BYTES];
    /* Whoever logs goes on with the errno that he has. */
    const int error = errno;
    (void)pthread_mutex_lock(&logger.mutex);
    if (level >= logger.level) {
        line.format = logger.format;
        const size_t bytes = log_line_write(text, &line);
        /* There is nowhere to report that the log cannot be written. */
        const ssize_t written = write(logger.descriptor, text, bytes);
        (void)written;
    }
    (void)pthread_mutex_unlock(&logger.mutex);
    errno = error;
}
