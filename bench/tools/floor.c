/* floor LISTEN_PORT UPSTREAM_PORT: a relay of bytes that reads nothing into them, with one upstream
 * connection for each client connection. Two reads and two writes a request: no proxy in user space
 * on one thread can do with less, so its cost is what the others are measured by. */
#include "net.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/epoll.h>

enum { kMaxDescriptors = 1 << 20, kBufferBytes = 1 << 16, kBatch = 256 };

static int* peer_of;
static char buffer[kBufferBytes];

static void watch(int epoll, int fd) {
  struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
  if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) != 0) die("epoll_ctl");
}

static void open_pair(int epoll, int listener, int upstream_port) {
  int client = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
  if (client < 0) return;
  int upstream = connect_to(upstream_port);
  if (upstream < 0) {
    close(client);
    return;
  }
  fcntl(upstream, F_SETFL, O_NONBLOCK);
  no_delay(client);
  peer_of[client] = upstream;
  peer_of[upstream] = client;
  watch(epoll, client);
  watch(epoll, upstream);
}

static void close_pair(int fd) {
  int peer = peer_of[fd];
  peer_of[fd] = peer_of[peer] = -1;
  close(fd);
  close(peer);
}

/* False when the receiving side is gone. A full socket is waited for: bodies come from the other
 * side of this loopback and leave at once, so the wait is short. */
static bool send_all(int fd, const char* bytes, size_t size) {
  while (size > 0) {
    ssize_t sent = send(fd, bytes, size, MSG_NOSIGNAL);
    if (sent > 0) {
      bytes += sent;
      size -= (size_t)sent;
    } else if (errno == EAGAIN) {
      struct pollfd writable = {.fd = fd, .events = POLLOUT};
      poll(&writable, 1, 1000);
    } else if (errno != EINTR) {
      return false;
    }
  }
  return true;
}

static void relay(int fd) {
  if (peer_of[fd] < 0) return;
  ssize_t received = recv(fd, buffer, sizeof buffer, 0);
  if (received < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (received <= 0 || !send_all(peer_of[fd], buffer, (size_t)received)) close_pair(fd);
}

int main(int argc, char** argv) {
  if (argc != 3) {
    fprintf(stderr, "floor LISTEN_PORT UPSTREAM_PORT\n");
    return 2;
  }
  raise_descriptor_limit();
  peer_of = malloc(kMaxDescriptors * sizeof *peer_of);
  for (int i = 0; i < kMaxDescriptors; ++i) peer_of[i] = -1;
  int listener = listen_on(atoi(argv[1]));
  int epoll = epoll_create1(EPOLL_CLOEXEC);
  watch(epoll, listener);
  struct epoll_event events[kBatch];
  for (;;) {
    int count = epoll_wait(epoll, events, kBatch, -1);
    for (int i = 0; i < count; ++i) {
      if (events[i].data.fd == listener) {
        open_pair(epoll, listener, atoi(argv[2]));
      } else {
        relay(events[i].data.fd);
      }
    }
  }
}
