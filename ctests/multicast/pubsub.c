/*
 * One end of a multicast test: numbered messages of two parts, whose size and content follow from
 * the number.
 *
 *     pubsub pub ENDPOINT PAUSE      publishes one every PAUSE microseconds, until it is killed
 *     pubsub sub ENDPOINT COUNT      receives so many and says how many it missed in between
 *
 * Both go on with the defaults of the other library for what only one of them knows.
 */
#include <zmq.h>

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define LARGEST 4096
#define PATIENCE_MS 30000
/* Enough history to repair what is lost. */
#define RATE_KBIT 40000
#define NORM_BUFFER_KIB 40960
/* The numbers of options that older headers lack. */
#define NORM_MODE 117
#define NORM_BUFFER_SIZE 119
#define NORM_FIXED 0

static void fail (const char *format, ...)
{
    va_list arguments;
    va_start (arguments, format);
    printf ("FAILED: ");
    vprintf (format, arguments);
    printf (" (%s)\n", zmq_strerror (zmq_errno ()));
    va_end (arguments);
    exit (1);
}

static size_t size_of (unsigned long number)
{
    return sizeof number + number * 97 % 4000;
}

static void fill (unsigned char *body, unsigned long number)
{
    memset (body, (int) (number % 251), LARGEST);
    memcpy (body, &number, sizeof number);
}

static void set (void *socket, int option, int value)
{
    zmq_setsockopt (socket, option, &value, sizeof value);
}

static void publish (void *socket, long pause)
{
    static unsigned char body[LARGEST];
    const struct timespec time = {0, pause * 1000};
    for (unsigned long number = 0;; number++) {
        fill (body, number);
        zmq_send (socket, "other", 5, ZMQ_SNDMORE);
        zmq_send (socket, "", 0, 0);
        zmq_send (socket, "numbers", 7, ZMQ_SNDMORE);
        zmq_send (socket, body, size_of (number), 0);
        nanosleep (&time, NULL);
    }
}

static void receive (void *socket, long count)
{
    static unsigned char body[LARGEST], expected[LARGEST];
    unsigned long last = 0, missed = 0;
    for (long received = 0; received < count; received++) {
        unsigned long number;
        int size = zmq_recv (socket, body, sizeof body, 0);
        if (size != 7 || memcmp (body, "numbers", 7) != 0)
            fail ("a topic of %d bytes after %ld messages", size, received);
        size = zmq_recv (socket, body, sizeof body, 0);
        if (size < (int) sizeof number)
            fail ("a body of %d bytes", size);
        memcpy (&number, body, sizeof number);
        fill (expected, number);
        if ((size_t) size != size_of (number) || memcmp (body, expected, (size_t) size) != 0)
            fail ("message %lu differs", number);
        if (received > 0 && number <= last)
            fail ("message %lu after %lu", number, last);
        missed += received > 0 ? number - last - 1 : 0;
        last = number;
    }
    printf ("MISSED %lu\n", missed);
}

int main (int argc, char **argv)
{
    if (argc != 4)
        fail ("usage: pubsub pub|sub ENDPOINT PAUSE|COUNT");
    const int publishes = strcmp (argv[1], "pub") == 0;
    void *context = zmq_ctx_new ();
    void *socket = zmq_socket (context, publishes ? ZMQ_PUB : ZMQ_SUB);
    set (socket, ZMQ_RATE, RATE_KBIT);
    set (socket, NORM_MODE, NORM_FIXED);
    set (socket, NORM_BUFFER_SIZE, NORM_BUFFER_KIB);
    set (socket, ZMQ_LINGER, 0);
    set (socket, ZMQ_SNDHWM, 0);
    set (socket, ZMQ_RCVTIMEO, PATIENCE_MS);
    if (!publishes && zmq_setsockopt (socket, ZMQ_SUBSCRIBE, "numbers", 7) != 0)
        fail ("ZMQ_SUBSCRIBE");
    if ((publishes ? zmq_bind (socket, argv[2]) : zmq_connect (socket, argv[2])) != 0)
        fail ("%s", argv[2]);
    if (publishes)
        publish (socket, atol (argv[3]));
    receive (socket, atol (argv[3]));
    zmq_close (socket);
    zmq_ctx_term (context);
    return 0;
}
