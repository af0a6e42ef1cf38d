/* SPDX-License-Identifier: MIT */
/*
 * fourtuple replay: runs the stack of a recording again and says whether it did the same.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fourtuple/host.h>

#include "cmd/cmd.h"
#include "diag/replay.h"
#include "host/say.h"

enum { SAME = 0, DIVERGED = 1, BAD_ARGUMENTS = 2, DAMAGED = 3 };

static const char help[] =
    "usage: fourtuple replay FILE [--until TIME] [--pcap FILE] [--trace FILE]\n"
    "\n"
    "Run the stack of a recording (fourtuple run --record FILE) again, here and now, and compare\n"
    "each frame that it sends and each answer that it gives with what it did then.\n"
    "\n"
    "  --until TIME   end before what is later than TIME after the begin: 12s, 1.25s, 300ms\n"
    "  --pcap FILE    write every frame to FILE (pcapng; the begin of the recording is time 0)\n"
    "  --trace FILE   write a line for each packet, change of state and timer; - is the output\n"
    "\n"
    "A recording holds the keys of its stack and all that its programs sent and received. One\n"
    "whose stack aborted ends in the same abort, so: gdb --args fourtuple replay FILE\n"
    "\n"
    "Exit status: 0 all was the same; 1 it diverged: the time and the frame or call are named;\n"
    "2 bad arguments; 3 the recording breaks off or is damaged: what was whole is replayed.\n";

struct arguments {
    const char *file, *trace;
    struct replay_options options;
};

static int complain(const char *what, const char *why)
{
    host_say("%s: %s", what, why);
    return -1;
}

/* Digits with up to nine behind a point, then s, ms, us or nothing for seconds. */
static bool read_time(const char *text, ft_time *ret)
{
    static const struct {
        const char *name;
        uint64_t unit;
    } units[] = {{"", FT_SEC}, {"s", FT_SEC}, {"ms", FT_MS}, {"us", FT_US}};
    uint64_t whole, rest = 0, scale = 1;
    char *end;

    if (*text < '0' || *text > '9')
        return false;
    errno = 0;
    whole = strtoull(text, &end, 10);
    if (errno != 0 || whole > 1000000000)
        return false;
    if (*end == '.') {
        for (end++; *end >= '0' && *end <= '9' && scale < FT_SEC; end++, scale *= 10)
            rest = rest * 10 + (uint64_t)(*end - '0');
        if (scale == 1)
            return false;
    }
    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
        if (strcmp(end, units[i].name) != 0)
            continue;
        *ret = whole * units[i].unit + rest * units[i].unit / scale;
        return true;
    }
    return false;
}

static int read_option(const char *name, const char *value, struct arguments *ret)
{
    char text[200];

    if (value == NULL)
        return complain(name, "a value is missing (fourtuple replay --help)");
    if (strcmp(name, "--pcap") == 0) {
        ret->options.pcap = value;
    } else if (strcmp(name, "--trace") == 0) {
        ret->trace = value;
    } else if (!read_time(value, &ret->options.until)) {
        (void)snprintf(text, sizeof(text), "%.100s is not a time; write it as 12s, 1.25s or 300ms",
                       value);
        return complain(name, text);
    }
    return 0;
}

/* Return: 0; 1: only help was asked for; -1: told what is wrong. */
static int read_arguments(int argc, char **argv, struct arguments *ret)
{
    *ret = (struct arguments){.options = {.until = FT_TIME_NEVER}};
    for (int i = 1; i < argc; i++) {
        const char *arg = argv[i];

        if (strcmp(arg, "--help") == 0 || strcmp(arg, "-h") == 0)
            return 1;
        if (strcmp(arg, "--until") == 0 || strcmp(arg, "--pcap") == 0 ||
            strcmp(arg, "--trace") == 0) {
            i++;
            if (read_option(arg, i < argc ? argv[i] : NULL, ret) != 0)
                return -1;
        } else if (arg[0] == '-') {
            return complain(arg, "no such option (fourtuple replay --help)");
        } else if (ret->file != NULL) {
            return complain(arg, "one recording at a time");
        } else {
            ret->file = arg;
        }
    }
    return ret->file != NULL ? 0 : complain("replay", "which recording? fourtuple replay FILE");
}

/* The file in memory. Return: 0; -1: told why not. */
static int map_file(const char *path, uint8_t **ret_data, size_t *ret_len)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct stat stat;
    void *data = NULL;
    int error = 0;

    if (fd < 0)
        return complain(path, strerror(errno));
    if (fstat(fd, &stat) != 0)
        error = errno;
    else if (!S_ISREG(stat.st_mode))
        error = EINVAL;
    else if (stat.st_size > 0)
        data = mmap(NULL, (size_t)stat.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (data == MAP_FAILED)
        error = errno;
    (void)close(fd); /* was only read */
    if (error != 0)
        return complain(path, error == EINVAL ? "is no file" : strerror(error));
    *ret_data = data;
    *ret_len = (size_t)stat.st_size;
    return 0;
}

static int tell(const char *path, const struct replay_result *result)
{
    unsigned long long seconds = result->at / FT_SEC, rest = result->at % FT_SEC;

    if (result->other_build)
        host_say("%s: recorded by another build (%s); it may do other things", path,
                 result->build[0] == '\0' ? "unknown" : result->build);
    switch (result->end) {
    case REPLAY_EQUAL:
        (void)printf("%" PRIu64 " frames compared, all equal; %" PRIu64 " calls in %llu.%06llu s\n",
                     result->n_frames, result->n_calls, seconds, rest / 1000);
        return SAME;
    case REPLAY_DIVERGED:
        (void)printf("diverged at %llu.%09llu s: %s; %" PRIu64 " frames before it are equal\n",
                     seconds, rest, result->why, result->n_frames);
        return DIVERGED;
    case REPLAY_DAMAGED:
        host_say("%s: %s", path, result->why);
        (void)printf("%" PRIu64 " frames compared before that, all equal; %" PRIu64
                     " calls in %llu.%06llu s\n",
                     result->n_frames, result->n_calls, seconds, rest / 1000);
        return DAMAGED;
    case REPLAY_FAILED:
        host_say("%s: %s", path, result->why);
        break;
    }
    return BAD_ARGUMENTS;
}

int ft_cmd_replay(int argc, char **argv)
{
    struct ft_auth auth;
    struct replay_result result;
    struct arguments args;
    uint8_t *data = NULL;
    size_t len = 0;
    int lost = 0, told = read_arguments(argc, argv, &args);

    if (told > 0)
        return fputs(help, stdout) == EOF ? BAD_ARGUMENTS : SAME;
    if (told < 0 || map_file(args.file, &data, &len) != 0)
        return BAD_ARGUMENTS;
    if (args.trace != NULL) {
        args.options.trace = strcmp(args.trace, "-") == 0 ? stdout : fopen(args.trace, "w");
        if (args.options.trace == NULL) {
            (void)complain(args.trace, strerror(errno));
            return BAD_ARGUMENTS;
        }
        (void)setvbuf(args.options.trace, NULL, _IOLBF, 0); /* whole also when it aborts */
    }
    ft_host_auth(&auth);
    args.options.auth = &auth;
    replay_run(data, len, &args.options, &result);
    told = tell(args.file, &result);
    if (args.trace != NULL)
        lost = host_flush(args.options.trace);
    if (lost == 0)
        return told;
    (void)complain(args.trace, strerror(lost));
    return told == SAME ? BAD_ARGUMENTS : told;
}
