/* SPDX-License-Identifier: MIT */
/*
 * What the files of this folder share: the run, its channels and the calls it holds.
 *
 * A *channel* is one socket of the program. The program's end is an AF_UNIX socket that it holds as
 * a plain descriptor; the stack's end is ours. Of the program's end we hold a *handle* only while a
 * stopped call is worked on, for with any duplicate alive no close is ever seen.
 *
 * One octet that the program sent always stays unread at the stack's end (the *kept* octet: its
 * value has gone to the stack already). So whenever that end is closed, by us at a reset or by the
 * kernel when the supervisor dies, the program reads ECONNRESET and never an end of file that its
 * peer did not send.
 */
#ifndef FT_RUN_PRIV_H
#define FT_RUN_PRIV_H

#include <linux/seccomp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <fourtuple/types.h>

struct call;
struct chan;
struct held;
struct host;
struct run;
struct sandbox_addr;
struct shown;
struct untaken;

#define RUN_PUMP_MAX    (256u * 1024) /* octets moved for one channel before the others' turn */
#define RUN_FILLER_MAX  (256u * 1024) /* octets of one write of filler */
#define RUN_SCRATCH_LEN (256u * 1024) /* at least a datagram, and RUN_FILLER_MAX */
#define RUN_KEYS_MAX    1024u         /* keys of TCP-AO that are read at once */
#define RUN_OPTLEN_MAX  1024u         /* longest socket option that is looked at */
#define RUN_SOURCES_MAX 256u          /* datagrams in a channel whose sender is remembered */
#define RUN_CONTROL_MAX 128u          /* octets of control messages with a datagram */
#define RUN_ZOMBIES_MAX 4096u         /* closed channels that still answer questions */
#define RUN_BACKLOG_MAX 4096          /* connections that wait in the program's own queue */

/* Whatever the run's epoll watches begins with this. */
struct io {
    void (*ready)(struct run *run, struct io *io, uint32_t events);
};

enum chan_state {
    CHAN_NEW,        /* no stack's end yet */
    CHAN_CONNECTING, /* gated: the channel is full of filler */
    CHAN_CONNECTED,
    CHAN_FAILED,    /* connect failed; a further one is allowed */
    CHAN_LISTENING, /* passive: no stack's end either */
    CHAN_QUEUED,    /* established, waiting in the queue of the program's listener */
    CHAN_STRAY,     /* likewise, but the listener was closed; in run->strays */
    CHAN_DATAGRAM,
    CHAN_ZOMBIE, /* the conversation is over; the descriptor may live on and ask for names */
};

/* Who sent a datagram that waits in the channel, and what it occupies there. */
struct source {
    struct sockaddr_storage addr;
    socklen_t addr_len;
    uint32_t charge;                  /* octets of the channel's accounting (SIOCOUTQ) */
    uint8_t control[RUN_CONTROL_MAX]; /* what came with it (IP_PKTINFO and the like) */
    uint32_t control_len;
};

struct sources {
    struct source ring[RUN_SOURCES_MAX];
    uint32_t head, n;
    uint64_t charged; /* sum over the ring */
};

struct name {
    struct sockaddr_storage addr;
    socklen_t len;
};

TAILQ_HEAD(chan_list, chan);
TAILQ_HEAD(held_list, held);

/* Where records of the program end (MSG_EOR) that the stack has not taken yet, as counts of octets;
   of more than there is room for the ends are not told. */
#define RUN_RECORDS_MAX 256u

struct records {
    uint64_t ends[RUN_RECORDS_MAX]; /* a ring */
    unsigned head, n;
};

struct chan {
    struct io io; /* of end */
    ft_sock sock; /* -1 once given up */
    uint64_t cookie;
    struct chan *map_next;
    int end; /* the stack's end, -1 if none */
    int domain, type;
    enum chan_state state;
    uint32_t name_no; /* of the program's end, unique in the run; 0: it has no name of its own */
    int error;        /* for SO_ERROR, positive */
    pid_t tid;        /* who last named it, for people */
    int fd;
    uint32_t filler; /* octets in the gate */
    bool kept;       /* the first unread octet has gone to the stack already */
    bool end_in, end_out, end_hup, end_rdhup; /* edges seen and not yet used up */
    bool eof_in;                              /* the program has closed its direction */
    bool eof_out;                             /* the peer's end of stream was passed on */
    bool discard;                             /* the program reads no more (SHUT_RD) */
    bool broken;                              /* reset: what is left is passed on, then closed */
    bool connect_told;                        /* connect() has returned 0 */
    bool opens;   /* TCP_FASTOPEN_CONNECT: the first octets that the program writes will connect */
    bool opening; /* ... and have begun to */
    bool queued;  /* in run->work */
    bool unwatched; /* in run->unwatched */
    TAILQ_ENTRY(chan) work_link, unwatched_link, accept_link;
    struct chan *listener;    /* CHAN_QUEUED: whose queue */
    struct chan_list pending; /* CHAN_LISTENING: established and not accepted, oldest first */
    unsigned n_pending;
    int backlog;
    unsigned n_held;  /* held calls on this channel */
    size_t urgent_in; /* octets to take up to the program's urgent one and with it; 0: none */
    uint64_t taken;   /* octets of the program that the stack has taken */
    struct records *records; /* NULL: the program knows no records */
    uint64_t given;          /* octets of the stream that were given to the program */
    uint64_t urgent_at;   /* one past the peer's last urgent octet, as a count of these; 0: none */
    uint64_t urgent_told; /* the same of the last one that recv(MSG_OOB) has read */
    uint8_t urgent_octet; /* that at urgent_at */
    struct sources *sources; /* CHAN_DATAGRAM */
    int watch;               /* CHAN_LISTENING, CHAN_DATAGRAM: tells of its last close; -1: none */
    bool is_inet;            /* CHAN_LISTENING: the program's file is the kernel's TCP: passive.c */
    uint64_t former;         /* the cookie of the file before this one; 0: there was none */
    ft_time stray_until;     /* CHAN_STRAY: it is reset then */
    struct name self, peer;  /* CHAN_ZOMBIE: the names it had; CHAN_STRAY: self is its listener's */
};

enum held_kind { HELD_ACCEPT, HELD_CONNECT, HELD_RECVFROM, HELD_SEND };

/* Who waits for the answer to a stopped call. */
struct caller {
    const struct run *run;
    uint64_t id; /* of the call */
    pid_t tid;
};

/* Where a stopped call wants what it gets, all in the program's memory; 0: nowhere. */
struct want {
    struct caller to;
    uint64_t addr, len_ptr; /* names, of accept4, recvfrom and sends */
    uint64_t buf, len;      /* of recvfrom, and of sendto */
    uint64_t msg;           /* of recvmsg and sendmsg; 0: recvfrom, sendto */
    bool is_mmsg;           /* msg is a struct mmsghdr */
    int flags;
};

/* A stopped call that waits for its answer. */
struct held {
    struct io io; /* of the handle: a listener that is shut down */
    TAILQ_ENTRY(held) link;
    enum held_kind kind;
    uint64_t id;
    pid_t tid;
    int nr; /* and args: by which it is known again (untaken.c) */
    uint64_t args[6];
    struct chan *chan;
    int handle;       /* -1 if none */
    bool sends;       /* HELD_CONNECT by MSG_FASTOPEN: want is what is sent */
    struct want want; /* HELD_RECVFROM, HELD_SEND; to, addr, len_ptr, flags of HELD_ACCEPT too */
    uint64_t done;    /* HELD_SEND: octets written so far */
    int fd;           /* HELD_SEND: the program's descriptor */
    ft_time deadline; /* SO_RCVTIMEO, SO_SNDTIMEO */
};

/* One stopped call while it is worked on. */
struct call {
    struct run *run;
    struct caller caller;
    int nr;
    uint64_t args[6];
    struct chan *chan; /* the channel of args[0] */
    int handle;        /* of its descriptor; closed after the call unless taken (-1) */
};

/* What a call may answer instead of a value or -errno. */
#define CALL_NATIVE INT64_C(-100000) /* let the kernel do it */
#define CALL_DONE   INT64_C(-100001) /* answered, held, or nobody waits any more */

#define RUN_PIDFDS  256u
struct pidfd {
    struct io io; /* readable when the thread has ended */
    pid_t tid;    /* 0: free */
    int fd;
};

#define RUN_MAP_MIN 256u

struct run {
    struct record_file *record; /* NULL: nothing is recorded */
    struct host *host;
    struct ft_stack *stack; /* the host's */
    const struct run_options *options;
    int epoll;    /* all that follows; itself watched by the host loop */
    int listener; /* seccomp's notifications; -1: nobody is left under the filter */
    struct io listener_io, control_io, signal_io, inotify_io;
    int hub; /* where gated channels are connected to, its queue empty; -1: to be made anew */
    struct sockaddr_un hub_name;
    socklen_t hub_name_len;
    int probe;                      /* an unbound socket, for probing names */
    int probe_inet;                 /* likewise, for those of passive.c */
    bool has_loopback, has_passive; /* passive.c: the kernel's TCP can be had; is in use */
    bool has_renewed;               /* swap.c: a connect was tried again on another file */
    ft_time starved_until; /* descriptors were short: then we try again; 0: they were not */
    int fds_max;           /* a descriptor of this number or a higher one is kept for calls */
    int inotify;           /* tells which listeners are closed; -1: only the sweep does */
    int signals;           /* signalfd */
    int inet;              /* an AF_INET socket of the program's namespace, for SIOCGIF* */
    int rtnl;              /* an rtnetlink socket of the same, for its interfaces' addresses */
    int control;           /* to the run's first process; -1 once it has ended */
    int program_fd;        /* pidfd of PROGRAM */
    pid_t init;            /* the first process of the PID namespace */
    uint32_t n_names;
    uint64_t hub_key;
    struct chan **map;
    size_t map_len, n_map; /* map_len: a power of two */
    struct chan forgotten; /* stands for any that is no longer in the map */
    bool has_forgotten;    /* there are such */
    struct chan_list work, unwatched, strays, zombies, grave;
    unsigned n_strays, n_zombies, n_chans; /* n_chans: those with a socket of the stack */
    struct held_list held, held_grave;
    struct untaken *untaken; /* untaken.c; NULL: none are kept */
    ft_time swept_at;
    struct pidfd pidfds[RUN_PIDFDS];
    uint8_t *scratch; /* RUN_SCRATCH_LEN octets, of whoever works now */
    int status;       /* wait status of PROGRAM */
    bool have_status, ended;
    bool going;           /* PROGRAM was let go */
    int failure;          /* exit status, if the run failed on its way */
    ft_time addresses_at; /* when the addresses are looked at next */
    struct shown *shown;  /* addresses.c: what the program's interfaces bear, one a net */
    unsigned n_terms;     /* SIGTERM and SIGHUP seen */
    bool said_all;        /* a round has passed since nobody was waited for */
    ft_time finished_at;  /* when nothing was left to send; 0: not yet */
    ft_time end_by;       /* when lingering is over; 0: not begun */
};

/* --- notify.c ---------------------------------------------------------------------------------*/

/** Take and work on the calls that are stopped now. @events: of the listener. */
void notify_ready(struct run *run, struct io *io, uint32_t events);

/** Whether the call still waits. What was read of its memory counts only after this. */
bool notify_valid(const struct run *run, uint64_t id);

/** Answer a call. @value: its result, or -errno. Return: whether somebody waited for it. */
bool notify_answer(const struct run *run, uint64_t id, int64_t value);

/**
 * Give the program a descriptor and make it the answer.
 *
 * @fd:   stays the caller's
 * @chan: what it is; the program's number of it is noted there
 *
 * Return: 0; -ENOENT: nobody waits any more; -EMFILE: the program's limit.
 */
int notify_answer_fd(const struct run *run, uint64_t id, int fd, bool cloexec, struct chan *chan);

/**
 * Put another file in place of a descriptor of the program, before the call is answered.
 *
 * Return: 0 or -errno.
 */
int notify_replace_fd(const struct run *run, uint64_t id, int fd, int where, bool cloexec);

/* --- held calls (notify.c) --------------------------------------------------------------------*/

/**
 * Hold a call. An older one of the same thread is void and let go.
 *
 * @timeout_opt: SO_RCVTIMEO or SO_SNDTIMEO: the limit is read from the handle
 *
 * Return: the held call, to be filled in further; NULL: no memory.
 */
struct held *held_new(struct call *call, enum held_kind kind, int timeout_opt);

/** Let go of a held call, answered or not. */
void held_free(struct run *run, struct held *held);

/** Free held calls that were let go; called when nothing refers to them any more. */
void held_empty_grave(struct run *run);

/** Answer a held call, and let it go. Return: whether somebody took it; else it is kept. */
bool held_answer(struct run *run, struct held *held, int64_t value);

/** Answer all held calls of one kind on a channel, and let them go. */
void held_answer_all(struct run *run, struct chan *chan, enum held_kind kind, int64_t value);

/** The oldest held call of a kind on a channel that still waits; void ones are let go. */
struct held *held_first(struct run *run, struct chan *chan, enum held_kind kind);

/** Let go of void calls, answer those that are overdue. Return: the next deadline. */
ft_time held_sweep(struct run *run, ft_time now);

/* --- child.c ----------------------------------------------------------------------------------*/

/** A handle of a descriptor of a thread. Return: it, or -errno. */
int child_getfd(struct run *run, pid_t tid, int fd);

/** Copy from a thread's memory. Return: 0 or -EFAULT. */
int child_read(pid_t tid, uint64_t from, void *ret, size_t len);

/**
 * Copy into the memory of a caller, in one system call that follows a look whether it still waits:
 * one that a signal has interrupted uses that memory for something else.
 *
 * @local, @remote: what, and where to; as many octets
 *
 * Return: 0; -EFAULT; -ESRCH: it waits no more.
 */
int child_write_pieces(const struct caller *to, const struct iovec *local, size_t n_local,
                       const struct iovec *remote, size_t n_remote);

/** The same with one piece. */
int child_write(const struct caller *to, uint64_t at, const void *data, size_t len);

/** Write a value and, as an int, its length. Return: as child_write_pieces(). */
int child_write_value(const struct caller *to, uint64_t at, const void *data, size_t len,
                      uint64_t len_at, size_t told);

/**
 * Write a socket name as the kernel does: cut to the room there is, the true length told.
 *
 * @addr, @len_ptr: in the program's memory; both 0: nothing is wanted
 *
 * Return: as child_write_pieces(); -EINVAL: a negative length.
 */
int child_write_name(const struct caller *to, uint64_t addr, uint64_t len_ptr,
                     const struct name *name);

/** Whether the thread has a handler for a signal. */
bool child_catches(pid_t tid, int signal);

/** Whether the descriptor is closed on exec (from the program's fdinfo). */
bool child_cloexec(pid_t tid, int fd);

/* --- fdmap.c ----------------------------------------------------------------------------------*/

/** A channel for a socket of the stack, which it owns from now on. Return: it or NULL. */
struct chan *chan_new(struct run *run, ft_sock sock, int domain, int type);

/** Give the channel the program's end by which it is found. */
void chan_set_cookie(struct run *run, struct chan *chan, int program_end);

/** The cookie of a descriptor. Return: it, 0 if it is no socket. */
uint64_t chan_cookie(int handle);

/** The channel of a descriptor. @handle: of it. Return: NULL if it is none of ours. */
struct chan *chan_find(const struct run *run, int handle);

/**
 * What stands for a channel that was buried so long ago that it is forgotten. It is known by the
 * other end of its descriptor, which was ours.
 *
 * Return: a zombie without names; NULL: the descriptor is none of ours.
 */
struct chan *chan_forgotten(struct run *run, int handle);

/** Watch the stack's end. @end: ours from now on. Return: 0 or -errno. */
int chan_set_end(struct run *run, struct chan *chan, int end);

/** Close the stack's end, if there is one. */
void chan_drop_end(struct run *run, struct chan *chan);

/** The end of a conversation: close what there is, go on answering questions. */
void chan_bury(struct run *run, struct chan *chan, bool abort);

/** Free what was forgotten; called when nothing refers to it any more. */
void chan_empty_grave(struct run *run);

/**
 * Add what lies in the channel to what lies in the stack: octets that the program has not read and
 * that the stack has not taken; for a passive socket the connections in the program's queue.
 */
void chan_add_queued(struct run *run, struct chan *chan, uint32_t *recv_q, uint32_t *send_q);

/** Have the pump look at a channel in this round. */
void chan_queue(struct run *run, struct chan *chan);

/** The own name of a channel, from the stack or from memory. Return: 0 or -errno. */
int chan_self(struct run *run, const struct chan *chan, struct name *ret);

/** The name of its peer, likewise. Return: 0, -ENOTCONN or another -errno. */
int chan_peer(struct run *run, const struct chan *chan, struct name *ret);

/** Make an unconnected program's end that bears a name of its own. Return: it or -errno. */
int carrier_new(struct run *run, struct chan *chan);

/**
 * Prepare a program's end: a send buffer in which the kept octet does no harm, and urgent octets
 * that are read in their place.
 */
void carrier_prepare(int program_end);

/** The name of a program's end, or of a number not yet used. Return: its length. */
socklen_t carrier_name(const struct run *run, uint32_t no, struct sockaddr_un *ret);

/** The listener that a watch of stray.c belongs to is closed for good: bury it. */
void chan_closed(struct run *run, int watch);

/** Find the channels without a stack's end whose program's end is gone, and bury them. */
void chan_sweep(struct run *run, ft_time now);

/** Sweep now if that is cheap or long ago: the answer to a call may hang on it. */
void chan_sweep_soon(struct run *run);

/* --- calls.c, connect.c, accept.c, opts.c, udp.c, ioctl.c --------------------------------------*/

/** Work on a stopped call. Return: its value, -errno, CALL_NATIVE or CALL_DONE. */
int64_t call_dispatch(struct call *call);

/** connect(2) on a channel. Return: as call_dispatch(). */
int64_t call_connect(struct call *call);

/** listen(2). Return: as call_dispatch(). */
int64_t call_listen(struct call *call);

/** accept(2) and accept4(2). Return: as call_dispatch(). */
int64_t call_accept(struct call *call, int flags);

/** getsockopt(2). Return: as call_dispatch(). */
int64_t call_getsockopt(struct call *call);

/** setsockopt(2). Return: as call_dispatch(). */
int64_t call_setsockopt(struct call *call);

/** sendto(2) with an address. Return: as call_dispatch(). */
int64_t call_sendto(struct call *call);

/** recvfrom(2) with an address. Return: as call_dispatch(). */
int64_t call_recvfrom(struct call *call);

/** The socket ioctls. Return: as call_dispatch(). */
int64_t call_ioctl(struct call *call);

/** sendmsg(2), sendmmsg(2), recvmsg(2), recvmmsg(2). Return: as call_dispatch(). */
int64_t call_msg(struct call *call);

/**
 * Write a datagram that lies in run->scratch to the program.
 *
 * @len: its octets
 *
 * Return: what the call answers.
 */
int64_t datagram_deliver(struct run *run, const struct want *want, const struct source *from,
                         size_t len);

/** The same into a struct msghdr (msg.c). */
int64_t msg_deliver(struct run *run, const struct want *want, const struct source *from,
                    size_t len);

/**
 * Copy what a send carries into run->scratch, as far as that goes.
 *
 * @skip: octets at its beginning to leave out
 *
 * Return: octets, or -errno.
 */
ssize_t want_gather(struct run *run, const struct want *want, uint64_t skip);

/** What a send answers: @value, but a sendmmsg(2) one message. Return: it, or -EFAULT. */
int64_t want_sent(const struct want *want, int64_t value);

/** The octets that a send carries. Return: them, or -errno. */
int64_t want_len(const struct want *want);

/** Take a datagram for the program now, or hold the call. Return: as call_dispatch(). */
int64_t datagram_receive(struct call *call, const struct want *want);

/** A receive with MSG_ERRQUEUE, of what the stack has there; it never waits. */
int64_t errors_receive(struct call *call, const struct want *want);

/**
 * A send with MSG_FASTOPEN and an address (RFC 7413): a connect whose SYN takes what it can.
 *
 * Return: as call_dispatch().
 */
int64_t connect_sending(struct call *call, const struct want *want, const struct name *peer);

/** Make the hub, where gated channels are connected to. Return: 0 or -errno. */
int connect_open_hub(struct run *run);

/** The stack has news of a connect: open the gate, or tell how it failed. */
void connect_progress(struct run *run, struct chan *chan);

/** Pass established connections on to the program. */
void accept_progress(struct run *run, struct chan *listener);

/**
 * Put an established connection into the queue of the program's listener.
 *
 * Return: 0; -ECONNREFUSED, -ENOENT: the program has closed it; another -errno.
 */
int accept_enqueue(struct run *run, struct chan *listener, struct chan *chan);

/** Try again where descriptors were short. Return: when to come again. */
ft_time accept_retry(struct run *run, ft_time now);

/** A passive socket is shut down: what waits is reset, and what comes is refused. */
void accept_shut(struct run *run, struct chan *listener);

/** Take from the stack what is established for a passive socket that is closed. */
void accept_strays(struct run *run, struct chan *listener);

/** The two ends of a datagram socket. Return: the program's, or -errno. */
int datagram_open(struct run *run, struct chan *chan);

/** Whether nobody holds the program's end any more. */
bool datagram_is_closed(const struct run *run, const struct chan *chan);

/** Take what the program has sent before it closed its end, and bury the channel. */
void datagram_closed(struct run *run, struct chan *chan);

/** connect() of a datagram socket. Return: 0 or -errno. */
int64_t datagram_connect(struct call *call, const struct name *peer);

/** Move datagrams both ways. */
void datagram_pump(struct run *run, struct chan *chan);

/** Take the datagrams that the program has sent so far. */
void datagram_flush(struct run *run, struct chan *chan);

/* --- passive.c --------------------------------------------------------------------------------*/

/** Make ready for passive sockets whose file is the kernel's TCP. Without, they are AF_UNIX's. */
void passive_init(struct run *run);

/** Make the program's socket a listener, of another file if possible. Return: 0 or -errno. */
int passive_listen(struct call *call);

/** Whether nobody has the listener any more; of one that is_inet. */
bool passive_is_closed(struct run *run, const struct chan *listener);

/**
 * Make a listener that is_inet readable once more.
 *
 * Return: the descriptor that does so while it is open; -ECONNREFUSED: the listener is closed or
 * shut down; another -errno.
 */
int passive_knock(const struct chan *listener);

/** Take a knock away again. @handle: of the listener. Return: 0 or -errno. */
int passive_answer_knock(int handle);

/* --- urgent.c ---------------------------------------------------------------------------------*/

/** A send with MSG_OOB or MSG_EOR. Return: as call_dispatch(). */
int64_t urgent_send(struct call *call, const struct want *want);

/** A receive with MSG_OOB on a stream. Return: as call_dispatch(). */
int64_t urgent_receive(struct call *call, const struct want *want);

/** The channel has room again: go on with a send of urgent octets that waits. */
void urgent_retry(struct run *run, struct chan *chan);

/** How many octets may be passed to the stack before one that needs more than passing. */
size_t urgent_free(const struct chan *chan, size_t len);

/** Pass the next octet, which is urgent or the last of a record, to the stack. Return: 1 or -errno.
 */
ssize_t urgent_take(struct run *run, struct chan *chan);

/** @len octets have been passed otherwise. */
void urgent_passed(struct chan *chan, size_t len);

/** How far off the peer's urgent octet is. Return: octets, itself among them; 0: none is here. */
size_t urgent_ahead(struct run *run, const struct chan *chan);

/** Write the peer's urgent octet to the program. Return: as send(2), with errno. */
ssize_t urgent_give(struct chan *chan, uint8_t octet);

/* --- stream.c ---------------------------------------------------------------------------------*/

/** A receive on a stream that wants a name. Return: as call_dispatch(). */
int64_t stream_receive(struct call *call, const struct want *want);

/**
 * Read for a receive that waits, on a stream.
 *
 * @all: as much as it waits for (MSG_WAITALL, SO_RCVLOWAT), and not only what is there
 *
 * Return: what the call answers; -EAGAIN: it waits on.
 */
int64_t stream_held(struct run *run, const struct held *held, bool all);

/** There may be octets for the receives that wait on a stream. */
void stream_retry(struct run *run, struct chan *chan);

/** A send on a stream with a name, which means nothing. Return: as call_dispatch(). */
int64_t stream_send(struct call *call, const struct want *want);

/** Answer a send with EPIPE, and a SIGPIPE unless it wants none. Return: CALL_DONE. */
int64_t stream_broken_pipe(const struct want *want);

/* --- stray.c ----------------------------------------------------------------------------------*/

/** Begin to hear of last closes. Where that cannot be had, the sweep finds them. */
void close_watch_open(struct run *run);

/** Have the last close of a listener or a datagram socket told. @handle: of it. */
void close_watch(struct run *run, struct chan *chan, int handle);

/** No longer. */
void close_unwatch(struct run *run, struct chan *chan);

/** Keep a connection whose listener is closed. @name: the listener's */
void stray_keep(struct run *run, struct chan *chan, const struct name *name);

/** Give a listener the strays of its name. */
void stray_adopt(struct run *run, struct chan *listener);

/** Reset those that have waited long enough. Return: when the next one has. */
ft_time stray_sweep(struct run *run, ft_time now);

/** Reset all: nobody will listen any more. */
void stray_reset_all(struct run *run);

/* --- addresses.c ------------------------------------------------------------------------------*/

/**
 * Let PROGRAM go once its addresses can be used; before that, and whenever they change, show those
 * of the stack on the interfaces that the program sees.
 *
 * Return: 0; -errno: an address belongs to another host, or cannot be shown; it was said, and
 * run->failure is set.
 */
int addresses_check(struct run *run);

/** An address as others write it. @ret: family and octets are written, the rest is 0. */
void addresses_octets(const struct ft_addr *addr, struct sandbox_addr *ret);

/* --- pump.c -----------------------------------------------------------------------------------*/

/** Octets that the program has written and the stack has not got yet. */
size_t chan_unread(const struct chan *chan);

/** An edge of a stack's end. */
void pump_ready(struct run *run, struct io *io, uint32_t events);

/** Do what can be done for a channel now. */
void pump_chan(struct run *run, struct chan *chan);

/** Take what the program has written so far, so that a call comes after it. */
void pump_flush(struct run *run, struct chan *chan);

/** All channels that have work; the rest stays queued for the next round. */
void pump_work(struct run *run);

/* --- run.c ------------------------------------------------------------------------------------*/

/** Whether there are descriptors for one more connection beside those kept for calls. */
bool run_has_descriptors(const struct run *run);

/** Watch a descriptor. Return: 0 or -errno. */
int run_watch(struct run *run, int fd, uint32_t events, struct io *io);

/**
 * Learn what the program has closed so far, so that a call that frees or names a socket comes after
 * the closes before it.
 */
void run_settle(struct run *run);

/** The time now, CLOCK_MONOTONIC. */
ft_time run_now(void);

#endif
