/* The logger's lines. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <jansson.h>

#include "node/log.h"

#define WHEN INT64_C(1796148000123) /* 2026-12-01T18:00:00.123Z */

static char text[LOG_LINE_BYTES];

static const char *line(enum log_format format, const char *message, const struct log_field *fields)
{
    const struct log_line what = {
        .format = format,
        .wall_ms = WHEN,
        .level = LOG_LEVEL_INFO,
        .message = message,
        .fields = fields,
    };
    const size_t length = log_line_write(text, &what);
    assert_int_equal(length, strlen(text));
    return text;
}

static void a_text_line_has_time_level_message_and_fields(void **state)
{
    (void)state;
    assert_string_equal(line(LOG_FORMAT_TEXT, "store opened",
                             LOG_FIELDS(log_text("path", "run/n1"), log_number("groups", 17),
                                        log_id("node", 255), log_text("why", "two words"))),
                        "2026-12-01T18:00:00.123Z info store opened path=run/n1 groups=17 "
                        "node=00000000000000ff why=\"two words\"\n");
    assert_string_equal(line(LOG_FORMAT_TEXT, "plain", NULL),
                        "2026-12-01T18:00:00.123Z info plain\n");
}

static void a_json_line_is_one_object(void **state)
{
    (void)state;
    assert_string_equal(line(LOG_FORMAT_JSON, "store opened",
                             LOG_FIELDS(log_text("path", "run/n1"),
                                        log_number("groups", UINT64_MAX), log_id("node", 255))),
                        "{\"time\":\"2026-12-01T18:00:00.123Z\",\"level\":\"info\","
                        "\"message\":\"store opened\",\"path\":\"run/n1\","
                        "\"groups\":18446744073709551615,\"node\":\"00000000000000ff\"}\n");
}

static void no_value_can_start_another_line(void **state)
{
    (void)state;
    assert_string_equal(
        line(LOG_FORMAT_TEXT, "a\nb", LOG_FIELDS(log_text("x", "c\n2026 \"d\" \\ \x7f"))),
        "2026-12-01T18:00:00.123Z info a b x=\"c\\u000a2026 \\\"d\\\" \\\\ \\u007f\"\n");
}

static void bytes_that_are_not_utf8_become_replacement_characters(void **state)
{
    (void)state;
    static const struct {
        const char *bytes, *shown;
    } cases[] = {
        {"\xc3\xa9\xf0\x9f\x94\xa5", "\xc3\xa9\xf0\x9f\x94\xa5"},
        {"\x80z", "\\ufffdz"},
        {"\xc0\xafz", "\\ufffd\\ufffdz"},
        {"\xed\xa0\x80z", "\\ufffd\\ufffd\\ufffdz"},
        {"\xf4\x90\x80\x80z", "\\ufffd\\ufffd\\ufffd\\ufffdz"},
        {"\xe2\x82", "\\ufffd\\ufffd"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char expected[128];
        (void)snprintf(expected, sizeof expected, "2026-12-01T18:00:00.123Z info m x=\"%s\"\n",
                       cases[i].shown);
        assert_string_equal(line(LOG_FORMAT_TEXT, "m", LOG_FIELDS(log_text("x", cases[i].bytes))),
                            expected);
    }
}

/* Whatever the lengths, a line ends in a newline, and JSON is JSON. */
static void lines_that_are_too_long_are_cut_and_stay_whole(void **state)
{
    (void)state;
    static char long_text[2 * LOG_LINE_BYTES];
    for (size_t length = 0; length < sizeof long_text - 1; length += 13) {
        memset(long_text, length % 2 == 0 ? '"' : 'x', length);
        long_text[length] = '\0';
        const struct log_field *fields =
            LOG_FIELDS(log_text("a", long_text), log_text("b", long_text), log_text("c", long_text),
                       log_text("d", long_text), log_number("e", 5));
        (void)line(LOG_FORMAT_TEXT, "m", fields);
        assert_int_equal(text[strlen(text) - 1], '\n');

        json_error_t error;
        json_t *object = json_loads(line(LOG_FORMAT_JSON, long_text, fields), 0, &error);
        if (object == NULL)
            fail_msg("length %zu: %s in %s", length, error.text, text);
        assert_string_equal(json_string_value(json_object_get(object, "level")), "info");
        json_decref(object);
    }
}

static void times_before_1970_and_far_ahead_are_written(void **state)
{
    (void)state;
    struct log_line what = {.format = LOG_FORMAT_TEXT, .wall_ms = -1, .message = "m"};
    (void)log_line_write(text, &what);
    assert_string_equal(text, "1969-12-31T23:59:59.999Z debug m\n");
    what.wall_ms = INT64_C(253402300800000);
    (void)log_line_write(text, &what);
    assert_string_equal(text, "10000-01-01T00:00:00.000Z debug m\n");
}

static void words_of_the_configuration_are_known(void **state)
{
    (void)state;
    enum log_level level = LOG_LEVEL_INFO;
    enum log_format format = LOG_FORMAT_TEXT;
    for (enum log_level each = LOG_LEVEL_DEBUG; each <= LOG_LEVEL_ERROR; each++) {
        assert_int_equal(log_level_parse(&level, log_level_name(each)), STATUS_OK);
        assert_int_equal(level, each);
    }
    assert_int_equal(log_level_parse(&level, "INFO"), STATUS_INVALID);
    assert_int_equal(log_format_parse(&format, "json"), STATUS_OK);
    assert_int_equal(format, LOG_FORMAT_JSON);
    assert_int_equal(log_format_parse(&format, ""), STATUS_INVALID);
}

/* What the logger wrote to `descriptor`, which is read to its end. */
static size_t read_all(int descriptor, char *into, size_t capacity)
{
    size_t used = 0;
    for (;;) {
        const ssize_t got = read(descriptor, into + used, capacity - 1 - used);
        if (got <= 0)
            break;
        used += (size_t)got;
    }
    into[used] = '\0';
    return used;
}

static void lines_below_the_level_are_dropped(void **state)
{
    (void)state;
    int ends[2];
    static char written[1024];
    assert_int_equal(pipe(ends), 0);
    log_redirect(ends[1]);
    log_setup(LOG_LEVEL_WARNING, LOG_FORMAT_TEXT);
    log_write(LOG_LEVEL_INFO, "dropped", NULL);
    log_write(LOG_LEVEL_WARNING, "kept", NULL);
    log_setup(LOG_LEVEL_DEBUG, LOG_FORMAT_TEXT);
    log_write(LOG_LEVEL_DEBUG, "kept too", NULL);
    log_redirect(STDERR_FILENO);
    (void)close(ends[1]);
    (void)read_all(ends[0], written, sizeof written);
    (void)close(ends[0]);
    assert_null(strstr(written, "dropped"));
    assert_non_null(strstr(written, " warning kept\n"));
    assert_non_null(strstr(written, " debug kept too\n"));
}

#define WRITERS 4
#define LINES   100

static void *writer(void *argument)
{
    for (int i = 0; i < LINES; i++)
        log_write(LOG_LEVEL_INFO, argument, LOG_FIELDS(log_number("i", (uint64_t)i)));
    return NULL;
}

static void threads_do_not_mix_their_lines(void **state)
{
    (void)state;
    int ends[2];
    pthread_t threads[WRITERS];
    static char written[WRITERS * LINES * 128];
    static char message[] = "from a thread";
    assert_int_equal(pipe(ends), 0);
    log_redirect(ends[1]);
    log_setup(LOG_LEVEL_INFO, LOG_FORMAT_JSON);
    for (int i = 0; i < WRITERS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, writer, message), 0);
    for (int i = 0; i < WRITERS; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    log_redirect(STDERR_FILENO);
    (void)close(ends[1]);
    (void)read_all(ends[0], written, sizeof written);
    (void)close(ends[0]);

    size_t lines = 0;
    char *rest = NULL;
    for (char *at = strtok_r(written, "\n", &rest); at != NULL; at = strtok_r(NULL, "\n", &rest)) {
        json_t *object = json_loads(at, 0, NULL);
        assert_non_null(object);
        json_decref(object);
        lines++;
    }
    assert_int_equal(lines, WRITERS * LINES);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_text_line_has_time_level_message_and_fields),
        cmocka_unit_test(a_json_line_is_one_object),
        cmocka_unit_test(no_value_can_start_another_line),
        cmocka_unit_test(bytes_that_are_not_utf8_become_replacement_characters),
        cmocka_unit_test(lines_that_are_too_long_are_cut_and_stay_whole),
        cmocka_unit_test(times_before_1970_and_far_ahead_are_written),
        cmocka_unit_test(words_of_the_configuration_are_known),
        cmocka_unit_test(lines_below_the_level_are_dropped),
        cmocka_unit_test(threads_do_not_mix_their_lines),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
