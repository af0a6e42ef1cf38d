/* SPDX-License-Identifier: MIT */
/*
 * fourtuple SUBCOMMAND ...: finds the subcommand in a table and leaves the rest to it.
 */
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cmd/cmd.h"
#include "host/say.h"

struct command {
    const char *name;
    int (*run)(int argc, char **argv);
    int failed; /* its exit status when the output cannot be written */
    const char *help;
};

static const struct command commands[] = {
    {"run", ft_cmd_run, 125, "run an unmodified program on a stack of its own"},
    {"ss", ft_cmd_ss, 1, "list the sockets of running hosts"},
    {"replay", ft_cmd_replay, 2, "run the stack of a recording again, and compare"},
    {"sim", ft_cmd_sim, 2, "run whole networks in virtual time, out of a seed"},
};

#define N_COMMANDS (sizeof(commands) / sizeof(commands[0]))

static void print_help(FILE *out)
{
    fprintf(out, "fourtuple: a TCP/IP host in user space\n\n");
    for (size_t i = 0; i < N_COMMANDS; i++)
        fprintf(out, "  fourtuple %-8s %s\n", commands[i].name, commands[i].help);
    fprintf(out, "\nEach explains itself: fourtuple COMMAND --help\n");
}

/* A help text or a list that nobody could be given is no success. */
static int end(int status, int failed)
{
    int error = host_flush(stdout);

    if (error == 0 || status != 0)
        return status;
    host_say("the output cannot be written: %s", strerror(error));
    return failed;
}

/* Where one of the first three is closed, the next file to be opened would take its number, and
   what is said would be written into it. What takes the place fails as the closed one does, and
   PROGRAM does not get it. Return: whether they are all there. */
static bool keep_standard_files(void)
{
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
        int mode = fd == STDIN_FILENO ? O_WRONLY : O_RDONLY;

        if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", mode | O_CLOEXEC) != fd)
            return false;
    }
    return true;
}

int main(int argc, char **argv)
{
    if (!keep_standard_files())
        return 125; /* and nobody could be told */
    if (argc < 2) {
        print_help(stderr);
        return 2;
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) {
        print_help(stdout);
        return end(0, 1);
    }
    for (size_t i = 0; i < N_COMMANDS; i++) {
        if (strcmp(argv[1], commands[i].name) == 0)
            return end(commands[i].run(argc - 1, argv + 1), commands[i].failed);
    }
    host_say("%s: no such command; fourtuple --help lists them", argv[1]);
    return 2;
}
