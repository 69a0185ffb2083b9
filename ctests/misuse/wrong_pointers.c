/* Pointers that are no handles at all: small numbers, odd addresses, memory that cannot be read. */
#include "misuse.h"

#include <sys/mman.h>

static void use_as_socket (void *s)
{
    char byte = 0;
    int value = 0;
    size_t size = sizeof value;
    zmq_msg_t message;
    zmq_msg_init (&message);
    zmq_pollitem_t item = {s, 0, ZMQ_POLLIN, 0};
    REFUSED (zmq_close (s));
    REFUSED (zmq_bind (s, "inproc://x"));
    REFUSED (zmq_connect (s, "inproc://x"));
    REFUSED (zmq_send (s, "x", 1, ZMQ_DONTWAIT));
    REFUSED (zmq_recv (s, &byte, 1, ZMQ_DONTWAIT));
    REFUSED (zmq_msg_send (&message, s, ZMQ_DONTWAIT));
    REFUSED (zmq_msg_recv (&message, s, ZMQ_DONTWAIT));
    REFUSED (zmq_setsockopt (s, ZMQ_LINGER, &value, sizeof value));
    REFUSED (zmq_getsockopt (s, ZMQ_LINGER, &value, &size));
    REFUSED (zmq_poll (&item, 1, 0));
    REFUSED (zmq_socket_monitor (s, "inproc://x", 1));
    REFUSED (zmq_proxy (s, s, NULL));
    zmq_msg_close (&message);
}

static void use_as_context (void *context)
{
    REFUSED (zmq_ctx_term (context));
    REFUSED (zmq_ctx_shutdown (context));
    REFUSED (zmq_ctx_set (context, ZMQ_IO_THREADS, 1));
    REFUSED (zmq_ctx_get (context, ZMQ_IO_THREADS));
    REFUSED_POINTER (zmq_socket (context, ZMQ_PAIR));
}

int main (void)
{
    static char memory[4096];
    void *unreadable = mmap (NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (unreadable == MAP_FAILED)
        give_up ("mmap");
    memset (memory, 0xaf, sizeof memory);
    void *const pointers[] = {(void *) 1, (void *) 7, (void *) 4096, (void *) -1, (void *) -8, memory, memory + 1, memory + 4095, unreadable, (char *) unreadable + 9, (void *) &main, (void *) "text", (void *) (uintptr_t) 0x8000000000000000u, (void *) (uintptr_t) 0xdeadbeefdeadbeefu};
    for (size_t i = 0; i < sizeof pointers / sizeof *pointers; i++) {
        section ("pointer %zu", i);
        use_as_socket (pointers[i]);
        use_as_context (pointers[i]);
    }

    section ("inside a living socket and context");
    void *context = zmq_ctx_new ();
    void *s = open_socket (context, ZMQ_PAIR);
    for (int offset = 1; offset <= 64; offset *= 2) {
        use_as_socket ((char *) s + offset);
        use_as_context ((char *) context + offset);
    }
    use_as_socket (context);
    use_as_context (s);
    MUST (zmq_close (s));
    MUST (zmq_ctx_term (context));
    return verdict ();
}
