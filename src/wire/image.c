/* SPDX-License-Identifier: MIT */
/*
 * Connections in octets: see image.h. Both directions go by one table of the fields.
 */
#include "wire/image.h"

#include <stdbool.h>
#include <string.h>

#include "base/assert.h"
#include "base/list.h"
#include "wire/be.h"
#include "wire/record.h"

#define FIELD_HEAD 6

struct number {
    uint16_t tag;
    uint16_t octets;
    size_t at; /* in struct image */
};

static const struct number numbers[] = {
#define X(tag, name, octets) {tag, octets, offsetof(struct image, name)},
    IMAGE_FIELDS(X)
#undef X
};

static const struct number blobs[] = {
#define X(tag, name) {tag, 0, offsetof(struct image, name)},
    IMAGE_BLOBS(X)
#undef X
};

#define N_FIELDS (FT_ARRAY_LEN(numbers) + FT_ARRAY_LEN(blobs))

static uint64_t *number_of(struct image *image, const struct number *n)
{
    return (uint64_t *)(void *)((uint8_t *)image + n->at);
}

static struct image_blob *blob_of(struct image *image, const struct number *n)
{
    return (struct image_blob *)(void *)((uint8_t *)image + n->at);
}

/* ---- writing --------------------------------------------------------------------------------- */

size_t ft_image_size(const struct image *image)
{
    size_t size = IMAGE_HEAD + IMAGE_CHECK + N_FIELDS * FIELD_HEAD;
    for (size_t i = 0; i < FT_ARRAY_LEN(numbers); i++)
        size += numbers[i].octets;
#define X(tag, name) size += image->name.len;
    IMAGE_BLOBS(X)
#undef X
    return size;
}

static uint8_t *put_head(uint8_t *p, uint16_t tag, size_t len)
{
    be16_store(p, tag);
    be32_store(p + 2, (uint32_t)len);
    return p + FIELD_HEAD;
}

void ft_image_emit(struct image *image, uint8_t *ret_buf)
{
    uint8_t *p = ret_buf + IMAGE_HEAD;
    memcpy(ret_buf, IMAGE_MAGIC, IMAGE_MAGIC_LEN);
    be32_store(ret_buf + 8, IMAGE_VERSION);
    be32_store(ret_buf + 12, (uint32_t)ft_image_size(image));
    for (size_t i = 0; i < FT_ARRAY_LEN(numbers); i++) {
        uint64_t v = *number_of(image, &numbers[i]);
        p = put_head(p, numbers[i].tag, numbers[i].octets);
        for (unsigned k = numbers[i].octets; k > 0; k--, p++)
            *p = (uint8_t)(v >> (8 * (k - 1)));
    }
    for (size_t i = 0; i < FT_ARRAY_LEN(blobs); i++) {
        struct image_blob *blob = blob_of(image, &blobs[i]);
        p = put_head(p, blobs[i].tag, blob->len);
        blob->at = (size_t)(p - ret_buf);
        p += blob->len;
    }
    ft_assert((size_t)(p - ret_buf) + IMAGE_CHECK == ft_image_size(image));
}

static uint64_t check_of(const uint8_t *buf, size_t len)
{
    struct record_hash hash;
    record_hash_init(&hash);
    record_hash_add(&hash, buf, len - IMAGE_CHECK);
    return record_hash_end(&hash);
}

void ft_image_seal(uint8_t *buf, size_t len)
{
    be64_store(buf + len - IMAGE_CHECK, check_of(buf, len));
}

/* ---- reading --------------------------------------------------------------------------------- */

/* Return: the number of a tag among all fields; N_FIELDS: not known. */
static size_t find(uint16_t tag)
{
    for (size_t i = 0; i < FT_ARRAY_LEN(numbers); i++)
        if (numbers[i].tag == tag)
            return i;
    for (size_t i = 0; i < FT_ARRAY_LEN(blobs); i++)
        if (blobs[i].tag == tag)
            return FT_ARRAY_LEN(numbers) + i;
    return N_FIELDS;
}

static bool take(struct image *image, size_t field, const uint8_t *buf, size_t at, size_t len)
{
    uint64_t v = 0;
    if (field >= FT_ARRAY_LEN(numbers)) {
        struct image_blob *blob = blob_of(image, &blobs[field - FT_ARRAY_LEN(numbers)]);
        *blob = (struct image_blob){at, len};
        return true;
    }
    if (len != numbers[field].octets)
        return false;
    for (size_t i = 0; i < len; i++)
        v = v << 8 | buf[at + i];
    *number_of(image, &numbers[field]) = v;
    return true;
}

static enum image_error parse_fields(const uint8_t *buf, size_t end, struct image *image)
{
    bool seen[N_FIELDS + 1] = {false};
    size_t n_seen = 0;
    for (size_t at = IMAGE_HEAD; at < end;) {
        if (end - at < FIELD_HEAD)
            return IMAGE_DAMAGED;
        uint16_t tag = be16_load(buf + at);
        size_t len = be32_load(buf + at + 2);
        at += FIELD_HEAD;
        if (len > end - at)
            return IMAGE_DAMAGED;
        size_t field = find(tag);
        if (field == N_FIELDS && !(tag & IMAGE_OPTIONAL))
            return IMAGE_NEW_VERSION;
        if (field < N_FIELDS) {
            if (seen[field] || !take(image, field, buf, at, len))
                return IMAGE_DAMAGED;
            seen[field] = true;
            n_seen++;
        }
        at += len;
    }
    return n_seen == N_FIELDS ? IMAGE_OK : IMAGE_DAMAGED;
}

enum image_error ft_image_parse(const uint8_t *buf, size_t len, struct image *ret_image)
{
    struct image image = {0};
    if (len < IMAGE_HEAD + IMAGE_CHECK || memcmp(buf, IMAGE_MAGIC, IMAGE_MAGIC_LEN) != 0)
        return IMAGE_DAMAGED;
    if (be32_load(buf + 12) != len || be64_load(buf + len - IMAGE_CHECK) != check_of(buf, len))
        return IMAGE_DAMAGED;
    if (be32_load(buf + 8) != IMAGE_VERSION)
        return IMAGE_NEW_VERSION;
    enum image_error error = parse_fields(buf, len - IMAGE_CHECK, &image);
    if (error == IMAGE_OK)
        *ret_image = image;
    return error;
}
