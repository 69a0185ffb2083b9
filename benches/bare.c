/* What this machine's connections do without a library: the limit of every row beside which it stands.
   One thread sends blocks as fast as it goes and another receives them, counted in messages of a size;
   or, with `--kind latency`, two threads answer each other and look again and again for the answer,
   without ever sleeping. */
#include "sides.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/un.h>

#define BLOCK (128 * 1024)
#define MOST_SAMPLES (1 << 20)

static char block[BLOCK];
static int64_t samples[MOST_SAMPLES];

/* The two ends of a connection, made before the sides part. */
static int ends[2];

static void connect_ends (void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl (INADDR_LOOPBACK)};
    socklen_t length = sizeof address;
    const int at_once = 1;
    if (strcmp (options.transport, "tcp") != 0) {
        CHECK (socketpair (AF_UNIX, SOCK_STREAM, 0, ends));
        return;
    }
    const int listener = CHECK (socket (AF_INET, SOCK_STREAM, 0));
    CHECK (bind (listener, (struct sockaddr *) &address, sizeof address));
    CHECK (listen (listener, 1));
    CHECK (getsockname (listener, (struct sockaddr *) &address, &length));
    ends[0] = CHECK (socket (AF_INET, SOCK_STREAM, 0));
    CHECK (connect (ends[0], (struct sockaddr *) &address, sizeof address));
    ends[1] = CHECK (accept (listener, NULL, NULL));
    for (int i = 0; i < 2; i++)
        CHECK (setsockopt (ends[i], IPPROTO_TCP, TCP_NODELAY, &at_once, sizeof at_once));
    close (listener);
}

/* Has a call that waits look whether the end has come. */
static void be_impatient (int end, int direction)
{
    const struct timeval patience = {.tv_usec = 100000};
    CHECK (setsockopt (end, SOL_SOCKET, direction, &patience, sizeof patience));
}

static void streaming (void *context)
{
    (void) context;
    be_impatient (ends[0], SO_SNDTIMEO);
    while (go_on ())
        if (send (ends[0], block, sizeof block, MSG_NOSIGNAL) == -1 && errno != EAGAIN)
            fail ("send");
    leave ();
}

static int64_t received_for (double seconds)
{
    const int64_t end = now () + (int64_t) (seconds * 1e9);
    int64_t bytes = 0;
    while (now () < end) {
        const ssize_t count = recv (ends[1], block, sizeof block, 0);
        if (count > 0)
            bytes += count;
        else if (count == 0 || errno != EAGAIN)
            fail ("receive");
    }
    return bytes;
}

static void receiving (void *context)
{
    (void) context;
    be_impatient (ends[1], SO_RCVTIMEO);
    received_for (options.warm_up);
    enter (MEASURE);
    const int64_t cpu_before = cpu_time (), start = now ();
    const int64_t bytes = received_for (options.seconds);
    const int64_t elapsed = now () - start, cpu = cpu_time () - cpu_before;
    enter (END);
    await_others ();
    print_rate (bytes / (int64_t) options.size, elapsed, cpu);
}

/* False when the end has come before. */
static int look_for (int end, size_t size)
{
    for (size_t have = 0; have < size;) {
        const ssize_t count = recv (end, block, size - have, MSG_DONTWAIT);
        if (count > 0)
            have += count;
        else if (count == 0 || errno != EAGAIN || !go_on ())
            return 0;
    }
    return 1;
}

/* The body in its frame of ZMTP, behind the empty delimiter of a REQ. */
static size_t framed (void)
{
    return options.size + 4;
}

static void answering (void *context)
{
    (void) context;
    while (look_for (ends[0], framed ()))
        CHECK (send (ends[0], block, framed (), MSG_NOSIGNAL));
    leave ();
}

static int asked_for (double seconds)
{
    const int64_t end = now () + (int64_t) (seconds * 1e9);
    int count = 0;
    for (int64_t before = now (), after; before < end && count < MOST_SAMPLES; before = after) {
        CHECK (send (ends[1], block, framed (), MSG_NOSIGNAL));
        if (!look_for (ends[1], framed ()))
            fail ("receive");
        after = now ();
        samples[count++] = after - before;
    }
    return count;
}

static void asking (void *context)
{
    (void) context;
    asked_for (options.warm_up);
    enter (MEASURE);
    const int count = asked_for (options.seconds);
    enter (END);
    await_others ();
    print_round_trips (samples, count);
}

int main (int argc, char **argv)
{
    read_options (argc, argv);
    connect_ends ();
    if (strcmp (options.kind, "latency") == 0)
        run_sides (asking, answering, NULL);
    else
        run_sides (receiving, streaming, NULL);
    return 0;
}
