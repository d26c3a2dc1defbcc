#include "tests/integration/process_http.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/integration/process.h"

#define IN_BYTES_FIRST 4096

void link_init(struct link *link)
{
    *link = (struct link){.fd = -1};
}

void link_fini(struct link *link)
{
    link_close(link);
    free(link->in);
    *link = (struct link){.fd = -1};
}

void link_close(struct link *link)
{
    if (link->fd >= 0)
        (void)close(link->fd);
    link->fd = -1;
    link->used = 0;
}

/* A socket belongs to the namespace that it was made in, wherever it is used. */
static int make_socket(int network)
{
    const int own = network > 0 ? open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC) : -1;
    if (network > 0 && (own < 0 || setns(network, CLONE_NEWNET) != 0))
        fail_msg("another network namespace: %s", strerror(errno));
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (network > 0) {
        assert_int_equal(setns(own, CLONE_NEWNET), 0);
        (void)close(own);
    }
    return fd;
}

bool link_open(struct link *link, uint16_t port)
{
    return link_open_in(link, 0, port);
}

bool link_open_in(struct link *link, int network, uint16_t port)
{
    const struct sockaddr_in address = {
        .sin_family = AF_INET,
        .sin_port = htons(port),
        .sin_addr = {htonl(INADDR_LOOPBACK)},
    };
    link_close(link);
    link->fd = make_socket(network);
    assert_true(link->fd >= 0);
    if (connect(link->fd, (const struct sockaddr *)&address, sizeof address) != 0) {
        if (errno != ECONNREFUSED && errno != ECONNRESET)
            fail_msg("connect: %s", strerror(errno));
        link_close(link);
        return false;
    }
    (void)setsockopt(link->fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
    return true;
}

bool link_send(struct link *link, const char *text, size_t bytes)
{
    /* A request is smaller than any socket's buffer. */
    const ssize_t sent = send(link->fd, text, bytes, MSG_NOSIGNAL);
    if (sent >= 0)
        assert_int_equal(sent, bytes);
    return sent >= 0;
}

/* --- Answers ---------------------------------------------------------------------------------- */

/* The value of a header of the answer's head; NULL: it has none. */
static const char *header(const char *head, const char *name)
{
    const size_t length = strlen(name);
    for (const char *line = strstr(head, "\r\n"); line != NULL; line = strstr(line + 2, "\r\n")) {
        if (strncasecmp(line + 2, name, length) == 0 && line[2 + length] == ':')
            return line + 2 + length + 1 + strspn(line + 2 + length + 1, " ");
    }
    return NULL;
}

/* The answer at the start of `in`, when it is complete. */
static bool parse(struct link *link, struct answer *ret_answer)
{
    link->in[link->used] = '\0';
    char *end = strstr(link->in, "\r\n\r\n");
    if (end == NULL)
        return false;
    end[2] = '\0';
    const char *length = header(link->in, "Content-Length");
    const char *connection = header(link->in, "Connection");
    const char *retry_after = header(link->in, "Retry-After");
    const char *type = header(link->in, "Content-Type");
    if (strncmp(link->in, "HTTP/1.1 ", 9) != 0 || length == NULL) {
        fail_msg("not an answer: %s", link->in);
        return false;
    }
    *ret_answer = (struct answer){
        .status = (int)strtol(link->in + 9, NULL, 10),
        .retry_after_s = retry_after != NULL ? (uint32_t)strtoul(retry_after, NULL, 10) : 0,
        .problem = type != NULL && strncmp(type, "application/problem+json\r\n", 26) == 0,
        .last = connection != NULL && strncmp(connection, "close", 5) == 0,
        .body = end + 4,
        .bytes = strtoul(length, NULL, 10),
    };
    const size_t whole = (size_t)(end + 4 - link->in) + ret_answer->bytes;
    end[2] = '\r';
    if (link->used > whole)
        fail_msg("more than one answer to one request: %s", link->in);
    return link->used == whole;
}

/* Reads what is there. False: there will be no more. */
static bool fill(struct link *link)
{
    for (;;) {
        if (link->capacity - link->used < 2) {
            const size_t capacity = link->capacity == 0 ? IN_BYTES_FIRST : 2 * link->capacity;
            char *in = realloc(link->in, capacity);
            assert_non_null(in);
            link->in = in;
            link->capacity = capacity;
        }
        const ssize_t got =
            recv(link->fd, link->in + link->used, link->capacity - link->used - 1, MSG_DONTWAIT);
        if (got < 0 && errno == EAGAIN)
            return true;
        if (got <= 0)
            return false;
        link->used += (size_t)got;
    }
}

enum link_state link_receive(struct link *link, struct answer *ret_answer)
{
    const bool open = fill(link);
    const bool any = link->used > 0;
    if (any && parse(link, ret_answer)) {
        link->used = 0;
        return LINK_ANSWER;
    }
    if (open)
        return LINK_WAITS;
    return any ? LINK_CUT : LINK_ENDED;
}

struct answer link_await(struct link *link, const char *what)
{
    struct answer answer = {0};
    const uint64_t start = process_now_ms();
    for (;;) {
        const enum link_state state = link_receive(link, &answer);
        if (state == LINK_ANSWER)
            return answer;
        const uint64_t spent = process_now_ms() - start;
        struct pollfd wait = {.fd = link->fd, .events = POLLIN};
        if (state != LINK_WAITS || spent >= PROCESS_WAIT_MS ||
            poll(&wait, 1, PROCESS_WAIT_MS - (int)spent) == 0)
            fail_msg("no answer to %s", what);
    }
}

/* --- Asking ----------------------------------------------------------------------------------- */

size_t http_write(char *text, size_t capacity, const char *method, const char *target,
                  const char *body)
{
    /* Only hunts are put, and they are YAML. */
    const char *type = strcmp(method, "PUT") == 0 ? "application/yaml" : "application/json";
    const int bytes = snprintf(text, capacity,
                               "%s %s HTTP/1.1\r\nHost: localhost\r\nContent-Type: %s\r\n"
                               "Content-Length: %zu\r\n\r\n%s",
                               method, target, type, strlen(body), body);
    assert_in_range(bytes, 1, capacity - 1);
    return (size_t)bytes;
}

struct answer http_ask(struct link *link, uint16_t port, const char *method, const char *target,
                       const char *body)
{
    const size_t capacity = strlen(target) + strlen(body) + 512;
    char *text = malloc(capacity);
    assert_non_null(text);
    const size_t bytes = http_write(text, capacity, method, target, body);
    if (link->fd < 0 && !link_open(link, port))
        fail_msg("nobody listens on port %u", port);
    const bool sent = link_send(link, text, bytes);
    free(text);
    if (!sent)
        fail_msg("cannot send %s", target);
    const struct answer answer = link_await(link, target);
    /* `link` keeps what the answer points to. */
    if (answer.last) {
        (void)close(link->fd);
        link->fd = -1;
    }
    return answer;
}
