/* SPDX-License-Identifier: MIT */
/*
 * Answers to stopped calls that nobody took, for when the call is made again.
 */
#ifndef FT_RUN_UNTAKEN_H
#define FT_RUN_UNTAKEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <fourtuple/types.h>

struct call;
struct caller;
struct chan;
struct iovec;
struct run;

/* By what a stopped call is known again when it is made again. */
struct stopped {
    uint64_t id;
    pid_t tid;
    int nr;
    uint64_t args[6];
};

/** Make ready. Return: 0 or -ENOMEM. */
int untaken_open(struct run *run);

/** Remember what a call writes into the memory of the program; as many octets on both sides. */
void untaken_note(const struct caller *to, const struct iovec *local, size_t n_local,
                  const struct iovec *remote, size_t n_remote);

/** Keep an answer that nobody took. @chan: what the call was about; NULL: none of ours */
void untaken_keep(struct run *run, const struct stopped *stopped, const struct chan *chan,
                  int64_t value);

/**
 * The answer that was kept for this call. What was kept for another one about the same descriptor
 * is forgotten.
 *
 * Return: whether there is one; @ret_value is what the call answers.
 */
bool untaken_give(struct call *call, int64_t *ret_value);

/** Forget those that nobody has asked for. */
void untaken_sweep(struct run *run, ft_time now);

#endif
