/* SPDX-License-Identifier: MIT */
/*
 * The face of `fourtuple run`: an unmodified program whose sockets belong to a stack of ours. What
 * the command line said comes in, the exit status goes out; how it is done is the business of the
 * files in this folder.
 */
#ifndef FT_RUN_RUN_H
#define FT_RUN_RUN_H

#include <stdbool.h>

#include <fourtuple/types.h>

struct conf;

#define RUN_DNS_MAX 3 /* what a resolver reads of resolv.conf (MAXNS) */

/* Exit statuses of our own, as env(1) has them. */
enum { RUN_FAILED = 125, RUN_CANNOT_EXEC = 126, RUN_NOT_FOUND = 127 };

struct run_options {
    struct conf *conf;         /* the nets and the name; borrowed, changed */
    char dns[RUN_DNS_MAX][64]; /* addresses as they go into resolv.conf */
    unsigned n_dns;            /* used of dns */
    ft_time linger;            /* how long to wait for acknowledgements after the program */
    const char *record;        /* file for a recording of the stack; NULL: none */
    bool verbose;              /* say on stderr what happens */
    char *const *argv;         /* PROGRAM and its arguments, NULL-terminated; borrowed */
};

/**
 * Run a program on a stack of its own until the last of its processes has ended and what they
 * queued is acknowledged, or given up.
 *
 * @options: borrowed until the call returns
 *
 * Return: the program's exit status, 128 + signal when it died of one, or RUN_FAILED,
 * RUN_CANNOT_EXEC, RUN_NOT_FOUND after one line on stderr.
 */
int run_main(const struct run_options *options);

#endif
