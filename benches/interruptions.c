/* How often and for how long the machine takes a processor away from a thread that does nothing but look
   at the clock, one such thread on each processor at once: what no library's slowest round trips can be
   without. Interruptions of more than half a microsecond, per second and processor. */
#include "bench.h"

#include <sched.h>

#define MOST_GAPS (1 << 18)
#define LONG_ENOUGH 500

struct spinner {
    pthread_t thread;
    int processor, count;
    int64_t gaps[MOST_GAPS];
};

static void *spin (void *argument)
{
    struct spinner *self = argument;
    cpu_set_t only;
    CPU_ZERO (&only);
    CPU_SET (self->processor, &only);
    sched_setaffinity (0, sizeof only, &only);
    const int64_t end = now () + (int64_t) (options.seconds * 1e9);
    for (int64_t before = now (), after; before < end; before = after) {
        after = now ();
        if (after - before > LONG_ENOUGH && self->count < MOST_GAPS)
            self->gaps[self->count++] = after - before;
    }
    return NULL;
}

int main (int argc, char **argv)
{
    options.seconds = 1;
    read_options (argc, argv);
    cpu_set_t allowed;
    sched_getaffinity (0, sizeof allowed, &allowed);
    const int spinners = CPU_COUNT (&allowed);
    struct spinner *all = calloc (spinners, sizeof *all);
    for (int i = 0, processor = 0; i < spinners; i++, processor++) {
        while (!CPU_ISSET (processor, &allowed))
            processor++;
        all[i].processor = processor;
        pthread_create (&all[i].thread, NULL, spin, &all[i]);
    }
    int64_t *gaps = calloc (spinners, sizeof all->gaps);
    int count = 0;
    for (int i = 0; i < spinners; i++) {
        pthread_join (all[i].thread, NULL);
        memcpy (gaps + count, all[i].gaps, all[i].count * sizeof *gaps);
        count += all[i].count;
    }
    sort_times (gaps, count);
    printf ("rate=%.0f\n", count / options.seconds / spinners);
    for (int k = 0; k < 3; k++) {
        static const char *const names[] = {"median", "ninety", "ninety_nine"};
        static const double shares[] = {0.5, 0.9, 0.99};
        printf ("%s=%.1f\n", names[k], count ? gaps[(int) (count * shares[k])] / 1000.0 : 0.0);
    }
    return 0;
}
