/* SPDX-License-Identifier: MIT */
/*
 * The processes of a run: the supervisor (us), the first process of the PID namespace, and PROGRAM.
 *
 * The first process does nothing but reap, and pass signals on. It ends when no other process is
 * left, and is killed by the kernel when the supervisor dies, and everything in its namespace with
 * it.
 */
#ifndef FT_RUN_SPAWN_H
#define FT_RUN_SPAWN_H

#include <signal.h>
#include <stddef.h>
#include <sys/resource.h>
#include <sys/types.h>

struct sandbox;

/* How the program finds its signals and limits: as we found them. */
struct spawn_inherit {
    sigset_t mask;
    struct sigaction actions[NSIG];
    struct rlimit nofile;
};

struct spawned {
    pid_t init;   /* the first process of the namespace; our child */
    int control;  /* messages come, SPAWN_GO goes */
    int program;  /* pidfd of PROGRAM */
    int listener; /* its seccomp notifications */
    int inet;     /* an AF_INET socket of its network namespace */
    int rtnl;     /* an rtnetlink socket of the same */
};

enum spawn_kind {
    SPAWN_MAPPED = 'm',  /* to the first process: its ids are mapped */
    SPAWN_ERROR = 'e',   /* from it: text says what cannot be had */
    SPAWN_READY = 'r',   /* from PROGRAM: pidfd, inet and rtnl come along */
    SPAWN_FILTER = 'f',  /* from PROGRAM: value is the number of its listener */
    SPAWN_GO = 'g',      /* to PROGRAM: execute */
    SPAWN_NO_EXEC = 'x', /* from PROGRAM: value is the errno of execvp */
    SPAWN_STATUS = 's',  /* from the first process: value is PROGRAM's wait status */
};

struct spawn_message {
    int kind; /* enum spawn_kind */
    int value;
    char text[256];
};

/** Leave the machine's network: our AF_UNIX names must be out of everybody's reach. */
int spawn_hide(char *ret_err, size_t err_len);

/**
 * Our own dispositions of signals, and the limit of descriptors raised; tells what was before. What
 * a terminal sends waits until spawn_leave_terminal().
 */
void spawn_inherit(struct spawn_inherit *ret_inherit);

/**
 * Make the namespaces and the processes. PROGRAM waits for spawn_go().
 *
 * @ret_err: on failure one sentence
 *
 * Return: 0 or a -errno.
 */
int spawn(struct sandbox *sandbox, const struct spawn_inherit *inherit, char *const *argv,
          struct spawned *ret, char *ret_err, size_t err_len);

/** Pass on to PROGRAM what came from the terminal so far, and ignore it from now on. */
void spawn_leave_terminal(const struct spawned *spawned);

/** Send a signal to all processes of a run. @init: its first process */
void spawn_signal_all(pid_t init, int signal);

/** Let PROGRAM be executed. */
void spawn_go(int control);

/** Take a message. Return: 1; 0: the first process has ended; -EAGAIN. */
int spawn_hear(int control, struct spawn_message *ret);

#endif
