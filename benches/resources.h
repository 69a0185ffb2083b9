/* Memory and descriptors of this process. */
#ifndef RESOURCES_H
#define RESOURCES_H

#include "bench.h"

#include <dirent.h>

static long resident (void)
{
    long pages = 0, all = 0;
    FILE *file = fopen ("/proc/self/statm", "r");
    if (!file || fscanf (file, "%ld %ld", &all, &pages) != 2)
        fail ("/proc/self/statm");
    fclose (file);
    return pages * sysconf (_SC_PAGESIZE);
}

static int open_descriptors (void)
{
    int count = 0;
    DIR *directory = opendir ("/proc/self/fd");
    while (directory && readdir (directory))
        count++;
    if (directory)
        closedir (directory);
    return count;
}

/* Waits until the I/O threads have nothing left to do: memory stays the same for a while. Where it never
   does, some seconds have to do. */
static long settled (void)
{
    long before = resident ();
    for (int same = 0, looks = 0; same < 5 && looks < 60; looks++) {
        usleep (50000);
        const long after = resident ();
        same = after == before ? same + 1 : 0;
        before = after;
    }
    return before;
}

#endif
