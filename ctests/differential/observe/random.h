/* Random numbers that are the same in every run. */
#ifndef RANDOM_H
#define RANDOM_H

static unsigned random_state = 1;

/* A number below the limit. */
static unsigned below (unsigned limit)
{
    random_state = random_state * 1103515245 + 12345;
    return (random_state >> 16) % limit;
}

#endif
