/*
 * Socket options, one at a time: for a kind of socket and an option number, every buffer size and
 * value that might make a difference is tried, and what is not plainly refused is printed.
 *
 * Left out are only the calls that crash the original (a null pointer with a length it follows).
 */
#ifndef OPTION_TRIALS_H
#define OPTION_TRIALS_H

#include "observe.h"

#include <fcntl.h>
#include <limits.h>

#define LAST_OPTION 130
#define ROOM 1024

/* Options of transports that the original here is built without, and ours may have. */
static int is_transport_option (int option)
{
    return (option >= ZMQ_VMCI_BUFFER_SIZE && option <= ZMQ_VMCI_CONNECT_TIMEOUT)
           || (option >= ZMQ_WSS_KEY_PEM && option <= ZMQ_WSS_TRUST_SYSTEM)
           || (option >= ZMQ_NORM_MODE && option <= ZMQ_NORM_PUSH);
}

/* ------------------------------------------------------------------ reading */

struct reading
{
    int rc;
    int error;
    size_t size;
    unsigned char bytes[ROOM];
};

static void read_option (void *socket, int option, size_t size, struct reading *reading)
{
    memset (reading->bytes, 0xee, ROOM);
    reading->size = size;
    errno = 0;
    reading->rc = zmq_getsockopt (socket, option, reading->bytes, &reading->size);
    reading->error = reading->rc == -1 ? zmq_errno () : 0;
    /* The number of a descriptor says nothing; that it is one does. */
    if (reading->rc == 0 && option == ZMQ_FD) {
        int fd;
        memcpy (&fd, reading->bytes, sizeof fd);
        memcpy (reading->bytes, fcntl (fd, F_GETFD) == -1 ? "bad " : "good", sizeof fd);
    }
}

/* Reads with whichever of the usual sizes the option takes. */
static void read_somehow (void *socket, int option, struct reading *reading)
{
    const size_t sizes[] = {sizeof (int), sizeof (int64_t), ROOM};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        read_option (socket, option, sizes[i], reading);
        if (reading->rc == 0)
            break;
    }
}

static void print_reading (const struct reading *reading)
{
    if (reading->rc == -1) {
        printf ("%s", errno_name (reading->error));
        return;
    }
    printf ("%zu ", reading->size);
    int number;
    memcpy (&number, reading->bytes, sizeof number);
    if (reading->size == sizeof number)
        printf ("(%d) ", number);
    print_bytes (reading->bytes, reading->size < ROOM ? reading->size : ROOM);
}

static void try_reading (void *socket, int option)
{
    const size_t sizes[] = {0, 1, 2, 3, 4, 5, 7, 8, 9, 16, 31, 32, 33, 40, 41, 42, 255, 256, 257, ROOM};
    int refused = 0;
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        struct reading reading;
        read_option (socket, option, sizes[i], &reading);
        if (reading.rc == -1 && reading.error == EINVAL) {
            refused++;
            continue;
        }
        printf ("  get %zu -> ", sizes[i]);
        print_reading (&reading);
        /* What lies behind the value shows whether the buffer was cleared. */
        if (reading.rc == 0 && sizes[i] > reading.size) {
            printf (" then ");
            print_bytes (reading.bytes + reading.size, sizes[i] - reading.size);
        }
        printf ("\n");
    }
    printf ("  get refused %d\n", refused);
}

/* ------------------------------------------------------------------ writing */

struct trial
{
    const void *value;
    size_t size;
};

#define TRIALS_MAX 128
static struct trial trials[TRIALS_MAX];
static size_t trial_count;

static void add_trial (const void *value, size_t size)
{
    if (trial_count == TRIALS_MAX)
        give_up ("too many trials");
    trials[trial_count].value = value;
    trials[trial_count++].size = size;
}

static void make_trials (void)
{
    static const int ints[] = {INT_MIN, -6553600, -100,  -99,   -2,    -1,      0,       1,
                               2,       3,        4,     5,     6,     7,       8,       99,
                               100,     254,      255,   256,   1000,  1500,    65535,   65536,
                               1000000, 6553599,  6553600, INT_MAX - 1, INT_MAX};
    for (size_t i = 0; i < sizeof ints / sizeof *ints; i++)
        add_trial (&ints[i], sizeof ints[i]);

    static const int64_t wide[] = {INT64_MIN, -2, -1, 0, 1, 255, INT64_MAX};
    for (size_t i = 0; i < sizeof wide / sizeof *wide; i++)
        add_trial (&wide[i], sizeof wide[i]);

    /* A small number in a value of the wrong size. */
    static const int64_t one[2] = {1, 0};
    static const size_t odd_sizes[] = {1, 2, 3, 5, 7, 9, 16};
    for (size_t i = 0; i < sizeof odd_sizes / sizeof *odd_sizes; i++)
        add_trial (one, odd_sizes[i]);

    static char letters[ROOM];
    static const size_t long_sizes[] = {15, 16, 17, 31, 32, 33, 40, 41, 42, 253, 254, 255, 256, 257, 900};
    memset (letters, 'a', sizeof letters);
    for (size_t i = 0; i < sizeof long_sizes / sizeof *long_sizes; i++)
        add_trial (letters, long_sizes[i]);

    static const char *const texts[] = {
      "a",           "lo",           "X-a:b",        "X-a:other",  "X-ab",         "X-:v",
      "X-:vv",       "X-a:",         "X-name",       ":value",     "x-name:value", "name:value",
      "X-a:b:c",     "127.0.0.1",    "127.0.0.1/8",  "10.0.0.0/0", "127.0.0.1/32", "127.0.0.1/33",
      "127.0.0.1/",  "127.0.0.1/-1", "127.0.0.1/x",  "127.1",      "[127.0.0.1]",  "::1",
      "::1/128",     "[::1]/64",     "localhost",    "*",          "1.2.3.4.5",    "/8",
      "127.0.0.1:1", "proxy:1080",   "127.0.0.1/8x", "user name"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        add_trial (texts[i], strlen (texts[i]));
    add_trial ("text and its NUL", 17);
    add_trial ("127.0.0.1\0rest", 14);
    add_trial ("\0\xff\x80 bytes", 9);

    /* Empty last, so that there is something to be emptied. */
    add_trial ("", 0);
    add_trial (NULL, 5);
    add_trial (NULL, 0);
}

/* Options whose value the original reads without a look at the pointer. */
static int follows_null (int option, size_t size)
{
    switch (option) {
        case ZMQ_XSUB_VERBOSE_UNSUBSCRIBE:
            return 1;
        case ZMQ_ROUTING_ID:
        case ZMQ_SUBSCRIBE:
        case ZMQ_UNSUBSCRIBE:
        case ZMQ_XPUB_WELCOME_MSG:
        case ZMQ_ZAP_DOMAIN:
        case ZMQ_METADATA:
        case ZMQ_HELLO_MSG:
        case ZMQ_DISCONNECT_MSG:
        case ZMQ_HICCUP_MSG:
        case ZMQ_WSS_KEY_PEM:
        case ZMQ_WSS_CERT_PEM:
        case ZMQ_WSS_TRUST_PEM:
        case ZMQ_WSS_HOSTNAME:
            return size > 0;
        default:
            return 0;
    }
}

/* The original takes the end of a subscription that starts with byte 1 for the old form of a new one
 * and subscribes to the rest: nobody can want that. */
static int is_mistaken (int option, const struct trial *trial)
{
    return option == ZMQ_UNSUBSCRIBE && trial->value && trial->size > 0
           && *(const unsigned char *) trial->value == 1;
}

static void print_trial (const struct trial *trial)
{
    printf ("%zu ", trial->size);
    if (!trial->value) {
        printf ("NULL");
        return;
    }
    int number;
    int64_t wide;
    if (trial->size == sizeof number) {
        memcpy (&number, trial->value, sizeof number);
        printf ("(%d) ", number);
    } else if (trial->size == sizeof wide) {
        memcpy (&wide, trial->value, sizeof wide);
        printf ("(%" PRId64 ") ", wide);
    }
    print_bytes (trial->value, trial->size);
}

static void try_writing (void *socket, int option)
{
    int refused = 0;
    for (size_t i = 0; i < trial_count; i++) {
        const struct trial *trial = &trials[i];
        if ((!trial->value && follows_null (option, trial->size)) || is_mistaken (option, trial))
            continue;
        errno = 0;
        const int rc = zmq_setsockopt (socket, option, trial->value, trial->size);
        const int error = rc == -1 ? zmq_errno () : 0;
        if (rc == -1 && error == EINVAL) {
            refused++;
            continue;
        }
        struct reading reading;
        read_somehow (socket, option, &reading);
        printf ("  set ");
        print_trial (trial);
        printf (" -> %d %s, reads ", rc, errno_name (error));
        print_reading (&reading);
        printf ("\n");
    }
    printf ("  set refused %d\n", refused);
}

/* ------------------------------------------------------------------ one option */

/* Prints which options, other than the one that was written, read differently than on a socket
 * nobody touched. */
static void show_side_effects (void *socket, void *untouched, int written)
{
    for (int option = 0; option <= LAST_OPTION; option++) {
        struct reading before, after;
        if (option == written)
            continue;
        read_somehow (untouched, option, &before);
        read_somehow (socket, option, &after);
        if (before.rc == after.rc && before.error == after.error && before.size == after.size
            && memcmp (before.bytes, after.bytes, ROOM) == 0)
            continue;
        printf ("  also changed %d: ", option);
        print_reading (&after);
        printf ("\n");
    }
}

static void try_option (void *context, void *untouched, int kind, int option)
{
    void *socket = open_socket (context, kind);
    /* A linger time of the program's own must not look like a side effect. */
    MUST (set_int (untouched, ZMQ_LINGER, 0));
    printf ("kind %d option %d\n", kind, option);
    try_reading (socket, option);
    try_writing (socket, option);
    show_side_effects (socket, untouched, option);
    MUST (zmq_close (socket));
}

/* Whether a kind or an option is to be tried is for the program to say. */
static void try_kind (void *context, int kind, int (*wanted) (int option))
{
    static const int strange[] = {-1, INT_MIN, LAST_OPTION + 1, 1000, INT_MAX};
    void *untouched = open_socket (context, kind);
    if (trial_count == 0)
        make_trials ();
    for (int option = 0; option <= LAST_OPTION; option++)
        if (wanted (option))
            try_option (context, untouched, kind, option);
    for (size_t i = 0; i < sizeof strange / sizeof *strange; i++)
        if (wanted (strange[i]))
            try_option (context, untouched, kind, strange[i]);
    MUST (zmq_close (untouched));
}

/* The options of the security mechanisms, which a library may be built without. */
static int is_security_option (int option)
{
    return (option >= ZMQ_PLAIN_SERVER && option <= ZMQ_CURVE_SERVERKEY)
           || (option >= ZMQ_GSSAPI_SERVER && option <= ZMQ_GSSAPI_PLAINTEXT)
           || option == ZMQ_GSSAPI_PRINCIPAL_NAMETYPE
           || option == ZMQ_GSSAPI_SERVICE_PRINCIPAL_NAMETYPE;
}

#endif
