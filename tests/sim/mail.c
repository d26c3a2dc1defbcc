#include "tests/sim/mail.h"

#include <stdlib.h>
#include <string.h>

#include "cluster/base/check.h"
#include "proto/peer_message.h"

void mail_init(struct mail *mail, const struct message *message)
{
    const size_t room = peer_message_bytes_max(message);
    mail->bytes = malloc(room);
    CHECK(mail->bytes != NULL);
    arena_init(&mail->arena);
    struct writer writer;
    writer_init(&writer, mail->bytes, room);
    peer_message_write(message, &writer);

    struct reader body;
    struct peer_piece piece;
    reader_init(&body, mail->bytes, writer.used);
    const bool found = peer_piece_next(&body, &piece);
    CHECK(found);
    CHECK(reader_done(&body));
    const enum status read = peer_message_read(&mail->message, &mail->arena, &piece);
    CHECK(read == STATUS_OK);
}

void mail_fini(struct mail *mail)
{
    arena_fini(&mail->arena);
    free(mail->bytes);
}
