/* SPDX-License-Identifier: MIT */
/*
 * The stack under packetdrill, in virtual time: what the files of this folder share.
 *
 * packetdrill loads the shared object and plays a script against it: socket calls, packets, and
 * how much time passes between them. Its main thread drives everything; a call that the script
 * says blocks comes on a second thread, sleeps there, and is woken when the stack has changed.
 * From then until it has asked for the time, time stands still.
 */
#ifndef PACKETDRILL_DRILL_H
#define PACKETDRILL_DRILL_H

#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/types.h>
#include <sys/uio.h>

#include <fourtuple.h>

#define DRILL_FDS_MAX     1024  /* highest descriptor, and one */
#define DRILL_PACKETS_MAX 4096  /* packets of the stack that packetdrill has not asked for yet */
#define DRILL_PACKET_MAX  65535 /* octets of IP */
#define DRILL_WATCHES_MAX 64    /* descriptors of one epoll */
#define DRILL_IOVS_MAX    64    /* pieces of a message that may be sent in parts */
#define DRILL_EPOCH_US    INT64_C(1000000000000000) /* what packetdrill sees when the stack begins */

/* What packetdrill calls, in the order of its interface. Each function has the arguments and the
   answer of the system call, behind the userdata. */
struct packetdrill_interface {
    void *userdata;
    void (*free)(void *userdata);
    int (*socket)(void *userdata, int domain, int type, int protocol);
    int (*bind)(void *userdata, int fd, const struct sockaddr *addr, socklen_t len);
    int (*listen)(void *userdata, int fd, int backlog);
    int (*accept)(void *userdata, int fd, struct sockaddr *addr, socklen_t *len);
    int (*connect)(void *userdata, int fd, const struct sockaddr *addr, socklen_t len);
    ssize_t (*read)(void *userdata, int fd, void *buf, size_t len);
    ssize_t (*readv)(void *userdata, int fd, const struct iovec *iov, int n);
    ssize_t (*recv)(void *userdata, int fd, void *buf, size_t len, int flags);
    ssize_t (*recvfrom)(void *userdata, int fd, void *buf, size_t len, int flags,
                        struct sockaddr *addr, socklen_t *addr_len);
    ssize_t (*recvmsg)(void *userdata, int fd, struct msghdr *msg, int flags);
    ssize_t (*write)(void *userdata, int fd, const void *buf, size_t len);
    ssize_t (*writev)(void *userdata, int fd, const struct iovec *iov, int n);
    ssize_t (*send)(void *userdata, int fd, const void *buf, size_t len, int flags);
    ssize_t (*sendto)(void *userdata, int fd, const void *buf, size_t len, int flags,
                      const struct sockaddr *addr, socklen_t addr_len);
    ssize_t (*sendmsg)(void *userdata, int fd, const struct msghdr *msg, int flags);
    int (*fcntl)(void *userdata, int fd, int cmd, ...);
    int (*ioctl)(void *userdata, int fd, unsigned long request, ...);
    int (*close)(void *userdata, int fd);
    int (*shutdown)(void *userdata, int fd, int how);
    int (*getsockopt)(void *userdata, int fd, int level, int name, void *value, socklen_t *len);
    int (*setsockopt)(void *userdata, int fd, int level, int name, const void *value,
                      socklen_t len);
    int (*poll)(void *userdata, struct pollfd *fds, nfds_t n, int timeout);
    int (*netdev_send)(void *userdata, const void *packet, size_t len);
    int (*netdev_receive)(void *userdata, void *packet, size_t *len, long long *time_usecs);
    int (*usleep)(void *userdata, useconds_t usec);
    int (*gettimeofday)(void *userdata, struct timeval *tv, struct timezone *tz);
    int (*epoll_create)(void *userdata, int size);
    int (*epoll_ctl)(void *userdata, int epfd, int op, int fd, struct epoll_event *event);
    int (*epoll_wait)(void *userdata, int epfd, struct epoll_event *events, int n, int timeout);
    int (*pipe)(void *userdata, int fds[2]);
    int (*splice)(void *userdata, int fd_in, loff_t *off_in, int fd_out, loff_t *off_out,
                  size_t len, unsigned int flags);
};

enum drill_kind { DRILL_NONE, DRILL_SOCKET, DRILL_EPOLL };

/* What an epoll watches. */
struct drill_watch {
    int fd; /* -1: free */
    struct epoll_event event;
    uint32_t seen; /* with EPOLLET: what drill_edges() was when it was last told */
    bool spent;    /* with EPOLLONESHOT */
};

/* One descriptor: a memfd, so that packetdrill can close it, with a socket or an epoll behind. */
struct drill_file {
    enum drill_kind kind;
    ft_sock sock;
    int type; /* SOCK_STREAM or SOCK_DGRAM */
    bool nonblock;
    uint32_t n_in, n_out, n_bad; /* how often it has become readable, writable, or has failed */
    bool connecting;             /* connect() has begun and its outcome was not told */
    ft_time recv_timeout, send_timeout; /* 0: none */
    struct drill_watch *watches;        /* DRILL_WATCHES_MAX of them */
};

/* A packet that the stack has sent. */
struct drill_packet {
    ft_time at;
    size_t len;
    uint8_t octets[];
};

/* Where the thread of a blocking call is. */
enum drill_blocked {
    DRILL_AWAKE,
    DRILL_ASLEEP,
    DRILL_LOOKING, /* something has changed, and it looks whether that is what it waits for */
    DRILL_LEAVING, /* it was; time stands still until it asks for the time */
};

struct drill {
    pthread_mutex_t lock; /* of all that follows */
    pthread_cond_t moved; /* @blocked has changed */
    pthread_t driver;     /* packetdrill's main thread */
    pthread_t sleeper;    /* the thread of a blocking call, unless @blocked is DRILL_AWAKE */
    enum drill_blocked blocked;
    ft_time blocked_until;  /* when the call of the blocked thread gives up */
    bool returned;          /* it has left, and packetdrill may not know its result yet */
    struct ft_stack *stack; /* NULL until the first call that needs it */
    int ifindex;
    uint32_t mtu;
    ft_time now;
    struct drill_file files[DRILL_FDS_MAX];
    struct drill_packet *packets[DRILL_PACKETS_MAX]; /* a ring */
    uint32_t head, n_packets;
};

/* ---- clock.c --------------------------------------------------------------------------------- */

/** Let time pass to an instant, timers firing at theirs, and gather what is sent. Locked. */
void drill_advance(struct drill *drill, ft_time until);

/** The stack was called: gather what it sends now, and let a blocked thread look. Locked. */
void drill_settle(struct drill *drill);

/**
 * Wait in a blocking call until the stack has changed. On packetdrill's own thread, which nobody
 * else drives, time passes to the next timer instead. Locked.
 *
 * @deadline: FT_TIME_NEVER: for ever
 *
 * Return: false: the deadline has passed, or nothing will ever happen.
 */
bool drill_wait(struct drill *drill, ft_time deadline);

/** A call that may have waited is over: if it did, time stands still until drill_tell_time(). */
void drill_done(struct drill *drill);

/** packetdrill's gettimeofday: time advances by a microsecond, save for a call that just woke. */
int drill_tell_time(void *userdata, struct timeval *tv, struct timezone *tz);

/** packetdrill's usleep. After a blocking call the thread that made it has a moment of real time.
 */
int drill_usleep(void *userdata, useconds_t usec);

/** A packet of the script arrives at the stack. */
int drill_netdev_send(void *userdata, const void *packet, size_t len);

/** The next packet that the stack sends; time passes until there is one. */
int drill_netdev_receive(void *userdata, void *packet, size_t *len, long long *time_usecs);

/** How often one of the events that somebody watches has come anew. */
uint32_t drill_edges(const struct drill_file *file, uint32_t events);

/** Free the packets that nobody asked for. */
void drill_drop_packets(struct drill *drill);

/* ---- setup.c --------------------------------------------------------------------------------- */

/** Make the stack if there is none yet. Locked. Return: 0 or -errno. */
int drill_need_stack(struct drill *drill);

/** See to it that an address is one of ours. */
void drill_need_addr(struct drill *drill, const struct ft_addr *addr);

/** Set what the namespace's sysctls say of new sockets. */
void drill_apply_sysctls(struct drill *drill, ft_sock sock);

/* ---- files.c --------------------------------------------------------------------------------- */

/** A new descriptor of a kind. Return: it, or -errno. */
int drill_file_new(struct drill *drill, enum drill_kind kind);

/** What a descriptor stands for. Return: NULL if it is none of ours. */
struct drill_file *drill_file(struct drill *drill, int fd, enum drill_kind kind);

/** Begin a call: lock, and find what a descriptor stands for. Return: NULL if it is none of ours.
 */
struct drill_file *drill_enter(struct drill *drill, int fd, enum drill_kind kind);

/** End it: unlock. Return: @value, or -1 and errno. */
ssize_t drill_leave(struct drill *drill, ssize_t value);

/** packetdrill's close; waits as SO_LINGER says. */
int drill_close(void *userdata, int fd);

/** Its fcntl: O_NONBLOCK is ours, the rest is the memfd's. */
int drill_fcntl(void *userdata, int fd, int cmd, ...);

/** Its ioctl: SIOCINQ, SIOCOUTQ, SIOCOUTQNSD and FIONBIO; -1 and ENOTTY for others. */
int drill_ioctl(void *userdata, int fd, unsigned long request, ...);

/** Its pipe: the kernel's. */
int drill_pipe(void *userdata, int fds[2]);

/** Its splice: between a socket and a pipe, or the kernel's. */
int drill_splice(void *userdata, int fd_in, loff_t *off_in, int fd_out, loff_t *off_out, size_t len,
                 unsigned int flags);

/* ---- calls.c, transfer.c, wait.c ------------------------------------------------------------- */

/** See to it that there is a local address from which a connection to @addr can be opened. */
void drill_need_source(struct drill *drill, const struct sockaddr *addr, socklen_t len);

/** Wait until a connection attempt has ended. Locked. Return: 0, or -errno. */
int drill_finish_connect(struct drill *drill, struct drill_file *file);

/** Take over what sysctls say now: scripts change them on their way. Locked. */
void drill_tune(struct drill *drill);

/** Fill in the calls that make and name sockets, and their options. */
void drill_set_calls(struct packetdrill_interface *face);

/** Fill in those that move octets. */
void drill_set_transfer(struct packetdrill_interface *face);

/** Fill in poll and epoll. */
void drill_set_wait(struct packetdrill_interface *face);

/** Receive octets, waiting as the descriptor says. Locked. Return: them, or -errno. */
ssize_t drill_recv(struct drill *drill, struct drill_file *file, struct msghdr *msg, int flags);

/** Send octets likewise. */
ssize_t drill_send(struct drill *drill, struct drill_file *file, const struct msghdr *msg,
                   int flags);

/** What the system call answers: @value, or -1 and errno. */
ssize_t drill_answer(ssize_t value);

/** The entry point that packetdrill looks up. */
FT_PUBLIC void packetdrill_interface_init(const char *flags, struct packetdrill_interface *face);

#endif
