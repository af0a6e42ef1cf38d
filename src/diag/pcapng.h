/* SPDX-License-Identifier: MIT */
/*
 * Captures: writes packets as pcapng (the IETF's pcapng draft), one section a file, with the names
 * of interfaces, nanoseconds, and the direction of each packet. It only writes, and knows nothing
 * of stacks or links.
 */
#ifndef DIAG_PCAPNG_H
#define DIAG_PCAPNG_H

#include <fourtuple/types.h>

struct pcapng; /* an open capture */

enum pcapng_link {
    PCAPNG_ETHER = 1, /* LINKTYPE_ETHERNET */
    PCAPNG_IP = 101,  /* LINKTYPE_RAW: bare IPv4 or IPv6 */
};

enum pcapng_direction {
    PCAPNG_UNKNOWN = 0,
    PCAPNG_IN = 1,
    PCAPNG_OUT = 2,
};

/* One packet, in one or more pieces. */
struct pcapng_packet {
    unsigned interface; /* from pcapng_interface() */
    ft_time at;
    const struct ft_span *spans; /* borrowed */
    size_t n_spans;
    enum pcapng_direction direction;
    const char *comment; /* one line for people; NULL for none */
};

/**
 * Begin a capture file; one that exists is overwritten. "-" is the standard output.
 *
 * @path:       borrowed
 * @ret_pcapng: to be ended by pcapng_close()
 *
 * Return: 0; -EBUSY: it is being written already; another -errno of opening.
 */
int pcapng_open(const char *path, struct pcapng **ret_pcapng);

/**
 * Say at which time of day (nanoseconds since 1970) the time of packets is 0. Without this it is
 * 1970 itself, as a virtual clock wants it.
 */
void pcapng_epoch(struct pcapng *pcapng, uint64_t epoch_ns);

/**
 * Add an interface.
 *
 * @name: as it is to be shown; borrowed
 * @link: what its packets begin with
 * @mtu:  octets of IP in a packet; tells readers how long packets can be
 *
 * Return: its number, 0 for the first.
 */
unsigned pcapng_interface(struct pcapng *pcapng, const char *name, enum pcapng_link link,
                          uint32_t mtu);

/**
 * Write one packet.
 *
 * @interface: from pcapng_interface()
 * @at:        any clock; see pcapng_epoch()
 * @data:      borrowed
 *
 * Return: 0; -EIO: the file cannot be written, now or earlier.
 */
int pcapng_packet(struct pcapng *pcapng, unsigned interface, ft_time at, const void *data,
                  size_t len, enum pcapng_direction direction);

/**
 * Write one packet that is in pieces, or that has a comment.
 *
 * @packet: borrowed
 *
 * Return: as pcapng_packet().
 */
int pcapng_write(struct pcapng *pcapng, const struct pcapng_packet *packet);

/**
 * Hand what was written to the operating system, so that another program can read it.
 *
 * Return: 0; -EIO.
 */
int pcapng_flush(struct pcapng *pcapng);

/**
 * End a capture.
 *
 * @pcapng: may be NULL
 *
 * Return: 0; -EIO: something of it could not be written.
 */
int pcapng_close(struct pcapng *pcapng);

#endif
