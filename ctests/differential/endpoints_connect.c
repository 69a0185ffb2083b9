/*
 * Connecting to endpoint strings of every shape: result, errno, LAST_ENDPOINT, and disconnecting
 * again. Nobody listens at any of them.
 */
#include "endpoints.h"

/* Would make the name server be asked, or a packet leave the machine. */
static int leaves_the_machine (const char *pattern)
{
    static const char *const prefixes[] = {"tcp://lo", "tcp://240", "tcp://PORT", "tcp://_:", "tcp://-:",
                                           "tcp://127.0.0.300", "tcp://127.0.0.1.", "tcp://127.0.0.1]",
                                           "tcp://[127.0.0.1:", "tcp://[*", "tcp://[:P", "tcp://[::g"};
    for (size_t i = 0; i < sizeof prefixes / sizeof *prefixes; i++)
        if (strncmp (pattern, prefixes[i], strlen (prefixes[i])) == 0)
            return 1;
    return 0;
}

static void observe (void *context, int kind, int ipv6)
{
    section ("%s with ZMQ_IPV6 %d", kind_name (kind), ipv6);
    for (int i = 0; i < ENDPOINT_COUNT; i++) {
        char endpoint[512], last[512];
        if (leaves_the_machine (ENDPOINTS[i]))
            continue;
        void *s = open_socket (context, kind);
        prepare_files ();
        MUST (set_int (s, ZMQ_IPV6, ipv6));
        endpoint_of (ENDPOINTS[i], endpoint, sizeof endpoint);
        errno = 0;
        const int rc = zmq_connect (s, endpoint);
        printf ("%s -> %d %s", ENDPOINTS[i], rc, rc == -1 ? errno_name (zmq_errno ()) : "");
        snprintf (last, sizeof last, "%s", last_endpoint (s));
        printf (" last [%s]", masked_endpoint (last));
        if (rc == 0) {
            const int again = zmq_connect (s, endpoint);
            printf (" again %d %s", again, again == -1 ? errno_name (zmq_errno ()) : "");
            const int end = zmq_disconnect (s, endpoint);
            printf (" disconnect %d %s", end, end == -1 ? errno_name (zmq_errno ()) : "");
            const int twice = zmq_disconnect (s, endpoint);
            printf (" twice %d %s", twice, twice == -1 ? errno_name (zmq_errno ()) : "");
        }
        printf ("\n");
        zmq_close (s);
    }
}

/* A failed connect must leave no pipe behind. */
static void nothing_left (void *context)
{
    section ("after failed connects");
    void *s = open_socket (context, ZMQ_PUSH);
    SHOW (zmq_connect (s, "tcp://127.0.0.1:*"));
    SHOW (zmq_connect (s, "tcp://nonsense"));
    SHOW (zmq_connect (s, "ipc://@"));
    SHOW (zmq_connect (s, "foo://x"));
    show_events ("PUSH", s);
    SHOW (send_text (s, "x", ZMQ_DONTWAIT));
    printf ("last [%s]\n", last_endpoint (s));
    zmq_close (s);
}

/* Long ipc paths: the limit is that of the system's address. */
static void long_paths (void *context)
{
    section ("ipc paths around the limit");
    const size_t room = sizeof ((struct sockaddr_un *) NULL)->sun_path;
    for (int abstract = 0; abstract < 2; abstract++)
        for (int extra = -2; extra <= 2; extra++) {
            char endpoint[256] = "ipc://", tail[32];
            const size_t length = 6 + room + (size_t) extra;
            snprintf (tail, sizeof tail, "%d", (int) getpid ());
            memset (endpoint + 6, 'x', length - 6);
            if (abstract)
                memcpy (endpoint + 6, "@", 1);
            memcpy (endpoint + length - strlen (tail), tail, strlen (tail));
            endpoint[length] = 0;
            void *pull = open_socket (context, ZMQ_PULL);
            void *push = open_socket (context, ZMQ_PUSH);
            printf ("abstract %d, limit %+d\n", abstract, extra);
            errno = 0;
            SHOW (zmq_bind (pull, endpoint));
            SHOW (strcmp (last_endpoint (pull), endpoint) == 0);
            SHOW (zmq_connect (push, endpoint));
            SHOW (strcmp (last_endpoint (push), endpoint) == 0);
            if (integer_option (push, ZMQ_EVENTS) > 0) {
                SHOW (send_text (push, "through", 0));
                show_message ("received", pull);
            }
            zmq_close (push);
            zmq_close (pull);
        }
}

static void wildcard_path (void *context)
{
    section ("ipc wildcards");
    char endpoint[512];
    void *pull = open_socket (context, ZMQ_PULL);
    void *other = open_socket (context, ZMQ_PULL);
    void *push = open_socket (context, ZMQ_PUSH);
    SHOW (zmq_bind (pull, "ipc://*"));
    snprintf (endpoint, sizeof endpoint, "%s", last_endpoint (pull));
    SHOW (strncmp (endpoint, "ipc://", 6));
    SHOW (access (endpoint + 6, F_OK));
    SHOW (zmq_bind (other, "ipc://*"));
    SHOW (strcmp (endpoint, last_endpoint (other)) != 0);
    SHOW (zmq_connect (push, endpoint));
    SHOW (send_text (push, "through", 0));
    show_message ("received", pull);
    SHOW (zmq_connect (push, "ipc://*"));
    SHOW (zmq_disconnect (push, "ipc://*"));
    SHOW (zmq_unbind (pull, "ipc://*"));
    SHOW (zmq_unbind (pull, endpoint));
    for (int i = 0; i < PATIENCE_MS && access (endpoint + 6, F_OK) == 0; i++)
        sleep_ms (1);
    SHOW (access (endpoint + 6, F_OK));
    *strrchr (endpoint, '/') = 0;
    for (int i = 0; i < PATIENCE_MS && access (endpoint + 6, F_OK) == 0; i++)
        sleep_ms (1);
    SHOW (access (endpoint + 6, F_OK));
    zmq_close (push);
    zmq_close (other);
    zmq_close (pull);
}

static void files (void *context)
{
    section ("the files of ipc endpoints");
    prepare_files ();
    void *pull = open_socket (context, ZMQ_PULL);
    void *monitor = open_monitor (context, pull, ZMQ_EVENT_CLOSED);
    SHOW (zmq_bind (pull, "ipc://kept.socket"));
    SHOW (access ("kept.socket", F_OK));
    SHOW (zmq_unbind (pull, "ipc://kept.socket"));
    await_event (monitor, ZMQ_EVENT_CLOSED);
    SHOW (access ("kept.socket", F_OK));
    SHOW (zmq_bind (pull, "ipc://kept.socket"));
    SHOW (zmq_bind (pull, "ipc://file"));
    SHOW (access ("file", F_OK));
    SHOW (zmq_bind (pull, "ipc://directory"));
    SHOW (access ("directory", F_OK));
    close_monitor (pull, monitor);
    zmq_close (pull);
}

/* Disconnecting drops what was queued for that peer only. */
static void disconnect_one (void *context)
{
    section ("disconnecting one of two");
    char first[128], second[128];
    void *push = open_socket (context, ZMQ_PUSH);
    void *pull = open_socket (context, ZMQ_PULL);
    MUST (zmq_connect (push, FREE_ENDPOINT (first)));
    MUST (zmq_connect (push, FREE_ENDPOINT (second)));
    for (int i = 0; i < 4; i++) {
        const char text[2] = {(char) ('0' + i), 0};
        MUST (send_text (push, text, 0));
    }
    SHOW (zmq_disconnect (push, first));
    SHOW (zmq_disconnect (push, first));
    SHOW (send_text (push, "4", ZMQ_DONTWAIT));
    SHOW (zmq_bind (pull, second));
    show_message ("second", pull);
    show_message ("second", pull);
    show_message ("second", pull);
    SHOW (zmq_disconnect (push, second));
    show_events ("PUSH", push);
    SHOW (send_text (push, "5", ZMQ_DONTWAIT));
    zmq_close (push);
    zmq_close (pull);
}

/* Connecting twice to one endpoint: some kinds keep one connection, the others make two. */
static void twice (void *context)
{
    static const int kinds[] = {ZMQ_PUSH, ZMQ_DEALER, ZMQ_REQ, ZMQ_PAIR, ZMQ_ROUTER};
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        section ("%s connected twice", kind_name (kinds[i]));
        char endpoint[128];
        void *s = open_socket (context, kinds[i]);
        MUST (set_int (s, ZMQ_SNDHWM, 2));
        MUST (zmq_connect (s, FREE_ENDPOINT (endpoint)));
        SHOW (zmq_connect (s, endpoint));
        int sent = 0;
        while (kinds[i] != ZMQ_ROUTER && sent < 10 && send_text (s, "x", ZMQ_DONTWAIT) != -1)
            sent++;
        printf ("messages that fit: %d\n", sent);
        SHOW (zmq_disconnect (s, endpoint));
        SHOW (zmq_disconnect (s, endpoint));
        zmq_close (s);
    }
}

int main (void)
{
    void *context = zmq_ctx_new ();
    observe (context, ZMQ_PUSH, 0);
    observe (context, ZMQ_DEALER, 1);
    nothing_left (context);
    long_paths (context);
    wildcard_path (context);
    files (context);
    disconnect_one (context);
    twice (context);
    SHOW (zmq_ctx_term (context));
    return 0;
}
