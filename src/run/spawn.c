/* SPDX-License-Identifier: MIT */
/*
 * How the processes of a run come to be.
 *
 *     supervisor            first process (PID 1 inside)        PROGRAM
 *     clone ------------->  waits
 *     map ids, MAPPED --->  furnishes the namespaces
 *                           fork ---------------------------->  READY (pidfd, inet)
 *     <---------------------------------------------------      filter, FILTER
 *     takes the listener
 *     GO ------------------------------------------------->     execvp, or NO_EXEC
 *     <-------------------  STATUS, when PROGRAM ends
 *     <-------------------  end of file, when all have ended
 *
 * sendmsg and friends would stop once the filter is in place, so PROGRAM only writes from then on.
 */
#include "spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "filter.h"
#include "run.h"
#include "sandbox.h"

#define ID_MAP_MAX 4096
#define READY_FDS  3 /* descriptors that come with SPAWN_READY */

/* What the supervisor and the first process do at signals. SIGXFSZ: a capture or recording that may
   not grow ends, and not the run. SIGCHLD: who ignores it is not told how its children ended. */
static const struct own_action {
    int signal;
    void (*handler)(int);
} own_actions[] = {{SIGPIPE, SIG_IGN}, {SIGXFSZ, SIG_IGN}, {SIGCHLD, SIG_DFL}};

#define N_OWN_ACTIONS (sizeof(own_actions) / sizeof(own_actions[0]))

/* What a terminal sends to all of its foreground, to PROGRAM as to us. */
static const int terminal_signals[] = {SIGINT, SIGQUIT};

#define N_TERMINAL_SIGNALS (sizeof(terminal_signals) / sizeof(terminal_signals[0]))

/* --- ids --------------------------------------------------------------------------------------*/

static int write_proc(pid_t pid, const char *name, const char *text)
{
    char path[64];
    int fd, rc = 0;

    snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, name);
    fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    if (write(fd, text, strlen(text)) < 0)
        rc = -errno;
    close(fd);
    return rc;
}

/* All ids that we know ourselves, each onto itself, so that daemons can change user. */
static int map_same(pid_t pid, const char *name)
{
    char path[64], text[ID_MAP_MAX];
    unsigned long inside, outside, count;
    size_t len = 0;
    FILE *file;

    snprintf(path, sizeof(path), "/proc/self/%s", name);
    file = fopen(path, "re");
    if (!file)
        return -errno;
    while (fscanf(file, "%lu %lu %lu", &inside, &outside, &count) == 3 && len < sizeof(text) - 64)
        len += (size_t)snprintf(text + len, sizeof(text) - len, "%lu %lu %lu\n", inside, inside,
                                count);
    fclose(file);
    return write_proc(pid, name, text);
}

static int map_ids(pid_t pid)
{
    int rc = map_same(pid, "uid_map");

    return rc < 0 ? rc : map_same(pid, "gid_map");
}

/* Without privilege: our own id onto itself. */
static int map_self(uid_t uid, gid_t gid)
{
    char text[64];
    int rc = write_proc(getpid(), "setgroups", "deny");

    snprintf(text, sizeof(text), "%u %u 1\n", (unsigned)uid, (unsigned)uid);
    if (rc == 0)
        rc = write_proc(getpid(), "uid_map", text);
    snprintf(text, sizeof(text), "%u %u 1\n", (unsigned)gid, (unsigned)gid);
    if (rc == 0)
        rc = write_proc(getpid(), "gid_map", text);
    return rc;
}

static int no_namespaces(int error, char *ret_err, size_t err_len)
{
    snprintf(ret_err, err_len,
             "this machine does not let you make namespaces: %s (see the sysctls "
             "user.max_user_namespaces, kernel.unprivileged_userns_clone and "
             "kernel.apparmor_restrict_unprivileged_userns)",
             strerror(error));
    return -error;
}

int spawn_hide(char *ret_err, size_t err_len)
{
    uid_t uid = geteuid();
    gid_t gid = getegid();
    int rc;

    if (unshare(CLONE_NEWNET) == 0)
        return 0;
    if (unshare(CLONE_NEWUSER | CLONE_NEWNET) < 0)
        return no_namespaces(errno, ret_err, err_len);
    rc = map_self(uid, gid);
    return rc < 0 ? no_namespaces(-rc, ret_err, err_len) : 0;
}

static void terminal_set(sigset_t *ret)
{
    sigemptyset(ret);
    for (size_t i = 0; i < N_TERMINAL_SIGNALS; i++)
        sigaddset(ret, terminal_signals[i]);
}

void spawn_inherit(struct spawn_inherit *ret_inherit)
{
    struct rlimit limit;
    sigset_t terminal;

    memset(ret_inherit, 0, sizeof(*ret_inherit));
    terminal_set(&terminal);
    (void)sigprocmask(SIG_BLOCK, &terminal, &ret_inherit->mask);
    for (size_t i = 0; i < N_OWN_ACTIONS; i++) {
        const struct own_action *own = &own_actions[i];
        struct sigaction action = {.sa_handler = own->handler};

        (void)sigaction(own->signal, &action, &ret_inherit->actions[own->signal]);
    }
    if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
        return;
    ret_inherit->nofile = limit;
    limit.rlim_cur = limit.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &limit); /* a connection takes a descriptor of ours */
}

void spawn_leave_terminal(const struct spawned *spawned)
{
    struct sigaction ignore = {.sa_handler = SIG_IGN};
    sigset_t pending, terminal;

    terminal_set(&terminal);
    (void)sigpending(&pending); /* fails at a bad pointer only */
    for (size_t i = 0; i < N_TERMINAL_SIGNALS; i++) {
        int signal = terminal_signals[i];

        if (sigismember(&pending, signal) == 1)
            (void)syscall(SYS_pidfd_send_signal, spawned->program, signal, NULL, 0);
        (void)sigaction(signal, &ignore, NULL);
    }
    (void)sigprocmask(SIG_UNBLOCK, &terminal, NULL);
}

/* --- messages ---------------------------------------------------------------------------------*/

static void tell(int control, enum spawn_kind kind, int value, const char *text)
{
    struct spawn_message message = {.kind = (int)kind, .value = value};

    snprintf(message.text, sizeof(message.text), "%s", text);
    /* Nobody listens any more: then we are about to be killed anyway. */
    if (write(control, &message, sizeof(message)) < 0)
        _exit(RUN_FAILED);
}

static void tell_ready(int control, const int fds[READY_FDS])
{
    struct spawn_message message = {.kind = SPAWN_READY};
    struct iovec iov = {&message, sizeof(message)};
    union {
        struct cmsghdr align;
        char room[CMSG_SPACE(READY_FDS * sizeof(int))];
    } control_room;
    struct msghdr msg = {.msg_iov = &iov,
                         .msg_iovlen = 1,
                         .msg_control = control_room.room,
                         .msg_controllen = sizeof(control_room.room)};
    struct cmsghdr *cmsg;

    memset(&control_room, 0, sizeof(control_room));
    cmsg = CMSG_FIRSTHDR(&msg);
    cmsg->cmsg_level = SOL_SOCKET;
    cmsg->cmsg_type = SCM_RIGHTS;
    cmsg->cmsg_len = CMSG_LEN(READY_FDS * sizeof(int));
    memcpy(CMSG_DATA(cmsg), fds, READY_FDS * sizeof(int));
    if (sendmsg(control, &msg, MSG_NOSIGNAL) < 0)
        _exit(RUN_FAILED);
}

static int hear_with_fds(int control, struct spawn_message *ret, int ret_fds[READY_FDS])
{
    struct iovec iov = {ret, sizeof(*ret)};
    union {
        struct cmsghdr align;
        char room[CMSG_SPACE(READY_FDS * sizeof(int))];
    } control_room;
    struct msghdr msg = {.msg_iov = &iov,
                         .msg_iovlen = 1,
                         .msg_control = control_room.room,
                         .msg_controllen = sizeof(control_room.room)};
    struct cmsghdr *cmsg;
    ssize_t n;

    do {
        n = recvmsg(control, &msg, MSG_CMSG_CLOEXEC);
    } while (n < 0 && errno == EINTR);
    if (n != (ssize_t)sizeof(*ret))
        return n < 0 ? -errno : -EPIPE;
    ret->text[sizeof(ret->text) - 1] = '\0';
    cmsg = CMSG_FIRSTHDR(&msg);
    if (cmsg && cmsg->cmsg_type == SCM_RIGHTS &&
        cmsg->cmsg_len == CMSG_LEN(READY_FDS * sizeof(int)))
        memcpy(ret_fds, CMSG_DATA(cmsg), READY_FDS * sizeof(int));
    return 0;
}

int spawn_hear(int control, struct spawn_message *ret)
{
    ssize_t n = recv(control, ret, sizeof(*ret), MSG_DONTWAIT);

    if (n < 0)
        return errno == EAGAIN || errno == EINTR ? -EAGAIN : 0;
    ret->text[sizeof(ret->text) - 1] = '\0';
    return n == (ssize_t)sizeof(*ret) ? 1 : 0;
}

void spawn_signal_all(pid_t init, int signal)
{
    (void)sigqueue(init, signal, (union sigval){0}); /* where it has ended, so have all others */
}

void spawn_go(int control)
{
    struct spawn_message message = {.kind = SPAWN_GO};

    (void)send(control, &message, sizeof(message), MSG_NOSIGNAL); /* its end is heard of */
}

/* Wait for a message of one kind; anything else, and the end, ends this process. */
static void await(int control, enum spawn_kind kind)
{
    struct spawn_message message;

    if (read(control, &message, sizeof(message)) != (ssize_t)sizeof(message) ||
        message.kind != (int)kind)
        _exit(RUN_FAILED);
}

/* --- PROGRAM ----------------------------------------------------------------------------------*/

static void restore(const struct spawn_inherit *inherit)
{
    for (size_t i = 0; i < N_OWN_ACTIONS; i++) {
        int signal = own_actions[i].signal;

        (void)sigaction(signal, &inherit->actions[signal], NULL);
    }
    (void)sigprocmask(SIG_SETMASK, &inherit->mask, NULL);
    (void)setrlimit(RLIMIT_NOFILE, &inherit->nofile);
}

static void be_program(int control, int rtnl, const struct spawn_inherit *inherit,
                       char *const *argv)
{
    int pidfd = (int)syscall(SYS_pidfd_open, getpid(), 0), fd;
    int inet = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    if (pidfd < 0 || inet < 0) {
        tell(control, SPAWN_ERROR, errno, "pidfd_open, socket");
        _exit(RUN_FAILED);
    }
    tell_ready(control, (const int[READY_FDS]){pidfd, inet, rtnl});
    fd = filter_install();
    if (fd < 0) {
        tell(control, SPAWN_ERROR, -fd,
             fd == -EBUSY ? "already inside another fourtuple run" : "seccomp");
        _exit(RUN_FAILED);
    }
    tell(control, SPAWN_FILTER, fd, "");
    await(control, SPAWN_GO);
    close(fd);
    restore(inherit);
    execvp(argv[0], argv);
    tell(control, SPAWN_NO_EXEC, errno, "");
    _exit(errno == ENOENT ? RUN_NOT_FOUND : RUN_CANNOT_EXEC);
}

/* --- the first process ------------------------------------------------------------------------*/

/* PROGRAM has ended: a signal is for all that it has left behind. */
static void pass_on(int signal, siginfo_t *info, void *context)
{
    int error = errno;

    (void)context;
    if (info->si_code == SI_QUEUE && info->si_pid == 0) /* the supervisor, no terminal or program */
        (void)kill(-1, signal);
    errno = error;
}

/* After the fork, for PROGRAM is to have no handlers. */
static void hear_supervisor(void)
{
    struct sigaction action = {.sa_sigaction = pass_on, .sa_flags = SA_SIGINFO | SA_RESTART};
    static const int signals[] = {SIGTERM, SIGHUP};
    sigset_t set;

    sigemptyset(&set);
    for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
        sigaddset(&set, signals[i]);
        (void)sigaction(signals[i], &action, NULL);
    }
    (void)sigprocmask(SIG_UNBLOCK, &set, NULL);
}

static void reap_all(int control, pid_t program)
{
    int status;
    pid_t pid;

    for (;;) {
        pid = waitpid(-1, &status, 0);
        if (pid == program)
            tell(control, SPAWN_STATUS, status, "");
        if (pid < 0 && errno == ECHILD)
            _exit(0);
    }
}

/* Close what would otherwise stay open for as long as the run lasts. -1 counts as none. */
static void keep_only(int one, int other)
{
    int low = one < other ? one : other, high = one < other ? other : one;

    if (low > 0)
        (void)close_range(0, (unsigned)low - 1, 0);
    if (high > low + 1)
        (void)close_range((unsigned)(low + 1), (unsigned)high - 1, 0);
    (void)close_range((unsigned)high + 1, ~0u, 0);
}

static void be_first(int control, struct sandbox *sandbox, const struct spawn_inherit *inherit,
                     char *const *argv)
{
    char text[256];
    pid_t program;
    int rc;

    (void)prctl(PR_SET_NAME, "fourtuple-init", 0, 0, 0);
    await(control, SPAWN_MAPPED);
    /* Before the wait for anything else, and after the last change of ids, which clears it. */
    if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0)
        _exit(RUN_FAILED);
    rc = sandbox_furnish(sandbox, text, sizeof(text));
    if (rc < 0) {
        tell(control, SPAWN_ERROR, 0, text);
        _exit(RUN_FAILED);
    }
    program = fork();
    if (program == 0)
        be_program(control, sandbox->rtnl, inherit, argv);
    if (program < 0) {
        tell(control, SPAWN_ERROR, errno, "fork");
        _exit(RUN_FAILED);
    }
    keep_only(control, sandbox->nowhere);
    hear_supervisor();
    reap_all(control, program);
}

/* --- the supervisor ---------------------------------------------------------------------------*/

static int expect(int control, enum spawn_kind kind, struct spawn_message *ret,
                  int ret_fds[READY_FDS], char *ret_err, size_t err_len)
{
    int rc = hear_with_fds(control, ret, ret_fds);

    if (rc < 0) {
        snprintf(ret_err, err_len, "the program's first process died: %s", strerror(-rc));
        return rc;
    }
    if (ret->kind == (int)kind)
        return 0;
    if (ret->value > 0)
        snprintf(ret_err, err_len, "%s: %s", ret->text, strerror(ret->value));
    else
        snprintf(ret_err, err_len, "%s", ret->text);
    return ret->value > 0 ? -ret->value : -EPROTO;
}

static int shake_hands(struct spawned *ret, char *ret_err, size_t err_len)
{
    struct spawn_message message = {.kind = SPAWN_MAPPED};
    int fds[READY_FDS] = {-1, -1, -1}, rc = map_ids(ret->init);

    if (rc < 0)
        return no_namespaces(-rc, ret_err, err_len);
    if (send(ret->control, &message, sizeof(message), MSG_NOSIGNAL) < 0)
        return -errno;
    rc = expect(ret->control, SPAWN_READY, &message, fds, ret_err, err_len);
    if (rc < 0)
        return rc;
    ret->program = fds[0];
    ret->inet = fds[1];
    ret->rtnl = fds[2];
    rc = expect(ret->control, SPAWN_FILTER, &message, fds, ret_err, err_len);
    if (rc < 0)
        return rc;
    ret->listener = (int)syscall(SYS_pidfd_getfd, ret->program, message.value, 0);
    if (ret->listener < 0) {
        rc = -errno;
        snprintf(ret_err, err_len, "pidfd_getfd: %s", strerror(-rc));
    }
    return rc;
}

int spawn(struct sandbox *sandbox, const struct spawn_inherit *inherit, char *const *argv,
          struct spawned *ret, char *ret_err, size_t err_len)
{
    unsigned long flags =
        CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWPID | CLONE_NEWUTS | SIGCHLD;
    int pair[2];
    long pid;

    memset(ret, 0xff, sizeof(*ret));
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0) {
        snprintf(ret_err, err_len, "socketpair: %s", strerror(errno));
        return -errno;
    }
    pid = syscall(SYS_clone, flags, 0, 0, 0, 0);
    if (pid == 0) {
        close(pair[0]);
        be_first(pair[1], sandbox, inherit, argv);
    }
    close(pair[1]);
    if (pid < 0) {
        close(pair[0]);
        return no_namespaces(errno, ret_err, err_len);
    }
    ret->init = (pid_t)pid;
    ret->control = pair[0];
    return shake_hands(ret, ret_err, err_len);
}
