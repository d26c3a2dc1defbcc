/* The HTTP server's input path: a byte that says in which pieces the rest arrives, then what a
 * client sends. The bytes go through a socket pair into a real server; then once more, in one
 * piece. However they are cut, the handler sees the same requests and the same ones are refused;
 * the answers are well-formed, one for each request and in order, and a refusal is the last, is
 * problem+json, and says that the connection closes. */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include <event2/event.h>
#include <jansson.h>

#include "cluster/base/hash.h"
#include "node/http_connection.h"
#include "tests/fuzz/fuzz.h"

/* Small, so that inputs reach them. */
#define HEADER_BYTES_MAX 512
#define BODY_BYTES_MAX   600
#define CALLS_MAX        1024
#define ROUNDS_MAX       4000
#define ANSWERS_BYTES    ((size_t)1 << 20)

static struct event_base *base;
static struct http_server *server;

/* What became of one connection. */
static struct play {
    uint64_t digest; /* over what the handler saw */
    uint32_t calls;
    bool bodiless[CALLS_MAX]; /* the answer of this call has none */
    struct http_request *later;
    int client;
    char *answers;
    size_t used;
    int refusal; /* its status; 0: none */
} play;

/* --- The handler ------------------------------------------------------------------------------ */

static void fold(const void *data, size_t bytes)
{
    play.digest = hash_chain(play.digest, &bytes, sizeof bytes);
    play.digest = hash_chain(play.digest, data, bytes);
}

static void fold_text(const char *text)
{
    fold(text, strlen(text));
}

static void read_target(const struct http_request *request)
{
    struct http_path path;
    struct http_parameter parameter;
    if (http_path_segments(&path, http_request_path(request)) == STATUS_OK) {
        CHECK(path.count <= HTTP_PATH_SEGMENTS_MAX);
        for (size_t i = 0; i < path.count; i++)
            fold_text(path.segments[i]);
    }
    const char *at = http_request_query(request);
    while (http_query_next(&parameter, &at) == STATUS_OK) {
        fold_text(parameter.name);
        fold_text(parameter.value);
    }
}

static void answer(struct http_request *request)
{
    http_reply(request, &(struct http_answer){
                            .status = 200,
                            .content_type = "application/octet-stream",
                            .body = http_request_body(request),
                            .body_bytes = http_request_body_bytes(request),
                        });
}

static void handle(struct http_request *request, void *context)
{
    (void)context;
    const char *trace = http_request_header(request, "x-trace");
    CHECK(play.calls < CALLS_MAX);
    CHECK(http_request_body_bytes(request) <= BODY_BYTES_MAX);
    CHECK(((const char *)http_request_body(request))[http_request_body_bytes(request)] == '\0');
    fold_text(http_request_method(request));
    fold_text(http_request_path(request));
    fold_text(http_request_query(request));
    fold(http_request_body(request), http_request_body_bytes(request));
    fold_text(trace != NULL ? trace : "");
    fold(&(char){(char)(http_request_is_type(request, "application/json") +
                        2 * http_request_accepts_coding(request, "lz4") +
                        4 * http_request_keeps_alive(request))},
         1);
    read_target(request);
    play.bodiless[play.calls++] = http_request_verb(request) == HTTP_VERB_HEAD;
    if (http_request_path(request)[1] == 'l')
        play.later = request;
    else
        answer(request);
}

/* --- The client ------------------------------------------------------------------------------- */

static void receive(void)
{
    for (;;) {
        CHECK(play.used < ANSWERS_BYTES);
        const ssize_t got =
            recv(play.client, play.answers + play.used, ANSWERS_BYTES - play.used, MSG_DONTWAIT);
        if (got <= 0)
            return;
        play.used += (size_t)got;
    }
}

static void turn(void)
{
    CHECK(event_base_loop(base, EVLOOP_NONBLOCK) >= 0);
    if (play.later != NULL) {
        struct http_request *request = play.later;
        play.later = NULL;
        answer(request);
        CHECK(event_base_loop(base, EVLOOP_NONBLOCK) >= 0);
    }
    receive();
}

static void send_piece(const uint8_t *data, size_t bytes)
{
    size_t sent = 0;
    for (unsigned i = 0; sent < bytes && i < ROUNDS_MAX; i++) {
        const ssize_t done =
            send(play.client, data + sent, bytes - sent, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (done < 0 && errno != EAGAIN)
            return; /* the server has closed */
        sent += done > 0 ? (size_t)done : 0;
        turn();
    }
    CHECK(sent == bytes);
}

/* The length that a head says; the head ends with a zero. */
static size_t body_bytes(const char *head)
{
    const char *line = strstr(head, "\r\nContent-Length: ");
    CHECK(line != NULL);
    return strtoul(line + strlen("\r\nContent-Length: "), NULL, 10);
}

static void check_refusal(const char *head, const char *body, size_t bytes)
{
    json_error_t error;
    CHECK(strstr(head, "\r\nContent-Type: application/problem+json\r\n") != NULL);
    CHECK(strstr(head, "\r\nConnection: close\r\n") != NULL);
    play.refusal = (int)strtol(head + 9, NULL, 10);
    if (bytes == 0)
        return; /* of a HEAD request */
    json_t *problem = json_loadb(body, bytes, 0, &error);
    CHECK(problem != NULL);
    CHECK(json_integer_value(json_object_get(problem, "status")) == play.refusal);
    CHECK(json_is_string(json_object_get(problem, "code")));
    json_decref(problem);
}

/* Takes one answer off the bytes; returns how many it has. */
static size_t check_answer(char *at, size_t left, uint32_t number)
{
    CHECK(strncmp(at, "HTTP/1.1 ", 9) == 0);
    char *end = strstr(at, "\r\n\r\n");
    CHECK(end != NULL);
    const size_t head = (size_t)(end - at) + 4;
    if (at[9] == '1')
        return head;
    end[2] = '\0';
    CHECK(play.refusal == 0);
    size_t bytes = body_bytes(at);
    if (number < play.calls) {
        CHECK(strncmp(at, "HTTP/1.1 200 ", 13) == 0);
        bytes = play.bodiless[number] ? 0 : bytes;
        CHECK(head + bytes <= left);
        return head + bytes;
    }
    bytes = left > head ? bytes : 0;
    CHECK(head + bytes == left);
    check_refusal(at, at + head, bytes);
    return left;
}

static void check_answers(void)
{
    size_t at = 0;
    uint32_t number = 0;
    play.answers[play.used] = '\0';
    while (at < play.used) {
        const bool interim = play.answers[at + 9] == '1';
        at += check_answer(play.answers + at, play.used - at, number);
        number += interim ? 0 : 1;
    }
    CHECK(number == play.calls + (play.refusal != 0 ? 1 : 0));
}

/* --- One connection --------------------------------------------------------------------------- */

static void start_server(void)
{
    struct http_settings settings;
    http_settings_init(&settings);
    settings.listen = "127.0.0.1:0";
    settings.header_bytes_max = HEADER_BYTES_MAX;
    settings.body_bytes_max = BODY_BYTES_MAX;
    settings.request_ms = 600000;
    base = event_base_new();
    CHECK(base != NULL);
    CHECK(http_server_start(&server, &settings, base, handle, NULL) == STATUS_OK);
    play.answers = malloc(ANSWERS_BYTES + 1);
    CHECK(play.answers != NULL);
}

static void run(const uint8_t *data, size_t bytes, size_t piece)
{
    int ends[2];
    char *answers = play.answers;
    CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) == 0);
    play = (struct play){.client = ends[0], .answers = answers};
    http_server_tick(server);
    CHECK(http_connection_open(server, ends[1], true, false) == STATUS_OK);
    for (size_t at = 0; at < bytes; at += piece)
        send_piece(data + at, piece < bytes - at ? piece : bytes - at);
    (void)shutdown(play.client, SHUT_WR);
    const struct http_counters *counters = http_server_counters(server);
    for (unsigned i = 0; counters->connections_open > 0 && i < ROUNDS_MAX; i++)
        turn();
    CHECK(counters->connections_open == 0);
    receive();
    (void)close(play.client);
    check_answers();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_input input = {data, size};
    size_t bytes;
    if (server == NULL)
        start_server();
    const size_t piece = 1 + (size_t)fuzz_u8(&input);
    uint8_t *text = fuzz_bytes(&input, SIZE_MAX, &bytes);
    run(text, bytes, piece);
    const struct play cut = play;
    run(text, bytes, SIZE_MAX / 2);
    CHECK(play.digest == cut.digest);
    CHECK(play.calls == cut.calls);
    /* Which of two faults is seen first may differ. */
    CHECK((play.refusal != 0) == (cut.refusal != 0));
    free(text);
    return 0;
}
