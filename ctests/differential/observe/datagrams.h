/* Plain UDP sockets on the loopback. */
#ifndef DATAGRAMS_H
#define DATAGRAMS_H

#include "results.h"

/* A plain UDP socket on the loopback. */
static int udp_socket (void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl (INADDR_LOOPBACK)};
    const int fd = socket (AF_INET, SOCK_DGRAM, 0);
    if (fd < 0 || bind (fd, (struct sockaddr *) &address, sizeof address) < 0)
        give_up ("udp socket");
    return fd;
}

static int port_of_socket (int fd)
{
    struct sockaddr_in address;
    socklen_t length = sizeof address;
    if (getsockname (fd, (struct sockaddr *) &address, &length) < 0)
        give_up ("getsockname");
    return ntohs (address.sin_port);
}

/* A port that nobody uses. */
static int free_udp_port (void)
{
    const int fd = udp_socket ();
    const int port = port_of_socket (fd);
    close (fd);
    return port;
}

static void send_to (int fd, int port, const void *bytes, size_t size)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_addr.s_addr = htonl (INADDR_LOOPBACK),
                                  .sin_port = htons ((uint16_t) port)};
    if (sendto (fd, bytes, size, 0, (struct sockaddr *) &address, sizeof address) != (ssize_t) size)
        give_up ("sendto");
}

#endif
