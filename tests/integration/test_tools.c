/* tests/integration/test_tools.c -- cairnctl and cairn-load as their users run them, against a node
 * that is made up here and may be told to be slow, busy or forgetful. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <fcntl.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <event2/event.h>
#include <jansson.h>

#include "node/http.h"
#include "proto/actions.h"
#include "proto/frame_lz4.h"

#define OUTPUT_BYTES 262144
#define WORDS_MAX    24
#define PLAYER       "4be0643f-1d98-573b-97cd-ca98a65347dd"

/* What the node does to requests with claims. */
struct mood {
    uint32_t busy;        /* so many are answered 503 */
    uint32_t unavailable; /* so many first claims get that outcome, after they were judged */
    uint32_t silent;      /* so many are judged and never answered */
    bool forbids;         /* the hunt's page is for administrators */
    bool refuses;         /* 422, always */
    bool mixes_up;        /* answers with another player's result */
};

struct fake {
    struct event_base *base;
    struct http_server *server;
    struct mood mood;
    uint32_t protobuf; /* requests in it */
    json_t *claims;    /* each "player seq" with its content, as first sent */
    json_t *found;     /* each "player treasure" */
    json_t *last_seqs;
    uint32_t requests; /* with claims */
    uint32_t repeated; /* claims that had been judged before */
    uint32_t changed;  /* of these, with other content */
    uint32_t pages;    /* of players */
    struct http_request *held[8];
    size_t held_count;
    char url[96];
    char last_body[65536];
    char last_target[256];
    char last_type[64];
    char last_token[64];
    int readers; /* pipes of the tool that are still open */
};

/* --- The made-up node ---------------------------------------------------------------------------
 */

static const char hunt_page[] =
    "{\"hunt\":\"harbour\",\"plane\":\"flat\",\"version\":3,\"treasures\":["
    "{\"id\":\"gate\",\"at\":{\"x\":0,\"y\":0},\"radius\":50,\"points\":10,\"requires\":[]},"
    "{\"id\":\"yard\",\"at\":{\"x\":900,\"y\":0},\"radius\":50,\"points\":20,"
    "\"requires\":[\"gate\"]}]}";

static const char cluster_page[] =
    "{\"cluster_id\":\"c0ffee\",\"node\":\"n1\",\"epoch\":\"179\",\"epoch_ms\":10000,"
    "\"members\":[{\"id\":\"1\",\"name\":\"n1\",\"state\":\"alive\",\"draining\":false,"
    "\"http\":\"127.0.0.1:7801\",\"leads\":1,\"replicas\":2},"
    "{\"id\":\"2\",\"name\":\"n2\",\"state\":\"failed\",\"draining\":true,\"leads\":0,"
    "\"replicas\":2}],"
    "\"ranges\":[{\"range\":0,\"from\":0,\"to\":32767,\"leader\":\"n1\","
    "\"voters\":[\"n1\",\"n2\"],\"learners\":[],\"term\":4,\"applied\":1234},"
    "{\"range\":1,\"from\":32768,\"to\":65535,\"voters\":[\"n1\",\"n2\"],\"learners\":[],"
    "\"term\":4,\"applied\":7},"
    "{\"range\":2,\"voters\":[\"n1\",\"n2\"],\"learners\":[],\"term\":5,\"applied\":90},"
    "{\"range\":3,\"voters\":[\"n1\",\"n2\"],\"learners\":[],\"term\":4,\"applied\":8},"
    "{\"range\":4,\"leader\":\"n2\",\"voters\":[\"n1\",\"n2\",\"n3\"],\"learners\":[\"n4\"]}]}";

static const char epoch_page[] =
    "{\"epoch\":\"177\",\"state\":\"complete\",\"ranges_in\":2,\"ranges\":2,\"missing_ranges\":[],"
    "\"settled_through_epoch\":\"176\","
    "\"hunts\":[{\"hunt\":\"harbour\",\"players\":42,\"digest\":\"abcd\"}],"
    "\"summaries\":[{\"range\":0,\"bytes\":100,\"digest\":\"aa\"}]}";

static const char board_page[] =
    "{\"hunt\":\"harbour\",\"epoch\":\"177\",\"state\":\"partial\",\"missing_ranges\":[1],"
    "\"players\":42,\"entries\":[{\"rank\":1,\"player\":\"" PLAYER "\",\"score\":\"300\","
    "\"hlc\":\"1\"}]}";

#define WINNER(place)                                                                              \
    "{\"place\":" place ",\"player\":\"" PLAYER "\",\"hlc\":\"9\",\"range\":5,"                    \
    "\"log_index\":\"991\",\"uncertainty_us\":250,\"epoch\":\"176\"}"

static const char awards_page[] =
    "{\"hunt\":\"harbour\",\"settled_through_epoch\":\"177\",\"awards\":[{\"treasure\":\"chest\","
    "\"supply\":3,\"awarded\":2,\"winners\":[" WINNER("1") "," WINNER(
        "2") "]},"
             "{\"treasure\":\"old\",\"awarded\":0,\"winners\":[]}],\"next_cursor\":\"x\"}";

static const char around_page[] =
    "{\"hunt\":\"harbour\",\"player\":\"" PLAYER "\",\"rank\":7,\"players\":42,\"epoch\":\"177\","
    "\"entries\":[{\"rank\":7,\"player\":\"" PLAYER "\",\"score\":\"300\",\"hlc\":\"1\"},"
    "{\"player\":\"" PLAYER "\",\"score\":\"0\"}]}";

static void reply_text(struct http_request *request, int status, const char *type, const char *text)
{
    http_reply(request, &(struct http_answer){.status = status,
                                              .content_type = type,
                                              .body = text,
                                              .body_bytes = strlen(text)});
}

static void reply_object(struct http_request *request, json_t *object)
{
    char *text = json_dumps(object, JSON_COMPACT);
    assert_non_null(text);
    reply_text(request, 200, "application/json", text);
    free(text);
    json_decref(object);
}

static void reply_problem(struct http_request *request, int status, const char *detail)
{
    http_reply_problem(request, &(struct http_problem){.status = status, .detail = detail});
}

static void set(json_t *object, const char *key, json_t *value)
{
    assert_int_equal(json_object_set_new(object, key, value), 0);
}

static const char *judge_place(const json_t *claim)
{
    const json_int_t x = json_integer_value(json_object_get(claim, "x"));
    const json_int_t y = json_integer_value(json_object_get(claim, "y"));
    if (x * x + y * y <= 50 * 50)
        return "gate";
    return (x - 900) * (x - 900) + y * y <= 50 * 50 ? "yard" : NULL;
}

/* Whether the claim was there before, and was the same. */
static void note_claim(struct fake *fake, const char *player, const json_t *claim)
{
    char key[64];
    (void)snprintf(key, sizeof key, "%s %lld", player,
                   (long long)json_integer_value(json_object_get(claim, "seq")));
    const json_t *before = json_object_get(fake->claims, key);
    if (before != NULL) {
        fake->repeated++;
        fake->changed += json_equal(before, claim) == 0;
        return;
    }
    set(fake->claims, key, json_deep_copy(claim));
    assert_int_equal(json_object_set(fake->last_seqs, player, json_object_get(claim, "seq")), 0);
}

static json_t *judge(struct fake *fake, const json_t *claim)
{
    char key[64];
    char seq[16];
    const char *player = json_string_value(json_object_get(claim, "player"));
    assert_non_null(player);
    note_claim(fake, player, claim);
    const char *treasure = judge_place(claim);
    const char *outcome = "nothing";
    (void)snprintf(key, sizeof key, "%s %s", player, treasure != NULL ? treasure : "");
    if (treasure != NULL && json_object_get(fake->found, key) != NULL) {
        outcome = "already";
    } else if (treasure != NULL) {
        outcome = "found";
        set(fake->found, key, json_true());
    }
    if (fake->mood.unavailable > 0) {
        fake->mood.unavailable--;
        outcome = "unavailable";
    }
    (void)snprintf(seq, sizeof seq, "%lld",
                   (long long)json_integer_value(json_object_get(claim, "seq")));
    json_t *result = json_pack("{s:s, s:s, s:s}", "player", fake->mood.mixes_up ? PLAYER : player,
                               "seq", seq, "outcome", outcome);
    if (treasure != NULL)
        set(result, "treasure", json_string(treasure));
    return result;
}

/* The claims of a request in protobuf, as JSON has them. */
static json_t *claims_of(const struct request_actions *actions)
{
    json_t *claims = json_array();
    for (uint32_t i = 0; i < actions->count; i++) {
        char id[PLAYER_TEXT_LENGTH + 1];
        const struct action *action = &actions->list[i];
        player_id_format(id, &action->player);
        assert_int_equal(json_array_append_new(
                             claims, json_pack("{s:s, s:I, s:i, s:i, s:I}", "player", id, "seq",
                                               (json_int_t)action->seq, "x", action->x, "y",
                                               action->y, "time_ms", (json_int_t)action->time_ms)),
                         0);
    }
    return claims;
}

static enum outcome outcome_of(const json_t *result)
{
    const char *word = json_string_value(json_object_get(result, "outcome"));
    int outcome = OUTCOME_NONE + 1;
    assert_non_null(word);
    while (outcome < OUTCOME_COUNT && strcmp(word, outcome_name((enum outcome)outcome)) != 0)
        outcome++;
    assert_true(outcome < OUTCOME_COUNT);
    return (enum outcome)outcome;
}

/* Answers in protobuf, and in LZ4 when the request came so. */
static void reply_protobuf(struct http_request *request, struct arena *arena,
                           const struct result *results, uint32_t count)
{
    static char frame[OUTPUT_BYTES];
    const struct http_header coding = {"Content-Encoding", "lz4"};
    struct actions_bytes body = actions_reply_write(arena, results, count);
    const bool coded = http_request_accepts_coding(request, "lz4");
    if (coded) {
        assert_non_null(http_request_header(request, "Content-Encoding"));
        body.bytes = frame_lz4_encode(frame, sizeof frame, body.data, body.bytes);
        body.data = frame;
    }
    http_reply(request, &(struct http_answer){.status = 200,
                                              .content_type = "application/x-protobuf",
                                              .headers = &coding,
                                              .headers_count = coded ? 1 : 0,
                                              .body = body.data,
                                              .body_bytes = body.bytes});
}

static struct actions_bytes plain_body(const struct http_request *request)
{
    static char plain[OUTPUT_BYTES];
    struct actions_bytes body = {http_request_body(request), http_request_body_bytes(request)};
    if (http_request_header(request, "Content-Encoding") == NULL)
        return body;
    assert_int_equal(frame_lz4_decode(plain, sizeof plain, body.data, body.bytes, &body.bytes),
                     STATUS_OK);
    body.data = plain;
    return body;
}

static void handle_protobuf(struct fake *fake, struct http_request *request)
{
    struct arena arena;
    struct actions_request read;
    struct request_actions actions;
    struct request_fault fault;
    arena_init(&arena);
    assert_int_equal(actions_request_read(&read, &arena, plain_body(request), true, &fault),
                     STATUS_OK);
    assert_string_equal(read.hunt.text, "harbour");
    assert_int_equal(actions_read(&actions, &read, 0, PLANE_FLAT, &fault), STATUS_OK);
    json_t *claims = claims_of(&actions);
    json_t *judged = json_array();
    struct result *results = arena_take(&arena, actions.count * sizeof *results);
    for (uint32_t i = 0; i < actions.count; i++) {
        json_t *result = judge(fake, json_array_get(claims, i));
        results[i] = (struct result){
            .player = actions.list[i].player,
            .seq = actions.list[i].seq,
            .outcome = outcome_of(result),
            .treasure_id = json_string_value(json_object_get(result, "treasure")),
        };
        assert_int_equal(json_array_append_new(judged, result), 0);
    }
    reply_protobuf(request, &arena, results, actions.count);
    json_decref(judged);
    json_decref(claims);
    free(actions.list);
    arena_fini(&arena);
}

static void handle_claims(struct fake *fake, struct http_request *request)
{
    fake->requests++;
    if (fake->mood.refuses) {
        reply_problem(request, 422, "no claims today");
        return;
    }
    if (fake->mood.busy > 0) {
        fake->mood.busy--;
        reply_problem(request, 503, "busy");
        return;
    }
    if (http_request_is_type(request, "application/x-protobuf")) {
        fake->protobuf++;
        handle_protobuf(fake, request);
        return;
    }
    json_t *body =
        json_loadb(http_request_body(request), http_request_body_bytes(request), 0, NULL);
    const json_t *claims = json_object_get(body, "claims");
    assert_string_equal(json_string_value(json_object_get(body, "hunt")), "harbour");
    json_t *results = json_array();
    for (size_t i = 0; i < json_array_size(claims); i++)
        assert_int_equal(json_array_append_new(results, judge(fake, json_array_get(claims, i))), 0);
    json_decref(body);
    if (fake->mood.silent > 0) {
        fake->mood.silent--;
        assert_true(fake->held_count < sizeof fake->held / sizeof fake->held[0]);
        fake->held[fake->held_count++] = request;
        json_decref(results);
        return;
    }
    reply_object(request, json_pack("{s:o}", "results", results));
}

static void handle_player(struct fake *fake, struct http_request *request, const char *player)
{
    char seq[16];
    json_t *found = json_array();
    static const char *const treasures[] = {"gate", "yard"};
    fake->pages++;
    for (size_t i = 0; i < 2; i++) {
        char key[64];
        (void)snprintf(key, sizeof key, "%s %s", player, treasures[i]);
        if (json_object_get(fake->found, key) != NULL)
            assert_int_equal(json_array_append_new(found, json_string(treasures[i])), 0);
    }
    (void)snprintf(seq, sizeof seq, "%lld",
                   (long long)json_integer_value(json_object_get(fake->last_seqs, player)));
    reply_object(request,
                 json_pack("{s:s, s:s, s:o, s:[], s:[s], s:[], s:s, s:{s:i, s:i}, "
                           "s:[{s:s, s:i, s:i, s:i, s:i}, {s:s, s:i, s:i, s:i}]}",
                           "player", player, "score", "30", "found", found, "pending", "won",
                           "chest", "lost", "last_seq", seq, "reactions", "🔥", 2, "👏", 1, "open",
                           "id", "gate", "points", 10, "x", 0, "y", 0, "radius", 50, "id", "yard",
                           "points", 20, "supply_left", 1, "reactions_missing", 4));
}

static void handle_put(struct fake *fake, struct http_request *request)
{
    (void)fake;
    if (strstr(http_request_body(request), "bad") == NULL) {
        reply_text(request, 200, "application/json",
                   "{\"hunt\":\"harbour\",\"version\":4,\"active_from_epoch\":\"181\"}");
        return;
    }
    json_t *members = json_pack("{s:[{s:i, s:s, s:s}, {s:s}]}", "errors", "line", 7, "field",
                                "treasures[0].radius", "detail", "must be 1 to 1000000", "detail",
                                "there is more");
    http_reply_problem(request, &(struct http_problem){.status = 422,
                                                       .detail = "the hunt has 2 faults",
                                                       .members = members});
    json_decref(members);
}

static bool is_path(const struct http_request *request, const char *path)
{
    return strcmp(http_request_path(request), path) == 0;
}

static void handle_get(struct fake *fake, struct http_request *request)
{
    static const char players[] = "/v1/hunts/harbour/players/";
    static const char json[] = "application/json";
    const char *path = http_request_path(request);
    if (is_path(request, "/v1/hunts/harbour") && fake->mood.forbids)
        reply_problem(request, 403, "for administrators");
    else if (is_path(request, "/v1/hunts/harbour"))
        reply_text(request, 200, json, hunt_page);
    else if (is_path(request, "/v1/hunts"))
        reply_text(request, 200, json,
                   "{\"hunts\":[{\"hunt\":\"harbour\",\"title\":\"H\\u001bx\",\"version\":3}]}");
    else if (is_path(request, "/v1/cluster"))
        reply_text(request, 200, json, cluster_page);
    else if (is_path(request, "/v1/epochs/latest"))
        reply_text(request, 200, json, epoch_page);
    else if (is_path(request, "/v1/hunts/harbour/leaderboard"))
        reply_text(request, 200, json, board_page);
    else if (is_path(request, "/v1/hunts/harbour/awards"))
        reply_text(request, 200, json, awards_page);
    else if (is_path(request, "/v1/hunts/harbour/leaderboard/around/" PLAYER))
        reply_text(request, 200, json, around_page);
    else if (is_path(request, "/readyz"))
        reply_problem(request, 503, "2 ranges have no leader");
    else if (strncmp(path, players, sizeof players - 1) == 0)
        handle_player(fake, request, path + sizeof players - 1);
    else
        reply_problem(request, 404, "there is nothing here");
}

static void note_request(struct fake *fake, const struct http_request *request)
{
    const char *type = http_request_header(request, "Content-Type");
    const char *token = http_request_header(request, "Authorization");
    (void)snprintf(fake->last_target, sizeof fake->last_target, "%.20s %.200s?%.20s",
                   http_request_method(request), http_request_path(request),
                   http_request_query(request));
    (void)snprintf(fake->last_type, sizeof fake->last_type, "%s", type != NULL ? type : "");
    (void)snprintf(fake->last_token, sizeof fake->last_token, "%s", token != NULL ? token : "");
}

static void handle(struct http_request *request, void *context)
{
    struct fake *fake = context;
    note_request(fake, request);
    switch (http_request_verb(request)) {
    case HTTP_VERB_GET:
        handle_get(fake, request);
        return;
    case HTTP_VERB_PUT:
        handle_put(fake, request);
        return;
    case HTTP_VERB_POST:
        if (is_path(request, "/hunt"))
            handle_claims(fake, request);
        else if (is_path(request, "/v1/cluster/nodes/n2/drain"))
            reply_text(request, 200, "application/json", "{\"node\":\"n2\",\"draining\":true}");
        else
            reply_problem(request, 404, "there is nothing here");
        return;
    default:
        reply_problem(request, 409, "n1 is alive");
    }
}

static int set_up(void **state)
{
    struct fake *fake = calloc(1, sizeof *fake);
    struct http_settings settings;
    assert_non_null(fake);
    fake->base = event_base_new();
    assert_non_null(fake->base);
    http_settings_init(&settings);
    settings.listen = "127.0.0.1:0";
    assert_int_equal(http_server_start(&fake->server, &settings, fake->base, handle, fake),
                     STATUS_OK);
    (void)snprintf(fake->url, sizeof fake->url, "http://%s", http_server_address(fake->server));
    fake->claims = json_object();
    fake->found = json_object();
    fake->last_seqs = json_object();
    *state = fake;
    return 0;
}

static int tear_down(void **state)
{
    struct fake *fake = *state;
    http_server_close(fake->server);
    event_base_free(fake->base);
    json_decref(fake->claims);
    json_decref(fake->found);
    json_decref(fake->last_seqs);
    free(fake);
    return 0;
}

/* --- Running a tool -----------------------------------------------------------------------------
 */

struct output {
    struct fake *fake;
    int fd;
    struct event *event;
    size_t used;
    char text[OUTPUT_BYTES];
};

struct run {
    int code; /* exit code, or -1 when it was killed */
    struct output out, error;
};

static void on_output(evutil_socket_t fd, short what, void *context)
{
    struct output *output = context;
    (void)what;
    assert_true(output->used < sizeof output->text - 1);
    const ssize_t count =
        read(fd, output->text + output->used, sizeof output->text - 1 - output->used);
    if (count > 0) {
        output->used += (size_t)count;
        return;
    }
    event_free(output->event);
    output->event = NULL;
    (void)close(fd);
    output->fake->readers--;
}

/* Returns the end that the tool writes to. */
static int open_output(struct fake *fake, struct output *output)
{
    int ends[2];
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    *output = (struct output){.fake = fake, .fd = ends[0]};
    output->event = event_new(fake->base, ends[0], EV_READ | EV_PERSIST, on_output, output);
    assert_non_null(output->event);
    assert_int_equal(event_add(output->event, NULL), 0);
    fake->readers++;
    return ends[1];
}

/* Runs "PROGRAM words..." until it ends, while the made-up node answers. The caller frees it. */
static struct run *run(struct fake *fake, const char *program, const char *const *words)
{
    char path[512];
    char *argv[WORDS_MAX + 1] = {path};
    posix_spawn_file_actions_t actions;
    pid_t pid;
    int status;
    const char *bin = getenv("CAIRN_BIN");
    struct run *result = calloc(1, sizeof *result);
    assert_non_null(result);
    assert_non_null(bin);
    (void)snprintf(path, sizeof path, "%s/%s", bin, program);
    for (size_t i = 0; words[i] != NULL; i++) {
        assert_true(i + 1 < WORDS_MAX);
        argv[i + 1] = strdup(words[i]);
    }
    const int out = open_output(fake, &result->out);
    const int error = open_output(fake, &result->error);
    assert_int_equal(posix_spawn_file_actions_init(&actions), 0);
    assert_int_equal(posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO), 0);
    assert_int_equal(posix_spawn_file_actions_adddup2(&actions, error, STDERR_FILENO), 0);
    assert_int_equal(posix_spawn(&pid, path, &actions, NULL, argv, environ), 0);
    (void)posix_spawn_file_actions_destroy(&actions);
    (void)close(out);
    (void)close(error);
    while (fake->readers > 0)
        assert_int_equal(event_base_loop(fake->base, EVLOOP_ONCE), 0);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    result->code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    for (size_t i = 1; argv[i] != NULL; i++)
        free(argv[i]);
    return result;
}

#define WORDS(...) ((const char *const[]){__VA_ARGS__, NULL})

static void assert_contains(const char *text, const char *part)
{
    if (strstr(text, part) == NULL)
        fail_msg("'%s' is not in: %s", part, text);
}

/* Output of --json: one object on one line. */
static json_t *object_of(const struct run *run)
{
    const char *text = run->out.text;
    const char *end = strchr(text, '\n');
    assert_non_null(end);
    assert_int_equal(end[1], '\0');
    json_t *object = json_loads(text, 0, NULL);
    assert_true(json_is_object(object));
    return object;
}

static long long number(const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);
    assert_true(json_is_integer(value));
    return (long long)json_integer_value(value);
}

/* --- cairn-load ---------------------------------------------------------------------------------
 */

/* Runs cairn-load for a second and gives what it printed with --json. */
static json_t *load(struct fake *fake, const char *const *more)
{
    const char *words[WORDS_MAX] = {"--target", fake->url,   "--hunt", "harbour",
                                    "--json",   "--seconds", "1"};
    size_t count = 7;
    for (size_t i = 0; more[i] != NULL; i++)
        words[count++] = more[i];
    struct run *result = run(fake, "cairn-load", words);
    if (result->code != 0)
        fail_msg("exit code %d: %s", result->code, result->error.text);
    json_t *object = object_of(result);
    free(result);
    assert_int_equal(number(object, "claims"), number(object, "acknowledged") +
                                                   number(object, "unknown") +
                                                   number(object, "refused"));
    assert_int_equal(fake->changed, 0);
    return object;
}

static void claims_come_at_the_rate_asked_for(void **state)
{
    struct fake *fake = *state;

    json_t *report = load(fake, WORDS("--rate", "500", "--players", "300"));

    assert_int_equal(number(report, "claims"), 500);
    assert_int_equal(number(report, "acknowledged"), 500);
    assert_int_equal(json_object_size(fake->claims), 500);
    assert_int_equal(fake->requests, 500);
    const json_t *outcomes = json_object_get(report, "outcomes");
    assert_in_range(number(outcomes, "nothing"), 250, 380);
    assert_in_range(number(outcomes, "found"), 20, 120);
    assert_true(json_real_value(json_object_get(report, "p50_ms")) > 0);
    assert_true(json_real_value(json_object_get(report, "rate")) <= 500.5);
    json_decref(report);
}

static void batches_are_due_together(void **state)
{
    struct fake *fake = *state;

    json_t *report = load(fake, WORDS("--rate", "1000", "--batch", "50"));

    assert_int_equal(number(report, "acknowledged"), 1000);
    assert_int_equal(fake->requests, 20);
    json_decref(report);
}

static void claims_go_out_in_every_format(void **state)
{
    static const char *const formats[] = {"json", "protobuf", "protobuf+lz4"};
    struct fake *fake = *state;
    for (size_t i = 0; i < 3; i++) {
        char path[] = "/tmp/cairn-record-XXXXXX";
        const int fd = mkstemp(path);
        assert_true(fd >= 0);
        (void)close(fd);
        json_t *report = load(fake, WORDS("--rate", "500", "--batch", "25", "--format", formats[i],
                                          "--record", path));
        assert_int_equal(number(report, "acknowledged"), 500);
        assert_int_equal(fake->requests, 20 * (i + 1));
        assert_int_equal(fake->protobuf, 20 * i);
        json_decref(report);

        char line[4096];
        FILE *file = fopen(path, "re");
        assert_non_null(file);
        assert_non_null(fgets(line, sizeof line, file));
        json_t *action = json_loads(line, 0, NULL);
        const json_t *result = json_object_get(action, "result");
        assert_true(json_is_string(json_object_get(result, "outcome")));
        assert_string_equal(json_string_value(json_object_get(action, "player")),
                            json_string_value(json_object_get(result, "player")));
        json_decref(action);
        (void)fclose(file);
        (void)unlink(path);
    }
}

static void rate_0_is_as_fast_as_it_goes(void **state)
{
    struct fake *fake = *state;

    json_t *report = load(fake, WORDS("--rate", "0", "--connections", "8"));

    assert_true(number(report, "acknowledged") > 100);
    assert_int_equal(number(report, "unknown"), 0);
    assert_int_equal(number(report, "acknowledged"), json_object_size(fake->claims));
    json_decref(report);
}

static void what_is_not_answered_is_sent_again_unchanged(void **state)
{
    struct fake *fake = *state;
    fake->mood = (struct mood){.busy = 5, .unavailable = 7, .silent = 2};

    json_t *report = load(fake, WORDS("--rate", "200"));

    assert_int_equal(number(report, "acknowledged"), 200);
    /* Two of the seven are those that were not answered either. */
    assert_int_equal(number(report, "retries"), 12);
    assert_int_equal(fake->repeated, 7);
    assert_true(json_real_value(json_object_get(report, "max_ms")) >= 2000);
    json_decref(report);
}

static void of_a_batch_only_the_unavailable_are_sent_again(void **state)
{
    struct fake *fake = *state;
    fake->mood.unavailable = 3;

    json_t *report = load(fake, WORDS("--rate", "100", "--batch", "10"));

    assert_int_equal(number(report, "acknowledged"), 100);
    assert_int_equal(fake->requests, 11);
    assert_int_equal(fake->repeated, 3);
    json_decref(report);
}

static void what_is_never_answered_is_unknown(void **state)
{
    struct fake *fake = *state;
    fake->mood.unavailable = UINT32_MAX;

    json_t *report = load(fake, WORDS("--rate", "20"));

    assert_int_equal(number(report, "acknowledged"), 0);
    assert_int_equal(number(report, "unknown"), 20);
    json_decref(report);
}

static void a_refusal_is_not_repeated(void **state)
{
    struct fake *fake = *state;
    fake->mood.refuses = true;

    json_t *report = load(fake, WORDS("--rate", "20"));

    assert_int_equal(number(report, "refused"), 20);
    assert_int_equal(fake->requests, 20);
    assert_contains(json_string_value(json_object_get(report, "trouble")), "no claims today");
    json_decref(report);
}

static void an_answer_of_somebody_else_does_not_count(void **state)
{
    struct fake *fake = *state;
    fake->mood.mixes_up = true;

    json_t *report = load(fake, WORDS("--rate", "5"));

    assert_int_equal(number(report, "acknowledged"), 0);
    assert_int_equal(number(report, "unknown"), 5);
    json_decref(report);
}

static void a_seed_goes_on_where_it_stopped(void **state)
{
    struct fake *fake = *state;
    json_decref(load(fake, WORDS("--rate", "100", "--players", "10", "--seed", "5")));
    assert_int_equal(json_object_size(fake->claims), 100);
    assert_int_equal(json_object_size(fake->last_seqs), 10);

    json_decref(load(fake, WORDS("--rate", "100", "--players", "10", "--seed", "5")));

    assert_int_equal(fake->pages, 20);
    assert_int_equal(json_object_size(fake->claims), 200);
    assert_int_equal(json_object_size(fake->last_seqs), 10);
    assert_int_equal(fake->repeated, 0);
}

static void without_a_seed_the_players_are_new(void **state)
{
    struct fake *fake = *state;
    json_decref(load(fake, WORDS("--rate", "100", "--players", "10")));
    json_decref(load(fake, WORDS("--rate", "100", "--players", "10")));
    assert_int_equal(json_object_size(fake->last_seqs), 20);
    assert_int_equal(fake->pages, 0);
}

static void the_record_has_a_line_for_each_claim(void **state)
{
    struct fake *fake = *state;
    char path[] = "/tmp/cairn-record-XXXXXX";
    const int fd = mkstemp(path);
    assert_true(fd >= 0);
    (void)close(fd);
    json_decref(load(fake, WORDS("--rate", "50", "--record", path)));

    FILE *file = fopen(path, "re");
    char line[4096];
    uint32_t lines = 0;
    assert_non_null(file);
    for (; fgets(line, sizeof line, file) != NULL; lines++) {
        json_t *action = json_loads(line, 0, NULL);
        const json_t *result = json_object_get(action, "result");
        assert_string_equal(json_string_value(json_object_get(action, "player")),
                            json_string_value(json_object_get(result, "player")));
        assert_true(number(action, "invoked_us") <= number(action, "returned_us"));
        assert_contains(fake->url, json_string_value(json_object_get(action, "node")));
        (void)number(action, "seq");
        (void)number(action, "x");
        (void)number(action, "y");
        (void)number(action, "time_ms");
        json_decref(action);
    }
    (void)fclose(file);
    (void)unlink(path);
    assert_int_equal(lines, 50);
}

static void a_target_that_is_down_is_left_out(void **state)
{
    struct fake *fake = *state;
    char targets[200];
    (void)snprintf(targets, sizeof targets, "http://127.0.0.1:1,%s", fake->url);

    json_t *report = load(fake, WORDS("--target", targets, "--rate", "100"));

    assert_int_equal(number(report, "acknowledged"), 100);
    assert_int_equal(number(report, "unknown"), 0);
    json_decref(report);
}

static void without_the_hunts_page_the_shown_places_must_do(void **state)
{
    struct fake *fake = *state;
    fake->mood.forbids = true;

    json_t *report = load(fake, WORDS("--rate", "100"));

    assert_int_equal(number(report, "acknowledged"), 100);
    assert_contains(json_string_value(json_object_get(report, "note")), "--token-file");
    json_decref(report);
}

static void people_get_a_table(void **state)
{
    struct fake *fake = *state;
    struct run *result =
        run(fake, "cairn-load",
            WORDS("--target", fake->url, "--hunt", "harbour", "--seconds", "1", "--rate", "50"));
    assert_int_equal(result->code, 0);
    assert_contains(result->out.text, "acknowledged             50");
    assert_contains(result->out.text, "nothing");
    assert_contains(result->out.text, "p99.9");
    assert_string_equal(result->error.text, "");
    free(result);
}

static void a_run_that_cannot_take_place_exits_with_1(void **state)
{
    struct fake *fake = *state;
    struct run *result = run(fake, "cairn-load", WORDS("--target", fake->url, "--hunt", "other"));
    assert_int_equal(result->code, 1);
    assert_contains(result->error.text, "answered 404: there is nothing here");
    free(result);
    result = run(fake, "cairn-load", WORDS("--target", "127.0.0.1:1", "--hunt", "harbour"));
    assert_int_equal(result->code, 1);
    assert_contains(result->error.text, "cannot connect");
    free(result);
}

static void wrong_usage_exits_with_2(void **state)
{
    struct fake *fake = *state;
    static const char *const words[][8] = {
        {"--hunt", "harbour"},
        {"--target", "127.0.0.1:1"},
        {"--target", "ftp://x", "--hunt", "harbour"},
        {"--target", "127.0.0.1:1", "--hunt", "Harbour"},
        {"--target", "127.0.0.1:1", "--hunt", "harbour", "--rate", "-1"},
        {"--target", "127.0.0.1:1", "--hunt", "harbour", "--batch", "1001"},
        {"--target", "127.0.0.1:1", "--hunt", "harbour", "--format", "xml"},
        {"--target", "127.0.0.1:1", "--hunt", "harbour", "--format", "xml"},
        {"--target", "127.0.0.1:1", "--hunt", "harbour", "--players=1", "--batch=17"},
        {"--target", "127.0.0.1:1", "--hunt", "harbour", "more"},
    };
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        struct run *result = run(fake, "cairn-load", words[i]);
        assert_int_equal(result->code, 2);
        assert_string_equal(result->out.text, "");
        free(result);
    }
}

/* --- cairnctl -----------------------------------------------------------------------------------
 */

static struct run *ctl(struct fake *fake, const char *const *more)
{
    const char *words[WORDS_MAX] = {"--node", fake->url};
    for (size_t i = 0; more[i] != NULL; i++)
        words[i + 2] = more[i];
    return run(fake, "cairnctl", words);
}

/* Runs cairnctl, which must succeed and print this among other things. */
static void ctl_says(struct fake *fake, const char *const *words, const char *part)
{
    struct run *result = ctl(fake, words);
    if (result->code != 0)
        fail_msg("exit code %d: %s", result->code, result->error.text);
    assert_contains(result->out.text, part);
    assert_string_equal(result->error.text, "");
    free(result);
}

/* ... which must fail, and say this. */
static void ctl_fails(struct fake *fake, int code, const char *const *words, const char *part)
{
    struct run *result = ctl(fake, words);
    assert_int_equal(result->code, code);
    assert_contains(result->error.text, part);
    assert_string_equal(result->out.text, "");
    free(result);
}

static void the_status_says_why_a_node_is_not_ready(void **state)
{
    struct fake *fake = *state;
    ctl_says(fake, WORDS("status"), "n1 at http://127.0.0.1:");
    ctl_says(fake, WORDS("status"), "not ready: 2 ranges have no leader");
    ctl_says(fake, WORDS("status"), "members  2, 1 alive\n");
    ctl_says(fake, WORDS("status"), "ranges   5, 2 with a leader, 1 led here\n");
    ctl_says(fake, WORDS("status"),
             "board    epoch 177, complete (1 epoch behind); settled through "
             "176 (2 epochs behind)\n");
    ctl_says(fake, WORDS("status"), "harbour       42\n");
}

/* Ranges that are led and held by the same nodes share a row; what is not known is a dash. */
static void the_status_shows_members_and_ranges(void **state)
{
    struct fake *fake = *state;
    ctl_says(fake, WORDS("status"),
             "NODE  STATE   LEADS  REPLICAS  CLOCK US  HTTP\n"
             "n1    alive       1         2         -  127.0.0.1:7801\n"
             "n2    failed      0         2         -  -\n");
    ctl_says(fake, WORDS("status"),
             "RANGES  LEADER  VOTERS      LEARNERS  TERM  APPLIED\n"
             "0       n1      n1, n2      -            4     1234\n"
             "1-3     -       n1, n2      -          4-5     7-90\n"
             "4       n2      n1, n2, n3  n4           -        -\n");
}

static void tables_are_aligned(void **state)
{
    struct fake *fake = *state;
    ctl_says(fake, WORDS("shards"),
             "RANGE   FROM     TO  LEADER  VOTERS      LEARNERS  TERM  APPLIED\n"
             "    0      0  32767  n1      n1, n2      -            4     1234\n"
             "    1  32768  65535  -       n1, n2      -            4        7\n");
    ctl_says(fake, WORDS("members"),
             "n2    failed  -               -         0         2  -               -  yes");
    ctl_says(fake, WORDS("board", "harbour"),
             "harbour, epoch 177, partial, 42 players, without the ranges 1\n\n"
             "RANK  PLAYER                                SCORE\n"
             "   1  " PLAYER "    300\n");
    ctl_says(fake, WORDS("epoch"), "ranges in  2 of 2\nsummaries  1, 100 bytes\n");
}

static void players_and_awards_are_shown_whole(void **state)
{
    struct fake *fake = *state;
    ctl_says(fake, WORDS("player", "harbour", PLAYER),
             "pending   -\nwon       chest\nlost      -\nreactions 🔥 2, 👏 1\n\n"
             "OPEN TO HIM  POINTS  LEFT  REACTIONS MISSING  HINT\n"
             "gate             10     -                  -  -\n"
             "yard             20     1                  4  -\n");
    ctl_says(fake, WORDS("awards", "harbour"),
             "harbour, settled through epoch 177\n\n"
             "TREASURE  SUPPLY  AWARDED\n"
             "chest          3        2\n"
             "old            -        0\n\n"
             "TREASURE  PLACE  PLAYER                                EPOCH  RANGE  INDEX  "
             "CLOCK +- US\n"
             "chest         1  " PLAYER "    176      5    991          250\n");
    ctl_says(fake, WORDS("awards", "harbour"), "\nand more than these 2 winners: --limit\n");
    ctl_says(fake, WORDS("board", "harbour", PLAYER),
             "harbour, around " PLAYER ", who is 7 of 42 in epoch 177\n\n"
             "RANK  PLAYER                                SCORE\n"
             "   7  " PLAYER "    300\n"
             "   -  " PLAYER "      0\n");
}

static void nothing_of_a_server_reaches_the_terminal_raw(void **state)
{
    struct fake *fake = *state;
    ctl_says(fake, WORDS("hunts"), "H?x");
}

static void options_and_words_reach_the_server(void **state)
{
    struct fake *fake = *state;
    ctl_says(fake, WORDS("board", "harbour", "--limit", "7"), "harbour");
    assert_string_equal(fake->last_target, "GET /v1/hunts/harbour/leaderboard?limit=7");
    ctl_says(fake, WORDS("awards", "harbour", "--limit", "2"), "harbour");
    assert_string_equal(fake->last_target, "GET /v1/hunts/harbour/awards?limit=2");
    ctl_says(fake, WORDS("player", "harbour", PLAYER), "score     30");
    ctl_fails(fake, 1, WORDS("player", "a/b", "x y"), "404: there is nothing here");
    assert_string_equal(fake->last_target, "GET /v1/hunts/a%2Fb/players/x%20y?");
    ctl_says(fake, WORDS("drain", "n2"), "node: n2\ndraining: yes\n");
    ctl_fails(fake, 1, WORDS("remove", "n1"), "409: n1 is alive");
    assert_string_equal(fake->last_target, "DELETE /v1/cluster/nodes/n1?");
}

/* A file with this text; the caller unlinks and frees its path. */
static char *write_file(const char *ending, const char *text)
{
    char *path = NULL;
    assert_true(asprintf(&path, "/tmp/cairn-tools-XXXXXX%s", ending) > 0);
    const int fd = mkstemps(path, (int)strlen(ending));
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    (void)close(fd);
    return path;
}

static void remove_file(char *path)
{
    (void)unlink(path);
    free(path);
}

static void a_hunt_is_put_under_the_id_in_its_file(void **state)
{
    struct fake *fake = *state;
    char *yaml = write_file(".yaml", "# a hunt\nhunt: harbour\nwhatever: it says\n");
    char *json = write_file(".json", "{\"hunt\": \"pier\"}");

    ctl_says(fake, WORDS("hunts", "put", yaml), "harbour: version 4, active from epoch 181\n");
    assert_string_equal(fake->last_target, "PUT /v1/hunts/harbour?");
    assert_string_equal(fake->last_type, "application/yaml");
    ctl_says(fake, WORDS("hunts", "put", json, "--dry-run"), "nothing is wrong");
    assert_string_equal(fake->last_target, "PUT /v1/hunts/pier?dry_run=true");
    assert_string_equal(fake->last_type, "application/json");
    remove_file(yaml);
    remove_file(json);
}

static void each_fault_of_a_hunt_has_its_line(void **state)
{
    struct fake *fake = *state;
    char *path = write_file(".yaml", "hunt: harbour\nbad: yes\n");
    char expected[300];
    (void)snprintf(expected, sizeof expected,
                   "%s:7: treasures[0].radius: must be 1 to 1000000\n%s: there is more\n"
                   "cairnctl: 422: the hunt has 2 faults\n",
                   path, path);
    ctl_fails(fake, 1, WORDS("hunts", "put", path), expected);
    remove_file(path);
}

static void a_file_without_an_id_is_checked_here(void **state)
{
    struct fake *fake = *state;
    char *path = write_file(".yaml", "plane: flat\ntreasures: []\n");
    char expected[300];
    (void)snprintf(expected, sizeof expected, "%s:1: hunt: ", path);
    ctl_fails(fake, 1, WORDS("hunts", "put", path), expected);
    assert_string_equal(fake->last_target, "");
    ctl_fails(fake, 1, WORDS("hunts", "put", "/nowhere/x.yaml"), "No such file");
    remove_file(path);
}

static void the_token_is_sent(void **state)
{
    struct fake *fake = *state;
    char *path = write_file("", "  s3cret \n");
    ctl_says(fake, WORDS("--token-file", path, "hunts"), "harbour");
    assert_string_equal(fake->last_token, "Bearer s3cret");
    remove_file(path);
    ctl_fails(fake, 1, WORDS("--token-file", "/nowhere/token", "hunts"), "No such file");
}

static void json_is_one_object_on_one_line(void **state)
{
    struct fake *fake = *state;
    static const char *const commands[] = {"status", "members", "ranges", "epoch", "hunts"};
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
        struct run *result = ctl(fake, WORDS("--json", commands[i]));
        assert_int_equal(result->code, 0);
        json_decref(object_of(result));
        free(result);
    }
    struct run *result = ctl(fake, WORDS("--json", "remove", "n1"));
    assert_int_equal(result->code, 1);
    json_t *problem = object_of(result);
    assert_string_equal(json_string_value(json_object_get(problem, "detail")), "n1 is alive");
    json_decref(problem);
    free(result);
}

static void watching_shows_one_status_after_another(void **state)
{
    struct fake *fake = *state;
    struct run *result = ctl(fake, WORDS("watch", "--count", "2"));
    assert_int_equal(result->code, 0);
    const char *first = strstr(result->out.text, "cluster  c0ffee");
    assert_non_null(first);
    assert_non_null(strstr(first + 1, "cluster  c0ffee"));
    free(result);
}

static void a_node_that_is_down_is_said_to_be(void **state)
{
    struct fake *fake = *state;
    struct run *result = run(fake, "cairnctl", WORDS("--node", "127.0.0.1:1", "status"));
    assert_int_equal(result->code, 1);
    assert_string_equal(result->error.text, "cairnctl: http://127.0.0.1:1: cannot connect\n");
    free(result);
}

static void wrong_words_exit_with_2(void **state)
{
    struct fake *fake = *state;
    static const char *const words[][6] = {
        {NULL},
        {"dance"},
        {"status", "now"},
        {"board"},
        {"player", "harbour"},
        {"hunts", "put"},
        {"hunts", "burn", "x"},
        {"hunts", "put", "a", "b"},
        {"status", "--limit", "5"},
        {"board", "harbour", "--limit", "1001"},
        {"board", "harbour", "--dry-run"},
        {"--frobnicate", "status"},
    };
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        ctl_fails(fake, 2, words[i], "cairnctl");
    ctl_fails(fake, 2, WORDS("--node", "https://x:1", "status"), "not like http://HOST:PORT");
}

static void all_tell_their_version_and_help(void **state)
{
    struct fake *fake = *state;
    static const char *const programs[] = {"cairnctl", "cairn-load", "cairn-attack"};
    for (size_t i = 0; i < 3; i++) {
        struct run *result = run(fake, programs[i], WORDS("--version"));
        assert_int_equal(result->code, 0);
        assert_contains(result->out.text, CAIRN_VERSION);
        free(result);
        result = run(fake, programs[i], WORDS("--help"));
        assert_int_equal(result->code, 0);
        assert_contains(result->out.text, "Exit code: 0");
        free(result);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(claims_come_at_the_rate_asked_for),
        TEST(batches_are_due_together),
        TEST(claims_go_out_in_every_format),
        TEST(rate_0_is_as_fast_as_it_goes),
        TEST(what_is_not_answered_is_sent_again_unchanged),
        TEST(of_a_batch_only_the_unavailable_are_sent_again),
        TEST(what_is_never_answered_is_unknown),
        TEST(a_refusal_is_not_repeated),
        TEST(an_answer_of_somebody_else_does_not_count),
        TEST(a_seed_goes_on_where_it_stopped),
        TEST(without_a_seed_the_players_are_new),
        TEST(the_record_has_a_line_for_each_claim),
        TEST(a_target_that_is_down_is_left_out),
        TEST(without_the_hunts_page_the_shown_places_must_do),
        TEST(people_get_a_table),
        TEST(a_run_that_cannot_take_place_exits_with_1),
        TEST(wrong_usage_exits_with_2),
        TEST(the_status_says_why_a_node_is_not_ready),
        TEST(the_status_shows_members_and_ranges),
        TEST(tables_are_aligned),
        TEST(players_and_awards_are_shown_whole),
        TEST(nothing_of_a_server_reaches_the_terminal_raw),
        TEST(options_and_words_reach_the_server),
        TEST(a_hunt_is_put_under_the_id_in_its_file),
        TEST(each_fault_of_a_hunt_has_its_line),
        TEST(a_file_without_an_id_is_checked_here),
        TEST(the_token_is_sent),
        TEST(json_is_one_object_on_one_line),
        TEST(watching_shows_one_status_after_another),
        TEST(a_node_that_is_down_is_said_to_be),
        TEST(wrong_words_exit_with_2),
        TEST(all_tell_their_version_and_help),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
