/*
 * The numbered messages that interoperating peers exchange. Number and run determine every byte, so
 * a receiver knows what must come next; `messages.py` is the same in Python.
 */
#ifndef MESSAGES_H
#define MESSAGES_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LARGEST = 10 * 1024 * 1024, HEADER = 16, TAIL_SIZE = 3 };
static const char TAIL[] = "end";

/* Body bytes count up from a start that depends on the number, so a body is a slice of this. */
static unsigned char *pattern;

static void make_pattern (void)
{
    pattern = malloc (LARGEST + 256);
    if (!pattern)
        exit (3);
    for (size_t i = 0; i < LARGEST + 256; i++)
        pattern[i] = (unsigned char) i;
}

static uint32_t hash_of (uint64_t number)
{
    return (uint32_t) (number * 2654435761u);
}

/*
 * Mostly small, a few of every larger size, about 90 MiB in 100,000 messages. With `numbered` every
 * body has room for its header and none is huge, for runs in which messages may be lost.
 */
static size_t size_of (uint64_t number, int numbered)
{
    const uint32_t hash = hash_of (number);
    size_t size = (hash >> 16) % 256;
    if (number % 25000 == 24999)
        size = LARGEST;
    else if (number % 5000 == 2500)
        size = 1024 * 1024;
    else if (number % 500 == 250)
        size = 65536;
    else if (number % 50 == 25)
        size = 256 + hash % 8192;
    if (numbered && size > 65536)
        size = 65536;
    if (numbered && size < HEADER)
        size = HEADER;
    return size;
}

/* Every tenth message has two more parts: an empty one and TAIL. */
static int has_tail (uint64_t number, int single)
{
    return !single && number % 10 == 3;
}

static void fill_body (unsigned char *body, size_t size, uint64_t number, uint64_t run)
{
    memcpy (body, pattern + hash_of (number) % 256, size);
    if (size >= HEADER) {
        memcpy (body, &number, 8);
        memcpy (body + 8, &run, 8);
    }
}

static int body_is_right (const unsigned char *body, size_t size, uint64_t number, uint64_t run)
{
    size_t checked = 0;
    if (size >= HEADER) {
        if (memcmp (body, &number, 8) != 0 || memcmp (body + 8, &run, 8) != 0)
            return 0;
        checked = HEADER;
    }
    return memcmp (body + checked, pattern + hash_of (number) % 256 + checked, size - checked) == 0;
}

#endif
