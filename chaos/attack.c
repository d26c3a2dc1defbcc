#include "chaos/attack.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "cluster/base/check.h"

/* More than any refusal has. */
#define ANSWER_BYTES 65536
/* For the last answers, and for each of the first two. */
#define LAST_ANSWERS_MS 2000
#define SLOW_BYTE_MS    250

struct attacker {
    int fd; /* -1: none */
    bool slow;
    const struct bad_request *request; /* NULL: none under way */
    size_t sent;
    size_t used;
    uint64_t due_ms; /* slow: of the next byte */
    char answer[ANSWER_BYTES];
};

struct attack {
    const struct attack_options *options;
    struct attack_report report;
    struct bad_requests requests;
    size_t next; /* which request is sent next */
    uint32_t count;
    struct attacker *attackers;
    struct pollfd *polls;
};

static uint64_t now_ms(void)
{
    struct timespec time;
    (void)clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000 + (uint64_t)time.tv_nsec / 1000000;
}

/* --- Connections ------------------------------------------------------------------------------ */

static void hang_up(struct attacker *attacker)
{
    if (attacker->fd >= 0)
        (void)close(attacker->fd);
    attacker->fd = -1;
    attacker->request = NULL;
}

static bool call(struct attacker *attacker, const struct http_url *url)
{
    const struct sockaddr *name = (const struct sockaddr *)&url->addresses[0].name;
    attacker->fd = socket(name->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (attacker->fd < 0)
        return false;
    if (connect(attacker->fd, name, url->addresses[0].size) == 0 || errno == EINPROGRESS)
        return true;
    hang_up(attacker);
    return false;
}

/* Writes what the socket takes. False: the connection is broken, which an answer may precede. */
static bool send_some(struct attacker *attacker, size_t most)
{
    const struct bad_request *request = attacker->request;
    CHECK(request != NULL);
    const size_t left = request->count - attacker->sent;
    const ssize_t sent = send(attacker->fd, request->bytes + attacker->sent,
                              left < most ? left : most, MSG_NOSIGNAL);
    if (sent < 0)
        return errno == EAGAIN || errno == ENOTCONN;
    attacker->sent += (size_t)sent;
    if (attacker->sent == request->count && request->ends)
        (void)shutdown(attacker->fd, SHUT_WR);
    return true;
}

/* False: there will be no more. */
static bool receive(struct attacker *attacker)
{
    const size_t room = sizeof attacker->answer - 1 - attacker->used;
    const ssize_t got = recv(attacker->fd, attacker->answer + attacker->used, room, 0);
    if (got < 0 && errno == EAGAIN)
        return true;
    if (got <= 0)
        return false;
    attacker->used += (size_t)got;
    attacker->answer[attacker->used] = '\0';
    return true;
}

/* The status of the answer, once it is whole; 0 before. */
static int answer_status(const struct attacker *attacker)
{
    static const char length[] = "\r\nContent-Length: ";
    const char *end = strstr(attacker->answer, "\r\n\r\n");
    const char *line = strstr(attacker->answer, length);
    if (attacker->used == 0 || end == NULL || line == NULL || line > end)
        return 0;
    const size_t body = strtoul(line + sizeof length - 1, NULL, 10);
    const size_t whole = (size_t)(end - attacker->answer) + 4 + body;
    return attacker->used >= whole ? (int)strtol(attacker->answer + 9, NULL, 10) : 0;
}

/* --- Requests --------------------------------------------------------------------------------- */

static void begin(struct attacker *attacker, const struct bad_request *request)
{
    attacker->request = request;
    attacker->sent = 0;
    attacker->used = 0;
    attacker->answer[0] = '\0';
}

static void judge(struct attack *attack, const struct attacker *attacker, int status)
{
    struct attack_report *report = &attack->report;
    const struct bad_request *request = attacker->request;
    report->requests++;
    if (status == request->status) {
        report->refused++;
        return;
    }
    report->unexpected++;
    if (report->first[0] == '\0')
        (void)snprintf(report->first, sizeof report->first, "%s: %d, and not %d", request->name,
                       status, request->status);
}

static void take_answer(struct attack *attack, struct attacker *attacker)
{
    const bool open = receive(attacker);
    const int status = answer_status(attacker);
    if (status == 0 && open)
        return;
    if (attacker->slow) {
        attack->report.slow_ended++;
        hang_up(attacker);
        return;
    }
    const bool last = !open || attacker->request->closes ||
                      strstr(attacker->answer, "\r\nConnection: close\r\n") != NULL;
    if (status != 0)
        judge(attack, attacker, status);
    else
        attack->report.unanswered++;
    if (last)
        hang_up(attacker);
    attacker->request = NULL;
}

static void serve(struct attack *attack, struct attacker *attacker, short events)
{
    const bool news = (events & (POLLIN | POLLHUP | POLLERR)) != 0;
    if (news || ((events & POLLOUT) != 0 && !send_some(attacker, SIZE_MAX)))
        take_answer(attack, attacker);
}

/* --- The attack ------------------------------------------------------------------------------- */

/* A request of which only a byte now and then is sent. */
static void go_slowly(struct attack *attack, struct attacker *attacker)
{
    static char text[] = "GET /v1/hunts HTTP/1.1\r\nHost: localhost\r\nX: "
                         "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
    static const struct bad_request request = {.bytes = text, .count = sizeof text - 1};
    if (attacker->fd < 0 && call(attacker, attack->options->target))
        begin(attacker, &request);
    if (attacker->fd < 0 || now_ms() < attacker->due_ms)
        return;
    attacker->due_ms = now_ms() + SLOW_BYTE_MS;
    if (attacker->sent < request.count)
        (void)send_some(attacker, 1);
}

/* Starts as many requests as are due, on connections that have none. */
static void start_due(struct attack *attack, uint64_t due)
{
    const struct attack_options *options = attack->options;
    for (uint32_t i = 0; i < attack->count; i++) {
        struct attacker *attacker = &attack->attackers[i];
        if (attacker->slow) {
            go_slowly(attack, attacker);
            continue;
        }
        if (attacker->request != NULL || (options->rate > 0 && attack->next >= due))
            continue;
        if (attacker->fd < 0 && !call(attacker, options->target))
            continue;
        begin(attacker, &attack->requests.list[attack->next++ % attack->requests.count]);
        if (!send_some(attacker, SIZE_MAX))
            take_answer(attack, attacker);
    }
}

static void wait_for_some(struct attack *attack)
{
    for (uint32_t i = 0; i < attack->count; i++) {
        const struct attacker *attacker = &attack->attackers[i];
        const bool sends = attacker->request != NULL && !attacker->slow &&
                           attacker->sent < attacker->request->count;
        attack->polls[i] = (struct pollfd){.fd = attacker->request != NULL ? attacker->fd : -1,
                                           .events = (short)(POLLIN | (sends ? POLLOUT : 0))};
    }
    if (poll(attack->polls, attack->count, 1) <= 0)
        return;
    for (uint32_t i = 0; i < attack->count; i++) {
        if (attack->polls[i].revents != 0)
            serve(attack, &attack->attackers[i], attack->polls[i].revents);
    }
}

/* The answers to what was sent last. */
static void finish(struct attack *attack)
{
    const uint64_t from = now_ms();
    bool waits = true;
    while (waits && now_ms() - from < LAST_ANSWERS_MS) {
        waits = false;
        for (uint32_t i = 0; i < attack->count; i++)
            waits = waits || (attack->attackers[i].request != NULL && !attack->attackers[i].slow);
        wait_for_some(attack);
    }
}

/* Puts a hunt that the requests are about. */
static bool put_hunt(struct attack *attack, const char *hunt, const char *yaml)
{
    struct attacker *attacker = &attack->attackers[0];
    char text[2048];
    const int bytes = snprintf(text, sizeof text,
                               "PUT /v1/hunts/%s HTTP/1.1\r\nHost: localhost\r\n"
                               "Content-Type: application/yaml\r\nContent-Length: %zu\r\n\r\n%s",
                               hunt, strlen(yaml), yaml);
    const struct bad_request request = {.bytes = text, .count = (size_t)bytes};
    const uint64_t from = now_ms();
    int status = 0;
    if (!call(attacker, attack->options->target))
        return false;
    begin(attacker, &request);
    while (status == 0 && now_ms() - from < LAST_ANSWERS_MS) {
        struct pollfd wait = {.fd = attacker->fd, .events = POLLIN};
        if (attacker->sent < request.count && !send_some(attacker, SIZE_MAX))
            break;
        if (attacker->sent < request.count)
            wait.events = POLLOUT;
        if (poll(&wait, 1, 100) > 0 && (wait.revents & POLLIN) != 0 && !receive(attacker))
            break;
        status = answer_status(attacker);
    }
    hang_up(attacker);
    return status == 200;
}

static void attack_for(struct attack *attack)
{
    const uint64_t from = now_ms();
    uint64_t spent = 0;
    while (spent < (uint64_t)attack->options->seconds * 1000) {
        start_due(attack, 1 + spent * attack->options->rate / 1000);
        wait_for_some(attack);
        spent = now_ms() - from;
    }
    finish(attack);
}

enum status attack_run(struct attack_report *ret_report, const struct attack_options *options)
{
    struct attack attack = {.options = options, .count = options->connections + options->slow};
    CHECK(options->connections >= 1);
    CHECK(attack.count <= ATTACK_CONNECTIONS_MAX);
    attack.attackers = calloc(attack.count, sizeof attack.attackers[0]);
    attack.polls = calloc(attack.count, sizeof attack.polls[0]);
    CHECK(attack.attackers != NULL && attack.polls != NULL);
    for (uint32_t i = 0; i < attack.count; i++) {
        attack.attackers[i].fd = -1;
        attack.attackers[i].slow = i >= options->connections;
    }
    bad_requests_init(&attack.requests);
    const bool ready = put_hunt(&attack, BAD_FLAT_HUNT, bad_flat_hunt) &&
                       put_hunt(&attack, BAD_GEO_HUNT, bad_geo_hunt);
    if (ready)
        attack_for(&attack);
    for (uint32_t i = 0; i < attack.count; i++)
        hang_up(&attack.attackers[i]);
    bad_requests_fini(&attack.requests);
    free(attack.polls);
    free(attack.attackers);
    *ret_report = attack.report;
    return ready ? STATUS_OK : STATUS_IO;
}
