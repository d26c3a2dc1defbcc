/* Links between processes: a peer that is killed a hundred times is there again each time within
 * five seconds, whatever was on its way; and what a link may not do with strangers.
 *
 * The peer is this program once more, with arguments: it sends back what it gets. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <sodium.h>

#include "node/log.h"
#include "node/loop.h"
#include "node/peers.h"
#include "node/peers_parts.h"

#define US    UINT64_C(1001)
#define THEM  UINT64_C(2002)
#define KILLS 100

/* After a start, a link must be back so soon. */
#define BACK_MS 5000

static char program[4096];

/* --- The peer --------------------------------------------------------------------------------- */

struct echo {
    struct peers *peers;
};

static void send_back(void *context, const struct peer_message *message)
{
    struct echo *echo = context;
    (void)peers_send(echo->peers, message->node, message->body, message->body_bytes);
    peers_flush(echo->peers, 1);
}

static void ignore_news(void *context, uint64_t peer, enum peer_news news)
{
    (void)context;
    (void)peer;
    (void)news;
}

static void never_stuck(void *context)
{
    (void)context;
    abort();
}

static struct seal_ring test_ring(bool sealed)
{
    struct seal_ring ring = {.count = sealed ? 1 : 0};
    memset(ring.keys[0].bytes, 7, SEAL_KEY_BYTES);
    ring.keys[0].id = seal_key_id(ring.keys[0].bytes);
    return ring;
}

/* Arguments: its address, our address, its boot, sealed. Prints its port when it listens. */
static int run_echo(char **arguments)
{
    struct echo echo = {0};
    struct event_base *base = loop_new();
    const struct peers_settings settings = {
        .listen = arguments[0],
        .node = THEM,
        .boot = strtoull(arguments[2], NULL, 10),
        .cluster = 77,
        .ring = test_ring(arguments[3][0] == '1'),
        .received = send_back,
        .news = ignore_news,
        .stuck = never_stuck,
        .context = &echo,
    };
    if (base == NULL || peers_open(&echo.peers, &settings, base) != STATUS_OK ||
        peers_link(echo.peers, US, arguments[1]) != STATUS_OK)
        return 1;
    (void)printf("%u\n", (unsigned)peers_port(echo.peers));
    (void)fflush(stdout);
    loop_run(base); /* until it is killed */
    return 1;
}

/* --- Our side --------------------------------------------------------------------------------- */

struct side {
    struct event_base *base;
    struct peers *peers;
    struct loop_event *timer;
    bool sealed;
    size_t piece_bytes; /* of what is sent at each tick */
    uint64_t count;     /* put into each piece */
    uint64_t echoed;    /* the highest that came back */
    uint64_t wanted;    /* stop the loop when this came back */
    uint64_t until_ms;
    uint32_t refused, ups;
    bool timed_out;
    pid_t child;
    uint16_t child_port;
    uint64_t child_boot;
};

static void on_echo(void *context, const struct peer_message *message)
{
    struct side *side = context;
    assert_true(message->node == THEM);
    assert_true(message->to_us);
    /* Bodies are pieces one behind the other. */
    for (size_t at = 0; at + side->piece_bytes <= message->body_bytes; at += side->piece_bytes) {
        uint64_t count;
        memcpy(&count, message->body + at, sizeof count);
        if (count > side->echoed)
            side->echoed = count;
    }
    if (side->wanted != 0 && side->echoed >= side->wanted)
        loop_stop(side->base);
}

static void on_news(void *context, uint64_t peer, enum peer_news news)
{
    struct side *side = context;
    assert_true(peer == THEM || peer <= PEERS_MAX);
    side->refused += news == PEER_REFUSED;
    side->ups += news == PEER_UP;
}

static void send_pieces(void *context)
{
    struct side *side = context;
    static uint8_t piece[ENVELOPE_BODY_MAX];
    side->count++;
    memcpy(piece, &side->count, sizeof side->count);
    (void)peers_send(side->peers, THEM, piece, side->piece_bytes);
    peers_flush(side->peers, side->count);
    if (peers_now_ms() >= side->until_ms) {
        side->timed_out = true;
        loop_stop(side->base);
        return;
    }
    loop_timer_after(side->timer, 1000);
}

static void open_side(struct side *side, bool sealed, size_t piece_bytes)
{
    *side = (struct side){.sealed = sealed, .piece_bytes = piece_bytes};
    side->base = loop_new();
    assert_non_null(side->base);
    const struct peers_settings settings = {
        .listen = "tcp://127.0.0.1:0",
        .node = US,
        .boot = 1,
        .cluster = 77,
        .ring = test_ring(sealed),
        .received = on_echo,
        .news = on_news,
        .stuck = never_stuck,
        .context = side,
    };
    assert_int_equal(STATUS_OK, peers_open(&side->peers, &settings, side->base));
    side->timer = loop_timer_new(side->base, LOOP_URGENT, send_pieces, side);
    assert_non_null(side->timer);
}

static void close_side(struct side *side)
{
    loop_event_free(side->timer);
    peers_close(side->peers);
    loop_free(side->base);
}

/* Starts the peer, at the port that it had before, and waits until it listens. */
static void start_child(struct side *side)
{
    int out[2];
    assert_int_equal(0, pipe(out));
    char listen[64], ours[64], boot[32];
    (void)snprintf(listen, sizeof listen, "tcp://127.0.0.1:%u", (unsigned)side->child_port);
    (void)snprintf(ours, sizeof ours, "tcp://127.0.0.1:%u", (unsigned)peers_port(side->peers));
    (void)snprintf(boot, sizeof boot, "%llu", (unsigned long long)++side->child_boot);
    const pid_t test = getpid();
    side->child = fork();
    assert_true(side->child >= 0);
    if (side->child == 0) {
        /* A test that fails leaves nobody behind. */
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() != test)
            _exit(127);
        (void)dup2(out[1], STDOUT_FILENO);
        (void)close(out[0]);
        (void)close(out[1]);
        (void)execl(program, program, "echo", listen, ours, boot, side->sealed ? "1" : "0",
                    (char *)NULL);
        _exit(127);
    }
    (void)close(out[1]);
    FILE *said = fdopen(out[0], "r");
    char line[32];
    assert_non_null(said);
    assert_non_null(fgets(line, sizeof line, said));
    side->child_port = (uint16_t)strtoul(line, NULL, 10);
    assert_int_not_equal(0, side->child_port);
    (void)fclose(said);
}

static void kill_child(struct side *side)
{
    assert_int_equal(0, kill(side->child, SIGKILL));
    assert_int_equal(side->child, waitpid(side->child, NULL, 0));
}

static void link_child(struct side *side)
{
    char address[64];
    (void)snprintf(address, sizeof address, "tcp://127.0.0.1:%u", (unsigned)side->child_port);
    assert_int_equal(STATUS_OK, peers_link(side->peers, THEM, address));
}

/* Runs until what is sent from now on has come back; returns how long that took. */
static uint64_t run_until_echo(struct side *side, uint64_t within_ms)
{
    const uint64_t begin_ms = peers_now_ms();
    side->wanted = side->count + 1;
    side->until_ms = begin_ms + within_ms;
    side->timed_out = false;
    loop_timer_after(side->timer, 0);
    loop_run(side->base);
    side->wanted = 0;
    return peers_now_ms() - begin_ms;
}

/* Runs for a while, whatever comes. */
static void run_for(struct side *side, uint64_t ms)
{
    side->until_ms = peers_now_ms() + ms;
    loop_timer_after(side->timer, 0);
    loop_run(side->base);
}

static void survives_kills(bool sealed, size_t piece_bytes, uint32_t kills)
{
    struct side side;
    open_side(&side, sealed, piece_bytes);
    start_child(&side);
    link_child(&side);
    uint64_t worst_ms = 0;
    for (uint32_t i = 0; i < kills; i++) {
        const uint64_t back_ms = run_until_echo(&side, BACK_MS);
        assert_false(side.timed_out);
        if (i > 0 && back_ms > worst_ms)
            worst_ms = back_ms;
        run_for(&side, i % 7 * 3); /* killed with more or less on its way */
        kill_child(&side);
        run_for(&side, i % 5 * 40); /* down for more or less time */
        start_child(&side);
    }
    kill_child(&side);
    struct peers_measures measures;
    peers_measure(side.peers, &measures);
    print_message("%u kills, pieces of %zu bytes: links were back after %llu ms at worst; "
                  "%llu sockets replaced\n",
                  kills, piece_bytes, (unsigned long long)worst_ms,
                  (unsigned long long)measures.replaced);
    close_side(&side);
}

static void a_link_is_back_after_each_of_a_hundred_kills(void **state)
{
    (void)state;
    survives_kills(false, 200, KILLS);
}

static void so_is_one_that_is_sealed_and_full(void **state)
{
    (void)state;
    survives_kills(true, (size_t)64 << 10, KILLS);
}

static void a_peer_that_is_gone_is_reported_as_refusing(void **state)
{
    (void)state;
    struct side side;
    open_side(&side, false, 200);
    start_child(&side);
    link_child(&side);
    (void)run_until_echo(&side, BACK_MS);
    assert_false(side.timed_out);
    kill_child(&side);
    const uint64_t begin_ms = peers_now_ms();
    while (side.refused == 0 && peers_now_ms() - begin_ms < BACK_MS)
        run_for(&side, 10);
    assert_int_not_equal(0, side.refused);
    print_message("refused after %llu ms\n", (unsigned long long)(peers_now_ms() - begin_ms));
    close_side(&side);
}

/* Whoever has no key, or another one, gets nothing through. */
static void a_stranger_is_counted_and_not_heard(void **state)
{
    (void)state;
    struct side side;
    open_side(&side, true, 200);
    side.sealed = false; /* the peer has no key */
    start_child(&side);
    side.sealed = true;
    link_child(&side);
    struct peers_measures measures = {0};
    const uint64_t begin_ms = peers_now_ms();
    while (measures.refused[ENVELOPE_NOT_SEALED] == 0 && peers_now_ms() - begin_ms < BACK_MS) {
        run_for(&side, 10);
        peers_measure(side.peers, &measures);
    }
    assert_int_not_equal(0, measures.refused[ENVELOPE_NOT_SEALED]);
    assert_int_equal(0, measures.received);
    assert_int_equal(0, side.echoed);
    kill_child(&side);
    close_side(&side);
}

/* A process that stands still is still connected to; only that nothing is confirmed tells. */
static void a_link_on_which_nothing_is_confirmed_is_replaced(void **state)
{
    (void)state;
    struct side side;
    open_side(&side, false, 200);
    start_child(&side);
    link_child(&side);
    (void)run_until_echo(&side, BACK_MS);
    assert_false(side.timed_out);
    assert_int_equal(0, kill(side.child, SIGSTOP));
    struct peers_measures measures = {0};
    const uint64_t begin_ms = peers_now_ms();
    while (measures.replaced == 0 && peers_now_ms() - begin_ms < 2 * BACK_MS) {
        run_for(&side, 50);
        peers_measure(side.peers, &measures);
    }
    assert_int_not_equal(0, measures.replaced);
    assert_int_equal(0, kill(side.child, SIGCONT));
    (void)run_until_echo(&side, BACK_MS);
    assert_false(side.timed_out);
    kill_child(&side);
    close_side(&side);
}

static void count_messages(void *context, const struct peer_message *message)
{
    struct side *side = context;
    assert_true(message->node == THEM);
    side->echoed++;
    loop_stop(side->base);
}

static void wake_nobody(void *context)
{
    (void)context;
}

/* Waits until the link can take another message. */
static void await_idle(struct transport_link *link)
{
    const uint64_t begin_ms = peers_now_ms();
    while (!transport_idle(link))
        assert_true(peers_now_ms() - begin_ms < BACK_MS);
}

static void send_envelope(struct transport_link *link, uint64_t boot, uint64_t number)
{
    const struct seal_ring ring = test_ring(false);
    const struct envelope envelope = {
        .cluster = 77, .node = THEM, .boot = boot, .number = number, .to_node = US, .to_boot = 1};
    struct parcel parcel;
    assert_int_equal(STATUS_OK, parcel_new(&parcel, envelope_bytes_max(5)));
    const size_t bytes = envelope_close(&envelope, &ring, "hello", 5, parcel.data);
    await_idle(link);
    transport_send(link, &parcel, bytes);
}

static void a_message_is_taken_once_and_never_one_of_an_older_boot(void **state)
{
    (void)state;
    static const struct {
        uint64_t boot, number;
        bool fresh;
    } sent[] = {{2, 5, true}, {2, 5, false}, {2, 4, false},
                {2, 6, true}, {1, 9, false}, {3, 1, true}};
    struct side side;
    open_side(&side, false, 5);
    side.peers->settings.received = count_messages;
    char address[64];
    (void)snprintf(address, sizeof address, "tcp://127.0.0.1:%u", (unsigned)peers_port(side.peers));
    const struct transport_settings settings = {
        .listen = "tcp://127.0.0.1:0", .message_bytes_max = 1000, .wake = wake_nobody};
    struct transport *transport;
    assert_int_equal(STATUS_OK, transport_open(&transport, &settings));
    struct transport_link *link = transport_dial(transport, address);
    assert_non_null(link);
    uint64_t taken = 0, replayed = 0;
    for (size_t i = 0; i < sizeof sent / sizeof sent[0]; i++) {
        send_envelope(link, sent[i].boot, sent[i].number);
        taken += sent[i].fresh;
        replayed += !sent[i].fresh;
    }
    struct peers_measures measures = {0};
    const uint64_t begin_ms = peers_now_ms();
    while (measures.received + measures.replayed < taken + replayed &&
           peers_now_ms() - begin_ms < BACK_MS) {
        run_for(&side, 10);
        peers_measure(side.peers, &measures);
    }
    assert_int_equal(taken, measures.received);
    assert_int_equal(replayed, measures.replayed);
    assert_int_equal(taken, side.echoed);
    transport_hang_up(link);
    assert_true(transport_close(transport));
    close_side(&side);
}

static void count_wakes(void *context)
{
    atomic_uint *wakes = context;
    (void)atomic_fetch_add(wakes, 1);
}

static struct transport *open_counting(const char *listen, atomic_uint *wakes)
{
    const struct transport_settings settings = {
        .listen = listen, .message_bytes_max = 1000, .wake = count_wakes, .context = wakes};
    struct transport *transport;
    assert_int_equal(STATUS_OK, transport_open(&transport, &settings));
    return transport;
}

static void await_wakes(atomic_uint *wakes, unsigned count)
{
    const uint64_t begin_ms = peers_now_ms();
    while (atomic_load(wakes) < count)
        assert_true(peers_now_ms() - begin_ms < BACK_MS);
}

static void take_one(struct transport *transport)
{
    struct parcel parcel;
    const uint64_t begin_ms = peers_now_ms();
    while (!transport_take(transport, &parcel))
        assert_true(peers_now_ms() - begin_ms < BACK_MS);
    parcel_free(&parcel);
}

/* The message waits for a peer that does not listen yet. Returns how often the sender was woken
 * until all was over: for the link that is up, for its end, and for what it waits for. */
static unsigned wakes_of_a_message(bool waited_for)
{
    atomic_uint wakes = 0, theirs = 0;
    char address[64];
    struct transport *peer = open_counting("tcp://127.0.0.1:0", &theirs);
    (void)snprintf(address, sizeof address, "tcp://127.0.0.1:%u", (unsigned)transport_port(peer));
    assert_true(transport_close(peer));
    struct transport *transport = open_counting("tcp://127.0.0.1:0", &wakes);
    struct transport_link *link = transport_dial(transport, address);
    assert_non_null(link);
    send_envelope(link, 1, 1);
    if (waited_for)
        assert_false(transport_idle(link));
    peer = open_counting(address, &theirs);
    take_one(peer);
    await_wakes(&wakes, waited_for ? 2 : 1);
    transport_hang_up(link);
    assert_true(transport_close(transport));
    assert_true(transport_close(peer));
    return atomic_load(&wakes);
}

static void who_waits_for_a_link_is_woken_and_nobody_else(void **state)
{
    (void)state;
    assert_int_equal(2, wakes_of_a_message(false));
    assert_int_equal(3, wakes_of_a_message(true));
}

static void what_waits_for_a_peer_is_bounded_and_grows_stale(void **state)
{
    (void)state;
    static uint8_t piece[ENVELOPE_BODY_MAX];
    struct side side;
    open_side(&side, false, 200);
    assert_false(peers_send(side.peers, THEM, piece, 1)); /* there is no link */
    /* Nobody listens there: the first message waits in nng, the others in the queue. */
    assert_int_equal(STATUS_OK, peers_link(side.peers, THEM, "tcp://127.0.0.1:9"));
    assert_true(peers_send(side.peers, THEM, piece, 1));
    peers_flush(side.peers, 1);
    assert_true(peers_send(side.peers, THEM, piece, ENVELOPE_BODY_MAX));
    assert_true(peers_send(side.peers, THEM, piece, PEERS_QUEUE_BYTES - ENVELOPE_BODY_MAX));
    assert_false(peers_send(side.peers, THEM, piece, 1));
    struct peers_measures measures;
    peers_measure(side.peers, &measures);
    assert_int_equal(2, measures.dropped_full);
    assert_int_equal(PEERS_QUEUE_BYTES, measures.queued_bytes);
    side.piece_bytes = 1;
    run_for(&side, PEERS_STALE_MS + 200);
    peers_measure(side.peers, &measures);
    assert_true(measures.dropped_stale >= 2);
    assert_true(measures.queued_bytes < ENVELOPE_BODY_MAX);
    close_side(&side);
}

static void as_many_peers_as_there_is_room_for_are_linked(void **state)
{
    (void)state;
    struct side side;
    open_side(&side, false, 200);
    for (uint64_t i = 0; i < PEERS_MAX; i++)
        assert_int_equal(STATUS_OK, peers_link(side.peers, 5000 + i, "tcp://127.0.0.1:9"));
    assert_int_equal(STATUS_FULL, peers_link(side.peers, 9999, "tcp://127.0.0.1:9"));
    peers_unlink(side.peers, 5000);
    assert_int_equal(STATUS_OK, peers_link(side.peers, 9999, "tcp://127.0.0.1:9"));
    assert_int_equal(STATUS_INVALID, peers_link(side.peers, 5001, "127.0.0.1:9"));
    assert_int_equal(STATUS_INVALID, peers_link(side.peers, 5001, "tcp://127.0.0.1:0"));
    close_side(&side);
}

/* Bytes that are no message of nng's, and an announcement of 16 GiB. */
static void poke(uint16_t port, const void *bytes, size_t count)
{
    const struct sockaddr_in address = {
        .sin_family = AF_INET,
        .sin_port = htons(port),
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
    };
    const int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_true(fd >= 0);
    assert_int_equal(0, connect(fd, (const struct sockaddr *)&address, sizeof address));
    assert_int_equal(count, write(fd, bytes, count));
    (void)close(fd);
}

static void garbage_on_the_port_disturbs_nobody(void **state)
{
    (void)state;
    static const uint8_t greeting[16] = {0, 'S', 'P', 0,    0, 0x50, 0,    0,
                                         0, 0,   0,   0x04, 0, 0,    0x00, 0};
    static const char request[] = "GET / HTTP/1.1\r\n\r\n";
    struct side side;
    open_side(&side, false, 200);
    start_child(&side);
    link_child(&side);
    poke(peers_port(side.peers), request, sizeof request - 1);
    poke(peers_port(side.peers), greeting, sizeof greeting);
    (void)run_until_echo(&side, BACK_MS);
    assert_false(side.timed_out);
    kill_child(&side);
    close_side(&side);
}

int main(int argc, char **argv)
{
    if (sodium_init() < 0)
        return 1;
    log_setup(LOG_LEVEL_ERROR, LOG_FORMAT_TEXT);
    if (argc == 6 && strcmp(argv[1], "echo") == 0)
        return run_echo(argv + 2);
    if (readlink("/proc/self/exe", program, sizeof program - 1) < 0)
        return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_link_is_back_after_each_of_a_hundred_kills),
        cmocka_unit_test(so_is_one_that_is_sealed_and_full),
        cmocka_unit_test(a_peer_that_is_gone_is_reported_as_refusing),
        cmocka_unit_test(a_stranger_is_counted_and_not_heard),
        cmocka_unit_test(a_link_on_which_nothing_is_confirmed_is_replaced),
        cmocka_unit_test(a_message_is_taken_once_and_never_one_of_an_older_boot),
        cmocka_unit_test(who_waits_for_a_link_is_woken_and_nobody_else),
        cmocka_unit_test(what_waits_for_a_peer_is_bounded_and_grows_stale),
        cmocka_unit_test(as_many_peers_as_there_is_room_for_are_linked),
        cmocka_unit_test(garbage_on_the_port_disturbs_nobody),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
