/* What the benchmark's tools share: loopback sockets, descriptor limit, complaints. */
#pragma once

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static inline void die(const char* what) {
  perror(what);
  exit(1);
}

/* As far as we are allowed: root may go beyond the hard limit. */
static inline void raise_descriptor_limit(void) {
  struct rlimit limit = {.rlim_cur = 200000, .rlim_max = 200000};
  if (setrlimit(RLIMIT_NOFILE, &limit) == 0) return;
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) die("getrlimit");
  limit.rlim_cur = limit.rlim_max;
  if (setrlimit(RLIMIT_NOFILE, &limit) != 0) die("setrlimit");
}

static inline struct sockaddr_in loopback(int port) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

static inline void no_delay(int fd) {
  int one = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
}

static inline int listen_on(int port) {
  int one = 1;
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  struct sockaddr_in address = loopback(port);
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  if (bind(fd, (struct sockaddr*)&address, sizeof address) != 0) die("bind");
  if (listen(fd, 4096) != 0) die("listen");
  return fd;
}

/* A blocking connect: on loopback it does not wait. */
static inline int connect_to(int port) {
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  struct sockaddr_in address = loopback(port);
  if (fd < 0 || connect(fd, (struct sockaddr*)&address, sizeof address) != 0) {
    if (fd >= 0) close(fd);
    return -1;
  }
  no_delay(fd);
  return fd;
}

static inline uint64_t now_ns(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

/* Reads one answer with a Content-Length; false when it is none, or not 200. */
static inline bool read_answer(int fd, char* buffer, size_t room) {
  size_t have = 0, total = 0;
  char* body = NULL;
  for (;;) {
    ssize_t received = recv(fd, buffer + have, room - 1 - have, 0);
    if (received <= 0) return false;
    have += (size_t)received;
    buffer[have] = '\0';
    if (body == NULL && (body = strstr(buffer, "\r\n\r\n")) != NULL) {
      char* length = strcasestr(buffer, "\r\ncontent-length:");
      if (strncmp(buffer + 8, " 200", 4) != 0 || length == NULL) return false;
      total = (size_t)(body + 4 - buffer) + strtoul(length + 17, NULL, 10);
      if (total >= room) return false;
    }
    if (body != NULL && have >= total) return have == total;
  }
}

static inline int by_value(const void* a, const void* b) {
  uint64_t x = *(const uint64_t*)a, y = *(const uint64_t*)b;
  return x < y ? -1 : x > y;
}
