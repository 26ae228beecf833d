/* streams PORT PATH COUNT SECONDS: opens COUNT event streams, prints "ready" when each has had its
 * first event, keeps them for SECONDS and prints how many events came meanwhile, and how many
 * streams were lost. */
#include "net.h"

#include <fcntl.h>
#include <sys/epoll.h>

enum { kBatch = 512, kOpening = 256, kBufferBytes = 1 << 16, kMaxDescriptors = 1 << 20 };

static unsigned char* has_event;
static int ready, lost;
static uint64_t events_seen;
static char buffer[kBufferBytes + 1];

static int open_stream(int epoll, const char* request, size_t size, int port) {
  int fd = connect_to(port);
  if (fd < 0 || send(fd, request, size, MSG_NOSIGNAL) != (ssize_t)size) die("connect");
  fcntl(fd, F_SETFL, O_NONBLOCK);
  struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
  if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) != 0) die("epoll_ctl");
  return fd;
}

/* An event that is split between two reads is seen by neither or one of them; on loopback none is.
 */
static void read_events(int fd) {
  ssize_t received = recv(fd, buffer, kBufferBytes, 0);
  if (received < 0 && errno == EAGAIN) return;
  if (received <= 0) {
    ++lost;
    close(fd);
    return;
  }
  buffer[received] = '\0';
  for (char* at = buffer; (at = strstr(at, "data: ")) != NULL; at += 6) {
    ++events_seen;
    if (!has_event[fd]) {
      has_event[fd] = 1;
      ++ready;
    }
  }
}

static void wait_once(int epoll, int timeout_ms) {
  struct epoll_event events[kBatch];
  int count = epoll_wait(epoll, events, kBatch, timeout_ms);
  for (int i = 0; i < count; ++i) read_events(events[i].data.fd);
}

int main(int argc, char** argv) {
  if (argc != 5) {
    fprintf(stderr, "streams PORT PATH COUNT SECONDS\n");
    return 2;
  }
  raise_descriptor_limit();
  has_event = calloc(kMaxDescriptors, 1);
  int count = atoi(argv[3]), opened = 0;
  char request[512];
  int size = snprintf(request, sizeof request,
                      "GET %s HTTP/1.1\r\nHost: 127.0.0.1:%s\r\nAccept: text/event-stream\r\n\r\n",
                      argv[2], argv[1]);
  int epoll = epoll_create1(EPOLL_CLOEXEC);
  uint64_t deadline = now_ns() + 60ull * 1000000000;
  while (ready + lost < count) {
    while (opened < count && opened - ready - lost < kOpening) {
      open_stream(epoll, request, (size_t)size, atoi(argv[1]));
      ++opened;
    }
    wait_once(epoll, 100);
    if (now_ns() > deadline) break;
  }
  printf("ready %d of %d\n", ready, count);
  fflush(stdout);
  events_seen = 0;
  uint64_t end = now_ns() + (uint64_t)(atof(argv[4]) * 1e9);
  while (now_ns() < end) wait_once(epoll, (int)((end - now_ns()) / 1000000 + 1));
  printf("events %llu lost %d\n", (unsigned long long)events_seen, lost);
  return ready == count && lost == 0 ? 0 : 1;
}
