/* What this machine's connections do without a library: the limit of every row beside which it stands.
   One thread sends blocks as fast as it goes and another receives them, counted in messages of a size.
   Small messages are put into the blocks and taken out again, a copy each, which zmq_send and zmq_recv
   cannot do without: the next one comes from, or goes to, the same buffer. Or, with `--kind latency`,
   two threads answer each other and look again and again for the answer, without ever sleeping: over a
   connection, or with `--transport inproc` over a word in memory. */
#include "sides.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/un.h>

#define BLOCK (128 * 1024)
#define MOST_SAMPLES (1 << 20)
/* Messages of this size might be sent from where they are, and received where they belong. */
#define LARGE 4096

static char block[BLOCK];
static char message[LARGE];
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

/* Keeps a copy that nobody looks at from being left out. */
static void touch (void *memory)
{
    __asm__ volatile("" : : "r"(memory) : "memory");
}

static void put_messages (size_t size)
{
    for (size_t at = 0; options.size < LARGE && at + options.size <= size; at += options.size) {
        memcpy (block + at, message, options.size);
        touch (block);
    }
}

static void take_messages (size_t size)
{
    for (size_t at = 0; options.size < LARGE && at + options.size <= size; at += options.size) {
        memcpy (message, block + at, options.size);
        touch (message);
    }
}

static void streaming (void *context)
{
    (void) context;
    be_impatient (ends[0], SO_SNDTIMEO);
    while (go_on ()) {
        put_messages (sizeof block);
        if (send (ends[0], block, sizeof block, MSG_NOSIGNAL) == -1 && errno != EAGAIN)
            fail ("send");
    }
    leave ();
}

static int64_t received_for (double seconds)
{
    const int64_t end = now () + (int64_t) (seconds * 1e9);
    int64_t bytes = 0;
    while (now () < end) {
        const ssize_t count = recv (ends[1], block, sizeof block, 0);
        if (count == 0 || (count == -1 && errno != EAGAIN))
            fail ("receive");
        if (count > 0) {
            take_messages (count);
            bytes += count;
        }
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

/* The body in its frame of ZMTP, behind the empty delimiter of a REQ. */
static size_t framed (void)
{
    return options.size + 4;
}

/* Whose turn it is where the sides are threads. */
static atomic_int turn = 1;

static void pass_on (int side)
{
    if (in_one_process ())
        atomic_store (&turn, !side);
    else
        CHECK (send (ends[side], block, framed (), MSG_NOSIGNAL));
}

/* False when the end has come before. */
static int look_for (int side)
{
    if (in_one_process ()) {
        while (atomic_load (&turn) != side)
            if (!go_on ())
                return 0;
        return 1;
    }
    for (size_t have = 0; have < framed ();) {
        const ssize_t count = recv (ends[side], block, framed () - have, MSG_DONTWAIT);
        if (count > 0)
            have += count;
        else if (count == 0 || errno != EAGAIN || !go_on ())
            return 0;
    }
    return 1;
}

static void answering (void *context)
{
    (void) context;
    while (look_for (0))
        pass_on (0);
    leave ();
}

static int asked_for (double seconds)
{
    const int64_t end = now () + (int64_t) (seconds * 1e9);
    int count = 0;
    for (int64_t before = now (), after; before < end && count < MOST_SAMPLES; before = after) {
        pass_on (1);
        if (!look_for (1))
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
