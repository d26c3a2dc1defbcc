/* POST /hunt in JSON: a byte of flags, then the body. */
#include "node/json_actions.h"
#include "tests/fuzz/fuzz_actions.h"

static void read_actions(const struct json_request *request, enum plane plane)
{
    struct request_actions actions;
    struct request_fault fault;
    const enum status status = json_actions_read(&actions, request, FUZZ_HUNT, plane, &fault);
    if (status != STATUS_OK) {
        CHECK(status == STATUS_INVALID);
        check_fault(&fault);
        return;
    }
    check_actions(&actions, plane);
    free(actions.list);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_input input = {data, size};
    struct json_request request;
    struct request_fault fault;
    size_t bytes;
    const uint8_t flags = fuzz_u8(&input);
    const bool names_hunt = (flags & 1) == 0;
    uint8_t *body = fuzz_bytes(&input, SIZE_MAX, &bytes);
    const enum status status = json_request_read(&request, body, bytes, names_hunt, &fault);
    if (status == STATUS_OK) {
        CHECK(!names_hunt || request.hunt.text[0] != '\0');
        read_actions(&request, PLANE_FLAT);
        read_actions(&request, PLANE_GEO);
        json_request_fini(&request);
    } else {
        CHECK(status == STATUS_INVALID);
        check_fault(&fault);
    }
    free(body);
    return 0;
}
