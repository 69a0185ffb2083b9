/* Messages as objects: sizes, data, copies, moves, free functions, properties, errors. */
#include "observe.h"

#include <sys/uio.h>

static int freed;
static const void *freed_data;
static const void *freed_hint;

static void count_free (void *data, void *hint)
{
    freed++;
    freed_data = data;
    freed_hint = hint;
}

static void await_freed (int times)
{
    const long long end = now_ms () + PATIENCE_MS;
    while (freed < times && now_ms () < end)
        sleep_ms (1);
    printf ("freed %d\n", freed);
}

/* Sizes around every boundary that an implementation might have inside. */
static const size_t SIZES[] = {0, 1, 8, 29, 30, 31, 32, 33, 34, 63, 64, 65, 255, 256, 8191, 8192, 8193, 32767, 32768, 65536, 1000000};
enum { SIZE_COUNT = sizeof SIZES / sizeof *SIZES };

static void sizes (void)
{
    section ("sizes");
    for (int i = 0; i < SIZE_COUNT; i++) {
        zmq_msg_t a, b, c;
        printf ("%zu: init %d", SIZES[i], zmq_msg_init_size (&a, SIZES[i]));
        printf (" size %zu data %s more %d shared %d", zmq_msg_size (&a), zmq_msg_data (&a) ? "some" : "NULL", zmq_msg_more (&a),
                zmq_msg_get (&a, ZMQ_SHARED));
        memset (zmq_msg_data (&a), 'a' + i, SIZES[i]);
        zmq_msg_init (&b);
        printf (" copy %d", zmq_msg_copy (&b, &a));
        printf (" sizes %zu %zu equal %d", zmq_msg_size (&a), zmq_msg_size (&b), memcmp (zmq_msg_data (&a), zmq_msg_data (&b), SIZES[i]) == 0);
        zmq_msg_init_size (&c, 5);
        printf (" move %d", zmq_msg_move (&c, &a));
        printf (" sizes %zu %zu", zmq_msg_size (&a), zmq_msg_size (&c));
        printf (" close %d", zmq_msg_close (&a));
        printf (" %d", zmq_msg_close (&b));
        printf (" %d\n", zmq_msg_close (&c));
    }
    zmq_msg_t message;
    SHOW (zmq_msg_init_size (&message, SIZE_MAX));
    SHOW (zmq_msg_init_size (&message, SIZE_MAX / 2));
    SHOW (zmq_msg_init (&message));
    SHOW (zmq_msg_size (&message));
    SHOW (zmq_msg_close (&message));
    section ("from a buffer");
    SHOW (zmq_msg_init_buffer (&message, "text", 4));
    print_bytes (zmq_msg_data (&message), zmq_msg_size (&message));
    printf ("\n");
    SHOW (zmq_msg_close (&message));
    SHOW (zmq_msg_init_buffer (&message, NULL, 0));
    SHOW (zmq_msg_size (&message));
    SHOW (zmq_msg_close (&message));
}

static void properties (void)
{
    section ("properties");
    zmq_msg_t message;
    zmq_msg_init (&message);
    SHOW (zmq_msg_get (&message, ZMQ_MORE));
    SHOW (zmq_msg_get (&message, ZMQ_SHARED));
    SHOW (zmq_msg_get (&message, ZMQ_SRCFD));
    SHOW (zmq_msg_get (&message, 0));
    SHOW (zmq_msg_get (&message, 99));
    SHOW (zmq_msg_get (&message, -1));
    SHOW (zmq_msg_set (&message, ZMQ_MORE, 1));
    SHOW (zmq_msg_set (&message, ZMQ_SHARED, 0));
    SHOW (zmq_msg_set (&message, 99, 0));
    SHOW_POINTER (zmq_msg_gets (&message, "Socket-Type"));
    SHOW_POINTER (zmq_msg_gets (&message, ""));
    SHOW (zmq_msg_routing_id (&message));
    SHOW (zmq_msg_set_routing_id (&message, 0));
    SHOW (zmq_msg_set_routing_id (&message, 7));
    SHOW (zmq_msg_routing_id (&message));
    SHOW (strcmp (zmq_msg_group (&message), ""));
    SHOW (zmq_msg_set_group (&message, "group"));
    SHOW (strcmp (zmq_msg_group (&message), "group"));
    SHOW (zmq_msg_set_group (&message, "fourteen bytes"));
    SHOW (strcmp (zmq_msg_group (&message), "fourteen bytes"));
    SHOW (zmq_msg_set_group (&message, "more than fourteen bytes"));
    SHOW (strcmp (zmq_msg_group (&message), "more than fourteen bytes"));
    SHOW (zmq_msg_close (&message));
}

/* The pointer stays where it is for as long as the message is there. */
static void free_functions (void *context)
{
    static char data[100000];
    section ("free functions");
    zmq_msg_t a, b;
    int hint = 0;
    freed = 0;
    SHOW (zmq_msg_init_data (&a, data, 10, count_free, &hint));
    SHOW (zmq_msg_data (&a) == data);
    SHOW (zmq_msg_size (&a));
    SHOW (zmq_msg_get (&a, ZMQ_SHARED));
    SHOW (zmq_msg_close (&a));
    SHOW (freed);
    SHOW (freed_data == data);
    SHOW (freed_hint == &hint);

    freed = 0;
    MUST (zmq_msg_init_data (&a, data, 10, count_free, NULL));
    MUST (zmq_msg_init (&b));
    SHOW (zmq_msg_copy (&b, &a));
    SHOW (zmq_msg_get (&a, ZMQ_SHARED));
    SHOW (zmq_msg_get (&b, ZMQ_SHARED));
    SHOW (zmq_msg_data (&b) == data);
    SHOW (zmq_msg_close (&a));
    SHOW (freed);
    SHOW (zmq_msg_close (&b));
    SHOW (freed);

    freed = 0;
    MUST (zmq_msg_init_data (&a, data, 10, count_free, NULL));
    MUST (zmq_msg_init (&b));
    SHOW (zmq_msg_move (&b, &a));
    SHOW (freed);
    SHOW (zmq_msg_size (&a));
    SHOW (zmq_msg_data (&b) == data);
    SHOW (zmq_msg_move (&b, &a));
    SHOW (freed);
    zmq_msg_close (&a);
    zmq_msg_close (&b);

    freed = 0;
    MUST (zmq_msg_init_data (&a, data, 10, count_free, NULL));
    MUST (zmq_msg_init_size (&b, 3));
    SHOW (zmq_msg_copy (&a, &b));
    SHOW (freed);
    SHOW (zmq_msg_size (&a));
    zmq_msg_close (&a);
    zmq_msg_close (&b);

    section ("no free function, no data");
    SHOW (zmq_msg_init_data (&a, data, 20, NULL, NULL));
    SHOW (zmq_msg_data (&a) == data);
    SHOW (zmq_msg_get (&a, ZMQ_SHARED));
    SHOW (zmq_msg_close (&a));
    freed = 0;
    SHOW (zmq_msg_init_data (&a, NULL, 0, count_free, NULL));
    SHOW (zmq_msg_size (&a));
    SHOW (zmq_msg_close (&a));
    SHOW (freed);

    static const char *const transports[] = {"inproc", "tcp"};
    static const size_t lengths[] = {0, 10, 1000, 100000};
    for (int t = 0; t < 2; t++)
        for (int l = 0; l < 4; l++) {
            char endpoint[128];
            section ("%zu bytes with a free function over %s", lengths[l], transports[t]);
            void *push = open_socket (context, ZMQ_PUSH);
            void *pull = open_socket (context, ZMQ_PULL);
            if (t)
                BIND_TCP (pull, endpoint);
            else
                MUST (zmq_bind (pull, INPROC_NAME (endpoint)));
            MUST (zmq_connect (push, endpoint));
            freed = 0;
            memset (data, 'd', sizeof data);
            MUST (zmq_msg_init_data (&a, data, lengths[l], count_free, NULL));
            SHOW (zmq_msg_send (&a, push, 0));
            SHOW (zmq_msg_size (&a));
            show_message ("PULL", pull);
            await_freed (1);
            SHOW (zmq_msg_close (&a));
            freed = 0;
            MUST (zmq_msg_init_data (&a, data, lengths[l], count_free, NULL));
            MUST (zmq_msg_init (&b));
            MUST (zmq_msg_copy (&b, &a));
            SHOW (zmq_msg_send (&a, push, 0));
            show_message ("PULL", pull);
            SHOW (zmq_msg_close (&a));
            SHOW (zmq_msg_size (&b));
            SHOW (zmq_msg_close (&b));
            await_freed (1);
            section ("dropped by a close");
            freed = 0;
            MUST (zmq_msg_init_data (&a, data, lengths[l], count_free, NULL));
            MUST (zmq_msg_send (&a, push, ZMQ_SNDMORE));
            MUST (zmq_msg_init_data (&a, data, lengths[l], count_free, NULL));
            MUST (zmq_msg_send (&a, push, ZMQ_SNDMORE));
            zmq_close (push);
            await_freed (2);
            zmq_close (pull);
        }
    section ("a failed send keeps the message");
    void *push = open_socket (context, ZMQ_PUSH);
    freed = 0;
    MUST (zmq_msg_init_data (&a, data, 10, count_free, NULL));
    SHOW (zmq_msg_send (&a, push, ZMQ_DONTWAIT));
    SHOW (zmq_msg_size (&a));
    SHOW (freed);
    SHOW (zmq_msg_close (&a));
    SHOW (freed);
    section ("constant data");
    SHOW (zmq_send_const (push, "constant", 8, ZMQ_DONTWAIT));
    void *pull = open_socket (context, ZMQ_PULL);
    char endpoint[128];
    MUST (zmq_bind (pull, INPROC_NAME (endpoint)));
    MUST (zmq_connect (push, endpoint));
    SHOW (zmq_send_const (push, "constant", 8, ZMQ_SNDMORE));
    SHOW (zmq_send_const (push, "", 0, 0));
    show_message ("PULL", pull);
    zmq_close (push);
    zmq_close (pull);
}

/* What a received message carries of its connection. */
static void metadata (void *context, const char *transport)
{
    static const char *const names[] = {"Socket-Type", "Identity", "Peer-Address", "User-Id", "X-Mine", "x-mine", "Resource", "__fd", "Nonsense", ""};
    char endpoint[128], credentials[128];
    section ("metadata over %s", transport);
    snprintf (credentials, sizeof credentials, "localhost:%d:%d:%d", (int) getuid (), (int) getgid (), (int) getpid ());
    void *dealer = open_socket (context, ZMQ_DEALER);
    void *router = open_socket (context, ZMQ_ROUTER);
    MUST (set_text (dealer, ZMQ_ROUTING_ID, "the id"));
    SHOW (set_text (dealer, ZMQ_METADATA, "X-Mine:value"));
    SHOW (set_text (dealer, ZMQ_METADATA, "Mine:value"));
    SHOW (set_text (dealer, ZMQ_METADATA, "X-nothing"));
    if (strcmp (transport, "tcp") == 0)
        BIND_TCP (router, endpoint);
    else
        MUST (zmq_bind (router, strcpy (endpoint, "ipc://metadata.socket")));
    MUST (zmq_connect (dealer, endpoint));
    MUST (send_parts (dealer, "one", "two", NULL));
    for (int part = 0; part < 3; part++) {
        zmq_msg_t message, copy;
        zmq_msg_init (&message);
        zmq_msg_init (&copy);
        await_events (router, ZMQ_POLLIN);
        MUST (zmq_msg_recv (&message, router, 0));
        zmq_msg_copy (&copy, &message);
        zmq_msg_close (&message);
        printf ("part %d: more %d, fd %s\n", part, zmq_msg_more (&copy), zmq_msg_get (&copy, ZMQ_SRCFD) > 0 ? "yes" : "no");
        for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
            const char *value = zmq_msg_gets (&copy, names[i]);
            if (value && strncmp (value, "localhost:", 10) == 0)
                value = strcmp (value, credentials) == 0 ? "localhost and our credentials" : value;
            printf ("  %s: %s\n", names[i], !value ? "-" : strcmp (names[i], "__fd") == 0 ? "some" : value);
        }
        zmq_msg_close (&copy);
    }
    section ("metadata does not travel on");
    MUST (send_text (dealer, "one", 0));
    zmq_msg_t message;
    zmq_msg_init (&message);
    await_events (router, ZMQ_POLLIN);
    zmq_msg_recv (&message, router, 0);
    MUST (zmq_msg_send (&message, router, ZMQ_SNDMORE));
    zmq_msg_recv (&message, router, 0);
    MUST (zmq_msg_send (&message, router, 0));
    await_events (dealer, ZMQ_POLLIN);
    zmq_msg_recv (&message, dealer, 0);
    const char *kind = zmq_msg_gets (&message, "Socket-Type");
    printf ("Socket-Type at the DEALER: %s\n", kind ? kind : "-");
    zmq_msg_close (&message);
    zmq_close (dealer);
    zmq_close (router);
}

static void vectors (void *context)
{
    section ("vectors of buffers");
    char endpoint[128];
    void *push = open_socket (context, ZMQ_PUSH);
    void *pull = open_socket (context, ZMQ_PULL);
    MUST (zmq_bind (pull, INPROC_NAME (endpoint)));
    MUST (zmq_connect (push, endpoint));
    struct iovec out[3] = {{"one", 3}, {"", 0}, {"three", 5}};
    SHOW (zmq_sendiov (push, out, 3, ZMQ_SNDMORE));
    show_message ("PULL", pull);
    SHOW (zmq_sendiov (push, out, 2, 0));
    show_message ("PULL", pull);
    show_message ("PULL", pull);
    SHOW (zmq_sendiov (push, out, 0, 0));
    SHOW (zmq_sendiov (push, NULL, 1, 0));
    for (size_t room = 1; room <= 4; room++) {
        struct iovec in[4];
        size_t count = room;
        memset (in, 0, sizeof in);
        MUST (zmq_sendiov (push, out, 3, ZMQ_SNDMORE));
        await_events (pull, ZMQ_POLLIN);
        printf ("room %zu: ", room);
        SHOW (zmq_recviov (pull, in, &count, 0));
        SHOW (count);
        for (size_t i = 0; i < count; i++) {
            print_bytes (in[i].iov_base, in[i].iov_len);
            free (in[i].iov_base);
        }
        printf (" more %d", integer_option (pull, ZMQ_RCVMORE));
        printf (" left %d\n", drain (pull));
    }
    size_t count = 0;
    struct iovec in[1];
    SHOW (zmq_recviov (pull, in, &count, 0));
    count = 1;
    SHOW (zmq_recviov (pull, NULL, &count, 0));
    SHOW (zmq_recviov (pull, in, NULL, 0));
    SHOW (zmq_recviov (pull, in, &count, ZMQ_DONTWAIT));
    SHOW (count);
    section ("old names");
    zmq_msg_t message;
    zmq_msg_init_size (&message, 4);
    memcpy (zmq_msg_data (&message), "sent", 4);
    SHOW (zmq_sendmsg (push, &message, 0));
    SHOW (zmq_recvmsg (pull, &message, 0));
    print_bytes (zmq_msg_data (&message), zmq_msg_size (&message));
    printf ("\n");
    zmq_msg_close (&message);
    zmq_close (push);
    zmq_close (pull);
}

static void truncation (void *context)
{
    section ("buffers smaller and larger than the message");
    char endpoint[128], bytes[16];
    void *push = open_socket (context, ZMQ_PUSH);
    void *pull = open_socket (context, ZMQ_PULL);
    MUST (zmq_bind (pull, INPROC_NAME (endpoint)));
    MUST (zmq_connect (push, endpoint));
    for (size_t room = 0; room <= 12; room += 4) {
        memset (bytes, '#', sizeof bytes);
        MUST (send_text (push, "12345678", 0));
        printf ("room %zu: ", room);
        SHOW (zmq_recv (pull, room ? bytes : NULL, room, 0));
        print_bytes (bytes, sizeof bytes);
        printf ("\n");
    }
    zmq_close (push);
    zmq_close (pull);
}

/* The struct may be moved about in memory with its content. */
static void moved_structs (void)
{
    section ("structs copied byte by byte");
    static char data[10];
    freed = 0;
    zmq_msg_t a, b;
    MUST (zmq_msg_init_data (&a, data, sizeof data, count_free, NULL));
    memcpy (&b, &a, sizeof b);
    SHOW (zmq_msg_data (&b) == data);
    SHOW (zmq_msg_close (&b));
    SHOW (freed);
    MUST (zmq_msg_init_size (&a, 5));
    memcpy (zmq_msg_data (&a), "small", 5);
    memcpy (&b, &a, sizeof b);
    memset (&a, 0xff, sizeof a);
    print_bytes (zmq_msg_data (&b), zmq_msg_size (&b));
    printf ("\n");
    SHOW (zmq_msg_close (&b));
    SHOW (sizeof (zmq_msg_t));
}

int main (void)
{
    void *context = zmq_ctx_new ();
    sizes ();
    properties ();
    free_functions (context);
    metadata (context, "tcp");
    metadata (context, "ipc");
    vectors (context);
    truncation (context);
    moved_structs ();
    SHOW (zmq_ctx_term (context));
    return 0;
}
