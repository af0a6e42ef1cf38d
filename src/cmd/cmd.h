/* SPDX-License-Identifier: MIT */
/*
 * The subcommands of the program: each is a file of this folder and a line of the table in main.c.
 */
#ifndef CMD_CMD_H
#define CMD_CMD_H

/**
 * fourtuple sim: whole networks in virtual time.
 *
 * @argc, @argv: argv[0] is "sim"
 *
 * Return: the exit status: 0 all oracles held, 1 one failed, 2 bad arguments.
 */
int ft_cmd_sim(int argc, char **argv);

/**
 * fourtuple ss: the sockets and counters of running hosts.
 *
 * @argc, @argv: argv[0] is "ss"
 *
 * Return: the exit status: 0 done, 1 a host that was named does not answer, 2 bad arguments.
 */
int ft_cmd_ss(int argc, char **argv);

/**
 * fourtuple run: an unmodified program on a stack of its own.
 *
 * @argc, @argv: argv[0] is "run"
 *
 * Return: the exit status: the program's own, or 125, 126, 127 as env(1) has them.
 */
int ft_cmd_run(int argc, char **argv);

/**
 * fourtuple replay: a recorded stack, run again.
 *
 * @argc, @argv: argv[0] is "replay"
 *
 * Return: the exit status: 0 all equal, 1 diverged, 2 bad arguments, 3 truncated or damaged.
 */
int ft_cmd_replay(int argc, char **argv);

#endif
