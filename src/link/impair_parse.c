/* SPDX-License-Identifier: MIT */
/*
 * The text of --link: what a person types for a bad cable, and one sentence for what is wrong with
 * it. What the values then do is impair.c's.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "link/impair.h"

struct unit {
    const char *name;
    uint64_t factor;
};

enum item_kind { ITEM_TIME, ITEM_RATE, ITEM_OCTETS, ITEM_SHARE, ITEM_COUNT, ITEM_ECN };

struct item {
    const char *name;
    enum item_kind kind;
    size_t at;         /* where in struct impair_config */
    size_t size;       /* of the field */
    uint64_t min, max; /* both included */
    const char *what;  /* it is not ... */
    const char *write; /* write it as ... */
};

#define FIELD(f) offsetof(struct impair_config, f), sizeof(((struct impair_config *)0)->f)

static const struct item items[] = {
    {"delay", ITEM_TIME, FIELD(delay), 0, 3600 * FT_SEC, "a time", "10ms"},
    {"jitter", ITEM_TIME, FIELD(jitter), 0, 3600 * FT_SEC, "a time", "2ms"},
    {"rate", ITEM_RATE, FIELD(rate), 8, UINT64_C(1000000000000), "a rate in bit/s", "100mbit"},
    {"queue", ITEM_OCTETS, FIELD(queue), 1, IMPAIR_QUEUE_MAX, "a number of octets up to 1g",
     "256k"},
    {"loss", ITEM_SHARE, FIELD(loss), 0, IMPAIR_SHARE_ALL, "a share from 0% to 100%", "1%"},
    {"burst", ITEM_COUNT, FIELD(burst), 1, 1000000, "a number of frames", "3"},
    {"dup", ITEM_SHARE, FIELD(dup), 0, IMPAIR_SHARE_ALL, "a share from 0% to 100%", "0.1%"},
    {"reorder", ITEM_SHARE, FIELD(reorder), 0, IMPAIR_SHARE_ALL, "a share from 0% to 100%", "0.5%"},
    {"corrupt", ITEM_SHARE, FIELD(corrupt), 0, IMPAIR_SHARE_ALL, "a share from 0% to 100%",
     "0.01%"},
    {"mark", ITEM_OCTETS, FIELD(mark), 1, IMPAIR_QUEUE_MAX, "a number of octets up to 1g", "32k"},
    {"mark_all", ITEM_OCTETS, FIELD(mark_all), 1, IMPAIR_QUEUE_MAX, "a number of octets up to 1g",
     "96k"},
    {"ecn", ITEM_ECN, FIELD(ecn), 0, IMPAIR_ECN_CE, "one of keep, bleach, ect0, ect1, ce",
     "bleach"},
    {"mtu", ITEM_COUNT, FIELD(mtu), 68, 65535, "a number from 68 to 65535", "1400"},
    {"seed", ITEM_COUNT, FIELD(seed), 0, UINT64_MAX, "a whole number", "7"},
};

#define N_ITEMS (sizeof(items) / sizeof(items[0]))

static const struct unit *units_of(enum item_kind kind)
{
    static const struct unit times[] = {
        {"ns", 1}, {"us", FT_US}, {"ms", FT_MS}, {"s", FT_SEC}, {NULL, 0}};
    static const struct unit rates[] = {
        {"bit", 1}, {"kbit", 1000}, {"mbit", 1000000}, {"gbit", 1000000000}, {NULL, 0}};
    static const struct unit octets[] = {
        {"", 1}, {"k", 1u << 10}, {"m", 1u << 20}, {"g", 1u << 30}, {NULL, 0}};
    static const struct unit shares[] = {{"%", IMPAIR_SHARE_ALL / 100}, {NULL, 0}};
    static const struct unit counts[] = {{"", 1}, {NULL, 0}};
    static const struct unit none[] = {{NULL, 0}};

    switch (kind) {
    case ITEM_TIME:
        return times;
    case ITEM_RATE:
        return rates;
    case ITEM_OCTETS:
        return octets;
    case ITEM_SHARE:
        return shares;
    case ITEM_COUNT:
        return counts;
    case ITEM_ECN:
        return none;
    }
    return none;
}

/* Reads digits; false when there is none or the number does not fit. */
static bool read_digits(const char **text, const char *end, uint64_t *ret_value)
{
    const char *at = *text;
    uint64_t value = 0;

    for (; at < end && *at >= '0' && *at <= '9'; at++) {
        uint64_t digit = (uint64_t)(*at - '0');

        if (value > (UINT64_MAX - digit) / 10)
            return false;
        value = value * 10 + digit;
    }
    if (at == *text)
        return false;
    *text = at;
    *ret_value = value;
    return true;
}

/* Reads NUMBER[.FRACTION]UNIT, exactly, without floating point. */
static bool read_quantity(const char *text, const char *end, const struct unit *units,
                          uint64_t *ret_value)
{
    uint64_t whole, fraction = 0, scale = 1;
    const char *begin;

    if (!read_digits(&text, end, &whole))
        return false;
    if (text < end && *text == '.') {
        begin = ++text;
        if (!read_digits(&text, end, &fraction) || text - begin > 9)
            return false;
        for (; begin < text; begin++)
            scale *= 10;
    }
    for (; units->name != NULL; units++) {
        if (strlen(units->name) != (size_t)(end - text) ||
            memcmp(units->name, text, (size_t)(end - text)) != 0)
            continue;
        if (whole > UINT64_MAX / units->factor || fraction * units->factor % scale != 0)
            return false;
        whole *= units->factor;
        fraction = fraction * units->factor / scale;
        if (whole > UINT64_MAX - fraction)
            return false;
        *ret_value = whole + fraction;
        return true;
    }
    return false;
}

/* Reads one of the words of enum impair_ecn. */
static bool read_ecn(const char *text, const char *end, uint64_t *ret_value)
{
    static const char *const words[] = {"keep", "bleach", "ect0", "ect1", "ce"};

    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (strlen(words[i]) != (size_t)(end - text) ||
            memcmp(words[i], text, (size_t)(end - text)) != 0)
            continue;
        *ret_value = i;
        return true;
    }
    return false;
}

static bool read_value(const char *text, const char *end, const struct item *item,
                       uint64_t *ret_value)
{
    if (item->kind == ITEM_ECN)
        return read_ecn(text, end, ret_value);
    return read_quantity(text, end, units_of(item->kind), ret_value) && *ret_value >= item->min &&
           *ret_value <= item->max;
}

static void store(struct impair_config *config, const struct item *item, uint64_t value)
{
    uint32_t narrow = (uint32_t)value;

    if (item->size == sizeof(narrow))
        memcpy((char *)config + item->at, &narrow, sizeof(narrow));
    else
        memcpy((char *)config + item->at, &value, sizeof(value));
}

/* Reads one item, [text, end). */
static int read_item(const char *text, const char *end, struct impair_config *config,
                     uint32_t *seen, char *err, size_t err_len)
{
    const char *equals = memchr(text, '=', (size_t)(end - text));
    int len = (int)(end - text);

    for (size_t i = 0; i < N_ITEMS && equals != NULL; i++) {
        const struct item *item = &items[i];
        uint64_t value = 0;

        if (strlen(item->name) != (size_t)(equals - text) ||
            memcmp(item->name, text, (size_t)(equals - text)) != 0)
            continue;
        if ((*seen & 1u << i) != 0) {
            (void)snprintf(err, err_len, "%s is given twice", item->name);
            return -EINVAL;
        }
        *seen |= 1u << i;
        if (!read_value(equals + 1, end, item, &value)) {
            (void)snprintf(err, err_len, "%.*s is not %s; write it as %s=%s", len, text, item->what,
                           item->name, item->write);
            return -EINVAL;
        }
        store(config, item, value);
        return 0;
    }
    if (len == 0) {
        text = "an empty item";
        len = (int)strlen(text);
    }
    (void)snprintf(err, err_len,
                   "%.*s is not known; it takes delay, jitter, rate, queue, loss, burst, dup, "
                   "reorder, corrupt, mark, mark_all, ecn, mtu, seed, each as NAME=VALUE",
                   len, text);
    return -EINVAL;
}

int impair_parse(const char *text, struct impair_config *ret_config, char *ret_err, size_t err_len)
{
    struct impair_config config = {0};
    uint32_t seen = 0;

    config.l2_len = ret_config->l2_len;
    config.packets_max = ret_config->packets_max;
    config.octets_max = ret_config->octets_max;
    for (;;) {
        const char *end = strchr(text, ',');
        int error;

        if (end == NULL)
            end = text + strlen(text);
        error = read_item(text, end, &config, &seen, ret_err, err_len);
        if (error != 0)
            return error;
        if (*end == '\0')
            break;
        text = end + 1;
    }
    if (config.reorder != 0 && config.delay == 0) {
        (void)snprintf(ret_err, err_len,
                       "reorder needs a delay that frames can skip; add delay=10ms");
        return -EINVAL;
    }
    if (config.mark != 0 && config.rate == 0) {
        (void)snprintf(ret_err, err_len, "mark needs a queue; add rate=100mbit");
        return -EINVAL;
    }
    if (config.mark_all != 0 && (config.mark == 0 || config.mark_all <= config.mark)) {
        (void)snprintf(ret_err, err_len, "mark_all needs a mark that is less; add mark=16k");
        return -EINVAL;
    }
    *ret_config = config;
    return 0;
}
