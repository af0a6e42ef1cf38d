/* SPDX-License-Identifier: MIT */
/*
 * What a program may hand to the supervisor: addresses, lengths, options, messages and vectors of
 * its own memory, good and bad. The calls are decoded as they are when the filter has stopped them;
 * the "program" is this process, and its memory a block of which the input is written. Nothing is
 * written outside of that block, and nothing is answered but a value or an errno.
 */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <fourtuple.h>
#include <fourtuple/malloc.h>

#include "run/priv.h"
#include "run/run.h"
#include "support.h"

#define MEMORY 4096u
#define GUARD  512u
#define CANARY 0xa5

struct fuzz {
    struct fuzz_input in;
    struct run run;
    struct run_options options;
    struct chan chans[2]; /* a stream and a datagram socket */
    int handles[2];
    uint8_t memory[GUARD + MEMORY + GUARD];
};

/* ---- what notify.c does where a kernel tells of stopped calls -------------------------------- */

bool notify_valid(const struct run *run, uint64_t id)
{
    (void)run;
    (void)id;
    return true;
}

bool notify_answer(const struct run *run, uint64_t id, int64_t value)
{
    (void)run;
    (void)id;
    (void)value;
    return true;
}

int notify_answer_fd(const struct run *run, uint64_t id, int fd, bool cloexec, struct chan *chan)
{
    (void)run;
    (void)id;
    (void)fd;
    (void)cloexec;
    (void)chan;
    return -ENOENT;
}

int notify_replace_fd(const struct run *run, uint64_t id, int fd, int where, bool cloexec)
{
    (void)run;
    (void)id;
    (void)fd;
    (void)where;
    (void)cloexec;
    return -ENOENT;
}

void notify_ready(struct run *run, struct io *io, uint32_t events)
{
    (void)run;
    (void)io;
    (void)events;
}

struct held *held_new(struct call *call, enum held_kind kind, int timeout_opt)
{
    (void)call;
    (void)kind;
    (void)timeout_opt;
    return NULL; /* nobody waits here */
}

void held_free(struct run *run, struct held *held)
{
    (void)run;
    (void)held;
}

void held_empty_grave(struct run *run)
{
    (void)run;
}

bool held_answer(struct run *run, struct held *held, int64_t value)
{
    (void)run;
    (void)held;
    (void)value;
    return true;
}

void held_answer_all(struct run *run, struct chan *chan, enum held_kind kind, int64_t value)
{
    (void)run;
    (void)chan;
    (void)kind;
    (void)value;
}

struct held *held_first(struct run *run, struct chan *chan, enum held_kind kind)
{
    (void)run;
    (void)chan;
    (void)kind;
    return NULL;
}

ft_time held_sweep(struct run *run, ft_time now)
{
    (void)run;
    (void)now;
    return FT_TIME_NEVER;
}

/* ---- the surroundings ------------------------------------------------------------------------ */

static struct ft_stack *new_stack(void)
{
    struct ft_if_config lo = {.size = sizeof(lo), .name = "lo", .type = FT_IF_LOOPBACK};
    struct ft_config config;
    struct ft_stack *stack;

    ft_config_init(&config);
    ft_config_use_malloc(&config);
    config.seed[0] = 1;
    lo.mtu = 65535;
    must(ft_stack_new(&config, &stack) == 0);
    must(ft_if_add(stack, &lo) > 0);
    return stack;
}

static void open_chan(struct fuzz *f, unsigned i, int type, int carrier, enum chan_state state)
{
    struct chan *chan = &f->chans[i];
    int pair[2];

    must(socketpair(AF_UNIX, carrier | SOCK_NONBLOCK, 0, pair) == 0);
    *chan = (struct chan){.end = pair[0], .domain = AF_INET, .type = type, .state = state};
    chan->sock = ft_socket(f->run.stack, AF_INET, type, 0);
    must(chan->sock >= 0);
    TAILQ_INIT(&chan->pending);
    f->handles[i] = pair[1];
}

static void begin(struct fuzz *f)
{
    f->run.stack = new_stack();
    f->run.options = &f->options;
    f->run.inet = -1;
    f->run.scratch = malloc(RUN_SCRATCH_LEN);
    must(f->run.scratch != NULL);
    TAILQ_INIT(&f->run.work);
    TAILQ_INIT(&f->run.unwatched);
    TAILQ_INIT(&f->run.zombies);
    TAILQ_INIT(&f->run.grave);
    TAILQ_INIT(&f->run.held);
    TAILQ_INIT(&f->run.held_grave);
    open_chan(f, 0, SOCK_STREAM, SOCK_STREAM, CHAN_NEW);
    open_chan(f, 1, SOCK_DGRAM, SOCK_SEQPACKET, CHAN_DATAGRAM);
    memset(f->memory, CANARY, sizeof(f->memory));
}

static void end(struct fuzz *f)
{
    for (size_t i = 0; i < GUARD; i++)
        must(f->memory[i] == CANARY && f->memory[GUARD + MEMORY + i] == CANARY);
    for (unsigned i = 0; i < 2; i++) {
        close(f->chans[i].end);
        close(f->handles[i]);
        free(f->chans[i].sources);
    }
    ft_stack_check(f->run.stack);
    ft_stack_free(f->run.stack);
    free(f->run.scratch);
    free(f);
}

/* ---- calls ----------------------------------------------------------------------------------- */

static uint32_t word(struct fuzz *f)
{
    return (uint32_t)fuzz_octet(&f->in) << 8 | fuzz_octet(&f->in);
}

/* A pointer: into the block with room behind it, NULL, or to where nothing is. */
static uint64_t pointer(struct fuzz *f, uint32_t room)
{
    uint8_t kind = fuzz_octet(&f->in);

    if (kind < 16)
        return kind;
    return (uint64_t)(uintptr_t)f->memory + GUARD + word(f) % (MEMORY - room);
}

static uint64_t number(struct fuzz *f)
{
    static const uint64_t odd[] = {0, 1, UINT32_MAX, INT32_MAX, UINT64_MAX, 65535, 65536, 1025};
    uint8_t kind = fuzz_octet(&f->in);

    return kind < 8 ? odd[kind] : kind < 200 ? kind : word(f);
}

/* Octets of the input somewhere into the block. */
static void poke(struct fuzz *f)
{
    uint8_t *at = f->memory + GUARD + word(f) % (MEMORY - 256);

    for (unsigned n = fuzz_octet(&f->in); n > 0; n--)
        *at++ = fuzz_octet(&f->in);
}

/* A struct msghdr, or a vector of them, whose pointers are sensible now and then. */
static uint64_t message(struct fuzz *f)
{
    uint8_t *at = f->memory + GUARD + word(f) % 1024u / 8 * 8;
    struct mmsghdr msgs[4];
    struct iovec iov[4];

    for (unsigned i = 0; i < 4; i++) {
        iov[i].iov_base = (void *)(uintptr_t)pointer(f, 600); /* NOLINT: what a program may say */
        iov[i].iov_len = number(f) % 600;
    }
    memcpy(at + 512, iov, sizeof(iov));
    for (unsigned i = 0; i < 4; i++) {
        msgs[i] = (struct mmsghdr){.msg_hdr = {.msg_iov = (struct iovec *)(void *)(at + 512)}};
        msgs[i].msg_hdr.msg_name = (void *)(uintptr_t)pointer(f, 256);
        msgs[i].msg_hdr.msg_namelen = (socklen_t)number(f);
        msgs[i].msg_hdr.msg_iovlen = fuzz_octet(&f->in) % 5u;
        if (fuzz_octet(&f->in) == 1)
            msgs[i].msg_hdr.msg_iovlen = (size_t)number(f);
        msgs[i].msg_hdr.msg_control = (void *)(uintptr_t)pointer(f, 256);
        msgs[i].msg_hdr.msg_controllen = (size_t)number(f);
    }
    memcpy(at, msgs, sizeof(msgs));
    return (uint64_t)(uintptr_t)at;
}

static void options(struct fuzz *f, struct call *call)
{
    call->args[1] = fuzz_octet(&f->in) % 64;
    call->args[2] = number(f) % 128;
    call->args[3] = pointer(f, RUN_OPTLEN_MAX);
    call->args[4] = number(f);
    (void)call_setsockopt(call);
    call->args[4] = pointer(f, 4);
    (void)call_getsockopt(call);
}

static void datagrams(struct fuzz *f, struct call *call, uint8_t command)
{
    static const int calls[] = {__NR_sendmsg, __NR_sendmmsg, __NR_recvmsg, __NR_recvmmsg};
    uint64_t flags = number(f) & ~(uint64_t)(MSG_OOB | MSG_ERRQUEUE);

    if (command & 8) {
        call->nr = calls[command >> 4 & 3];
        call->args[1] = message(f);
        call->args[2] = command >> 4 & 1 ? number(f) % 5 : flags | MSG_DONTWAIT;
        call->args[3] = flags | MSG_DONTWAIT;
        (void)call_msg(call);
        return;
    }
    call->args[1] = pointer(f, 3000);
    call->args[2] = number(f) % 3000;
    call->args[3] = flags | MSG_DONTWAIT;
    call->args[4] = pointer(f, 128);
    call->args[5] = command & 16 ? pointer(f, 4) : number(f);
    if (command & 16)
        (void)call_recvfrom(call);
    else
        (void)call_sendto(call);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz *f = calloc(1, sizeof(*f));

    must(f != NULL);
    (void)signal(SIGPIPE, SIG_IGN); /* the program that gets one is this process */
    f->in = (struct fuzz_input){data, size};
    begin(f);
    while (f->in.left > 0) {
        uint8_t command = fuzz_octet(&f->in);
        unsigned which = command >> 7;
        struct call call = {.run = &f->run,
                            .caller = {.run = &f->run, .tid = getpid()},
                            .handle = f->handles[which]};

        call.chan = &f->chans[which];
        switch (command & 3) {
        case 0:
            poke(f);
            break;
        case 1:
            options(f, &call);
            break;
        default:
            datagrams(f, &call, command);
            break;
        }
    }
    end(f);
    return 0;
}
