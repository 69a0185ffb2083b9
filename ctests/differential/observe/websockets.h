/* WebSocket clients made by hand: the upgrade from HTTP, and frames of ZWS. */
#ifndef WEBSOCKETS_H
#define WEBSOCKETS_H

#include "peers.h"

#define USUAL                                                                                      \
    "Host: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"                                     \
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
#define GET "GET / HTTP/1.1\r\n"
#define PROTOCOL "Sec-WebSocket-Protocol: "

/* Reads the lines of a response; 0 when the connection ends instead. */
static int show_response (int fd)
{
    char line[256];
    size_t length = 0;
    for (;;) {
        if (raw_read (fd, line + length, 1) != 1)
            return 0;
        if (line[length] != '\n') {
            length = length < sizeof line - 1 ? length + 1 : length;
            continue;
        }
        line[length ? length - 1 : 0] = 0;
        if (!*line)
            return 1;
        if (strncmp (line, "HTTP/1.1 4", 10) == 0) {
            /* The original closes without a word. */
            return 0;
        }
        printf ("  %s\n", line);
        length = 0;
    }
}

/* A client's frame of less than 126 bytes, with a mask of zeros or another. */
static void send_frame (int fd, int first, const char *payload, size_t size, const char *key)
{
    char frame[140] = {(char) first, (char) (0x80 | size), key[0], key[1], key[2], key[3]};
    for (size_t i = 0; i < size; i++)
        frame[6 + i] = payload[i] ^ key[i % 4];
    raw_write (fd, frame, 6 + size);
}

/* Reads a server's frame of less than 126 bytes. */
static void show_frame (int fd)
{
    unsigned char header[2], payload[256];
    if (raw_read (fd, header, 2) != 2) {
        printf ("  end of the connection\n");
        return;
    }
    const size_t size = raw_read (fd, payload, header[1] & 0x7f);
    printf ("  frame %02x %02x ", header[0], header[1]);
    print_bytes (payload, size);
    printf ("\n");
}

static int upgraded (const char *endpoint, const char *protocol)
{
    char request[512];
    snprintf (request, sizeof request, GET USUAL PROTOCOL "%s\r\n\r\n", protocol);
    const int fd = raw_connect (endpoint);
    raw_write (fd, request, strlen (request));
    show_response (fd);
    return fd;
}

static int shaken_hands (const char *endpoint)
{
    static const char ready[] = "\2\5READY\13Socket-Type\0\0\0\6DEALER\10Identity\0\0\0\0";
    const int fd = upgraded (endpoint, "ZWS2.0/NULL");
    show_frame (fd);
    send_frame (fd, 0x82, ready, sizeof ready - 1, "abcd");
    return fd;
}

static void show_parts (void *socket)
{
    char part[256];
    int more = 1;
    while (more) {
        const int size = zmq_recv (socket, part, sizeof part, 0);
        printf ("  received ");
        print_bytes (part, size < 0 ? 0 : (size_t) size);
        printf ("\n");
        more = integer_option (socket, ZMQ_RCVMORE);
    }
}

#endif
