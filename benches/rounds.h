/* The side that has many sockets and goes round them, and what it counts. */
#ifndef ROUNDS_H
#define ROUNDS_H

#include "sides.h"

static zmq_pollitem_t *items;
static char *payload;

static void make_items (size_t payload_size)
{
    items = calloc (options.count, sizeof *items);
    payload = calloc (1, payload_size);
}

static void close_items (void)
{
    for (int i = 0; i < options.count; i++)
        zmq_close (items[i].socket);
    free (items);
    free (payload);
}

/* Goes round the sockets once, and gives how many messages that brought. */
typedef int64_t round_fn (void);

struct measured
{
    int64_t count;
    int64_t elapsed;
    int64_t cpu;
};

static struct measured rounds_for (round_fn *one_round, double seconds)
{
    struct measured measured = {0, 0, 0};
    const int64_t start = now (), cpu_before = cpu_time ();
    do {
        measured.count += one_round ();
        measured.elapsed = now () - start;
    } while (measured.elapsed < (int64_t) (seconds * 1e9));
    measured.cpu = cpu_time () - cpu_before;
    return measured;
}

/* Warms up and measures; the others go to their end then. */
static struct measured measure_rounds (round_fn *one_round)
{
    rounds_for (one_round, options.warm_up);
    enter (MEASURE);
    const struct measured measured = rounds_for (one_round, options.seconds);
    enter (END);
    return measured;
}

static void print_measured (const struct measured *measured)
{
    print_rate (measured->count, measured->elapsed, measured->cpu);
}

/* Which share of what came before still came. */
static void print_kept (const struct measured *before, const struct measured *after)
{
    const double rate_before = (double) before->count / before->elapsed;
    printf ("kept=%.4f\n", ((double) after->count / after->elapsed) / rate_before);
}

#endif
