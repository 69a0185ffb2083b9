/* RADIO and DISH: joining, leaving, what arrives and what is dropped. */
#include "observe.h"

static char buffer[64];

static int send_to (void *radio, const char *group, const char *text, int flags)
{
    zmq_msg_t message;
    zmq_msg_init_buffer (&message, text, strlen (text));
    if (group)
        MUST (zmq_msg_set_group (&message, group));
    const int rc = zmq_msg_send (&message, radio, flags);
    const int error = zmq_errno ();
    zmq_msg_close (&message);
    errno = error;
    return rc;
}

static void show_group (const char *label, void *dish)
{
    zmq_msg_t message;
    zmq_msg_init (&message);
    printf ("%s: ", label);
    if (await_events (dish, ZMQ_POLLIN) && zmq_msg_recv (&message, dish, ZMQ_DONTWAIT) == -1)
        printf ("FAILED with %s", errno_name (zmq_errno ()));
    print_bytes (zmq_msg_data (&message), zmq_msg_size (&message));
    printf (" of ");
    print_bytes (zmq_msg_group (&message), strlen (zmq_msg_group (&message)));
    printf (", more %d, from %u\n", zmq_msg_more (&message), zmq_msg_routing_id (&message));
    zmq_msg_close (&message);
}

/* Receives until the last of its kind; others may still be on their way. */
static void receive_last (void *radio, void *dish, const char *group)
{
    MUST (send_to (radio, group, "last", 0));
    while (await_events (dish, ZMQ_POLLIN))
        if (zmq_recv (dish, buffer, sizeof buffer, ZMQ_DONTWAIT) == 4)
            break;
}

/* Sends until the group's messages come through: joining takes its time. */
static void await_group (void *radio, void *dish, const char *group)
{
    for (int k = 0; k < PATIENCE_MS; k++) {
        MUST (send_to (radio, group, "are you there?", 0));
        sleep_ms (1);
        if (zmq_recv (dish, buffer, sizeof buffer, ZMQ_DONTWAIT) != -1) {
            receive_last (radio, dish, group);
            return;
        }
    }
    printf ("WAITED IN VAIN for %s\n", group);
}

/* By now the radio has heard what the dish said before. */
static void await_marker (void *radio, void *dish)
{
    static int number;
    char marker[32];
    snprintf (marker, sizeof marker, "marker%d", number++);
    MUST (zmq_join (dish, marker));
    for (int k = 0; k < PATIENCE_MS; k++) {
        MUST (send_to (radio, marker, "", 0));
        sleep_ms (1);
        if (zmq_recv (dish, buffer, sizeof buffer, ZMQ_DONTWAIT) != -1)
            break;
    }
    receive_last (radio, dish, marker);
    MUST (zmq_leave (dish, marker));
}

static void names (void *context)
{
    char longest[300];
    section ("names of groups");
    void *dish = open_socket (context, ZMQ_DISH);
    void *radio = open_socket (context, ZMQ_RADIO);
    SHOW (zmq_join (dish, "group"));
    SHOW (zmq_join (dish, "group"));
    SHOW (zmq_leave (dish, "group"));
    SHOW (zmq_leave (dish, "group"));
    SHOW (zmq_join (dish, ""));
    SHOW (zmq_join (dish, ""));
    memset (longest, 'g', sizeof longest);
    longest[255] = 0;
    SHOW (zmq_join (dish, longest));
    SHOW (zmq_leave (dish, longest));
    longest[255] = 'g';
    longest[256] = 0;
    SHOW (zmq_join (dish, longest));
    SHOW (zmq_leave (dish, longest));
    SHOW (zmq_join (radio, "group"));
    SHOW (zmq_leave (radio, "group"));
    SHOW (send_text (dish, "up", 0));
    SHOW (zmq_recv (radio, buffer, sizeof buffer, ZMQ_DONTWAIT));
    show_events ("DISH", dish);
    show_events ("RADIO", radio);
    zmq_close (dish);
    zmq_close (radio);
}

static void receive (void *context, const char *transport, int dish_binds)
{
    char endpoint[128], longest[256];
    memset (longest, 'L', 255);
    longest[255] = 0;
    section ("over %s, %s binds", transport, dish_binds ? "DISH" : "RADIO");
    void *dish = open_socket (context, ZMQ_DISH);
    void *radio = open_socket (context, ZMQ_RADIO);
    void *binder = dish_binds ? dish : radio;
    MUST (zmq_join (dish, "early"));
    if (strcmp (transport, "tcp") == 0)
        BIND_TCP (binder, endpoint);
    else
        MUST (zmq_bind (binder, INPROC_NAME (endpoint)));
    MUST (zmq_connect (dish_binds ? radio : dish, endpoint));
    await_marker (radio, dish);
    SHOW (send_to (radio, "early", "1", 0));
    show_group ("DISH", dish);
    MUST (zmq_join (dish, "late"));
    MUST (zmq_join (dish, longest));
    MUST (zmq_join (dish, ""));
    await_marker (radio, dish);
    SHOW (send_to (radio, "late", "2", 0));
    SHOW (send_to (radio, longest, "3", 0));
    SHOW (send_to (radio, "nobody", "4", 0));
    SHOW (send_to (radio, "earl", "5", 0));
    SHOW (send_to (radio, "early bird", "6", 0));
    SHOW (send_to (radio, NULL, "without a group", 0));
    SHOW (send_text (radio, "plain", 0));
    SHOW (send_to (radio, "late", "", 0));
    for (int k = 0; k < 5; k++)
        show_group ("DISH", dish);
    show_silence ("DISH", dish);
    SHOW (send_to (radio, "late", "part", ZMQ_SNDMORE));
    SHOW (send_text (radio, "part", ZMQ_SNDMORE));
    SHOW (send_to (radio, "late", "whole", 0));
    show_group ("DISH", dish);
    SHOW (zmq_leave (dish, "late"));
    await_marker (radio, dish);
    SHOW (send_to (radio, "late", "too late", 0));
    SHOW (send_to (radio, "early", "7", 0));
    show_group ("DISH", dish);
    show_events ("DISH", dish);
    SHOW (integer_option (dish, ZMQ_RCVMORE));
    zmq_close (dish);
    zmq_close (radio);
}

/* Messages of a group that was left in the meantime. */
static void left_in_the_meantime (void *context)
{
    char endpoint[128];
    section ("left in the meantime");
    void *dish = open_socket (context, ZMQ_DISH);
    void *radio = open_socket (context, ZMQ_RADIO);
    MUST (zmq_bind (radio, INPROC_NAME (endpoint)));
    MUST (zmq_join (dish, "left"));
    MUST (zmq_join (dish, "kept"));
    MUST (zmq_connect (dish, endpoint));
    await_marker (radio, dish);
    MUST (send_to (radio, "left", "1", 0));
    MUST (send_to (radio, "kept", "2", 0));
    MUST (send_to (radio, "left", "3", 0));
    MUST (zmq_leave (dish, "left"));
    show_group ("DISH", dish);
    SHOW (zmq_recv (dish, buffer, sizeof buffer, ZMQ_DONTWAIT));
    zmq_close (dish);
    zmq_close (radio);
}

static void full (void *context, int nodrop)
{
    char endpoint[128];
    section ("full, XPUB_NODROP %d", nodrop);
    void *dish = open_socket (context, ZMQ_DISH);
    void *radio = open_socket (context, ZMQ_RADIO);
    SHOW (set_int (radio, ZMQ_XPUB_NODROP, nodrop));
    MUST (set_int (radio, ZMQ_SNDHWM, 2));
    MUST (set_int (dish, ZMQ_RCVHWM, 2));
    MUST (set_int (radio, ZMQ_SNDTIMEO, 20));
    MUST (zmq_bind (radio, INPROC_NAME (endpoint)));
    MUST (zmq_join (dish, "G"));
    MUST (zmq_connect (dish, endpoint));
    integer_option (radio, ZMQ_EVENTS);
    for (int k = 0; k < 6; k++) {
        const char text[2] = {(char) ('0' + k), 0};
        SHOW (send_to (radio, "G", text, 0));
    }
    show_events ("RADIO", radio);
    for (int k = 0; k < 4; k++)
        show_group ("DISH", dish);
    show_silence ("DISH", dish);
    SHOW (set_int (radio, ZMQ_XPUB_NODROP, -1));
    SHOW (set_int (radio, ZMQ_XPUB_VERBOSE, 1));
    SHOW (integer_option (radio, ZMQ_XPUB_NODROP));
    zmq_close (dish);
    zmq_close (radio);
}

/* Joined groups outlive a connection. */
static void connected_again (void *context)
{
    char endpoint[128];
    section ("connected again");
    void *dish = open_socket (context, ZMQ_DISH);
    void *radio = open_socket (context, ZMQ_RADIO);
    BIND_TCP (radio, endpoint);
    MUST (set_int (dish, ZMQ_RECONNECT_IVL, 1));
    MUST (zmq_join (dish, "G"));
    MUST (zmq_join (dish, "left"));
    MUST (zmq_connect (dish, endpoint));
    await_group (radio, dish, "G");
    MUST (zmq_leave (dish, "left"));
    zmq_close (radio);
    radio = open_socket (context, ZMQ_RADIO);
    for (int k = 0; k < PATIENCE_MS && zmq_bind (radio, endpoint) == -1; k++)
        sleep_ms (1);
    await_group (radio, dish, "G");
    MUST (send_to (radio, "left", "1", 0));
    MUST (send_to (radio, "G", "2", 0));
    show_group ("DISH", dish);
    zmq_close (dish);
    zmq_close (radio);
}

int main (void)
{
    void *context = zmq_ctx_new ();
    names (context);
    for (int binds = 0; binds < 2; binds++) {
        receive (context, "inproc", binds);
        receive (context, "tcp", binds);
    }
    left_in_the_meantime (context);
    full (context, 0);
    full (context, 1);
    connected_again (context);
    SHOW (zmq_ctx_term (context));
    return 0;
}
