/* SPDX-License-Identifier: MIT */
/*
 * A main() for fuzz targets where libFuzzer is not: feeds the files of a corpus folder and then a
 * fixed number of seeded pseudo-random inputs, the same ones on every machine. It knows nothing of
 * coverage; it only shows that a target runs and that yesterday's finds stay found.
 *
 *     fuzz-NAME [CORPUS-FOLDER [INPUTS]]
 */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#define INPUT_MAX      512
#define FILE_MAX       65536
#define INPUTS_DEFAULT 2000

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint64_t next_random(uint64_t *state)
{
    uint64_t z = (*state += UINT64_C(0x9e3779b97f4a7c15));

    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

/* The copy has exactly the input's size, so that a sanitizer sees a read one octet too far. */
static void feed(const uint8_t *data, size_t len)
{
    uint8_t *copy = malloc(len ? len : 1);

    if (!copy)
        abort();
    for (size_t i = 0; i < len; i++)
        copy[i] = data[i];
    (void)LLVMFuzzerTestOneInput(copy, len);
    free(copy);
}

static size_t feed_corpus(const char *folder)
{
    static uint8_t data[FILE_MAX];
    size_t n_fed = 0;
    struct dirent *entry;
    DIR *dir = opendir(folder);

    while (dir && (entry = readdir(dir))) {
        char path[4096];
        FILE *file;

        if (entry->d_name[0] == '.')
            continue;
        (void)snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name);
        file = fopen(path, "rb");
        if (!file)
            continue;
        feed(data, fread(data, 1, sizeof(data), file));
        (void)fclose(file);
        n_fed++;
    }
    if (dir)
        (void)closedir(dir);
    return n_fed;
}

int main(int argc, char **argv)
{
    uint64_t state = 1;
    uint8_t data[INPUT_MAX];
    size_t n_files = argc > 1 ? feed_corpus(argv[1]) : 0;
    unsigned long n_inputs = argc > 2 ? strtoul(argv[2], NULL, 10) : INPUTS_DEFAULT;

    for (unsigned long i = 0; i < n_inputs; i++) {
        size_t len = (size_t)(next_random(&state) % (INPUT_MAX + 1));

        for (size_t k = 0; k < len; k++)
            data[k] = (uint8_t)next_random(&state);
        feed(data, len);
    }
    printf("%zu files, %lu inputs\n", n_files, n_inputs);
    return 0;
}
