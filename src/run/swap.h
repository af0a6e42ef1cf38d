/* SPDX-License-Identifier: MIT */
/*
 * Another file under the descriptors of a program.
 */
#ifndef FT_RUN_SWAP_H
#define FT_RUN_SWAP_H

struct call;
struct chan;

/** Give a program's end the options that the kernel keeps for another. */
void swap_options(int from, int to);

/** The same, and O_NONBLOCK. Return: 0 or -errno. */
int swap_prepare(int from, int to);

/**
 * Put another file in place of the one that a call is about: under all descriptors that the
 * process has of it, and in its epolls.
 *
 * Return: 0 or -errno.
 */
int swap_file(struct call *call, int file);

/**
 * The channel of a copy that stayed behind in another process when its file was replaced. The copy
 * gets the file of now, and so does the call.
 *
 * Return: NULL if it is none.
 */
struct chan *swap_follow(struct call *call);

#endif
