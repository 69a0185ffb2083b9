/* Connections that break in the middle of a message: what was whole arrives, in order, and nothing
 * of what was not, whatever the sizes and wherever the cut. */
#include "lifetimes.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

static void *context;
static uint64_t state;

static uint32_t draw(uint32_t below)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (uint32_t)(state >> 32) % below;
}

enum { MOST = 600000 };

struct stream {
    unsigned char bytes[MOST + 100];
    size_t size;
};

static void frame(struct stream *out, int more, uint32_t number, size_t size)
{
    if (size > 255) {
        out->bytes[out->size++] = 2 | more;
        for (int shift = 56; shift >= 0; shift -= 8)
            out->bytes[out->size++] = (unsigned char)((uint64_t)size >> shift);
    } else {
        out->bytes[out->size++] = (unsigned char)more;
        out->bytes[out->size++] = (unsigned char)size;
    }
    memset(out->bytes + out->size, (int)number, size);
    memcpy(out->bytes + out->size, &number, sizeof number);
    out->size += size;
}

static size_t some_size(void)
{
    static const size_t borders[] = {256, 8190, 32767, 32768, 65536, 70000};
    switch (draw(8)) {
        case 0: return borders[draw(6)];
        case 1: return 4 + draw(60000);
        case 2: return 4 + draw(5000);
        default: return 4 + draw(300);
    }
}

/* Some whole messages, numbered from *next on, of one to four parts, and then a piece of another. */
static void compose(struct stream *out, uint32_t *next)
{
    uint32_t whole = draw(12);
    out->size = 0;
    for (uint32_t i = 0; i <= whole && out->size < MOST / 4; ++i) {
        size_t start = out->size;
        for (int left = (int)draw(4); left >= 0; --left)
            frame(out, left > 0, *next, some_size());
        if (i == whole)
            out->size = start + draw((uint32_t)(out->size - start));
        else
            ++*next;
    }
}

static void write_all(int fd, const void *bytes, size_t size)
{
    for (size_t done = 0; done < size;) {
        ssize_t count = write(fd, (const char *)bytes + done, size - done);
        CHECK(count > 0);
        done += (size_t)count;
    }
}

static void read_all(int fd, void *bytes, size_t size)
{
    for (size_t done = 0; done < size;) {
        ssize_t count = read(fd, (char *)bytes + done, size - done);
        CHECK(count > 0);
        done += (size_t)count;
    }
}

/* Greeting and READY of a ZMTP 3.0 PUSH socket with the NULL mechanism. */
static void shake_hands(int fd)
{
    unsigned char greeting[64] = {0xff, 0, 0, 0, 0, 0, 0, 0, 1, 0x7f, 3, 0, 'N', 'U', 'L', 'L'}, theirs[256];
    static const char ready[] = "\x04\x1a\x05READY\x0bSocket-Type\0\0\0\x04PUSH";
    write_all(fd, greeting, sizeof greeting);
    read_all(fd, theirs, 64);
    write_all(fd, ready, sizeof ready - 1);
    read_all(fd, theirs, 2);
    read_all(fd, theirs + 2, theirs[1]);
}

static uint32_t expected;

static void receive_up_to(void *pull, uint32_t end)
{
    while (expected < end) {
        int more = 1;
        while (more) {
            zmq_msg_t message;
            zmq_msg_init(&message);
            CHECK(zmq_msg_recv(&message, pull, 0) >= 4);
            uint32_t number;
            unsigned char *body = zmq_msg_data(&message);
            memcpy(&number, body, sizeof number);
            CHECK(number == expected);
            for (size_t i = sizeof number; i < zmq_msg_size(&message); ++i)
                CHECK(body[i] == (unsigned char)number);
            more = zmq_msg_more(&message);
            zmq_msg_close(&message);
        }
        ++expected;
    }
}

/* The test is the peer, over a socket of the system. */
static void send_pieces(uint64_t seed, int late_reader)
{
    static struct stream out;
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    char endpoint[64];
    uint32_t next = 0;
    state = seed * 0x9e3779b97f4a7c15u + 1;
    expected = 0;
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CHECK(bind(listener, (struct sockaddr *)&address, size) == 0);
    CHECK(listen(listener, 10) == 0);
    CHECK(getsockname(listener, (struct sockaddr *)&address, &size) == 0);
    snprintf(endpoint, sizeof endpoint, "tcp://127.0.0.1:%d", ntohs(address.sin_port));
    context = zmq_ctx_new();
    void *pull = new_socket(context, ZMQ_PULL);
    set_int(pull, ZMQ_RECONNECT_IVL, 1);
    CHECK(zmq_connect(pull, endpoint) == 0);
    for (int i = 0; i < (getenv("LIFETIMES_SMALL") ? 5 : 60); ++i) {
        int fd = accept(listener, NULL, NULL);
        CHECK(fd >= 0);
        shake_hands(fd);
        compose(&out, &next);
        for (size_t done = 0; done < out.size;) {
            size_t piece = 1 + draw(draw(3) ? 100000 : 3000);
            piece = piece < out.size - done ? piece : out.size - done;
            write_all(fd, out.bytes + done, piece);
            done += piece;
            if (draw(4) == 0)
                pause_ms(1);
        }
        CHECK(shutdown(fd, SHUT_WR) == 0);
        if (!late_reader)
            receive_up_to(pull, next);
        char rest[100];
        while (read(fd, rest, sizeof rest) > 0)
            ;
        close(fd);
        if (late_reader && draw(3) == 0)
            receive_up_to(pull, next);
    }
    receive_up_to(pull, next);
    char byte;
    REFUSED(EAGAIN, zmq_recv(pull, &byte, 1, ZMQ_DONTWAIT));
    close(listener);
    CHECK(zmq_close(pull) == 0);
    CHECK(zmq_ctx_term(context) == 0);
}

static void cut_while_read(void)
{
    for (uint64_t seed = 0; seed < (getenv("LIFETIMES_FULL") ? 100 : 5); ++seed)
        send_pieces(seed, 0);
}

static void cut_and_read_later(void)
{
    for (uint64_t seed = 0; seed < (getenv("LIFETIMES_FULL") ? 100 : 5); ++seed)
        send_pieces(seed, 1);
}

CASES({"cut_while_read", cut_while_read}, {"cut_and_read_later", cut_and_read_later})
