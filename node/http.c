#include "node/http.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "cluster/base/check.h"
#include "node/http_connection.h"

#define BACKLOG 4096 /* all clients of a game may come back at once */
/* Without it a peer that vanished from the network holds a connection for many minutes. */
#define USER_TIMEOUT_MS 20000
/* A burst of connections must not keep the loop from everything else. */
#define ACCEPTS_PER_TURN 64
/* Out of descriptors an accept loop would spin: the socket stays readable. */
#define ACCEPT_PAUSE_US 100000
/* Connections over the limit that are answered before they are closed; more are closed at once. */
#define SURPLUS_MAX 256
#define LINGER_US   UINT64_C(2000000)

void http_settings_init(struct http_settings *settings)
{
    *settings = (struct http_settings){
        .listen = "127.0.0.1:7801",
        .body_bytes_max = (size_t)1 << 20,
        .header_bytes_max = 8192,
        .request_ms = 10000,
        .idle_ms = 60000,
        .write_ms = 30000,
        .connections_max = 10000,
        .requests_per_connection_max = 0,
        .priority = -1,
        .reuse_port = false,
    };
}

void http_server_tick(struct http_server *server)
{
    struct timespec now;
    const int failed = clock_gettime(CLOCK_MONOTONIC, &now);
    CHECK(failed == 0);
    server->now_us = (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

/* strftime would take the names of days and months from the locale. */
const char *http_server_date(struct http_server *server)
{
    static const char days[7][4] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    static const char months[12][4] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                       "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    const time_t now = time(NULL);
    struct tm tm;
    if (server->date_s != (int64_t)now && gmtime_r(&now, &tm) != NULL) {
        (void)snprintf(server->date, sizeof server->date, "%s, %02u %s %04u %02u:%02u:%02u GMT",
                       days[tm.tm_wday], (unsigned)tm.tm_mday % 100, months[tm.tm_mon],
                       ((unsigned)tm.tm_year + 1900) % 10000, (unsigned)tm.tm_hour % 100,
                       (unsigned)tm.tm_min % 100, (unsigned)tm.tm_sec % 100);
        server->date_s = (int64_t)now;
    }
    return server->date;
}

/* Deadlines. Each queue has one duration, so it is in order by itself, and one timer does for all
 * connections; it is moved forward only, and finds out when it fires that it came too early. */

static void timer_set(struct http_server *server, uint64_t due_us)
{
    const uint64_t wait_us = due_us > server->now_us ? due_us - server->now_us : 0;
    const struct timeval wait = {.tv_sec = (time_t)(wait_us / 1000000),
                                 .tv_usec = (suseconds_t)(wait_us % 1000000)};
    if (event_add(server->timer, &wait) == 0)
        server->timer_due_us = due_us;
}

void http_server_await(struct http_connection *connection, enum http_wait wait)
{
    struct http_server *server = connection->server;
    CHECK(wait < HTTP_WAIT_COUNT);
    if (connection->wait != HTTP_WAIT_NOTHING)
        TAILQ_REMOVE(&server->waits[connection->wait].list, connection, waiting);
    connection->wait = wait;
    if (wait == HTTP_WAIT_NOTHING)
        return;
    connection->deadline_us = server->now_us + server->waits[wait].after_us;
    TAILQ_INSERT_TAIL(&server->waits[wait].list, connection, waiting);
    if (connection->deadline_us < server->timer_due_us)
        timer_set(server, connection->deadline_us);
}

/* Expires what is due in one queue; returns when the next one is. */
static uint64_t expire(struct http_server *server, struct http_waits *waits)
{
    struct http_connection *first = TAILQ_FIRST(&waits->list);
    while (first != NULL && first->deadline_us <= server->now_us) {
        http_connection_expire(first);
        first = TAILQ_FIRST(&waits->list);
    }
    return first != NULL ? first->deadline_us : UINT64_MAX;
}

static void on_timer(evutil_socket_t fd, short what, void *context)
{
    (void)fd;
    (void)what;
    struct http_server *server = context;
    uint64_t due_us = UINT64_MAX;
    http_server_tick(server);
    server->timer_due_us = UINT64_MAX;
    for (int wait = HTTP_WAIT_REQUEST; wait < HTTP_WAIT_COUNT; wait++) {
        const uint64_t next_us = expire(server, &server->waits[wait]);
        due_us = next_us < due_us ? next_us : due_us;
    }
    if (due_us < server->timer_due_us)
        timer_set(server, due_us);
}

void http_server_resume(struct http_connection *connection)
{
    struct http_server *server = connection->server;
    if (connection->resuming)
        return;
    connection->resuming = true;
    TAILQ_INSERT_TAIL(&server->resuming, connection, resumed);
    server->resuming_count++;
    event_active(server->resume, EV_TIMEOUT, 0);
}

void http_server_forget_resume(struct http_connection *connection)
{
    struct http_server *server = connection->server;
    if (!connection->resuming)
        return;
    connection->resuming = false;
    TAILQ_REMOVE(&server->resuming, connection, resumed);
    server->resuming_count--;
}

/* Runs as many as were waiting when it began, as far as the time goes: one that resumes itself gets
 * its next turn after the rest of the loop had its own. */
static void on_resume(evutil_socket_t fd, short what, void *context)
{
    (void)fd;
    (void)what;
    struct http_server *server = context;
    size_t turns = server->resuming_count;
    http_server_tick(server);
    const uint64_t until_us = server->now_us + HTTP_PORTION_US;
    while (turns > 0 && !TAILQ_EMPTY(&server->resuming) && server->now_us < until_us) {
        struct http_connection *first = TAILQ_FIRST(&server->resuming);
        http_server_forget_resume(first);
        http_connection_run(first);
        http_server_tick(server);
        turns--;
    }
    if (!TAILQ_EMPTY(&server->resuming))
        event_active(server->resume, EV_TIMEOUT, 0);
}

/* Accepting. */

union address {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
};

static bool is_loopback(const union address *peer)
{
    if (peer->any.sa_family == AF_INET)
        return ntohl(peer->v4.sin_addr.s_addr) >> 24 == 127;
    const struct in6_addr *v6 = &peer->v6.sin6_addr;
    if (IN6_IS_ADDR_V4MAPPED(v6))
        return v6->s6_addr[12] == 127;
    return IN6_IS_ADDR_LOOPBACK(v6);
}

static void admit(struct http_server *server, int fd, const union address *peer)
{
    struct http_counters *counters = &server->counters;
    const uint64_t regular = counters->connections_open - server->surplus;
    const bool surplus = regular >= server->settings.connections_max;
    counters->connections_total++;
    if (surplus)
        counters->connections_refused++;
    if (surplus && server->surplus == SURPLUS_MAX) {
        (void)close(fd);
        return;
    }
    if (http_connection_open(server, fd, is_loopback(peer), surplus) != STATUS_OK)
        counters->accept_failures++;
}

static void pause_accepting(struct http_server *server)
{
    const struct timeval pause = {.tv_sec = 0, .tv_usec = ACCEPT_PAUSE_US};
    server->counters.accept_failures++;
    if (event_add(server->accept_pause, &pause) == 0)
        (void)event_del(server->accepting);
}

static void on_accept(evutil_socket_t fd, short what, void *context)
{
    (void)what;
    struct http_server *server = context;
    http_server_tick(server);
    for (int i = 0; i < ACCEPTS_PER_TURN; i++) {
        union address peer = {0};
        socklen_t bytes = sizeof peer;
        const int accepted = accept4(fd, &peer.any, &bytes, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (accepted >= 0) {
            admit(server, accepted, &peer);
            continue;
        }
        if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)
            pause_accepting(server);
        /* All else is EAGAIN or the misfortune of one client, which must not stop the others. */
        if (errno != ECONNABORTED && errno != EINTR)
            return;
    }
}

static void on_accept_pause(evutil_socket_t fd, short what, void *context)
{
    (void)fd;
    (void)what;
    struct http_server *server = context;
    (void)event_add(server->accepting, NULL);
}

/* Listening. */

static bool read_port(in_port_t *ret_port, const char *text)
{
    unsigned value = 0;
    const size_t digits = strspn(text, "0123456789");
    if (digits == 0 || digits > 5 || text[digits] != '\0')
        return false;
    for (size_t i = 0; i < digits; i++)
        value = value * 10 + (unsigned)(text[i] - '0');
    if (value > UINT16_MAX)
        return false;
    *ret_port = htons((uint16_t)value);
    return true;
}

static enum status read_address(union address *ret_address, socklen_t *ret_bytes, const char *text)
{
    char host[HTTP_ADDRESS_BYTES];
    in_port_t port;
    const char *colon = strrchr(text, ':');
    if (colon == NULL || (size_t)(colon - text) >= sizeof host || !read_port(&port, colon + 1))
        return STATUS_INVALID;
    size_t length = (size_t)(colon - text);
    const bool bracketed = length > 2 && text[0] == '[' && text[length - 1] == ']';
    if (bracketed) {
        text++;
        length -= 2;
    }
    memcpy(host, text, length);
    host[length] = '\0';

    union address address = {0};
    if (bracketed && inet_pton(AF_INET6, host, &address.v6.sin6_addr) == 1) {
        address.v6.sin6_family = AF_INET6;
        address.v6.sin6_port = port;
        *ret_bytes = sizeof address.v6;
    } else if (!bracketed && inet_pton(AF_INET, host, &address.v4.sin_addr) == 1) {
        address.v4.sin_family = AF_INET;
        address.v4.sin_port = port;
        *ret_bytes = sizeof address.v4;
    } else {
        return STATUS_INVALID;
    }
    *ret_address = address;
    return STATUS_OK;
}

static bool set_option(int fd, int level, int name, int value)
{
    return setsockopt(fd, level, name, &value, sizeof value) == 0;
}

/* Accepted sockets inherit all of these, which saves the calls for each. */
static bool set_options(int fd, bool reuse_port)
{
    return set_option(fd, SOL_SOCKET, SO_REUSEADDR, 1) &&
           set_option(fd, SOL_SOCKET, SO_KEEPALIVE, 1) &&
           set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1) &&
           set_option(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, USER_TIMEOUT_MS) &&
           (!reuse_port || set_option(fd, SOL_SOCKET, SO_REUSEPORT, 1));
}

static bool write_address(struct http_server *server)
{
    union address address = {0};
    socklen_t bytes = sizeof address;
    char host[INET6_ADDRSTRLEN];
    if (getsockname(server->fd, &address.any, &bytes) != 0)
        return false;
    const bool v6 = address.any.sa_family == AF_INET6;
    const void *binary =
        v6 ? (const void *)&address.v6.sin6_addr : (const void *)&address.v4.sin_addr;
    if (inet_ntop(address.any.sa_family, binary, host, sizeof host) == NULL)
        return false;
    const unsigned port = ntohs(v6 ? address.v6.sin6_port : address.v4.sin_port);
    (void)snprintf(server->address, sizeof server->address, v6 ? "[%s]:%u" : "%s:%u", host, port);
    return true;
}

static enum status listen_on(struct http_server *server)
{
    union address address;
    socklen_t bytes;
    const enum status status = read_address(&address, &bytes, server->settings.listen);
    if (status != STATUS_OK)
        return status;
    const int type = SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC;
    server->fd = socket(address.any.sa_family, type, 0);
    if (server->fd < 0 || !set_options(server->fd, server->settings.reuse_port))
        return STATUS_IO;
    if (bind(server->fd, &address.any, bytes) != 0 || listen(server->fd, BACKLOG) != 0)
        return errno == EADDRINUSE ? STATUS_CONFLICT : STATUS_IO;
    return write_address(server) ? STATUS_OK : STATUS_IO;
}

/* Server. */

static bool settings_are_sound(const struct http_settings *settings)
{
    return settings->header_bytes_max > 0 &&
           settings->header_bytes_max <= HTTP_HEADER_BYTES_LIMIT &&
           settings->body_bytes_max <= SIZE_MAX / 4 && settings->request_ms > 0 &&
           settings->idle_ms > 0 && settings->write_ms > 0 && settings->connections_max > 0;
}

static bool make_events(struct http_server *server)
{
    struct event_base *base = server->base;
    server->accepting = event_new(base, server->fd, EV_READ | EV_PERSIST, on_accept, server);
    server->accept_pause = event_new(base, -1, 0, on_accept_pause, server);
    server->timer = event_new(base, -1, 0, on_timer, server);
    server->resume = event_new(base, -1, 0, on_resume, server);
    struct event *const events[] = {server->accepting, server->accept_pause, server->timer,
                                    server->resume};
    for (size_t i = 0; i < sizeof events / sizeof events[0]; i++) {
        if (events[i] == NULL)
            return false;
        const int priority = server->settings.priority;
        if (priority >= 0 && event_priority_set(events[i], priority) != 0)
            return false;
    }
    return event_add(server->accepting, NULL) == 0;
}

static struct http_server *server_new(const struct http_settings *settings, struct event_base *base)
{
    struct http_server *server = calloc(1, sizeof *server);
    if (server == NULL)
        return NULL;
    server->settings = *settings;
    server->base = base;
    server->fd = -1;
    server->timer_due_us = UINT64_MAX;
    server->date_s = -1;
    TAILQ_INIT(&server->connections);
    TAILQ_INIT(&server->resuming);
    for (int wait = 0; wait < HTTP_WAIT_COUNT; wait++)
        TAILQ_INIT(&server->waits[wait].list);
    server->waits[HTTP_WAIT_REQUEST].after_us = (uint64_t)settings->request_ms * 1000;
    server->waits[HTTP_WAIT_IDLE].after_us = (uint64_t)settings->idle_ms * 1000;
    server->waits[HTTP_WAIT_WRITE].after_us = (uint64_t)settings->write_ms * 1000;
    server->waits[HTTP_WAIT_LINGER].after_us = LINGER_US;
    http_server_tick(server);
    return server;
}

enum status http_server_start(struct http_server **ret_server, const struct http_settings *settings,
                              struct event_base *base, http_handler *handle, void *context)
{
    CHECK(ret_server != NULL);
    CHECK(base != NULL);
    CHECK(handle != NULL);
    if (settings->listen == NULL || !settings_are_sound(settings))
        return STATUS_INVALID;
    struct http_server *server = server_new(settings, base);
    if (server == NULL)
        return STATUS_NO_MEMORY;
    server->handle = handle;
    server->context = context;
    enum status status = listen_on(server);
    if (status == STATUS_OK && !make_events(server))
        status = STATUS_NO_MEMORY;
    server->settings.listen = server->address;
    if (status != STATUS_OK) {
        const int error = errno;
        http_server_close(server);
        errno = error;
        return status;
    }
    *ret_server = server;
    return STATUS_OK;
}

static void free_event(struct event **event)
{
    if (*event != NULL)
        event_free(*event);
    *event = NULL;
}

void http_server_stop(struct http_server *server)
{
    CHECK(server != NULL);
    server->stopping = true;
    free_event(&server->accepting);
    free_event(&server->accept_pause);
    if (server->fd >= 0)
        (void)close(server->fd);
    server->fd = -1;
    struct http_connection *connection = TAILQ_FIRST(&server->connections);
    while (connection != NULL) {
        struct http_connection *next = TAILQ_NEXT(connection, all);
        if (http_connection_is_idle(connection))
            http_connection_free(connection);
        connection = next;
    }
}

size_t http_server_busy(const struct http_server *server)
{
    size_t busy = 0;
    const struct http_connection *connection;
    TAILQ_FOREACH(connection, &server->connections, all)
    {
        if (!http_connection_is_idle(connection) && connection->state != HTTP_LINGERING_STATE)
            busy++;
    }
    return busy;
}

void http_server_close(struct http_server *server)
{
    if (server == NULL)
        return;
    http_server_stop(server);
    struct http_connection *connection = TAILQ_FIRST(&server->connections);
    while (connection != NULL) {
        CHECK(!connection->running);
        http_connection_free(connection);
        connection = TAILQ_FIRST(&server->connections);
    }
    free_event(&server->timer);
    free_event(&server->resume);
    free(server);
}

const char *http_server_address(const struct http_server *server)
{
    return server->address;
}

const struct http_counters *http_server_counters(const struct http_server *server)
{
    return &server->counters;
}
