/* tests/integration/process.h -- One cairnd under test: a process of its own, with a folder of its
 * own that holds its configuration, its data and what it said. Port 0 everywhere, so that tests run
 * beside each other; every start has another port.
 *
 * Whatever goes wrong here fails the test that called. One thread. */
#ifndef CAIRN_TESTS_INTEGRATION_PROCESS_H
#define CAIRN_TESTS_INTEGRATION_PROCESS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* A start, or an end that was asked for, may take so long on a slow machine under a sanitizer. */
#define PROCESS_WAIT_MS 30000

/* Of process_wait(): what killed it is added to this. */
#define PROCESS_KILLED_BY 1000

#define PROCESS_PATH_BYTES 128

struct process {
    char folder[PROCESS_PATH_BYTES];
    const char *name;
    uint64_t
        file_bytes_max; /* no file of a process launched from now on grows further; 0: any may */
    /* What processes launched from now on are started by, up to a NULL: a program, looked for in
     * the PATH, that becomes what its further arguments say. NULL: nothing. */
    const char *const *before;
    int network;                   /* the network namespace that it lives in; 0: the test's own */
    pid_t pid;                     /* 0: none runs */
    int end;                       /* readable when it has ended (a pidfd) */
    int out;                       /* its standard output */
    uint16_t port;                 /* since it was ready; 0: it is not */
    char peer[PROCESS_PATH_BYTES]; /* where peers reach it, or reached it last: "tcp://..." */
};

/* The number in an environment variable. */
uint64_t process_number(const char *variable, uint64_t otherwise);

/* CAIRN_SEED, else the time; prints it. */
uint64_t process_seed(void);

uint64_t process_now_ms(void);

/* Makes the folder, and in it a configuration that founds: n1, epochs of 200 ms,
 * and no room kept on the disk. */
void process_init(struct process *process);

/* The same for a node of this name (which is borrowed), with this as the configuration's section
 * `cluster`. */
void process_init_as(struct process *process, const char *name, const char *cluster);

/* Kills what still runs and removes the folder. Accepts a zeroed struct. */
void process_fini(struct process *process);

/* The path of a file in the folder; valid until the next call. */
const char *process_path(const struct process *process, const char *name);

/* All that was written to standard error since process_init(); valid until the next call. */
const char *process_said(const struct process *process);

/* How often this is in there. */
uint32_t process_count_said(const struct process *process, const char *part);

/* Starts it with more arguments, up to a NULL; does not wait. */
void process_launch(struct process *process, const char *const *arguments);

/* Waits for the ready line, which is the contract's to the letter and the first it prints. */
void process_wait_ready(struct process *process);

/* Both. */
void process_start(struct process *process);

void process_signal(const struct process *process, int signal);

/* Has it ended? Does not wait; process_wait() still is to be called. */
bool process_ended(const struct process *process);

/* Waits for its end and forgets it. Its exit code, or PROCESS_KILLED_BY + the signal. It printed
 * nothing after the ready line. */
int process_wait(struct process *process, uint64_t within_ms);

/* Runs another program, looked for in the PATH and where administrators have theirs, with these
 * arguments, up to a NULL, to its end. What process_wait() says; 127: there is no such program. */
int process_run(const char *const *arguments);

/* kill -9. Fails when it had ended by itself. */
void process_kill(struct process *process);

#endif
