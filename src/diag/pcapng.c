/* SPDX-License-Identifier: MIT */
/*
 * pcapng by its draft (draft-ietf-opsawg-pcapng): a section header block, an interface description
 * block for each interface, an enhanced packet block for each packet. Everything is in the order of
 * octets of this machine, which the section header tells.
 */
#include "diag/pcapng.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define BLOCK_SECTION   0x0a0d0d0au
#define BLOCK_INTERFACE 1u
#define BLOCK_PACKET    6u
#define BYTE_ORDER_SAYS 0x1a2b3c4du

enum {
    OPT_END = 0,
    OPT_COMMENT = 1,
    OPT_IF_NAME = 2,
    OPT_IF_TSRESOL = 9,
    OPT_SHB_USERAPPL = 4,
    OPT_EPB_FLAGS = 2,
};

#define COMMENT_MAX 1000u
#define IF_NAME_MAX 64u

struct pcapng {
    FILE *file;
    uint64_t epoch_ns;
    unsigned n_interfaces;
};

static void put(struct pcapng *pcapng, const void *data, size_t len)
{
    /* Errors stick to the file, where ferror finds them. */
    if (len > 0)
        (void)fwrite(data, 1, len, pcapng->file);
}

static void put32(struct pcapng *pcapng, uint32_t value)
{
    put(pcapng, &value, sizeof(value));
}

static void put16(struct pcapng *pcapng, uint16_t value)
{
    put(pcapng, &value, sizeof(value));
}

static uint32_t padded(size_t len)
{
    return ((uint32_t)len + 3u) & ~3u;
}

static void put_padding(struct pcapng *pcapng, size_t len)
{
    static const uint8_t zero[4] = {0};

    put(pcapng, zero, padded(len) - len);
}

static uint32_t option_size(size_t len)
{
    return 4u + padded(len);
}

static void put_option(struct pcapng *pcapng, uint16_t code, const void *data, size_t len)
{
    put16(pcapng, code);
    put16(pcapng, (uint16_t)len);
    put(pcapng, data, len);
    put_padding(pcapng, len);
}

static size_t bounded_length(const char *text, size_t max)
{
    const char *end = memchr(text, '\0', max);

    return end == NULL ? max : (size_t)(end - text);
}

static void put_section(struct pcapng *pcapng)
{
    static const char application[] = "fourtuple";
    uint64_t unknown = UINT64_MAX;
    uint32_t size = 28u + option_size(sizeof(application) - 1) + option_size(0);

    put32(pcapng, BLOCK_SECTION);
    put32(pcapng, size);
    put32(pcapng, BYTE_ORDER_SAYS);
    put16(pcapng, 1);
    put16(pcapng, 0);
    put(pcapng, &unknown, sizeof(unknown));
    put_option(pcapng, OPT_SHB_USERAPPL, application, sizeof(application) - 1);
    put_option(pcapng, OPT_END, NULL, 0);
    put32(pcapng, size);
}

/* A file is ours alone before it is cut to nothing: of two who write it neither could be read.
   Where files cannot be locked we go on without. */
static int claim(int fd)
{
    struct stat stat;

    if (fstat(fd, &stat) != 0)
        return -errno;
    if (!S_ISREG(stat.st_mode))
        return 0;
    if (flock(fd, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK)
        return -EBUSY;
    return ftruncate(fd, 0) != 0 ? -errno : 0;
}

static int open_file(const char *path, FILE **ret_file)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOCTTY, 0666), error;

    if (fd < 0)
        return -errno;
    error = claim(fd);
    if (error == 0) {
        *ret_file = fdopen(fd, "wb");
        error = *ret_file == NULL ? -errno : 0;
    }
    if (error != 0)
        (void)close(fd); /* nothing was written */
    return error;
}

int pcapng_open(const char *path, struct pcapng **ret_pcapng)
{
    struct pcapng *pcapng = calloc(1, sizeof(*pcapng));
    bool to_stdout = strcmp(path, "-") == 0;
    int error;

    if (pcapng == NULL)
        return -ENOMEM;
    pcapng->file = stdout;
    error = to_stdout ? 0 : open_file(path, &pcapng->file);
    if (error != 0) {
        free(pcapng);
        return error;
    }
    put_section(pcapng);
    if (pcapng_flush(pcapng) != 0) {
        (void)pcapng_close(pcapng); /* the same error again */
        return -EIO;
    }
    *ret_pcapng = pcapng;
    return 0;
}

void pcapng_epoch(struct pcapng *pcapng, uint64_t epoch_ns)
{
    pcapng->epoch_ns = epoch_ns;
}

unsigned pcapng_interface(struct pcapng *pcapng, const char *name, enum pcapng_link link,
                          uint32_t mtu)
{
    size_t name_len = bounded_length(name, IF_NAME_MAX);
    uint8_t resolution = 9; /* 10^-9 s */
    uint32_t snap = mtu + (link == PCAPNG_ETHER ? 14u : 0u);
    uint32_t size = 20u + option_size(name_len) + option_size(1) + option_size(0);

    put32(pcapng, BLOCK_INTERFACE);
    put32(pcapng, size);
    put16(pcapng, (uint16_t)link);
    put16(pcapng, 0);
    /* A snapshot length cuts; frames that stand for many segments may exceed the MTU. */
    put32(pcapng, snap < 262144u ? 262144u : snap);
    put_option(pcapng, OPT_IF_NAME, name, name_len);
    put_option(pcapng, OPT_IF_TSRESOL, &resolution, 1);
    put_option(pcapng, OPT_END, NULL, 0);
    put32(pcapng, size);
    return pcapng->n_interfaces++;
}

int pcapng_write(struct pcapng *pcapng, const struct pcapng_packet *packet)
{
    size_t comment_len = packet->comment ? bounded_length(packet->comment, COMMENT_MAX) : 0;
    uint64_t at = packet->at + pcapng->epoch_ns;
    uint32_t flags = (uint32_t)packet->direction, size = 32u, len = 0;

    for (size_t i = 0; i < packet->n_spans; i++)
        len += (uint32_t)packet->spans[i].len;
    size += padded(len) + option_size(sizeof(flags)) + option_size(0);
    if (comment_len > 0)
        size += option_size(comment_len);
    put32(pcapng, BLOCK_PACKET);
    put32(pcapng, size);
    put32(pcapng, packet->interface);
    put32(pcapng, (uint32_t)(at >> 32));
    put32(pcapng, (uint32_t)at);
    put32(pcapng, len); /* captured */
    put32(pcapng, len); /* of the packet */
    for (size_t i = 0; i < packet->n_spans; i++)
        put(pcapng, packet->spans[i].data, packet->spans[i].len);
    put_padding(pcapng, len);
    put_option(pcapng, OPT_EPB_FLAGS, &flags, sizeof(flags));
    if (comment_len > 0)
        put_option(pcapng, OPT_COMMENT, packet->comment, comment_len);
    put_option(pcapng, OPT_END, NULL, 0);
    put32(pcapng, size);
    return ferror(pcapng->file) ? -EIO : 0;
}

int pcapng_packet(struct pcapng *pcapng, unsigned interface, ft_time at, const void *data,
                  size_t len, enum pcapng_direction direction)
{
    /* A span has no const; nothing here writes through it. */
    struct ft_span span = {(uint8_t *)(uintptr_t)data, len};
    struct pcapng_packet packet = {interface, at, &span, 1, direction, NULL};

    return pcapng_write(pcapng, &packet);
}

int pcapng_flush(struct pcapng *pcapng)
{
    return fflush(pcapng->file) != 0 || ferror(pcapng->file) ? -EIO : 0;
}

int pcapng_close(struct pcapng *pcapng)
{
    int error;

    if (pcapng == NULL)
        return 0;
    error = pcapng_flush(pcapng);
    if (pcapng->file != stdout && fclose(pcapng->file) != 0)
        error = -EIO;
    free(pcapng);
    return error;
}
