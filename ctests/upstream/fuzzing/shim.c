/*  Linked into the original's fuzzing programs by scripts/fuzz, which has them
 *  call these functions in place of others.
 *
 *  The programs give the library a quarter of a second twice for each input,
 *  and some wait for answers that do not come before half a minute is over.
 *  Here a pause is over, and an answer waited for, as long as not all other
 *  threads sleep; so an input takes a few milliseconds. With WHOLE_PAUSES in
 *  the environment both are as they ought to be: a failure counts if it is one
 *  then as well.
 *
 *  A failed check jumps to the end of its test; there is none to jump to when a
 *  fuzzer calls.  */

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define STEP_MICROSECONDS 500
/*  How often in turn everybody has to be found asleep.  */
#define TIMES 3

/*  In place of void msleep (int), as C++ names it.  */
void __wrap__Z6msleepi (int milliseconds);
void __wrap_longjmp (void *place, int value);
/*  In place of recv, in the programs only.  */
ssize_t recv_or_rest (int fd, void *buffer, size_t size, int flags);

static bool is_asleep (const char *thread)
{
    char path[64], text[256];
    snprintf (path, sizeof path, "/proc/self/task/%.20s/stat", thread);
    const int file = open (path, O_RDONLY | O_CLOEXEC);
    if (file == -1)
        return true;
    const ssize_t length = read (file, text, sizeof text - 1);
    close (file);
    if (length <= 0)
        return true;
    text[length] = '\0';
    /*  The state stands behind the name, which is in brackets.  */
    const char *name_end = strrchr (text, ')');
    return name_end && (name_end[2] == 'S' || name_end[2] == 'Z');
}

static bool others_sleep (void)
{
    DIR *threads = opendir ("/proc/self/task");
    if (!threads)
        return false;
    bool asleep = true;
    const long self = syscall (SYS_gettid);
    const struct dirent *entry;
    while (asleep && (entry = readdir (threads)))
        if (entry->d_name[0] != '.' && atol (entry->d_name) != self)
            asleep = is_asleep (entry->d_name);
    closedir (threads);
    return asleep;
}

/*  Sleeps a little; whether everybody else slept several times in turn.  */
static bool rest (int *asleep)
{
    const struct timespec step = {0, STEP_MICROSECONDS * 1000L};
    nanosleep (&step, NULL);
    *asleep = others_sleep () ? *asleep + 1 : 0;
    return *asleep >= TIMES && !getenv ("WHOLE_PAUSES");
}

void __wrap__Z6msleepi (int milliseconds)
{
    int asleep = 0;
    int steps = milliseconds * 1000 / STEP_MICROSECONDS;
    while (steps-- > 0 && !rest (&asleep))
        continue;
}

ssize_t recv_or_rest (int fd, void *buffer, size_t size, int flags)
{
    int asleep = 0;
    struct pollfd readable = {fd, POLLIN, 0};
    while (!(flags & MSG_DONTWAIT) && poll (&readable, 1, 0) == 0) {
        if (rest (&asleep)) {
            errno = EAGAIN;
            return -1;
        }
    }
    return recv (fd, buffer, size, flags);
}

void __wrap_longjmp (void *place, int value)
{
    (void) place;
    (void) value;
    fflush (stdout);
    abort ();
}
