/* SPDX-License-Identifier: MIT */
/*
 * The Ethernet card of a simulated host: makes octets for the cable out of the frames of a stack.
 * It gathers spans, fills in checksums where the interface says that it does, and cuts frames that
 * stand for several segments as hardware would (each with its own length, sequence number and
 * checksum; FIN and PSH on the last only).
 */
#include <string.h>

#include "priv.h"

#define ETHER_LEN 14
#define FLAGS_AT  13 /* in a TCP header */

static void put16(uint8_t *p, uint32_t value)
{
    p[0] = (uint8_t)(value >> 8);
    p[1] = (uint8_t)value;
}

static uint64_t sum_words(const uint8_t *p, size_t len)
{
    uint64_t sum = 0;

    for (size_t i = 0; i + 1 < len; i += 2)
        sum += (uint64_t)p[i] << 8 | p[i + 1];
    if (len & 1)
        sum += (uint64_t)p[len - 1] << 8;
    return sum;
}

/* RFC 1071. */
static uint16_t fold(uint64_t sum)
{
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t)~sum;
}

/* Every octet of a frame, one after the other. Return: how many; 0: too many. */
static size_t gather(struct sim_world *world, const struct ft_frame *frame)
{
    size_t len = frame->len;

    if (len > sizeof(world->scratch))
        return 0;
    memcpy(world->scratch, frame->buf, len);
    for (uint32_t i = 0; i < frame->n_spans; i++) {
        if (frame->spans[i].len > sizeof(world->scratch) - len)
            return 0;
        memcpy(world->scratch + len, frame->spans[i].data, frame->spans[i].len);
        len += frame->spans[i].len;
    }
    return len;
}

/* Segment @number of the gathered octets. Return: its length in world->expected. */
static size_t cut(struct sim_world *world, const struct ft_frame *frame, size_t len, size_t number)
{
    const uint8_t *whole = world->scratch;
    uint8_t *out = world->expected;
    size_t l4 = frame->csum_start;
    size_t header = l4 + (size_t)(whole[l4 + 12] >> 4) * 4;
    size_t at = header + number * frame->gso_size;
    size_t n = len - at < frame->gso_size ? len - at : frame->gso_size;
    bool is_last = at + n == len;
    uint32_t seq = (uint32_t)whole[l4 + 4] << 24 | (uint32_t)whole[l4 + 5] << 16 |
                   (uint32_t)whole[l4 + 6] << 8 | whole[l4 + 7];
    uint64_t pseudo;

    memcpy(out, whole, header);
    memcpy(out + header, whole + at, n);
    seq += (uint32_t)(number * frame->gso_size);
    put16(out + l4 + 4, seq >> 16);
    put16(out + l4 + 6, seq & 0xffff);
    if (!is_last)
        out[l4 + FLAGS_AT] &= (uint8_t) ~(SIGHT_FIN | SIGHT_PSH);
    if (frame->gso_type == FT_GSO_TCP4) {
        uint32_t id = ((uint32_t)whole[ETHER_LEN + 4] << 8 | whole[ETHER_LEN + 5]);

        put16(out + ETHER_LEN + 2, (uint32_t)(header + n - ETHER_LEN));
        put16(out + ETHER_LEN + 4, (id + (uint32_t)number) & 0xffff);
        put16(out + ETHER_LEN + 10, 0);
        put16(out + ETHER_LEN + 10, fold(sum_words(out + ETHER_LEN, l4 - ETHER_LEN)));
        pseudo = sum_words(out + ETHER_LEN + 12, 8);
    } else {
        put16(out + ETHER_LEN + 4, (uint32_t)(header + n - ETHER_LEN - 40));
        pseudo = sum_words(out + ETHER_LEN + 8, 32);
    }
    put16(out + l4 + 16, 0);
    put16(out + l4 + 16,
          fold(pseudo + 6 + (header - l4) + n + sum_words(out + l4, header - l4 + n)));
    return header + n;
}

/* Rules of the interface that a frame must keep whatever is in it. */
static const char *check_frame(const struct sim_host_plan *plan, const struct ft_frame *frame,
                               size_t len)
{
    if (frame->n_spans > FT_SPANS_MAX || frame->len > frame->cap || len == 0)
        return "a frame with too many spans or octets";
    if (plan->linear && frame->n_spans > 0)
        return "a frame with spans, though linear ones were asked for";
    if (frame->gso_type != FT_GSO_NONE && !(plan->if_flags & FT_IF_TSO))
        return "a frame to be segmented, which its interface cannot do";
    if ((frame->flags & FT_FRAME_CSUM_PARTIAL) && !(plan->if_flags & FT_IF_TX_CSUM))
        return "a frame without its checksum, which its interface does not fill in";
    if ((frame->flags & FT_FRAME_CSUM_PARTIAL) &&
        (size_t)frame->csum_start + frame->csum_offset + 2 > len)
        return "a checksum to be filled in outside the frame";
    if (frame->gso_type != FT_GSO_NONE &&
        (frame->gso_size == 0 || (size_t)frame->csum_start + 20 > frame->len))
        return "a frame to be segmented without a size or a header";
    return NULL;
}

const char *ft_sim_card_send(struct sim_world *world, struct sim_host *host,
                             const struct ft_frame *frame, sim_card_sink *sink, bool refused)
{
    size_t len = gather(world, frame);
    const char *wrong = check_frame(&world->plan.host[host->index], frame, len);
    size_t header;

    if (wrong != NULL)
        return wrong;
    if (frame->gso_type == FT_GSO_NONE) {
        if (frame->flags & FT_FRAME_CSUM_PARTIAL) {
            uint8_t *at = world->scratch + frame->csum_start + frame->csum_offset;
            uint16_t sum =
                fold(sum_words(world->scratch + frame->csum_start, len - frame->csum_start));

            put16(at, sum == 0 ? 0xffff : sum); /* RFC 768; the same value for TCP */
        }
        sink(world, host, world->scratch, len, refused);
        return NULL;
    }
    header = frame->csum_start + (size_t)(world->scratch[frame->csum_start + 12] >> 4) * 4;
    if (header > len)
        return "a frame to be segmented with a header that is longer than it";
    for (size_t i = 0; header + i * frame->gso_size < len && !world->failed; i++)
        sink(world, host, world->expected, cut(world, frame, len, i), refused);
    return NULL;
}
