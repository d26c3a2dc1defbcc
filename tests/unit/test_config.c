/* The configuration: defaults, every fault with its place, --set, and printing. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "node/config.h"

#define MINIMAL "node: {name: n1, data: run/n1}\n"

static enum status parse(struct config *config, const char *text, const char *const *settings,
                         size_t settings_count, struct config_fault *fault)
{
    const struct config_source source = {
        .name = "n1.yaml",
        .text = text,
        .bytes = strlen(text),
        .settings = settings,
        .settings_count = settings_count,
    };
    return config_parse(config, &source, fault);
}

static void assert_loads(struct config *config, const char *text)
{
    struct config_fault fault = {.text = ""};
    const enum status status = parse(config, text, NULL, 0, &fault);
    if (status != STATUS_OK)
        fail_msg("%s", fault.text);
}

/* The text is refused with exactly this sentence. */
static void assert_fault(const char *text, const char *sentence)
{
    struct config config;
    struct config_fault fault;
    assert_int_equal(parse(&config, text, NULL, 0, &fault), STATUS_INVALID);
    assert_string_equal(fault.text, sentence);
}

static void assert_setting_fault(const char *setting, const char *sentence)
{
    struct config config;
    struct config_fault fault;
    assert_int_equal(parse(&config, MINIMAL, &setting, 1, &fault), STATUS_INVALID);
    assert_string_equal(fault.text, sentence);
}

static void what_is_left_out_has_the_contracts_default(void **state)
{
    (void)state;
    struct config config;
    assert_loads(&config, MINIMAL);
    assert_string_equal(config.node.name, "n1");
    assert_string_equal(config.node.data, "run/n1");
    assert_string_equal(config.node.zone, "");
    assert_string_equal(config.http.listen, "127.0.0.1:7801");
    assert_int_equal(config.http.threads, 0);
    assert_string_equal(config.http.admin_token_file, "");
    assert_int_equal(config.http.cors.count, 0);
    assert_string_equal(config.peer.listen, "tcp://127.0.0.1:7901");
    assert_string_equal(config.peer.advertise, "");
    assert_int_equal(config.peer.keys.count, 0);
    assert_int_equal(config.cluster.join.count, 0);
    assert_false(config.cluster.found);
    assert_int_equal(config.cluster.ranges, 16);
    assert_int_equal(config.cluster.replicas, 3);
    assert_int_equal(config.cluster.epoch_ms, 10000);
    assert_int_equal(config.cluster.replace_after_ms, 30000);
    assert_int_equal(config.cluster.players_max, 1000000);
    assert_int_equal(config.limits.body_bytes, 1048576);
    assert_int_equal(config.limits.header_bytes, 8192);
    assert_int_equal(config.limits.request_ms, 10000);
    assert_int_equal(config.limits.connections, 10000);
    assert_int_equal(config.limits.waiting_actions, 50000);
    assert_int_equal(config.disk.snapshot_bytes, 16777216);
    assert_int_equal(config.disk.reserve_bytes, 671088640);
    assert_int_equal(config.log.level, LOG_LEVEL_INFO);
    assert_int_equal(config.log.format, LOG_FORMAT_TEXT);
    config_fini(&config);
}

static void every_key_can_be_given(void **state)
{
    (void)state;
    struct config config;
    assert_loads(
        &config,
        "node: { name: a-1, data: /var/x, zone: east }\n"
        "http: { listen: '[::1]:0', threads: 0, admin_token_file: '', cors: ['https://a.b', "
        "'http://[::1]:3000'] }\n"
        "peer: { listen: 'tcp://127.0.0.2:1', advertise: 'tcp://host.example:9' }\n"
        "cluster: { join: ['tcp://10.0.0.1:7901', 'tcp://b:1'], found: true, ranges: 1024,\n"
        "  replicas: 7, epoch_ms: 100, replace_after_ms: 1000, players_max: 100000000 }\n"
        "limits: { body_bytes: 1, header_bytes: 256, request_ms: 1, connections: 1,\n"
        "  waiting_actions: 1 }\n"
        "disk: { snapshot_bytes: 4096, reserve_bytes: 0 }\n"
        "log: { level: error, format: json }\n");
    assert_string_equal(config.node.zone, "east");
    assert_string_equal(config.http.listen, "[::1]:0");
    assert_int_equal(config.http.cors.count, 2);
    assert_string_equal(config.http.cors.items[1], "http://[::1]:3000");
    assert_string_equal(config.peer.advertise, "tcp://host.example:9");
    assert_int_equal(config.cluster.join.count, 2);
    assert_string_equal(config.cluster.join.items[1], "tcp://b:1");
    assert_true(config.cluster.found);
    assert_int_equal(config.cluster.ranges, 1024);
    assert_int_equal(config.cluster.players_max, 100000000);
    assert_int_equal(config.limits.header_bytes, 256);
    assert_int_equal(config.limits.waiting_actions, 1);
    assert_int_equal(config.disk.snapshot_bytes, 4096);
    assert_int_equal(config.disk.reserve_bytes, 0);
    assert_int_equal(config.log.level, LOG_LEVEL_ERROR);
    assert_int_equal(config.log.format, LOG_FORMAT_JSON);
    config_fini(&config);
}

static void a_fault_names_file_line_column_and_field(void **state)
{
    (void)state;
    assert_fault(MINIMAL "cluster:\n  found: true\n  rangs: 16\n",
                 "n1.yaml:4:3: cluster.rangs: there is no such key");
    assert_fault(MINIMAL "cloud: {}\n", "n1.yaml:2:1: cloud: there is no such key");
    assert_fault(MINIMAL "cluster: {ranges: 1025}\n",
                 "n1.yaml:2:11: cluster.ranges: must be a whole number from 1 to 1024, is '1025'");
    assert_fault(MINIMAL "cluster: {ranges: 5x}\n",
                 "n1.yaml:2:11: cluster.ranges: must be a whole number from 1 to 1024, is '5x'");
    assert_fault(MINIMAL "cluster:\n  found: maybe\n",
                 "n1.yaml:3:3: cluster.found: must be true or false, is 'maybe'");
    assert_fault(MINIMAL "cluster:\n  ranges: 4\n  ranges: 8\n",
                 "n1.yaml:4:3: cluster.ranges: Mapping field already seen: ranges");
    assert_fault(MINIMAL "cluster:\n  join: here\n",
                 "n1.yaml:3:3: cluster.join: Expecting SEQUENCE, got event: SCALAR");
    assert_fault(MINIMAL "cluster:\n  join: [\"tcp://a:1\",\n    b]\n",
                 "n1.yaml:4:5: cluster.join: must be addresses like tcp://127.0.0.1:7901, one is "
                 "'b'");
    assert_fault(MINIMAL "log:\n  level: loud\n",
                 "n1.yaml:3:3: log.level: must be debug, info, warning or error, is 'loud'");
}

static void origins_are_as_browsers_write_them(void **state)
{
    (void)state;
    static const char *const right[] = {"*",
                                        "https://play.example",
                                        "http://localhost:3000",
                                        "http://[::1]:8080",
                                        "https://a.example:80",
                                        "capacitor://localhost"};
    static const char *const wrong[] = {"null",
                                        "play.example",
                                        "https://",
                                        "://a",
                                        "https://play.example/",
                                        "https://Play.example",
                                        "https://play.example:443",
                                        "http://play.example:80",
                                        "https://*.example",
                                        "https://me@play.example"};
    char setting[96];
    const char *const settings[] = {setting};
    struct config config;
    struct config_fault fault;
    for (size_t i = 0; i < sizeof right / sizeof right[0]; i++) {
        (void)snprintf(setting, sizeof setting, "http.cors=%s", right[i]);
        assert_int_equal(parse(&config, MINIMAL, settings, 1, &fault), STATUS_OK);
        assert_string_equal(config.http.cors.items[0], right[i]);
        config_fini(&config);
    }
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        (void)snprintf(setting, sizeof setting, "http.cors=[%s]", wrong[i]);
        assert_int_equal(parse(&config, MINIMAL, settings, 1, &fault), STATUS_INVALID);
        assert_non_null(strstr(fault.text, ": must be origins like"));
        assert_non_null(strstr(fault.text, wrong[i]));
    }
}

static void faults_of_syntax_have_their_place(void **state)
{
    (void)state;
    assert_fault("node:\n\tname: n1\n", "n1.yaml:2:1: found character that cannot start any token");
    assert_fault(MINIMAL "---\nnode: {}\n", "n1.yaml:2:1: a second document");
    assert_fault("node: &a {name: n1, data: x}\nhttp: *a\n",
                 "n1.yaml:2:7: aliases are not allowed here");
    assert_fault("- n1\n", "n1.yaml:1:1: Expecting MAPPING, got event: SEQUENCE_START");
}

static void name_and_data_must_be_given(void **state)
{
    (void)state;
    assert_fault("", "n1.yaml: node.name: must be given");
    assert_fault("node: {name: n1}\n", "n1.yaml: node.data: must be given");
    assert_fault("node: {name: N1, data: x}\n",
                 "n1.yaml:1:8: node.name: must be 1 to 63 of a-z 0-9 -, is 'N1'");
}

static void numbers_are_refused_just_outside_their_range(void **state)
{
    (void)state;
    static const struct {
        const char *key;
        unsigned long low, high;
    } keys[] = {
        {"cluster.ranges", 1, 1024},
        {"cluster.epoch_ms", 100, 600000},
        {"cluster.players_max", 1, 100000000},
        {"limits.header_bytes", 256, 65000},
        {"disk.snapshot_bytes", 4096, 1073741824},
        {"disk.reserve_bytes", 0, UINT32_MAX},
    };
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        const unsigned long values[] = {keys[i].low - 1, keys[i].low, keys[i].high,
                                        keys[i].high + 1};
        for (size_t j = 0; j < 4; j++) {
            struct config config;
            struct config_fault fault;
            char setting[64];
            (void)snprintf(setting, sizeof setting, "%s=%lu", keys[i].key, values[j]);
            const char *settings[] = {setting};
            const bool inside = j == 1 || j == 2;
            const enum status status = parse(&config, MINIMAL, settings, 1, &fault);
            assert_int_equal(status, inside ? STATUS_OK : STATUS_INVALID);
            if (status == STATUS_OK)
                config_fini(&config);
        }
    }
}

static void replicas_are_odd(void **state)
{
    (void)state;
    assert_setting_fault("cluster.replicas=4", "--set cluster.replicas=4: must be odd, is 4");
    assert_setting_fault("cluster.replicas=9",
                         "--set cluster.replicas=9: must be a whole number from 1 to 7, is '9'");
}

static void settings_override_the_file_in_their_order(void **state)
{
    (void)state;
    static const char *const settings[] = {
        "cluster.ranges=4",
        "node.zone=east: #1",
        "cluster.join=[tcp://10.0.0.1:7901, tcp://10.0.0.2:7901]",
        "cluster.ranges=8",
        "http.cors=https://a.example",
        "http.listen=[::1]:7801",
    };
    struct config config;
    struct config_fault fault;
    assert_int_equal(
        parse(&config, MINIMAL "cluster: {ranges: 2, join: ['tcp://c:1']}\n", settings, 6, &fault),
        STATUS_OK);
    assert_int_equal(config.cluster.ranges, 8);
    assert_string_equal(config.node.zone, "east: #1");
    assert_int_equal(config.cluster.join.count, 2);
    assert_string_equal(config.cluster.join.items[0], "tcp://10.0.0.1:7901");
    assert_string_equal(config.cluster.join.items[1], "tcp://10.0.0.2:7901");
    assert_int_equal(config.http.cors.count, 1);
    assert_string_equal(config.http.listen, "[::1]:7801");
    config_fini(&config);
}

static void a_list_can_be_emptied_by_a_setting(void **state)
{
    (void)state;
    const char *setting = "cluster.join=[]";
    struct config config;
    struct config_fault fault;
    assert_int_equal(
        parse(&config, MINIMAL "cluster: {join: ['tcp://c:1']}\n", &setting, 1, &fault), STATUS_OK);
    assert_int_equal(config.cluster.join.count, 0);
    config_fini(&config);
}

static void wrong_settings_are_named(void **state)
{
    (void)state;
    assert_setting_fault("cluster.rangs=4", "--set cluster.rangs=4: there is no such key");
    assert_setting_fault("ranges=4", "--set ranges=4: must be section.key=value");
    assert_setting_fault("cluster.ranges", "--set cluster.ranges: must be section.key=value");
    assert_setting_fault("", "--set : must be section.key=value");
    assert_setting_fault("cluster.join=[a,,b]", "--set cluster.join=[a,,b]: has an empty member");
}

static void peers_beyond_loopback_need_keys(void **state)
{
    (void)state;
    assert_setting_fault("peer.listen=tcp://0.0.0.0:7901",
                         "--set peer.listen=tcp://0.0.0.0:7901: others than this machine can reach "
                         "'tcp://0.0.0.0:7901': peer.keys must name a key file");
    static const char *const settings[] = {"peer.listen=tcp://0.0.0.0:7901",
                                           "peer.keys=[/dev/null]"};
    struct config config;
    struct config_fault fault;
    assert_int_equal(parse(&config, MINIMAL, settings, 2, &fault), STATUS_OK);
    config_fini(&config);
}

static void files_that_are_named_must_be_there(void **state)
{
    (void)state;
    assert_fault(MINIMAL "peer:\n  keys: [/dev/null, /does/not/exist]\n",
                 "n1.yaml:3:21: peer.keys: '/does/not/exist': No such file or directory");
    assert_setting_fault("http.admin_token_file=/does/not/exist",
                         "--set http.admin_token_file=/does/not/exist: '/does/not/exist': No such "
                         "file or directory");
}

static void addresses_must_be_addresses(void **state)
{
    (void)state;
    static const char *const wrong[] = {
        "http.listen=localhost:7801",
        "http.listen=127.0.0.1",
        "http.listen=:7801",
        "http.listen=127.0.0.1:",
        "http.listen=127.0.0.1:65536",
        "http.listen=127.0.0.1:080",
        "http.listen=::1:7801",
        "http.listen=1.2.3.256:1",
        "peer.listen=127.0.0.1:7901",
        "peer.listen=tcp://n1:7901",
        "peer.advertise=tcp://1.2.3.4:0",
        "cluster.join=tcp://-x:1",
        "cluster.join=tcp://a_b:1",
        "cluster.join=tcp://a:0",
    };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        struct config config;
        struct config_fault fault;
        assert_int_equal(parse(&config, MINIMAL, &wrong[i], 1, &fault), STATUS_INVALID);
        assert_memory_equal(fault.text, "--set ", 6);
    }
}

static void threads_are_not_supported_yet(void **state)
{
    (void)state;
    assert_setting_fault("http.threads=2", "--set http.threads=2: threads of its own are not "
                                           "supported by this version; must be 0");
}

static char *print(const struct config *config)
{
    char *text = NULL;
    size_t bytes = 0;
    FILE *out = open_memstream(&text, &bytes);
    assert_non_null(out);
    config_print(config, out);
    assert_int_equal(fclose(out), 0);
    return text;
}

static void what_is_printed_loads_to_the_same(void **state)
{
    (void)state;
    static const char *const settings[] = {
        "node.zone=a \"quoted\" \\ zone: [1] # é",
        "cluster.found=true",
        "cluster.join=[tcp://a:1, tcp://b:2]",
        "http.cors=[*, https://x.example]",
        "log.format=json",
        "log.level=debug",
    };
    struct config first;
    struct config second;
    struct config_fault fault;
    assert_int_equal(parse(&first, MINIMAL, settings, 6, &fault), STATUS_OK);
    char *printed = print(&first);
    assert_loads(&second, printed);
    char *again = print(&second);

    assert_string_equal(again, printed);
    assert_string_equal(second.node.zone, "a \"quoted\" \\ zone: [1] # é");
    assert_true(second.cluster.found);
    assert_int_equal(second.cluster.join.count, 2);

    free(printed);
    free(again);
    config_fini(&first);
    config_fini(&second);
}

static void a_file_that_is_not_there_is_named(void **state)
{
    (void)state;
    struct config config;
    struct config_fault fault;
    assert_int_equal(config_load(&config, "/does/not/exist.yaml", NULL, 0, &fault), STATUS_IO);
    assert_string_equal(fault.text, "/does/not/exist.yaml: No such file or directory");
    assert_int_equal(config_load(&config, "/", NULL, 0, &fault), STATUS_IO);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_left_out_has_the_contracts_default),
        cmocka_unit_test(every_key_can_be_given),
        cmocka_unit_test(a_fault_names_file_line_column_and_field),
        cmocka_unit_test(origins_are_as_browsers_write_them),
        cmocka_unit_test(faults_of_syntax_have_their_place),
        cmocka_unit_test(name_and_data_must_be_given),
        cmocka_unit_test(numbers_are_refused_just_outside_their_range),
        cmocka_unit_test(replicas_are_odd),
        cmocka_unit_test(settings_override_the_file_in_their_order),
        cmocka_unit_test(a_list_can_be_emptied_by_a_setting),
        cmocka_unit_test(wrong_settings_are_named),
        cmocka_unit_test(peers_beyond_loopback_need_keys),
        cmocka_unit_test(files_that_are_named_must_be_there),
        cmocka_unit_test(addresses_must_be_addresses),
        cmocka_unit_test(threads_are_not_supported_yet),
        cmocka_unit_test(what_is_printed_loads_to_the_same),
        cmocka_unit_test(a_file_that_is_not_there_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
